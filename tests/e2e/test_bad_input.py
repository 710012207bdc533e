"""Bad input, field by field: it is refused by name, alone, and never as a defect of the server."""

import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, example, given, settings as hypothesis_settings, strategies as st

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from tests.conftest import CALL_SECONDS, Server, refusal, started
from tests.effort import examples

pytestmark = pytest.mark.asyncio(loop_scope="module")
param = pytest.param
table = pytest.mark.parametrize

INVALID = grpc.StatusCode.INVALID_ARGUMENT
DAYS_30 = 30 * 86_400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory) -> AsyncIterator[Server]:
    """One for all tests: each uses an account of its own, or changes nothing."""
    async with started(tmp_path_factory.mktemp("bad") / "telwerk.db") as server:
        yield server


# --- events ----------------------------------------------------------------------------------------------------------

BAD_IDS = {
    "too long": "x" * 129,
    "too long in bytes": "é" * 65,
    "a zero": "a\0b",
    "a line feed": "a\n",
    "DEL": "\x7f",
    "a C1 control": "\x85b",
    "the separator": "a\x1fb",
}


def event(**changes: Any) -> pb.Event:
    """A good event, but for `changes`; None leaves a field out."""
    fields: dict[str, Any] = {
        "event_id": "e",
        "conversation_id": "c",
        "widget_id": "w",
        "occur_time": Timestamp(seconds=1_767_600_000),
    }
    if not KINDS & changes.keys():
        fields["message_sent"] = pb.MessageSent(sender=pb.SENDER_CONTACT)
    fields |= changes
    return pb.Event(**{name: value for name, value in fields.items() if value is not None})


KINDS = {field.name for field in pb.Event.DESCRIPTOR.oneofs_by_name["kind"].fields}
assert len(KINDS) == 16


def answered(**answer: str) -> dict[str, Any]:
    good = pb.SurveyAnswer(question_id="q", option_id="o")
    return {"answers": [good, pb.SurveyAnswer(**{"question_id": "q", "option_id": "o"} | answer)]}


ID_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "event_id": lambda v: {"event_id": v},
    "conversation_id": lambda v: {"conversation_id": v},
    "widget_id": lambda v: {"widget_id": v},
    "goal_reached.goal_id": lambda v: {"goal_reached": pb.GoalReached(goal_id=v)},
    "topics_set.topic_ids[1]": lambda v: {"topics_set": pb.TopicsSet(topic_ids=["ok", v])},
    "pre_chat_survey_completed.answers[1].question_id": lambda v: {
        "pre_chat_survey_completed": pb.PreChatSurveyCompleted(**answered(question_id=v))
    },
    "pre_chat_survey_completed.answers[1].option_id": lambda v: {
        "pre_chat_survey_completed": pb.PreChatSurveyCompleted(**answered(option_id=v))
    },
    "post_chat_survey_answered.answers[1].question_id": lambda v: {
        "post_chat_survey_answered": pb.PostChatSurveyAnswered(**answered(question_id=v))
    },
    "post_chat_survey_answered.answers[1].option_id": lambda v: {
        "post_chat_survey_answered": pb.PostChatSurveyAnswered(**answered(option_id=v))
    },
    "event_retracted.retracted_event_id": lambda v: {"event_retracted": pb.EventRetracted(retracted_event_id=v)},
}
OPTIONAL_ID_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "operator_assigned.operator_id": lambda v: {"operator_assigned": pb.OperatorAssigned(operator_id=v)},
    "operator_assigned.operator_group_id": lambda v: {"operator_assigned": pb.OperatorAssigned(operator_group_id=v)},
    "operator_unassigned.operator_group_id": lambda v: {
        "operator_unassigned": pb.OperatorUnassigned(operator_group_id=v)
    },
}
EVERY_ID_FIELD = ID_FIELDS | OPTIONAL_ID_FIELDS


def with_time(**fields: int) -> dict[str, Any]:
    return {"occur_time": Timestamp(**fields)}


def with_limit(**fields: int) -> dict[str, Any]:
    return {"went_live": pb.WentLive(live_limit=Duration(**fields))}


def with_url(url: str) -> dict[str, Any]:
    return {"page_visited": pb.PageVisited(url=url)}


ANSWER = pb.SurveyAnswer(question_id="q", option_id="o")
BAD_URLS = {
    "empty": "",
    "relative": "/thanks",
    "without a scheme": "shop.example/thanks",
    "another scheme": "ftp://shop.example/",
    "script": "javascript:alert(1)",
    "without a host": "https:///thanks",
    "port out of range": "https://shop.example:65536/",
    "port no number": "https://shop.example:x/",
    "unpaired bracket": "https://[::1/",
    "no IPv6 address": "https://[zz]/",
    "a blank": "https://shop.example/a b",
    "a line feed": "https://shop.example/a\nb",
    "a forbidden character": "https://shop<.example/",
    "turns into a slash": "https://shop\u2100.example/",
    "too long": "https://shop.example/" + "x" * 2048,
}

