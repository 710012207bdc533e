"""R8 and P1: Telwerk beside others who do the same work. Answers are compared before anything is timed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, Feed
from benchmarks.client import Client, answer, client, send
from benchmarks.measures.queries import stored_in_days
from benchmarks.peers import clickhouse, orm, query_on_read
from benchmarks.questions import YEAR_DAYS, ZONES, Numbers, YearByDay
from benchmarks.results import Bar, Line, Row
from benchmarks.scale import Scale
from benchmarks.servers import Server, telwerkd
from benchmarks.workload import Workload
from telwerk.v1 import kpi_service_pb2 as kpi

_QUERIES = 7
_RATINGS_OF_CONVERSATION = 12
_MANY_RATINGS = 10_000_000


@dataclass(frozen=True, slots=True)
class _Log:
    """Events that all sides hold."""

    name: str
    what: str
    workload: Workload
    conversations: int
    bars: tuple[float, float] | None
    """How many times faster than PostgreSQL, and than chDB."""


@dataclass(frozen=True, slots=True)
class _Peers:
    """Where they are, and the process that they are asked from."""

    client: Client
    postgres_url: str
    chdb_folder: str


class WrongAnswerError(AssertionError):
    """A peer and Telwerk do not say the same; nothing about them may be timed."""


def queries(bench: Bench, postgres_url: str) -> Iterator[Line]:
    """R8, R8m, R8x: a year by day from raw events."""
    workload, conversations = stored_in_days(bench.scale.stored_events)
    mixed = f"{bench.scale.stored_events:,} raw events of all kinds in two years"
    logs = [_ratings("R8", bench.scale, bench.scale.raw_ratings, (60, 5) if bench.scale.whole else None)]
    if bench.scale.whole:
        logs.append(_Log("R8m", mixed, workload, conversations, None))
    if "R8x" in bench.only:
        logs.append(_ratings("R8x", bench.scale, _MANY_RATINGS, (400, 20)))
    for log in logs:
        if bench.wants(log.name):
            # A process of their own for the peers too: chDB is part of the process that asks it.
            with telwerkd() as ours, TemporaryDirectory(prefix="telwerk-chdb-") as folder, client() as peer:
                yield from _compared(bench, log, ours, _Peers(peer, postgres_url, folder))


def _ratings(name: str, scale: Scale, ratings: int, bars: tuple[float, float] | None) -> _Log:
    """So many ratings in any year that is asked for; a year can begin on so many days that none is asked for twice."""
    days = YEAR_DAYS + 2 + scale.pairs * _QUERIES
    per_day = ratings / YEAR_DAYS / _RATINGS_OF_CONVERSATION
    workload = Workload(kind="ratings", conversations_per_day=per_day)
    return _Log(name, f"{ratings:,} raw ratings in the year", workload, int(per_day * days), bars)


def _compared(bench: Bench, log: _Log, ours: Server, peers: _Peers) -> Iterator[Line]:
    bench.say(f"{log.name}: {log.what}, stored three times")
    bench.load(ours, Feed(log.workload).take(log.conversations))
    peers.client.run(query_on_read.load, peers.postgres_url, log.workload, log.conversations)
    peers.client.run(clickhouse.load, peers.chdb_folder, log.workload, log.conversations)
    for by_operator in (False, True):
        year = YearByDay(ZONES[0], by_operator=by_operator)
        _agree(bench, ours, peers, year)
        fresh = year.fresh()
        next(fresh)
        postgres_pairs, chdb_pairs = [], []
        for _ in bench.pairs(f"{log.name}, {'by operator' if by_operator else 'total'}"):
            questions = [next(fresh) for _ in range(_QUERIES)]
            mine = bench.p50_seconds(ours, [question.request() for question in questions]) * 1e3
            read = median(peers.client.run(query_on_read.times_seconds, peers.postgres_url, questions)) * 1e3
            column = median(peers.client.run(clickhouse.times_seconds, peers.chdb_folder, questions)) * 1e3
            postgres_pairs.append((read, mine))
            chdb_pairs.append((column, mine))
        what = f"year by day, {'by 50 operators' if by_operator else 'total'}, {log.what}"
        bars = (Bar("≥", log.bars[0]), Bar("≥", log.bars[1])) if log.bars else (None, None)
        yield Row(log.name, f"PostgreSQL GROUP BY: {what}", "Telwerk", "ms", postgres_pairs, bars[0], "p50")
        yield Row(log.name, f"chDB: {what}", "Telwerk", "ms", chdb_pairs, bars[1], "p50")


def _agree(bench: Bench, ours: Server, peers: _Peers, question: YearByDay) -> None:
    mine = _numbers(bench, ours, question)
    if not mine:
        raise WrongAnswerError("Telwerk's answer is empty: nothing was compared")
    _same("PostgreSQL", peers.client.run(query_on_read.answer, peers.postgres_url, question), mine)
    _same("chDB", peers.client.run(clickhouse.answer, peers.chdb_folder, question), mine)


def _same(name: str, theirs: Numbers, mine: Numbers) -> None:
    different = sorted(key for key in theirs.keys() | mine.keys() if theirs.get(key) != mine.get(key))
    if different:
        key = different[0]
        raise WrongAnswerError(
            f"{len(different)} numbers differ; at {key} {name} says {theirs.get(key)}, Telwerk {mine.get(key)}"
        )


def _numbers(bench: Bench, ours: Server, question: YearByDay) -> Numbers:
    reply = bench.asker.run(answer, ours.address, question.request())
    return question.numbers(kpi.QueryTimeSeriesResponse.FromString(reply))


def row_by_row(bench: Bench) -> Iterator[Line]:
    """P1: ingest beside an ORM that counts row by row."""
    bench.say("P1: an ORM, row by row")
    pairs = []
    with telwerkd() as ours, TemporaryDirectory(prefix="telwerk-orm-") as folder:
        file = str(Path(folder) / "orm.db")
        feed = Feed(Workload(conversations_per_day=bench.scale.orm_conversations * bench.scale.pairs / (YEAR_DAYS - 5)))
        for _ in bench.pairs("P1"):
            part = feed.take(bench.scale.orm_conversations)
            sent = bench.sender.run(send, ours.address, part)
            mine = sent.events / (sent.seconds + ours.finish())
            pairs.append((mine, part.events / bench.asker.run(orm.take_in, file, part)))
        _same(
            "the ORM", bench.asker.run(orm.answer, file), _numbers(bench, ours, YearByDay("UTC", 0, by_operator=True))
        )
    yield Row("P1", "1,000-event calls, all KPIs", "one KPI of twenty, an ORM row by row", "events/s", pairs)
