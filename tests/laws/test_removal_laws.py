"""The laws of removal: purging changes no answer, erasing takes away one conversation's counts or none, ever after.

A state machine drives one account over a real SQLite file. It knows every event that was ever accepted, so that the
oracle can judge the counters as if nothing had been purged.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from telwerkd.application.audit import Audit, examine
from telwerkd.application.batches import Rejected, Submitted, Verdict
from telwerkd.application.retention.removal import erase, purge
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.conversation.events import (
    Assigned,
    Event,
    Kind,
    Message,
    Rated,
    Retracted,
    Sender,
    TopicsSet,
    WentLive,
)
from telwerkd.domain.conversation.facts import Change, FactChange
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.counting.duration_entries import cell_value
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import SECOND, AccountId, ConversationId, EventId, Micros
from tests.cells import (
    CHUNK,
    DURATIONS,
    HELD,
    PACKED,
    QUARTER_MICROS,
    Cells,
    keys,
    pairs_in,
    stored_cells,
    wanted_cells,
)
from tests.generate import ANNA, DELIVERY, GRID, PRICE, SALES, START, WIDGETS, conversations, nows
from tests.laws.test_service_laws import Service, subsets
from tests.oracle import oracle_facts, oracle_held
from tests.oracle_words import Counted

ACCOUNT = AccountId("acme")
LIMIT = Micros(GRID)
SHIFTS = [0, 0, 0, SECOND, QUARTER_MICROS - SECOND]


# --- what the tables say ---------------------------------------------------------------------------------------------


def examined(service: Service) -> Audit:
    """What the audit finds."""
    found: Audit = service.read(ACCOUNT, partial(examine, lambda _done, _total: None))
    return found


def answers(service: Service, pick: int) -> list[Any]:
    """Every KPI, cut by one subset of its dimensions, as a client gets it."""
    found: list[Any] = []
    for kpi in Kpi:
        by = subsets(kpi)[pick % len(subsets(kpi))]
        asked = service.ask(ACCOUNT, [kpi], by)
        [rows] = asked.kpis
        found.append((kpi, asked.answer_version.due, rows.held_back, rows.enabled))
        found.extend((row.key, *(None if n is None else n.tolist() for n in row[1:4])) for row in rows.rows)
    return found


def tables(service: Service) -> list[Any]:
    """All that is stored."""
    names = ("accounts", "events", "conversations", "counters", "deltas", "base_counters", "tombstones", "names")
    return [sorted(service.rows(f"SELECT * FROM {name}"), key=repr) for name in names]  # noqa: S608  # names of tables


def base_cells(service: Service) -> Cells:
    """The base facts, in every grouping, read pair by pair."""
    found: Cells = Counter()
    for measure, chunk, operator, group, widget, value, cells in service.rows(
        "SELECT measure, chunk, operator_id, group_id, widget_id, value, cells FROM base_counters"
    ):
        for slot, n in pairs_in(measure, cells):
            packed = str(slot // CHUNK) if measure in PACKED else value
            packed = cell_value(slot // CHUNK) if measure in DURATIONS else packed
            for key, times in keys(measure, packed, operator, group, widget, chunk * CHUNK + slot % CHUNK):
                found[key] += n * times
    return found


def facts_of(effects: Iterable[Effect]) -> tuple[Counter[Counted], Counter[Counted]]:
    """What effects count, and what they hold back."""
    counted: Counter[Counted] = Counter()
    held: Counter[Counted] = Counter()
    for effect in effects:
        if isinstance(effect, FactChange):
            f = effect.fact
            fact = (f.kpi, f.value, f.operator, f.group, f.widget, f.instant)
            of = counted if effect.change in {Change.COUNTED, Change.TAKEN_BACK} else held
            of[fact] += 1 if effect.change in {Change.COUNTED, Change.HELD} else -1
    return counted, held


def plus(first: Cells, second: Cells) -> Cells:
    """Their sum, without zeros."""
    sums = Counter(first)
    sums.update(second)
    return Counter({key: n for key, n in sums.items() if n})


def minus(first: Cells, second: Cells) -> Cells:
    """Their difference, without zeros."""
    return plus(first, Counter({key: -n for key, n in second.items()}))


# --- whatever happens ------------------------------------------------------------------------------------------------


class RemovalMachine(RuleBasedStateMachine):
    """One account into which events come in any order, between purges and erasures."""

    def __init__(self) -> None:
        super().__init__()
        self.service = Service()
        self.now = Micros(0)
        self.horizon = Micros(0)
        self.coming: list[tuple[ConversationId, Event]] = []
        self.sent: list[tuple[ConversationId, Event]] = []
        self.instants: list[Micros] = [START]
        self.log: dict[ConversationId, dict[EventId, Event]] = {}
        """What was accepted, of the conversations that are there; purged or not."""
        self.purged: dict[ConversationId, set[EventId]] = {}
        self.erased: set[ConversationId] = set()
        self.anonymous: Cells = Counter()
        """The counts of erased conversations that stay."""
        self.judged = True
        """Whether the oracle can still be asked: no event came that takes a purged one back."""

    def teardown(self) -> None:
        try:
            self.time_passes(len(self.instants) - 1)
            self.counters_are_the_facts()
            self.the_audit_is_clean()
            self.pack()
            self.counters_are_the_facts()
            self.the_audit_is_clean()
        finally:
            self.service.end()

    # What there is.

    def high_water(self) -> Micros:
        mark: Micros = self.service.read(ACCOUNT, lambda view: view.account().high_water)
        return mark

    def logged(self, conversation: ConversationId) -> tuple[Any, list[Event]]:
        """A conversation's row, and those of its events that are there."""

        def both(tx: Any) -> tuple[Any, list[Event]]:
            return tx.conversations([conversation])[conversation], tx.log(conversation)

        found: tuple[Any, list[Event]] = self.service.write(ACCOUNT, both)
        return found

    def folded(self, conversation: ConversationId) -> Cells:
        """What the events that are there make, onto the base state."""
        row, log = self.logged(conversation)
        return wanted_cells(*facts_of(fold(row.base, log, self.high_water())[1]))

    @staticmethod
    def held(cells: Cells) -> Cells:
        """What is held back, of these."""
        return Counter({key: n for key, n in cells.items() if key[0] > HELD})

    def judge(self, conversation: ConversationId) -> Cells:
        """What all events make, were they there."""
        events = self.log[conversation].values()
        high_water = self.high_water()
        return wanted_cells(oracle_facts(events, high_water), oracle_held(events, high_water))

    # What may happen.

    @initialize(count=st.integers(1, 3), data=st.data())
    def begin(self, count: int, data: st.DataObject) -> None:
        """Some conversations, whose events are going to come in any order, or almost in theirs."""
        for n in range(count):
            log = data.draw(conversations())
            shift = data.draw(st.sampled_from(SHIFTS))
            for event in log:
                kind = event.kind
                if isinstance(kind, WentLive):
                    kind = WentLive(kind.limit, kind.limit)
                moved = msgspec.structs.replace(event, occur_time=Micros(event.occur_time + shift), kind=kind)
                self.coming.append((ConversationId(f"c{n}"), moved))
            self.instants += [Micros(data.draw(nows(log)) + shift) for _ in range(3)]
            self.instants += [Micros(event.occur_time + shift) for event in log]
        self.instants.sort()
        late = set(data.draw(st.lists(st.integers(0, 80), max_size=4)))
        in_order = sorted(self.coming, key=lambda each: each[1].order)
        almost = [e for n, e in enumerate(in_order) if n not in late] + [e for n, e in enumerate(in_order) if n in late]
        self.coming = data.draw(st.one_of(st.just(in_order), st.just(almost), st.permutations(self.coming)))

    @rule(count=st.integers(1, 8), again=st.lists(st.integers(0, 99), max_size=3))
    def arrive(self, count: int, again: list[int]) -> None:
        """The next events come, and some that were sent before, whatever has become of them since."""
        batch = [*self.coming[:count]]
        self.coming = self.coming[count:]
        batch += [self.sent[n % len(self.sent)] for n in again if self.sent]
        present = {(c, row) for c, row in self.service.rows("SELECT conversation_id, event_id FROM events")}
        wanted = [self.verdict(each, present) for each in batch]
        [outcomes] = self.service.submit([(ACCOUNT, [Submitted(*each) for each in batch])])
        assert [each.reason if isinstance(each, Rejected) else each for each in outcomes] == wanted
        self.sent += batch

    def verdict(
        self, each: tuple[ConversationId, Event], present: set[tuple[ConversationId, EventId]]
    ) -> Verdict | Reason:
        conversation, event = each
        if conversation in self.erased:
            return Reason.CONVERSATION_ERASED
        if (conversation, event.event_id) in present:
            return Verdict.DUPLICATE
        if event.occur_time < self.horizon:
            return Reason.BEFORE_HORIZON
        present.add((conversation, event.event_id))
        self.log.setdefault(conversation, {})[event.event_id] = event
        if isinstance(event.kind, Retracted) and event.kind.event_id in self.purged.get(conversation, ()):
            self.judged = False
        return Verdict.ACCEPTED

    @rule(pick=st.integers(0, 99))
    def time_passes(self, pick: int) -> None:
        self.now = max(self.now, self.instants[pick % len(self.instants)])
        self.service.settle_all(self.now)

    @rule(pick=st.integers(0, 99))
    def part_of_the_log_is_purged(self, pick: int) -> None:
        """Counts stay to the letter. Nothing stays that is older, but where a limit is still to be settled."""
        horizon = self.instants[pick % len(self.instants)]
        self.horizon = max(self.horizon, horizon)
        before, cells = answers(self.service, pick), stored_cells(self.service, ACCOUNT)
        running = {
            c
            for c, due in self.service.rows("SELECT conversation_id, due FROM conversations WHERE due IS NOT NULL")
            if due < horizon
        }
        events = len(self.service.rows("SELECT 1 FROM events"))
        count = self.service.run(purge(self.service.store, ACCOUNT, horizon))
        left = self.service.rows("SELECT conversation_id, event_id, occur_time FROM events")
        assert count == events - len(left)
        assert {c for c, _, at in left if at < horizon} <= running
        there = {(c, event_id) for c, event_id, _ in left}
        for conversation, log in self.log.items():
            self.purged[conversation] = {event_id for event_id in log if (conversation, event_id) not in there}
        assert answers(self.service, pick) == before
        assert stored_cells(self.service, ACCOUNT) == cells

    @precondition(lambda self: self.log)
    @rule(pick=st.integers(0, 2), keep_counts=st.booleans())
    def a_conversation_is_erased(self, pick: int, keep_counts: bool) -> None:  # noqa: FBT001  # hypothesis names it
        """With its counts or without them; the counts of the others stay."""
        conversation = sorted(self.log)[pick % len(self.log)]
        before, folded = stored_cells(self.service, ACCOUNT), self.folded(conversation)
        judged = self.judge(conversation)
        # What is held back is no count yet, and goes in either case.
        goes = self.held(folded) if keep_counts else folded
        self.service.run(erase(self.service.store, ACCOUNT, conversation, keep_counts=keep_counts))
        assert stored_cells(self.service, ACCOUNT) == minus(before, goes)
        # Facts of purged events are anonymous already, and stay.
        self.anonymous = plus(self.anonymous, minus(judged, goes))
        del self.log[conversation]
        self.erased.add(conversation)
        for table in ("events", "conversations"):
            query = f"SELECT 1 FROM {table} WHERE conversation_id = ?"  # noqa: S608  # names of tables
            assert self.service.rows(query, conversation) == []

    @precondition(lambda self: self.sent)
    @rule()
    def what_was_removed_is_sent_again(self) -> None:
        """It is refused, and changes nothing at all."""
        before = tables(self.service)
        present = set(self.service.rows("SELECT conversation_id, event_id FROM events"))
        gone = [(c, event) for c, event in self.sent if (c, event.event_id) not in present]
        [outcomes] = self.service.submit([(ACCOUNT, [Submitted(*each) for each in gone])])
        for (conversation, _), outcome in zip(gone, outcomes, strict=True):
            erased = conversation in self.erased
            assert outcome.reason is (Reason.CONVERSATION_ERASED if erased else Reason.BEFORE_HORIZON)
        assert tables(self.service) == before

    @rule()
    def pack(self) -> None:
        self.service.compact_all()

    @rule(crashed=st.booleans())
    def restart(self, crashed: bool) -> None:  # noqa: FBT001  # hypothesis passes it by name
        self.service.restart(crashed=crashed)

    @rule()
    def the_audit_is_clean(self) -> None:
        """The service's own examination finds nothing, and has looked at everything."""
        audit = examined(self.service)
        assert audit.clean
        assert audit.conversations == len(self.log)
        assert [(audit.events,)] == self.service.rows("SELECT count(*) FROM events")

    # What must be true.

    @invariant()
    def counters_are_the_facts(self) -> None:
        """Base facts + fold(base states, remaining events); and, as to the oracle, as if nothing had been purged."""
        stored = stored_cells(self.service, ACCOUNT)
        law, judged = base_cells(self.service), self.anonymous
        for conversation in self.log:
            law = plus(law, self.folded(conversation))
            judged = plus(judged, self.judge(conversation))
        assert stored == law
        if self.judged:
            assert stored == judged