BAD_EVENTS = [
    *(
        param(field, change(value), id=f"{field}: {what}")
        for field, change in EVERY_ID_FIELD.items()
        for what, value in BAD_IDS.items()
    ),
    *(param(field, change(""), id=f"{field}: empty") for field, change in ID_FIELDS.items()),
    param("occur_time", {"occur_time": None}, id="no time"),
    param("occur_time", with_time(seconds=946_684_799, nanos=999_999_999), id="before 2000"),
    param("occur_time", {"occur_time": Timestamp()}, id="1970"),
    param("occur_time", with_time(seconds=-1), id="before 1970"),
    param("occur_time", with_time(seconds=7_258_118_400), id="2200"),
    param("occur_time", with_time(seconds=7_258_118_399), id="2199, far in the future"),
    param("occur_time", with_time(seconds=int(time.time()) + 3_600), id="in an hour"),
    param("occur_time", with_time(seconds=2**63 - 1, nanos=2**31 - 1), id="the largest time"),
    param("occur_time", with_time(seconds=-(2**63), nanos=-(2**31)), id="the smallest time"),
    param("occur_time", with_time(seconds=1_767_600_000, nanos=1_000_000_000), id="a thousand million nanos"),
    param("occur_time", with_time(seconds=1_767_600_000, nanos=-1), id="negative nanos"),
    param("sequence", {"sequence": -1}, id="sequence -1"),
    param("sequence", {"sequence": -(2**63)}, id="the smallest sequence"),
    param("kind", {"message_sent": None}, id="no kind"),
    param("message_sent.sender", {"message_sent": pb.MessageSent()}, id="no sender"),
    param("message_sent.sender", {"message_sent": pb.MessageSent(sender=4)}, id="sender 4"),
    param("message_sent.sender", {"message_sent": pb.MessageSent(sender=-1)}, id="sender -1"),
    *(
        param("conversation_rated.stars", {"conversation_rated": pb.ConversationRated(stars=n)}, id=f"{n} stars")
        for n in (0, 6, -1, 2**31 - 1, -(2**31))
    ),
    *(
        param(
            "inactivity_action_performed.action",
            {"inactivity_action_performed": pb.InactivityActionPerformed(action=n)},
            id=f"action {n}",
        )
        for n in (0, 9, -1, 2**31 - 1)
    ),
    *(
        param("went_live.live_limit", with_limit(**fields), id=f"limit {fields}")
        for fields in (
            {"seconds": 0},
            {"nanos": 999},
            {"seconds": -1},
            {"nanos": -1_000},
            {"seconds": DAYS_30, "nanos": 1_000},
            {"seconds": 2**63 - 1},
            {"seconds": -(2**63)},
            {"seconds": 1, "nanos": -1},
            {"seconds": 1, "nanos": 1_000_000_000},
        )
    ),
    *(param("page_visited.url", with_url(url), id=f"url: {what}") for what, url in BAD_URLS.items()),
    param("topics_set.topic_ids", {"topics_set": pb.TopicsSet(topic_ids=map(str, range(21)))}, id="21 topics"),
    *(
        param(f"{name}.answers", {name: kind(answers=answers)}, id=f"{name}: {len(answers)} answers")
        for name, kind in (
            ("pre_chat_survey_completed", pb.PreChatSurveyCompleted),
            ("post_chat_survey_answered", pb.PostChatSurveyAnswered),
        )
        for answers in ([], [ANSWER] * 101)
    ),
    param(
        "event_retracted.retracted_event_id",
        {"event_retracted": pb.EventRetracted(retracted_event_id="e")},
        id="takes itself back",
    ),
]


@table(("field", "changes"), BAD_EVENTS)
async def test_a_bad_event_is_rejected_alone(server, request, field, changes):
    """With index, id, reason, field and a text; its neighbours in the batch are stored."""
    bad = event(**changes)
    before, after = event(event_id="before"), event(event_id="after")
    response = await server.ingest(request.node.name, [before, bad, after])
    assert response.verdicts == [
        ingestion.VERDICT_ACCEPTED,
        ingestion.VERDICT_REJECTED,
        ingestion.VERDICT_ACCEPTED,
    ]
    [rejection] = response.rejections
    assert (rejection.index, rejection.event_id) == (1, bad.event_id)
    assert (rejection.reason, rejection.field) == ("INVALID_EVENT", field)
    assert rejection.message
    again = await server.ingest(request.node.name, [before, after])
    assert (again.duplicate_count, again.accepted_count) == (2, 0)


NOW = int(time.time())

GOOD_EVENTS = [
    *(
        param(change(value), id=f"{field}: {what}")
        for field, change in EVERY_ID_FIELD.items()
        for what, value in {
            "128 bytes": "x" * 128,
            "128 bytes of é": "é" * 64,
            "blanks and quotes": " '\"\\%_\u2028\U0001f600 ",
            "digits": "0012",
        }.items()
    ),
    *(param(change(""), id=f"{field}: absent") for field, change in OPTIONAL_ID_FIELDS.items()),
    param(with_time(seconds=946_684_800), id="the first instant of 2000"),
    param(with_time(seconds=NOW + 200), id="within the skew"),
    param(with_time(seconds=1_767_600_000, nanos=999_999_999), id="cut to microseconds"),
    param({"sequence": 2**63 - 1}, id="the largest sequence"),
    param({"went_live": pb.WentLive()}, id="no limit"),
    param(with_limit(nanos=1_000), id="1 microsecond"),
    param(with_limit(seconds=DAYS_30), id="30 days"),
    param({"topics_set": pb.TopicsSet()}, id="no topics"),
    param({"topics_set": pb.TopicsSet(topic_ids=[str(n % 20) for n in range(40)])}, id="20 topics, each twice"),
    param({"post_chat_survey_answered": pb.PostChatSurveyAnswered(answers=[ANSWER] * 100)}, id="100 answers"),
    param(with_url("HTTPS://[::1]:8080/é?q=%zz#frag"), id="an odd URL"),
    param(with_url("https://shop.example/" + "x" * 2027), id="a URL of 2,048 bytes"),
    *(
        param({kind: getattr(pb.Event(), kind).__class__()}, id=f"empty {kind}")
        for kind in ("left_live", "conversation_ended", "conversation_resumed", "feedback_left", "operator_unassigned")
    ),
]


@table("changes", GOOD_EVENTS)
async def test_the_bounds_themselves_are_good(server, request, changes):
    """What lies on a bound is accepted, and known again when it is sent again."""
    one = event(**changes)
    first = await server.ingest(request.node.name, [one])
    assert first.verdicts == [ingestion.VERDICT_ACCEPTED], first
    again = await server.ingest(request.node.name, [one])
    assert again.verdicts == [ingestion.VERDICT_DUPLICATE], again


