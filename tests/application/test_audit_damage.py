"""Rows that cannot be read: the audit names each, goes on with the rest, and repair mends what the log gives."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from random import Random
from typing import Any

import numpy as np
import pytest

from telwerkd.application.audit import repair
from telwerkd.application.commands.compact import Compact
from telwerkd.application.ports import DamagedRowError
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.display_names import NameKind
from telwerkd.storage.sql import records
from tests.application.test_audit import ACCOUNT, Whole, change, everything, examined, rows, service, whole
from tests.cells import stored_cells
from tests.effort import rounds
from tests.laws.test_service_laws import Service

__all__ = ["service", "whole"]  # fixtures

BLOBS = [
    ("events", "body"),
    ("conversations", "state"),
    ("conversations", "base"),
    ("counters", "cells"),
    ("base_counters", "cells"),
    ("deltas", "leaves"),
    ("schedules", "schedule"),
]
MENDABLE = {("conversations", "state"), ("counters", "cells"), ("deltas", "leaves")}


def a_bit_flips(blob: bytes, random: Random) -> bytes:
    at = random.randrange(8 * len(blob))
    flipped = bytearray(blob)
    flipped[at // 8] ^= 1 << at % 8
    return bytes(flipped)


def it_is_cut(blob: bytes, random: Random) -> bytes:
    return blob[: random.randrange(len(blob))]


def it_is_noise(blob: bytes, random: Random) -> bytes:
    return random.randbytes(len(blob))


def it_is_a_text(_blob: bytes, _random: Random) -> str:
    return "no bytes"


def it_is_a_number(_blob: bytes, _random: Random) -> int:
    return 7


WAYS = [a_bit_flips, it_is_cut, it_is_noise, it_is_a_text, it_is_a_number]


def spoil(service: Service, table: str, column: str, way: Callable[..., Any], random: Random) -> dict[str, Any]:
    """Damages a row, and gives what it was."""
    row = random.choice([row for row in rows(service, table) if row[column] is not None])
    key = [name for _, name, *_, place in service.rows(f"PRAGMA table_info({table})") if place]
    where = " AND ".join(f"{name} IS ?" for name in key)
    spoilt = way(row[column], random)
    change(
        service,
        f"UPDATE {table} SET {column} = ? WHERE {where}",  # noqa: S608  # names of tables and columns
        spoilt,
        *(row[name] for name in key),
    )
    return row


@pytest.mark.parametrize(("table", "column"), BLOBS)
@pytest.mark.parametrize("way", WAYS)
def test_whatever_stands_in_a_row_the_audit_goes_on(
    service: Service, whole: Whole, table: str, column: str, way: Callable[..., Any]
) -> None:
    """Nothing is raised; what cannot be decoded is named by table and key, and what the log gives is mended."""
    for seed in range(1 if table == "deltas" else rounds(3)):  # repair leaves none
        random = Random(f"{table} {column} {way.__name__} {seed}")  # noqa: S311  # any will do
        copied = service.rows(f"SELECT * FROM {table}")  # noqa: S608  # a table's name
        row = spoil(service, table, column, way, random)
        audit = examined(service)
        assert audit.conversations == whole.conversations
        assert not audit.clean or way is a_bit_flips
        if way in {it_is_a_text, it_is_a_number}:
            [damage] = audit.damages
            assert (damage.table, damage.key[0]) == (table, [*row.values()][1])
        service.run(repair(service.store, ACCOUNT, audit))
        after = examined(service)
        if (table, column) in MENDABLE:
            assert after.clean
            assert everything(service) == whole.everything
        else:
            restore(service, table, copied)
            service.run(repair(service.store, ACCOUNT, examined(service)))
            assert everything(service) == whole.everything, "with the row from a backup all is as it was"


def restore(service: Service, table: str, copied: list[tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(service.path)) as connection, connection:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608  # a table's name
        marks = ", ".join("?" * len(copied[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", copied)  # noqa: S608


@pytest.mark.parametrize("seed", range(rounds(4)))
def test_no_readable_count_is_taken_away_because_its_log_is_damaged(service: Service, seed: int) -> None:
    """An event that cannot be read: repair leaves the counters as they are, and mends damaged chunks beside it."""
    random = Random(seed)  # noqa: S311  # any will do
    spoil(service, "events", "body", it_is_noise, random)
    before = stored_cells(service, ACCOUNT)
    audit = examined(service)
    assert audit.sources_damaged
    service.run(repair(service.store, ACCOUNT, audit))
    assert stored_cells(service, ACCOUNT) == before
    spoil(service, "counters", "cells", it_is_a_text, random)
    service.run(repair(service.store, ACCOUNT, examined(service)))
    assert [damage.table for damage in examined(service).damages] == ["events"]


OTHER_DAMAGES = {
    "an impossible time": "UPDATE events SET occur_time = -1 WHERE rowid_of",
    "a time that is none": "UPDATE events SET occur_time = 'noon' WHERE rowid_of",
    "a size that is not": "UPDATE deltas SET size = size + 1 WHERE rowid_of",
    "a limit that is none": "UPDATE conversations SET due = 'soon' WHERE rowid_of",
    "a measure that is none": "UPDATE counters SET measure = 77 WHERE rowid_of",
    "a grouping that is none": "UPDATE counters SET grouping = 99 WHERE rowid_of",
    "a grouping between two": "UPDATE counters SET grouping = 1.5 WHERE rowid_of",
    "an id that is no text": "UPDATE counters SET operator_id = CAST(x'ff' AS TEXT) WHERE rowid_of",
    "an event without a text": "UPDATE events SET event_id = CAST(x'80' AS TEXT) WHERE rowid_of",
    "no time at all": "UPDATE conversations SET first_time = 'never' WHERE rowid_of",
}


@pytest.mark.parametrize("statement", OTHER_DAMAGES.values(), ids=OTHER_DAMAGES)
def test_what_stands_beside_the_blobs_is_not_trusted_either(service: Service, statement: str) -> None:
    """Keys, times and sizes: the row is named."""
    table = statement.split()[1]
    first = rows(service, table)[0]
    where = " AND ".join(f"{name} IS ?" for name in first)
    change(service, statement.replace("rowid_of", where), *first.values())
    audit = examined(service)
    assert [damage.table for damage in audit.damages] == [table]
    service.run(repair(service.store, ACCOUNT, audit))


BESIDE = {
    "a display name of a kind that is none": (
        "display_names",
        "INSERT INTO display_names VALUES ('acme', 9, 'x', 'X')",
    ),
    "a display name that is none": ("display_names", "INSERT INTO display_names VALUES ('acme', 1, 'x', char(7))"),
    "an erased conversation whose digest is cut": ("tombstones", "UPDATE tombstones SET digest = x'00ff'"),
    "settings that hold from another time": (
        "widget_settings",
        "UPDATE widget_settings SET effective_time = effective_time + 1",
    ),
    "an event accepted after the account's last": (
        "events",
        "UPDATE events SET accepted = (SELECT accepted + 1 FROM accounts) WHERE rowid_of",
    ),
}


@pytest.mark.parametrize(("table", "statement"), BESIDE.values(), ids=BESIDE)
def test_what_no_count_comes_of_is_looked_at_too(service: Service, table: str, statement: str) -> None:
    """Each is named, by its table; it can come from a backup only."""
    first = rows(service, table)[0] if "rowid_of" in statement else {}
    change(service, statement.replace("rowid_of", " AND ".join(f"{name} IS ?" for name in first)), *first.values())
    audit = examined(service)
    assert [(damage.table, damage.is_source) for damage in audit.damages] == [(table, True)]


DERIVED = {
    "a name that is gone": "DELETE FROM names WHERE family = 101",
    "a name of a family that is none": "UPDATE names SET family = 77 WHERE family = 103",
    "a name that is no text": "UPDATE names SET name = CAST(x'ff' AS TEXT) WHERE family = 101 AND name = 'anna'",
    "a chunk's version that is gone": "DELETE FROM chunk_versions WHERE measure = 18",
    "a chunk's version that is none": "UPDATE chunk_versions SET version = -1 WHERE measure = 18",
    "a chunk's version of a measure that is none": "UPDATE chunk_versions SET measure = 77 WHERE measure = 18",
}


@pytest.mark.parametrize("statement", DERIVED.values(), ids=DERIVED)
def test_names_and_versions_of_chunks_are_looked_at_and_made_again(service: Service, statement: str) -> None:
    """Without them a list of what can be filtered by misses something, and a server keeps a chunk that has changed."""
    before = rows(service, "names"), chunks_with_versions(service)
    versions = max(row["version"] for row in rows(service, "chunk_versions"))
    change(service, statement)
    audit = examined(service)
    assert not audit.clean
    assert not audit.sources_damaged
    service.run(repair(service.store, ACCOUNT, audit))
    assert examined(service).clean
    assert rows(service, "names") == before[0]
    assert chunks_with_versions(service) >= before[1]
    if "chunk_versions" in statement:
        assert min(row["version"] for row in rows(service, "chunk_versions") if row["measure"] == 18) > versions


def chunks_with_versions(service: Service) -> set[tuple[int, int]]:
    return {(row["measure"], row["chunk"]) for row in rows(service, "chunk_versions")}


def test_whoever_meets_a_damaged_row_is_told_which(service: Service) -> None:
    """Not by the account alone: by table and row."""
    spoil(service, "conversations", "state", it_is_noise, Random(1))  # noqa: S311  # any will do
    with pytest.raises(DamagedRowError, match=r"account 'acme': table conversations, row 'c\d\d': "):
        service.read(ACCOUNT, lambda view: list(view.every_conversation()))
    with pytest.raises(DamagedRowError, match="account 'acme': table conversations, row 'c"):
        service.read(ACCOUNT, lambda view: view.conversations_in(0, 2**60, None, 1_000))


OF_ANOTHER_TYPE = {
    "accounts": ("UPDATE accounts SET rules_version = 'two'", lambda view: view.account()),
    "conversations": (
        "UPDATE conversations SET due = 0.5 WHERE conversation_id = (SELECT min(conversation_id) FROM conversations)",
        lambda view: view.conversations_in(0, 2**60, None, 1_000),
    ),
    "conversations, of which the earliest limit is asked": (
        "UPDATE conversations SET due = 0.5 WHERE conversation_id = (SELECT min(conversation_id) FROM conversations)",
        lambda view: view.earliest_due(),
    ),
    "events": (
        "UPDATE events SET occur_time = 'noon' WHERE conversation_id = (SELECT min(conversation_id) FROM events)",
        lambda view: [view.log(filed.conversation) for filed in view.every_conversation(lambda _: None)],
    ),
    "widget_settings": ("UPDATE widget_settings SET widget_id = x'ff'", lambda view: view.widget_versions()),
    "display_names": (
        "INSERT INTO display_names VALUES ('acme', 1, 'anna', x'fffe')",
        lambda view: view.display_names_after(NameKind.OPERATOR, "", 10),
    ),
}


@pytest.mark.parametrize(("table", "damage"), OF_ANOTHER_TYPE.items(), ids=OF_ANOTHER_TYPE)
def test_a_value_of_another_type_is_a_damaged_row_wherever_it_is_met(service: Service, table: str, damage: Any) -> None:
    """SQLite puts any type into any column, and a bit that flips in a row's head makes it another."""
    statement, read = damage
    change(service, statement)
    with pytest.raises(DamagedRowError, match=f"account 'acme': table {table.partition(',')[0]}, "):
        service.read(ACCOUNT, read)


