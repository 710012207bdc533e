"""What is in a database after the golden log: the rows, as recorded and as they are now.

Rows that tell of transactions rather than of events differ from run to run and are not compared: versions, and what
waits to be compacted. All others are the storage format.
"""

import json
import lzma
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from telwerkd.storage.location import Location, SqliteFile
from telwerkd.storage.open_store import migrate
from telwerkd.storage.schema import versions as schema
from tests.conftest import rows
from tests.golden.world import ACME
from tests.storage.schema.test_versions import on
from tests.storage.stored_schemas import from_text, tables_of

FOLDER = Path(__file__).with_name("stored")

_OF_EVENTS = {
    "accounts": "account_id, horizon, time_zone, names_max",
    "base_counters": "account_id, measure, chunk, operator_id, group_id, widget_id, value, cells",
    "conversations": "account_id, conversation_id, due, first_time, last_time, state, base, events",
    "counters": 'account_id, measure, "grouping", chunk, operator_id, group_id, widget_id, value, cells',
    "events": "account_id, conversation_id, event_id, occur_time, body",
    "tombstones": "account_id, digest",
    "widget_settings": "account_id, widget_id, effective_time, settings",
}


def digests(location: Location) -> dict[str, str]:
    """A digest of each table's rows. They are the same on every database."""
    wanted = {table: f"SELECT {columns} FROM {table}" for table, columns in _OF_EVENTS.items()}  # noqa: S608  # ours
    for table in ("counters", "base_counters"):  # measures: a KPI's number, and 100 more for what is held back
        wanted[f"{table} of part two"] = f"{wanted[table]} WHERE measure % 100 > 10"
        wanted[table] += " WHERE measure % 100 <= 10"
    # Where nothing was taken out: elsewhere names are freed after a while.
    wanted["names"] = f"SELECT account_id, family, name FROM names WHERE account_id = '{ACME}'"  # noqa: S608
    return {table: _digest(rows(location, query)) for table, query in wanted.items()}


def _digest(found: Iterable[Iterable[Any]]) -> str:
    return sha256("\n".join(sorted(repr(tuple(row)) for row in found)).encode()).hexdigest()


def _file(location: Location) -> Path:
    return FOLDER / f"{'sqlite' if isinstance(location, SqliteFile) else 'postgres'}.json.xz"


def keep(location: Location) -> None:
    """Records every row."""
    content = {"revision": schema.head(), "tables": tables_of(location)}
    FOLDER.mkdir(exist_ok=True)
    _file(location).write_bytes(lzma.compress(json.dumps(content).encode(), preset=9))


async def restore(location: Location) -> None:
    """Puts the recorded rows into an empty database, as the program of that day left them, and brings it up to date."""
    content = json.loads(lzma.decompress(_file(location).read_bytes()))

    def as_it_was(connection: sa.Connection) -> None:
        schema.upgrade(connection, content["revision"])
        for name, table in content["tables"].items():
            found = [dict(zip(table["columns"], map(from_text, row), strict=True)) for row in table["rows"]]
            connection.execute(sa.insert(sa.table(name, *map(sa.column, table["columns"]))), found)
        connection.commit()

    await on(location, as_it_was)
    await migrate(location)
