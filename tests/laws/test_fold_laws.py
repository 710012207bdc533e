"""The laws of the fold, for every conversation there may be: each docstring is a law, the oracle is the judge."""

from collections import Counter
from collections.abc import Iterable

import msgspec
from hypothesis import given, settings, strategies as st

from telwerkd.domain.conversation.effects import Effect, left_out_by_retraction
from telwerkd.domain.conversation.events import Event, Retracted
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.conversation.fold import carried, fold, follows, run
from telwerkd.domain.conversation.response_timer import settle
from telwerkd.domain.conversation.retractions import retract
from telwerkd.domain.conversation.state import CURRENT_RULES, State, empty
from telwerkd.domain.ids import EventId, Micros, WidgetId
from tests.generate import Batch, deliveries, nows, observations
from tests.oracle import oracle_facts, oracle_held, oracle_in_hours
from tests.oracle_two import Timed
from tests.oracle_words import Counted

EMPTY = empty(CURRENT_RULES)

often = settings(max_examples=4 * settings.get_profile("laws").max_examples)
"""For the two laws that the others only sharpen."""

SIGNS = {Change.COUNTED: 1, Change.TAKEN_BACK: -1, Change.HELD: 1, Change.RELEASED: -1}
HELD_BACK = {Change.HELD, Change.RELEASED}


class Counters:
    """What counts, in service time too, and what is held back, as sums of effects. A count of zero is no count."""

    def __init__(self) -> None:
        self.facts: Counter[Counted] = Counter()
        self.held: Counter[Counted] = Counter()
        self.in_hours: Counter[Timed] = Counter()

    def add(self, effects: Iterable[Effect], sign: int = 1) -> None:
        for effect in effects:
            if isinstance(effect, FactChange):
                self._add(effect, sign)

    def _add(self, outcome: FactChange, sign: int) -> None:
        counter = self.held if outcome.change in HELD_BACK else self.facts
        key = counted(outcome.fact)
        counter[key] += sign * SIGNS[outcome.change]
        if counter[key] == 0:
            del counter[key]
        if outcome.in_hours is not None:
            self.in_hours[(outcome.in_hours.since, outcome.in_hours.schedule, key)] += sign * SIGNS[outcome.change]

    def negative(self) -> list[Counted | Timed]:
        counters = (self.facts, self.held, self.in_hours)
        return [key for counter in counters for key, n in counter.items() if n < 0]


def counted(fact: Fact) -> Counted:
    return (fact.kpi, fact.value, fact.operator, fact.group, fact.widget, fact.instant)


def folded(log: list[Event], now: Micros) -> Counters:
    counters = Counters()
    counters.add(fold(EMPTY, log, now)[1])
    return counters


def judge(counters: Counters, log: list[Event], now: Micros) -> None:
    assert counters.facts == oracle_facts(log, now)
    assert counters.held == oracle_held(log, now)
    assert Counter({timed: n for timed, n in counters.in_hours.items() if n}) == oracle_in_hours(log)


class Service:
    """Keeps counters the way the service does: a stored log, state and high-water mark, and one batch after another."""

    def __init__(self) -> None:
        self.log: dict[EventId, Event] = {}
        self.state: State = EMPTY
        self.now = Micros(0)
        self.counters = Counters()

    def receive(self, batch: Batch) -> None:
        old = list(self.log.values())
        new = {e.event_id: e for e in batch.events if e.event_id not in self.log}
        effects = self._stepped(sorted(new.values(), key=lambda e: e.order), batch.now)
        self.log |= new
        if effects is None:
            _, before = fold(EMPTY, old, self.now)
            self.state, effects = fold(EMPTY, self.log.values(), batch.now)
            self.counters.add(before, -1)
        self.counters.add(effects)
        self.now = batch.now

    def _stepped(self, new: list[Event], now: Micros) -> list[Effect] | None:
        """Steps all of a batch onto the state, or nothing if one of them does not follow."""
        if not follows(self.state, new):
            return None
        state, effects = run(self.state, new)
        self.state, more = settle(state, now)
        return [*effects, *more]


