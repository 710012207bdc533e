"""Explains a count: the conversations and events behind it, and those that were left out.

The conversations are found by an index over the time in which anything happened in them, and folded again: what is
explained is what is counted, by the same rules.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from telwerkd.application.clock import Clock
from telwerkd.application.ports import (
    AccountView,
    AnswerVersion,
    BaseFactsView,
    Conversation,
    DisplayNamesView,
    LogView,
    OpeningHoursView,
    ReadStore,
    TimersView,
)
from telwerkd.application.query.question import Query, check
from telwerkd.application.settings import zone_name
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.catalogue.service_times import ServiceTimeInfo
from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.facts import Change, Fact, FactChange, LeftOut, Rule
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.counting.cells import chunks_within
from telwerkd.domain.counting.durations import SUM
from telwerkd.domain.counting.measures import has_durations, has_packed_values, measure_of
from telwerkd.domain.counting.reading import unpacked
from telwerkd.domain.display_names import NameKey, keys_of_ids, keys_of_value
from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.domain.time import calendar
from telwerkd.domain.time.opening_hours import OpenHours, ScheduleId
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.process.tracing import stage

T = TypeVar("T")

Cursor = tuple[Micros, ConversationId]
"""A conversation's cursor in the order of pages: when something last happened in it, and its id."""

_READ_AT_ONCE = 200

_EVENT_MS = 0.02
"""About what it takes to read an event and to fold it."""


class PageBounds(NamedTuple):
    """Limits of the work for one page.

    A page may be short, even empty, and still have a next one. At least one conversation is examined, however long.
    """

    folded_max: int = 2_000
    """Conversations folded."""
    events_max: int = 100_000
    """Their events."""
    listed_max: int = 20_000
    """Facts and events that the page lists."""

    def are_met(self, folded: int, events: int, listed: int) -> bool:
        """Whether the page ends here."""
        return folded >= self.folded_max or events >= self.events_max or listed >= self.listed_max


_BOUNDS = PageBounds()


class LeftOutEvent(NamedTuple):
    """An event that looked countable and was not counted."""

    event_id: EventId
    occur_time: Micros
    rule: Rule


class Explained(NamedTuple):
    """The facts that one conversation adds to a count."""

    conversation: ConversationId
    counted: list[Fact]
    held_back: list[Fact]
    left_out: list[LeftOutEvent]

    @property
    def size(self) -> int:
        """How many facts and events are listed."""
        return len(self.counted) + len(self.held_back) + len(self.left_out)


class Explanation(NamedTuple):
    """A page of the conversations behind a count."""

    conversations: list[Explained]
    next: Cursor | None
    """The cursor of the next page; None on the last."""
    unexplainable: int
    """Base facts in the count: those of purged or erased events, which cannot be listed."""
    complete_until: Micros
    event_count: int
    """The number of events of the examined conversations."""
    names: Mapping[NameKey, str]
    """The display names of the ids in it, if they were asked for."""


class Explanations:
    """Explains the counts of a store."""

    def __init__(
        self,
        store: ReadStore,
        readers: Readers,
        clock: Clock,
        spent: Callable[[AccountId, float], None] = lambda _account, _milliseconds: None,
        bounds: PageBounds = _BOUNDS,
    ) -> None:
        """`spent` receives the cost of an account's requests, in estimated milliseconds."""
        self._spent = spent
        self._bounds = bounds
        self._store = store
        self._readers = readers
        self._clock = clock

    async def explain(self, query: Query, after: Cursor | None, size: int, then: Callable[[Explanation], T]) -> T:
        """Reads a page of `size` conversations after a cursor, and returns what `then` makes of it in a thread.

        The query has one KPI and no grouping.

        Raises:
            InvalidArgumentError: see `Queries.ask`.
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer.
        """
        check(query)
        now = self._clock.now()

        async def job() -> T:
            with stage("read"):
                found = await self._store.read(
                    query.account, partial(explain, query, after, size, now, bounds=self._bounds)
                )
            self._spent(query.account, found.event_count * _EVENT_MS)
            with stage("encode"):
                return await self._readers.in_thread(lambda: then(found))

        return await self._readers.run(query.account, job)


class ExplanationView(AccountView, OpeningHoursView, LogView, TimersView, BaseFactsView, DisplayNamesView, Protocol):
    """The reads of an explanation: the log, and the base facts."""


def explain(
    query: Query,
    after: Cursor | None,
    size: int,
    now: Micros,
    snapshot: ExplanationView,
    *,
    bounds: PageBounds = _BOUNDS,
) -> Explanation:
    """Returns a page of an explanation, on a view of its account."""
    account, kpi = snapshot.account(), query.kpis[0]
    if kpi.since_rules > account.rules_version:
        raise InvalidArgumentError.of(
            RequestPart.KPI,
            f"{kpi.id} is not counted of this account yet: `telwerkd rebuild` counts it",
            Reason.NOT_YET_COUNTED,
        )
    high_water = account.high_water
    span = query.range.quarter_hours(calendar.zone(query.time_zone or zone_name(snapshot)))
    hours = snapshot.opening_hours if isinstance(kpi, ServiceTimeInfo) else None
    slice_ = _Slice(query, *span.instants, hours)
    page: list[Explained] = []
    last: Cursor | None = None
    events = listed = 0
    found = enumerate(_conversations(snapshot, slice_, after), start=1)
    for folded, (cursor, conversation, row) in found:
        log = snapshot.log(conversation)
        _, effects = fold(row.base, log, high_water)
        explained = slice_.of(conversation, effects, log)
        events += len(log)
        if explained is not None:
            page.append(explained)
            listed += explained.size
        if len(page) == size or bounds.are_met(folded, events, listed):
            last = cursor
            break
    complete_until = AnswerVersion(0, snapshot.earliest_due()).complete_until(now)
    names = snapshot.display_names_of(_keys(query, page)) if query.include_names else {}
    return Explanation(page, last, _unexplainable(query, span, snapshot), complete_until, events, names)


