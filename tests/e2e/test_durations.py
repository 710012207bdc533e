"""Durations over the wire: percentiles, histograms and their errors, of chats small enough to count by hand.

And what `telwerkd verify` finds of chunks of them that are damaged in the database.
"""

import math
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.server.maintenance import audits
from telwerkd.storage.location import SqliteFile
from tests.chats import at
from tests.conftest import CALL_SECONDS, Server, compacted, refusal, started, wired
from tests.e2e.test_server_command import telwerkd

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESPONSES = "response_time"

# anna answers after 10 s, 20 s and 60 s; bram after 0 s, and after 30 s an hour later.
ANSWERED = """
    09:00:00 anna assigned in sales
    09:01:00 contact: message
    09:01:10 operator: message
    09:02:00 contact: message
    09:02:20 operator: message
    09:03:00 contact: message
    09:04:00 operator: message
    09:10:00 bram assigned in support
    09:11:00 contact: message
    09:11:00 operator: message
    10:00:00 contact: message
    10:00:30 operator: message
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all tests."""
    async with started(tmp_path_factory.mktemp("durations") / "telwerk.db") as server:
        await server.ingest_chat("acme", ANSWERED)
        yield server


def is_near(found: float, expected_ms: float) -> bool:
    """Whether a percentile is within 1 % of a duration."""
    return abs(found - expected_ms) <= expected_ms / 100


async def totals(server: Server, **fields: Any) -> kpi.QueryTotalsResponse:
    return await server.totals("acme", RESPONSES, **fields)


async def hourly(server: Server, **fields: Any) -> kpi.QueryTimeSeriesResponse:
    """From 9 to 12 by hour."""
    span = kpi.InstantRange()
    span.start_time.FromMicroseconds(at("09:00:00"))
    span.end_time.FromMicroseconds(at("12:00:00"))
    request = kpi.QueryTimeSeriesRequest(
        account_id="acme",
        kpi_ids=[RESPONSES],
        range=kpi.TimeRange(instants=span),
        granularity=kpi.GRANULARITY_HOUR,
        **fields,
    )
    return await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)


async def test_totals_have_sum_mean_and_percentiles(server: Server) -> None:
    """Count, exact sum and mean; percentiles within 1 %, and 0 exactly; a histogram adds up to the count (R-DUR-1)."""
    answer = await totals(server, percentiles=[0.0, 0.5, 1.0], include_histogram=True)
    [row], [about] = answer.totals, answer.answers
    assert (row.count, row.sum, row.mean) == (5, 120_000, 24_000)
    for said in (row, about):
        assert [found.percentile for found in said.percentiles] == [0.0, 0.5, 1.0]
        assert said.percentiles[0].value == 0
        assert is_near(said.percentiles[1].value, 20_000)
        assert is_near(said.percentiles[2].value, 60_000)
        assert [of.count for of in said.histogram] == [1] * 5
        assert all(of.lower <= ms <= of.upper for of, ms in zip(said.histogram, FIVE, strict=True))
    assert (about.count, about.sum) == (5, 120_000)


FIVE = [0, 10_000, 20_000, 30_000, 60_000]


async def test_each_bucket_has_its_percentiles(server: Server) -> None:
    """By hour: where there is no fact, a percentile is NaN, and a histogram is empty."""
    [line] = (await hourly(server, percentiles=[0.5], include_histogram=True)).series
    [median] = line.percentiles
    assert list(line.counts) == [4, 1, 0]
    assert list(line.sums) == [90_000, 30_000, 0]
    assert is_near(median.values[0], 10_000)
    assert is_near(median.values[1], 30_000)
    assert math.isnan(median.values[2])
    assert [sum(of.count for of in histogram.bins) for histogram in line.histograms] == [4, 1, 0]


async def test_a_sparse_line_leaves_out_the_percentiles_of_empty_buckets(server: Server) -> None:
    """Its percentiles and histograms are aligned with its counts."""
    [line] = (await hourly(server, percentiles=[0.5], include_histogram=True, sparse=True)).series
    assert list(line.bucket_indexes) == [0, 1]
    assert len(line.percentiles[0].values) == len(line.histograms) == 2


