"""Queries through the real server, against facts counted one by one.

The facts come from folding the same chats (the fold has laws of its own); filtering, grouping and cutting them into
local days is done here, by the plain reading of the contract, and knows nothing of chunks, leaves or quarter-hours.
Every question is asked in two states of the database: everything that is counted is packed into chunks, and half of it
is. That nothing packed gives the same answers, byte by byte, is a test of its own.
"""

import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from telwerk.v1 import event_pb2 as pb, kpi_service_pb2 as kpi, settings_service_pb2 as settings
from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo
from telwerkd.domain.catalogue.specs import Dimension, Kpi, ValueKind
from telwerkd.domain.catalogue.values import value_answer, value_topics
from telwerkd.domain.conversation.events import (
    ActionPerformed,
    Assigned,
    Ended,
    Event,
    FeedbackLeft,
    GoalReached,
    InactivityAction,
    Kind,
    Message,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Rated,
    Sender,
    SurveyAnswer,
    TopicsSet,
    Unassigned,
    WentLive,
)
from telwerkd.domain.conversation.facts import (
    Change,
    Fact,
    FactChange,
)
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.state import CURRENT_RULES, empty
from telwerkd.domain.ids import SECOND, EventId, GoalId, Micros, OperatorGroupId, OperatorId, TopicId, WidgetId
from telwerkd.server.upkeep_tasks import Periods
from telwerkd.storage.location import Location, SqliteFile, located
from tests.conftest import ALL_KPI_IDS as KPI_IDS, CALL_SECONDS, Server, compacted, started, timestamp, wire
from tests.effort import EFFORT
from tests.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")
table = pytest.mark.parametrize

ACCOUNT = "acme"
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]

# --- chats by chance, and their facts --------------------------------------------------------------------------------

SPRING, AUTUMN = datetime(2025, 3, 28, tzinfo=UTC), datetime(2025, 10, 24, tzinfo=UTC)
"""Four days each, in the middle of which the clocks of Berlin change: on 30 March and on 26 October."""

DAYS = 4
QUESTION = SurveyAnswer("reason", "order"), SurveyAnswer("reason", "return"), SurveyAnswer("size", "big")


def conversation(chance: random.Random) -> list[Event]:
    """What happens in a chat of an hour or two; about half of the instants lie on a quarter of an hour."""
    start = chance.choice([SPRING, AUTUMN]) + timedelta(minutes=15 * chance.randrange(DAYS * 96 - 8))
    some_kinds: list[Callable[[], Kind]] = [
        lambda: Assigned(OperatorId(chance.choice(["anna", "bram", "Ünal"])), OperatorGroupId(chance.choice(GROUPS))),
        lambda: Assigned(OperatorId(""), OperatorGroupId("support")),
        lambda: Unassigned(OperatorGroupId(chance.choice(GROUPS))),
        lambda: Message(chance.choice(list(Sender))),
        lambda: Rated(chance.randint(1, 5)),
        FeedbackLeft,
        lambda: ActionPerformed(chance.choice(list(InactivityAction))),
        lambda: GoalReached(GoalId(chance.choice(["order", "quote"]))),
        lambda: TopicsSet(tuple(sorted(TopicId(t) for t in chance.sample(TOPICS, chance.randint(0, 3))))),
        lambda: PreChatSurveyCompleted(tuple(chance.choices(QUESTION, k=2))),
        lambda: PostChatSurveyAnswered(tuple(chance.choices(QUESTION, k=2))),
        lambda: WentLive(Micros(60 * SECOND), Micros(60 * SECOND)),
        Ended,
    ]
    events = []
    for n in range(chance.randint(4, 16)):
        minutes = chance.choice([15 * chance.randrange(8), chance.randrange(120)])
        instant = Micros(int((start + timedelta(minutes=minutes)).timestamp()) * SECOND)
        widget = WidgetId(chance.choice(["web", "web", "help"]))
        events.append(Event(EventId(f"e{n}"), instant, 0, widget, chance.choice(some_kinds)()))
    return events


GROUPS = ["sales", "support", ""]
TOPICS = ["delivery", "price", "returns", "\U0001f600"]


