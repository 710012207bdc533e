"""Order, the largest, pages, comparison and shares over the wire, on a day small enough to count by hand."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from telwerk.v1 import kpi_service_pb2 as kpi, settings_service_pb2 as settings_pb
from tests.chats import at
from tests.conftest import CALL_SECONDS, Server, refusal, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCORE = "satisfaction_score"
TOPICS = "conversation_topics"

# anna: 5, 4 and 5 stars; bram: 1; cees: 3 and 3; once nobody's rating does not count.
RATED = """
    09:00:00 anna assigned in sales
    09:01:00 contact rates 5
    09:02:00 contact rates 4
    10:02:00 contact rates 5
    10:10:00 bram assigned in support
    10:11:00 contact rates 1
    11:00:00 cees assigned in support
    11:01:00 contact rates 3
    11:02:00 contact rates 3
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all tests that only ask."""
    async with rated_server(tmp_path_factory.mktemp("rated")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def own_rated(tmp_path: Path) -> AsyncIterator[Server]:
    """One for a test that changes what is counted, or how."""
    async with rated_server(tmp_path) as server:
        yield server


@asynccontextmanager
async def rated_server(folder: Path) -> AsyncIterator[Server]:
    async with started(folder / "telwerk.db") as server:
        await server.ingest_chat("acme", RATED)
        yield server


async def totals(server: Server, **fields: Any) -> kpi.QueryTotalsResponse:
    return await server.totals("acme", SCORE, group_by=[kpi.DIMENSION_OPERATOR], **fields)


def operators(response: kpi.QueryTotalsResponse) -> list[str]:
    return [row.key.operator_id for row in response.totals]


@pytest.mark.parametrize(
    ("measure", "descending", "expected"),
    [
        (kpi.ORDER_MEASURE_KEY, False, ["anna", "bram", "cees"]),
        (kpi.ORDER_MEASURE_KEY, True, ["cees", "bram", "anna"]),
        (kpi.ORDER_MEASURE_COUNT, True, ["anna", "cees", "bram"]),
        (kpi.ORDER_MEASURE_COUNT, False, ["bram", "cees", "anna"]),
        (kpi.ORDER_MEASURE_SUM, True, ["anna", "cees", "bram"]),
        (kpi.ORDER_MEASURE_MEAN, False, ["bram", "cees", "anna"]),
    ],
)
async def test_rows_are_ordered_as_asked(rated, measure, descending, expected):
    """By any number, both ways."""
    response = await totals(rated, order_by=kpi.OrderBy(measure=measure, descending=descending))
    assert operators(response) == expected


async def test_the_largest_come_by_count_and_the_rest_adds_up(rated):
    """Without an order the largest counts come first; the rest is one row without a key."""
    response = await totals(rated, top=kpi.Top(count=1, include_rest=True))
    first, rest = response.totals
    assert (first.key.operator_id, first.count, first.sum, first.rest) == ("anna", 3, 14, False)
    assert (rest.count, rest.sum, rest.rest) == (3, 7, True)
    assert not rest.key.HasField("operator_id")
    assert rest.mean == pytest.approx(7 / 3)
    assert (response.answers[0].count, response.answers[0].sum, response.answers[0].row_count) == (6, 21, 3)
    assert first.share == rest.share == 0.5


async def test_the_largest_by_another_kpi_are_its_largest_counts(rated):
    """Who says whose numbers decide, and not which, means the count, as without an order."""
    response = await totals(rated, top=kpi.Top(count=2), order_by=kpi.OrderBy(kpi_id=SCORE))
    assert operators(response) == ["anna", "cees"]


@pytest.mark.parametrize(
    "fields",
    [
        {"top": kpi.Top(count=1)},
        {"page_size": 1},
        {"order_by": kpi.OrderBy(measure=kpi.ORDER_MEASURE_COUNT)},
    ],
    ids=["top", "page", "order"],
)
async def test_values_of_different_kinds_have_no_order_in_common(rated, fields):
    """Star 1 is not action 1; side by side, each in its own order, they are fine."""
    both = ("acme", SCORE, "inactivity_actions")
    refused = await refusal(rated.totals(*both, group_by=[kpi.DIMENSION_VALUE], **fields))
    assert (refused.fields, "different kinds" in refused.text) == (["group_by"], True)
    assert [row.key.value.stars for row in (await rated.totals(*both, group_by=[kpi.DIMENSION_VALUE])).totals] == [
        1,
        3,
        4,
        5,
    ]


async def test_no_rest_where_nothing_is_left(rated):
    """Three keys, three asked for."""
    response = await totals(rated, top=kpi.Top(count=3, include_rest=True))
    assert [row.rest for row in response.totals] == [False] * 3


async def test_pages_go_on_where_the_last_one_ended(rated):
    """Two keys, then one; the token is bound to the query, not to the page's size."""
    order = kpi.OrderBy(measure=kpi.ORDER_MEASURE_MEAN, descending=True)
    first = await totals(rated, order_by=order, page_size=2)
    assert operators(first) == ["anna", "cees"]
    second = await totals(rated, order_by=order, page_size=1, page_token=first.next_page_token)
    assert operators(second) == ["bram"]
    assert not second.next_page_token
    other = await refusal(totals(rated, page_size=2, page_token=first.next_page_token))
    assert (other.reason, other.fields) == ("PAGE_TOKEN_INVALID", ["page_token"])


