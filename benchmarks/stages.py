"""Where the CPU time of one event, and of one question, goes: the service's own steps, in one process, without gRPC.

Times of the thread that does the work, so that waiting for the disk is not in them. The bare pipe's steps stand beside,
made of the same requests. The steps of a call that are not here (gRPC, the way to a thread and back) are in R1 and R3.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from benchmarks.bare_pipe import rows_of, sqlite_commit
from benchmarks.in_process import (
    ACCOUNT_ID,
    ASKED_DAYS,
    FIELDS,
    NOW,
    QUESTIONS,
    ROLLUPS_BYTES_MAX,
    Do,
    compact_all,
    opened,
)
from benchmarks.machine import described
from benchmarks.results import figure
from benchmarks.run import save
from benchmarks.workload import Part, Workload
from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.application.batches import IngestLimits
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ports import Snapshot, Transaction
from telwerkd.application.query.question import QueryLimits
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.process.gc_tuning import devote_process
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from telwerkd.transport.codec.query.answers import encode_answer
from telwerkd.transport.codec.query.queries import decode_query

T = TypeVar("T")

_CONVERSATIONS = 8_000
_CALLS_AT_ONCE = 4
"""Calls in one transaction: as many as callers in R1."""
_QUESTIONS = 100
_REST = "the rest of the transaction"


class _Stages:
    """CPU seconds of this thread, by stage; a stage within another counts in both."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the block's time to a stage."""
        begun = time.thread_time()
        try:
            yield
        finally:
            self.seconds[stage] += time.thread_time() - begun

    def run(self, stage: str, work: Callable[..., T], *args: Any) -> T:
        """`work`, as a stage."""
        with self.timed(stage):
            return work(*args)

    def less(self, outer: str, inner: str) -> None:
        """Takes a stage out of the one around it."""
        self.seconds[outer] -= self.seconds[inner]


class _Watched:
    """A transaction, the time in whose methods is a stage."""

    def __init__(self, tx: Transaction | Snapshot, stages: _Stages, stage: str) -> None:
        self._tx = tx
        self._stages = stages
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return partial(self._stages.run, self._stage, getattr(self._tx, name))


def measure() -> str:
    """Measures; writes the results as JSON, and gives the tables."""
    devote_process()  # as a server does, so that the garbage collector's time falls on no stage by chance
    with TemporaryDirectory(prefix="telwerk-stages-") as folder:
        events, pipe, questions = asyncio.run(_all(Path(folder)))
    found = {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": described(),
        "events": events,
        "pipe": pipe,
        "questions": questions,
    }
    return f"{tables(found)}\n\n{save('stages', found)}"


def tables(found: dict[str, Any]) -> str:
    """Both tables in Markdown, from their JSON form."""
    lines = ["| of an event | µs | |", "| --- | --- | --- |"]
    for name, stages in (("Telwerk", found["events"]), ("bare pipe", found["pipe"])):
        whole = sum(stages.values())
        lines.append(f"| **{name}** | **{figure(whole)}** | |")
        lines += [f"| {stage} | {figure(micros)} | {micros / whole:.0%} |" for stage, micros in stages.items()]
    questions = found["questions"]
    lines += ["", f"| of a question | {' | '.join(questions)} |", f"| --- |{' --- |' * len(questions)}"]
    for stage in next(iter(questions.values())):
        lines.append(f"| {stage} | {' | '.join(f'{figure(of[stage])} µs' for of in questions.values())} |")
    return "\n".join(lines)


async def _all(folder: Path) -> tuple[dict[str, float], dict[str, float], dict[str, dict[str, float]]]:
    calls = _calls(Workload())
    async with opened(folder / "telwerk.db") as store:
        taken = await _ingest(store, calls), _pipe(folder / "floor.db", calls)
    events = _CONVERSATIONS * Workload().conversation_events
    ours, pipe = ({stage: s / events * 1e6 for stage, s in of.seconds.items()} for of in taken)
    async with opened(folder / "asked.db") as store:
        await _ingest(store, _calls(Workload(conversations_per_day=_CONVERSATIONS / ASKED_DAYS)))
        questions = {name: await _ask(store, question) for name, question in QUESTIONS.items()}
    return ours, pipe, questions


def _calls(workload: Workload) -> list[bytes]:
    return list(Part(workload, 0, _CONVERSATIONS, 1).lane(0))


async def _ingest(store: SqliteStore, calls: Sequence[bytes]) -> _Stages:
    stages, decoder = _Stages(), EventDecoder(EventLimits(), FIELDS)
    for start in range(0, len(calls), _CALLS_AT_ONCE):
        some = [
            stages.run("parse", ingestion.IngestEventsRequest.FromString, call)
            for call in calls[start:][:_CALLS_AT_ONCE]
        ]
        batches = [stages.run("decode and check", decoder.decode, request.events, NOW).valid for request in some]

        def work(tx: Transaction, batches: Any = batches) -> list[Any]:
            watched: Any = _Watched(tx, stages, "rows written and read")
            return stages.run("verdicts, the fold, deltas", IngestBatch(batches, IngestLimits()).run, watched)

        await _whole(stages, store, work)
    begun = time.process_time()
    await compact_all(store)
    stages.seconds["compaction"] += time.process_time() - begun
    stages.less(_REST, "verdicts, the fold, deltas")
    stages.less("verdicts, the fold, deltas", "rows written and read")
    return stages


async def _whole(stages: _Stages, store: SqliteStore, work: Callable[[Transaction], T]) -> list[T]:
    """A transaction; its time, that of its commit too, is the process's."""
    begun = time.process_time()
    results = await store.write([(ACCOUNT_ID, Do(work))])
    stages.seconds[_REST] += time.process_time() - begun
    return results


def _pipe(database: Path, calls: Sequence[bytes]) -> _Stages:
    stages, commit = _Stages(), sqlite_commit(str(database))
    for start in range(0, len(calls), _CALLS_AT_ONCE):
        some = [
            stages.run("parse", ingestion.IngestEventsRequest.FromString, call)
            for call in calls[start:][:_CALLS_AT_ONCE]
        ]
        rows = [row for request in some for row in stages.run("rows made", rows_of, request)]
        stages.run("rows written", commit, rows)
    return stages


async def _ask(store: SqliteStore, question: Callable[[int], bytes]) -> dict[str, float]:
    """µs of a question, by stage; each is of another day, after one that fills the caches."""
    rollups = RollupCache(ROLLUPS_BYTES_MAX)
    stages = _Stages()
    for day in range(_QUESTIONS + 1):
        if day == 1:
            stages = _Stages()
        request = stages.run("parse and decode", kpi.QueryTimeSeriesRequest.FromString, question(day))
        query = stages.run("parse and decode", decode_query, request, FIELDS, NOW)

        def work(snapshot: Snapshot, stages: _Stages = stages, query: Any = query, request: Any = request) -> None:
            watched: Any = _Watched(snapshot, stages, "rows read")
            found = stages.run("cells to numbers", answer, query, QueryLimits(), rollups, watched)
            stages.run("encode", lambda: encode_answer(request, found, NOW).finished(NOW))

        await store.read(ACCOUNT_ID, work)
    stages.less("cells to numbers", "rows read")
    return {stage: seconds / _QUESTIONS * 1e6 for stage, seconds in stages.seconds.items()}
