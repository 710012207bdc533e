"""Exposition of readings in Prometheus's text format."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric as Family,
)
from prometheus_client.openmetrics.exposition import (
    CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS,
    generate_latest as generate_openmetrics,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from telwerkd.metrics.catalogue import CATALOGUE, Kind, Metric
from telwerkd.metrics.reading import Reading, Value
from telwerkd.process.figures import Distribution, Labels

_OPENMETRICS: Final = "application/openmetrics-text"
_END: Final = b"# EOF\n"


class Exposition(NamedTuple):
    """The body of a reply to Prometheus, and its content type."""

    body: bytes
    content_type: str


def is_openmetrics(accept: str) -> bool:
    """Whether this HTTP header names OpenMetrics."""
    return any(part.partition(";")[0].strip().lower() == _OPENMETRICS for part in accept.split(","))


async def exposition(reading: Reading, *, is_open: bool = False) -> Exposition:
    """Returns the text of a reading: OpenMetrics, or Prometheus's own.

    The event loop goes on after each metric. (A thread would hold it up longer: Python lets one run for 5 ms.)
    """
    encode: Callable[[Collector], bytes] = generate_openmetrics if is_open else generate_latest
    pieces: list[bytes] = []
    for name, metric in CATALOGUE.items():
        if name in reading:
            pieces.append(encode(_One(_family(metric, reading[name]))).removesuffix(_END))
            await asyncio.sleep(0)
    if is_open:
        return Exposition(b"".join([*pieces, _END]), CONTENT_TYPE_OPENMETRICS)
    return Exposition(b"".join(pieces), CONTENT_TYPE_PLAIN_0_0_4)


def of_process(pid: int | None, name: str) -> Reading:
    """Returns the operating system's figures of a process, labelled `name`; of this process where `pid` is None."""
    source = "self" if pid is None else pid
    found = ProcessCollector(pid=lambda: source, registry=None).collect()
    samples = (sample for family in found for sample in family.samples)
    return {sample.name: {(name,): sample.value} for sample in samples if sample.name in CATALOGUE}


class _One:
    """A registry of one metric family, as the encoders expect it."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        return [self._family]


def _family(metric: Metric, series: Mapping[Labels, Value]) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
        for labels, value in series.items():
            if isinstance(value, Distribution):
                histogram.add_metric(labels, _buckets(value), value.total)
        return histogram
    of_kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = of_kind(metric.name, metric.text, labels=metric.labels)
    for labels, value in series.items():
        if not isinstance(value, Distribution):
            family.add_metric(labels, value)
    return family


def _buckets(value: Distribution) -> Sequence[tuple[str, float]]:
    bounds = [*map(floatToGoString, value.bounds), "+Inf"]
    return list(zip(bounds, accumulate(value.counts), strict=True))