async def test_kpis_list_the_same_keys_in_the_same_order(own_rated):
    """The order of one KPI's numbers is everyone's; a row without facts is left out."""
    await own_rated.ingest_chat("acme", "12:00:00 bram assigned\n12:01:00 contact leaves feedback", "c2")
    response = await own_rated.totals(
        "acme",
        "feedback_count",
        SCORE,
        group_by=[kpi.DIMENSION_OPERATOR],
        order_by=kpi.OrderBy(measure=kpi.ORDER_MEASURE_MEAN, descending=True, kpi_id=SCORE),
    )
    assert [(row.kpi_id, row.key.operator_id) for row in response.totals] == [
        ("feedback_count", "bram"),
        (SCORE, "anna"),
        (SCORE, "cees"),
        (SCORE, "bram"),
    ]


# --- comparison ------------------------------------------------------------------------------------------------------


def hours(first: int, last: int) -> kpi.TimeRange:
    """Of the day of the chats, in UTC."""
    span = kpi.InstantRange()
    span.start_time.FromMicroseconds(at(f"{first}:00:00"))
    span.end_time.FromMicroseconds(at(f"{last}:00:00"))
    return kpi.TimeRange(instants=span)


async def test_totals_beside_the_hour_before(rated):
    """Counts, stars and means of both, and their differences: absolute and relative, absent where there is none."""
    response = await totals(rated, range=hours(10, 11), compare_to=kpi.Comparison(previous_period=True))
    anna, bram = response.totals
    then = anna.comparison
    assert (anna.count, anna.mean, then.count, then.sum, then.mean) == (1, 5.0, 2, 9, 4.5)
    assert (then.count_delta, then.count_change, then.mean_delta) == (-1, -0.5, 0.5)
    assert (bram.comparison.count, bram.comparison.count_delta) == (0, 1)
    assert not bram.comparison.HasField("count_change")
    assert not bram.comparison.HasField("mean_delta")
    period = response.compared_period
    assert (list(period.bucket_start_seconds), period.end_seconds) == (
        [response.start_seconds - 3600],
        response.start_seconds,
    )
    assert (response.answers[0].count, response.answers[0].compared_count) == (2, 2)


async def test_a_series_beside_a_longer_period(rated):
    """Aligned by index from the first bucket on; what the longer one has more is there, without a difference."""
    request = kpi.QueryTimeSeriesRequest(
        account_id="acme",
        kpi_ids=[SCORE],
        range=hours(10, 12),
        granularity=kpi.GRANULARITY_HOUR,
        compare_to=kpi.Comparison(range=hours(8, 11)),
    )
    response = await rated.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)
    [line] = response.series
    assert (list(line.counts), list(line.sums)) == ([2, 2], [6, 6])
    then = line.comparison
    assert (list(then.counts), list(then.sums)) == ([0, 2, 2], [0, 9, 6])
    assert list(then.count_deltas) == [2, 0]
    assert math.isnan(then.count_changes[0])
    assert then.count_changes[1] == 0.0
    assert math.isnan(then.mean_deltas[0])
    assert then.mean_deltas[1] == 3.0 - 4.5
    assert len(response.compared_period.bucket_start_seconds) == 3


async def test_a_key_of_the_other_period_only_is_a_row_too(rated):
    """Anna has no rating from eleven on, and had some before."""
    response = await totals(rated, range=hours(11, 12), compare_to=kpi.Comparison(range=hours(9, 10)))
    assert [(row.key.operator_id, row.count, row.comparison.count) for row in response.totals] == [
        ("anna", 0, 2),
        ("cees", 2, 0),
    ]
    by_loss = kpi.OrderBy(measure=kpi.ORDER_MEASURE_COUNT_DELTA)
    response = await totals(rated, range=hours(11, 12), compare_to=kpi.Comparison(range=hours(9, 10)), order_by=by_loss)
    assert operators(response) == ["anna", "cees"]


