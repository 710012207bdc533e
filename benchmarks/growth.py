"""How Telwerk grows: with events stored, with operators, with the length of a conversation.

Each curve has the exponent that fits it best, by least squares over the logarithms: 0 is flat, 1 is in proportion.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bench import LANES, Bench, Feed
from benchmarks.client import INGEST, ask, send
from benchmarks.machine import described
from benchmarks.measures.queries import DAYS
from benchmarks.questions import ZONES, YearByDay, quarter_hours
from benchmarks.results import figure
from benchmarks.run import save
from benchmarks.servers import Server, telwerkd
from benchmarks.workload import CHAT_EVENTS, Part, Workload

_LATE_EVENTS = 5
_SHORTEST_PART = 0.02
"""Of the stored events: where the curve begins, since a logarithm has no 0."""
_STEPS = 7


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the curves go."""

    events: int
    """Stored in order of their conversations' ids."""
    random_id_events: int
    """Stored under ids that have no order."""
    operators: tuple[int, ...]
    operator_events: int
    lengths: tuple[int, ...]
    """Of conversations; below `conversation_events_max`, or the late event would be refused."""
    length_events: int


FULL = Extent(5_000_000, 5_000_000, (10, 30, 100, 300, 1_000), 200_000, (10, 100, 1_000, 4_000), 50_000)
SMALL = Extent(500_000, 500_000, (10, 100, 1_000), 50_000, (10, 100, 1_000, 4_000), 20_000)


@dataclass(frozen=True, slots=True)
class Curve:
    """One measure, as something grows."""

    picture: str
    """The curves of one picture share its axes."""
    name: str
    unit: str
    x: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """What y grows as a power of x with."""
        return float(np.polyfit(np.log(self.xs), np.log(self.ys), 1)[0])


def grow(bench: Bench, extent: Extent) -> str:
    """Measures every curve, writes them as JSON, and gives a table."""
    machine = described()
    curves = [
        *_events(bench, extent),
        *_random_ids(bench, extent),
        *_operators(bench, extent),
        *_lengths(bench, extent),
    ]
    found: dict[str, Any] = {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": machine,
        "curves": [
            {
                "picture": curve.picture,
                "name": curve.name,
                "unit": curve.unit,
                "x": curve.x,
                "xs": curve.xs,
                "ys": curve.ys,
                "exponent": curve.exponent,
            }
            for curve in curves
        ],
    }
    return f"{table(found['curves'])}\n\n{save('growth', found)}"


def table(curves: Sequence[dict[str, Any]]) -> str:
    """The curves as a Markdown table, from their JSON form."""
    rows = ["| curve | from | to | exponent |", "| --- | --- | --- | --- |"]
    for curve in curves:
        xs, ys = np.array(curve["xs"], float), np.array(curve["ys"], float)
        ends = (f"{figure(y)} {curve['unit']} at {x:,.0f}" for x, y in ((xs[0], ys[0]), (xs[-1], ys[-1])))
        rows.append(f"| {curve['name']}, by {curve['x']} | {' | '.join(ends)} | {curve['exponent']:.2f} |")
    return "\n".join(rows)


def _events(bench: Bench, extent: Extent) -> Iterator[Curve]:
    """With what is stored: the speed of ingest and of queries, memory, disk."""
    measured: dict[str, list[float]] = {
        "rate": [],
        "total": [],
        "operators": [],
        "points": [],
        "memory": [],
        "disk": [],
    }
    xs: list[float] = []
    with telwerkd() as server:
        for stored, rate in _filled(bench, server, extent.events):
            xs.append(stored)
            measured["rate"].append(rate)
            for name, milliseconds in _questions(bench, server, len(xs)):
                measured[name].append(milliseconds)
            measured["memory"].append(server.memory_bytes() / 1e6)
            measured["disk"].append(server.disk_bytes() / stored)
    x = "stored events"
    of = tuple(xs)
    yield Curve("ingest", "ingest", "events/s", x, of, tuple(measured["rate"]))
    yield Curve("queries-by-events", "year by day, total", "ms", x, of, tuple(measured["total"]))
    yield Curve("queries-by-events", "year by day, by 50 operators", "ms", x, of, tuple(measured["operators"]))
    yield Curve("queries-by-events", "2,880 points", "ms", x, of, tuple(measured["points"]))
    yield Curve("memory", "memory (PSS)", "MB", x, of, tuple(measured["memory"]))
    yield Curve("disk", "disk", "bytes/event", x, of, tuple(measured["disk"]))


