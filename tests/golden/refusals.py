"""Bad requests of every kind: each is refused, with a status, a text and details that are part of the contract."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import (
    admin_service_pb2 as admin,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from tests.golden.questions import ACTIONS, STARS, TOPICAL, YEAR, Question, dates, ids, instants, series, totals
from tests.golden.world import ACME, DAY_ONE, timestamp

BAD_IDS = {
    "empty": "",
    "long": "x" * 129,
    "long in bytes": "é" * 65,
    "zero": "a\0",
    "C1": "\x85b",
    "separator": "a\x1f",
}
ONE, FIVE = kpi.Value(stars=1), kpi.Value(stars=5)
COMPARED = kpi.Comparison(previous_period=True)

BAD_QUERIES: dict[str, dict[str, Any]] = {
    **{f"account {what}": {"account_id": value} for what, value in BAD_IDS.items()},
    "no KPI": {"kpi_ids": []},
    "unknown KPI": {"kpi_ids": ["satisfaction_scores"]},
    "a KPI twice": {"kpi_ids": [STARS, STARS]},
    "41 KPIs": {"kpi_ids": [f"k{n}" for n in range(41)]},
    "no range": {"range": None},
    "no bounds": {"range": kpi.TimeRange()},
    "no start": {"range": kpi.TimeRange(instants=kpi.InstantRange(end_time=timestamp(DAY_ONE)))},
    "end before start": {"range": instants(DAY_ONE, DAY_ONE - 900)},
    "start off the grid": {"range": instants(DAY_ONE + 1, DAY_ONE + 900)},
    "end off the grid": {"range": instants(DAY_ONE, DAY_ONE + 899)},
    "1999": {"range": instants(946_683_900, DAY_ONE)},
    "2200": {"range": instants(DAY_ONE, 7_258_118_400)},
    "bad nanos": {
        "range": kpi.TimeRange(
            instants=kpi.InstantRange(start_time=Timestamp(seconds=DAY_ONE, nanos=-1), end_time=timestamp(DAY_ONE))
        )
    },
    "30 February": {"range": dates((2025, 2, 30), (2025, 3, 1))},
    "year 2200": {"range": dates((2025, 1, 1), (2200, 1, 1))},
    "same day": {"range": dates((2025, 1, 1), (2025, 1, 1))},
    "a skipped day": {"range": dates((2011, 12, 30), (2011, 12, 31)), "time_zone": "Pacific/Apia"},
    "zone misspelt": {"time_zone": "Europe/Amsterdan"},
    "zone in lower case": {"time_zone": "europe/amsterdam"},
    "zone an offset": {"time_zone": "+01:00"},
    "zone a path": {"time_zone": "../../etc/passwd"},
    "zone long": {"time_zone": "x" * 3_000},
    "dimension 99": {"group_by": [1, 99]},
    "a dimension twice": {"group_by": [2, 2]},
    "value and topic": {"kpi_ids": [TOPICAL], "group_by": [4, 5]},
    "value and question": {"kpi_ids": ["pre_chat_survey_results"], "group_by": [4, 6]},
    "feedback by value": {"kpi_ids": ["feedback_count"], "group_by": [4]},
    "stars by topic": {"group_by": [5]},
    "one of two by value": {"kpi_ids": [STARS, "feedback_count"], "group_by": [4]},
    "values of feedback": {"kpi_ids": ["feedback_count"], "filter": kpi.Filter(values=kpi.ValueFilter(any_of=[FIVE]))},
    "stars of goals": {"kpi_ids": ["goals_reached"], "filter": kpi.Filter(values=kpi.ValueFilter(any_of=[FIVE]))},
    "0 stars": {"filter": kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(stars=0)]))},
    "action 9": {"kpi_ids": [ACTIONS], "filter": kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(action=9)]))},
    "an empty value": {"filter": kpi.Filter(values=kpi.ValueFilter(any_of=[FIVE, kpi.Value()]))},
    "no topics": {
        "kpi_ids": [TOPICAL],
        "filter": kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(topics=kpi.TopicSet())])),
    },
    "no widget": {"filter": kpi.Filter(widgets=ids("web", ""))},
    "wanted and unwanted": {"filter": kpi.Filter(operators=ids("a", "b", none_of=("b",)))},
    "a value wanted and unwanted": {"filter": kpi.Filter(values=kpi.ValueFilter(any_of=[ONE], none_of=[ONE]))},
    "exactly and any": {
        "kpi_ids": [TOPICAL],
        "filter": kpi.Filter(topics=kpi.TopicFilter(any_of=["a"], exactly=kpi.TopicSet(topic_ids=["b"]))),
    },
    "1,001 ids": {"filter": kpi.Filter(operators=ids(*map(str, range(1_001))))},
    "measure 99": {"order_by": kpi.OrderBy(measure=99)},
    "order by another KPI": {"order_by": kpi.OrderBy(measure=2, kpi_id=ACTIONS)},
    "order by a mean that is not": {"kpi_ids": [ACTIONS], "order_by": kpi.OrderBy(measure=4)},
    "order by a change without comparison": {"order_by": kpi.OrderBy(measure=6)},
    "top 0": {"top": kpi.Top()},
    "top 1,001": {"top": kpi.Top(count=1_001)},
    "top and pages": {"top": kpi.Top(count=1), "page_size": 5},
    "page of -1": {"page_size": -1},
    "page of 1,001": {"page_size": 1_001},
    "no token": {"page_token": "x"},
    "comparison without a period": {"compare_to": kpi.Comparison()},
    "not the previous period": {"compare_to": kpi.Comparison(previous_period=False)},
    "compared with nothing": {"compare_to": kpi.Comparison(range=dates((2025, 2, 1), (2025, 1, 1)))},
}
BAD_SERIES: dict[str, dict[str, Any]] = {
    "no granularity": {"granularity": 0},
    "granularity 9": {"granularity": 9},
    "too many buckets": {"range": dates((2000, 1, 1), (2199, 12, 31)), "granularity": kpi.GRANULARITY_DAY},
    "sparse and compared": {"sparse": True, "compare_to": COMPARED},
    "too many points": {
        "range": dates((2000, 1, 1), (2030, 1, 1)),
        "granularity": kpi.GRANULARITY_DAY,
        "group_by": [1, 2, 3],
        "include_distribution": True,
    },
    "too many groups": {"group_by": [1, 2, 3, 4]},
}


def _widget(**fields: Any) -> settings.SetWidgetSettingsRequest:
    wanted = settings.WidgetSettings(**{"widget_id": "web"} | fields)
    return settings.SetWidgetSettingsRequest(account_id="refused", settings=wanted)


def _goal(goal_id: str = "g", url: str = "https://shop.example/") -> settings.Goal:
    return settings.Goal(goal_id=goal_id, url=url)


BAD_SETTINGS = {
    "no widget": _widget(widget_id=""),
    "since 1999": _widget(effective_time=timestamp(946_684_799)),
    "limit 0": _widget(live_limit=Duration()),
    "limit of 31 days": _widget(live_limit=Duration(seconds=31 * 86_400)),
    "a goal twice": _widget(goals=[_goal("a"), _goal("b"), _goal("a")]),
    "a goal without an id": _widget(goals=[_goal("")]),
    "a relative URL": _widget(goals=[_goal(), _goal("h", "/thanks")]),
    "another scheme": _widget(goals=[_goal("h", "ftp://shop.example/")]),
    "action 9": _widget(enabled_actions=[1, 9]),
}


def refusals() -> Iterator[Question]:
    """All of them. Names begin with what is asked."""
    for name, fields in BAD_QUERIES.items():
        yield totals(f"refused: {name}", **{"kpi_ids": [STARS], **fields})
        if name.startswith(("account", "range", "zone", "end", "a skipped", "page", "no token", "30", "an empty")):
            asked = {"account_id": ACME, "kpi_id": STARS, "range": YEAR, **fields}
            yield Question(f"explain/refused: {name}", "KpiService/ExplainCount", kpi.ExplainCountRequest(**asked))
    for name, fields in BAD_SERIES.items():
        yield series(f"refused: {name}", **{"kpi_ids": [STARS], **fields})
    for name, request in BAD_SETTINGS.items():
        yield Question(f"settings/refused: {name}", "SettingsService/SetWidgetSettings", request)
    method = "SettingsService/SetAccountSettings"
    for zone in ("", "Europe/Amsterdan"):
        wanted = settings.SetAccountSettingsRequest(account_id="refused", settings={"time_zone": zone})
        yield Question(f"settings/refused: zone {zone!r}", method, wanted)
    yield Question("ingest/refused: no event", *_ingest(account_id="refused"))
    yield Question("ingest/refused: 501 events", *_ingest(account_id="refused", events=[{"event_id": "e"}] * 501))
    yield Question("ingest/refused: no account", *_ingest(events=[{"event_id": "e"}]))
    yield Question("batch/refused: no query", "KpiService/BatchQuery", kpi.BatchQueryRequest(account_id=ACME))
    many = kpi.BatchQueryRequest(account_id=ACME, queries=[kpi.BatchedQuery()] * 51)
    yield Question("batch/refused: 51 queries", "KpiService/BatchQuery", many)
    erase = admin.EraseConversationRequest(account_id="refused")
    yield Question("erase/refused: no conversation", "AdminService/EraseConversation", erase)
    for name, before in (("no time", None), ("1970", Timestamp()), ("the future", timestamp(4_000_000_000))):
        purge = admin.PurgeEventsRequest(account_id="refused", before_time=before)
        yield Question(f"purge/refused: {name}", "AdminService/PurgeEvents", purge)


def _ingest(**fields: Any) -> tuple[str, ingestion.IngestEventsRequest]:
    return "IngestionService/IngestEvents", ingestion.IngestEventsRequest(**fields)
