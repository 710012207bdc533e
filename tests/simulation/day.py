# ruff: noqa: T201, S311  # a program that prints, and whose chance is to be repeatable
"""A server that lives a day without a fault, in simulated time: chats with a daily curve, questions, a watch, upkeep.

    python -m tests.simulation.day [HOURS] [CHATS]

The day begins at noon, so that retention finds a new day at midnight. The chats of the day and a half before are
imported first. Each hour it is noted what there is: memory, descriptors, tasks, rows, the `-wal`, what caches hold. At
the end the second half of the hours must hold no more than the first did, every counter must be what the oracle counts,
the watch must show what a question is answered, and `verify` is clean.
"""

import asyncio
import contextlib
import gc
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from telwerk.simulation import simulate, widget_settings
from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings_pb,
)
from telwerk.watching import Watched
from telwerkd.application.audit import examine
from telwerkd.application.clock import Clock
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import SECOND, AccountId, Micros
from telwerkd.server.settings.settings import Settings
from telwerkd.storage.location import SqliteFile
from telwerkd.storage.schema.tables import metadata
from telwerkd.storage.sql import records
from tests.cells import stored_cells, wanted_cells
from tests.conftest import timestamp
from tests.oracle import Counted, oracle_facts, oracle_held
from tests.simulation.disk import Disk, kept_engines
from tests.simulation.loop import SimulatedLoop
from tests.simulation.server import Server, SqliteFiles
from tests.simulation.world import quiet, steady_time
from tests.simulation.writer import DiskFaults

HOURS, CHATS = 24, 2_000
ACCOUNT = "acme"
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
"""A Tuesday's."""
KPIS = ("messages", "satisfaction_score", "conversations_ended", "first_response_time", "unanswered_live_conversations")
_HOUR_SECONDS = 3_600.0
_IMPORTED_HOURS = 36
_ASK_SECONDS, _WATCH_SECONDS, _SETTINGS_SECONDS = 30.0, 120.0, 7_200.0
_COMPACT_SECONDS = 5.0
"""Ten times as long as a server waits: what is simulated is a day, and not each half of a second."""
_LATE_SECONDS_MAX = 3_600.0
_TIMES, _PLUS = 1.1, 10.0
"""How much more there may be of anything in the second half of a life."""


class Noted(NamedTuple):
    """What there is at the end of an hour."""

    hour: int
    events: int
    """That were sent in it."""
    memory_mb: float
    """Of this process (RSS): all of the simulation is in it."""
    objects: int
    """That the collector knows."""
    descriptors: int
    tasks: int
    """Unfinished, the clients' too."""
    cached_kb: float
    wal_kb: float
    log: int
    """Rows of the log: retention takes some."""
    deltas: int
    counters: int
    seconds: float
    """CPU."""