@pytest.mark.parametrize("count", [100, 1_001], ids=["decoded at once", "decoded bit by bit"])
async def test_rejections_come_by_ascending_index(server, count):
    """A batch of good and bad ones in turn: half of it is stored, and each of the other half is named."""
    batch = [event(event_id=f"e{n}", sequence=-(n % 2)) for n in range(count)]
    response = await server.ingest(f"half of {count}", batch)
    assert response.verdicts == [
        ingestion.VERDICT_REJECTED if n % 2 else ingestion.VERDICT_ACCEPTED for n in range(count)
    ]
    assert [rejection.index for rejection in response.rejections] == list(range(1, count, 2))
    assert [rejection.event_id for rejection in response.rejections] == [f"e{n}" for n in range(1, count, 2)]


async def test_a_batch_of_bad_events_alone_is_answered_too(server):
    """Nothing is stored, the call succeeds: every event has its verdict."""
    response = await server.ingest("none", [event(sequence=-1)] * 3)
    assert response.verdicts == [ingestion.VERDICT_REJECTED] * 3
    assert (response.accepted_count, response.duplicate_count) == (0, 0)


async def test_an_enormous_id_does_not_make_the_answer_too_large_to_receive(server):
    """The answer echoes ids, and clients take 4 MiB: also of such a batch they learn what was stored."""
    response = await server.ingest("echo", [event(), event(event_id="x" * 5 * 2**20)])
    assert response.verdicts == [ingestion.VERDICT_ACCEPTED, ingestion.VERDICT_REJECTED]
    assert (response.rejections[0].index, response.rejections[0].field) == (1, "event_id")


# --- requests --------------------------------------------------------------------------------------------------------

Rpc = Callable[[Server, Any], Any]


def ingest(server: Server, request: Any) -> Any:
    return server.ingestion.IngestEvents(request, timeout=CALL_SECONDS)


def series(server: Server, request: Any) -> Any:
    return server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)


def totals(server: Server, request: Any) -> Any:
    return server.kpis.QueryTotals(request, timeout=CALL_SECONDS)


def explain(server: Server, request: Any) -> Any:
    return server.kpis.ExplainCount(request, timeout=CALL_SECONDS)


def set_widget(server: Server, request: Any) -> Any:
    return server.settings.SetWidgetSettings(request, timeout=CALL_SECONDS)


def get_widget(server: Server, request: Any) -> Any:
    return server.settings.GetWidgetSettings(request, timeout=CALL_SECONDS)


def list_widgets(server: Server, request: Any) -> Any:
    return server.settings.ListWidgetSettings(request, timeout=CALL_SECONDS)


def set_account(server: Server, request: Any) -> Any:
    return server.settings.SetAccountSettings(request, timeout=CALL_SECONDS)


def get_account(server: Server, request: Any) -> Any:
    return server.settings.GetAccountSettings(request, timeout=CALL_SECONDS)


def erase(server: Server, request: Any) -> Any:
    return admin_grpc.AdminServiceStub(server.channel).EraseConversation(request, timeout=CALL_SECONDS)


def purge(server: Server, request: Any) -> Any:
    return admin_grpc.AdminServiceStub(server.channel).PurgeEvents(request, timeout=CALL_SECONDS)


def date(year: int, month: int, day: int) -> kpi.CalendarDate:
    return kpi.CalendarDate(year=year, month=month, day=day)


def dates(start: tuple[int, int, int] = (2026, 1, 1), end: tuple[int, int, int] = (2026, 2, 1)) -> kpi.TimeRange:
    return kpi.TimeRange(dates=kpi.DateRange(start_date=date(*start), end_date=date(*end)))


def instants(start: int | Timestamp | None, end: int | Timestamp | None) -> kpi.TimeRange:
    start, end = (Timestamp(seconds=t) if isinstance(t, int) else t for t in (start, end))
    return kpi.TimeRange(instants=kpi.InstantRange(start_time=start, end_time=end))


JANUARY_5 = 1_767_571_200
GOOD_QUERY: dict[str, Any] = {"account_id": "a", "kpi_ids": ["satisfaction_score"], "range": dates()}


def a_series(**changes: Any) -> kpi.QueryTimeSeriesRequest:
    return kpi.QueryTimeSeriesRequest(**GOOD_QUERY | {"granularity": kpi.GRANULARITY_DAY} | changes)


def a_total(**changes: Any) -> kpi.QueryTotalsRequest:
    return kpi.QueryTotalsRequest(**GOOD_QUERY | changes)


def an_explanation(kpi_ids: tuple[str, ...] = ("satisfaction_score",), **changes: Any) -> kpi.ExplainCountRequest:
    fields = {name: value for name, value in GOOD_QUERY.items() if name != "kpi_ids"}
    return kpi.ExplainCountRequest(**fields | {"kpi_id": kpi_ids[0] if kpi_ids else ""} | changes)


def ids(**lists: list[str]) -> kpi.IdFilter:
    return kpi.IdFilter(**lists)


def values(*any_of: kpi.Value, none_of: tuple[kpi.Value, ...] = ()) -> kpi.Filter:
    return kpi.Filter(values=kpi.ValueFilter(any_of=any_of, none_of=none_of))


STARS = kpi.Value(stars=5)
TOO_MANY_IDS = [str(n) for n in range(1_001)]
FEEDBACK, TOPICS = ["feedback_count"], ["conversation_topics"]