# --- topics, surveys -------------------------------------------------------------------------------------------------

TAGGED = {
    "t1": "09:00:00 contact: message\n09:01:00 topics price delivery",
    "t2": "09:00:00 contact: message\n09:01:00 topics price",
    "t3": "09:00:00 contact: message\n09:01:00 topics price weather",
    "t4": "09:00:00 contact: message\n09:01:00 topics weather delivery",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tagged(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with started(tmp_path_factory.mktemp("tagged") / "telwerk.db") as server:
        for conversation, script in TAGGED.items():
            await server.ingest_chat("acme", script, conversation)
        yield server


async def test_topics_overlap_and_the_total_counts_each_assignment_once(tagged):
    """Rows add up to more than there is; the rest is the assignments with any other topic, each once."""
    response = await tagged.totals(
        "acme", TOPICS, group_by=[kpi.DIMENSION_TOPIC], top=kpi.Top(count=1, include_rest=True)
    )
    price, rest = response.totals
    assert (price.key.topic_id, price.count, price.share) == ("price", 3, 0.75)
    assert (rest.rest, rest.count) == (True, 3)
    assert (response.answers[0].count, response.answers[0].overlapping) == (4, True)


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (kpi.TopicFilter(all_of=["price", "delivery"]), 1),
        (kpi.TopicFilter(any_of=["price", "delivery"]), 4),
        (kpi.TopicFilter(exactly=kpi.TopicSet(topic_ids=["price"])), 1),
        (kpi.TopicFilter(exactly=kpi.TopicSet(topic_ids=["delivery", "price", "price"])), 1),
        (kpi.TopicFilter(none_of=["price"]), 1),
    ],
)
async def test_conversations_tagged_so(tagged, condition, count):
    """All of, any of, exactly, none of."""
    response = await tagged.totals("acme", TOPICS, filter=kpi.Filter(topics=condition))
    assert response.totals[0].count == count


async def test_a_question_and_the_shares_of_its_answers(tmp_path):
    """A share is of the answers to the same question; a question's own is of all answers."""
    async with started(tmp_path / "telwerk.db") as server:
        script = "09:00:00 post-chat survey q1=yes q2=big\n09:01:00 post-chat survey q1=no"
        await server.ingest_chat("acme", script)
        ask = "post_chat_survey_results"
        by_value = await server.totals("acme", ask, group_by=[kpi.DIMENSION_VALUE])
        assert [
            (row.key.value.answer.question_id, row.key.value.answer.option_id, row.share) for row in by_value.totals
        ] == [("q1", "no", 0.5), ("q1", "yes", 0.5), ("q2", "big", 1.0)]
        by_question = await server.totals("acme", ask, group_by=[kpi.DIMENSION_QUESTION])
        assert [(row.key.question_id, row.count, row.share) for row in by_question.totals] == [
            ("q1", 2, 2 / 3),
            ("q2", 1, 1 / 3),
        ]
        only = kpi.Filter(questions=kpi.IdFilter(any_of=["q2"]))
        assert (await server.totals("acme", ask, filter=only)).totals[0].count == 1


async def test_what_is_asked_at_other_times_takes_no_share_of_the_rest(tmp_path):
    """The rest has a share where it is of one question only; another that is answered later does not count."""
    async with started(tmp_path / "telwerk.db") as server:
        script = "09:00:00 post-chat survey q1=yes\n09:01:00 post-chat survey q1=no\n12:00:00 post-chat survey q2=big"
        await server.ingest_chat("acme", script)
        by_value = {"group_by": [kpi.DIMENSION_VALUE], "top": kpi.Top(count=1, include_rest=True)}
        response = await server.totals("acme", "post_chat_survey_results", range=hours(9, 10), **by_value)
        assert [(row.rest, row.share) for row in response.totals] == [(False, 0.5), (True, 0.5)]
        response = await server.totals("acme", "post_chat_survey_results", **by_value)
        assert [(row.rest, row.HasField("share")) for row in response.totals] == [(False, True), (True, False)]


async def set_actions(server: Server, widget: str, time: str, *actions: int) -> None:
    """From an instant of the day of the chats on."""
    version = settings_pb.WidgetSettings(widget_id=widget, enabled_actions=actions)
    version.effective_time.FromMicroseconds(at(time))
    request = settings_pb.SetWidgetSettingsRequest(account_id="acme", settings=version)
    await server.settings.SetWidgetSettings(request, timeout=CALL_SECONDS)


