"""Databases as the programs of earlier schemas wrote them, kept as files: `schemas/REVISION.json`.

    python -m tests.storage.stored_schemas

writes the file of the newest schema. Run it once when a migration is added, before anything else changes what is
stored; never for a schema that has been released.
"""

import asyncio
import json
import sqlite3
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.display_names import DisplayNames
from telwerkd.application.ports import Snapshot, Store
from telwerkd.application.retention.removal import erase, purge
from telwerkd.application.settings import AccountSettings
from telwerkd.application.sharing.readers import Readers
from telwerkd.application.upkeep.upkeep import Compaction, settle_due
from telwerkd.domain.conversation.events import Message, Retracted, Sender
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.cells import unpack
from telwerkd.domain.display_names import NameKey, NameKind, option_key
from telwerkd.domain.ids import SECOND, ConversationId, EventId, Micros
from telwerkd.domain.time.opening_hours import OpenStretch, schedule_of
from telwerkd.storage.location import Location, SqliteFile, located
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.schema import versions
from telwerkd.storage.schema.tables import metadata
from tests.postgres import execute, fresh_database, some_postgres
from tests.storage.sql.test_statements import ACCOUNTS, LIMIT, START, WEB, chat, event

FOLDER = Path(__file__).with_name("schemas")
ACCOUNT = ACCOUNTS[1]
AFTER_ALL = Micros(START + 10 * LIMIT)


async def written(store: Store) -> None:
    """An account with something in every table: counted, waiting to be compacted, purged, erased."""
    settings = AccountSettings(store, Readers(store, 10))
    await settings.set_widget(ACCOUNT, WEB, WidgetVersion(Micros(START), LIMIT, (), ()))
    await settings.set_time_zone(ACCOUNT, "Europe/Berlin")
    await settings.set_default_opening_hours(
        ACCOUNT, Micros(START), schedule_of("Europe/Berlin", [(OpenStretch(0, 1440),)] * 7, [])
    )
    names = {NameKey(NameKind.WIDGET, WEB): "Web shop", option_key("nps", "9"): "Nine"}
    await DisplayNames(store, Readers(store, 10)).set(ACCOUNT, names, replaces_all=False)

    async def put(*events: Any) -> None:
        await store.write([(ACCOUNT, IngestBatch([events], IngestLimits()))])

    await put(*(each for n in range(6) for each in chat(f"c{n}")))
    await put(event("ask", 20, Message(Sender.CONTACT), "c8"), event("answer", 29, Message(Sender.OPERATOR), "c8"))
    await purge(store, ACCOUNT, Micros(START + 4 * SECOND))
    await erase(store, ACCOUNT, ConversationId("c4"), keep_counts=True)
    await settle_due(store, AFTER_ALL)
    compaction = Compaction(store)
    while await store.compactable():
        await compaction.run_once()
    await put(
        *chat("c7")[4:], event("late", 5, Message(Sender.BOT), "c2"), event("r", 9, Retracted(EventId("e5")), "c3")
    )


def facts(view: Snapshot) -> dict[str, Any]:
    """What is counted, and whether it is what the log says."""
    audit = examine(lambda _done, _total: None, view)
    assert audit.clean
    counts: dict[str, int] = {}
    for key, cells in view.every_chunk():
        if key.grouping == 0:
            counts[str(key.measure)] = counts.get(str(key.measure), 0) + int(unpack([0], [cells]).n.sum())
    for measure, entry in view.every_delta():
        counts[str(measure)] = counts.get(str(measure), 0) + entry[-1]
    return {"events": audit.events, "conversations": audit.conversations, "counts": dict(sorted(counts.items()))}


def tables_of(location: Location) -> dict[str, Any]:
    """Every row there is, in the database's own columns."""
    found: dict[str, Any] = {}
    for name in metadata.tables:
        if isinstance(location, SqliteFile):
            connection = sqlite3.connect(location.path)
            cursor = connection.execute(f"SELECT * FROM {name}")  # noqa: S608  # a table of ours
            columns, rows = [column[0] for column in cursor.description], cursor.fetchall()
            connection.close()
        else:
            rows = execute(location.dsn, f"SELECT * FROM {name}")  # noqa: S608  # likewise
            columns = list(rows[0].keys())
        assert rows, f"{name} is empty"
        found[name] = {"columns": columns, "rows": [[_to_text(value) for value in row] for row in rows]}
    return found


def fill(connection: sa.Connection, tables: dict[str, Any]) -> None:
    """Puts the rows of a file into a database of its schema."""
    for name, content in tables.items():
        columns = content["columns"]
        table = sa.table(name, *map(sa.column, columns))
        rows = [dict(zip(columns, map(from_text, row), strict=True)) for row in content["rows"]]
        for row in rows:
            connection.execute(sa.insert(table).values(row))
    connection.commit()


def _to_text(value: object) -> object:
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def from_text(value: Any) -> object:
    return bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value


async def _write(location: Location) -> tuple[dict[str, Any], dict[str, Any]]:
    await prepare(location)
    async with opened(location) as store:
        await written(store)
        return tables_of(location), await store.read(ACCOUNT, partial(facts))


def main() -> None:
    """Writes the file of the newest schema."""
    content: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, some_postgres() as server, fresh_database(server) as url:
        content["sqlite"], content["facts"] = asyncio.run(_write(SqliteFile(Path(folder) / "telwerk.db")))
        content["postgres"], same = asyncio.run(_write(located(url)))
        assert same == content["facts"]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{versions.head()}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