# Field, reason, and what to change in a good query, of series and of totals alike.
BAD_QUERIES: list[tuple[str, str, str, dict[str, Any]]] = [
    *(("account_id", "INVALID_REQUEST", what, {"account_id": value}) for what, value in BAD_IDS.items()),
    ("account_id", "INVALID_REQUEST", "no account", {"account_id": ""}),
    ("kpi_ids", "INVALID_REQUEST", "no KPI", {"kpi_ids": []}),
    ("kpi_ids", "UNKNOWN_KPI", "unknown KPI", {"kpi_ids": ["satisfaction_scores"]}),
    ("kpi_ids", "UNKNOWN_KPI", "empty KPI", {"kpi_ids": ["satisfaction_score", ""]}),
    ("kpi_ids", "UNKNOWN_KPI", "long KPI", {"kpi_ids": ["x" * 100_000]}),
    ("kpi_ids", "INVALID_REQUEST", "a KPI twice", {"kpi_ids": FEEDBACK * 2}),
    ("kpi_ids", "INVALID_REQUEST", "41 KPIs", {"kpi_ids": [f"k{n}" for n in range(41)]}),
    ("range", "INVALID_REQUEST", "no range", {"range": None}),
    ("range", "INVALID_REQUEST", "no bounds", {"range": kpi.TimeRange()}),
    ("range.instants.start_time", "INVALID_REQUEST", "no start", {"range": instants(None, JANUARY_5)}),
    ("range.instants.end_time", "INVALID_REQUEST", "no end", {"range": instants(JANUARY_5, None)}),
    ("range.instants.end_time", "INVALID_REQUEST", "end = start", {"range": instants(JANUARY_5, JANUARY_5)}),
    ("range.instants.end_time", "INVALID_REQUEST", "end < start", {"range": instants(JANUARY_5, JANUARY_5 - 900)}),
    ("range.instants.start_time", "INVALID_REQUEST", "start off", {"range": instants(JANUARY_5 + 1, JANUARY_5 + 900)}),
    ("range.instants.end_time", "INVALID_REQUEST", "end off", {"range": instants(JANUARY_5, JANUARY_5 + 899)}),
    (
        "range.instants.end_time",
        "INVALID_REQUEST",
        "a microsecond off",
        {"range": instants(JANUARY_5, Timestamp(seconds=JANUARY_5 + 900, nanos=1_000))},
    ),
    ("range.instants.start_time", "INVALID_REQUEST", "1999", {"range": instants(946_683_900, JANUARY_5)}),
    ("range.instants.end_time", "INVALID_REQUEST", "2200", {"range": instants(JANUARY_5, 7_258_118_400)}),
    ("range.instants.end_time", "INVALID_REQUEST", "the largest", {"range": instants(JANUARY_5, 2**63 - 1)}),
    (
        "range.instants.start_time",
        "INVALID_REQUEST",
        "bad nanos",
        {"range": instants(Timestamp(seconds=JANUARY_5, nanos=-1), JANUARY_5 + 900)},
    ),
    *(
        ("range.dates.start_date", "INVALID_REQUEST", f"from {start}", {"range": dates(start)})
        for start in (
            (0, 0, 0),
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (2025, 2, 29),
            (1999, 12, 31),
            (2200, 1, 1),
            (-1, -1, -1),
            (2**31 - 1, 1, 1),
            (2026, -(2**31), 1),
        )
    ),
    ("range.dates.start_date", "INVALID_REQUEST", "no dates", {"range": kpi.TimeRange(dates=kpi.DateRange())}),
    ("range.dates.end_date", "INVALID_REQUEST", "to 2200", {"range": dates(end=(2200, 1, 1))}),
    ("range.dates.end_date", "INVALID_REQUEST", "to 31 June", {"range": dates(end=(2026, 6, 31))}),
    ("range.dates.end_date", "INVALID_REQUEST", "same day", {"range": dates(end=(2026, 1, 1))}),
    ("range.dates.end_date", "INVALID_REQUEST", "day before", {"range": dates(end=(2025, 12, 31))}),
    *(
        ("time_zone", "UNKNOWN_TIME_ZONE", f"zone {zone[:20]!r}", {"time_zone": zone})
        for zone in (
            "Europe/Amsterdan",
            "europe/amsterdam",
            "+01:00",
            "Factory",
            "localtime",
            "../../etc/passwd",
            "/etc/localtime",
            "a\0b",
            "x" * 100_000,
        )
    ),
    ("group_by[0]", "INVALID_REQUEST", "dimension 0", {"group_by": [0]}),
    ("group_by[1]", "INVALID_REQUEST", "dimension 99", {"group_by": [1, 99]}),
    ("group_by[0]", "INVALID_REQUEST", "dimension -1", {"group_by": [-1]}),
    ("group_by[1]", "INVALID_REQUEST", "a dimension twice", {"group_by": [2, 2]}),
    ("group_by", "INVALID_REQUEST", "value and topic", {"kpi_ids": TOPICS, "group_by": [4, 5]}),
    ("group_by", "UNKNOWN_DIMENSION", "feedback by value", {"kpi_ids": FEEDBACK, "group_by": [4]}),
    ("group_by", "UNKNOWN_DIMENSION", "stars by topic", {"group_by": [5]}),
    ("group_by", "UNKNOWN_DIMENSION", "one of two", {"kpi_ids": ["satisfaction_score", *FEEDBACK], "group_by": [4]}),
    ("filter", "UNKNOWN_DIMENSION", "feedback of a value", {"kpi_ids": FEEDBACK, "filter": values(STARS)}),
    ("filter", "UNKNOWN_DIMENSION", "stars by topics", {"filter": kpi.Filter(topics=kpi.TopicFilter(any_of=["t"]))}),
    ("filter.values", "INVALID_REQUEST", "goals of stars", {"kpi_ids": ["goals_reached"], "filter": values(STARS)}),
    ("filter.values", "INVALID_REQUEST", "stars and a goal", {"filter": values(STARS, kpi.Value(goal_id="g"))}),
    ("filter.values.any_of[1]", "INVALID_REQUEST", "an empty value", {"filter": values(STARS, kpi.Value())}),
    ("filter.values.none_of[0]", "INVALID_REQUEST", "no empty value", {"filter": values(none_of=(kpi.Value(),))}),
    # Only an operator or a group can be nobody.
    ("filter.widgets.any_of[1]", "INVALID_REQUEST", "no widget", {"filter": kpi.Filter(widgets=ids(any_of=["w", ""]))}),
    (
        "filter.questions.none_of[0]",
        "INVALID_REQUEST",
        "no question",
        {"kpi_ids": ["post_chat_survey_results"], "filter": kpi.Filter(questions=ids(none_of=[""]))},
    ),
    (
        "filter.values.any_of[0].topics",
        "INVALID_REQUEST",
        "a set of no topics",
        {"kpi_ids": TOPICS, "filter": values(kpi.Value(topics=kpi.TopicSet()))},
    ),
    *(
        (
            f"filter.{field}",
            "INVALID_REQUEST",
            f"{field} wanted and unwanted",
            {"filter": kpi.Filter(**{field: ids(any_of=["a", "b"], none_of=["b", "c"])})},
        )
        for field in ("operators", "operator_groups", "widgets")
    ),
    *(
        (
            f"filter.{field}.{which}",
            "INVALID_REQUEST",
            f"1,001 {field} {which}",
            {"filter": kpi.Filter(**{field: ids(**{which: TOO_MANY_IDS})})},
        )
        for field in ("operators", "operator_groups", "widgets")
        for which in ("any_of", "none_of")
    ),
]
BAD_SERIES: list[tuple[str, str, str, dict[str, Any]]] = [
    *(("granularity", "INVALID_REQUEST", f"granularity {n}", {"granularity": n}) for n in (0, 9, -1)),
    ("granularity", "LIMIT_EXCEEDED", "200 years by day", {"range": dates((2000, 1, 1), (2199, 12, 31))}),
    (
        "granularity",
        "LIMIT_EXCEEDED",
        "two years by quarter-hour",
        {"range": dates((2024, 1, 1), (2026, 1, 1)), "granularity": kpi.GRANULARITY_QUARTER_HOUR},
    ),
]


