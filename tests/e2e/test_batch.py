"""BatchQuery: a whole dashboard in one call, from one view, parts failing alone. And answers that are kept."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.application.query.runner import Queries
from tests.conftest import ALL_KPI_IDS as KPI_IDS, ALL_TIME, CALL_SECONDS, Server, refusal, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = """
    09:00:00 anna assigned in sales
    09:00:05 contact: message
    09:01:10 contact rates 4
    09:02:00 topics price delivery
    09:03:00 contact leaves feedback
    09:04:00 action inactivity_message_sent
    09:05:00 post-chat survey q1=yes
    09:06:00 ends
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all tests that need no limits of their own. Those that change what is counted have their own account."""
    async with started(tmp_path_factory.mktemp("batch") / "telwerk.db") as server:
        await server.ingest_chat("acme", CHAT)
        yield server


def series(**fields: Any) -> kpi.QueryTimeSeriesRequest:
    wanted = {"kpi_ids": KPI_IDS, "range": ALL_TIME, "granularity": kpi.GRANULARITY_MONTH, **fields}
    return kpi.QueryTimeSeriesRequest(**wanted)


def totals(**fields: Any) -> kpi.QueryTotalsRequest:
    return kpi.QueryTotalsRequest(**{"kpi_ids": KPI_IDS, "range": ALL_TIME, **fields})


async def batch(
    server: Server, *queries: kpi.QueryTimeSeriesRequest | kpi.QueryTotalsRequest, account: str = "acme"
) -> list[Any]:
    request = kpi.BatchQueryRequest(account_id=account)
    for query in queries:
        if isinstance(query, kpi.QueryTimeSeriesRequest):
            request.queries.add(time_series=query)
        else:
            request.queries.add(totals=query)
    response = await server.kpis.BatchQuery(request, timeout=CALL_SECONDS)
    return [getattr(answer, answer.WhichOneof("answer")) for answer in response.answers]


def timeless(response: Any) -> Any:
    """An answer without its one part that changes by itself."""
    response.ClearField("complete_until")
    return response


async def test_each_answer_is_what_the_query_alone_is_answered(server):
    """Series and totals, of all KPIs and of some, compared, by pages."""
    by_operator = [kpi.DIMENSION_OPERATOR]
    asked: list[Any] = [
        series(),
        totals(group_by=by_operator),
        series(kpi_ids=["conversation_topics"], group_by=[kpi.DIMENSION_TOPIC], sparse=True),
        totals(kpi_ids=["satisfaction_score"], group_by=by_operator, page_size=1),
    ]
    for query, answer in zip(asked, await batch(server, *asked), strict=True):
        query.account_id = "acme"
        call = server.kpis.QueryTimeSeries if isinstance(query, kpi.QueryTimeSeriesRequest) else server.kpis.QueryTotals
        alone = await call(query, timeout=CALL_SECONDS)
        assert timeless(alone) == timeless(answer)


async def test_a_wrong_query_fails_alone(server):
    """With the error that it alone would have had: reason, field and text; the others are answered."""
    wrong, empty, right = totals(kpi_ids=["satisfaction"]), totals(range=None), totals()
    first, second, third = await batch(server, wrong, empty, right)
    assert (first.reason, first.field) == ("UNKNOWN_KPI", "kpi_ids")
    assert "did you mean 'satisfaction_score'" in first.message
    assert (second.reason, second.field) == ("INVALID_REQUEST", "range")
    assert [row.count for row in third.totals if row.kpi_id == "satisfaction_score"] == [1]
    limit = await batch(server, series(granularity=kpi.GRANULARITY_QUARTER_HOUR))
    assert (limit[0].reason, limit[0].field) == ("LIMIT_EXCEEDED", "granularity")


async def test_a_query_that_is_none_fails_alone(server):
    """A part without a query."""
    request = kpi.BatchQueryRequest(account_id="acme", queries=[kpi.BatchedQuery(), kpi.BatchedQuery(totals=totals())])
    response = await server.kpis.BatchQuery(request, timeout=CALL_SECONDS)
    assert [answer.WhichOneof("answer") for answer in response.answers] == ["error", "totals"]


async def test_another_account_inside_is_refused(server):
    """Only the account at the top is checked against the key."""
    [answer] = await batch(server, totals(account_id="other"))
    assert (answer.reason, answer.field) == ("INVALID_REQUEST", "account_id")
    [answer] = await batch(server, totals(account_id="acme"))
    assert answer.totals


@pytest.mark.parametrize("count", [0, 51])
async def test_a_batch_has_1_to_50_queries(server, count):
    """The limit is in the text."""
    refused = await refusal(batch(server, *[totals()] * count))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["queries"])
    assert "1 to 50" in refused.text


async def test_points_are_shared_by_a_batch(tmp_path):
    """So that a batch is no way around the limit: the query that goes over it fails, and says so."""
    async with started(tmp_path / "telwerk.db", points_max=5_000) as server:
        month = series(kpi_ids=["feedback_count"])
        answers = await batch(server, month, month, month)
        assert [hasattr(answer, "series") for answer in answers] == [True, True, False]
        assert "points_max" in answers[2].message


@pytest.mark.parametrize(
    "more",
    [{"kpi_ids": ["feedback_count", "goals_reached"]}, {"compare_to": kpi.Comparison(range=ALL_TIME)}],
    ids=["another KPI", "another period"],
)
async def test_points_are_those_of_all_kpis_and_periods(tmp_path, more):
    """Two hundred years by month are 2,400 points, and twice as many with another KPI, or period, beside it."""
    async with started(tmp_path / "telwerk.db", points_max=4_000) as server:
        [answer] = await batch(server, series(kpi_ids=["feedback_count"]))
        assert answer.series
        [refused] = await batch(server, series(**{"kpi_ids": ["feedback_count"], **more}))
        assert (refused.reason, "points_max" in refused.message) == ("LIMIT_EXCEEDED", True)


async def test_a_query_over_the_limit_leaves_its_share_to_the_others(tmp_path):
    """It is refused before anything of it is made: what comes after it is answered as if it were not there."""
    async with started(tmp_path / "telwerk.db", points_max=5_000) as server:
        small = totals(kpi_ids=["feedback_count"])
        first, refused, last = await batch(server, small, series(), small)
        assert (refused.reason, refused.field) == ("LIMIT_EXCEEDED", "group_by")
        assert timeless(first) == timeless(last)


async def test_a_batch_sees_one_state_of_the_account(server):
    """While chats come in, the same total is the same in all parts of each batch."""
    sending = asyncio.create_task(many_chats(server))
    seen = set()
    try:
        while not sending.done():
            answers = await batch(server, *[totals(kpi_ids=["feedback_count"])] * 8, account="busy")
            counts = {answer.totals[0].count for answer in answers}
            assert len(counts) == 1
            seen |= counts
    finally:
        await sending
    assert len(seen) > 1, "nothing came in meanwhile"


async def many_chats(server: Server) -> None:
    for n in range(40):
        await server.ingest_chat("busy", CHAT, f"more-{n}")


# --- answers that are kept -------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was asked of the counters, and not answered from what was kept."""
    original, queries = Queries.ask, []

    async def ask(self: Queries, query: Any, then: Any, **options: Any) -> Any:
        queries.append(query)
        return await original(self, query, then, **options)

    monkeypatch.setattr(Queries, "ask", ask)
    return queries


