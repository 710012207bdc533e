"""The watch of each client, against a server that breaks as a test wants."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from telwerk.v1 import kpi_service_pb2 as kpi, kpi_service_pb2_grpc as kpi_grpc
from tests.tools.conftest import Client, Endpoint
from tests.tools.test_conformance import play, refused, scenario_of

# Python's own watch is tested in tests/client.
pytestmark = pytest.mark.parametrize("client", ["typescript", "go", "java"], indirect=True)

PATIENCE_SECONDS = 2.5
QUIET_SECONDS = 3.0
"""Longer than the patience."""

SNAPSHOT = {"timeZone": "UTC"}
DAY = {"startDate": {"year": 2026, "month": 1, "day": 5}, "endDate": {"year": 2026, "month": 1, "day": 6}}
QUERY = {"kpiIds": ["feedback_count"], "range": {"dates": DAY}, "granularity": "GRANULARITY_DAY"}


class Server(kpi_grpc.KpiServiceServicer):
    """Answers, is quiet for long, breaks, and is away for as many openings as it is told."""

    def __init__(self, away_count: float) -> None:
        self._away_count = away_count
        self.opened_count = 0

    def WatchTimeSeries(self, _request, context):  # noqa: N802 - the contract's name
        self.opened_count += 1
        if 1 < self.opened_count <= 1 + self._away_count:
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        yield kpi.WatchTimeSeriesResponse(snapshot=kpi.QueryTimeSeriesResponse(time_zone="UTC"))
        if self.opened_count == 1:
            time.sleep(QUIET_SECONDS)
            context.abort(grpc.StatusCode.UNAVAILABLE, "stopping")


@contextmanager
def scripted(server: Server) -> Iterator[Endpoint]:
    grpc_server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    kpi_grpc.add_KpiServiceServicer_to_server(server, grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    try:
        yield Endpoint(f"127.0.0.1:{port}", database=Path())
    finally:
        grpc_server.stop(None).wait()


def watched(client: Client, server: Server, tmp_path: Path, **fields: Any) -> None:
    """Two answers, with nothing between them, or what else is given."""
    nothing = [{"name": "nothing", "build": [], "events": []}]
    step = {"name": "watched", "call": "watch", "request": {"accountId": "acme", "query": QUERY}, "between": nothing}
    with scripted(server) as endpoint:
        scenario = scenario_of(tmp_path, [{**step, **fields}])
        play(client, endpoint, scenario, TELWERK_PATIENCE_MS=str(int(PATIENCE_SECONDS * 1_000)))


def test_a_watch_that_was_quiet_for_longer_than_its_patience_opens_again(client, tmp_path):
    """Patience counts from the break, not from the last answer."""
    server = Server(away_count=1)
    watched(client, server, tmp_path, responses=[SNAPSHOT, SNAPSHOT])
    assert server.opened_count == 3


def test_a_server_that_is_gone_for_good_is_waited_for_no_longer_than_the_patience(client, tmp_path):
    server = Server(away_count=float("inf"))
    watched(client, server, tmp_path, responses=[SNAPSHOT, SNAPSHOT], error=refused("UNAVAILABLE"))
    assert server.opened_count > 1