def widget(**changes: Any) -> settings.SetWidgetSettingsRequest:
    return settings.SetWidgetSettingsRequest(
        account_id="a", settings=settings.WidgetSettings(**{"widget_id": "w"} | changes)
    )


def goal(goal_id: str = "g", url: str = "https://shop.example/") -> settings.Goal:
    return settings.Goal(goal_id=goal_id, url=url)


BAD_REQUESTS = [
    *(param(series, a_series(**change), field, why, id=f"series: {what}") for field, why, what, change in BAD_QUERIES),
    *(param(series, a_series(**change), field, why, id=f"series: {what}") for field, why, what, change in BAD_SERIES),
    *(param(totals, a_total(**change), field, why, id=f"totals: {what}") for field, why, what, change in BAD_QUERIES),
    *(
        param(explain, an_explanation(**change), field.replace("kpi_ids", "kpi_id"), why, id=f"explanation: {what}")
        for field, why, what, change in BAD_QUERIES
        if "group_by" not in change and len(change.get("kpi_ids", "1")) < 2
    ),
    *(
        param(explain, an_explanation(**change), field, why, id=f"explanation: {what}")
        for what, field, why, change in (
            ("page of -1", "page_size", "INVALID_REQUEST", {"page_size": -1}),
            ("page of 1,001", "page_size", "INVALID_REQUEST", {"page_size": 1_001}),
            ("no token", "page_token", "PAGE_TOKEN_INVALID", {"page_token": "x"}),
            ("an empty token", "page_token", "PAGE_TOKEN_INVALID", {"page_token": "===="}),
            ("a long token", "page_token", "PAGE_TOKEN_INVALID", {"page_token": "x" * 100_000}),
        )
    ),
    *(
        param(rpc, request, field, "INVALID_REQUEST", id=f"{request.__class__.__name__}: {what}")
        for rpc, request, field, what in (
            (erase, admin.EraseConversationRequest(account_id="a"), "conversation_id", "no conversation"),
            (
                erase,
                admin.EraseConversationRequest(account_id="a", conversation_id="a\n"),
                "conversation_id",
                "control",
            ),
            (purge, admin.PurgeEventsRequest(account_id="a"), "before_time", "no time"),
            (purge, admin.PurgeEventsRequest(account_id="a", before_time=Timestamp()), "before_time", "1970"),
            (
                purge,
                admin.PurgeEventsRequest(account_id="a", before_time=Timestamp(seconds=NOW + 86_400)),
                "before_time",
                "in the future",
            ),
        )
    ),
    param(ingest, ingestion.IngestEventsRequest(account_id="a"), "events", "INVALID_REQUEST", id="no event"),
    param(
        ingest,
        ingestion.IngestEventsRequest(account_id="a", events=[event()] * 5_001),
        "events",
        "LIMIT_EXCEEDED",
        id="5,001 events",
    ),
    *(
        param(rpc, kind(account_id=account, **fields), "account_id", "INVALID_REQUEST", id=f"{kind.__name__}: {what}")
        for rpc, kind, fields in (
            (ingest, ingestion.IngestEventsRequest, {"events": [event()]}),
            (set_widget, settings.SetWidgetSettingsRequest, {"settings": widget().settings}),
            (get_widget, settings.GetWidgetSettingsRequest, {"widget_id": "w"}),
            (list_widgets, settings.ListWidgetSettingsRequest, {}),
            (set_account, settings.SetAccountSettingsRequest, {"settings": {"time_zone": "UTC"}}),
            (get_account, settings.GetAccountSettingsRequest, {}),
            (erase, admin.EraseConversationRequest, {"conversation_id": "c"}),
            (purge, admin.PurgeEventsRequest, {"before_time": Timestamp(seconds=JANUARY_5)}),
        )
        for what, account in (BAD_IDS | {"empty": ""}).items()
    ),
    param(
        set_widget,
        settings.SetWidgetSettingsRequest(account_id="a"),
        "settings.widget_id",
        "INVALID_REQUEST",
        id="no settings",
    ),
    *(
        param(set_widget, widget(widget_id=value), "settings.widget_id", "INVALID_REQUEST", id=f"widget {what}")
        for what, value in (BAD_IDS | {"empty": ""}).items()
    ),
    *(
        param(
            get_widget,
            settings.GetWidgetSettingsRequest(account_id="a", widget_id=value),
            "widget_id",
            "INVALID_REQUEST",
            id=f"get widget {what}",
        )
        for what, value in (BAD_IDS | {"empty": ""}).items()
    ),
    *(
        param(set_widget, widget(**{name: value}), field, "INVALID_REQUEST", id=what)
        for what, field, name, value in (
            ("effective in 1999", "settings.effective_time", "effective_time", Timestamp(seconds=946_684_799)),
            ("effective in 2200", "settings.effective_time", "effective_time", Timestamp(seconds=7_258_118_400)),
            (
                "effective, bad nanos",
                "settings.effective_time",
                "effective_time",
                Timestamp(seconds=JANUARY_5, nanos=-1),
            ),
            ("limit 0", "settings.live_limit", "live_limit", Duration()),
            ("limit negative", "settings.live_limit", "live_limit", Duration(seconds=-1)),
            ("limit of 31 days", "settings.live_limit", "live_limit", Duration(seconds=DAYS_30 + 86_400)),
            ("limit, bad nanos", "settings.live_limit", "live_limit", Duration(seconds=1, nanos=-1)),
            ("1,001 goals", "settings.goals", "goals", [goal(str(n)) for n in range(1_001)]),
            ("a goal twice", "settings.goals[2].goal_id", "goals", [goal("a"), goal("b"), goal("a")]),
            ("a goal without an id", "settings.goals[0].goal_id", "goals", [goal("")]),
            ("action 0", "settings.enabled_actions[0]", "enabled_actions", [0]),
            ("action 9", "settings.enabled_actions[1]", "enabled_actions", [1, 9]),
            *(
                (f"goal's url: {what}", "settings.goals[1].url", "goals", [goal("a"), goal("b", url)])
                for what, url in BAD_URLS.items()
            ),
        )
    ),
    *(
        param(
            set_account,
            settings.SetAccountSettingsRequest(account_id="a", settings={"time_zone": zone}),
            "settings.time_zone",
            "UNKNOWN_TIME_ZONE",
            id=f"account's zone {zone!r}",
        )
        for zone in ("", "Europe/Amsterdan", "../UTC")
    ),
]