async def test_widgets_without_actions_are_named(own_rated):
    """KPI 5: an answer about everything still says which widgets cannot have data (R-KPI5-3)."""
    await set_actions(own_rated, "web", "09:00:00", 4)
    await set_actions(own_rated, "shop", "09:00:00")
    [about] = (await own_rated.totals("acme", "inactivity_actions")).answers
    assert about.not_enabled_widget_ids == ["shop"]
    assert about.availability == kpi.AVAILABILITY_AVAILABLE


async def test_widgets_without_actions_are_those_of_the_range_itself(own_rated):
    """Not of the period that it is compared with."""
    await set_actions(own_rated, "web", "09:00:00")
    await set_actions(own_rated, "web", "10:00:00", 4)
    only = kpi.Filter(widgets=kpi.IdFilter(any_of=["web"]))
    for first, before, named in ((11, 9, []), (9, 11, ["web"])):
        compared = kpi.Comparison(range=hours(before, before + 1))
        asked = {"range": hours(first, first + 1), "compare_to": compared, "filter": only}
        [about] = (await own_rated.totals("acme", "inactivity_actions", **asked)).answers
        assert list(about.not_enabled_widget_ids) == named
        assert (about.availability == kpi.AVAILABILITY_NOT_ENABLED) == bool(named)


# --- what cannot be asked --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "wrong", "text"),
    [
        ({"top": kpi.Top(count=2), "page_size": 2}, "top", "excludes paging"),
        ({"top": kpi.Top()}, "top.count", "from 1 to 1000"),
        ({"page_size": 1001}, "page_size", "from 1 to 1000"),
        ({"page_token": "nonsense"}, "page_token", "not a token"),
        ({"order_by": kpi.OrderBy(measure=kpi.ORDER_MEASURE_COUNT_DELTA)}, "order_by.measure", "needs `compare_to`"),
        ({"order_by": kpi.OrderBy(kpi_id="feedback_count")}, "order_by.kpi_id", SCORE),
        ({"order_by": kpi.OrderBy(measure=99)}, "order_by.measure", "99 is not one of"),  # type: ignore[arg-type]
        ({"compare_to": kpi.Comparison()}, "compare_to", "required"),
        ({"compare_to": kpi.Comparison(previous_period=False)}, "compare_to.previous_period", "must be true"),
        ({"compare_to": kpi.Comparison(previous_period=True)}, "compare_to.previous_period", "before 2000"),
        ({"compare_to": kpi.Comparison(range=kpi.TimeRange())}, "compare_to.range", "required"),
        ({"filter": kpi.Filter(questions=kpi.IdFilter(any_of=["q"]))}, "filter", "no dimension question"),
    ],
)
async def test_what_contradicts_itself_is_refused(rated, fields, wrong, text):
    """The field at fault, and what would be right."""
    refused = await refusal(totals(rated, **fields))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [wrong])
    assert text in refused.text


async def test_a_mean_that_a_kpi_has_not_orders_nothing(rated):
    """And so do the conditions on topics that exclude each other."""
    by_mean = kpi.OrderBy(measure=kpi.ORDER_MEASURE_MEAN)
    refused = await refusal(rated.totals("acme", "feedback_count", order_by=by_mean))
    assert (refused.fields, "has no mean" in refused.text) == (["order_by.measure"], True)
    both = kpi.TopicFilter(exactly=kpi.TopicSet(topic_ids=["a"]), any_of=["b"])
    assert (await refusal(rated.totals("acme", TOPICS, filter=kpi.Filter(topics=both)))).fields == [
        "filter.topics.exactly"
    ]
    nothing = kpi.TopicFilter(exactly=kpi.TopicSet())
    assert (await refusal(rated.totals("acme", TOPICS, filter=kpi.Filter(topics=nothing)))).fields == [
        "filter.topics.exactly"
    ]


async def test_too_many_groups_say_how_to_go_on(tmp_path):
    """By pages, or the largest; these go through."""
    async with started(tmp_path / "telwerk.db", groups_max=2) as server:
        await server.ingest_chat("acme", RATED)
        refused = await refusal(totals(server))
        assert (refused.reason, refused.fields) == ("LIMIT_EXCEEDED", ["group_by"])
        for hint in ("3 groups", "groups_max", "page_size", "top"):
            assert hint in refused.text
        assert len((await totals(server, page_size=2)).totals) == 2
        assert len((await totals(server, top=kpi.Top(count=3))).totals) == 3
