"""H1: how fast questions are answered in JSON over HTTP, beside the same over gRPC."""

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from statistics import median

from google.protobuf import json_format
from google.protobuf.message import Message

from benchmarks.bench import Bench, Feed
from benchmarks.client import SERIES, TOTALS, ask
from benchmarks.measures.queries import stored_in_days
from benchmarks.questions import POINTS, quarter_hours, totals
from benchmarks.results import Bar, Line, Row
from benchmarks.servers import telwerkd
from telwerk.v1 import kpi_service_pb2 as kpi

_REQUESTS: dict[str, type[Message]] = {TOTALS: kpi.QueryTotalsRequest, SERIES: kpi.QueryTimeSeriesRequest}
_TIMEOUT_SECONDS = 30.0


def in_json(bench: Bench) -> Iterator[Line]:
    """H1: p50 in JSON, ÷ gRPC; both of questions that were not asked before, and with the answer read."""
    n = bench.scale.queries
    kinds = [
        ("totals of 30 days", TOTALS, totals, Bar("≤", 2)),
        (f"{POINTS:,} points", SERIES, quarter_hours, Bar("≤", 5)),
    ]
    with telwerkd(http=True) as server:
        workload, conversations = stored_in_days(bench.scale.stored_events // 10)
        bench.load(server, Feed(workload).take(conversations))
        pairs: list[list[tuple[float, float]]] = [[] for _ in kinds]
        asked = 0
        for _ in bench.pairs("H1"):
            for place, (_, method, question, _) in enumerate(kinds):
                binary, other = ([question(7 * (asked + i + m * n)) for i in range(n)] for m in range(2))
                asked += 2 * n
                grpc_p50 = median(bench.asker.run(ask, server.address, method, binary).latencies_seconds)
                bodies = [json_format.MessageToJson(_REQUESTS[method].FromString(raw)).encode() for raw in other]
                json_p50 = median(bench.asker.run(ask_in_json, server.http_address, method, bodies))
                pairs[place].append((json_p50 * 1e3, grpc_p50 * 1e3))
    for (what, _, _, bar), of_kind in zip(kinds, pairs, strict=True):
        yield Row("H1", f"{what}, in JSON over HTTP", "gRPC", "ms", of_kind, bar, "p50")


def ask_in_json(address: str, path: str, bodies: Sequence[bytes]) -> list[float]:
    """Asks one after the other on a connection; the seconds that each took, its answer read."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_SECONDS)
    connection.connect()
    latencies = []
    for body in bodies:
        begun = time.perf_counter()
        connection.request("POST", path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        latencies.append(time.perf_counter() - begun)
        if response.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer}")
    connection.close()
    return latencies