@table(("rpc", "message", "field", "reason"), BAD_REQUESTS)
async def test_a_bad_request_is_refused_by_field(server, rpc, message, field, reason):
    """INVALID_ARGUMENT with an ErrorInfo and a BadRequest that names the field and says what is wrong."""
    refused = await refusal(rpc(server, message))
    assert (refused.code, refused.reason, refused.fields) == (INVALID, reason, [field])
    assert refused.retry_seconds is None


@table(
    "value",
    [
        kpi.Value(stars=0),
        kpi.Value(stars=6),
        kpi.Value(action=0),
        kpi.Value(action=9),
        kpi.Value(offline_assignment=0),
        kpi.Value(offline_assignment=3),
    ],
    ids=lambda value: str(value).strip(),
)
async def test_a_value_that_no_fact_can_have_is_refused(server, value):
    """Stars are 1 to 5; what the contract calls refused, and what it does not know, is refused in a filter too."""
    kind = value.WhichOneof("kind")
    kpi_id = {"stars": "satisfaction_score", "action": "inactivity_actions"}.get(kind, "offline_assignments")
    refused = await refusal(totals(server, a_total(kpi_ids=[kpi_id], filter=values(none_of=(value,)))))
    assert (refused.code, refused.fields) == (INVALID, [f"filter.values.none_of[0].{kind}"])


async def test_a_filter_of_too_many_values_is_refused(server):
    """As with ids: no list is larger than the database can take."""
    goals = [kpi.Value(goal_id=f"g{n}") for n in range(30_000)]
    for which in ("any_of", "none_of"):
        wanted = kpi.Filter(values=kpi.ValueFilter(**{which: goals}))
        refused = await refusal(totals(server, a_total(kpi_ids=["goals_reached"], filter=wanted)))
        assert (refused.code, refused.fields) == (INVALID, [f"filter.values.{which}"])


@table(
    ("kpi_ids", "unclear"),
    [
        param(["satisfaction_score"], values(STARS, none_of=(STARS,)), id="a value"),
        param(TOPICS, kpi.Filter(topics=kpi.TopicFilter(any_of=["t"], none_of=["t"])), id="a topic"),
        param(TOPICS, kpi.Filter(topics=kpi.TopicFilter(all_of=["t"], none_of=["t"])), id="a topic of all"),
    ],
)
async def test_what_is_wanted_and_unwanted_is_refused(server, kpi_ids, unclear):
    """Whatever the dimension: such a filter is a slip, and an empty answer would hide it."""
    refused = await refusal(totals(server, a_total(kpi_ids=kpi_ids, filter=unclear)))
    assert (refused.code, refused.reason) == (INVALID, "INVALID_REQUEST")


async def test_settings_of_a_widget_that_has_none_are_not_found(server):
    """NOT_FOUND, which a client can tell from a mistake."""
    refused = await refusal(get_widget(server, settings.GetWidgetSettingsRequest(account_id="a", widget_id="nobody's")))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "WIDGET_SETTINGS_NOT_FOUND")