@pytest.mark.parametrize("table", ["events", "conversations"])
def test_a_conversation_whose_id_is_no_text_is_named_and_the_others_are_examined(
    service: Service, whole: Whole, table: str
) -> None:
    change(service, f"UPDATE {table} SET conversation_id = x'fffe' WHERE conversation_id = 'c01'")  # noqa: S608
    audit = examined(service)
    assert {damage.table for damage in audit.damages} == {table}
    assert audit.conversations == whole.conversations
    assert audit.sources_damaged
    service.run(repair(service.store, ACCOUNT, audit))


def test_a_value_that_no_fact_of_the_kpi_has_is_a_damaged_row_for_whoever_asks(service: Service) -> None:
    """A delta that stands under another KPI's number: no traceback, and the table is named."""
    durations = Kpi.FIRST_RESPONSE_TIME
    change(service, "DELETE FROM deltas WHERE measure = ?", int(durations))
    change(service, "UPDATE deltas SET measure = ? WHERE measure = ?", int(durations), int(Kpi.CONVERSATION_TOPICS))
    with pytest.raises(DamagedRowError, match="table deltas"):
        service.ask(ACCOUNT, [durations])


@pytest.mark.parametrize(
    ("kpi", "code"),
    [
        (Kpi.SATISFACTION_SCORE, 0),
        (Kpi.SATISFACTION_SCORE, 6),
        (Kpi.SATISFACTION_SCORE, 20),
        (Kpi.CONVERSATION_TOPICS, 1),
    ],
)
def test_cells_of_a_value_that_nobody_gives_are_a_damaged_row_and_mended(
    service: Service, whole: Whole, kpi: Kpi, code: int
) -> None:
    """Nor are they counted as a value, or a series, beside."""
    [row, *_] = [row for row in rows(service, "counters") if (row["measure"], row["grouping"]) == (kpi, 0)]
    pairs = np.frombuffer(row["cells"], "<u2").reshape(-1, 2).copy()
    pairs[-1, 0] = pairs[-1, 0] % CHUNK_QUARTER_HOURS + code * CHUNK_QUARTER_HOURS
    key = dict(row)
    del key["cells"]
    where = " AND ".join(f"{name} = ?" for name in key)
    change(service, f"UPDATE counters SET cells = ? WHERE {where}", pairs.tobytes(), *key.values())  # noqa: S608
    with pytest.raises(DamagedRowError, match="table counters") as told:
        service.ask(ACCOUNT, [kpi])
    assert told.value.damage.key == tuple(key.values())[1:], "all of the row's key, but for its account"
    service.run(repair(service.store, ACCOUNT, examined(service)))
    assert examined(service).clean
    assert everything(service) == whole.everything


