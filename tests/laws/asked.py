"""What the laws of answers share: an account with conversations of fourteen months, queries made by chance, and what
must be answered, found slowly: the oracle's facts counted one by one, into buckets found by reading a clock on the wall
at every quarter-hour."""

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from itertools import pairwise
from random import Random
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, settings, strategies as st

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ports import ReadsInline, Store
from telwerkd.application.query.budgets import PointBudget
from telwerkd.application.query.question import Filter, Ids, Query, QueryLimits, Topics
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import ToThread, answer, answer_from, read_inline
from telwerkd.application.upkeep.upkeep import settle_due
from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.conversation.events import Event, Kind, WentLive
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange
from telwerkd.storage.location import SqliteFile, located
from telwerkd.storage.open_store import opened
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.transport.codec.query.answers import encode_answer
from tests.commands import Do
from tests.effort import rounds
from tests.generate import ACTIONS, ASSIGNED, CONTACT_WRITES, FAMILIES, LIVE, OPERATOR_WRITES, THEMES, WIDGETS
from tests.oracle import oracle_facts, oracle_held
from tests.oracle_words import Counted
from tests.postgres import fresh_database

PROFILE = settings.get_profile("laws")
law = settings(max_examples=PROFILE.max_examples * 3 // 2, suppress_health_check=[HealthCheck.too_slow])

ACCOUNT = AccountId("acme")
QUARTER_MICROS = 900_000_000
CONVERSATIONS = rounds(3_000)
EVENTS_MAX = 16
LIMITS = QueryLimits(buckets_max=100_000, points_max=100_000_000)

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]
FIRST_DAY, DAYS = date(2025, 9, 20), 425
"""Both changes of the clock, in each zone that has them, twice or once."""
EVENTFUL_DAYS = [
    *(date(2025, 10, 4), date(2025, 10, 5)),  # Lord Howe, forward by half an hour
    *(date(2025, 10, 26), date(2026, 3, 29), date(2026, 10, 25)),  # Berlin
    *(date(2025, 11, 2), date(2026, 3, 8), date(2026, 11, 1)),  # St John's
    *(date(2026, 4, 4), date(2026, 4, 5)),  # Lord Howe, back
    *(date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 1)),
]
FIRST = int(datetime(2025, 9, 20, tzinfo=UTC).timestamp()) // 900
LAST = FIRST + DAYS * 96
MARGIN = 520 * 96
"""A range begins days before `FIRST`; the period before it is as long again."""


# --- what is asked about ---------------------------------------------------------------------------------------------


def made_up(random: Random) -> Iterator[list[Event]]:
    """Conversations of fourteen months, a third of them about the days on which clocks change or years end."""
    themes: list[list[Kind]] = [
        *THEMES,
        *THEMES[:2],
        ACTIONS[-2:] + ASSIGNED,
        [kind for family in FAMILIES for kind in family],
    ]
    for _ in range(CONVERSATIONS):
        day = random.choice(EVENTFUL_DAYS) if random.random() < 0.3 else FIRST_DAY + timedelta(random.randrange(DAYS))
        start = (day - date(1970, 1, 1)).days * 96 + random.randrange(-48, 96)
        if random.random() < 0.04:
            yield answered_in_time(random, start)
            continue
        # Within a quarter-hour, over a few of them (their very ends among the instants), or over days.
        grid, steps = random.choice([(1_000_000, 900), (450_000_000, 8), (QUARTER_MICROS, 300)])
        kinds = random.choice(themes) + random.choice([[], ASSIGNED, ASSIGNED + CONTACT_WRITES])
        yield [
            Event(
                EventId(f"{n}"),
                Micros(start * QUARTER_MICROS + random.randrange(steps) * grid - random.choice([0, 0, 0, 1])),
                0,
                random.choice(WIDGETS),
                as_sent(kind),
            )
            for n, kind in enumerate(random.choices(kinds, k=random.randrange(1, EVENTS_MAX)))
        ]