async def test_more_points_than_the_limit_are_refused(tmp_path):
    """Series times buckets times values: the text names the limit, and a coarser question is answered."""
    async with started(tmp_path / "telwerk.db", points_max=300, buckets_max=50) as small:
        rated = [
            event(event_id=f"a{n}", conversation_id=f"c{n}", operator_assigned=pb.OperatorAssigned(operator_id=f"o{n}"))
            for n in range(3)
        ] + [
            event(event_id="r", conversation_id=f"c{n}", conversation_rated=pb.ConversationRated(stars=3), sequence=1)
            for n in range(3)
        ]
        await small.ingest("a", rated)
        by_operator = partial(a_series, group_by=[kpi.DIMENSION_OPERATOR])
        refused = await refusal(series(small, by_operator()))
        assert (refused.code, refused.reason, refused.fields) == (INVALID, "LIMIT_EXCEEDED", ["group_by"])
        assert "points_max" in refused.text
        weekly = await series(small, by_operator(granularity=kpi.GRANULARITY_WEEK))
        assert len(weekly.series) == 3
        refused = await refusal(series(small, a_series(granularity=kpi.GRANULARITY_HOUR)))
        assert (refused.reason, refused.fields) == ("LIMIT_EXCEEDED", ["granularity"])
        assert "buckets_max" in refused.text


async def test_a_message_that_is_too_large_is_refused(server):
    """Before it is read: RESOURCE_EXHAUSTED, and the connection lives on."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.ingest("a", [event(event_id="x" * 17 * 2**20)])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await server.ingest("large", [event()])).accepted_count == 1


async def unless_refused(call: Any) -> Any:
    """The answer, or the error in its place."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return error


# --- the ends of the calendar ----------------------------------------------------------------------------------------

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Etc/GMT-14",
    "Etc/GMT+12",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
]
FIRST, LAST = 946_684_800, 7_258_117_500
"""The first and the last quarter of an hour that can be named."""

EDGES = {
    "everything, by date": dates((2000, 1, 1), (2199, 12, 31)),
    "everything, by instant": instants(FIRST, LAST),
    "the first day": dates((2000, 1, 1), (2000, 1, 2)),
    "the last day": dates((2199, 12, 30), (2199, 12, 31)),
    "the first quarter-hour": instants(FIRST, FIRST + 900),
    "the last quarter-hour": instants(LAST - 900, LAST),
}


@table("zone", ZONES)
@table("span", EDGES.values(), ids=EDGES)
async def test_the_ends_of_the_calendar_are_answered(server, zone, span):
    """In every zone and granularity: buckets, or a limit that is named; never a defect."""
    for granularity in kpi.Granularity.values()[1:]:
        query = a_series(range=span, granularity=granularity, time_zone=zone)
        answer = await unless_refused(series(server, query))
        if isinstance(answer, grpc.aio.AioRpcError):
            assert (answer.code(), "buckets_max" in (answer.details() or "")) == (INVALID, True), answer
        else:
            starts = [*answer.bucket_start_seconds, answer.end_seconds]
            assert starts == sorted(set(starts))
            assert len(answer.series[0].counts) == len(answer.bucket_start_seconds) > 0
    assert (await totals(server, a_total(range=span, time_zone=zone))).totals[0].count == 0


@table("ask", [series, totals, explain])
async def test_a_day_that_the_clock_skipped_is_no_range(server, ask):
    """Samoa had no 30 December 2011: a range of nothing else has no beginning and end, and is refused as empty."""
    request = {series: a_series, totals: a_total, explain: an_explanation}[ask]
    skipped = dates((2011, 12, 30), (2011, 12, 31))
    refused = await refusal(ask(server, request(range=skipped, time_zone="Pacific/Apia")))
    assert (refused.code, refused.fields) == (INVALID, ["range.dates.end_date"])


@table(
    ("compare_to", "field"),
    [
        (kpi.Comparison(previous_period=True), "compare_to.previous_period"),
        (kpi.Comparison(range=dates((2011, 12, 30), (2011, 12, 31))), "compare_to.range.dates.end_date"),
    ],
)
async def test_a_day_that_the_clock_skipped_is_no_period_to_compare_with(server, compare_to, field):
    """The field at fault is the one that was sent."""
    day_after = dates((2011, 12, 31), (2012, 1, 1))
    asked = a_total(range=day_after, time_zone="Pacific/Apia", compare_to=compare_to)
    refused = await refusal(totals(server, asked))
    assert (refused.code, refused.fields) == (INVALID, [field])


# --- chance ----------------------------------------------------------------------------------------------------------

STRINGS = [
    *("", "a", "c", "e", "w", "x" * 128, "x" * 129, "é" * 64, "a\0", "\x1f", "\n", "\U0001f600", "\u2028", "0", "None"),
    *("UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "europe/berlin", "en", "nl-BE", "%s{}'\"\\"),
    *("https://shop.example/", "http://[::1]/", "https://é.example:99/%zz?a#b", "https://xn--a/", "https://a.\u3002/"),
    *("satisfaction_score", "conversation_topics", "goals_reached", "inactivity_actions", "pre_chat_survey_results"),
]
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 28, 29, 30, 31, 900, 1_999, 2_000, 2_011, 2_026, 2_199, 2_200, -1]
TIMES = [FIRST, FIRST - 900, LAST, LAST + 900, JANUARY_5, JANUARY_5 + 900, JANUARY_5 + 86_400, 1_325_200_000, 2**40]
ENDS = [2**31 - 1, -(2**31), 1_000_000_000, 999_999_999]
LONG_ENDS = [2**63 - 1, -(2**63), 2**53, *TIMES]