# --- (a) the fold and the rules -------------------------------------------------------------------------------------


@often
@given(observations(hours=True), st.data())
def test_fold_counts_what_the_rules_count(seen: Batch, data: st.DataObject) -> None:
    """At any instant, a conversation's facts and its held-back facts are those of docs/rules.md (R-FACT-1).

    So are the durations that count in service time, each from when and by which opening hours (R-SERVICE-2).
    """
    log, now = seen
    for instant in {now, *data.draw(st.lists(nows(log), max_size=3))}:
        judge(folded(log, instant), log, instant)


@given(observations())
def test_what_is_counted_names_its_occasion(seen: Batch) -> None:
    """A fact's KPI names the event among its occasions: if it is taken back, the fact is left out (R-BACK-1)."""
    log, now = seen
    kinds = {event.event_id: event for event in log}
    for effect in fold(EMPTY, log, now)[1]:
        if isinstance(effect, FactChange):
            taken_back = left_out_by_retraction(kinds[effect.fact.event_id], CURRENT_RULES)
            assert effect.fact.kpi in {each.kpi for each in taken_back}


# --- (b) arrival never matters --------------------------------------------------------------------------------------


@often
@given(deliveries(hours=True))
def test_arrival_never_matters(delivery: list[Batch]) -> None:
    """In any order and any batching, after every batch: the counters are right, and the state is to the letter.

    R-ORDER-8.
    """
    service = Service()
    for batch in delivery:
        service.receive(batch)
        log = list(service.log.values())
        judge(service.counters, log, batch.now)
        assert service.state == fold(EMPTY, log, batch.now)[0]


@given(deliveries(hours=True))
def test_a_log_has_no_order_of_its_own(delivery: list[Batch]) -> None:
    """A fold over the same events in another order gives the same state and the same effects."""
    arrived = [e for batch in delivery for e in batch.events]
    now = delivery[-1].now
    state, effects = fold(EMPTY, arrived, now)
    in_order_state, in_order_effects = fold(EMPTY, sorted(arrived, key=lambda e: e.order), now)
    assert state == in_order_state
    assert Counter(effects) == Counter(in_order_effects)


# --- (c) duplicates -------------------------------------------------------------------------------------------------


@given(deliveries(resends=True, hours=True))
def test_duplicates_change_nothing(delivery: list[Batch]) -> None:
    """Events that are sent again, in the same batch or a later one, count once (R-DUP-1)."""
    service = Service()
    for batch in delivery:
        service.receive(batch)
        judge(service.counters, list(service.log.values()), batch.now)
    assert service.state == fold(EMPTY, service.log.values(), service.now)[0]


@given(observations(hours=True))
def test_an_event_never_follows_itself(seen: Batch) -> None:
    """No event that stands can be stepped a second time onto a state that has it: a resend is late at best."""
    state, _ = fold(EMPTY, seen.events, seen.now)
    gone = {e.kind.event_id for e in seen.events if isinstance(e.kind, Retracted)}
    assert not any(follows(state, [e]) for e in seen.events if e.event_id not in gone)


@given(deliveries(hours=True))
def test_a_run_is_a_step_for_each(delivery: list[Batch]) -> None:
    """Many events together lead where they lead one by one, and follow a state if each follows the one before."""
    state = EMPTY
    for batch in delivery:
        events = sorted(batch.events, key=lambda e: e.order)
        stepped, effects, each_follows = state, [], True
        for event in events:
            each_follows = each_follows and follows(stepped, [event])
            stepped, more = run(stepped, [event])
            effects += more
        assert run(state, events) == (stepped, effects)
        assert follows(state, events) == each_follows
        _, _, awaited = retract(events, state.awaited)
        state = msgspec.structs.replace(settle(stepped, batch.now)[0], awaited=awaited)