@pytest.mark.parametrize("value", ["x", "", "0", "01", "6", "22"])
def test_a_rating_of_as_many_stars_as_nobody_gives_is_a_damaged_row_and_mended(
    service: Service, whole: Whole, value: str
) -> None:
    """A bit that flips makes another digit of one. Whoever asks and whoever compacts is told of the table."""
    [row, *_] = [row for row in rows(service, "deltas") if row["measure"] == Kpi.SATISFACTION_SCORE]
    spoilt = [(value, *entry[1:]) for entry in records.entries_of([row["leaves"]])]
    change(
        service,
        "UPDATE deltas SET leaves = ? WHERE measure = ? AND version = ?",
        records.entries_blob(spoilt),
        row["measure"],
        row["version"],
    )
    with pytest.raises(DamagedRowError, match="table deltas"):
        service.ask(ACCOUNT, [Kpi.SATISFACTION_SCORE])
    with pytest.raises(DamagedRowError, match="table deltas"):
        service.run(service.store.write([(ACCOUNT, Compact(Measure(row["measure"]), 100, 100))]))
    audit = examined(service)
    assert [damage.table for damage in audit.damages] == ["deltas"]
    service.run(repair(service.store, ACCOUNT, audit))
    assert examined(service).clean
    assert everything(service) == whole.everything