def chats(seed: int, size: int) -> dict[str, list[Event]]:
    chance = random.Random(seed)  # noqa: S311 -- chats, not secrets
    return {f"c{seed}-{n}": conversation(chance) for n in range(size)}


BATCHES = [chats(1, 150), chats(2, 150)]


def facts() -> list[Fact]:
    """All that counts today, of all chats."""
    net: Counter[Fact] = Counter()
    for events in (events for batch in BATCHES for events in batch.values()):
        for effect in fold(empty(CURRENT_RULES), events, Micros(int(datetime.now(UTC).timestamp()) * SECOND))[1]:
            if isinstance(effect, FactChange) and effect.change in {Change.COUNTED, Change.TAKEN_BACK}:
                net[effect.fact] += 1 if effect.change is Change.COUNTED else -1
    return list(net.elements())


FACTS = facts()
ASKED = [info for info in CATALOGUE.values() if info.value_kind is not ValueKind.DURATION]
"""Of durations, whose numbers are others, tests/e2e/test_durations.py is the proof."""


async def test_there_are_facts_of_each_kpi_that_is_asked_for() -> None:
    """One without any proves nothing below."""
    assert len(FACTS) > 1_000
    assert [info.kpi.name for info in ASKED if info.kpi not in {fact.kpi for fact in FACTS}] == []


# --- a server in each state ------------------------------------------------------------------------------------------


async def send(server: Server, batch: dict[str, list[Event]]) -> None:
    """All chats of a batch, with every limit settled."""
    events = [wire(conversation_id, event) for conversation_id, of in batch.items() for event in of]
    response = await server.ingest(ACCOUNT, events)
    assert response.accepted_count == len(events)
    await server.complete(ACCOUNT)


NEVER, OFTEN = Periods(compact_every_seconds=3_600.0), Periods(compact_every_seconds=0.05)


async def prepared(path: Path | Location, state: str) -> None:
    """A database with all chats, in this state."""
    async with started(path, periods=NEVER if state == "leaves" else OFTEN) as server:
        await send(server, BATCHES[0])
        if state == "leaves":
            await send(server, BATCHES[1])
        else:
            await compacted(path)
        if state == "chunks":
            await send(server, BATCHES[1])
            await compacted(path)
    if state == "half":
        async with started(path, periods=NEVER) as server:
            await send(server, BATCHES[1])


@contextmanager
def empty_database(request: pytest.FixtureRequest, kind: str) -> Iterator[Location]:
    if kind == "sqlite":
        yield SqliteFile(request.getfixturevalue("tmp_path_factory").mktemp("queries") / "telwerk.db")
        return
    with fresh_database(*map(request.getfixturevalue, ("postgres", "postgres_template"))) as url:
        yield located(url)


# PostgreSQL in the state that has both: that what is packed reads the same there, the laws of queries prove. In brief
# both databases: that what is packed alone reads the same is proved below as well, of every byte.
STATES = ["half-sqlite", "half-postgres", "chunks-sqlite"]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STATES if EFFORT >= 1 else STATES[:2])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """One for all tests of a state: none of them changes what it counts."""
    state, _, kind = request.param.partition("-")
    with empty_database(request, kind) as database:
        await prepared(database, state)
        async with started(database, periods=NEVER) as server:
            yield server


# --- questions, asked and answered by hand ---------------------------------------------------------------------------


class Keep(NamedTuple):
    """A condition on a dimension; empty `any_of` is none."""

    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()

    def __call__(self, name: str) -> bool:
        return (not self.any_of or name in self.any_of) and name not in self.none_of


