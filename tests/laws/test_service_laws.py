"""The laws of the service, but for the network: whatever arrives, passes, is packed or crashes, it counts the log.

A state machine drives the real parts (a SQLite file, `Ingest`, `settle_due`, `Compaction`, `answer`) and knows what was
accepted; after every step the oracle says, at the account's stored high-water mark, what the counters must be.
"""

import asyncio
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import chain, combinations, product
from operator import methodcaller
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from telwerkd.application.batches import IngestLimits, Rejected, Submitted, Verdict
from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.application.query.question import Filter, Query, QueryLimits
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.application.settings import AccountSettings
from telwerkd.application.sharing.readers import Readers
from telwerkd.application.upkeep.upkeep import Compaction, settle_due
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.events import (
    Assigned,
    Event,
    GoalReached,
    Message,
    PageVisited,
    Sender,
    TopicsSet,
    WentLive,
)
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.conversation.state import CURRENT_RULES, empty
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import SECOND, AccountId, ConversationId, EventId, Micros, TopicId, WidgetId
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.storage.sql import records
from telwerkd.storage.sqlite.store import SqliteStore
from tests.cells import MEASURES, QUARTER_MICROS, stored_cells, wanted_cells
from tests.commands import Do
from tests.conftest import empty_database
from tests.generate import ANNA, BRAM, GRID, ORDER, QUOTE, SALES, START, WIDGETS, Batch, conversations, deliveries, nows
from tests.oracle import oracle_facts, oracle_held
from tests.oracle_words import Counted

ACCOUNTS = [AccountId("acme"), AccountId("other")]
PLAIN = (Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET, Dimension.VALUE)
FAR = Micros(4_000_000_000 * SECOND)
ALL_TIME = QuarterHourRange(1_900_000, 2_100_000)

ConversationKey: TypeAlias = tuple[AccountId, ConversationId]
# --- a service, with nothing between it and the tests ----------------------------------------------------------------


class Service:
    """What `telwerkd.server.wiring` wires, but for the network and the clock."""

    def __init__(self, limits: IngestLimits | None = None) -> None:
        self._folder = tempfile.mkdtemp(prefix="telwerk-laws-")
        self._limits = limits or IngestLimits(transaction_events_max=12)
        self._lives = 0
        self.runner = asyncio.Runner()
        self.path = Path(self._folder) / "0.db"
        self.path.write_bytes(empty_database())
        self._open()

    def _open(self) -> None:
        self.store = SqliteStore(self.path)
        self.ingest = Ingest(self.store, self._limits)
        self.compaction = Compaction(self.store)
        self._committing = self.run(self._start())

    async def _start(self) -> "asyncio.Task[None]":
        return asyncio.create_task(self.ingest.run())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def submit(self, batches: Iterable[tuple[AccountId, list[Submitted]]]) -> list[Any]:
        """Sends batches, each by a call of its own, all at the same time."""

        async def together() -> list[Any]:
            return await asyncio.gather(*(self.ingest.submit(*batch) for batch in batches), return_exceptions=True)

        found: list[Any] = self.run(together())
        return found

    def read(self, account: AccountId, work: Callable[[Any], Any]) -> Any:
        return self.run(self.store.read(account, work))

    def write(self, account: AccountId, work: Callable[[Any], Any]) -> Any:
        return self.run(self.store.write([(account, Do(work))]))[0]

    def settle(self, now: Micros, conversations_max: int = 500) -> bool:
        is_more: bool = self.run(settle_due(self.store, now, conversations_max))
        return is_more

    def settle_all(self, now: Micros, conversations_max: int = 500) -> None:
        while self.settle(now, conversations_max):
            pass

    def compact_all(self) -> None:
        """Compacts everything: what is as it was at the last look is due."""
        for _ in range(2):
            self.run(self.compaction.run_once())
        assert self.run(self.store.compactable()) == []

    def restart(self, *, crashed: bool) -> None:
        """Goes on from the file as it was left; after a crash, from the files as they lay there."""
        self._lives += 1
        path = Path(self._folder) / f"{self._lives}.db"
        if crashed:
            for left in Path(self._folder).glob(f"{self.path.name}*"):
                if not left.name.endswith("-shm"):
                    shutil.copy(left, left.with_name(left.name.replace(self.path.name, path.name)))
        self._stop()
        self.path = path if crashed else self.path
        self._open()

    def _stop(self) -> None:
        self.ingest.close()

        async def stopped() -> None:
            await self._committing
            await self.store.close()

        self.run(stopped())

    def end(self) -> None:
        self._stop()
        self.runner.close()
        shutil.rmtree(self._folder)

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """What the file says, past all of the service's own code."""
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(query, parameters).fetchall()
        finally:
            connection.close()

    def ask(self, account: AccountId, kpis: Iterable[Kpi], group_by: Iterable[Dimension] = ()) -> Answer:
        query = Query(account, tuple(CATALOGUE[kpi] for kpi in kpis), ALL_TIME, None, None, Filter(), tuple(group_by))
        found: Answer = self.read(account, partial(answer, query, QueryLimits(), RollupCache(0)))
        return found


