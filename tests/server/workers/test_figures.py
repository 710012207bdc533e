"""The figures of several workers as one, whichever of them is asked."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from telwerkd.domain.errors import UnavailableError
from telwerkd.metrics.reading import Reading
from telwerkd.process.figures import Histogram
from telwerkd.server.reloading import Reloading, Source
from telwerkd.server.settings.settings import Settings
from telwerkd.server.workers.figures import FiguresOfAll, WorkersFigures
from telwerkd.server.workers.processes import _Worker
from telwerkd.storage.location import located
from telwerkd.storage.open_store import prepare
from tests.conftest import connected, free_address, wired
from tests.postgres import fresh_database

EVENTS, OPEN, LATE = "telwerk_events_total", "telwerk_calls_open", "telwerk_timers_late_seconds"
RESTARTS, SECONDS = "telwerk_worker_restarts_total", "telwerk_compaction_seconds"


def reading(events: int) -> Reading:
    """Of a worker that counted so many events, has a call open, and once compacted for as many seconds."""
    seconds = Histogram((1.0, 2.0))
    seconds.observe(events)
    return {EVENTS: {("accepted", ""): events}, OPEN: {(): 1}, LATE: {(): events}, SECONDS: {(): seconds.read()}}


class Workers:
    """Workers without their processes, but with their lines."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.figures = WorkersFigures()
        self._stack = stack
        self._stack.push_async_callback(self.figures.close)

    async def start(self, place: int, events: int) -> FiguresOfAll:
        worker = FiguresOfAll(await self.figures.connect(place), lambda: reading(events))
        await worker.open()
        self._stack.push_async_callback(worker.close)
        return worker


async def test_any_worker_gives_the_sum_of_all():
    """Counts and histograms added up, of what each sees of the same the largest; one restarted goes on in the sum."""
    async with AsyncExitStack() as stack:
        workers = Workers(stack)
        first, second = await workers.start(0, 1), await workers.start(1, 2)
        asked = await asyncio.gather(*(worker.read() for worker in (first, second, first)))
        assert asked[0] == asked[1] == asked[2]
        assert asked[0][EVENTS] == {("accepted", ""): 3}
        assert asked[0][OPEN] == {(): 2}
        assert asked[0][LATE] == {(): 2}
        assert asked[0][SECONDS][()] == ((1.0, 2.0), (1, 1, 0), 3.0)
        assert asked[0][RESTARTS] == {(): 0}
        # It dies, and what it holds goes with it; what it has counted does not.
        await second.close()
        assert (await first.read())[EVENTS] == {("accepted", ""): 3}
        assert (await first.read())[OPEN] == {(): 1}
        third = await workers.start(1, 10)
        workers.figures.restarts += 1
        assert (await third.read())[EVENTS] == {("accepted", ""): 13}
        assert (await first.read())[SECONDS][()].total == 13.0
        assert (await first.read())[RESTARTS] == {(): 1}


async def test_a_worker_that_cannot_ask_the_others_gives_nothing():
    """Its own figures alone would look as if the others had begun anew."""
    async with AsyncExitStack() as stack:
        workers = Workers(stack)
        worker = await workers.start(0, 1)
        await workers.figures.close()
        with pytest.raises(UnavailableError):
            await worker.read()


async def test_a_worker_whose_figures_fail_replies_and_what_it_counted_stays_in_the_sum():
    """It is not taken for stalled, and no count becomes smaller."""
    given = [reading(1)]
    async with AsyncExitStack() as stack:
        workers = Workers(stack)
        failing = FiguresOfAll(await workers.figures.connect(0), given.pop)  # the second time there is none
        await failing.open()
        stack.push_async_callback(failing.close)
        other = await workers.start(1, 2)
        assert (await other.read())[EVENTS] == {("accepted", ""): 3}
        assert (await other.read())[EVENTS] == {("accepted", ""): 3}
        assert not await workers.figures.is_stalled(0, 60)


async def test_processes_of_workers_give_the_sum_of_their_calls(postgres):
    """As `--workers` starts them, on one port."""
    with fresh_database(postgres) as url:
        database = located(url)
        await prepare(database)
        figures = WorkersFigures()
        settings = Settings(database=database, listen=free_address(), http_listen="", workers=2)
        reloading = Reloading(Source(None, {}), settings)
        workers = [await _Worker.spawned(settings, reloading, place, figures) for place in range(2)]
        try:
            await asyncio.gather(*(worker.started() for worker in workers))
            for number in range(6):  # each on a connection of its own: the system spreads them
                async with connected(settings.listen) as server:
                    await server.ingest("acme", wired("09:00:00 anna assigned in sales", f"c{number}"))
            summed = await figures.read()
            assert summed[EVENTS]["accepted", ""] == 6
            assert summed["telwerk_workers"] == {(): 2}
            assert sum(summed["telwerk_transaction_seconds"]["ingest_batch",].counts) == 6
        finally:
            await asyncio.gather(*(worker.stopped() for worker in workers))
            await figures.close()