def _random_ids(bench: Bench, extent: Extent) -> Iterator[Curve]:
    """The same with conversation ids that have no order, so that every one goes to another place of the file."""
    with telwerkd() as server:
        xs, rates = zip(*_filled(bench, server, extent.random_id_events, random_ids=True), strict=True)
    yield Curve("ingest", "ingest, conversation ids without order", "events/s", "stored events", xs, rates)


def _filled(bench: Bench, server: Server, events: int, *, random_ids: bool = False) -> Iterator[tuple[float, float]]:
    """Stores more and more; gives the events stored, and how many a second.

    Each portion lies in the same two years, so that a question's range never holds less time, only fewer events.
    """
    done = 0
    for share in np.geomspace(_SHORTEST_PART, 1, _STEPS):
        conversations = int(events / CHAT_EVENTS * share) - done
        workload = Workload(conversations_per_day=conversations / DAYS, random_ids=random_ids, first=done)
        part = Part(workload, done, conversations, LANES)
        sent = bench.sender.run(send, server.address, part, made_before=False)
        rate = sent.events / (sent.seconds + server.finish())
        done = part.after
        bench.say(f"growth: {done * CHAT_EVENTS:,} events stored, {rate:,.0f} events/s")
        yield float(done * CHAT_EVENTS), rate


def _operators(bench: Bench, extent: Extent) -> Iterator[Curve]:
    """With the operators of an account, the events being as many."""
    measured: dict[str, list[float]] = {"rate": [], "total": [], "operators": [], "points": []}
    conversations = extent.operator_events // CHAT_EVENTS
    for operators in extent.operators:
        with telwerkd() as server:
            feed = Feed(Workload(operators=operators, conversations_per_day=conversations / DAYS))
            sent = bench.sender.run(send, server.address, feed.take(conversations), made_before=False)
            measured["rate"].append(sent.events / (sent.seconds + server.finish()))
            bench.say(f"growth: {operators} operators, {measured['rate'][-1]:,.0f} events/s")
            for name, milliseconds in _questions(bench, server, 1):
                measured[name].append(milliseconds)
    x, of = "operators", tuple(map(float, extent.operators))
    yield Curve("operators-ingest", "ingest", "events/s", x, of, tuple(measured["rate"]))
    yield Curve("operators", "year by day, total", "ms", x, of, tuple(measured["total"]))
    yield Curve("operators", "year by day, by operator (the answer grows)", "ms", x, of, tuple(measured["operators"]))


def _questions(bench: Bench, server: Server, round_number: int) -> Iterator[tuple[str, float]]:
    """The p50 of each kind of question, in ms; no question of another round again."""
    n = bench.scale.queries
    first = n * round_number
    for name, requests in (
        ("total", [YearByDay(ZONES[0], day).request() for day in range(first, first + n)]),
        ("operators", [YearByDay(ZONES[0], day, by_operator=True).request() for day in range(first, first + n)]),
        ("points", [quarter_hours(7 * number) for number in range(first, first + n)]),
    ):
        yield name, bench.p50_seconds(server, requests) * 1e3


def _lengths(bench: Bench, extent: Extent) -> Iterator[Curve]:
    """With the events of a conversation: what one more event costs, in order and late."""
    in_order, late = [], []
    for length in extent.lengths:
        workload = Workload(conversation_events=length, conversations_per_day=100)
        conversations = max(2, extent.length_events // length)
        with telwerkd() as server:
            sent = bench.sender.run(send, server.address, Part(workload, 0, conversations, 1))
            in_order.append((sent.seconds + server.finish()) / sent.events * 1e6)
            requests = [workload.late(number) for number in range(min(conversations, _LATE_EVENTS))]
            late.append(median(bench.sender.run(ask, server.address, INGEST, requests).latencies_seconds) * 1e3)
            bench.say(f"growth: {length} events long, {in_order[-1]:.0f} µs in order, {late[-1]:.1f} ms late")
    x, of = "events of a conversation", tuple(map(float, extent.lengths))
    yield Curve("length", "an event in order", "µs", x, of, tuple(in_order))
    yield Curve("length-late", "a late event (its conversation is folded again)", "ms", x, of, tuple(late))