# --- what is asked ---------------------------------------------------------------------------------------------------


@cache
def subsets(kpi: Kpi) -> list[tuple[Dimension, ...]]:
    dimensions = [dimension for dimension in CATALOGUE[kpi].dimensions if dimension in PLAIN]
    return list(chain.from_iterable(combinations(dimensions, n) for n in range(len(dimensions) + 1)))


def grouped(facts: Counter[Counted], kpi: Kpi, by: Iterable[Dimension]) -> Counter[tuple[str | None, ...]]:
    """The facts of a KPI by operator, group, widget and value; None where not grouped by it."""
    sums: Counter[tuple[str | None, ...]] = Counter()
    for (of, value, *where, _), n in facts.items():
        if of == kpi:
            parts = zip(PLAIN, [*where, value], strict=True)
            sums[tuple(part if dimension in by else None for dimension, part in parts)] += n
    return sums


# --- what is sent ----------------------------------------------------------------------------------------------------

# What the service must find out by the settings: limits that are not sent along, and which goals a page reaches.
SENT_LIMITS = {GRID, 6 * GRID}
PAGES = {
    (): "https://shop.example/",
    (QUOTE,): "https://shop.example/quote",
    (ORDER, QUOTE): "https://shop.example/both",
}
GOALS = (
    Goal(ORDER, "https://shop.example/both"),
    Goal(QUOTE, "https://shop.example/quote"),
    Goal(QUOTE, "https://shop.example/both"),
)
REACHED = {"https://shop.example/quote": (QUOTE,), "https://shop.example/both": (ORDER, QUOTE)}

widget_versions = st.builds(
    WidgetVersion,
    st.sampled_from([0, 1, 3, 9]).map(lambda n: Micros(START + n * GRID)),
    st.sampled_from([None, 1, 2, 6, 20]).map(lambda n: None if n is None else Micros(n * GRID)),
    st.sampled_from([(), GOALS, GOALS]),
    st.just(()),
)

# Conversations at the same time, over the end of a quarter-hour, in another chunk.
SHIFTS = [0, 0, 0, -SECOND, QUARTER_MICROS - SECOND, 40 * 96 * QUARTER_MICROS, -40 * 96 * QUARTER_MICROS]


def as_sent(conversation: ConversationId, event: Event) -> Submitted:
    """A generated event as a producer sends it."""
    match event.kind:
        case WentLive(limit=limit):
            live = WentLive(limit, limit) if limit in SENT_LIMITS else WentLive()
            return Submitted(conversation, msgspec.structs.replace(event, kind=live))
        case PageVisited(goals=goals):
            visited = PageVisited(PAGES[goals].encode())
            return Submitted(conversation, msgspec.structs.replace(event, kind=visited), PAGES[goals])
        case _:
            return Submitted(conversation, event)


def resolved(submitted: Submitted, versions: dict[Micros, WidgetVersion]) -> Event:
    """The event as the rules resolve it: by the version "effective at its `occur_time`", or by the first."""
    event = submitted.event
    begun = [at for at in versions if at <= event.occur_time]
    version = versions[max(begun)] if begun else versions[min(versions)] if versions else None
    if isinstance(event.kind, WentLive) and event.kind.sent_limit is None:
        return msgspec.structs.replace(event, kind=WentLive(None, version.live_limit if version else None))
    if isinstance(event.kind, PageVisited) and submitted.url in REACHED and version and version.goals:
        return msgspec.structs.replace(event, kind=PageVisited(event.kind.url_digest, REACHED[submitted.url]))
    return event