def _keys(query: Query, page: Iterable[Explained]) -> set[NameKey]:
    """Returns the keys of the things in a page that can have display names."""
    facts = {
        (fact.operator, fact.group, fact.widget, fact.value)
        for explained in page
        for fact in (*explained.counted, *explained.held_back)
    }
    kind = query.kpis[0].value_kind
    keys = {key for operator, group, widget, _ in facts for key in keys_of_ids([operator], [group], [widget])}
    return keys | {key for *_, value in facts for key in keys_of_value(kind, value)}


def _conversations(
    snapshot: LogView, slice_: "_Slice", after: Cursor | None
) -> Iterator[tuple[Cursor, ConversationId, Conversation]]:
    while True:
        rows = snapshot.conversations_in(slice_.start, slice_.end, after, _READ_AT_ONCE)
        for conversation, row in rows:
            after = (row.last_time, conversation)
            yield after, conversation, row
        if len(rows) < _READ_AT_ONCE:
            return


class _Slice:
    """The part of a conversation that belongs to a count: KPI, range and filter."""

    def __init__(
        self, query: Query, start: Micros, end: Micros, opening_hours: Callable[[ScheduleId], OpenHours] | None
    ) -> None:
        """`opening_hours` looks up those of service times; None where the KPI is not in service time."""
        self._opening_hours = opening_hours
        self.start = start
        self.end = end
        self._kpi = query.kpis[0].kpi
        self._filter = query.filter

    def of(self, conversation: ConversationId, effects: Iterable[Effect], log: list[Event]) -> Explained | None:
        """Returns the facts that a conversation adds, and what it leaves out; None if there is neither."""
        signed: dict[bool, Counter[Fact]] = {True: Counter(), False: Counter()}
        left_out: list[LeftOutEvent] = []
        released: list[Fact] = []
        events = {event.event_id: event for event in log}
        for effect in effects:
            match self._measured(effect):
                case FactChange(change=change, fact=fact) if fact.kpi == self._kpi:
                    held = change in {Change.HELD, Change.RELEASED}
                    signed[held][fact] += 1 if change in {Change.COUNTED, Change.HELD} else -1
                    if change is Change.TAKEN_BACK:
                        left_out += self._left_out(fact.event_id, fact.instant, fact.widget, Rule.REPLACED)
                    elif change is Change.RELEASED:
                        released.append(fact)
                    elif change is Change.COUNTED and fact in released:
                        released.remove(fact)
                case LeftOut(kpi=kpi, event_id=event_id, rule=rule) if kpi == self._kpi and event_id in events:
                    event = events[event_id]
                    left_out += self._left_out(event_id, event.occur_time, event.widget_id, rule)
                case _:
                    pass
        # Released and not counted: topics that newer ones replaced before the first message.
        for fact in released:
            left_out += self._left_out(fact.event_id, fact.instant, fact.widget, Rule.REPLACED)
        counted, held_back = self._facts(signed[False]), self._facts(signed[True])
        if not (counted or held_back or left_out):
            return None
        return Explained(conversation, counted, held_back, left_out)

    def _measured(self, effect: Effect) -> Effect:
        """Returns an effect as it is; of a KPI in service time, with the part of its duration that counts."""
        hours = self._opening_hours
        if hours is None or type(effect) is not FactChange or effect.fact.kpi is not self._kpi:
            return effect
        if effect.in_hours is None:
            return LeftOut(effect.fact.kpi, effect.fact.event_id, Rule.NO_OPENING_HOURS)
        fact, in_hours = effect.fact, effect.in_hours
        value = hours(in_hours.schedule).duration_value(in_hours.since, fact.instant)
        return FactChange(effect.change, msgspec.structs.replace(fact, value=value))

    def _facts(self, facts: Counter[Fact]) -> list[Fact]:
        kept = (fact for fact in facts.elements() if self._keeps(fact))
        return sorted(kept, key=lambda fact: (fact.instant, fact.event_id, fact.value))

    def _keeps(self, fact: Fact) -> bool:
        kept = self._filter
        return (
            self.start <= fact.instant < self.end
            and kept.keeps(fact.operator, fact.group, fact.widget)
            and kept.keeps_value(fact.value)
        )

    def _left_out(self, event_id: EventId, instant: Micros, widget: WidgetId, rule: Rule) -> list[LeftOutEvent]:
        shown = self.start <= instant < self.end and self._filter.widgets.keeps(widget)
        return [LeftOutEvent(event_id, instant, rule)] if shown else []


def _unexplainable(query: Query, span: QuarterHourRange, snapshot: BaseFactsView) -> int:
    info = query.kpis[0]
    packs, measure = has_packed_values(info.kpi), measure_of(info)
    chunks = chunks_within(span.start, span.end)
    kept = query.filter
    rows = [
        row
        for row in snapshot.base_cells(measure, chunks.start, chunks.stop - 1)
        if kept.keeps(row.operator, row.group, row.widget) and (packs or kept.keeps_value(row.value))
    ]
    cells = unpacked(measure, [row.chunk for row in rows], [row.cells for row in rows])
    in_range = (cells.quarter_hour >= span.start) & (cells.quarter_hour < span.end)
    if has_durations(measure):
        in_range &= cells.code != SUM
    return sum(
        n
        for code, n in zip(cells.code[in_range].tolist(), cells.n[in_range].tolist(), strict=True)
        if not packs or query.filter.values.keeps(str(code))
    )
