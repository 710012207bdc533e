"""The audit finds every kind of damage, and repair makes of it what it was before."""

import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache, partial
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

import tests.laws.conftest  # noqa: F401  # what is taken from the laws below needs their profile
from telwerkd.application.audit import Audit, examine, repair
from telwerkd.application.batches import Submitted
from telwerkd.application.commands.chunk_merging import add_base
from telwerkd.application.commands.settings import SetWidgetSettings
from telwerkd.application.retention.removal import erase, purge
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import Assigned, Event, Kind, Message, Rated, Sender, TopicsSet, WentLive
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.conversation.state import State
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.counters import ChunkKey, chunk_changes
from telwerkd.domain.counting.deltas import DeltaEntries, DeltaEntry, Deltas
from telwerkd.domain.counting.fingerprint import FingerprintKey, Fingerprints
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.counting.merging import merged
from telwerkd.domain.ids import SECOND, AccountId, ConversationId, EventId, Micros, OperatorId
from telwerkd.domain.time.opening_hours import OpenStretch, schedule_of
from telwerkd.storage.sql import records
from tests.cells import stored_cells
from tests.effort import rounds, some_of
from tests.generate import ACTIONS, ANNA, ASSIGNED, DELIVERY, FAMILIES, PRICE, SALES, START, WIDGETS
from tests.laws.test_service_laws import Service

ACCOUNT = AccountId("acme")
CONVERSATIONS = 16
FULL = 65_535
GOALS = COUNTED[Kpi.GOALS_REACHED]


def history(random: Random) -> Iterator[Submitted]:
    """Conversations of two months with all kinds of events."""
    kinds = [kind for family in FAMILIES for kind in family] + ASSIGNED * 3 + ACTIONS
    for n in range(CONVERSATIONS):
        day = random.randrange(60)
        for m, kind in enumerate([Message(Sender.CONTACT), *random.choices(kinds, k=12)]):
            sent: Kind = WentLive(kind.limit, kind.limit) if isinstance(kind, WentLive) else kind
            at = Micros(START + day * 86_400 * SECOND + m * SECOND)
            yield Submitted(ConversationId(f"c{n:02}"), Event(EventId(f"{m}"), at, 0, random.choice(WIDGETS), sent))


RATINGS = [Rated(stars) for stars in range(1, 6)]


def more() -> list[Submitted]:
    """Events that come later: of new conversations, so that no damaged state is stepped on."""
    made: list[Submitted] = []
    kinds: list[Kind] = [Assigned(ANNA, SALES), Rated(5), TopicsSet((DELIVERY, PRICE)), Message(Sender.BOT)]
    for n, kind in enumerate(kinds * 4):
        at = Micros(START + (90 * 86_400 + n) * SECOND)
        made.append(Submitted(ConversationId(f"new{n // 4}"), Event(EventId(f"{n}"), at, 0, WIDGETS[0], kind)))
    return made


class Whole(NamedTuple):
    """An undamaged database, and what it holds."""

    file: bytes
    everything: tuple[Any, ...]
    conversations: int