async def test_without_facts_there_is_no_percentile(server: Server) -> None:
    """A mean and a percentile of nothing are absent, never 0 (R-DUR-4)."""
    answer = await server.totals("nobody", RESPONSES, percentiles=[0.5])
    [row] = answer.totals
    assert (row.count, row.sum, row.HasField("mean"), list(row.percentiles)) == (0, 0, False, [])
    assert not answer.answers[0].percentiles


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ({"measure": kpi.ORDER_MEASURE_PERCENTILE, "percentile": 1.0, "descending": True}, ["anna", "bram"]),
        ({"measure": kpi.ORDER_MEASURE_PERCENTILE, "percentile": 0.5}, ["bram", "anna"]),
        ({"measure": kpi.ORDER_MEASURE_MEAN}, ["bram", "anna"]),
        ({"measure": kpi.ORDER_MEASURE_SUM, "descending": True}, ["anna", "bram"]),
    ],
)
async def test_rows_are_ordered_by_durations(server: Server, measure: dict[str, Any], expected: list[str]) -> None:
    """By mean, sum or any percentile, with the largest and the rest, and page by page."""
    asked: dict[str, Any] = {"group_by": [kpi.DIMENSION_OPERATOR], "order_by": kpi.OrderBy(**measure)}
    assert [row.key.operator_id for row in (await totals(server, **asked)).totals] == expected
    first, rest = (await totals(server, top=kpi.Top(count=1, include_rest=True), percentiles=[0.9], **asked)).totals
    assert (first.key.operator_id, rest.rest) == (expected[0], True)
    assert first.sum + rest.sum == 120_000
    assert len(rest.percentiles) == 1
    page = await totals(server, page_size=1, **asked)
    second = await totals(server, page_size=1, page_token=page.next_page_token, **asked)
    assert [row.key.operator_id for row in (*page.totals, *second.totals)] == expected


async def test_a_compared_period_has_its_percentiles(server: Server) -> None:
    """The hour before: its percentiles stand beside its counts."""
    compared = kpi.Comparison(previous_period=True)
    span = kpi.InstantRange()
    span.start_time.FromMicroseconds(at("10:00:00"))
    span.end_time.FromMicroseconds(at("11:00:00"))
    asked: dict[str, Any] = {"range": kpi.TimeRange(instants=span), "compare_to": compared, "percentiles": [1.0]}
    [row] = (await totals(server, **asked)).totals
    assert row.comparison.mean_delta == 30_000 - 22_500
    assert is_near(row.comparison.percentiles[0].value, 60_000)


async def test_an_explanation_tells_each_duration(server: Server) -> None:
    """In milliseconds; it has no value beside it."""
    request = kpi.ExplainCountRequest(account_id="acme", kpi_id=RESPONSES)
    request.range.instants.start_time.FromMicroseconds(at("09:00:00"))
    request.range.instants.end_time.FromMicroseconds(at("12:00:00"))
    [conversation] = (await server.kpis.ExplainCount(request, timeout=CALL_SECONDS)).conversations
    assert sorted(fact.duration_ms for fact in conversation.counted) == FIVE
    assert not any(fact.HasField("value") for fact in conversation.counted)


PERCENTILE = kpi.ORDER_MEASURE_PERCENTILE


@pytest.mark.parametrize(
    ("kpi_id", "fields", "reason", "field"),
    [
        (RESPONSES, {"percentiles": [1.1]}, "INVALID_PERCENTILE", "percentiles[0]"),
        ("feedback_count", {"percentiles": [0.5]}, "NO_DURATIONS", "percentiles"),
        ("satisfaction_score", {"include_histogram": True}, "NO_DURATIONS", "include_histogram"),
        (
            "satisfaction_score",
            {"order_by": kpi.OrderBy(measure=PERCENTILE, percentile=0.5)},
            "NO_DURATIONS",
            "order_by.measure",
        ),
    ],
)
async def test_what_no_percentile_is_refused(
    server: Server, kpi_id: str, fields: dict[str, Any], reason: str, field: str
) -> None:
    """Each mistake has its own reason and names its field."""
    refused = await refusal(server.totals("acme", kpi_id, **fields))
    assert (refused.reason, refused.fields) == (reason, [field])