class Slice(NamedTuple):
    """What is counted: by ids, by exact values (as facts carry them), by topics."""

    operators: Keep = Keep()
    operator_groups: Keep = Keep()
    widgets: Keep = Keep()
    values: Keep = Keep()
    topics_any: tuple[str, ...] = ()
    topics_all: tuple[str, ...] = ()
    topics_none: tuple[str, ...] = ()

    def keeps(self, fact: Fact) -> bool:
        topics = set(value_topics(fact.value)) if fact.kpi == Kpi.CONVERSATION_TOPICS else set()
        return (
            self.operators(fact.operator)
            and self.operator_groups(fact.group)
            and self.widgets(fact.widget)
            and self.values(fact.value)
            and (not self.topics_any or bool(topics & set(self.topics_any)))
            and set(self.topics_all) <= topics
            and not topics & set(self.topics_none)
        )

    def asked(self, info: KpiInfo) -> kpi.Filter:
        """The filter of the contract."""
        ids = {
            name: kpi.IdFilter(any_of=keep.any_of, none_of=keep.none_of)
            for name, keep in zip(self._fields[:3], self[:3], strict=True)
        }
        values = kpi.ValueFilter(
            any_of=[value_message(info, value) for value in self.values.any_of],
            none_of=[value_message(info, value) for value in self.values.none_of],
        )
        topics = kpi.TopicFilter(any_of=self.topics_any, all_of=self.topics_all, none_of=self.topics_none)
        return kpi.Filter(**ids, values=values, topics=topics)


def value_message(info: KpiInfo, value: str) -> kpi.Value:  # noqa: PLR0911  # one case a kind
    match info.kpi:
        case Kpi.SATISFACTION_SCORE:
            return kpi.Value(stars=int(value))
        case Kpi.INACTIVITY_ACTIONS:
            return kpi.Value(action=int(value))
        case Kpi.OFFLINE_ASSIGNMENTS:
            return kpi.Value(offline_assignment=int(value))
        case Kpi.CONVERSATIONS_STARTED | Kpi.MESSAGES:
            return kpi.Value(sender=int(value))
        case Kpi.CONVERSATIONS_ENDED:
            return kpi.Value(conversation_end=int(value))
        case Kpi.GOALS_REACHED:
            return kpi.Value(goal_id=value)
        case Kpi.CONVERSATION_TOPICS:
            # In the wrong order, and twice: a set.
            return kpi.Value(topics=kpi.TopicSet(topic_ids=value_topics(value)[::-1] * 2))
        case _:
            question, option = value_answer(value)
            return kpi.Value(answer=pb.SurveyAnswer(question_id=question, option_id=option))


Key = tuple[str, ...]
"""What each of the dimensions grouped by is, in the order asked; a value as a message's bytes."""


def keys_of(fact: Fact, group_by: tuple[Dimension, ...]) -> Iterator[Key]:
    """The rows that a fact is in: one, or one for each of its topics."""
    for topic in value_topics(fact.value) if Dimension.TOPIC in group_by else ("",):
        parts = {
            Dimension.OPERATOR: fact.operator,
            Dimension.OPERATOR_GROUP: fact.group,
            Dimension.WIDGET: fact.widget,
            Dimension.VALUE: fact.value,
            Dimension.TOPIC: topic,
            Dimension.QUESTION: value_answer(fact.value)[0],
        }
        yield tuple(parts[dimension] for dimension in group_by)


def key_of(key: kpi.Key, group_by: tuple[Dimension, ...]) -> Key:
    """The key of a row; a dimension that was grouped by is there, and no other is."""
    fields = {
        Dimension.OPERATOR: "operator_id",
        Dimension.OPERATOR_GROUP: "operator_group_id",
        Dimension.WIDGET: "widget_id",
        Dimension.VALUE: "value",
        Dimension.TOPIC: "topic_id",
        Dimension.QUESTION: "question_id",
    }
    for dimension, field in fields.items():
        assert key.HasField(field) == (dimension in group_by), (dimension, key)
    return tuple(
        value_text(key.value) if dimension is Dimension.VALUE else getattr(key, fields[dimension])
        for dimension in group_by
    )


def value_text(value: kpi.Value) -> str:
    """A value as facts carry it."""
    match value.WhichOneof("kind"):
        case "goal_id":
            return value.goal_id
        case "topics":
            return "\x1f".join(value.topics.topic_ids)
        case "answer":
            return f"{value.answer.question_id}\x1f{value.answer.option_id}"
        case kind:
            return str(getattr(value, kind or ""))


def by_hand(info: KpiInfo, sliced: Slice, group_by: tuple[Dimension, ...]) -> Counter[Key]:
    """How often each key occurs."""
    return Counter(
        key for fact in FACTS if fact.kpi == info.kpi and sliced.keeps(fact) for key in keys_of(fact, group_by)
    )


ALL_DATES = (date(2025, 3, 1), date(2025, 11, 30))


