"""Whether the last part of a life is like its first."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from telwerkd.storage.sqlite.engine import WRITER_CACHE_KIB
from tests.programs.long_life.observing import Interval

_PART = 0.15
"""Of the whole life: what is compared, at its end and after the warm-up."""
_WARM_UP = 0.15


def _nothing(_: Interval) -> float:
    return 0.0


def _pages_cached(then: Interval) -> float:
    """What the page cache of the process that writes may hold: its size, and no more than the file has."""
    return min(WRITER_CACHE_KIB * 1_024 / 1e6, then.held.used_mb)


class Bound(NamedTuple):
    """How much more than in the beginning something may be at the end."""

    name: str
    of: Callable[[Interval], float]
    times: float
    plus: float = 0.0
    unit: str = ""
    cached: Callable[[Interval], float] = _nothing
    """What of it a cache of a stated size may hold. That it fills is no growth."""


BOUNDS = (
    Bound("memory of the server (RSS)", lambda one: one.held.server_rss_mb, 1.1, unit="MB"),
    Bound(
        "memory of the process that writes (RSS)",
        lambda one: one.held.writer_rss_mb,
        1.1,
        unit="MB",
        cached=_pages_cached,
    ),
    Bound("open descriptors", lambda one: one.held.descriptors, 1, 3),
    Bound("threads", lambda one: one.held.threads, 1, 3),
    Bound("`-wal`", lambda one: one.held.wal_mb, 1.1, 4, unit="MB"),
    Bound("growth of the file for each chat", lambda one: one.bytes_per_chat, 1.1, 100, unit="bytes"),
    Bound("CPU for each event", lambda one: one.cpu_micros_per_event, 1.15, unit="µs"),
    Bound("log for each minute", lambda one: one.log_bytes_per_minute, 1.1, 1_000, unit="bytes"),
)
"""What decides. Latencies stand beside them: they are those of the machine as much as of the server."""
SHOWN = (
    Bound("ingested, each second", lambda one: one.events_per_second, 0, unit="events"),
    Bound("ingest, p50", lambda one: one.call_p50_ms, 0, unit="ms"),
    Bound("ingest, p99", lambda one: one.call_p99_ms, 0, unit="ms"),
    Bound("questions, p50", lambda one: one.query_p50_ms, 0, unit="ms"),
    Bound("questions, p99", lambda one: one.query_p99_ms, 0, unit="ms"),
    Bound("load average of the machine", lambda one: one.busy, 0),
)


def compared(life: Sequence[Interval]) -> tuple[list[str], list[str]]:
    """A table in Markdown, and what is wrong."""
    warm = life[int(len(life) * _WARM_UP) :]
    count = max(1, int(len(life) * _PART))
    first, last = warm[:count], warm[-count:]
    minutes = [f"minutes {part[0].minutes:.0f} to {part[-1].minutes:.0f}" for part in (first, last)]
    lines = [f"| medians | {minutes[0]} | {minutes[1]} | at most | |", "| --- | --- | --- | --- | --- |"]
    wrong = []
    for bound in (*BOUNDS, *SHOWN):
        before, after = (median(map(bound.of, part)) for part in (first, last))
        filled = median(map(bound.cached, last)) - median(map(bound.cached, first))
        most = before * bound.times + bound.plus + max(0.0, filled)
        unit = f" {bound.unit}" if bound.unit else ""
        if not bound.times:
            lines.append(f"| {bound.name} | {before:,.1f}{unit} | {after:,.1f}{unit} | – | |")
            continue
        holds = "yes" if after <= most else "**no**"
        lines.append(f"| {bound.name} | {before:,.1f}{unit} | {after:,.1f}{unit} | {most:,.1f}{unit} | {holds} |")
        if after > most:
            wrong.append(f"{bound.name}: {before:,.1f}{unit} became {after:,.1f}{unit}")
    return lines, wrong
