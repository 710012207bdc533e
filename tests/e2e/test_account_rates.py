"""Limits of an account in a second: what is beyond is refused whole, by the limit's name, with a time to come back."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi, settings_service_pb2 as settings
from telwerkd.server.settings.loading import ConfigurationError, load
from telwerkd.server.settings.settings import Settings
from telwerkd.server.wiring import running
from tests.conftest import CALL_SECONDS, Server, connected, refusal, started, wired

pytestmark = pytest.mark.asyncio(loop_scope="module")


KPI = "satisfaction_score"
DAY = kpi.TimeRange(instants={"start_time": {"seconds": 1_728_000_000}, "end_time": {"seconds": 1_728_086_400}})
ALL = kpi.TimeRange(instants={"start_time": {"seconds": 1_728_000_000}, "end_time": {"seconds": 1_828_051_200}})
HOUR = 3_600.0
SLOW = 3 / HOUR
"""Three an hour, with an hour to save up: three at once, and then none while a test runs."""

OWN = {
    **{name: {"account_calls_per_second_max": SLOW} for name in ("calls", "settings", "batch", "small-batch")},
    **{name: {"account_events_per_second_max": SLOW} for name in ("events", "stream", "whole")},
    "watching": {"watches_per_account_max": 1},
    **{name: {"account_query_ms_per_second_max": 0.001 / HOUR} for name in ("costly", "costly-batch", "explained")},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory) -> AsyncIterator[Server]:
    database = tmp_path_factory.mktemp("rates") / "telwerk.db"
    async with started(database, account_limits=OWN, account_burst_seconds=HOUR) as server:
        yield server


def events(count: int, conversation: str = "c1"):
    lines = "\n".join(f"09:00:{second:02d} contact: message" for second in range(count))
    return wired(lines, conversation)


def check(said, limit: str) -> None:
    assert (said.code, said.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    assert limit in said.text
    assert 0 < said.retry_seconds <= HOUR


async def test_calls_beyond_the_limit_are_refused_and_those_of_others_are_not(server):
    for _ in range(3):
        await server.totals("calls", KPI)
    check(await refusal(server.totals("calls", KPI)), "account_calls_per_second_max")
    check(await refusal(server.ingest("calls", events(1))), "account_calls_per_second_max")
    await server.totals("others", KPI)
    asked = settings.GetAccountSettingsRequest(account_id="settings")
    for _ in range(3):
        await server.settings.GetAccountSettings(asked, timeout=CALL_SECONDS)
    check(
        await refusal(server.settings.GetAccountSettings(asked, timeout=CALL_SECONDS)), "account_calls_per_second_max"
    )


async def test_each_query_of_a_batch_is_a_call(server):
    def batch(account: str, size: int):
        one = kpi.BatchedQuery(totals=kpi.QueryTotalsRequest(kpi_ids=[KPI]))
        request = kpi.BatchQueryRequest(account_id=account, queries=[one] * size)
        return server.kpis.BatchQuery(request, timeout=CALL_SECONDS)

    await batch("batch", 2)
    check(await refusal(batch("batch", 2)), "account_calls_per_second_max")
    await batch("small-batch", 4)  # more than the bucket holds, and admitted because it is full
    check(await refusal(batch("small-batch", 1)), "account_calls_per_second_max")


async def test_of_events_beyond_the_limit_none_is_stored(server):
    await server.ingest("events", events(2))
    check(await refusal(server.ingest("events", events(2, "c2"))), "account_events_per_second_max")
    again = await server.ingest("events", events(2, "c2")[:1])
    assert (again.accepted_count, again.duplicate_count) == (1, 0)  # the refused call had not stored it
    large = await server.ingest("whole", events(9))  # more than the bucket holds
    assert large.accepted_count == 9
    check(await refusal(server.ingest("whole", events(1))), "account_events_per_second_max")


async def test_a_stream_is_told_in_its_order_and_goes_on(server):
    stream = server.ingestion.StreamEvents(timeout=CALL_SECONDS)
    for conversation, count in (("c1", 2), ("c2", 5), ("c3", 1)):
        request = ingestion.StreamEventsRequest(account_id="stream", events=events(count, conversation))
        await stream.write(request)
    await stream.done_writing()
    first, refused, last = [reply async for reply in stream]
    assert (first.accepted_count, last.accepted_count) == (2, 1)
    assert (refused.request_number, refused.error.reason) == (2, "QUOTA_EXCEEDED")
    assert "account_events_per_second_max" in refused.error.message
    assert refused.error.retry_delay.seconds > 0


async def test_queries_are_paid_by_what_they_cost(server):
    await server.totals("costly", KPI)
    said = await refusal(server.totals("costly", KPI))
    check(said, "account_query_ms_per_second_max")
    await server.ingest("costly", events(1))
    one = kpi.BatchedQuery(totals=kpi.QueryTotalsRequest(kpi_ids=[KPI], range=DAY))
    request = kpi.BatchQueryRequest(account_id="costly-batch", queries=[one])
    await server.kpis.BatchQuery(request, timeout=CALL_SECONDS)
    check(await refusal(server.kpis.BatchQuery(request, timeout=CALL_SECONDS)), "account_query_ms_per_second_max")
    await server.ingest_chat("explained", "09:00:00 anna assigned\n09:00:05 contact rates 4")
    explain = kpi.ExplainCountRequest(account_id="explained", kpi_id=KPI, range=ALL)
    await server.kpis.ExplainCount(explain, timeout=CALL_SECONDS)
    check(await refusal(server.totals("explained", KPI)), "account_query_ms_per_second_max")


async def test_watches_of_an_account_may_have_a_limit_of_their_own(server):
    query = kpi.QueryTimeSeriesRequest(kpi_ids=[KPI], granularity=kpi.GRANULARITY_DAY, range=DAY)

    def watch(account: str):
        return server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id=account, query=query))

    first, other = watch("watching"), watch("others")
    await first.read()
    await other.read()
    check(await refusal(watch("watching").read()), "1 watches of this account (watches_per_account_max)")
    second = watch("others")
    await second.read()
    for open_watch in (first, other, second):
        open_watch.cancel()


async def test_limits_follow_the_settings_while_a_server_runs(tmp_path):
    named = {"database": tmp_path / "telwerk.db", "listen": "127.0.0.1:0"}
    async with running(Settings(**named)) as server, connected(server.address) as client:
        server.use(Settings(**named, account_calls_per_second_max=SLOW, account_burst_seconds=1.0))
        await client.totals("acme", KPI)
        check(await refusal(client.totals("acme", KPI)), "account_calls_per_second_max")
        server.use(Settings(**named))
        await client.totals("acme", KPI)


async def test_limits_of_single_accounts_stand_in_the_file_or_in_a_variable(tmp_path: Path, monkeypatch):
    file = tmp_path / "telwerkd.toml"
    file.write_text('[account_limits."a.b c"]\naccount_calls_per_second_max = 5\n')
    rates = load(file, {}).settings.rate_limits
    assert rates.limit_of("account_calls_per_second_max", "a.b c") == 5
    assert rates.limit_of("account_calls_per_second_max", "a") is None
    monkeypatch.setenv("TELWERK_ACCOUNT_LIMITS", json.dumps({"acme": {"account_events_per_second_max": 7.5}}))
    assert load(None, {}).settings.rate_limits.limit_of("account_events_per_second_max", "acme") == 7.5
    monkeypatch.setenv("TELWERK_ACCOUNT_LIMITS", "acme=7")
    with pytest.raises(ConfigurationError, match="account_limits"):
        load(None, {})
    monkeypatch.delenv("TELWERK_ACCOUNT_LIMITS")
    for wrong in ("calls = 5", "account_calls_per_second_max = true", "account_calls_per_second_max = 0"):
        file.write_text(f"[account_limits.acme]\n{wrong}\n")
        with pytest.raises(ConfigurationError, match="account_limits"):
            load(file, {})
