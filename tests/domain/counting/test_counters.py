"""The laws of counters: the series of chunks are sums of facts, however they are cut."""

from collections import Counter
from collections.abc import Iterable
from random import Random

from hypothesis import given, strategies as st

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.conversation.facts import (
    Change,
    Fact,
    FactChange,
)
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS, unpack
from telwerkd.domain.counting.counters import (
    BY_OPERATOR,
    ChunkKey,
    Slots,
    bounded_changes,
    changes_of,
    chunk_changes,
    chunk_deltas,
    project_entries,
)
from telwerkd.domain.counting.deltas import DeltaEntries, DeltaEntry, Deltas
from telwerkd.domain.counting.measures import COUNTED, HELD_BACK, Measure, kpi_of
from telwerkd.domain.counting.merging import merged
from telwerkd.domain.ids import EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from tests.domain.counting.packing import law

QUARTER_MICROS = 15 * 60 * 1_000_000
FIRST_QUARTER_HOUR = 20_400 * 96
"""2025-11-08: within a chunk; the next chunk begins 16 days later."""


def merge(cells: bytes, delta: Slots) -> bytes:
    """One chunk's cells with a change."""
    [after] = merged([cells], changes_of({SOME_CHUNK: delta}))
    return after


SOME_CHUNK = ChunkKey(COUNTED[Kpi.FEEDBACK_COUNT], 0, 7, "", "", "", "")


# --- from facts to chunks -------------------------------------------------------------------------------------------

VALUES = {
    Kpi.SATISFACTION_SCORE: ["1", "5"],
    Kpi.FEEDBACK_COUNT: [""],
    Kpi.UNANSWERED_LIVE_CONVERSATIONS: [""],
    Kpi.UNANSWERED_ENDED_CONVERSATIONS: [""],
    Kpi.INACTIVITY_ACTIONS: ["1", "8"],
    Kpi.OFFLINE_ASSIGNMENTS: ["1", "2"],
    Kpi.GOALS_REACHED: ["order", "quote"],
    Kpi.CONVERSATION_TOPICS: [topics_value(["price"]), topics_value(["price", "delivery"])],
    Kpi.PRE_CHAT_SURVEY_RESULTS: [answer_value("q1", "yes"), answer_value("q1", "no")],
    Kpi.POST_CHAT_SURVEY_RESULTS: [answer_value("q1", "yes"), answer_value("q2", "yes")],
    Kpi.CONVERSATIONS_STARTED: ["1", "3"],
    Kpi.CONVERSATIONS_ENDED: ["1", "2"],
    Kpi.LIVE_CONVERSATIONS_ANSWERED: [""],
    Kpi.MESSAGES: ["1", "3"],
    Kpi.REASSIGNMENTS: [""],
    Kpi.CONVERSATIONS_RECEIVED: [""],
}
PACKED = {
    *(Kpi.SATISFACTION_SCORE, Kpi.INACTIVITY_ACTIONS, Kpi.OFFLINE_ASSIGNMENTS),
    *(Kpi.CONVERSATIONS_STARTED, Kpi.CONVERSATIONS_ENDED, Kpi.MESSAGES),
}
OPEN = {Kpi.GOALS_REACHED, Kpi.CONVERSATION_TOPICS, Kpi.PRE_CHAT_SURVEY_RESULTS, Kpi.POST_CHAT_SURVEY_RESULTS}


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    kpi = draw(st.sampled_from(sorted(VALUES)))
    quarter_hour = draw(st.sampled_from([0, 1, CHUNK_QUARTER_HOURS - 1, CHUNK_QUARTER_HOURS])) + FIRST_QUARTER_HOUR
    return Fact(
        kpi,
        draw(st.sampled_from(VALUES[kpi])),
        OperatorId(draw(st.sampled_from(["", "anna", "bram"]))),
        OperatorGroupId(draw(st.sampled_from(["", "sales"]))),
        WidgetId(draw(st.sampled_from(["shop", "help"]))),
        Micros(quarter_hour * QUARTER_MICROS + draw(st.sampled_from([0, QUARTER_MICROS - 1]))),
        EventId("e"),
    )