@given(observations(hours=True), st.data())
def test_taking_back_twice_is_taking_back_once(seen: Batch, data: st.DataObject) -> None:
    """A second retraction of the same event, itself not taken back, changes nothing that the first did not."""
    log, now = seen
    event_id = data.draw(st.sampled_from([e.event_id for e in log] or [EventId("absent")]))
    end = max((e.occur_time for e in log), default=Micros(0)) + 1
    first, second = (
        Event(EventId(f"last {n}"), Micros(end), n, WidgetId("shop"), Retracted(event_id)) for n in range(2)
    )
    once, twice = fold(EMPTY, [*log, first], now), fold(EMPTY, [*log, first, second], now)
    assert once == twice


# --- (d) totality ---------------------------------------------------------------------------------------------------


@given(deliveries(hours=True))
def test_step_is_total(delivery: list[Batch]) -> None:
    """A step onto any state, of any event, in order or not, gives a state; so does settling it."""
    state = EMPTY
    for batch in delivery:
        for event in batch.events:
            state, _ = run(state, [event])
            assert state.order == event.order
        state, _ = settle(state, batch.now)


# --- (e) no count below zero ----------------------------------------------------------------------------------------


@given(observations(hours=True))
def test_nothing_is_taken_back_that_was_not_counted(seen: Batch) -> None:
    """At no point of a fold is a net count, or a net number held back, below zero."""
    counters = Counters()
    for effect in fold(EMPTY, seen.events, seen.now)[1]:
        counters.add([effect])
        assert not counters.negative()


@given(deliveries(hours=True))
def test_no_counter_is_ever_negative(delivery: list[Batch]) -> None:
    """After no batch, however late its events, is a counter below zero."""
    service = Service()
    for batch in delivery:
        service.receive(batch)
        assert not service.counters.negative()


# --- (f) time -------------------------------------------------------------------------------------------------------


@given(observations(hours=True), st.data())
def test_settle_is_idempotent(seen: Batch, data: st.DataObject) -> None:
    """Settling again at the same instant, or at an earlier one, gives the very same state and no effect."""
    log, folded_at = seen
    now = data.draw(nows(log))
    state, _ = settle(fold(EMPTY, log, folded_at)[0], now)
    for again in (now, Micros(now - 1), min(now, folded_at)):
        same, effects = settle(state, again)
        assert same is state
        assert effects == ()


@given(observations(hours=True), st.data())
def test_settle_is_monotone(seen: Batch, data: st.DataObject) -> None:
    """Time only adds facts, each once, and it does not matter at which instants somebody looked."""
    log, first = seen
    last = max(first, data.draw(nows(log)))
    between = sorted(data.draw(st.lists(nows(log).map(lambda n: min(max(n, first), last)), max_size=3)))
    state, effects = fold(EMPTY, log, first)
    for now in (*between, last):
        state, more = settle(state, now)
        effects = [*effects, *more]
    assert (state, effects) == fold(EMPTY, log, last)
    assert folded(log, last).facts >= folded(log, first).facts


# --- (g) a base state -----------------------------------------------------------------------------------------------


@given(observations(hours=True), st.integers(0, 30))
def test_a_base_state_stands_for_its_events(seen: Batch, kept_max: int) -> None:
    """Counters are base facts plus the fold of what remains onto the base; the state is as if nothing had been purged.

    Only what is purged cannot be taken back any more.

    R-KEEP-1, R-KEEP-9.
    """
    log = sorted(seen.events, key=lambda e: e.order)
    purged, kept = log[: max(0, len(log) - kept_max)], log[max(0, len(log) - kept_max) :]
    gone = {e.event_id for e in purged}
    kept = [e for e in kept if not (isinstance(e.kind, Retracted) and e.kind.event_id in gone)]
    base_now = min([seen.now, *(Micros(e.occur_time - 1) for e in kept)])
    counters = Counters()
    base, effects = fold(EMPTY, purged, base_now)
    counters.add(effects)
    # The base state carries on what is not final, and tells of it again: base facts are the others.
    counters.add(carried(base), -1)
    state, effects = fold(base, kept, seen.now)
    counters.add(effects)
    judge(counters, purged + kept, seen.now)
    assert state == fold(EMPTY, purged + kept, seen.now)[0]