@pytest.fixture(scope="module")
def whole() -> Whole:
    """An account part of which is packed, part not; some purged, and an erased conversation whose counts stay."""
    service = Service()
    events = list(history(Random(3)))  # noqa: S311  # any will do
    far = Micros(START + 80 * 86_400 * SECOND)
    open_from_nine = schedule_of("UTC", [(OpenStretch(9 * 60, 24 * 60),)] * 7, [])
    hours = WidgetVersion(START, None, (), (), open_from_nine.id)
    service.run(service.store.write([(ACCOUNT, SetWidgetSettings(WIDGETS[0], hours, schedule=open_from_nine))]))
    service.submit([(ACCOUNT, events[: len(events) // 2])])
    service.settle_all(far)
    service.compact_all()
    service.run(purge(service.store, ACCOUNT, Micros(START + 20 * 86_400 * SECOND)))
    service.run(erase(service.store, ACCOUNT, ConversationId("c03"), keep_counts=True))
    for n in range(len(events) // 2, len(events), 50):
        service.submit([(ACCOUNT, events[n : n + 50])])
    service.settle_all(far)
    audit = examined(service)
    assert audit.clean
    with closing(sqlite3.connect(service.path)) as connection:
        found = Whole(connection.serialize(), everything(service), audit.conversations)
    service.end()
    return found


@pytest.fixture
def service(whole: Whole) -> Iterator[Service]:
    service = Service()
    service.path.write_bytes(whole.file)
    yield service
    service.end()


def examined(service: Service) -> Audit:
    found: Audit = service.read(ACCOUNT, partial(examine, lambda _done, _total: None))
    return found


def rows(service: Service, table: str) -> list[dict[str, Any]]:
    names = [row[1] for row in service.rows(f"PRAGMA table_info({table})")]
    order = ", ".join(map(str, range(1, min(5, len(names)) + 1)))
    found = service.rows(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608  # names of tables
    return [dict(zip(names, row, strict=True)) for row in found]


def change(service: Service, statement: str, *parameters: object) -> None:
    """Does to the file what no service would."""
    with closing(sqlite3.connect(service.path)) as connection, connection:
        connection.execute(statement, parameters)


def put(service: Service, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    change(service, f"INSERT OR REPLACE INTO {table} VALUES ({marks})", *row.values())  # noqa: S608  # a table's name


def remove(service: Service, table: str, row: dict[str, Any]) -> None:
    where = " AND ".join(f"{name} IS ?" for name in row)
    change(service, f"DELETE FROM {table} WHERE {where}", *row.values())  # noqa: S608  # names of table and columns


# --- damage ----------------------------------------------------------------------------------------------------------


def chosen(service: Service, table: str, random: Random, grouping: int | None = None) -> dict[str, Any]:
    return random.choice([row for row in rows(service, table) if grouping is None or row["grouping"] == grouping])


def a_count_is_changed(service: Service, random: Random, grouping: int) -> None:
    row = chosen(service, "counters", random, grouping)
    pairs = [*struct.unpack(f"<{len(row['cells']) // 2}H", row["cells"])]
    at = random.randrange(0, len(pairs), 2)
    pairs[at + 1] += random.choice([1, 2, 255, 256, 60_000])
    put(service, "counters", {**row, "cells": struct.pack(f"<{len(pairs)}H", *pairs)})


def a_slot_is_changed(service: Service, random: Random, grouping: int) -> None:
    """The last one, so that they stay in order; also to one that no fact can have."""
    row = chosen(service, "counters", random, grouping)
    slot, n = struct.unpack("<2H", row["cells"][-4:])
    cells = row["cells"][:-4] + struct.pack("<2H", random.choice([slot + 1, FULL]), n)
    put(service, "counters", {**row, "cells": cells})


def a_chunk_is_deleted(service: Service, random: Random, grouping: int) -> None:
    remove(service, "counters", chosen(service, "counters", random, grouping))


def a_chunk_is_added(service: Service, random: Random, grouping: int) -> None:
    """As of another time, or of an operator of whom nothing is known, even where the grouping has no operator."""
    row = chosen(service, "counters", random, grouping)
    other = random.choice([{"chunk": row["chunk"] + 7}, {"operator_id": "zoe"}])
    put(service, "counters", {**row, **other})


def a_chunk_is_moved(service: Service, random: Random, grouping: int) -> None:
    row = chosen(service, "counters", random, grouping)
    remove(service, "counters", row)
    put(service, "counters", {**row, "widget_id": row["widget_id"] + "x"})


CHUNK_DAMAGES = [a_count_is_changed, a_slot_is_changed, a_chunk_is_deleted, a_chunk_is_added, a_chunk_is_moved]


def a_delta_is_deleted(service: Service, random: Random) -> None:
    remove(service, "deltas", chosen(service, "deltas", random))


def a_delta_is_doubled(service: Service, random: Random) -> None:
    row = chosen(service, "deltas", random)
    put(service, "deltas", {**row, "version": row["version"] + 1_000_000})


def a_state_is_replaced(service: Service, random: Random) -> None:
    row = chosen(service, "conversations", random)
    state = records.state_of(row["state"])
    other = random.choice(
        [
            State(),
            msgspec.structs.replace(state, operator=OperatorId("zoe")),
            msgspec.structs.replace(state, answered=not state.answered),
            msgspec.structs.replace(state, awaited=(EventId("x"),)),
        ]
    )
    put(service, "conversations", {**row, "state": records.state_blob(other)})


def a_conversation_is_lost(service: Service, random: Random) -> None:
    """Its row, while its events are there: the first, the last, or one between. None of them was purged."""
    whole = [row for row in rows(service, "conversations") if row["base"] is None]
    remove(service, "conversations", random.choice([whole[0], whole[-1], random.choice(whole)]))


OTHER_DAMAGES = [a_delta_is_deleted, a_delta_is_doubled, a_state_is_replaced, a_conversation_is_lost]

Damage = Callable[[Service, Random], None]
DAMAGES: list[Any] = [
    *(
        pytest.param(partial(damage, grouping=grouping), id=f"{damage.__name__}-{grouping}")
        for damage in CHUNK_DAMAGES
        for grouping in some_of(range(16))
    ),
    *(pytest.param(damage, id=f"{damage.__name__}-{seed}") for damage in OTHER_DAMAGES for seed in range(rounds(4))),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_repaired(
    service: Service, whole: Whole, damage: Damage, request: pytest.FixtureRequest
) -> None:
    """Every single damage is found; repaired, all is as it was, with what was counted between."""
    random = Random(request.node.name)  # noqa: S311  # any will do
    wanted = whole.everything
    damage(service, random)
    audit = examined(service)
    assert not audit.clean
    if random.random() < 0.5:
        # As many facts are added to both.
        service.submit([(ACCOUNT, more())])
        wanted = plus_more(service, wanted)
    if random.random() < 0.5:
        service.restart(crashed=True)
    service.run(repair(service.store, ACCOUNT, audit))
    assert examined(service).clean
    assert everything(service) == wanted


def everything(service: Service) -> tuple[Any, ...]:
    """All counters, and every conversation's row."""
    return stored_cells(service, ACCOUNT), rows(service, "conversations")


def plus_more(service: Service, whole: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is there, and what `more` brings: as a service has it that got nothing else."""
    cells, conversations = whole
    new = [row for row in rows(service, "conversations") if row["conversation_id"].startswith("new")]
    by_id = sorted([*conversations, *new], key=lambda row: str(row["conversation_id"]))
    return cells + cells_of_more(), by_id


@cache
def cells_of_more() -> Any:
    other = Service()
    try:
        other.submit([(ACCOUNT, more())])
        return stored_cells(other, ACCOUNT)
    finally:
        other.end()


def test_changed_base_facts_are_found(service: Service) -> None:
    """In every grouping of their measure. Which is right cannot be told: repair takes the base at its word."""
    row = chosen(service, "base_counters", Random(1))  # noqa: S311  # any will do
    slot, n = struct.unpack("<2H", row["cells"][-4:])
    put(service, "base_counters", {**row, "cells": row["cells"][:-4] + struct.pack("<2H", slot, n + 1)})
    audit = examined(service)
    assert {key.measure for key in audit.cells} == {row["measure"]}
    assert len({key.grouping for key in audit.cells}) in {8, 16}
    service.run(repair(service.store, ACCOUNT, audit))
    assert examined(service).clean


def test_an_event_that_is_lost_is_found(service: Service) -> None:
    """Of a conversation that is there, one that counted: the counters say more than the log, and so does the state."""
    for row in rows(service, "events"):
        if records.event_of(row["event_id"], row["occur_time"], row["body"]).kind in RATINGS:
            remove(service, "events", row)
    audit = examined(service)
    assert audit.cells
    service.run(repair(service.store, ACCOUNT, audit))
    assert examined(service).clean


def test_a_limit_that_nobody_has_noticed_yet_is_no_damage(service: Service) -> None:
    """The audit's present instant is the account's stored one, as that of the counters: not what a clock says.

    R-CLOCK-2.
    """
    start = Micros(START + 200 * 86_400 * SECOND)
    limit = Micros(60 * SECOND)
    kinds: list[Kind] = [WentLive(limit, limit), Message(Sender.CONTACT)]
    live = [
        Submitted(ConversationId("live"), Event(EventId(f"{n}"), start, 0, WIDGETS[0], k)) for n, k in enumerate(kinds)
    ]
    before = service.read(ACCOUNT, lambda view: view.account().high_water)
    assert before < start
    service.submit([(ACCOUNT, live)])
    assert examined(service).clean
    service.settle_all(Micros(start + limit))
    assert service.read(ACCOUNT, lambda view: view.account().high_water) == start + limit
    assert examined(service).clean


def test_counts_beyond_65535_are_examined(service: Service) -> None:
    """A cell of several pairs, in chunks, deltas and base facts, is one number."""
    fact = Fact(Kpi.SATISFACTION_SCORE, "5", ANNA, SALES, WIDGETS[0], START, EventId("x"))
    many = Deltas()
    many.add(FactChange(Change.COUNTED, fact), 2 * FULL + 7)

    def count(tx: Any) -> None:
        add_base(tx, many)
        tx.bump_version()
        tx.add_deltas(many)

    service.write(ACCOUNT, count)
    assert examined(service).clean
    service.compact_all()
    assert examined(service).clean
    row = next(row for row in rows(service, "counters") if len(row["cells"]) > 8 and row["measure"] == 1)
    put(service, "counters", {**row, "cells": row["cells"][4:]})
    audit = examined(service)
    assert not audit.clean
    service.run(repair(service.store, ACCOUNT, audit))
    assert examined(service).clean
    assert row in rows(service, "counters")


# --- fingerprints ----------------------------------------------------------------------------------------------------


def made_up(random: Random, size: int) -> list[DeltaEntry]:
    """Leaves of KPI 7, some beyond what a pair holds."""
    return [
        (
            random.choice(["order", "quote"]),
            random.choice(["", "anna"]),
            random.choice(["", "sales"]),
            random.choice(["shop", "help"]),
            1_958_400 + random.randrange(5_000),
            random.choice([1, 1, 2, FULL, 3 * FULL + 1]),
        )
        for _ in range(size)
    ]


def fingerprint(entries: Sequence[DeltaEntry]) -> Fingerprints:
    made = Fingerprints()
    made.add_entries(GOALS, entries)
    return made


@pytest.mark.parametrize("seed", range(rounds(20)))
def test_fingerprints_are_linear_and_know_no_order(seed: int) -> None:
    """However entries are ordered and divided, packed or not, the sum is the same; their negatives cancel it."""
    random = Random(seed)  # noqa: S311  # any will do
    entries = made_up(random, 60)
    changes = chunk_changes(GOALS, DeltaEntries.of(entries))
    shuffled, in_parts, packed = random.sample(entries, len(entries)), Fingerprints(), Fingerprints()
    for n in range(0, len(entries), 7):
        in_parts.add_entries(GOALS, shuffled[n : n + 7])
    packed.add_chunks(zip(map(ChunkKey._make, changes.keys), merged([b""] * len(changes.keys), changes), strict=True))
    assert fingerprint(entries).sums == in_parts.sums == packed.sums
    in_parts.add_entries(GOALS, [(*entry[:5], -entry[5]) for entry in entries])
    assert in_parts.differing(Fingerprints()) == set()


@pytest.mark.parametrize("seed", range(rounds(20)))
def test_another_count_has_another_fingerprint(seed: int) -> None:
    """In all sixteen groupings of its chunk, and in no other chunk."""
    random = Random(seed)  # noqa: S311  # any will do
    entries = made_up(random, 60)
    at = random.randrange(60)
    other = [*entries[:at], (*entries[at][:5], entries[at][5] + 1), *entries[at + 1 :]]
    differing = fingerprint(entries).differing(fingerprint(other))
    chunk = entries[at][4] // CHUNK_QUARTER_HOURS
    assert differing == {FingerprintKey(GOALS, grouping, chunk) for grouping in range(16)}