PROFILE = settings.get_profile("laws")
RemovalMachine.TestCase.settings = settings(PROFILE, max_examples=PROFILE.max_examples // 4, stateful_step_count=12)
TestRemoval = RemovalMachine.TestCase


# --- laws that chance seldom meets -----------------------------------------------------------------------------------

CONVERSATION = ConversationId("c")


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.end()


def event(event_id: str, at: int, kind: Kind) -> Event:
    return Event(EventId(event_id), Micros(START + at * GRID), 0, WIDGETS[0], kind)


def take(service: Service, *events: Event) -> list[Verdict | Reason]:
    [outcomes] = service.submit([(ACCOUNT, [Submitted(CONVERSATION, e) for e in events])])
    return [each.reason if isinstance(each, Rejected) else each for each in outcomes]


def counts_as(service: Service, events: list[Event]) -> bool:
    """Whether the counters are the oracle's facts of these events, and clean."""
    high_water = service.read(ACCOUNT, lambda view: view.account().high_water)
    wanted = wanted_cells(oracle_facts(events, high_water), oracle_held(events, high_water))
    return stored_cells(service, ACCOUNT) == wanted and examined(service).clean


CHAIN = [
    event("m", 0, Message(Sender.CONTACT)),
    event("a", 0, Assigned(ANNA, SALES)),
    # The first retraction comes before the second, and so does not take it back: the rating does not count.
    event("r1", 1, Retracted(EventId("r2"))),
    event("r2", 3, Retracted(EventId("rating"))),
    event("rating", 5, Rated(4)),
]


@given(st.permutations(CHAIN), st.lists(st.integers(0, 6), max_size=3), st.integers(0, len(CHAIN)))
@settings(max_examples=PROFILE.max_examples // 4)
def test_what_a_purged_retraction_names_stays_taken_back(order: list[Event], at: list[int], first: int) -> None:
    """Also where an earlier retraction names that retraction, which it cannot take back."""
    service = Service()
    try:
        take(service, *order[:first])
        accepted = order[:first]
        for horizon in sorted(at):
            service.run(purge(service.store, ACCOUNT, Micros(START + horizon * GRID)))
        for each in order[first:]:
            if take(service, each) == [Verdict.ACCEPTED]:
                accepted.append(each)
        purged = {e.event_id for e in order[:first] if at and e.occur_time < START + max(at) * GRID}
        late = {e.kind.event_id for e in order[first:] if e in accepted and isinstance(e.kind, Retracted)}
        assert purged & late or counts_as(service, accepted)
    finally:
        service.end()


@pytest.mark.parametrize("settled", [False, True])
def test_a_limit_exactly_at_the_horizon_is_still_open(service: Service, settled: bool) -> None:  # noqa: FBT001
    """An operator's message at that instant is in time, and is accepted: it takes the count back."""
    log = [event("l", 0, WentLive(LIMIT, LIMIT)), event("m", 0, Message(Sender.CONTACT))]
    take(service, *log)
    if settled:
        service.settle_all(Micros(START + GRID))
        assert counts_as(service, log)
    assert service.run(purge(service.store, ACCOUNT, Micros(START + GRID))) == 2
    assert counts_as(service, log)
    answer = event("o", 1, Message(Sender.OPERATOR))
    assert take(service, answer) == [Verdict.ACCEPTED]
    service.settle_all(Micros(START + 9 * GRID))
    assert counts_as(service, [*log, answer])


def test_a_limit_before_the_horizon_waits_for_its_time(service: Service) -> None:
    """Nothing is purged while a limit that passed is not settled; the next purge takes it, and it counts once.

    R-KEEP-3.
    """
    log = [event("l", 0, WentLive(LIMIT, LIMIT)), event("m", 0, Message(Sender.CONTACT))]
    take(service, *log)
    assert service.run(purge(service.store, ACCOUNT, Micros(START + 2 * GRID))) == 0
    assert take(service, event("o", 1, Message(Sender.OPERATOR))) == [Reason.BEFORE_HORIZON]
    again = event("l2", 4, WentLive(LIMIT, LIMIT))
    assert take(service, again) == [Verdict.ACCEPTED]
    service.settle_all(Micros(START + 9 * GRID))
    assert counts_as(service, [*log, again])
    assert service.run(purge(service.store, ACCOUNT, Micros(START + 2 * GRID))) == 2
    assert counts_as(service, [*log, again])


def test_what_lies_at_the_horizon_stays(service: Service) -> None:
    """An event at the horizon is not purged, and another of that instant is still accepted, in either order.

    R-KEEP-2.
    """
    log = [
        event("m", 0, Message(Sender.CONTACT)),
        event("t1", 1, TopicsSet((PRICE,))),
        event("t2", 2, TopicsSet((DELIVERY,))),
    ]
    take(service, *log)
    assert service.run(purge(service.store, ACCOUNT, Micros(START + 2 * GRID))) == 2
    earlier = event("s", 2, TopicsSet((PRICE,)))  # before t2 at its instant, and equal to what is purged
    assert take(service, earlier, *log) == [
        Verdict.ACCEPTED,
        Reason.BEFORE_HORIZON,
        Reason.BEFORE_HORIZON,
        Verdict.DUPLICATE,
    ]
    assert counts_as(service, [*log, earlier])


def test_an_erasure_overtakes_what_waits(service: Service) -> None:
    """Events of a conversation that were submitted before its erasure, but not stored by then, are refused."""
    first, second = event("m", 0, Message(Sender.CONTACT)), event("t", 1, TopicsSet((PRICE,)))
    take(service, first)

    async def together() -> Any:
        erasing = asyncio.create_task(erase(service.store, ACCOUNT, CONVERSATION, keep_counts=False))
        await asyncio.sleep(0)  # it is with the writer now
        outcomes = await service.ingest.submit(ACCOUNT, [Submitted(CONVERSATION, e) for e in (first, second)])
        await erasing
        return outcomes

    outcomes = service.run(together())
    assert [outcome.reason for outcome in outcomes] == [Reason.CONVERSATION_ERASED] * 2
    assert counts_as(service, [])
    again = service.run(erase(service.store, ACCOUNT, CONVERSATION, keep_counts=True))
    assert (again.events, again.facts) == (0, 0)