async def test_the_same_again_is_answered_from_what_was_kept(asked, server):
    """Byte for byte, until the account changes; then anew. Only how far it is complete goes on."""
    await server.ingest_chat("kept", CHAT)
    first = await server.totals("kept", "feedback_count")
    again = await server.totals("kept", "feedback_count")
    assert len(asked) == 1
    assert again.complete_until.ToMicroseconds() >= first.complete_until.ToMicroseconds()
    assert timeless(first).SerializeToString() == timeless(again).SerializeToString()
    await server.ingest_chat("kept", CHAT, "c2")
    assert (await server.totals("kept", "feedback_count")).totals[0].count == 2
    assert len(asked) == 2


async def test_what_is_kept_of_one_account_answers_no_other(asked, server):
    """The account is part of the question."""
    await server.ingest_chat("one", CHAT)
    assert (await server.totals("one", "feedback_count")).totals[0].count == 1
    assert (await server.totals("other", "feedback_count")).totals[0].count == 0
    assert len(asked) == 2


async def test_nothing_is_kept_beyond_the_memory_for_it(asked, tmp_path):
    """0 bytes keep nothing; a few hundred keep the answer used last."""
    async with started(tmp_path / "telwerk.db", answer_cache_bytes_max=0) as server:
        for _ in range(2):
            await server.totals("acme", "feedback_count")
    assert len(asked) == 2
    asked.clear()
    async with started(tmp_path / "telwerk.db", answer_cache_bytes_max=500) as server:
        for kpi_id in ("feedback_count", "satisfaction_score", "satisfaction_score", "feedback_count"):
            await server.totals("acme", kpi_id)
    assert len(asked) == 3
