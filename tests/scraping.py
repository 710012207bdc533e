"""What Prometheus reads of a server, by its client library's parser."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from telwerkd.server.settings.settings import Settings
from telwerkd.server.telemetry.metrics import Metrics
from telwerkd.server.wiring import running
from telwerkd.storage.location import Location
from tests.conftest import Server, SureClock, connected

Scrape = Mapping[str, float]
"""Each sample, such as `telwerk_events_total{verdict="accepted"}`, labels without a value left out."""


def parsed(body: bytes) -> Scrape:
    return {
        written(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def written(name: str, labels: Mapping[str, str]) -> str:
    shown = ",".join(f"{label}={value}" for label, value in labels.items() if value)
    return f"{name}{{{shown}}}" if shown else name


async def scraped(metrics: Metrics) -> Scrape:
    return parsed((await metrics.exposition()).body)


def moved(before: Scrape, after: Scrape, *prefixes: str) -> dict[str, float]:
    """By how much each sample of these metrics has moved; times are left to counts."""
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if name.startswith(prefixes)
        and value != before.get(name, 0)
        and "_seconds_sum" not in name
        and "_bucket" not in name
    }


@asynccontextmanager
async def measured(database: Path | Location, **settings: Any) -> AsyncIterator[tuple[Server, Metrics]]:
    """A server in this process, a client of it, and its metrics."""
    wanted = {"database": database, "listen": "127.0.0.1:0", **settings}
    async with (
        running(Settings(**wanted), clock=SureClock()) as server,
        connected(server.address) as client,
    ):
        yield client, server.metrics