def dates(start: date, end: date) -> kpi.TimeRange:
    first, last = (kpi.CalendarDate(year=day.year, month=day.month, day=day.day) for day in (start, end))
    return kpi.TimeRange(dates=kpi.DateRange(start_date=first, end_date=last))


async def series(server: Server, kpi_ids: list[str], **fields: Any) -> kpi.QueryTimeSeriesResponse:
    request = kpi.QueryTimeSeriesRequest(
        **{
            "account_id": ACCOUNT,
            "kpi_ids": kpi_ids,
            "range": dates(*ALL_DATES),
            "granularity": kpi.GRANULARITY_MONTH,
            **fields,
        }
    )
    return await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)


def groupings(info: KpiInfo) -> list[tuple[Dimension, ...]]:
    """Every combination of a KPI's dimensions; value and topic exclude each other."""
    return [
        group_by
        for size in range(len(info.dimensions) + 1)
        for group_by in combinations(info.dimensions, size)
        if Dimension.VALUE not in group_by or not {Dimension.TOPIC, Dimension.QUESTION}.intersection(group_by)
    ]


SLICES = {
    "everything": Slice(),
    "an operator": Slice(operators=Keep(("anna",))),
    "an operator or nobody": Slice(operators=Keep(("Ünal", ""))),
    "not nobody": Slice(operators=Keep(none_of=("",))),
    "a group": Slice(operator_groups=Keep(("sales",))),
    "no group": Slice(operator_groups=Keep(("",))),
    "not these groups": Slice(operator_groups=Keep(none_of=("sales", "support"))),
    "a widget": Slice(widgets=Keep(("help",))),
    "not a widget": Slice(widgets=Keep(none_of=("help", "unknown"))),
    "an unknown operator": Slice(operators=Keep(("zoë",))),
    "of three dimensions": Slice(Keep(("anna", "bram")), Keep(none_of=("sales",)), Keep(("web",))),
}


@table("info", ASKED, ids=lambda info: info.id)
@table("sliced", SLICES.values(), ids=SLICES)
async def test_totals_of_a_slice_are_those_counted_by_hand(server, info, sliced):
    """Filtered by each dimension, and grouped by each combination of them: every row, and no other."""
    thorough = sliced in (SLICES["everything"], SLICES["of three dimensions"])
    for group_by in groupings(info):
        if len(group_by) > 1 and not thorough:
            continue
        answer = await server.totals(ACCOUNT, info.id, filter=sliced.asked(info), group_by=group_by)
        found = {key_of(row.key, group_by): row.count for row in answer.totals}
        assert len(found) == len(answer.totals), "a key is there twice"
        expected = by_hand(info, sliced, group_by)
        assert found == (expected if group_by else {(): expected[()]}), group_by
        assert answer.answers[0].overlapping == (Dimension.TOPIC in group_by)


VALUE_SLICES = {
    "any of": lambda a, b: Slice(values=Keep((a, b))),
    "none of": lambda a, b: Slice(values=Keep(none_of=(a, b))),
    "an operator's": lambda a, _: Slice(operators=Keep(("anna",)), values=Keep((a,))),
}


@table("info", [info for info in CATALOGUE.values() if Dimension.VALUE in info.dimensions], ids=lambda info: info.id)
@table("make", VALUE_SLICES.values(), ids=VALUE_SLICES)
async def test_totals_of_values_are_those_counted_by_hand(server, info, make):
    """By exact value, known beforehand or chosen by producers; a topic set in any order, as often as one likes."""
    values = sorted({fact.value for fact in FACTS if fact.kpi == info.kpi})
    sliced = make(values[0], values[-1])
    for group_by in ((), (Dimension.VALUE,), (Dimension.OPERATOR, Dimension.VALUE), (Dimension.WIDGET,)):
        answer = await server.totals(ACCOUNT, info.id, filter=sliced.asked(info), group_by=group_by)
        found = {key_of(row.key, group_by): row.count for row in answer.totals}
        expected = by_hand(info, sliced, group_by)
        assert found == (expected if group_by else {(): expected[()]}), group_by


