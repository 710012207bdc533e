"""What Prometheus reads of a server that runs: each figure moves by what happened, and by nothing else."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2

from support.http2 import raw
from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.metrics.catalogue import CATALOGUE, NAMES, Kind
from telwerkd.server.telemetry.metrics import Metrics
from tests.conftest import ALL_TIME, Server, compacted, eventually, locked, wired, writer_of
from tests.e2e.test_watch import hourly
from tests.scraping import measured, moved, scraped

SCORE, FEEDBACK = "satisfaction_score", "feedback_count"
RATED = "09:00:00 anna assigned in sales\n09:01:10 contact rates 4"
TOTALS = "grpc_method=QueryTotals,grpc_service=telwerk.v1.KpiService,grpc_type=unary"
BATCH = "grpc_method=BatchQuery,grpc_service=telwerk.v1.KpiService,grpc_type=unary"
STREAM = "grpc_method=StreamEvents,grpc_service=telwerk.v1.IngestionService,grpc_type=bidi_stream"
WATCH = "grpc_method=WatchTimeSeries,grpc_service=telwerk.v1.KpiService,grpc_type=server_stream"
CHECK = "grpc_method=Check,grpc_service=grpc.health.v1.Health,grpc_type=unary"
HEALTH_WATCH = "grpc_method=Watch,grpc_service=grpc.health.v1.Health,grpc_type=server_stream"
OTHERS = "grpc_method=other,grpc_service=other,grpc_type=unary"
UPKEEP = ("telwerk_delta", "telwerk_compact", "telwerk_database", "telwerk_transaction_seconds_count{command=compact}")
"""What moves by itself."""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[Server, Metrics]]:
    limits = {"metrics_accounts_max": 1, "names_max": 1, "points_max": 5, "calls_per_peer_max": 2}
    async with measured(tmp_path / "telwerk.db", **limits) as both:
        yield both


class Steps:
    """What moved since the step before."""

    def __init__(self, metrics: Metrics, *prefixes: str) -> None:
        self._metrics = metrics
        self._prefixes = prefixes
        self._before: Any = {}

    async def moved(self) -> dict[str, float]:
        before, self._before = self._before, await scraped(self._metrics)
        found = moved(before, self._before, *self._prefixes)
        return {name: value for name, value in found.items() if not name.startswith(UPKEEP)}


async def test_events_are_counted_by_verdict_and_reason(running):
    """Whoever refused them; with their transactions, what was folded again, and one label for the accounts beyond."""
    server, metrics = running
    steps = Steps(metrics, "telwerk_")
    await steps.moved()
    events = wired(RATED)
    await server.ingest("acme", events)
    await server.ingest("acme", events)
    assert await steps.moved() == {
        "telwerk_events_total{verdict=accepted}": 2,
        "telwerk_events_total{verdict=duplicate}": 2,
        "telwerk_account_events_total{account=acme,verdict=accepted}": 2,
        "telwerk_account_events_total{account=acme,verdict=duplicate}": 2,
        "telwerk_transaction_events_count": 2,
        "telwerk_transaction_events_sum": 4,
        "telwerk_transaction_seconds_count{command=ingest_batch}": 2,
    }
    await server.ingest("beta", [*wired("09:01:10 contact rates 4 #a"), pb.Event()])
    await server.ingest("beta", wired("09:01:10 contact rates 5 #a"))
    await server.ingest("gamma", wired("09:00:00 anna assigned in sales"))
    await server.ingest("gamma", wired("09:00:00 bea assigned in sales #b", "c2"))
    await server.ingest("gamma", wired("08:00:00 contact: message #early"))
    assert await steps.moved() == {
        "telwerk_events_total{verdict=accepted}": 3,
        "telwerk_events_total{reason=INVALID_EVENT,verdict=rejected}": 1,
        "telwerk_events_total{reason=EVENT_ID_REUSED,verdict=rejected}": 1,
        "telwerk_events_total{reason=TOO_MANY_VALUES,verdict=rejected}": 1,
        "telwerk_account_events_total{account=other,verdict=accepted}": 3,
        "telwerk_account_events_total{account=other,verdict=rejected}": 3,
        "telwerk_limit_rejections_total{limit=names_max}": 1,
        "telwerk_refold_events_count": 1,
        "telwerk_refold_events_sum": 1,
        "telwerk_transaction_events_count": 5,
        "telwerk_transaction_events_sum": 5,
        "telwerk_transaction_seconds_count{command=ingest_batch}": 5,
    }


def call(method: str, code: str, *, received: int = 1, sent: int = 0) -> dict[str, float]:
    """What a call that ended so moves."""
    figures = {
        f"grpc_server_started_total{{{method}}}": 1,
        f"grpc_server_handled_total{{grpc_code={code},{method}}}": 1,
        f"grpc_server_handling_seconds_count{{{method}}}": 1,
        f"grpc_server_msg_received_total{{{method}}}": received,
        f"grpc_server_msg_sent_total{{{method}}}": sent,
    }
    return {name: value for name, value in figures.items() if value}


def refused_by(limit: str) -> dict[str, float]:
    return {f"telwerk_limit_rejections_total{{limit={limit}}}": 1}


async def test_calls_are_counted_by_method_and_status(running):
    """However they end; what is no method of the server has no labels of its own, whatever it is called."""
    server, metrics = running
    steps = Steps(metrics, "grpc_", "telwerk_limit")
    await steps.moved()

    async def moves(awaited: Any, still_open: int = 0) -> dict[str, float]:
        with suppress(grpc.aio.AioRpcError):
            await awaited
        await eventually(lambda: ended(metrics, still_open))
        return await steps.moved()

    unary = server.channel.unary_unary
    assert await moves(server.totals("acme", SCORE)) == call(TOTALS, "OK", sent=1)
    assert await moves(server.health.Check(health_pb2.HealthCheckRequest(service="x"))) == call(CHECK, "NotFound")
    assert await moves(unary("/telwerk.v1.KpiService/QueryTotals")(b"\xff")) == call(TOTALS, "InvalidArgument")
    for path in ("/telwerk.v1.KpiService/Nothing", "/x/y/z", "/" + 300 * "a" + "/b"):
        assert await moves(unary(path)(b"")) == call(OTHERS, "Unimplemented", received=0)
    assert await moves(server.totals("acme", SCORE, FEEDBACK)) == {
        **call(TOTALS, "InvalidArgument"),
        **refused_by("points_max"),
    }
    # Within a reply: in a batch of queries, and in a stream.
    wanted = [kpi.QueryTotalsRequest(kpi_ids=ids, range=ALL_TIME) for ids in ([SCORE], [SCORE, FEEDBACK])]
    queries = [kpi.BatchedQuery(totals=one) for one in wanted]
    batch = server.kpis.BatchQuery(kpi.BatchQueryRequest(account_id="acme", queries=queries))
    assert await moves(batch) == {**call(BATCH, "OK", sent=1), **refused_by("points_max")}
    requests = [ingestion.StreamEventsRequest(account_id=id_, events=wired(RATED)) for id_ in ("acme", "x" * 999)]
    assert await moves(said(server.ingestion.StreamEvents(iter(requests)))) == {
        **call(STREAM, "OK", received=2, sent=2),
        **refused_by("id_bytes_max"),
    }

    def watch() -> Any:
        query = hourly(granularity=kpi.GRANULARITY_DAY, group_by=[], kpi_ids=[FEEDBACK])
        return server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="acme", query=query))

    # By a client that itself does not give up.
    async with raw(server.address) as client:
        late = client.call("/grpc.health.v1.Health/Watch", b"", timeout="200m")
        assert await moves(client.all_ended(late)) == call(HEALTH_WATCH, "DeadlineExceeded", sent=1)
    first, second = watch(), watch()
    await first.read()
    await second.read()
    assert await steps.moved() == {
        name: 2 * value for name, value in call(WATCH, "", sent=1).items() if "handl" not in name
    }
    # Two are open, and no third may be: it is refused before anything is known of it.
    assert await moves(server.totals("acme", SCORE), still_open=2) == {
        **call(TOTALS, "ResourceExhausted", received=0),
        **refused_by("calls_per_peer_max"),
    }
    first.cancel()
    second.cancel()
    assert await moves(first.code()) == {
        name: 2 * value for name, value in call(WATCH, "Canceled").items() if "handl" in name
    }


async def ended(metrics: Metrics, still_open: int) -> bool:
    """Whether the server has noticed the end of all calls but so many; clients may see it a moment before."""
    found = await scraped(metrics)
    started, handled = (
        sum(value for name, value in found.items() if name.startswith(prefix))
        for prefix in ("grpc_server_started_total", "grpc_server_handled_total")
    )
    return started == handled + still_open


async def said(call: Any) -> list[Any]:
    return [reply async for reply in call]


async def test_calls_without_a_key_are_counted_under_their_status(tmp_path: Path):
    """Methods that are there by their names, all others together."""
    keys = tmp_path / "keys.toml"
    keys.write_text("")
    keys.chmod(0o600)
    async with measured(tmp_path / "telwerk.db", keys_file=keys) as (server, metrics):
        steps = Steps(metrics, "grpc_")
        await steps.moved()
        for path, labels in (("/telwerk.v1.KpiService/QueryTotals", TOTALS), ("/x/y", OTHERS)):
            with pytest.raises(grpc.aio.AioRpcError):
                await server.channel.unary_unary(path)(b"")
            await eventually(lambda: ended(metrics, 0))
            assert await steps.moved() == call(labels, "Unauthenticated", received=0)


async def test_queries_are_counted_with_what_they_read_and_what_was_kept(running, tmp_path: Path):
    """Rows and numbers of those that had to be made; the rest were still true."""
    server, metrics = running
    await server.ingest_chat("acme", RATED)
    await compacted(tmp_path / "telwerk.db")
    steps = Steps(metrics, "telwerk_query", "telwerk_cache_hits", "telwerk_cache_misses")
    await steps.moved()
    for _ in range(3):
        await server.totals("acme", SCORE)
    assert await steps.moved() == {
        "telwerk_query_rows_count": 1,
        "telwerk_query_rows_sum": 1,
        "telwerk_query_points_count": 1,
        "telwerk_query_points_sum": 5,
        "telwerk_cache_hits_total{cache=answers}": 2,
        "telwerk_cache_misses_total{cache=answers}": 1,
        "telwerk_cache_misses_total{cache=rollups}": 1,
    }
    found = await scraped(metrics)
    assert found["telwerk_cache_bytes{cache=answers}"] > 0
    assert found["telwerk_cache_bytes{cache=rollups}"] > 0


async def test_what_is_under_way_is_told(running, tmp_path: Path):
    """Events that wait for the database and how long, open calls and watches, timers that run; and then none of it."""
    server, metrics = running
    live = pb.Event(
        event_id="live", conversation_id="c9", widget_id="web", went_live=pb.WentLive(live_limit=Duration(seconds=900))
    )
    live.occur_time.FromNanoseconds(time.time_ns())
    hello = pb.Event(event_id="hello", conversation_id="c9", widget_id="web", message_sent=pb.MessageSent(sender=1))
    hello.occur_time.CopyFrom(live.occur_time)
    await server.ingest("acme", [live, hello])
    query = hourly(granularity=kpi.GRANULARITY_DAY, group_by=[], kpi_ids=[FEEDBACK])
    watch = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="acme", query=query))
    await watch.read()
    with locked(tmp_path / "telwerk.db"):
        storing = asyncio.create_task(
            server.ingest("acme", wired("09:00:00 anna assigned\n09:01:00 contact leaves feedback"))
        )
        await eventually(lambda: told(metrics, telwerk_events_waiting=2))
        found = await scraped(metrics)
        assert found["telwerk_events_waiting_age_seconds"] > 0
        assert found["telwerk_calls_open"] == 2
        assert found["telwerk_watches_open"] == 1
        assert (found["telwerk_timers_open"], found["telwerk_timers_due"], found["telwerk_timers_late_seconds"]) == (
            1,
            0,
            0,
        )
        assert found["telwerk_memory_reserved_bytes"] > 0
    await storing
    await watch.read()
    watch.cancel()
    await eventually(lambda: told(metrics, telwerk_watches_open=0))
    found = await scraped(metrics)
    assert found["telwerk_watch_lag_seconds_count"] == 1
    assert found["telwerk_watch_lag_seconds_sum"] > 0
    names = ("calls_open", "events_waiting", "events_waiting_age_seconds", "memory_reserved_bytes")
    assert [found[f"telwerk_{name}"] for name in names] == [0] * 4


async def told(metrics: Metrics, **wanted: float) -> bool:
    found = await scraped(metrics)
    return all(found.get(name) == value for name, value in wanted.items())


async def test_upkeep_pings_and_a_writer_that_died_are_counted(running, tmp_path: Path):
    """All that is counted is in chunks in the end; the writer is started anew once, and has figures of its own."""
    server, metrics = running
    await server.ingest_chat("acme", RATED)
    waiting = (await scraped(metrics))["telwerk_delta_entries"]
    await compacted(tmp_path / "telwerk.db")
    await eventually(lambda: told(metrics, telwerk_delta_entries=0, telwerk_compacted_entries_total=waiting or 1))
    os.kill(writer_of(os.getpid()).pid, signal.SIGKILL)

    async def stored() -> bool:
        with suppress(grpc.aio.AioRpcError):
            return bool((await server.ingest("acme", wired(RATED))).duplicate_count)
        return False

    await eventually(stored)

    async def pinged() -> bool:
        return (await scraped(metrics))["telwerk_database_pings_total{outcome=ok}"] > 0

    await eventually(pinged)
    found = await scraped(metrics)
    assert found["telwerk_writer_restarts_total"] == 1
    assert found["telwerk_compaction_seconds_count"] == found["telwerk_transaction_seconds_count{command=compact}"] == 1
    outcomes = [found[f"telwerk_database_pings_total{{outcome={outcome}}}"] for outcome in ("ok", "failed")]
    assert found["telwerk_database_ping_seconds_count"] == sum(outcomes)
    assert found["telwerk_database_up"] == 1
    assert found["process_resident_memory_bytes{process=writer}"] > 2**20
    assert found["process_resident_memory_bytes{process=server}"] > 2**20


async def test_metrics_are_told_while_the_database_is_away(running, tmp_path: Path):
    """Without what only the database knows; all else is there, each of the catalogue and nothing beside it."""
    _, metrics = running
    shown = {name for name, metric in CATALOGUE.items() if metric.kind is not Kind.HISTOGRAM}
    whole = {name.partition("{")[0] for name in await scraped(metrics)}
    only_postgres, on_request = "telwerk_transaction_retries_total", "telwerk_account_events_total"
    assert shown - whole == {only_postgres, on_request}
    endings = ("_bucket", "_count", "_sum")
    assert {name for name in whole if not name.endswith(endings)} <= shown
    assert {name.rsplit("_", 1)[0] for name in whole if name.endswith(endings)} <= set(NAMES)
    with sqlite3.connect(tmp_path / "telwerk.db") as database:
        database.execute("ALTER TABLE conversations RENAME TO away")
    without = {name.partition("{")[0] for name in await scraped(metrics)}
    with sqlite3.connect(tmp_path / "telwerk.db") as database:
        database.execute("ALTER TABLE away RENAME TO conversations")
    of_database = {"telwerk_timers_open", "telwerk_timers_due", "telwerk_timers_late_seconds", "telwerk_delta_entries"}
    assert whole - without == of_database