def altered(submitted: Submitted) -> Submitted:
    """The same id with another content."""
    event = submitted.event
    kind = Message(Sender.BOT if event.kind == Message(Sender.OPERATOR) else Sender.OPERATOR)
    changed = (
        msgspec.structs.replace(event, kind=kind) if event.sequence else msgspec.structs.replace(event, sequence=7)
    )
    return Submitted(submitted.conversation, changed, submitted.url)


class ServiceMachine(RuleBasedStateMachine):
    """Everything that may happen to the service, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.service = Service()
        self.now = Micros(0)
        self.high_water = dict.fromkeys(ACCOUNTS, Micros(0))
        self.versions: dict[tuple[AccountId, WidgetId], dict[Micros, WidgetVersion]] = {}
        self.coming: dict[ConversationKey, list[Batch]] = {}
        self.instants: list[Micros] = []
        self.log: dict[ConversationKey, dict[EventId, Event]] = {}
        self.sent: dict[ConversationKey, dict[EventId, Submitted]] = {}
        self._facts: dict[tuple[object, ...], Counter[Counted]] = {}

    def teardown(self) -> None:
        try:
            for account, pick in product(ACCOUNTS, (-1, 0)):
                self.ask(account, pick)
            self.service.settle_all(self.now)
            self.service.compact_all()
            self.counters_are_the_facts_of_the_log()
            self.everything_is_stored()
        finally:
            self.service.end()

    # What there is.

    def facts(self, account: AccountId, now: Micros) -> Counter[Counted]:
        return self._sum("facts", oracle_facts, account, now)

    def held(self, account: AccountId) -> Counter[Counted]:
        return self._sum("held", oracle_held, account, Micros(0))

    def _sum(
        self, name: str, judge: Callable[[Iterable[Event], int], Counter[Counted]], account: AccountId, now: Micros
    ) -> Counter[Counted]:
        sums: Counter[Counted] = Counter()
        for key, log in self.log.items():
            if key[0] == account:
                known = (name, key, len(log), now)
                if known not in self._facts:
                    self._facts[known] = judge(log.values(), now)
                sums.update(self._facts[known])
        return sums

    # What may happen.

    @initialize(
        delivery=deliveries(resends=True),
        versions=st.lists(widget_versions, min_size=len(WIDGETS), max_size=len(WIDGETS)),
    )
    def first(self, delivery: list[Batch], versions: list[WidgetVersion]) -> None:
        for widget, version in zip(WIDGETS, versions, strict=True):
            self.set_widget(ACCOUNTS[0], widget, version)
        self.begin(ACCOUNTS[0], delivery, 0)

    @rule(account=st.sampled_from(ACCOUNTS), delivery=deliveries(resends=True), shift=st.sampled_from(SHIFTS))
    def begin(self, account: AccountId, delivery: list[Batch], shift: int) -> None:
        """A conversation that is going to arrive. The accounts use the same ids."""
        conversation = ConversationId(f"c{sum(key[0] == account for key in self.coming)}")
        batches = [
            Batch(
                [msgspec.structs.replace(e, occur_time=Micros(e.occur_time + shift)) for e in batch.events],
                Micros(batch.now + shift),
            )
            for batch in delivery
        ]
        self.coming[account, conversation] = batches
        self.instants += [batch.now for batch in batches]

    @rule(account=st.sampled_from(ACCOUNTS), limits=st.lists(st.sampled_from([1, 6]), min_size=2, max_size=4))
    def begin_waiting(self, account: AccountId, limits: list[int]) -> None:
        """Contacts wait, many for the same limit; later there arrives that they were answered, and in time."""
        first = len(self.coming)
        for limit in limits:
            live = msgspec.structs.replace(said("l"), kind=WentLive(None, Micros(limit * GRID)))
            now = Micros(START + limit * GRID)
            answered = said("a", limit * GRID, Sender.OPERATOR)
            self.begin(account, [Batch([said("m"), live], now), Batch([answered], now)], 0)
        self.arrive(range(first, len(self.coming)), [])

    @rule(account=st.sampled_from(ACCOUNTS), widget=st.sampled_from(WIDGETS), version=widget_versions)
    def set_widget(self, account: AccountId, widget: WidgetId, version: WidgetVersion) -> None:
        self.service.run(
            AccountSettings(self.service.store, Readers(self.service.store, 10)).set_widget(account, widget, version)
        )
        self.versions.setdefault((account, widget), {})[version.effective_time] = version

    @rule(
        picks=st.lists(st.integers(0, 5), min_size=1, max_size=4),
        again=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=3),
    )
    def arrive(self, picks: Sequence[int], again: list[tuple[int, bool]]) -> None:
        """The next batches of some conversations arrive at once; with them events sent before, or with their ids."""
        calls: list[tuple[AccountId, list[Submitted]]] = []
        for pick in picks:
            key = list(self.coming)[pick % len(self.coming)]
            coming = self.coming[key].pop(0) if self.coming[key] else Batch([], Micros(0))
            calls.append((key[0], [as_sent(key[1], event) for event in coming.events]))
        for place, other in again:
            account, batch = calls[place % len(calls)]
            before = [each for key, sent in self.sent.items() if key[0] == account for each in sent.values()]
            if before:
                submitted = before[place % len(before)]
                batch.insert(0, altered(submitted) if other else submitted)
        wanted = [[self.verdict(account, submitted) for submitted in batch] for account, batch in calls]
        found = [
            [each.reason if isinstance(each, Rejected) else each for each in outcomes]
            for outcomes in self.service.submit(calls)
        ]
        assert found == wanted

    def verdict(self, account: AccountId, submitted: Submitted) -> Verdict | Reason:
        key = (account, submitted.conversation)
        event = submitted.event
        before = self.sent.setdefault(key, {}).get(event.event_id)
        if before is not None:
            return Verdict.DUPLICATE if before == submitted else Reason.EVENT_ID_REUSED
        self.sent[key][event.event_id] = submitted
        versions = self.versions.get((account, event.widget_id), {})
        self.log.setdefault(key, {})[event.event_id] = resolved(submitted, versions)
        return Verdict.ACCEPTED

    @precondition(lambda self: self.instants)
    @rule(pick=st.integers(0, 50), conversations_max=st.integers(1, 3))
    def some_limits_pass(self, pick: int, conversations_max: int) -> None:
        """Time passes (it never runs backwards), and one bounded turn looks for limits."""
        self.now = max(self.now, self.instants[pick % len(self.instants)])
        self.service.settle(self.now, conversations_max)

    @precondition(lambda self: self.instants)
    @rule(pick=st.integers(0, 50), conversations_max=st.integers(1, 3))
    def all_limits_pass(self, pick: int, conversations_max: int) -> None:
        """After enough turns every limit up to now has counted, and the mark stands for it."""
        self.some_limits_pass(pick, conversations_max)
        self.counters_are_the_facts_of_the_log()
        self.service.settle_all(self.now, conversations_max)
        assert self.service.run(self.service.store.accounts_due(self.now)) == []
        for account in ACCOUNTS:
            high_water = self.service.read(account, lambda view: view.account().high_water)
            assert self.facts(account, self.now) == self.facts(account, high_water)

    @rule(account=st.sampled_from(ACCOUNTS), measures=st.sets(st.sampled_from(MEASURES)), entries_max=st.integers(1, 5))
    def pack_some(self, account: AccountId, measures: set[int], entries_max: int) -> None:
        for measure in sorted(measures):
            self.service.write(account, partial(compact, measure=Measure(measure), entries_max=entries_max))

    @rule(turns=st.integers(1, 2))
    def pack(self, turns: int) -> None:
        for _ in range(turns):
            self.service.run(self.service.compaction.run_once())

    @rule(crashed=st.booleans())
    def restart(self, crashed: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        self.service.restart(crashed=crashed)

    # What must be true.

    @invariant()
    def counters_are_the_facts_of_the_log(self) -> None:
        """In every grouping, chunks and deltas are the facts at the high-water mark, which neither falls nor leads."""
        for account in ACCOUNTS:
            [(high_water,)] = self.service.rows(
                "SELECT coalesce(max(high_water), 0) FROM accounts WHERE account_id = ?", account
            )
            assert self.high_water[account] <= high_water <= self.now
            self.high_water[account] = high_water
            wanted = wanted_cells(self.facts(account, high_water), self.held(account))
            assert stored_cells(self.service, account) == wanted

    @rule(account=st.sampled_from(ACCOUNTS), pick=st.integers(0, 15))
    def ask(self, account: AccountId, pick: int) -> None:
        """All KPIs, cut by any dimensions; and the answer is complete until the next limit."""
        facts, held = self.facts(account, self.high_water[account]), self.held(account)
        for kpi in Kpi:
            by = subsets(kpi)[pick % len(subsets(kpi))]
            asked = self.service.ask(account, [kpi], by)
            [rows] = asked.kpis
            found = {tuple(row.key[:4]): int(row.counts.sum()) for row in rows.rows}
            assert len(found) == len(rows.rows), "two rows of one key"
            assert found == (grouped(facts, kpi, by) if by else {(None,) * 4: grouped(facts, kpi, by).total()})
            assert rows.held_back == sum(n for key, n in held.items() if key[0] == kpi)
            if kpi == Kpi.UNANSWERED_LIVE_CONVERSATIONS:
                self.complete(account, asked.answer_version.complete_until(FAR))

    def complete(self, account: AccountId, until: Micros) -> None:
        """The first instant at which a limit is still to count; `FAR` if there is none."""
        counted = self.facts(account, self.high_water[account])
        assert self.facts(account, Micros(until - 1)) == counted
        assert (self.facts(account, until) != counted) == (until != FAR)

    @rule()
    def everything_is_stored(self) -> None:
        """The log is what was accepted; a state is the fold of its conversation, which lies between its times."""
        for (account, conversation), log in self.log.items():
            stored = self.service.read(account, methodcaller("log", conversation))
            assert {e.event_id: e for e in stored} == log
            [(blob, first, last)] = self.service.rows(
                "SELECT state, first_time, last_time FROM conversations WHERE account_id = ? AND conversation_id = ?",
                *(account, conversation),
            )
            assert records.state_of(blob) == fold(empty(CURRENT_RULES), log.values(), self.high_water[account])[0]
            instants = [e.occur_time for e in stored]
            instants += [key[-1] for key in oracle_facts(log.values(), self.high_water[account])]
            assert first <= min(instants)
            assert max(instants) <= last


PROFILE = settings.get_profile("laws")
ServiceMachine.TestCase.settings = settings(max_examples=PROFILE.max_examples * 3 // 4, stateful_step_count=16)
TestService = ServiceMachine.TestCase


# --- laws that need no machine ---------------------------------------------------------------------------------------


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[list[Event]], Micros]:
    """A conversation in any order, cut into batches, and an instant after it all."""
    log = draw(conversations())
    arriving = draw(st.permutations(log))
    cuts = sorted(draw(st.lists(st.integers(0, len(log)), max_size=4)))
    batches = [arriving[i:j] for i, j in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    return batches, draw(nows(log))


@settings(max_examples=PROFILE.max_examples // 4)
@given(arrivals(), st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=5, max_size=5))
def test_the_tables_do_not_remember_how_it_came(
    arrived: tuple[list[list[Event]], Micros], between: list[tuple[int, bool, bool]]
) -> None:
    """Once all is settled and packed, the tables are the same to the byte as if all had come sorted, in one batch."""
    batches, now = arrived
    account, conversation = ACCOUNTS[0], ConversationId("c")
    whole = sorted((e for batch in batches for e in batch), key=lambda e: e.order)

    def tables(parts: list[list[Event]], steps: list[tuple[int, bool, bool]]) -> list[Any]:
        service = Service()
        try:
            for part, (earlier, settles, packs) in zip(parts, steps, strict=False):
                outcomes = service.submit([(account, [as_sent(conversation, event) for event in part])])
                assert outcomes == [[Verdict.ACCEPTED] * len(part)]
                if settles:
                    service.settle_all(Micros(now - earlier * GRID))
                if packs:
                    service.compact_all()
            service.settle_all(now)
            service.compact_all()
            return [
                service.rows("SELECT * FROM counters ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"),
                service.rows("SELECT account_id, conversation_id, due, state FROM conversations"),
                # Not when an event was accepted, which is how it came.
                service.rows(
                    "SELECT account_id, conversation_id, event_id, occur_time, body FROM events ORDER BY 1, 2, 3"
                ),
                service.rows("SELECT * FROM names ORDER BY 1, 2, 3"),
            ]
        finally:
            service.end()

    assert tables(batches, between) == tables([whole], [(0, False, False)])


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.end()


def said(event_id: str, at: int = 0, sender: Sender = Sender.CONTACT) -> Event:
    return Event(EventId(event_id), Micros(START + at), 0, WIDGETS[0], Message(sender))


@pytest.mark.parametrize("conversations_max", [1, 2, 3, 7, 100])
def test_a_backlog_is_worked_off_in_bounded_turns(service: Service, conversations_max: int) -> None:
    """After a long stop each limit counts once, those of one instant together, and no turn takes far too many."""
    account = ACCOUNTS[0]
    limits = [GRID * (1 + n // 4) for n in range(22)]
    live = [WentLive(Micros(limit), Micros(limit)) for limit in limits]
    service.submit(
        (
            account,
            [Submitted(ConversationId(f"c{n}"), e) for e in (said("m"), msgspec.structs.replace(said("l"), kind=k))],
        )
        for n, k in enumerate(live)
    )
    service.restart(crashed=True)
    before, again = 0, True
    while again:
        again = service.settle(FAR, conversations_max)
        [rows] = service.ask(account, [Kpi.UNANSWERED_LIVE_CONVERSATIONS]).kpis
        counted = int(rows.rows[0].counts.sum())
        high_water = service.read(account, lambda view: view.account().high_water)
        assert counted == sum(START + limit <= high_water for limit in limits)
        assert counted - before < conversations_max + 4
        assert again or counted == len(limits)
        before = counted


def test_one_bad_batch_does_not_sink_the_others(service: Service) -> None:
    """Of batches that share a transaction, all but the one that the database cannot take are stored and answered."""
    bad = Submitted(ConversationId("c"), msgspec.structs.replace(said("x"), widget_id=WidgetId("\ud800")))
    good = [Submitted(ConversationId("c"), said("y")), Submitted(ConversationId("d"), said("y"))]
    first, second, third, fourth = service.submit(
        [(ACCOUNTS[0], good[:1]), (ACCOUNTS[0], [good[1], bad]), (ACCOUNTS[1], good), (ACCOUNTS[0], good)]
    )
    assert first == [Verdict.ACCEPTED]
    assert isinstance(second, UnicodeEncodeError)
    assert third == [Verdict.ACCEPTED] * 2
    assert fourth == [Verdict.DUPLICATE, Verdict.ACCEPTED]
    assert service.rows("SELECT count(*) FROM events") == [(4,)]


def test_sent_again_is_answered_again() -> None:
    """A batch gets the same verdicts when it is sent again, but for accepted: duplicate; also after a restart."""
    account, c = ACCOUNTS[0], ConversationId("c")

    def event(event_id: str, kind: Any) -> Submitted:
        return Submitted(c, msgspec.structs.replace(said(event_id), kind=kind))

    batch = [
        event("1", Assigned(ANNA, SALES)),
        event("2", Assigned(BRAM, SALES)),  # a second operator is one too many
        event("1", Assigned(ANNA, SALES)),
        event("1", Assigned(BRAM, SALES)),
        event("3", GoalReached(ORDER)),
        event("4", GoalReached(QUOTE)),
        event("2", TopicsSet((TopicId("price"),))),  # the id was refused, so it is free
    ]
    wanted = [
        Verdict.ACCEPTED,
        Reason.TOO_MANY_VALUES,
        Verdict.DUPLICATE,
        Reason.EVENT_ID_REUSED,
        Verdict.ACCEPTED,
        Reason.TOO_MANY_VALUES,
        Verdict.ACCEPTED,
    ]
    repeated = [Verdict.DUPLICATE if verdict is Verdict.ACCEPTED else verdict for verdict in wanted]
    # The id is taken by now.
    repeated[1] = Reason.EVENT_ID_REUSED

    def verdicts(outcomes: list[Verdict | Rejected]) -> list[Verdict | Reason]:
        return [each.reason if isinstance(each, Rejected) else each for each in outcomes]

    service = Service(IngestLimits(names_max=1))
    try:
        first, second = service.submit([(account, batch), (account, batch)])
        assert verdicts(first) == wanted
        assert verdicts(second) == repeated
        for crashed in (False, True):
            service.restart(crashed=crashed)
            [outcomes] = service.submit([(account, batch)])
            assert verdicts(outcomes) == repeated
        [outcomes] = service.submit([(account, [event("5", Assigned(BRAM, SALES))])])
        assert verdicts(outcomes) == [Reason.TOO_MANY_VALUES]
        assert sorted(service.rows("SELECT name FROM names")) == [
            ("anna",),
            ("order",),
            ("price",),
            ("sales",),
            ("shop",),
        ]
    finally:
        service.end()
