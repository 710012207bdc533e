"""The contract of a store (`telwerkd.application.ports`), held against every database there is."""

import asyncio
import random
import re
import shutil
import sqlite3
import threading
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ports import Account, ChunkSelector, Conversation, Snapshot, Store, StoredChunk, Transaction
from telwerkd.application.retention.removal import purge
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import Event, InactivityAction, Message, Retracted, Sender, WentLive
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.conversation.state import EMPTY, State
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS, unpack
from telwerkd.domain.counting.counters import ChunkChanges, chunk_keys
from telwerkd.domain.counting.deltas import DeltaEntry, Deltas
from telwerkd.domain.counting.merging import CounterError, merged
from telwerkd.domain.display_names import NameKey, NameKind, option_key
from telwerkd.domain.ids import (
    AccountId,
    ConversationId,
    EventId,
    GoalId,
    Micros,
    OperatorGroupId,
    OperatorId,
    WidgetId,
)
from telwerkd.storage.location import Location, SqliteFile, located
from telwerkd.storage.open_store import opened
from telwerkd.storage.schema import tables
from telwerkd.storage.sql import records
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do
from tests.conftest import writing_driver
from tests.generate import FAMILIES
from tests.postgres import apart, fresh_database

ACME, OTHER = AccountId("acme"), AccountId("other")
WEB, SHOP = WidgetId("web"), WidgetId("shop")
QUARTER_MICROS = 900_000_000
QUARTER = 1_963_800
"""Some quarter-hour of 2026."""

