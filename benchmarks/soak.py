"""A long run: live traffic at 70% of its peak with a dashboard beside it; its last minutes must be like its first."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.bench import Bench, Feed
from benchmarks.client import SERIES, ask, send
from benchmarks.machine import described
from benchmarks.questions import YEAR_DAYS, ZONES, YearByDay, quarter_hours
from benchmarks.results import Bar, Row, percentile, table
from benchmarks.run import save
from benchmarks.servers import Server, telwerkd
from benchmarks.workload import CHAT_EVENTS, DAY_SECONDS, Workload
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS

_SHARE_OF_PEAK = 0.7
_STORED_PER_DAY = 200
"""Conversations of the year before the load, so that a dashboard's year is as full at its beginning as at its end."""
_CHUNK_DAYS = CHUNK_QUARTER_HOURS // 96
_CHUNK_SECONDS = 150
"""The load fills the 32 days of a chunk in this time. Compaction costs more the fuller a chunk is, so each five minutes
that are compared have whole chunks. Half an hour of load ends before today."""
_PEAK_CONVERSATIONS, _PEAK_PER_DAY = 8_000, 20_000
_SLICE_SECONDS = 30.0
_WARM_UP_SLICES = 4
_COMPARED_SLICES = 10
_DASHBOARDS_PER_SECOND = 3


@dataclass(frozen=True, slots=True)
class Slice:
    """Half a minute."""

    events_per_second: float
    query_seconds: tuple[float, ...]
    call_seconds: tuple[float, ...]
    memory_mb: float

    @property
    def query_p99_ms(self) -> float:
        return percentile(self.query_seconds, 0.99) * 1e3

    def __str__(self) -> str:
        return (
            f"{self.events_per_second:,.0f} events/s, queries p99 {self.query_p99_ms:.1f} ms, {self.memory_mb:.0f} MB"
        )


def soak(bench: Bench, minutes: float) -> str:
    """Runs for so many minutes; gives the comparison of the first and the last five, or fewer in a short run."""
    machine = described()
    stored = Feed(Workload(conversations_per_day=_STORED_PER_DAY))
    with telwerkd() as server:
        bench.load(server, stored.take(YEAR_DAYS * _STORED_PER_DAY))
        begins = stored.next_conversation
        feed = Feed(_after_a_year(begins, _PEAK_PER_DAY), begins)
        peak = _peak(bench, server, feed)
        pace = peak * _SHARE_OF_PEAK
        begins = feed.next_conversation
        feed = Feed(_after_a_year(begins, pace * _CHUNK_SECONDS / CHAT_EVENTS / _CHUNK_DAYS), begins)
        bench.say(f"soak: {minutes:g} minutes at {pace:,.0f} events/s, {_SHARE_OF_PEAK:.0%} of the peak")
        slices: list[Slice] = []
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            slices.append(_slice(bench, server, feed, pace))
            bench.say(f"soak: {slices[-1]}")
    lines = [row.as_json() for row in _compared(slices, minutes)]
    found = {
        "measured": time.strftime("%Y-%m-%d"),
        "minutes": minutes,
        "peak_events_per_second": peak,
        "asked_events_per_second": pace,
        "machine": machine,
        "lines": lines,
        "slices": [[s.events_per_second, s.query_p99_ms, s.memory_mb] for s in slices],
    }
    return f"{table(lines)}\n\n{save('soak', found)}"


def _after_a_year(first: int, per_day: float) -> Workload:
    """So many conversations a day, of which the one of this number begins after the stored year."""
    return Workload(conversations_per_day=per_day, first=first - int(YEAR_DAYS * per_day))


def _peak(bench: Bench, server: Server, feed: Feed) -> float:
    """Events per second of live traffic as fast as they are taken, with all work that they make."""
    bench.say("soak: the peak")
    events, seconds = 0, 0.0
    for _ in range(3):
        sent = bench.sender.run(send, server.address, feed.take(_PEAK_CONVERSATIONS, spread=True))
        events += sent.events
        seconds += sent.seconds + server.finish()
    return events / seconds


def _slice(bench: Bench, server: Server, feed: Feed, pace: float) -> Slice:
    """Ingests and queries at the same time. The queries end with the day that events come in for."""
    today = int((feed.next_conversation - feed.workload.first) / feed.workload.conversations_per_day)
    part = feed.take(int(pace * _SLICE_SECONDS) // CHAT_EVENTS, spread=True)
    sending = bench.sender.start(send, server.address, part, made_before=False, events_per_second=pace)
    questions = _dashboard(today) * int(_SLICE_SECONDS * _DASHBOARDS_PER_SECOND)
    asked = bench.asker.run(
        ask, server.address, SERIES, questions, per_second=3.0 * _DASHBOARDS_PER_SECOND, seconds_max=_SLICE_SECONDS
    )
    sent = sending.result()
    seconds = asked.latencies_seconds, sent.latencies_seconds
    return Slice(sent.events / sent.seconds, *seconds, server.memory_bytes() / 1e6)


def _dashboard(today: int) -> list[bytes]:
    """What a page shows: a year as a total and by operator, and the last 30 days in quarter-hours."""
    first_day = today - (YEAR_DAYS - 1)
    return [
        YearByDay(ZONES[0], first_day).request(),
        YearByDay(ZONES[0], first_day, by_operator=True).request(),
        quarter_hours((today - 29) * (DAY_SECONDS // 900)),
    ]


def _compared(slices: Sequence[Slice], minutes: float) -> Iterator[Row]:
    """The last minutes beside the first, after the warm-up: five of them, or as many as a short run has."""
    warm = slices[min(_WARM_UP_SLICES, max(0, len(slices) - 2)) :]
    count = max(1, min(_COMPARED_SLICES, len(warm) // 2))
    first, last = warm[:count], warm[-count:]
    what = f"the last {count * _SLICE_SECONDS / 60:g} of {minutes:g} minutes"
    beside = f"the first {count * _SLICE_SECONDS / 60:g} after warm-up"
    for name, unit, bar, measure in _MEASURES:
        yield Row("soak", f"{name}, {what}", beside, unit, [(measure(last), measure(first))], bar)


def _p99_ms(seconds: Iterable[Sequence[float]]) -> float:
    return percentile([one for of_slice in seconds for one in of_slice], 0.99) * 1e3


_MEASURES: tuple[tuple[str, str, Bar, Callable[[Sequence[Slice]], float]], ...] = (
    ("ingest", "events/s", Bar("≥", 0.9), lambda some: fmean(s.events_per_second for s in some)),
    ("queries, p99", "ms", Bar("≤", 1.1), lambda some: _p99_ms(s.query_seconds for s in some)),
    ("ingest calls, p99", "ms", Bar("≤", 1.1), lambda some: _p99_ms(s.call_seconds for s in some)),
    ("memory (PSS)", "MB", Bar("≤", 1.1), lambda some: fmean(s.memory_mb for s in some)),
)