TOPIC_SLICES = {
    "any of": Slice(topics_any=("price", "\U0001f600")),
    "all of": Slice(topics_all=("price", "delivery")),
    "none of": Slice(topics_none=("price",)),
    "any, all and none": Slice(topics_any=("price", "returns"), topics_all=("delivery",), topics_none=("\U0001f600",)),
    "an operator's": Slice(operators=Keep(("anna", "")), topics_any=("price",)),
}


@table("sliced", TOPIC_SLICES.values(), ids=TOPIC_SLICES)
async def test_totals_of_topics_are_those_counted_by_hand(server, sliced):
    """Sets by the topics in them."""
    info = CATALOGUE[Kpi.CONVERSATION_TOPICS]
    for group_by in groupings(info):
        answer = await server.totals(ACCOUNT, info.id, filter=sliced.asked(info), group_by=group_by)
        found = {key_of(row.key, group_by): row.count for row in answer.totals}
        expected = by_hand(info, sliced, group_by)
        assert found == (expected if group_by else {(): expected[()]}), group_by


async def test_rows_by_topic_overlap_and_say_so(server):
    """A conversation with two topics is in both rows, so that they sum to more than the total; by value they add up.

    R-NUM-5.
    """
    [total] = (await server.totals(ACCOUNT, "conversation_topics")).totals
    by_value = await server.totals(ACCOUNT, "conversation_topics", group_by=[Dimension.VALUE])
    by_topic = await server.totals(ACCOUNT, "conversation_topics", group_by=[Dimension.TOPIC])
    assert sum(row.count for row in by_value.totals) == total.count
    assert sum(row.count for row in by_topic.totals) > total.count
    assert (by_value.answers[0].overlapping, by_topic.answers[0].overlapping) == (False, True)


async def test_nobody_is_a_value_of_its_own(server):
    """It is a row with an empty id, and without it the rows would not add up to the total (R-FACT-3)."""
    for info in CATALOGUE.values():
        [total] = (await server.totals(ACCOUNT, info.id)).totals
        for dimension in (Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET):
            rows = (await server.totals(ACCOUNT, info.id, group_by=[dimension])).totals
            assert sum(row.count for row in rows) == total.count
    rows = (await server.totals(ACCOUNT, "inactivity_actions", group_by=[Dimension.OPERATOR])).totals
    assert rows[0].key.HasField("operator_id")
    assert (rows[0].key.operator_id, rows[0].count > 0) == ("", True)


async def test_rows_come_in_order(server):
    """By KPI as asked, then by key; and again the same for the same question."""
    group_by = [Dimension.OPERATOR_GROUP, Dimension.OPERATOR]
    kpi_ids = ["feedback_count", "satisfaction_score"]
    answer = await server.totals(ACCOUNT, *kpi_ids, group_by=group_by)
    rows = [(kpi_ids.index(row.kpi_id), row.key.operator_id, row.key.operator_group_id) for row in answer.totals]
    assert rows == sorted(rows)
    assert [one.kpi_id for one in answer.answers] == kpi_ids
    answer.ClearField("complete_until")
    again = await server.totals(ACCOUNT, *kpi_ids, group_by=group_by)
    again.ClearField("complete_until")
    assert again == answer


# --- over time -------------------------------------------------------------------------------------------------------


