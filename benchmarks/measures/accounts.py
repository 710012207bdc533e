"""R10: what calls wait for where 100 of very many accounts are busy, beside one account that has all of it.

Both sides get the same calls at the same pace, and questions beside them; only whose they are differs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from statistics import median

from benchmarks.bench import LANES, Bench
from benchmarks.client import INGEST, SERIES, ask
from benchmarks.questions import ZONES, YearByDay
from benchmarks.results import Bar, Line, Row
from benchmarks.servers import Server, prepare, telwerkd
from benchmarks.workload import Part, Workload

_BUSY = 100
_CALLERS = 16
_CALL_EVENTS = 50
_FEW_EVENTS = 5
"""Of a conversation of each account, before anything is measured."""
_LIVE_FROM = 10_000
"""The first conversation after those that are stored before."""
_PER_DAY = 200
"""Conversations; so many that all of a long run lie before today."""
_STORING_CALLERS, _CONNECTIONS = 64, 4
_WARMING_CALLS = 2 * _BUSY
_SHARE_OF_PEAK = 0.5
_QUESTIONS_PER_SECOND = 10.0
_FIRST_DAYS = 40
"""Questions begin on one of so many days, in which events lie."""
_OPERATORS = 5
"""Of each account: one of very many is small. With fifty, nearly every fact of so few would make rows of its own."""
_CHATS = Workload(operators=_OPERATORS, conversations_per_day=_PER_DAY)


@dataclass(frozen=True, slots=True)
class _Side:
    """A server, whose busy accounts take turns."""

    server: Server
    calls: Iterator[bytes]
    questions: Iterator[bytes]

    @classmethod
    def of(cls, server: Server, busy: Sequence[str]) -> "_Side":
        """With the settings of the busy accounts made."""
        prepare(server.address, busy)
        return cls(server, live_calls(busy), _years(busy))


def of_many_accounts(bench: Bench) -> Iterator[Line]:
    """R10: p50 of calls of live events and of new questions beside them, ÷ one account's."""
    names = [f"account-{number:05}" for number in range(bench.scale.accounts)]
    with telwerkd() as many, telwerkd() as one:
        _store(bench, many, names, 1)
        _store(bench, one, names[:1], len(names))
        sides = _Side.of(many, names[:: len(names) // _BUSY]), _Side.of(one, names[:1])
        # Of the slower side, most likely: then both keep pace.
        calls_per_second = min([_peak(bench, side) for side in sides]) * _SHARE_OF_PEAK
        ingest, query = [], []
        for _ in bench.pairs(f"R10, {calls_per_second * _CALL_EVENTS:,.0f} events/s"):
            among, alone = (_sample(bench, side, calls_per_second) for side in sides)
            ingest.append((among[0] * 1e3, alone[0] * 1e3))
            query.append((among[1] * 1e3, alone[1] * 1e3))
    bar = Bar("≤", 1.3) if bench.scale.whole else None
    among_all = f"of {_BUSY} busy accounts among {len(names):,}"
    for what, pairs in ((f"calls of {_CALL_EVENTS} live events", ingest), ("questions beside them", query)):
        note = f"p50; {_CALLERS} callers, {calls_per_second * _CALL_EVENTS:,.0f} events/s, half the peak"
        yield Row("R10", f"{what}, {among_all}", "of one account", "ms", pairs, bar, note)


def _store(bench: Bench, server: Server, names: Sequence[str], each: int) -> None:
    """Stores conversations of few events, so many of each account."""
    bench.say(f"R10: storing {len(names) * each * _FEW_EVENTS:,} events of {len(names):,} accounts")
    some = replace(_CHATS, conversation_events=_FEW_EVENTS)
    parts = [Part(some, place * each, each, lanes=1, account=name) for place, name in enumerate(names)]
    calls = [call for part in parts for call in part.lane(0)]
    callers = _STORING_CALLERS if len(names) > 1 else LANES
    bench.sender.run(ask, server.address, INGEST, calls, callers=callers, connections=_CONNECTIONS)
    server.finish()


def live_calls(busy: Sequence[str]) -> Iterator[bytes]:
    """Calls with an event of each of 50 conversations, for good. A hundred streams of them take turns."""
    for first in count(_LIVE_FROM, _BUSY * _CALL_EVENTS):
        parts = (
            Part(
                _CHATS,
                first + number * _CALL_EVENTS,
                _CALL_EVENTS,
                lanes=1,
                call_events=_CALL_EVENTS,
                spread=True,
                account=busy[number % len(busy)],
            )
            for number in range(_BUSY)
        )
        yield from chain.from_iterable(zip(*(part.lane(0) for part in parts), strict=True))


def _years(busy: Sequence[str]) -> Iterator[bytes]:
    for number in count():
        day, zone = 1 + number % _FIRST_DAYS, ZONES[number % len(ZONES)]
        yield YearByDay(zone, day, by_operator=True, account=busy[number % len(busy)]).request()


def _peak(bench: Bench, side: _Side) -> float:
    """Calls per second, as fast as they are answered and what they leave is done; each account gets some."""
    address, calls = side.server.address, list(islice(side.calls, _WARMING_CALLS))
    sent = bench.sender.run(ask, address, INGEST, calls, callers=_CALLERS, connections=_CONNECTIONS)
    bench.asker.run(ask, address, SERIES, list(islice(side.questions, _BUSY)))
    return sent.calls / (sent.seconds + side.server.finish())


def _sample(bench: Bench, side: _Side, calls_per_second: float) -> tuple[float, float]:
    """The median seconds of a call that brings events, and of a question."""
    seconds, address = bench.scale.fair_seconds, side.server.address
    calls = list(islice(side.calls, round(calls_per_second * seconds)))
    questions = list(islice(side.questions, round(_QUESTIONS_PER_SECOND * seconds)))
    sending = bench.sender.start(
        ask, address, INGEST, calls, callers=_CALLERS, connections=_CONNECTIONS, per_second=calls_per_second
    )
    asked = bench.asker.run(ask, address, SERIES, questions, per_second=_QUESTIONS_PER_SECOND, seconds_max=seconds)
    sent = sending.result()
    side.server.finish()
    return median(sent.latencies_seconds), median(asked.latencies_seconds)
