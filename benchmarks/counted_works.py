"""The works whose instructions `instructions.py` counts: the service's own steps in one process, without gRPC.

    valgrind … python -m benchmarks.counted_works FOLDER

FOLDER has the database that questions are asked of. Every process that is forked for a work begins with the same
instructions: so the difference between few events or questions and many leaves out imports, and what is done once.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import msgspec

from benchmarks.bare_pipe import rows_of, sqlite_commit
from benchmarks.in_process import ACCOUNT_ID, ASKED_DAYS, FIELDS, NOW, QUESTIONS, ROLLUPS_BYTES_MAX, compact_all, opened
from benchmarks.workload import CALL_EVENTS, Part, Workload
from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.application.batches import IngestLimits
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.query.question import QueryLimits
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.process.gc_tuning import devote_process
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from telwerkd.transport.codec.query.answers import encode_answer
from telwerkd.transport.codec.query.queries import decode_query

_CONVERSATIONS = (1_000, 3_000)
"""Few and many. A thousand are what R1s has open at a time: each of its calls brings one event of each."""
_QUESTIONS = (10, 40)
_ASKED_CONVERSATIONS = 8_000
ASKED = "asked.db"
"""A file of FOLDER: the database that questions are asked of."""
PROCESSES = "processes.json"
"""A file of FOLDER: of each work, the ids of the processes that did it on few and on many."""

_Transactions: TypeAlias = list[list[bytes]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How events are sent."""

    id: str
    what: str
    call_events: int = CALL_EVENTS
    calls_at_once: int = 1
    """Calls in one transaction."""
    spread: bool = False

    def transactions(self, workload: Workload, conversations: int) -> _Transactions:
        """Returns the serialised calls of each transaction."""
        calls = list(Part(workload, 0, conversations, 1, self.call_events, self.spread).lane(0))
        return [calls[start : start + self.calls_at_once] for start in range(0, len(calls), self.calls_at_once)]


_SHAPES = (
    _Shape("R1", "an event, in calls of 1,000, conversation by conversation"),
    _Shape("R1s", "an event, in calls of 1,000, each of another conversation", spread=True),
    _Shape("R2", "an event, in a call of its own, 64 calls in a transaction", call_events=1, calls_at_once=64),
)


def _ingest(transactions: _Transactions, database: Path) -> None:
    async def ingested() -> None:
        decoder = EventDecoder(EventLimits(), FIELDS)
        async with opened(database) as store:
            for calls in transactions:
                requests = map(ingestion.IngestEventsRequest.FromString, calls)
                batches = [decoder.decode(request.events, NOW).valid for request in requests]
                await store.write([(ACCOUNT_ID, IngestBatch(batches, IngestLimits()))])
            await compact_all(store)

    asyncio.run(ingested())


def _pipe(transactions: _Transactions, database: Path) -> None:
    commit = sqlite_commit(str(database))
    for calls in transactions:
        commit([row for call in calls for row in rows_of(ingestion.IngestEventsRequest.FromString(call))])


def _ask(requests: list[bytes], asked: Path, _: Path) -> None:
    async def answered() -> None:
        rollups = RollupCache(ROLLUPS_BYTES_MAX)
        async with opened(asked) as store:
            for serialised in requests:
                request = kpi.QueryTimeSeriesRequest.FromString(serialised)
                query = decode_query(request, FIELDS, NOW)
                found = await store.read(ACCOUNT_ID, partial(answer, query, QueryLimits(), rollups))
                encode_answer(request, found, NOW).finished(NOW)

    asyncio.run(answered())


@dataclass(frozen=True, slots=True)
class Work:
    """What is counted. Both functions are given a file for a database; what they work on is made beforehand."""

    id: str
    what: str
    few: Callable[[Path], None]
    many: Callable[[Path], None]
    more: int
    """How many more events or questions `many` has than `few`."""


def store_asked(database: Path) -> None:
    """Makes the database that questions are asked of."""
    workload = Workload(conversations_per_day=_ASKED_CONVERSATIONS / ASKED_DAYS)
    _ingest(_SHAPES[0].transactions(workload, _ASKED_CONVERSATIONS), database)


def works(asked: Path) -> Iterator[Work]:
    """Yields what is counted; questions are asked of the database `asked`."""
    workload = Workload()
    for shape in _SHAPES:
        few, many = (shape.transactions(workload, conversations) for conversations in _CONVERSATIONS)
        more = (_CONVERSATIONS[1] - _CONVERSATIONS[0]) * workload.conversation_events
        yield Work(shape.id, shape.what, partial(_ingest, few), partial(_ingest, many), more)
        yield Work(shape.id, "the same by the bare pipe", partial(_pipe, few), partial(_pipe, many), more)
    for id_, name in (("R3", "2,880 points"), ("R4", "year by day, total"), ("R4", "year by day, by 50 operators")):
        requests = [QUESTIONS[name](day) for day in range(_QUESTIONS[1])]
        ask_few, ask_many = (partial(_ask, requests[:questions], asked) for questions in _QUESTIONS)
        yield Work(id_, f"a new question: {name}", ask_few, ask_many, _QUESTIONS[1] - _QUESTIONS[0])


def do_all(folder: Path) -> None:
    """Does every work in processes forked from this one, and notes which: valgrind, around all of them, counts each."""
    devote_process()
    processes = [tuple(_forked(run, folder) for run in (work.few, work.many)) for work in works(folder / ASKED)]
    (folder / PROCESSES).write_bytes(msgspec.json.encode(processes))


def _forked(run: Callable[[Path], None], folder: Path) -> int:
    """Returns the id of a process that has done this and ended.

    Raises:
        ChildProcessError: it failed.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with TemporaryDirectory(dir=folder) as own:
                run(Path(own, "new.db"))
            status = 0
        finally:
            os._exit(status)  # the parent's finalizers are not its own
    _, status = os.waitpid(child, 0)
    if status:
        raise ChildProcessError(f"process {child} ended with status {status}")
    return child


if __name__ == "__main__":
    do_all(Path(sys.argv[1]))