def bucket_name(instant: datetime, granularity: int) -> str:  # noqa: PLR0911 -- one case a granularity
    """What people call the bucket of an instant, by the clock on its wall."""
    match granularity:
        case kpi.GRANULARITY_QUARTER_HOUR:
            return str(int(instant.timestamp()) // 900)
        case kpi.GRANULARITY_HOUR:
            return f"{instant:%Y-%m-%d %H %z}"
        case kpi.GRANULARITY_DAY:
            return f"{instant:%Y-%m-%d}"
        case kpi.GRANULARITY_WEEK:
            return f"{instant:%G-%V}"
        case kpi.GRANULARITY_MONTH:
            return f"{instant:%Y-%m}"
        case kpi.GRANULARITY_QUARTER:
            return f"{instant:%Y} {(instant.month - 1) // 3}"
        case _:
            return f"{instant:%Y}"


def local(seconds: float, zone: str) -> datetime:
    return datetime.fromtimestamp(seconds, ZoneInfo(zone))


SPANS = {
    kpi.GRANULARITY_QUARTER_HOUR: (date(2025, 3, 28), date(2025, 4, 2)),
    kpi.GRANULARITY_HOUR: (date(2025, 10, 24), date(2025, 10, 29)),
}
GRANULARITIES = kpi.Granularity.values()[1:]


@table(
    ("granularity", "zone"),
    [
        (granularity, zone)
        for granularity in GRANULARITIES
        for zone in ZONES
        # Its clock changes by half an hour: two hours of one name then share a bucket.
        if (granularity, zone) != (kpi.GRANULARITY_HOUR, "Australia/Lord_Howe")
    ],
)
async def test_series_are_those_counted_by_hand_on_the_zones_own_clock(server, zone, granularity):
    """Every fact is in the bucket that the wall clock names: days of 23 and 25 hours, offsets of 5:45 and 3:30."""
    start, end = SPANS.get(granularity, ALL_DATES)
    answer = await series(
        server,
        KPI_IDS,
        range=dates(start, end),
        granularity=granularity,
        time_zone=zone,
        group_by=[Dimension.OPERATOR],
    )
    assert answer.time_zone == zone
    found: Counter[tuple[str, str, str]] = Counter()
    for one in answer.series:
        for begin, count in zip(answer.bucket_start_seconds, one.counts, strict=True):
            found[one.kpi_id, one.key.operator_id, bucket_name(local(begin, zone), granularity)] += count
    expected: Counter[tuple[str, str, str]] = Counter()
    for fact in FACTS:
        instant = local(fact.instant / SECOND, zone)
        if start <= instant.date() < end:
            expected[CATALOGUE[fact.kpi].id, fact.operator, bucket_name(instant, granularity)] += 1
    assert +found == expected


BERLIN_DAYS = {(2025, 3, 30): 23, (2025, 3, 31): 24, (2025, 10, 25): 24, (2025, 10, 26): 25}


@table(("day", "hours"), BERLIN_DAYS.items(), ids=str)
async def test_a_day_of_berlin_has_23_24_or_25_hours(server, day, hours):
    """And its hours, and its quarter-hours, add up to it."""
    first = date(*day)
    fields = {"range": dates(first, first + timedelta(days=1)), "time_zone": "Europe/Berlin"}
    answers = [await series(server, KPI_IDS, granularity=granularity, **fields) for granularity in (1, 2, 3)]
    assert [len(answer.bucket_start_seconds) for answer in answers] == [hours * 4, hours, 1]
    assert {answer.bucket_start_seconds[0] for answer in answers} == {
        int(datetime(*day, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
    }
    sums = [{one.kpi_id: sum(one.counts) for one in answer.series} for answer in answers]
    assert sums[0] == sums[1] == sums[2]
    assert sum(sums[0].values()) > 0


async def test_days_of_kathmandu_begin_at_a_quarter_past_six_in_the_evening(server):
    """By UTC, the evening before: 18:15Z."""
    answer = await series(
        server,
        ["feedback_count"],
        range=dates(date(2025, 3, 28), date(2025, 3, 30)),
        granularity=kpi.GRANULARITY_DAY,
        time_zone="Asia/Kathmandu",
    )
    starts = [datetime.fromtimestamp(start, UTC) for start in (*answer.bucket_start_seconds, answer.end_seconds)]
    assert [f"{start:%d %H:%M}" for start in starts] == ["27 18:15", "28 18:15", "29 18:15"]
    assert not answer.first_bucket_clipped
    assert not answer.last_bucket_clipped


async def test_buckets_that_the_range_cuts_say_so(server):
    """A range that begins on a Wednesday and ends on a Friday cuts the first week and the last."""
    answer = await series(
        server, ["feedback_count"], range=dates(date(2025, 3, 26), date(2025, 4, 4)), granularity=kpi.GRANULARITY_WEEK
    )
    assert len(answer.bucket_start_seconds) == 2
    assert (answer.first_bucket_clipped, answer.last_bucket_clipped) == (True, True)


QUESTIONS: dict[str, dict[str, Any]] = {
    "by day": {"granularity": kpi.GRANULARITY_DAY},
    "by operator and week": {"granularity": kpi.GRANULARITY_WEEK, "group_by": [Dimension.OPERATOR]},
    "by all ids and month": {
        "group_by": [Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET],
        "time_zone": "Asia/Kathmandu",
    },
    "anna's": {
        "granularity": kpi.GRANULARITY_DAY,
        "filter": kpi.Filter(operators={"any_of": ["anna"]}),
        "include_distribution": True,
    },
    "not on the web": {"filter": kpi.Filter(widgets={"none_of": ["web"]}), "include_distribution": True},
}


@table("question", QUESTIONS.values(), ids=QUESTIONS)
async def test_series_sum_to_totals(server, question):
    """The sum of the buckets is the range, row by row: counts, stars, and the distribution (R-NUM-4)."""
    answer = await series(server, KPI_IDS, **question)
    same = {name: question[name] for name in ("filter", "group_by", "time_zone") if name in question}
    totals = await server.totals(ACCOUNT, *KPI_IDS, range=dates(*ALL_DATES), **same)
    assert [(one.kpi_id, one.key) for one in answer.series] == [(row.kpi_id, row.key) for row in totals.totals]
    assert answer.answers == totals.answers
    for one, row in zip(answer.series, totals.totals, strict=True):
        assert (sum(one.counts), sum(one.sums)) == (row.count, row.sum)
        for values, value in zip(
            one.distribution, row.distribution, strict=question.get("include_distribution", False)
        ):
            assert (values.value, sum(values.counts)) == (value.value, value.count)


@table("question", QUESTIONS.values(), ids=QUESTIONS)
async def test_a_sparse_series_says_the_same(server, question):
    """Buckets without facts are left out, the others are named by index: filled with zeros it is the full one."""
    full, sparse = (
        await series(server, KPI_IDS, **question),
        await series(server, KPI_IDS, **question, sparse=True),
    )
    assert sparse.bucket_start_seconds == full.bucket_start_seconds
    width = len(full.bucket_start_seconds)

    def filled(indexes: list[int], numbers: list[int]) -> list[int]:
        assert len(indexes) == len(numbers)
        places = dict(zip(indexes, numbers, strict=True))
        return [places.get(place, 0) for place in range(width)]

    for one, full_one in zip(sparse.series, full.series, strict=True):
        assert (one.kpi_id, one.key) == (full_one.kpi_id, full_one.key)
        assert list(full_one.bucket_indexes) == []
        assert 0 not in one.counts
        assert filled(one.bucket_indexes, one.counts) == full_one.counts
        if full_one.sums:
            assert filled(one.bucket_indexes, one.sums) == full_one.sums
        for values, full_values in zip(one.distribution, full_one.distribution, strict=True):
            assert filled(one.bucket_indexes, values.counts) == full_values.counts


# --- means and distributions -----------------------------------------------------------------------------------------


async def test_a_mean_comes_with_its_count_and_distribution(server):
    """Of the stars that were given, operator by operator (R-NUM-2)."""
    rows = (await server.totals(ACCOUNT, "satisfaction_score", group_by=[Dimension.OPERATOR])).totals
    assert len(rows) == 3
    for row in rows:
        stars = [int(f.value) for f in FACTS if f.kpi == Kpi.SATISFACTION_SCORE and f.operator == row.key.operator_id]
        assert (row.count, row.sum) == (len(stars), sum(stars))
        assert row.mean == sum(stars) / len(stars)
        assert [one.value.stars for one in row.distribution] == [1, 2, 3, 4, 5]
        assert [one.count for one in row.distribution] == [stars.count(n) for n in range(1, 6)]


async def test_a_mean_without_ratings_is_absent(server):
    """Never 0; the count is (R-NUM-1)."""
    nothing = dates(date(2024, 1, 1), date(2024, 2, 1))
    [row] = (await server.totals(ACCOUNT, "satisfaction_score", range=nothing)).totals
    assert not row.HasField("mean")
    assert (row.count, row.sum, [one.count for one in row.distribution]) == (0, 0, [0] * 5)


async def test_only_values_known_beforehand_have_a_distribution(server):
    """Stars, actions, outcomes, senders, ends; it adds up to the count, also of a filtered slice, bucket by bucket."""
    answer = await series(server, KPI_IDS, granularity=kpi.GRANULARITY_DAY, include_distribution=True)
    sizes = {one.kpi_id: len(one.distribution) for one in answer.series if one.distribution}
    assert sizes == {
        "satisfaction_score": 5,
        "inactivity_actions": 8,
        "offline_assignments": 2,
        "conversations_started": 3,
        "conversations_ended": 2,
        "messages": 3,
    }
    for one in answer.series:
        if one.distribution:
            assert [sum(counts) for counts in zip(*(d.counts for d in one.distribution), strict=True)] == one.counts
    assert {row.kpi_id for row in (await server.totals(ACCOUNT, *KPI_IDS)).totals if row.distribution} == sizes.keys()


async def test_an_account_without_events_has_zeros(server):
    """One row per KPI when nothing is grouped by, none when something is (R-NUM-3)."""
    totals = await server.totals("nobody's", *KPI_IDS)
    assert [(row.kpi_id, row.count) for row in totals.totals] == [(kpi_id, 0) for kpi_id in KPI_IDS]
    assert list((await server.totals("nobody's", *KPI_IDS, group_by=[Dimension.WIDGET])).totals) == []


async def test_the_zone_of_an_account_is_that_of_queries_that_name_none(tmp_path):
    """Until one is set it is UTC."""
    async with started(tmp_path / "telwerk.db") as server:
        day = dates(date(2025, 3, 28), date(2025, 3, 29))
        starts = []
        for zone in (None, "Asia/Kathmandu"):
            if zone:
                request = settings.SetAccountSettingsRequest(account_id=ACCOUNT, settings={"time_zone": zone})
                await server.settings.SetAccountSettings(request)
            answer = await series(server, ["feedback_count"], range=day, granularity=kpi.GRANULARITY_DAY)
            starts.append((answer.time_zone, f"{datetime.fromtimestamp(answer.bucket_start_seconds[0], UTC):%d %H:%M}"))
        assert starts == [("UTC", "28 00:00"), ("Asia/Kathmandu", "27 18:15")]


# --- compaction changes nothing --------------------------------------------------------------------------------------


async def answers(server: Server) -> list[bytes]:
    """Many answers as they go over the wire, but for the instant up to which they are complete."""
    found: list[bytes] = []
    for info in CATALOGUE.values():
        every = groupings(info)
        for group_by in [by for by in every if len(by) in {0, 1, len(every[-1])}]:
            total = await server.totals(ACCOUNT, info.id, group_by=group_by)
            one = await series(
                server, [info.id], group_by=group_by, granularity=kpi.GRANULARITY_WEEK, include_distribution=True
            )
            for answer in (total, one):
                answer.ClearField("complete_until")
                found.append(answer.SerializeToString(deterministic=True))
    return found


async def test_compaction_changes_no_byte_of_any_answer(tmp_path):
    """The same before anything is packed into chunks, half-way, and when all is; also with an event taken back."""
    path = tmp_path / "telwerk.db"
    await prepared(path, "leaves")
    shutil.copy(path, tmp_path / "copy.db")
    before = []
    async with started(path, periods=NEVER) as server:
        before.append(await answers(server))
        await retract_everything_rated(server)
        before.append(await answers(server))
    assert before[0] != before[1]
    after = []
    async with started(tmp_path / "copy.db", periods=OFTEN) as server:
        await compacted(tmp_path / "copy.db")
        after.append(await answers(server))
        await retract_everything_rated(server)
        await compacted(tmp_path / "copy.db")
        after.append(await answers(server))
    assert before == after
    async with started(path, periods=OFTEN) as server:
        await compacted(path)
        assert await answers(server) == before[1]


async def retract_everything_rated(server: Server) -> None:
    """Takes back every rating, by events that come after them all."""
    last = Micros(int((AUTUMN + timedelta(days=30)).timestamp()) * SECOND)
    retractions = [
        pb.Event(
            event_id=f"undo-{event.event_id}",
            conversation_id=conversation_id,
            widget_id="web",
            occur_time=timestamp(last),
            event_retracted=pb.EventRetracted(retracted_event_id=event.event_id),
        )
        for batch in BATCHES
        for conversation_id, events in batch.items()
        for event in events
        if isinstance(event.kind, Rated)
    ]
    assert (await server.ingest(ACCOUNT, retractions)).accepted_count == len(retractions)