def answered_in_time(random: Random, start: int) -> list[Event]:
    """What chance alone hardly brings about: an operator writes before a limit of seconds (KPI 13)."""
    kinds = [*random.sample(ASSIGNED, 1), LIVE[-1], *CONTACT_WRITES, *OPERATOR_WRITES]
    widget = random.choice(WIDGETS)
    at = start * QUARTER_MICROS + random.randrange(3_600) * 1_000_000
    return [
        Event(EventId(f"{n}"), Micros(at + n * 1_000_000), 0, widget, as_sent(kind)) for n, kind in enumerate(kinds)
    ]


def as_sent(kind: Kind) -> Kind:
    """What leads to it where the widget has no settings: its time limit is sent with it."""
    return msgspec.structs.replace(kind, sent_limit=kind.limit) if isinstance(kind, WentLive) else kind


Facts: TypeAlias = dict[Kpi, list[Counted]]


class World:
    """An account with all its facts, and the stores that answer about it: each the same, to the byte."""

    def __init__(self, runner: asyncio.Runner, stores: Sequence[Store], facts: Facts, held: Facts) -> None:
        self._runner = runner
        # Small, so that some of what was summed up goes again.
        self._stores = [(store, RollupCache(1 << 20)) for store in stores]
        self.facts = facts
        self.held = held
        self.asked = self.found_inline = 0

    def ask(self, query: Query) -> Answer:
        self.asked += 1
        first, *others = [self._answer(query, *of_store) for of_store in self._stores]
        others += [found for of_store in self._stores if (found := self._inline(query, *of_store)) is not None]
        for other in others:
            assert encoded(query, first) == encoded(query, other)
        return first

    def _answer(self, query: Query, store: Store, rollups: RollupCache) -> Answer:
        work: Callable[[Any], Answer] = partial(answer, query, LIMITS, rollups)
        return self._runner.run(store.read(ACCOUNT, work))

    def _inline(self, query: Query, store: Store, rollups: RollupCache) -> Answer | None:
        """The same from what is cached by now."""
        if not isinstance(store, ReadsInline):
            return None
        with store.inline_view(ACCOUNT) as view:
            found = read_inline(query, LIMITS, rollups, view)
        if isinstance(found, ToThread):
            return None
        self.found_inline += 1
        return answer_from(found, LIMITS, PointBudget(LIMITS.points_max))


NOW = Micros((LAST + 10_000) * QUARTER_MICROS)
"""When everything is complete."""