class Day:
    """The server, and those who call it."""

    def __init__(self, loop: SimulatedLoop, hours: int, chats: int) -> None:
        self._loop = loop
        self._hours = hours
        self._disk = Disk(loses_power=False)
        self._clock = Clock(lambda: self.now * 1_000, lambda: int(loop.time() * 1e9))
        settings = Settings(database=SqliteFile(self._disk.path), retention_days=1)
        self._files = SqliteFiles(loop, self._disk, DiskFaults(), settings.writer_stall_seconds)
        self._server = Server(loop, "server", settings, self._files, self._clock, _COMPACT_SECONDS)
        self._chance = random.Random(1)
        self._batches = sorted(self._drawn(chats), key=lambda batch: batch[0])
        self._sent = self._updates = 0
        self._shown: kpi.QueryTimeSeriesResponse | None = None
        self.noted: list[Noted] = []
        self.wrong: list[str] = self._server.wrong

    @property
    def now(self) -> Micros:
        """The true instant."""
        return Micros((int(NOON.timestamp()) * SECOND) + int(self._loop.time() * SECOND))

    def _drawn(self, chats: int) -> Iterator[tuple[float, list[pb.Event]]]:
        """All batches with their times, most of them as events happen, some late, some twice."""
        before, end = NOON - timedelta(hours=_IMPORTED_HOURS), NOON + timedelta(hours=self._hours)
        earlier = list(simulate(1, chats * _IMPORTED_HOURS // 24, before, NOON))
        yield from ((0.0, earlier[start : start + 500]) for start in range(0, len(earlier), 500))
        noon = int(NOON.timestamp())
        events = sorted(simulate(2, chats * self._hours // 24, NOON, end), key=_instant)
        for at, some in groupby(events, key=lambda event: event.occur_time.seconds - noon):
            batch = list(some)
            late = self._chance.random() * _LATE_SECONDS_MAX if self._chance.random() < 0.03 else 1.0
            for _ in range(2 if self._chance.random() < 0.02 else 1):
                yield at + late, batch

    async def live(self) -> None:
        """All of it."""
        await self._server.started
        for version in widget_settings():
            await self._call("settings.SetWidgetSettings", settings_pb.SetWidgetSettingsRequest(settings=version))
        works = [self._send(), self._ask(), self._watch_now_and_then(), self._change()]
        tasks = [asyncio.create_task(work) for work in works]
        for hour in range(1, self._hours + 1):
            await asyncio.sleep(max(0.0, hour * _HOUR_SECONDS - self._loop.time()))
            self._note(hour)
        await tasks[0]
        await asyncio.sleep(_HOUR_SECONDS)  # limits pass, and all is compacted
        await self._judge()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._server.stop()
        await self._server.ended

    async def _call(self, method: str, request: Any, told: Callable[[bytes], Any] | None = None) -> bytes:
        request.account_id = ACCOUNT
        raw = request.SerializeToString() if method.startswith("ingestion") else request
        return await self._server.call(method, raw, told)

    async def _send(self) -> None:
        for at, events in self._batches:
            await asyncio.sleep(max(0.0, at - self._loop.time()))
            request = ingestion.IngestEventsRequest(events=events)
            reply = ingestion.IngestEventsResponse.FromString(await self._call("ingestion.IngestEvents", request))
            self.wrong += [f"refused: {rejection.reason}" for rejection in reply.rejections]
            self._sent += len(events)

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(_ASK_SECONDS)
            by = [kpi.DIMENSION_OPERATOR] if self._chance.random() < 0.5 else []
            await self._call("kpi.QueryTotals", kpi.QueryTotalsRequest(kpi_ids=KPIS, range=self._range(), group_by=by))
            await self._call("kpi.QueryTimeSeries", self._series())

    async def _watch_now_and_then(self) -> None:
        """A watcher that comes every hour and goes: while one is there, the server looks ten times a second."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_SECONDS):
                    await self._watch()
            await asyncio.sleep(_HOUR_SECONDS - _WATCH_SECONDS)

    async def _watch(self) -> None:
        watched = Watched(sparse=False)

        async def told(update: bytes) -> None:
            self._shown = watched.update(kpi.WatchTimeSeriesResponse.FromString(update))
            self._updates += 1

        query = self._series()
        query.account_id = ACCOUNT
        await self._call("kpi.WatchTimeSeries", kpi.WatchTimeSeriesRequest(query=query), told)

    async def _change(self) -> None:
        while True:
            await asyncio.sleep(_SETTINGS_SECONDS)
            for version in widget_settings():
                version.effective_time.CopyFrom(timestamp(Micros(self.now // SECOND * SECOND)))
                await self._call("settings.SetWidgetSettings", settings_pb.SetWidgetSettingsRequest(settings=version))

    def _range(self) -> kpi.TimeRange:
        midnight = NOON.replace(hour=0)
        start, end = (
            timestamp(Micros(int((midnight + timedelta(days=days)).timestamp()) * SECOND)) for days in (-3, 3)
        )
        return kpi.TimeRange(instants=kpi.InstantRange(start_time=start, end_time=end))

    def _series(self) -> kpi.QueryTimeSeriesRequest:
        return kpi.QueryTimeSeriesRequest(
            kpi_ids=KPIS[:4], range=self._range(), granularity=kpi.GRANULARITY_QUARTER_HOUR
        )

    def _note(self, hour: int) -> None:
        self._server.life.tasks[:] = [task for task in self._server.life.tasks if not task.done()]
        gc.collect()
        process, parts = psutil.Process(), self._server._parts
        self.noted.append(
            Noted(
                hour,
                self._sent - sum(one.events for one in self.noted),
                process.memory_info().rss / 1e6,
                len(gc.get_objects()),
                process.num_fds(),
                len(asyncio.all_tasks()),
                (parts.answers.kept.bytes_kept + parts.rollups.kept.bytes_kept) / 1e3,
                Path(f"{self._disk.path}-wal").stat().st_size / 1e3,
                *(self._rows(table) for table in ("events", "deltas", "counters")),
                time.process_time(),
            )
        )
        print(" ".join(f"{name}={value:,.0f}" for name, value in self.noted[-1]._asdict().items()), flush=True)

    def _rows(self, table: str) -> int:
        assert table in metadata.tables
        return int(str(self._disk.rows(f"SELECT count(*) FROM {table}")[0][0]))  # noqa: S608  # a table of ours

    async def _judge(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_SECONDS):
                await self._watch()
        answer = kpi.QueryTimeSeriesResponse.FromString(await self._call("kpi.QueryTimeSeries", self._series()))
        if self._shown is None or _counts(self._shown) != _counts(answer):
            self.wrong.append("the watch does not show what a question is answered")
        audit = await self._server.store.read(AccountId(ACCOUNT), partial(examine, lambda _done, _all: None))
        if not audit.clean:
            self.wrong.append(f"verify: {audit}")
        logs: dict[str, list[Event]] = {}
        for table in ("events", "graveyard"):
            query = f"SELECT conversation_id, event_id, occur_time, body FROM {table}"  # noqa: S608
            for conversation, *row in self._disk.rows(query):
                logs.setdefault(str(conversation), []).append(records.event_of(*row))  # type: ignore[arg-type]
        [[now]] = self._disk.rows("SELECT high_water FROM accounts")
        facts, held = Counter[Counted](), Counter[Counted]()
        for log in logs.values():
            facts.update(oracle_facts(log, int(str(now))))
            held.update(oracle_held(log, int(str(now))))
        if stored_cells(self._disk, AccountId(ACCOUNT)) != wanted_cells(facts, held):
            self.wrong.append("the counters are not what the oracle counts")
        if not self._disk.rows("SELECT 1 FROM graveyard LIMIT 1"):
            self.wrong.append("retention has purged nothing")

    def compared(self) -> list[str]:
        """What there was more of in the second half of the hours than there should be."""
        half = len(self.noted) // 2
        wrong = []
        for name in ("memory_mb", "objects", "descriptors", "tasks", "cached_kb", "wal_kb", "log", "deltas"):
            before, after = (max(getattr(one, name) for one in part) for part in (self.noted[:half], self.noted[half:]))
            if after > before * _TIMES + _PLUS:
                wrong.append(f"{name}: {before:,.0f} became {after:,.0f}")
        return wrong

    def told(self) -> str:
        """How much happened."""
        return f"{self._sent:,} events of {len(self._batches):,} batches, {self._updates:,} updates of watches"

    def clear(self) -> None:
        """Lets go of all."""
        self._files.drop()
        self._files.kill_writers()


def _instant(event: pb.Event) -> tuple[int, int]:
    return event.occur_time.seconds, event.occur_time.nanos


def _counts(answer: kpi.QueryTimeSeriesResponse) -> list[object]:
    return [(one.kpi_id, one.key.SerializeToString(deterministic=True), list(one.counts)) for one in answer.series]


def main(hours: int, chats: int) -> int:
    """Runs it; the exit code."""
    loop = SimulatedLoop(random.Random(1), 0.1)
    begun = time.monotonic()
    with quiet() as heard, steady_time(loop, random.Random(2)), kept_engines():
        day = Day(loop, hours, chats)
        try:
            loop.run_until_complete(day.live())
        finally:
            day.clear()
    wrong = [*day.wrong, *heard.wrong, *day.compared()]
    for each in wrong:
        print(f"VIOLATION {each[:500]}")
    print(day.told())
    print(f"{hours} h of its time, {loop.steps:,} steps, {time.monotonic() - begun:,.0f} s: {len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*numbers, *(HOURS, CHATS)[len(numbers) :]))