# Ids that a database might compare or quote in its own way: as bytes they are all different.
ODD_IDS = [
    "a",
    "A",
    "a ",
    "é",
    "e\u0301",
    "\uffee",
    "\U0001f600",
    "it's",
    '"%_\\',
    "[1]",
    "null",
    "1",
    "1.0",
    "x" * 200,
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with empty tables, to be copied: that is quicker than to make one."""
    database = tmp_path_factory.mktemp("empty") / "telwerk.db"
    prepare(database)
    return database


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> Path:
    """A SQLite file with empty tables."""
    return Path(shutil.copy(empty, tmp_path))


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database: what a store promises, it promises on each."""
    return request.param


@pytest.fixture
def location(request: pytest.FixtureRequest, kind: str) -> Iterator[Location]:
    """A database with empty tables."""
    if kind == "sqlite":
        yield SqliteFile(request.getfixturevalue("database"))
        return
    server, template = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template")
    with fresh_database(server, template) as url:
        yield located(url)


@pytest.fixture
async def store(location: Location) -> AsyncIterator[Store]:
    """An empty store."""
    async with opened(location) as store:
        yield store


@pytest.fixture
def elsewhere(location: Location) -> Callable[[Callable[[Transaction], Any]], None]:
    """Writes to the same database as another server does, and returns when it has committed."""

    async def run(work: Callable[[Transaction], Any]) -> None:
        async with opened(location) as other:
            await other.write([(ACME, Do(work))])

    return lambda work: apart(run(work))


async def write(store: Store, work: Callable[[Transaction], Any], account: AccountId = ACME) -> Any:
    [result] = await store.write([(account, Do(work))])
    return result


def conversation(name: str) -> ConversationId:
    return ConversationId(name)


def message(event_id: str, occur_time: int = 0) -> Event:
    return Event(EventId(event_id), Micros(occur_time), 0, WEB, Message(Sender.CONTACT))


def state_due(due: int | None) -> State:
    """The state of a live conversation whose limit is due then, or of one without a limit."""
    log = [message("m")]
    if due is not None:
        log.append(Event(EventId("l"), Micros(0), 0, WEB, WentLive(None, Micros(due))))
    state, _ = fold(EMPTY, log, Micros(0))
    assert (state.timer.due if state.timer else None) == due
    return state


def row(due: int | None) -> Conversation:
    """The row of such a conversation."""
    return Conversation(state_due(due), EMPTY, Micros(0), Micros(due or 0))


def fact(kpi: Kpi = Kpi.FEEDBACK_COUNT, value: str = "", operator: str = "anna", quarter_hour: int = QUARTER) -> Fact:
    instant = Micros(quarter_hour * QUARTER_MICROS)
    return Fact(kpi, value, OperatorId(operator), OperatorGroupId("sales"), WEB, instant, EventId("e"))


def change(facts: Iterable[Fact], of: Change = Change.COUNTED) -> Callable[[Transaction], None]:
    """A transaction that counts facts, or takes them back."""
    deltas = Deltas()
    for each in facts:
        deltas.add(FactChange(of, each))

    def work(tx: Transaction) -> None:
        tx.bump_version()
        tx.add_deltas(deltas)

    return work


def entry(n: int, operator: str = "anna", quarter_hour: int = QUARTER) -> DeltaEntry:
    return ("", operator, "sales", "web", quarter_hour, n)


def cut(kpi: Kpi, grouping: int = 0, **ids: list[str]) -> ChunkSelector:
    return ChunkSelector(kpi, grouping, 0, 10_000, **ids)


def counts(rows: list[StoredChunk]) -> Counter[tuple[str, str, str, str, int, int]]:
    """What chunks hold, by their dimensions, quarter-hour and packed value."""
    cells = unpack([row.chunk for row in rows], [row.cells for row in rows])
    found: Counter[tuple[str, str, str, str, int, int]] = Counter()
    for row, quarter_hour, code, n in zip(*(column.tolist() for column in cells), strict=True):
        of = rows[row]
        found[of.operator, of.group, of.widget, of.value, quarter_hour, code] += n
    return found


# --- conversations and their events ---------------------------------------------------------------------------------


async def test_a_conversation_is_what_was_put_last(store: Store) -> None:
    """A row replaces the one before, all of it; a conversation without one is not mentioned."""
    first = {conversation("c1"): row(5), conversation("c2"): row(None)}
    await write(store, lambda tx: tx.put_conversations(first))
    await write(store, lambda tx: tx.put_conversations({conversation("c1"): row(7)}))
    asked = [conversation("c3"), conversation("c2"), conversation("c1")]
    states = await write(store, lambda tx: tx.conversations(asked))
    assert states == {conversation("c1"): row(7), conversation("c2"): row(None)}
    purged = Conversation(state_due(None), state_due(3), Micros(-5), Micros(5))
    await write(store, lambda tx: tx.put_conversations({conversation("c2"): purged}))
    assert await write(store, lambda tx: tx.conversations(asked[1:2])) == {conversation("c2"): purged}
    assert await write(store, lambda tx: tx.conversations([])) == {}


async def test_every_kind_of_event_is_stored_whole(store: Store) -> None:
    """An event read from the log is the event that was added, whatever its kind."""
    kinds = [kind for family in FAMILIES for kind in family] + [Retracted(EventId("0"))]
    events = [Event(EventId(f"{n}"), Micros(-n), -n, SHOP, kind) for n, kind in enumerate(kinds)]
    c = conversation("c")
    await write(store, lambda tx: tx.add_events({c: events}))
    stored = await write(store, lambda tx: tx.stored([(c, event.event_id) for event in events]))
    assert stored == {(c, event.event_id): event for event in events}
    assert sorted(await write(store, lambda tx: tx.log(c)), key=lambda e: -e.occur_time) == events


async def test_ids_are_bytes(store: Store) -> None:
    """Ids that look alike, or mean something to a database, are different ids."""
    events = [(conversation(c), message(e)) for c in ODD_IDS for e in ODD_IDS]
    await write(store, lambda tx: tx.add_events({conversation(c): [message(e) for e in ODD_IDS] for c in ODD_IDS}))
    await write(store, lambda tx: tx.put_conversations({conversation(c): row(n) for n, c in enumerate(ODD_IDS, 1)}))
    stored = await write(store, lambda tx: tx.stored([(c, e.event_id) for c, e in events]))
    assert stored == {(c, e.event_id): e for c, e in events}
    states = await write(store, lambda tx: tx.conversations([conversation(c) for c in ODD_IDS]))
    assert states == {c: row(n) for n, c in enumerate(ODD_IDS, 1)}
    for c in ODD_IDS:
        assert len(await write(store, lambda tx, c=c: tx.log(conversation(c)))) == len(ODD_IDS)


async def test_stored_and_log_keep_conversations_apart(store: Store) -> None:
    """The same event id in two conversations is two events; an unknown conversation has none."""
    c1, c2, c3 = (conversation(c) for c in ("c1", "c2", "c3"))
    await write(store, lambda tx: tx.add_events({c1: [message("e", 1)], c2: [message("e", 2)]}))
    keys = [(c, EventId(e)) for c in (c1, c2, c3) for e in ("e", "f")]
    stored = await write(store, lambda tx: tx.stored(keys))
    assert stored == {(c1, "e"): message("e", 1), (c2, "e"): message("e", 2)}
    assert [await write(store, lambda tx, c=c: tx.log(c)) for c in (c1, c3)] == [[message("e", 1)], []]


async def test_thousands_of_keys_at_once(store: Store) -> None:
    """A transaction may ask for, and add, more than any database's limit on parameters."""
    many = [conversation(f"c{n}") for n in range(40_000)]
    await write(store, lambda tx: tx.put_conversations(dict.fromkeys(many[::2], row(None))))
    await write(store, lambda tx: tx.add_events({c: [message("e")] for c in many[::2]}))
    assert (await write(store, lambda tx: tx.conversations(many))).keys() == set(many[::2])
    assert len(await write(store, lambda tx: tx.stored([(c, EventId("e")) for c in many]))) == len(many) / 2


async def test_what_takes_long_may_pause_wherever_it_runs(store: Store) -> None:
    """A long log is read, and work pauses, in views and in transactions alike."""
    long = [Event(EventId(f"e{n}"), Micros(n), 0, WEB, Message(Sender.CONTACT)) for n in range(1_200)]
    await store.write([(ACME, Do(lambda tx: tx.add_events({ConversationId("c"): long})))])

    def work(view: Snapshot) -> int:
        view.pause()
        return len(view.log(ConversationId("c")))

    assert await store.read(ACME, work) == len(long)
    assert await store.write([(ACME, Do(work))]) == [len(long)]
    assert await store.upkeep(ACME, Do(work)) == len(long)


async def test_an_event_is_added_once(store: Store) -> None:
    """Adding an event that is in the log already is refused: nothing is ever overwritten."""
    await write(store, lambda tx: tx.add_events({conversation("c"): [message("e", 1)]}))
    with pytest.raises((sa.exc.IntegrityError, sqlite3.IntegrityError)):
        await write(store, lambda tx: tx.add_events({conversation("c"): [message("e", 2)]}))
    assert await write(store, lambda tx: tx.log(conversation("c"))) == [message("e", 1)]


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_due_gives_the_earliest_and_says_up_to_when(store: Store) -> None:
    """About as many as asked for, earliest first; those of one instant are never torn apart."""
    dues = {"c0": 10, "c1": 20, "c2": 20, "c3": 20, "c4": 30, "c5": 40, "c6": None}
    await write(store, lambda tx: tx.put_conversations({conversation(c): row(due) for c, due in dues.items()}))

    async def due(until: int, limit: int) -> tuple[int, list[str]]:
        reached, states = await write(store, lambda tx: tx.due(Micros(until), limit))
        assert states == {conversation(c): row(dues[c]) for c in states}
        return reached, sorted(states)

    assert await due(9, 5) == (9, [])
    assert await due(10, 5) == (10, ["c0"])
    assert await due(39, 1) == (10, ["c0"])
    assert await due(39, 2) == (20, ["c0", "c1", "c2", "c3"])
    assert await due(39, 4) == (20, ["c0", "c1", "c2", "c3"])
    assert await due(40, 100) == (40, ["c0", "c1", "c2", "c3", "c4", "c5"])
    # Up to there all are there; further than what was found the mark need not go.
    reached, found = await due(39, 100)
    assert found == ["c0", "c1", "c2", "c3", "c4"]
    assert 30 <= reached <= 39


async def test_a_limit_that_no_longer_runs_is_not_due(store: Store) -> None:
    """The earliest limit, and the accounts that have one due, follow the states."""
    await write(store, lambda tx: tx.put_conversations({conversation("c"): row(10), conversation("d"): row(20)}))
    await write(store, lambda tx: tx.put_conversations({conversation("c"): row(15)}), OTHER)
    assert await store.read(ACME, lambda view: view.earliest_due()) == 10
    assert [await store.accounts_due(Micros(until)) for until in (9, 10, 15)] == [[], [ACME], [ACME, OTHER]]
    assert [await store.open_timers(Micros(now)) for now in (9, 15)] == [(3, 0, 10), (3, 2, 10)]
    await write(store, lambda tx: tx.put_conversations({conversation("c"): row(None)}))
    assert await store.read(ACME, lambda view: view.earliest_due()) == 20
    assert await store.accounts_due(Micros(15)) == [OTHER]
    await write(store, lambda tx: tx.put_conversations({conversation("d"): row(None)}))
    assert await store.read(ACME, lambda view: view.earliest_due()) is None
    await write(store, lambda tx: tx.put_conversations({conversation("c"): row(None)}), OTHER)
    assert await store.open_timers(Micros(15)) == (0, 0, None)


# --- the account's row, names, settings -----------------------------------------------------------------------------


async def test_an_account_begins_with_nothing(store: Store) -> None:
    """An account that nobody has heard of can be read; it is empty."""
    assert await store.read(ACME, lambda view: view.account()) == Account(0, Micros(0), None, Micros(0))
    assert await store.read(ACME, lambda view: view.earliest_due()) is None
    assert await store.read(ACME, lambda view: view.widget_versions()) == {}
    assert await store.read(ACME, lambda view: view.cells(cut(Kpi.FEEDBACK_COUNT))) == []
    assert list(await store.read(ACME, lambda view: view.deltas(Kpi.FEEDBACK_COUNT))) == []
    assert await write(store, lambda tx: tx.names()) == {}
    assert await write(store, lambda tx: compact(tx, Kpi.FEEDBACK_COUNT, 10)) == 0
    assert await store.compactable() == []


async def test_the_account_row(store: Store) -> None:
    """The version grows by one, the high-water mark never falls, and none of the three columns disturbs another.

    R-CLOCK-1.
    """
    await write(store, lambda tx: tx.raise_high_water(Micros(50)))
    await write(store, lambda tx: tx.raise_high_water(Micros(49)))
    assert await store.read(ACME, lambda view: view.account()) == Account(0, Micros(50), None, Micros(0))
    await write(store, lambda tx: tx.put_time_zone("Europe/Berlin"))
    await write(store, lambda tx: tx.bump_version())
    await write(store, lambda tx: tx.bump_version())
    await write(store, lambda tx: tx.raise_high_water(Micros(51)))
    await write(store, lambda tx: tx.put_time_zone("Asia/Kolkata"))
    assert await store.read(ACME, lambda view: view.account()) == Account(2, Micros(51), "Asia/Kolkata", Micros(0))


async def test_names_are_a_set(store: Store) -> None:
    """A name that is there already stays there once; families are apart."""
    await write(store, lambda tx: tx.add_names({101: {"anna", "bram"}, 102: {"anna"}}))
    await write(store, lambda tx: tx.add_names({101: ["anna", "cees"]}))
    await write(store, lambda tx: tx.add_names({}))
    assert await write(store, lambda tx: tx.names()) == {101: {"anna", "bram", "cees"}, 102: {"anna"}}


async def test_display_names_are_kept_by_kind_and_id(store: Store) -> None:
    """The one set last; ids are bytes, in their order, and as long as ids may be; what is removed is gone."""
    await write(store, lambda tx: tx.add_names({7: {"order"}, 8: {"price"}}))
    assert await write(store, lambda tx: tx.names_of_family(7)) == ["order"]
    names = {NameKey(kind, id_): f"{kind} {id_}" for kind in NameKind for id_ in ODD_IDS}
    longest, other = option_key("q" * 512, "o" * 512), AccountId("a" * 512)
    await write(store, lambda tx: tx.put_display_names({**names, longest: "long"}), other)
    assert await write(store, lambda tx: tx.display_names_of([longest]), other) == {longest: "long"}
    await write(store, lambda tx: tx.put_display_names(dict.fromkeys(names, "first")))
    await write(store, lambda tx: tx.put_display_names(names))
    assert await store.read(ACME, lambda view: view.display_name_count()) == len(names)
    unknown = NameKey(NameKind.GOAL, "unknown")
    assert await store.read(ACME, lambda view: view.display_names_of([*names, unknown])) == names
    goals = sorted((key for key in names if key.kind is NameKind.GOAL), key=lambda key: key.id.encode())
    for start in range(0, len(goals), 4):
        after = goals[start - 1].id if start else ""
        page = await store.read(ACME, lambda view, after=after: view.display_names_after(NameKind.GOAL, after, 4))
        assert page == [(key, names[key]) for key in goals[start : start + 4]]
    await write(store, lambda tx: tx.remove_display_names([goals[0], unknown]))
    assert await write(store, lambda tx: tx.display_names_of(goals[:1])) == {}
    assert await write(store, lambda tx: tx.display_name_count()) == len(names) - 1
    await write(store, lambda tx: tx.remove_all_display_names())
    assert await write(store, lambda tx: tx.display_name_count()) == 0
    assert await write(store, lambda tx: tx.display_name_count(), other) == len(names) + 1


async def test_widget_versions(store: Store) -> None:
    """Oldest first; one with the same effective time replaces the other; all of it is kept."""

    def version(at: int, limit: int | None) -> WidgetVersion:
        goals = (Goal(GoalId("order"), "https://shop.example/order"),)
        return WidgetVersion(Micros(at), None if limit is None else Micros(limit), goals, (InactivityAction(4),))

    for widget, each in [
        (WEB, version(20, 1)),
        (WEB, version(-5, 2)),
        (SHOP, version(0, None)),
        (WEB, version(10, 3)),
        (WEB, version(20, 4)),
    ]:
        await write(store, lambda tx, widget=widget, each=each: tx.put_widget_version(widget, each))
    assert await store.read(ACME, lambda view: view.widget_versions()) == {
        WEB: [version(-5, 2), version(10, 3), version(20, 4)],
        SHOP: [version(0, None)],
    }
    in_order = [version(-5, 2), version(10, 3), version(20, 4)]
    for start, count in [(0, 2), (1, 5), (3, 1)]:
        history = await store.read(ACME, lambda view, place=(start, count): view.widget_history(WEB, *place))
        assert history == in_order[start : start + count]
    newest = sorted([(WEB, version(20, 4)), (SHOP, version(0, None))])
    for start, count in [(0, 5), (0, 1), (1, 1), (2, 1)]:
        found = await store.read(ACME, lambda view, place=(start, count): view.newest_settings(*place))
        assert found == newest[start : start + count]
    assert await store.read(OTHER, lambda view: view.newest_settings(0, 5)) == []
    sizes = [len(records.version_blob(each)) + 400 for each in (*in_order, version(0, None))]
    changed = version(20, None)
    after = len(records.version_blob(changed)) + 400
    found = await store.read(ACME, lambda view: view.settings_bytes(WEB, changed))
    assert found == (sum(sizes) - sizes[2], sizes[2], after)
    assert await store.read(OTHER, lambda view: view.settings_bytes(WEB, changed)) == (0, 0, after)


# --- counters -------------------------------------------------------------------------------------------------------


async def test_deltas_wait_until_they_are_compacted(store: Store) -> None:
    """What transactions count is there at once, by measure; compaction takes whole transactions, the oldest first."""
    for n in (3, 2, 1):
        await write(store, change([fact(operator=f"o{i}") for i in range(n)]))
    await write(store, change([fact(Kpi.SATISFACTION_SCORE, "5")]))
    await write(store, change([fact(Kpi.CONVERSATION_TOPICS, "price")], Change.HELD))
    assert len(await store.read(ACME, lambda view: view.deltas(Kpi.FEEDBACK_COUNT))) == 6
    assert [await store.read(ACME, lambda view, m=m: view.filed(m)) for m in (2, 108, 3)] == [(3, 6), (1, 1), (0, 0)]
    assert sorted(await store.compactable()) == [(ACME, 1, 1), (ACME, 2, 6), (ACME, 108, 1)]
    assert await write(store, lambda tx: compact(tx, Kpi.FEEDBACK_COUNT, 1)) == 3
    assert sorted(await store.compactable()) == [(ACME, 1, 1), (ACME, 2, 3), (ACME, 108, 1)]
    left = await store.read(ACME, lambda view: view.deltas(Kpi.FEEDBACK_COUNT))
    assert Counter(left) == Counter([entry(1, "o0"), entry(1, "o1"), entry(1, "o0")])
    rows = await store.read(ACME, lambda view: view.cells(cut(Kpi.FEEDBACK_COUNT)))
    assert counts(rows) == {("", "", "", "", QUARTER, 0): 3}
    assert await write(store, lambda tx: compact(tx, Kpi.FEEDBACK_COUNT, 100)) == 3
    assert await write(store, lambda tx: compact(tx, Kpi.FEEDBACK_COUNT, 100)) == 0
    assert list(await store.read(ACME, lambda view: view.deltas(Kpi.FEEDBACK_COUNT))) == []


@pytest.mark.parametrize("entries_max", [1, 2, 3, 100])
async def test_compaction_changes_no_answer(store: Store, entries_max: int) -> None:
    """At every moment, both together are the facts; in the end there are no deltas and no empty chunks."""
    mine = [fact(operator=operator, quarter_hour=QUARTER + q) for operator in ("", "anna") for q in (0, 1, 3_072)]
    await write(store, change(mine))
    await write(store, change(mine[:2], Change.TAKEN_BACK))
    await write(store, change(mine[:1]))
    await write(store, change(mine[2:4], Change.TAKEN_BACK))
    wanted = Counter((f.operator, f.instant // QUARTER_MICROS) for f in (mine[0], *mine[4:]))

    def seen(view: Snapshot) -> Counter[tuple[str, int]]:
        found = Counter[tuple[str, int]]()
        for (operator, _, _, _, quarter_hour, _), n in counts(view.cells(cut(Kpi.FEEDBACK_COUNT, 1))).items():
            found[operator, quarter_hour] += n
        for _, operator, _, _, quarter_hour, n in view.deltas(Kpi.FEEDBACK_COUNT):
            found[operator, quarter_hour] += n
        return Counter({key: n for key, n in found.items() if n})

    assert await store.read(ACME, seen) == wanted
    while await write(store, lambda tx: compact(tx, Kpi.FEEDBACK_COUNT, entries_max)):
        assert await store.read(ACME, seen) == wanted
    assert await store.compactable() == []
    for grouping in range(8):
        rows = await store.read(ACME, lambda view, g=grouping: view.cells(cut(Kpi.FEEDBACK_COUNT, g)))
        assert all(row.cells for row in rows)
        assert counts(rows).total() == wanted.total()


async def test_compaction_takes_no_more_memory_where_chunks_are_large(store: Store) -> None:
    """Through a month the chunks of a busy account grow to many megabytes; they are merged in parts of bounded size."""
    measure, operators = Kpi.FIRST_RESPONSE_TIME, [f"o{n}" for n in range(40)]
    await write(store, change(fact(measure, "1000", operator) for operator in operators))
    [key, *_] = keys = sorted(
        {each for operator in operators for each in chunk_keys(measure, 639, operator, "sales", "web", "")}
    )
    slot = np.arange(CHUNK_QUARTER_HOURS * 12)
    [cells] = merged([b""], ChunkChanges([key], np.zeros_like(slot), slot, np.full_like(slot, 3)))
    await write(store, lambda tx: tx.put_chunks(keys, [cells] * len(keys)))
    tracemalloc.start()
    try:
        await write(store, lambda tx: compact(tx, measure, 100))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    rows = await store.read(ACME, lambda view: view.cells(cut(measure, 1)))
    assert len(rows) == len(operators)
    assert all(len(row.cells) > len(cells) for row in rows)
    assert peak < len(keys) * len(cells)


async def test_a_chunk_without_facts_is_no_row(store: Store) -> None:
    """When all facts of a chunk are taken back, its rows are gone; the chunks beside it stay."""
    mine = [fact(Kpi.GOALS_REACHED, "order"), fact(Kpi.GOALS_REACHED, "order", quarter_hour=QUARTER + 3_072)]
    await write(store, change(mine))
    await write(store, lambda tx: compact(tx, Kpi.GOALS_REACHED, 100))
    await write(store, change(mine[:1], Change.TAKEN_BACK))
    await write(store, lambda tx: compact(tx, Kpi.GOALS_REACHED, 100))
    for grouping in range(16):
        [row] = await store.read(ACME, lambda view, g=grouping: view.cells(cut(Kpi.GOALS_REACHED, g)))
        assert row.chunk == (QUARTER + 3_072) // 3_072


async def test_cells_gives_the_cut_and_nothing_else(store: Store) -> None:
    """Only chunks of the measure, the grouping, the range and the ids asked for; nobody is an id like any other."""
    goal = Kpi.GOALS_REACHED
    mine = [fact(goal, v, o, QUARTER + q) for v in ("order", "quote") for o in ("", "anna", "bram") for q in (0, 3_072)]
    await write(store, change([*mine, fact(Kpi.POST_CHAT_SURVEY_RESULTS, "order")]))
    for measure in (goal, Kpi.POST_CHAT_SURVEY_RESULTS):
        await write(store, lambda tx, measure=measure: compact(tx, measure, 100))

    async def rows(wanted: ChunkSelector) -> list[tuple[int, str, str]]:
        found = await store.read(ACME, lambda view: view.cells(wanted))
        return sorted((row.chunk - QUARTER // 3_072, row.operator, row.value) for row in found)

    assert await rows(cut(goal)) == [(0, "", ""), (1, "", "")]
    first = QUARTER // 3_072
    assert await rows(cut(goal)._replace(last_chunk=first)) == [(0, "", "")]
    assert await rows(cut(goal)._replace(first_chunk=first + 1)) == [(1, "", "")]
    assert await rows(cut(goal, 1, operators=["anna", ""])) == [(c, o, "") for c in (0, 1) for o in ("", "anna")]
    assert await rows(cut(goal, 8, values=["quote"])) == [(0, "", "quote"), (1, "", "quote")]
    assert await rows(cut(goal, 9, operators=["bram"], values=["order", "nothing"])) == [
        (0, "bram", "order"),
        (1, "bram", "order"),
    ]
    assert await rows(cut(goal, 7, groups=["support"])) == []
    assert await rows(cut(goal, 7, groups=["sales"], widgets=["web"], operators=["anna"])) == [
        (0, "anna", ""),
        (1, "anna", ""),
    ]


async def test_values_and_names_of_any_length_are_kept_apart(store: Store) -> None:
    """The longest set of topics does not fit into an index entry of every database; what differs at its end differs."""
    chance = random.Random(1)  # noqa: S311  # a text that does not compress, no secret
    long = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789é") for _ in range(20 * 129))
    values = [long, f"{long}x", f"{long}y", long[:-1]]
    await write(store, change(fact(Kpi.CONVERSATION_TOPICS, value) for value in values))
    await write(store, lambda tx: compact(tx, Kpi.CONVERSATION_TOPICS, 100))
    await write(store, change([fact(Kpi.CONVERSATION_TOPICS, values[1])]))
    await write(store, change([fact(Kpi.CONVERSATION_TOPICS, values[2])], Change.TAKEN_BACK))
    await write(store, lambda tx: compact(tx, Kpi.CONVERSATION_TOPICS, 100))
    rows = await store.read(ACME, lambda view: view.cells(cut(Kpi.CONVERSATION_TOPICS, 8)))
    found = {row.value: n for row, n in zip(rows, counts(rows).values(), strict=True)}
    assert found == {long: 1, values[1]: 2, values[3]: 1}
    asked = await store.read(ACME, lambda view: view.cells(cut(Kpi.CONVERSATION_TOPICS, 8, values=[values[1]])))
    assert [row.value for row in asked] == [values[1]]
    for _ in range(2):
        await write(store, lambda tx: tx.add_names({8: values}))
    assert await write(store, lambda tx: tx.names()) == {8: set(values)}


async def test_a_count_below_zero_is_refused(store: Store) -> None:
    """Compaction never makes a count negative: it fails, and everything is as it was."""
    await write(store, change([fact()], Change.TAKEN_BACK))
    with pytest.raises(CounterError):
        await write(store, lambda tx: compact(tx, Kpi.FEEDBACK_COUNT, 10))
    assert list(await store.read(ACME, lambda view: view.deltas(Kpi.FEEDBACK_COUNT))) == [entry(-1)]
    assert await store.read(ACME, lambda view: view.cells(cut(Kpi.FEEDBACK_COUNT))) == []


# --- transactions ---------------------------------------------------------------------------------------------------


def everything(tx: Transaction) -> list[object]:
    """All that an account has."""
    return [
        tx.account(),
        tx.earliest_due(),
        tx.widget_versions(),
        [tx.cells(cut(kpi, grouping)) for kpi in Kpi for grouping in range(16)],
        [list(tx.deltas(kpi)) for kpi in Kpi],
        tx.conversations([conversation("c")]),
        tx.stored([(conversation("c"), EventId("e"))]),
        tx.log(conversation("c")),
        tx.names(),
        tx.due(Micros(2**60), 10),
    ]


def something(n: int) -> Callable[[Transaction], None]:
    """A transaction that writes into every table."""

    def work(tx: Transaction) -> None:
        tx.add_events({conversation("c"): [message("e", n)]})
        tx.put_conversations({conversation("c"): row(n)})
        tx.add_names({101: {f"anna{n}"}})
        tx.put_widget_version(WEB, WidgetVersion(Micros(n), None, (), ()))
        tx.put_time_zone(f"Etc/GMT+{n}")
        tx.raise_high_water(Micros(n))
        change([fact(operator=f"o{n}")])(tx)
        compact(tx, Kpi.FEEDBACK_COUNT, 10)
        change([fact(operator=f"p{n}")])(tx)

    return work


async def test_accounts_do_not_see_one_another(store: Store) -> None:
    """The same ids in two accounts are different things; what one account does is nothing to the other."""
    nothing = await write(store, everything, OTHER)
    await write(store, something(1))
    assert await write(store, everything, OTHER) == nothing
    mine = await write(store, everything)
    await write(store, something(2), OTHER)
    assert await write(store, everything) == mine
    others = await write(store, everything, OTHER)
    assert all(a != b for a, b in zip(mine, others, strict=True))
    assert sorted(await store.compactable()) == [(ACME, 2, 1), (OTHER, 2, 1)]
    await write(store, lambda tx: compact(tx, Kpi.FEEDBACK_COUNT, 10))
    assert await store.compactable() == [(OTHER, 2, 1)]
    assert await write(store, everything, OTHER) == others


def bumped(tx: Transaction) -> int:
    tx.bump_version()
    return tx.account().version


async def test_works_of_a_write_happen_together(store: Store) -> None:
    """The results are those of the works, in their order; the same account may come twice."""
    assert await store.write([(ACME, Do(bumped)), (ACME, Do(bumped))]) == [1, 2]
    assert await store.write([]) == []


async def test_only_a_store_that_says_so_takes_several_accounts_at_once(store: Store) -> None:
    """Where transactions are of one account each, a write of two is refused whole."""
    works = [(ACME, Do(bumped)), (OTHER, Do(bumped)), (ACME, Do(bumped))]
    if store.scheduling.merges_accounts:
        assert await store.write(works) == [1, 1, 2]
        return
    with pytest.raises(ValueError, match="one account"):
        await store.write(works)
    assert await store.versions([ACME, OTHER]) == {}


async def test_a_failing_work_undoes_all(store: Store) -> None:
    """If one work of a write fails, none has happened, of any account; the next write finds a working store."""

    def fails(tx: Transaction) -> None:
        change([fact()])(tx)
        tx.put_conversations({conversation("d"): row(3)})
        raise LookupError

    await write(store, something(1))
    before = [await write(store, everything, account) for account in (ACME, OTHER)]
    third, other = (AccountId("third"), OTHER) if store.scheduling.merges_accounts else (ACME, ACME)
    with pytest.raises(LookupError):
        await store.write([(other, Do(change([fact()]))), (third, Do(fails)), (ACME, Do(bumped))])
    assert [await write(store, everything, account) for account in (ACME, OTHER)] == before
    assert (await store.read(AccountId("third"), lambda view: view.account())).version == 0
    await write(store, something(2), OTHER)
    assert (await store.read(OTHER, lambda view: view.account())).version == 2


async def test_a_read_cannot_write(store: Store) -> None:
    """A snapshot is for reading, whatever the work tries."""
    with pytest.raises(Exception, match=r"readonly|read-only|does not answer"):
        await store.read(ACME, lambda view: view.bump_version())  # type: ignore[attr-defined]
    assert (await store.read(ACME, lambda view: view.account())).version == 0


async def test_a_reader_sees_one_moment(store: Store, elsewhere: Callable[[Any], None]) -> None:
    """While another server commits, a reader goes on seeing what there was; one that begins later sees it all."""
    await write(store, change([fact()]))
    measure = Kpi.FEEDBACK_COUNT

    def at_once(tx: Transaction) -> None:
        change([fact()])(tx)
        compact(tx, measure, 100)
        tx.put_conversations({conversation("c"): row(5)})

    def slow(view: Snapshot) -> list[object]:
        first = view.latest_event_time()
        elsewhere(at_once)
        rest = [list(view.deltas(measure)), view.cells(cut(measure)), view.earliest_due(), view.conversation_count()]
        return [first, view.account().version, *rest]

    assert await store.read(ACME, slow) == [None, 1, [entry(1)], [], None, 0]
    assert (await store.read(ACME, lambda view: view.account())).version == 2
    assert list(await store.read(ACME, lambda view: view.deltas(Kpi.FEEDBACK_COUNT))) == []


async def test_versions_are_those_of_the_accounts_asked_for(store: Store) -> None:
    """Any number of accounts at once; those that nobody has heard of are left out."""
    for account in (ACME, ACME, OTHER):
        await write(store, bumped, account)
    assert await store.versions([OTHER, AccountId("it's nobody"), ACME]) == {ACME: 2, OTHER: 1}
    assert await store.versions([]) == {}


async def test_upkeep_is_a_write(store: Store) -> None:
    """Where nobody else is at it, upkeep writes and gives what the work gives; if it fails, nothing has happened."""
    assert await store.upkeep(ACME, Do(bumped)) == 1

    def fails(tx: Transaction) -> None:
        tx.bump_version()
        raise LookupError

    with pytest.raises(LookupError):
        await store.upkeep(ACME, Do(fails))
    assert await store.upkeep(ACME, Do(bumped)) == 2


# --- SQLite's own ---------------------------------------------------------------------------------------------------


async def test_readers_do_not_wait_for_one_another(database: Path) -> None:
    """Several readers, and a writer, are at work at the same time."""
    store = SqliteStore(database)
    together = threading.Barrier(4)

    def meets(view: Snapshot) -> int:
        version = view.account().version
        together.wait(10)
        return version

    await asyncio.gather(*(store.read(ACME, meets) for _ in range(3)), write(store, meets))
    await store.close()


async def test_what_is_committed_is_there_after_a_restart(database: Path) -> None:
    """A closed store has lost nothing, nor has one that was never closed (a copy of its files)."""
    store = SqliteStore(database)
    await write(store, something(1))
    wanted = await write(store, everything)
    for suffix in ("", "-wal"):
        shutil.copy(f"{database}{suffix}", f"{database}.copy{suffix}")
    await store.close()
    for name in ("telwerk.db", "telwerk.db.copy"):
        again = SqliteStore(database.with_name(name))
        assert await write(again, everything) == wanted
        await again.close()


async def plan(store: SqliteStore, database: Path, work: Callable[[Transaction], object]) -> list[str]:
    """How SQLite goes about each statement of a transaction."""
    statements: list[str] = []
    driver = writing_driver(store)
    driver.set_trace_callback(statements.append)
    await write(store, work)
    driver.set_trace_callback(None)
    read = [statement for statement in statements if statement.startswith(("SELECT", "WITH", "DELETE", "UPDATE"))]
    connection = sqlite3.connect(database)
    try:
        return [row[3] for statement in read for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    finally:
        connection.close()


C = conversation("c")


@pytest.fixture(scope="module", params=["unknown to SQLite", "analyzed"])
def full(request: pytest.FixtureRequest, empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with many rows; it has counted them, or knows nothing of them."""
    database = Path(shutil.copy(empty, tmp_path_factory.mktemp("full")))
    many = [conversation(f"c{n}") for n in range(300)]

    async def fill() -> None:
        store = SqliteStore(database)
        await write(store, lambda tx: tx.put_conversations({c: row(n + 1) for n, c in enumerate(many)}))
        await write(store, lambda tx: tx.add_events({c: [message("e")] for c in many}))
        await write(store, change(fact(Kpi.GOALS_REACHED, f"goal{n % 7}", f"o{n}") for n in range(200)))
        await write(store, lambda tx: compact(tx, Kpi.GOALS_REACHED, 1_000))
        await write(store, change([fact(Kpi.GOALS_REACHED, "goal1", "o1")], Change.TAKEN_BACK))
        await write(store, change([fact(Kpi.GOALS_REACHED, "goal9", "o9")]))
        await store.close()

    asyncio.run(fill())
    if request.param == "analyzed":
        connection = sqlite3.connect(database)
        connection.execute("ANALYZE")
        connection.close()
    return database


@pytest.mark.parametrize(
    ("table", "index", "work"),
    [
        ("counters", "PRIMARY KEY", lambda tx: compact(tx, Kpi.GOALS_REACHED, 100)),
        ("counters", "PRIMARY KEY", lambda tx: tx.cells(cut(Kpi.GOALS_REACHED))),
        ("counters", "PRIMARY KEY", lambda tx: tx.cells(cut(Kpi.GOALS_REACHED, 9, operators=["a"], values=["order"]))),
        ("conversations", "PRIMARY KEY", lambda tx: tx.conversations([C, conversation("d")])),
        ("events", "PRIMARY KEY", lambda tx: tx.stored([(C, EventId("e")), (C, EventId("f"))])),
        ("events", "PRIMARY KEY", lambda tx: tx.log(C)),
        ("deltas", "PRIMARY KEY", lambda tx: tx.deltas(Kpi.GOALS_REACHED)),
        ("deltas", "PRIMARY KEY", lambda tx: tx.filed(Kpi.GOALS_REACHED)),
        ("names", "PRIMARY KEY", lambda tx: tx.names()),
        ("names", "PRIMARY KEY", lambda tx: tx.names_of_family(7)),
        ("display_names", "PRIMARY KEY", lambda tx: tx.display_names_after(NameKind.GOAL, "x", 5)),
        ("display_names", "PRIMARY KEY", lambda tx: tx.display_names_of([NameKey(NameKind.GOAL, "x")])),
        ("display_names", "PRIMARY KEY", lambda tx: tx.display_name_count()),
        ("display_names", "PRIMARY KEY", lambda tx: tx.remove_display_names([NameKey(NameKind.GOAL, "x")])),
        ("display_names", "PRIMARY KEY", lambda tx: tx.remove_all_display_names()),
        ("widget_settings", "PRIMARY KEY", lambda tx: tx.widget_versions()),
        ("widget_settings", "PRIMARY KEY", lambda tx: tx.widget_history(WEB, 0, 5)),
        ("widget_settings", "PRIMARY KEY", lambda tx: tx.newest_settings(0, 5)),
        ("widget_settings", "PRIMARY KEY", lambda tx: tx.settings_bytes(WEB, WidgetVersion(Micros(0), None, (), ()))),
        ("accounts", "PRIMARY KEY", lambda tx: tx.account()),
        ("accounts", "PRIMARY KEY", lambda tx: tx.raise_high_water(Micros(5))),
        ("conversations", "INDEX conversations_due", lambda tx: tx.due(Micros(5), 10)),
        ("conversations", "INDEX conversations_due", lambda tx: tx.earliest_due()),
    ],
)
async def test_no_table_is_searched_without_its_key(
    full: Path, tmp_path: Path, table: str, index: str, work: Callable[[Transaction], object]
) -> None:
    """Every statement finds its rows by a key or an index, whatever SQLite knows of its tables."""
    database = Path(shutil.copy(full, tmp_path))
    store = SqliteStore(database)
    steps = await plan(store, database, work)
    await store.close()
    assert any(f"SEARCH {table} USING {index}" in step.replace("COVERING ", "") for step in steps), steps
    scanned = {step.split()[1] for step in steps if step.startswith("SCAN")}
    assert scanned.isdisjoint(tables.metadata.tables), steps
    of_whole_account = {step.split()[1] for step in steps if step.endswith("(account_id=?)")}
    assert of_whole_account <= {"accounts", "names", "widget_settings", "display_names", "schedules"}, steps


async def test_events_are_added_in_the_order_of_their_keys(tmp_path: Path, empty: Path) -> None:
    """So two transactions that add the same events wait for one another, and neither for ever."""
    store = SqliteStore(Path(shutil.copy(empty, tmp_path)))
    added: list[str] = []
    writing_driver(store).set_trace_callback(lambda text: added.append(text) if "INTO events" in text else None)
    ids = ["b", "B", "é", "a", "\U0001f600", "\uffff"]
    await write(store, lambda tx: tx.add_events({conversation(c): [message(e) for e in ids] for c in ids}))
    await store.close()
    keys = [row for text in added for row in re.findall(rf"\('{ACME}', '([^']*)', '([^']*)'", text)]
    assert keys == [(c, e) for c in sorted(ids) for e in sorted(ids)]


async def test_a_purge_looks_at_no_conversation_again_whose_events_are_all_gone(store: Store) -> None:
    """They stay for ever: each purge would read the logs of all that there ever were, and others would wait for it."""
    for n in range(3):
        await store.write([(ACME, IngestBatch([[Submitted(conversation(f"c{n}"), message("e", n))]], IngestLimits()))])
    assert await purge(store, ACME, Micros(2)) == 2
    looked_at = await write(store, lambda tx: tx.conversations_before(Micros(100), conversation(""), 100))
    assert [name for name, _ in looked_at] == ["c2"]