def encoded(query: Query, found: Answer) -> bytes:
    """What a client would get at a fixed instant; the same query on the wire does not matter for it."""
    totals = query.granularity is None
    request = pb.QueryTotalsRequest() if totals else pb.QueryTimeSeriesRequest(include_distribution=True)
    return encode_answer(request, found, NOW).finished(NOW)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, postgres: str, postgres_template: str) -> Iterator[World]:
    """On SQLite and on PostgreSQL."""
    random = Random(2026)  # noqa: S311 - any conversations will do
    logs = {ConversationId(f"c{n}"): log for n, log in enumerate(made_up(random))}
    now = Micros((LAST + 10_000) * QUARTER_MICROS)
    everything = [Submitted(c, event) for c, log in logs.items() for event in log]
    late = set(random.sample(range(len(everything)), len(everything) // 3))
    file = SqliteFile(tmp_path_factory.mktemp("world") / "telwerk.db")
    prepare(file.path)

    def facts_of(judge: Callable[[Iterable[Event], int], Counter[Counted]]) -> Facts:
        facts = [fact for log in logs.values() for fact in judge(log, now).elements()]
        return {kpi: [fact for fact in facts if fact[0] == kpi] for kpi in Kpi}

    with fresh_database(postgres, postgres_template) as url, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stores = [runner.run(stack.enter_async_context(opened(location))) for location in (file, located(url))]
        for store in stores:
            runner.run(fill(store, everything, late, now))
        world = World(runner, stores, facts_of(oracle_facts), facts_of(oracle_held))
        few = CONVERSATIONS // 60
        assert min(len(facts) for facts in world.facts.values()) > few, "too little happened to ask about"
        assert min(len(world.held[kpi]) for kpi in (Kpi.CONVERSATION_TOPICS, Kpi.PRE_CHAT_SURVEY_RESULTS)) > few
        yield world
        assert world.asked < 100 or world.found_inline > world.asked // 50, "hardly anything was at hand"
        runner.run(stack.aclose())


async def fill(store: Store, everything: Sequence[Submitted], late: Container[int], now: Micros) -> None:
    """Two thirds of the events come in order and are packed; of the rest, which come late, only some are."""
    measures = [*Kpi, *(100 + kpi for kpi in Kpi)]

    async def receive(events: Sequence[Submitted]) -> None:
        for n in range(0, len(events), 500):
            work = IngestBatch([events[n : n + 500]], IngestLimits())
            await store.write([(ACCOUNT, work)])
        while await settle_due(store, now):
            pass

    async def pack(which: Iterable[int]) -> None:
        for measure in which:
            await store.write([(ACCOUNT, Do(partial(compact, measure=Measure(measure), entries_max=1_000_000)))])

    await receive(sorted((s for n, s in enumerate(everything) if n not in late), key=lambda s: s.event.order))
    await pack(measures)
    # Not all of the rest, so that every answer is made of both.
    rest = [submitted for n, submitted in enumerate(everything) if n in late]
    await receive(rest[::2])
    await pack(measures[::2])
    await receive(rest[1::2])


# --- what is asked ---------------------------------------------------------------------------------------------------

OPERATORS = ["", "anna", "bram", "cees"]
GROUPS = ["", "sales", "support", "anna"]
WIDGET_IDS = [*WIDGETS, "web"]
TOPICS = ["price", "delivery", "weather"]
QUESTIONS = ["q1", "q2", "q3"]
ANSWERS = [*(answer_value("q1", option) for option in ("yes", "no", "maybe")), answer_value("q2", "big")]
TIMES_OF_WEEK = [
    [],
    [],
    [Dimension.WEEKDAY],
    [Dimension.HOUR_OF_DAY],
    [Dimension.WEEKDAY, Dimension.HOUR_OF_DAY],
]
VALUES = {
    Kpi.SATISFACTION_SCORE: ["1", "4", "5", "2"],
    Kpi.INACTIVITY_ACTIONS: [str(n) for n in range(1, 9)],
    Kpi.OFFLINE_ASSIGNMENTS: ["1", "2"],
    Kpi.GOALS_REACHED: ["order", "quote", "other"],
    Kpi.CONVERSATION_TOPICS: [topics_value(t) for t in (["price"], ["delivery"], ["price", "delivery"], ["weather"])],
    Kpi.PRE_CHAT_SURVEY_RESULTS: ANSWERS,
    Kpi.POST_CHAT_SURVEY_RESULTS: ANSWERS,
    Kpi.CONVERSATIONS_STARTED: ["1", "2", "3"],
    Kpi.CONVERSATIONS_ENDED: ["1", "2"],
    Kpi.MESSAGES: ["1", "2", "3"],
}


def sets(names: Sequence[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names), min_size=1, max_size=3)


def ids(names: Sequence[str]) -> st.SearchStrategy[Ids]:
    none: frozenset[str] = frozenset()
    some = st.one_of(st.tuples(sets(names), st.just(none)), st.tuples(st.just(none), sets(names)))
    return st.one_of(
        st.just(Ids()), st.just(Ids()), some.map(lambda p: Ids(*p)), st.builds(Ids, sets(names), sets(names))
    )


topic_conditions = st.one_of(
    st.just(Topics()),
    st.builds(lambda topics: Topics(any_of=topics), sets(TOPICS)),
    st.builds(lambda topics: Topics(all_of=topics), sets(TOPICS)),
    st.builds(lambda topics: Topics(none_of=topics), sets(TOPICS)),
    st.builds(lambda topics: Topics(exactly=topics), sets(TOPICS)),
    st.builds(lambda some, no: Topics(any_of=some, none_of=no), sets(TOPICS), sets(TOPICS)),
)
days = st.one_of(
    st.integers(-5, DAYS + 5).map(lambda n: FIRST_DAY + timedelta(n)),
    st.builds(lambda day, by: day + timedelta(by), st.sampled_from(EVENTFUL_DAYS), st.integers(-1, 2)),
)


@st.composite
def ranges(draw: st.DrawFn) -> QuarterHourRange | DateRange:
    first, second = draw(days), draw(days)
    if draw(st.booleans()):
        second = min(max(second, first), first + timedelta(draw(st.sampled_from([1, 2, 40, 500]))))
        return DateRange(first, max(second, first + timedelta(1)))
    start, end = ((day - date(1970, 1, 1)).days * 96 + draw(st.integers(0, 96)) for day in sorted((first, second)))
    return QuarterHourRange(start, max(end, start + draw(st.sampled_from([1, 3, 100]))))


@st.composite
def queries(draw: st.DrawFn, about: Iterable[KpiInfo] = CATALOGUE.values()) -> Query:
    info = draw(st.sampled_from([*about]))
    kpi, has = info.kpi, info.dimensions
    # They exclude each other: exact sets add up, single topics overlap; an answer names its question.
    other = {Dimension.TOPIC, Dimension.QUESTION}.intersection(has)
    no = draw(st.sampled_from([Dimension.VALUE, *other])) if other else None
    granularity = draw(st.sampled_from([None, None, *Granularity]))
    by = [dimension for dimension in draw(st.lists(st.sampled_from(has), unique=True)) if dimension != no]
    if granularity is None:
        by = draw(st.permutations(by + draw(st.sampled_from(TIMES_OF_WEEK))))
    return Query(
        ACCOUNT,
        (info,),
        draw(ranges()),
        granularity,
        draw(st.sampled_from(ZONES)),
        Filter(
            draw(ids(OPERATORS)),
            draw(ids(GROUPS)),
            draw(ids(WIDGET_IDS)),
            draw(ids(VALUES[kpi])) if Dimension.VALUE in has else Ids(),
            topics=draw(topic_conditions) if Dimension.TOPIC in has else Topics(),
            questions=draw(ids(QUESTIONS)) if Dimension.QUESTION in has else Ids(),
        ),
        tuple(by),
    )


# --- what the answer must be, slowly ---------------------------------------------------------------------------------


@cache
def wall(name: str) -> list[datetime]:
    """What a clock on the wall reads at every quarter-hour, a margin around what happened included."""
    zone = ZoneInfo(name)
    return [datetime.fromtimestamp(q * 900, zone).replace(tzinfo=None) for q in range(FIRST - MARGIN, LAST + MARGIN)]


LABELS: dict[Granularity, Callable[[datetime], object]] = {
    Granularity.QUARTER_HOUR: lambda t: t,
    Granularity.HOUR: lambda t: (t.date(), t.hour),
    Granularity.DAY: lambda t: t.date(),
    Granularity.WEEK: lambda t: t.isocalendar()[:2],
    Granularity.MONTH: lambda t: (t.year, t.month),
    Granularity.QUARTER: lambda t: (t.year, (t.month - 1) // 3),
    Granularity.YEAR: lambda t: t.year,
}


@cache
def beginnings(name: str, granularity: Granularity) -> frozenset[int]:
    """The quarter-hours at which a bucket begins: the clock shows another one, or (again) a full hour."""
    label = LABELS[granularity]
    again = {Granularity.QUARTER_HOUR, Granularity.HOUR}
    return frozenset(
        FIRST - MARGIN + n
        for n, (before, after) in enumerate(pairwise(wall(name)), start=1)
        if label(before) != label(after) or (granularity in again and after.minute == 0)
    )


def span(query: Query) -> tuple[int, int]:
    """The range's first quarter-hour and the one after its last."""
    if isinstance(query.range, QuarterHourRange):
        return query.range
    zone = ZoneInfo(str(query.time_zone))
    start, end = (
        int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) // 900
        for day in (query.range.start, query.range.end)
    )
    return start, end


def edges(query: Query) -> list[int]:
    start, end = span(query)
    if query.granularity is None:
        return [start, end]
    begins = beginnings(str(query.time_zone), query.granularity)
    return [start, *(q for q in range(start + 1, end) if q in begins), end]


def kept(query: Query, facts: Iterable[Counted]) -> list[Counted]:
    """The facts within range and slice."""
    start, end = span(query)
    f = query.filter
    found = []
    for fact in facts:
        _, value, operator, group, widget, instant = fact
        held = [(f.operators, operator), (f.groups, group), (f.widgets, widget), (f.values, value)]
        topics = set(value.split("\x1f"))
        if (
            start * QUARTER_MICROS <= instant < end * QUARTER_MICROS
            and all(not ids.any_of or name in ids.any_of for ids, name in held)
            and all(name not in ids.none_of for ids, name in held)
            and (not f.topics.any_of or topics & f.topics.any_of)
            and topics >= f.topics.all_of
            and not topics & f.topics.none_of
            and (not f.topics.exactly or topics == f.topics.exactly)
            and (not f.questions.any_of or value.split("\x1f")[0] in f.questions.any_of)
            and value.split("\x1f")[0] not in f.questions.none_of
        ):
            found.append(fact)
    return found


def counted(query: Query, facts: Iterable[Counted]) -> dict[tuple[Any, ...], dict[int, list[str]]]:
    """The values of the facts that are kept, by key and by the bucket's place."""
    cuts = edges(query)
    found: dict[tuple[Any, ...], dict[int, list[str]]] = {}
    for _, value, operator, group, widget, instant in kept(query, facts):
        bucket = sum(cut * QUARTER_MICROS <= instant for cut in cuts) - 1 if len(cuts) < 50 else place(cuts, instant)
        by = query.group_by
        for topic in value.split("\x1f") if Dimension.TOPIC in by else [None]:
            key = (
                operator if Dimension.OPERATOR in by else None,
                group if Dimension.OPERATOR_GROUP in by else None,
                widget if Dimension.WIDGET in by else None,
                value if Dimension.VALUE in by else None,
                topic,
                value.split("\x1f")[0] if Dimension.QUESTION in by else None,
                *time_of_week(query, instant // QUARTER_MICROS),
            )
            found.setdefault(key, {}).setdefault(bucket, []).append(value)
    return found


def time_of_week(query: Query, quarter: int) -> tuple[str | None, str | None]:
    """What a clock on the wall shows at a quarter-hour, as far as it is grouped by."""
    shown = wall(str(query.time_zone))[quarter - FIRST + MARGIN]
    return (
        str(shown.isoweekday()) if Dimension.WEEKDAY in query.group_by else None,
        f"{shown.hour:02}" if Dimension.HOUR_OF_DAY in query.group_by else None,
    )


def place(cuts: list[int], instant: int) -> int:
    """By halves, where looking at each would take too long."""
    low, high = 0, len(cuts) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cuts[middle] * QUARTER_MICROS <= instant else (low, middle)
    return low


def nonzero(numbers: Iterable[int]) -> dict[int, int]:
    return {place: int(n) for place, n in enumerate(numbers) if n}


def sums_of(buckets: Mapping[int, Iterable[str]]) -> dict[int, int]:
    """The sum of the values of each bucket, as `nonzero` gives them: a duration may be 0."""
    return {bucket: total for bucket, values in buckets.items() if (total := sum(map(int, values)))}
