"""R1, R2, R2b, R7, R9, U1, sizes: how fast events are ingested, beside a floor that has the same durability."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench, Feed, Shares
from benchmarks.client import HEALTH, NO_OP_STREAM, STREAM, ask, send, stream
from benchmarks.results import Bar, Line, Missing, Row
from benchmarks.servers import DATABASE, Server, bare_pipe, has_workers, rebuild, telwerkd
from benchmarks.workload import Part
from support.postgres import fresh_database

_SINGLE_CALLERS = 64
_SINGLE_CONNECTIONS = 4
"""The server refuses calls of a connection on which 64 callers at once are answered together (seen: UNAVAILABLE)."""
_PIPE = "bare pipe"
_TEN = "with ten"
_EVENTS = "events/s"
_WORKER_CONNECTIONS = 16
"""The kernel spreads connections over workers by chance, so one needs many."""


def on_sqlite(bench: Bench) -> Iterator[Line]:
    """R1, R2 and R2b, with the ten KPIs that their bars were set for; R1d says what the others cost."""
    with telwerkd(kpis="ten") as ours, bare_pipe() as floor:
        feed = _begun(bench, ours, floor)
        if bench.wants("R1"):
            yield _bulk(
                bench, ours, floor, feed, "R1", "1,000-event calls, conversation by conversation", Bar("≥", 0.65)
            )
        if bench.wants("R1s"):
            what = "1,000-event calls, each event of a conversation in another call, as live traffic comes"
            yield _bulk(bench, ours, floor, feed, "R1s", what, Bar("≥", 0.45), spread=True)
        if bench.wants("R2"):
            yield _single(bench, ours, feed)
        if bench.wants("R2b"):
            yield _streamed(bench, ours, feed)


def beside_ten_kpis(bench: Bench) -> Iterator[Line]:
    """R1d and R1sd: what the KPIs of part two of the rules cost those who send."""
    with telwerkd() as ours, telwerkd(kpis="ten") as ten:
        feed = _begun(bench, ours, ten)
        for name, how, spread in (
            ("R1d", "conversation by conversation", False),
            ("R1sd", "each event of a conversation in another call", True),
        ):
            if bench.wants(name):
                what = f"all 20 KPIs, 1,000-event calls, {how}"
                yield _bulk(bench, ours, ten, feed, name, what, Bar("≥", 0.6), beside=_TEN, spread=spread)


def of_an_upgrade(bench: Bench) -> Iterator[Line]:
    """U1. The rebuild examines every counter too, and would end the run if one were not what the log says."""
    with telwerkd(kpis="ten") as server:
        feed = Feed()
        conversations = bench.scale.stored_events // feed.workload.conversation_events
        bench.say("U1: ingest")
        rate = _rate(bench, server, feed.take(conversations))
        bench.say("U1: rebuild")
        seconds = rebuild(str(server.folder / DATABASE), "all")
        events = conversations * feed.workload.conversation_events
        what = f"`telwerkd rebuild` counts {events:,} stored events again, by 20 KPIs instead of ten"
        pairs = [(events / seconds, rate)]
        yield Row("U1", what, "their ingest with ten", _EVENTS, pairs, None, f"{seconds:.0f} s")


def after_many(bench: Bench) -> Iterator[Line]:
    """R7, and what is on disk and in memory then."""
    scale = bench.scale
    feed = Feed()
    with telwerkd() as full:
        conversations = scale.stored_more_events // feed.workload.conversation_events
        bench.load(full, feed.take(conversations))
        wire = sum(map(len, Part(feed.workload, 0, 1_000, 1).lane(0))) / (1_000 * feed.workload.conversation_events)
        disk = full.disk_bytes() / (conversations * feed.workload.conversation_events)
        pairs = []
        for _ in bench.pairs("R7"):
            with telwerkd() as empty:
                fresh = _begun(bench, empty)
                pairs.append(
                    (
                        _rate(bench, full, feed.take(scale.bulk_conversations)),
                        _rate(bench, empty, fresh.take(scale.bulk_conversations)),
                    )
                )
        memory, rss = full.memory_bytes(), full.rss_bytes()
    stored = f"{scale.stored_more_events:,} stored events"
    for name, what, beside, unit, of_line, bar in (
        ("R7", f"ingest at {stored}", "at none", _EVENTS, pairs, Bar("≥", 0.8)),
        (
            "S1",
            f"on disk at {stored}, 20 KPIs and all else included",
            "on the wire",
            "bytes/event",
            [(disk, wire)],
            Bar("≤", 3.5),
        ),
        (
            "S2",
            f"memory (PSS; RSS of both processes added up: {rss / 1e6:.0f} MB) at {stored}, after R7",
            "allowed",
            "MB",
            [(memory / 1e6, 250.0)],
            Bar("≤", 1),
        ),
    ):
        yield Row(name, what, beside, unit, of_line, bar if scale.whole else None)


def on_postgres(bench: Bench, postgres: str) -> Iterator[Line]:
    """R9, and the same with one process; with ten KPIs as R1."""
    for workers, name, bar in ((1, "R9s", Bar("≥", 0.55)), (2, "R9", Bar("≥", 0.45))):
        what = f"PostgreSQL, {'one process' if workers == 1 else f'{workers} workers'}, 1,000-event calls"
        if not bench.wants(name):
            continue
        if workers > 1 and not has_workers():
            yield Missing(name, what, "telwerkd serve has no --workers yet")
            continue
        flags = () if workers == 1 else ("--workers", str(workers))
        with (
            fresh_database(postgres) as database,
            fresh_database(postgres) as floor_database,
            telwerkd(*flags, database=database, kpis="ten") as ours,
            bare_pipe(floor_database, workers) as floor,
        ):
            feed = _begun(bench, ours, floor)
            yield _bulk(bench, ours, floor, feed, name, what, bar, connections=_WORKER_CONNECTIONS)


def _begun(bench: Bench, *servers: Server) -> Feed:
    """What follows on some events that every server has ingested already, to be warm."""
    feed = Feed()
    first = feed.take(100)
    for server in servers:
        bench.sender.run(send, server.address, first)
    return feed


def _bulk(
    bench: Bench,
    ours: Server,
    floor: Server,
    feed: Feed,
    name: str,
    what: str,
    bar: Bar | None,
    *,
    beside: str = _PIPE,
    spread: bool = False,
    connections: int = 1,
) -> Row:
    pairs, shares, floor_shares = [], Shares(), Shares()
    for _ in bench.pairs(f"{name}, {what}"):
        part = feed.take(bench.scale.bulk_conversations, max(4, connections), spread=spread)
        pairs.append(
            (
                _rate(bench, ours, part, shares, connections),
                _rate(bench, floor, part, floor_shares, connections, finish=beside != _PIPE),
            )
        )
    return Row(name, what, beside, _EVENTS, pairs, bar, f"{shares}; {beside}: {floor_shares}")


def _single(bench: Bench, ours: Server, feed: Feed) -> Row:
    pairs, shares, no_op_shares = [], Shares(), Shares()
    for _ in bench.pairs("R2, single-event calls"):
        part = feed.take(bench.scale.single_conversations, _SINGLE_CALLERS, call_events=1)
        calls = _rate(bench, ours, part, shares, _SINGLE_CONNECTIONS)
        before = ours.cpu_seconds()
        no_op = bench.sender.run(
            ask,
            ours.address,
            HEALTH,
            [b""] * part.events,
            callers=_SINGLE_CALLERS,
            connections=_SINGLE_CONNECTIONS,
        )
        no_op_shares.add(no_op, ours.cpu_seconds() - before)
        pairs.append((calls, no_op.calls / no_op.seconds))
    what = f"single-event durable calls, {_SINGLE_CALLERS} callers"
    return Row("R2", what, "no-op calls", "calls/s", pairs, Bar("≥", 0.65), f"{shares}; no-op: {no_op_shares}")


def _streamed(bench: Bench, ours: Server, feed: Feed) -> Row:
    pairs, shares, no_op_shares = [], Shares(), Shares()
    for _ in bench.pairs("R2b, a stream of single events"):
        part = feed.take(bench.scale.streamed_conversations, lanes=1, call_events=1)
        events = _streamed_rate(bench, ours, STREAM, list(part.lane(0)), shares)
        pairs.append((events, _streamed_rate(bench, ours, NO_OP_STREAM, [b""] * part.events, no_op_shares)))
    what = "one stream of single events, none of which waits for the answer to another"
    note = f"{shares}; no-op: {no_op_shares}"
    return Row("R2b", what, "a stream of no-ops", "requests/s", pairs, Bar("≥", 0.5), note)


def _streamed_rate(bench: Bench, server: Server, method: str, requests: Sequence[bytes], shares: Shares) -> float:
    """Requests per second; what the server puts off until later is added to the time."""
    before = server.cpu_seconds()
    sent = bench.sender.run(stream, server.address, method, requests)
    during_seconds, later_seconds = server.cpu_seconds() - before, server.finish()
    shares.add(sent, during_seconds, later_seconds)
    return sent.calls / (sent.seconds + later_seconds)


def _rate(
    bench: Bench, server: Server, part: Part, shares: Shares | None = None, connections: int = 1, *, finish: bool = True
) -> float:
    """Events per second; what the server puts off until later is added to the time."""
    before = server.cpu_seconds()
    sent = bench.sender.run(send, server.address, part, connections=connections)
    during_seconds = server.cpu_seconds() - before
    later_seconds = server.finish() if finish else 0.0
    if shares:
        shares.add(sent, during_seconds, later_seconds)
    return sent.events / (sent.seconds + later_seconds)