def counted(of: Iterable[Fact]) -> dict[Measure, list[DeltaEntry]]:
    """The leaves of facts that all count."""
    deltas = Deltas()
    for fact in of:
        deltas.add(FactChange(Change.COUNTED, fact))
    return deltas.by_measure()


def quarter_hour_of(fact: Fact) -> int:
    return fact.instant // QUARTER_MICROS


@law
@given(st.lists(facts(), max_size=12))
def test_every_grouping_sums_the_facts(of: list[Fact]) -> None:
    """Every fact is once in each of the eight groupings of its KPI, and again in each by value where that is open.

    R-FACT-1.
    """
    found: Counter[tuple[object, ...]] = Counter()
    for measure, entries in counted(of).items():
        for key, cells in chunk_deltas(measure, DeltaEntries.of(entries)).items():
            for slot, n in cells.items():
                quarter_hour, code = (
                    key.chunk * CHUNK_QUARTER_HOURS + slot % CHUNK_QUARTER_HOURS,
                    slot // CHUNK_QUARTER_HOURS,
                )
                where = (key.grouping, key.operator, key.group, key.widget, key.value)
                found[measure, *where, quarter_hour, code] += n
    wanted: Counter[tuple[object, ...]] = Counter()
    for fact in of:
        code = int(fact.value) if fact.kpi in PACKED else 0
        for grouping in range(16 if fact.kpi in OPEN else 8):
            where = (
                grouping,
                fact.operator if grouping & 1 else "",
                fact.group if grouping & 2 else "",
                fact.widget if grouping & 4 else "",
                fact.value if grouping & 8 else "",
            )
            wanted[fact.kpi, *where, quarter_hour_of(fact), code] += 1
    assert found == wanted


@law
@given(st.lists(facts(), max_size=12), st.sampled_from([Change.COUNTED, Change.HELD]))
def test_changes_and_their_opposites_cancel_out(of: list[Fact], change: Change) -> None:
    """What is counted and taken back, held and released, or undone, leaves no trace, in whatever order."""
    opposite = {Change.COUNTED: Change.TAKEN_BACK, Change.HELD: Change.RELEASED}[change]
    deltas = Deltas()
    for fact in of:
        deltas.add(FactChange(opposite, fact))
    for fact in reversed(of):
        deltas.add(FactChange(change, fact))
        deltas.add(FactChange(opposite, fact), 2)
    for fact in of:
        deltas.add(FactChange(opposite, fact), -2)
    assert deltas.by_measure() == {}


@law
@given(st.lists(facts(), max_size=12))
def test_what_is_held_back_is_a_measure_of_its_own(of: list[Fact]) -> None:
    """Held back facts are counted like any others, under the KPI's number and a hundred."""
    deltas = Deltas()
    for fact in of:
        deltas.add(FactChange(Change.HELD, fact))
    assert deltas.by_measure() == {HELD_BACK[kpi_of(measure)]: entries for measure, entries in counted(of).items()}
    for measure, entries in deltas.by_measure().items():
        keys = {key.grouping for key in chunk_deltas(measure, DeltaEntries.of(entries))}
        # Nobody asks what is held back of stars and actions: nothing ever is.
        assert keys == set(range(16 if kpi_of(measure) in OPEN else 8))


@law
@given(st.lists(facts(), max_size=12), st.integers(0, 12))
def test_what_leaves_cancel_is_no_chunk(of: list[Fact], kept: int) -> None:
    """Chunks of entries that cancel out are those of the entries that remain: no chunk is touched for nothing."""
    for kpi, measure in COUNTED.items():
        mine = [fact for fact in of if fact.kpi == kpi]
        plus, back = counted(mine).get(measure, []), counted(mine[kept:]).get(measure, [])
        entries = plus + [(*entry[:5], -entry[5]) for entry in back]
        left = counted(mine[:kept]).get(measure, [])
        assert chunk_deltas(measure, DeltaEntries.of(entries)) == chunk_deltas(measure, DeltaEntries.of(left))


