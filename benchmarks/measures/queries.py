"""R3 to R6, R3d: how fast questions are answered, beside a call that does nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from benchmarks.bench import Bench, Feed
from benchmarks.client import SERIES, ask, send
from benchmarks.questions import MESSAGES, POINTS, RESPONSES, YEAR_DAYS, ZONES, YearByDay, quarter_hours
from benchmarks.results import Bar, Line, Row, percentile
from benchmarks.servers import Server, telwerkd
from benchmarks.workload import CHAT_EVENTS, Workload

DAYS = 2 * YEAR_DAYS
"""The stored events lie in so many days, so that a year can begin on many of them."""
_NO_OP = "no-op call"
_MS = "ms"
_LIVE_PER_DAY = 10_000
_SOME = tuple(f"op-{number:04}" for number in range(7, 17))
_MOST_QUERIES_A_DAY_BEGINS = 320

AskedAnew = Callable[[int], list[bytes]]
"""Requests that were not asked before; given how many were asked already."""


def stored_in_days(events: int, operators: int = 50) -> tuple[Workload, int]:
    """A workload whose first so many conversations have `events` events and fill the days."""
    conversations = events // CHAT_EVENTS
    return Workload(operators=operators, conversations_per_day=conversations / DAYS), conversations


def of_one_account(bench: Bench) -> Iterator[Line]:
    """R3, R4, R6."""
    with telwerkd() as server:
        workload, conversations = stored_in_days(bench.scale.stored_events)
        bench.load(server, Feed(workload).take(conversations))
        if bench.wants("R3", "R4"):
            yield from _beside_no_op(bench, server)
        if bench.wants("R6"):
            yield from _during_ingest(bench, server)


def _beside_no_op(bench: Bench, server: Server) -> Iterator[Line]:
    """R3 and R4, all kinds in turn."""
    n = bench.scale.queries
    kinds: list[tuple[str, str, Bar, AskedAnew]] = [
        ("R3", f"series of {POINTS:,} points, new", Bar("≤", 2.5), lambda asked: _points(asked, n)),
        ("R3", "the same request again", Bar("≤", 1.25), lambda _: _points(0, 1) * n),
    ]
    for by_operator, bar in ((False, Bar("≤", 2.5)), (True, Bar("≤", 6))):
        for zone in ZONES:
            what = f"year by day, {'by 50 operators' if by_operator else 'account total'}, {zone}"
            kinds.append(("R4", what, bar, _years(YearByDay(zone, by_operator=by_operator), n)))
    pairs: list[list[tuple[float, float]]] = [[] for _ in kinds]
    for number in bench.pairs("R3, R4"):
        for place, (_, _, _, anew) in enumerate(kinds):
            no_op = bench.no_op_seconds(server)
            pairs[place].append((bench.p50_seconds(server, anew(number * n)) * 1e3, no_op * 1e3))
    for (name, what, bar, _), of_kind in zip(kinds, pairs, strict=True):
        yield Row(name, what, _NO_OP, _MS, of_kind, bar, "p50")


def of_durations(bench: Bench) -> Iterator[Line]:
    """R3d."""
    in_a_year, chat = bench.scale.answers_a_year, Workload(kind="answers")
    answers = (chat.conversation_events - 1) // 2
    with telwerkd() as server:
        conversations = in_a_year * DAYS // YEAR_DAYS // answers
        bench.load(server, Feed(replace(chat, conversations_per_day=conversations / DAYS)).take(conversations))
        counts = YearByDay(ZONES[0], by_operator=True, kpi_id=RESPONSES)
        percentiles = replace(counts, percentiles=(0.5, 0.9))
        for beside, other in (
            ("their count and sum", counts),
            ("the same of messages, which are counts alone", replace(counts, kpi_id=MESSAGES)),
        ):
            pairs = []
            for number in bench.pairs(f"R3d, beside {beside}"):
                asked, n = number * bench.scale.queries, bench.scale.queries
                both = (bench.p50_seconds(server, _years(of, n)(asked)) * 1e3 for of in (percentiles, other))
                pairs.append((next(both), next(both)))
            what = f"p50 and p90 of {in_a_year:,} response times, year by day, by 50 operators"
            yield Row("R3d", what, beside, _MS, pairs, Bar("≤", 3) if bench.scale.whole else None, "p50")


def _points(asked: int, n: int) -> list[bytes]:
    return [quarter_hours(7 * number) for number in range(asked, asked + n)]


def _years(question: YearByDay, n: int) -> AskedAnew:
    def anew(asked: int) -> list[bytes]:
        return [q.request() for q in islice(question.fresh(), asked, asked + n)]

    return anew


def _during_ingest(bench: Bench, server: Server) -> Iterator[Line]:
    """R6. Events come in for days that the questions ask about."""
    live = Feed(Workload(conversations_per_day=_LIVE_PER_DAY), DAYS * _LIVE_PER_DAY)
    bench.say("R6: how fast events are ingested")
    sent = bench.sender.run(send, server.address, live.take(bench.scale.bulk_conversations))
    half = sent.events / (sent.seconds + server.finish()) / 2
    for by_operator in (False, True):
        what = f"p99 of year by day, {'by 50 operators' if by_operator else 'account total'}, at {half:,.0f} events/s"
        pairs = []
        for _ in bench.pairs(f"R6, {what}"):
            idle = _tail_seconds(bench, server, by_operator=by_operator)
            coming = live.take(int(half * (bench.scale.tail_seconds + 1)) // CHAT_EVENTS)
            sending = bench.sender.start(send, server.address, coming, made_before=False, events_per_second=half)
            busy = _tail_seconds(bench, server, by_operator=by_operator)
            sending.result()
            server.finish()
            pairs.append((busy * 1e3, idle * 1e3))
        yield Row("R6", what, "idle", _MS, pairs, Bar("≤", 3))


def _tail_seconds(bench: Bench, server: Server, *, by_operator: bool) -> float:
    """The p99 of years that end among the days that events come in for. The account has changed since the last time."""
    days = range(DAYS - YEAR_DAYS + 20, DAYS - YEAR_DAYS + 20 + _MOST_QUERIES_A_DAY_BEGINS)
    requests = [YearByDay(zone, day, by_operator=by_operator).request() for day in days for zone in ZONES]
    some = requests[: bench.scale.tail_queries]
    # Spread over the time, so that they meet what builds up while events come in.
    pace = len(some) / bench.scale.tail_seconds
    asked = bench.asker.run(ask, server.address, SERIES, some, per_second=pace, seconds_max=bench.scale.tail_seconds)
    return percentile(asked.latencies_seconds, 0.99)


def with_ten_times_more(bench: Bench) -> Iterator[Line]:
    """R5."""
    few, many = bench.scale.stored_events // 10, bench.scale.stored_events
    with telwerkd() as before, telwerkd() as more_events, telwerkd() as more_operators:
        for server, events, operators in ((before, few, 50), (more_events, many, 50), (more_operators, few, 500)):
            workload, conversations = stored_in_days(events, operators)
            bench.load(server, Feed(workload).take(conversations))
        year = YearByDay(ZONES[0])
        n = bench.scale.queries
        kinds: list[tuple[str, Bar | None, AskedAnew]] = [
            ("year by day, account total", Bar("≤", 1.2), _years(year, n)),
            ("year by day, one operator", Bar("≤", 1.2), _years(replace(year, operators=_SOME[:1]), n)),
            (f"{POINTS:,} points", Bar("≤", 1.2), lambda asked: _points(asked, n)),
            ("year by day, any of ten operators", None, _years(replace(year, operators=_SOME), n)),
        ]
        for what, bar, anew in kinds:
            with_events, with_operators = [], []
            for number in bench.pairs(f"R5, {what}"):
                requests = anew(number * n)
                base, events_more, operators_more = (
                    bench.p50_seconds(server, requests) * 1e3 for server in (before, more_events, more_operators)
                )
                with_events.append((events_more, base))
                with_operators.append((operators_more, base))
            yield Row("R5", f"{what}: {many:,} events", f"{few:,}", _MS, with_events, bar, "p50")
            yield Row("R5", f"{what}: 500 operators", "50", _MS, with_operators, bar, "p50")