TEMPLATES: dict[str, list[Message]] = {
    "/telwerk.v1.IngestionService/IngestEvents": [
        ingestion.IngestEventsRequest(
            account_id="fuzz",
            events=[
                event(
                    event_id=kind, **({kind: getattr(pb.Event(), kind).__class__()} if kind != "message_sent" else {})
                )
                for kind in sorted(KINDS)
            ],
        ),
        ingestion.IngestEventsRequest(
            account_id="fuzz",
            events=[
                event(event_id=f"g{n}", **change(f"name{n}")) for n, change in enumerate([*EVERY_ID_FIELD.values()][3:])
            ],
        ),
    ],
    "/telwerk.v1.KpiService/QueryTimeSeries": [
        a_series(account_id="fuzz"),
        a_series(
            account_id="fuzz",
            kpi_ids=TOPICS,
            range=instants(JANUARY_5, JANUARY_5 + 86_400),
            time_zone="Europe/Berlin",
            group_by=[1, 5],
            filter=kpi.Filter(
                operators=ids(any_of=["", "anna"]),
                values=kpi.ValueFilter(any_of=[kpi.Value(topics=kpi.TopicSet(topic_ids=["a", "b"]))]),
                topics=kpi.TopicFilter(any_of=["a"], all_of=["b"], none_of=["c"]),
            ),
            sparse=True,
            include_distribution=True,
        ),
    ],
    "/telwerk.v1.KpiService/QueryTotals": [
        a_total(account_id="fuzz"),
        a_total(account_id="fuzz", group_by=[1, 2, 3, 4], filter=values(STARS, none_of=(kpi.Value(stars=1),))),
    ],
    "/telwerk.v1.KpiService/ExplainCount": [
        an_explanation(account_id="fuzz", page_size=2),
        an_explanation(("conversation_topics",), account_id="fuzz", range=instants(FIRST, LAST)),
    ],
    "/telwerk.v1.AdminService/EraseConversation": [
        admin.EraseConversationRequest(account_id="fuzz", conversation_id="c")
    ],
    "/telwerk.v1.AdminService/PurgeEvents": [
        admin.PurgeEventsRequest(account_id="fuzz", before_time=Timestamp(seconds=FIRST + 900))
    ],
    "/telwerk.v1.KpiService/ListKpis": [kpi.ListKpisRequest(language_code="nl")],
    "/telwerk.v1.SettingsService/SetWidgetSettings": [
        settings.SetWidgetSettingsRequest(
            account_id="fuzz",
            settings=settings.WidgetSettings(
                widget_id="w",
                effective_time=Timestamp(seconds=JANUARY_5),
                live_limit=Duration(seconds=60),
                goals=[goal("a"), goal("b")],
                enabled_actions=[1, 2],
            ),
        )
    ],
    "/telwerk.v1.SettingsService/GetWidgetSettings": [
        settings.GetWidgetSettingsRequest(account_id="fuzz", widget_id="w")
    ],
    "/telwerk.v1.SettingsService/ListWidgetSettings": [settings.ListWidgetSettingsRequest(account_id="fuzz")],
    "/telwerk.v1.SettingsService/SetAccountSettings": [
        settings.SetAccountSettingsRequest(account_id="fuzz", settings={"time_zone": "Asia/Kathmandu"})
    ],
    "/telwerk.v1.SettingsService/GetAccountSettings": [settings.GetAccountSettingsRequest(account_id="fuzz")],
}


METHODS = [name for name in sorted(TEMPLATES) for _ in range(4 if "Ingest" in name or "Query" in name else 1)]


def scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """What a field can hold on the wire, and then some of what it should."""
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return st.sampled_from(STRINGS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_ENUM | FieldDescriptor.CPPTYPE_INT32:
            return st.sampled_from(NUMBERS + ENDS)
        case _:
            return st.sampled_from(NUMBERS + ENDS + LONG_ENDS)


def mutate(draw: st.DrawFn, message: Message) -> None:
    """Changes one field somewhere in the message: sets it, removes it, or goes on inside of it."""
    fields = message.DESCRIPTOR.fields
    if not fields:
        return
    present = [field for field, _ in message.ListFields()]
    field = draw(st.sampled_from(present * 3 + list(fields)))
    held = getattr(message, field.name)
    if field.is_repeated:
        if field.message_type is None:
            values_ = st.lists(scalars(field), max_size=4)
            message.ClearField(field.name)
            getattr(message, field.name).extend(draw(values_))
        elif not held or draw(st.integers(0, 7)) == 0:
            mutate(draw, held.add())
        else:
            mutate(draw, held[draw(st.integers(0, len(held) - 1))])
    elif field.message_type is None:
        setattr(message, field.name, draw(scalars(field)))
    elif draw(st.integers(0, 7)) == 0:
        message.ClearField(field.name)
    else:
        held.SetInParent()
        mutate(draw, held)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """A method, and what is almost a good request of it."""
    method = draw(st.sampled_from(METHODS))
    template = draw(st.sampled_from(TEMPLATES[method]))
    request = template.__class__()
    request.CopyFrom(template)
    for _ in range(draw(st.integers(1, 6))):
        mutate(draw, request)
    raw = bytearray(request.SerializeToString())
    if raw and draw(st.integers(0, 9)) == 0:
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return method, bytes(raw)


@hypothesis_settings(
    max_examples=examples(600),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(request=requests())
@example(request=("/telwerk.v1.IngestionService/IngestEvents", b"\xff" * 100))
@example(request=("/telwerk.v1.KpiService/QueryTotals", b""))
async def test_no_request_is_a_defect(server, request):
    """However broken: an answer, or a refusal that says it is the caller's doing."""
    method, raw = request
    answer = await unless_refused(server.channel.unary_unary(method)(raw, timeout=CALL_SECONDS))
    if isinstance(answer, grpc.aio.AioRpcError):
        assert answer.code() in {INVALID, grpc.StatusCode.NOT_FOUND}, answer


async def test_the_counters_bear_whatever_was_let_in(server):
    """After chance has had its way, every KPI of its account is still answered, by every dimension."""
    assert len(await server.counted("fuzz")) >= 0
    today = dt.datetime.now(dt.UTC).date()
    spans = [dates(), dates((2000, 1, 1), (today.year, 12, 31))]
    for span in spans:
        for name in ("conversation_topics", "goals_reached", "pre_chat_survey_results"):
            await series(server, a_series(account_id="fuzz", kpi_ids=[name], range=span, group_by=[1, 2, 3, 4]))