@law
@given(st.lists(facts(), max_size=12), st.lists(facts(), max_size=12), st.sampled_from(Kpi))
def test_chunks_and_leaves_are_read_together(first: list[Fact], second: list[Fact], kpi: Kpi) -> None:
    """Chunks of some facts and leaves of others are cells of them all; every cell knows its row."""
    measure = COUNTED[kpi]
    chunks = chunk_deltas(measure, DeltaEntries.of(counted(first).get(measure, [])))
    keys = [key for key in chunks if key.grouping == 7 + 8 * (kpi in OPEN)]
    of_entries, entry_cells = project_entries(measure, DeltaEntries.of(counted(second).get(measure, [])), 15)
    packed_cells = unpack([key.chunk for key in keys], [merge(b"", chunks[key]) for key in keys])
    found: Counter[tuple[object, ...]] = Counter()
    of_keys = [(key.operator, key.group, key.widget, key.value) for key in keys]
    for rows, cells in ((of_keys, packed_cells), (of_entries, entry_cells)):
        for row, quarter_hour, code, n in zip(*(column.tolist() for column in cells), strict=True):
            *of, value = rows[row]
            found[value if kpi not in PACKED else str(code), *of, quarter_hour] += n
    wanted = Counter(
        (fact.value, fact.operator, fact.group, fact.widget, quarter_hour_of(fact))
        for fact in first + second
        if fact.kpi == kpi
    )
    assert found == wanted


@law
@given(st.lists(facts(), max_size=12), st.sampled_from([*COUNTED.values()]))
def test_chunks_come_in_the_order_of_their_keys(of: list[Fact], measure: Measure) -> None:
    """Each once, sorted: so two transactions that change the same ones wait in turn."""
    changes = chunk_changes(measure, DeltaEntries.of(counted(of).get(measure, [])))
    assert changes.keys == sorted(chunk_deltas(measure, DeltaEntries.of(counted(of).get(measure, []))))
    places = list(zip(changes.row.tolist(), changes.slot.tolist(), strict=True))
    assert places == sorted(places)


@law
@given(st.lists(facts(), max_size=12), st.sampled_from(sorted(VALUES)), st.integers(1, 60))
def test_chunks_are_changed_a_bounded_number_at_a_time(of: list[Fact], kpi: Kpi, chunks_max: int) -> None:
    """No step changes more than the bound, unless one series alone does; all steps come to the same as one."""
    measure = COUNTED[kpi]
    left = DeltaEntries.of(counted(of).get(measure, []))
    expected, found = chunk_deltas(measure, left), Counter[tuple[ChunkKey, int]]()
    while len(left):
        before = len(left)
        changes, left = bounded_changes(measure, left, chunks_max)
        assert len(left) < before
        assert len(changes.keys) <= max(chunks_max, 16 if kpi in OPEN else 8)
        for row, slot, n in zip(changes.row.tolist(), changes.slot.tolist(), changes.n.tolist(), strict=True):
            found[ChunkKey(*changes.keys[row]), slot] += n
    assert found == {(key, slot): n for key, slots in expected.items() for slot, n in slots.items()}


def test_a_grouping_may_have_more_chunks_than_a_short_number_counts() -> None:
    """70,000 operators are 70,000 chunks."""
    entries = [("", f"o{n}", "", "", 1, 1) for n in range(70_000)]
    changes = chunk_changes(COUNTED[Kpi.FEEDBACK_COUNT], DeltaEntries.of(entries), [BY_OPERATOR])
    assert [key[3] for key in changes.keys] == sorted(operator for _, operator, *_ in entries)
    assert changes.row.tolist() == list(range(70_000))


def test_combinations_of_ids_may_be_more_than_a_number_counts() -> None:
    """40,000 values, operators, groups and widgets, over centuries: their chunks are still in order."""
    shuffled = Random(1).sample(range(40_000), 40_000)  # noqa: S311  # any will do
    entries = [(f"v{n}", f"o{m}", f"g{n}", f"w{m}", 200 * n, 1) for n, m in enumerate(shuffled)]
    changes = chunk_changes(COUNTED[Kpi.GOALS_REACHED], DeltaEntries.of(entries), [15])
    assert changes.keys == sorted((7, 15, q // CHUNK_QUARTER_HOURS, o, g, w, v) for v, o, g, w, q, _ in entries)
