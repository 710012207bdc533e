"""What queries can ask beyond one answer, from both clients: comparison, order, the largest, pages, batches."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from telwerk import AsyncTelwerk, Telwerk, errors, events, queries
from telwerk.v1 import kpi_service_pb2 as kpi
from tests.client.examples import example_of
from tests.conftest import serving

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
WEEK: dict[str, Any] = {"start": date(2026, 11, 2), "end": date(2026, 11, 9)}
OPERATORS = [f"op{number:02}" for number in range(12)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Operator number n has n ratings of 5 on Monday, and one of 3 a week before."""
    with serving(tmp_path_factory.mktemp("asking") / "telwerk.db") as server:
        with Telwerk(server.address) as client:
            for number, operator in enumerate(OPERATORS):
                said = {"widget": "web", "at": MONDAY - timedelta(days=7)}
                chat = [
                    events.operator_assigned(operator, **said, operator=operator),
                    events.rated(operator, **said, sequence=1, stars=3),
                    *(events.rated(operator, widget="web", at=MONDAY, stars=5) for _ in range(number)),
                ]
                # The assignment lies before the ratings: at one instant it would come after them.
                chat[0].occur_time.seconds -= 60
                assert not client.ingest("acme", chat).rejections
        yield server.address


@pytest.fixture
def client(address: str) -> Iterator[Telwerk]:
    with Telwerk(address) as telwerk:
        yield telwerk


@pytest.fixture
async def aio(address: str) -> AsyncIterator[AsyncTelwerk]:
    async with AsyncTelwerk(address) as telwerk:
        yield telwerk


def test_the_largest_come_first_and_the_rest_is_summed_up(client: Telwerk) -> None:
    options: Any = {**WEEK, "group_by": ["operator"], "order_by": "-count", "top": 2, "include_rest": True}
    totals = client.totals("acme", "satisfaction_score", **options).totals
    assert [(row.key.operator_id, row.count, row.rest) for row in totals] == [
        ("op11", 11, False),
        ("op10", 10, False),
        ("", 45, True),
    ]
    series = client.series("acme", "satisfaction_score", **options).series
    assert [(line.key.operator_id, sum(line.counts)) for line in series] == [("op11", 11), ("op10", 10), ("", 45)]


def test_the_smallest_come_first_without_a_minus(client: Telwerk) -> None:
    options: Any = {**WEEK, "group_by": ["operator"], "order_by": "count", "top": 1}
    assert client.totals("acme", "satisfaction_score", **options).totals[0].key.operator_id == "op01"


def test_the_previous_period_stands_beside_each_number(client: Telwerk) -> None:
    total = client.totals("acme", "satisfaction_score", **WEEK, compare_to="previous").totals[0]
    assert (total.count, total.mean) == (66, 5.0)
    assert (total.comparison.count, total.comparison.count_delta, total.comparison.mean_delta) == (12, 54, 2.0)


def test_any_period_can_be_compared_with(client: Telwerk) -> None:
    october = (date(2026, 10, 1), date(2026, 11, 1))
    answer = client.series("acme", "satisfaction_score", **WEEK, compare_to=october)
    assert sum(answer.series[0].comparison.counts) == 12
    assert len(answer.compared_period.bucket_start_seconds) == 31


def test_one_page_after_the_other_gives_every_row_once(client: Telwerk) -> None:
    options: Any = {**WEEK, "group_by": ["operator"], "page_size": 5}
    pages = list(client.totals_pages("acme", "satisfaction_score", **options))
    assert [len(page.totals) for page in pages] == [5, 5, 1]
    assert [row.key.operator_id for page in pages for row in page.totals] == OPERATORS[1:]
    lines = [line for page in client.series_pages("acme", "satisfaction_score", **options) for line in page.series]
    assert [line.key.operator_id for line in lines] == OPERATORS[1:]


def test_a_page_can_be_asked_for_alone(client: Telwerk) -> None:
    options: Any = {**WEEK, "group_by": ["operator"], "page_size": 8}
    first = client.totals("acme", "satisfaction_score", **options)
    second = client.totals("acme", "satisfaction_score", **options, page_token=first.next_page_token)
    assert len(first.totals) + len(second.totals) == 11
    assert not second.next_page_token


def test_a_batch_answers_each_question_as_it_would_be_answered_alone_and_a_wrong_one_fails_alone(
    client: Telwerk,
) -> None:
    answers = client.batch(
        "acme",
        [
            queries.totals("satisfaction_score", **WEEK),
            queries.series("satisfaction_score", **WEEK, granularity="week"),
            queries.totals("nope", **WEEK),
            queries.totals("satisfaction_score", **WEEK, group_by=["operator"], top=9_999),
        ],
    )
    total, series, unknown, too_many = answers
    assert isinstance(total, kpi.QueryTotalsResponse)
    assert total.totals == client.totals("acme", "satisfaction_score", **WEEK).totals
    assert isinstance(series, kpi.QueryTimeSeriesResponse)
    assert list(series.series[0].counts) == [66]
    assert isinstance(unknown, errors.InvalidArgumentError)
    assert (unknown.reason, unknown.violations[0].field) == ("UNKNOWN_KPI", "kpi_ids")
    assert isinstance(too_many, errors.InvalidArgumentError)


def test_a_batch_without_questions_is_refused_as_a_whole(client: Telwerk) -> None:
    with pytest.raises(errors.LimitExceededError, match="queries"):
        client.batch("acme", [])


def test_a_survey_can_be_asked_by_question(client: Telwerk) -> None:
    said: dict[str, Any] = {"widget": "web", "at": MONDAY}
    asked = [("subject", "order"), ("subject", "price"), ("known", "yes")]
    chat = [
        events.message_sent("chat", sender="contact", **said),
        events.pre_chat_survey_completed("chat", answers=asked, **said),
    ]
    client.ingest("of-questions", chat)
    survey = "pre_chat_survey_results"
    rows = client.totals("of-questions", survey, **WEEK, group_by=["question"]).totals
    assert [(row.key.question_id, row.count) for row in rows] == [("known", 1), ("subject", 2)]
    where = kpi.Filter(questions=kpi.IdFilter(any_of=["subject"]))
    assert client.totals("of-questions", survey, **WEEK, where=where).totals[0].count == 2


async def test_the_asynchronous_client_asks_the_same(aio: AsyncTelwerk, client: Telwerk) -> None:
    options: Any = {**WEEK, "group_by": ["operator"], "page_size": 5}
    pages = [page async for page in aio.totals_pages("acme", "satisfaction_score", **options)]
    assert [list(page.totals) for page in pages] == [
        list(page.totals) for page in client.totals_pages("acme", "satisfaction_score", **options)
    ]
    assert [len(page.series) async for page in aio.series_pages("acme", "satisfaction_score", **options)] == [5, 5, 1]
    (total, wrong) = await aio.batch("acme", [queries.totals("feedback_count", **WEEK), queries.series("nope", **WEEK)])
    assert isinstance(total, kpi.QueryTotalsResponse)
    assert isinstance(wrong, errors.InvalidArgumentError)


def test_the_example_of_the_module_is_one_that_is_answered(address: str) -> None:
    exec(example_of(queries, address, "acme"), {})  # noqa: S102 - our own