async def test_a_watch_tells_of_durations_that_changed(server: Server) -> None:
    """Each update is the whole answer: percentiles are not those of the buckets that changed alone."""
    request = kpi.WatchTimeSeriesRequest(account_id="watched")
    request.query.CopyFrom(
        kpi.QueryTimeSeriesRequest(kpi_ids=[RESPONSES], granularity=kpi.GRANULARITY_HOUR, percentiles=[0.5])
    )
    request.query.range.instants.start_time.FromMicroseconds(at("09:00:00"))
    request.query.range.instants.end_time.FromMicroseconds(at("12:00:00"))
    call = server.kpis.WatchTimeSeries(request, timeout=CALL_SECONDS)
    first = await call.read()
    await server.ingest("watched", wired(ANSWERED))
    second = await call.read()
    call.cancel()
    assert not sum(first.snapshot.series[0].counts)
    assert is_near(second.snapshot.series[0].percentiles[0].values[0], 10_000)


def cut(words: bytes) -> bytes:
    return words[:-1]


def out_of_order(words: bytes) -> bytes:
    return words[-4:] + words[:-4]


def of_nobody(words: bytes) -> bytes:
    """The last word says that there are 0 facts."""
    return words[:-4] + (int.from_bytes(words[-4:], "little") & ~0x3FF).to_bytes(4, "little")


def beyond_all_bins(words: bytes) -> bytes:
    return words[:-4] + b"\xff" * 4


def one_too_many(words: bytes) -> bytes:
    """A count that can be read, and is wrong."""
    return words[:-4] + (int.from_bytes(words[-4:], "little") + 1).to_bytes(4, "little")


def a_longer_sum(words: bytes) -> bytes:
    """The lowest digit of the sum is 1 ms more."""
    return (int.from_bytes(words[:4], "little") + 1).to_bytes(4, "little") + words[4:]


DAMAGES: dict[Callable[[bytes], bytes], str] = {
    cut: "damaged: table counters, row .*: cells of",
    out_of_order: "damaged: table counters, row .*: cells that are not in order, or empty",
    of_nobody: "damaged: table counters, row .*: cells that are not in order, or empty",
    beyond_all_bins: "damaged: table counters, row .*: cells of a duration that there is not",
    one_too_many: r"response_time \(total\), 32 days from [-\d]+: 0 too few, 1 too many$",
    a_longer_sum: r"response_time \(total\), 32 days from [-\d]+: 0 too few, 0 too many, their sum 1 ms too large$",
}
TOTAL = f'measure = {int(Kpi.RESPONSE_TIME)} AND "grouping" = 0'


async def test_a_damaged_chunk_of_durations_is_found_by_verify_and_mended_by_rebuild(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However it is damaged: the row is named, or by how much it is wrong; afterwards every answer is as before."""
    file = SqliteFile(tmp_path / "telwerk.db")
    asked: dict[str, Any] = {"percentiles": [0.0, 0.5, 1.0], "include_histogram": True}
    async with started(file) as server:
        await server.ingest_chat("acme", ANSWERED)
        await compacted(file)
        before = await totals(server, **asked)
    for damage, expected in DAMAGES.items():
        with closing(sqlite3.connect(file.path)) as connection, connection:
            [(whole,)] = connection.execute(f"SELECT cells FROM counters WHERE {TOTAL}")  # noqa: S608  # ours
            connection.execute(f"UPDATE counters SET cells = ? WHERE {TOTAL}", [damage(whole)])  # noqa: S608  # ours
        assert not await audits.verify(file), damage.__name__
        assert re.search(expected, capsys.readouterr().out, re.MULTILINE), damage.__name__
        if damage is cut:
            assert telwerkd("verify", "--database", file.path).returncode == 1
        assert await audits.rebuild(file), damage.__name__  # which examines it again
        capsys.readouterr()
    async with started(file) as server:
        assert (await totals(server, **asked)).totals == before.totals
