"""A world: servers, clients and faults on one simulated loop, from a plan to what was wrong in the end."""

import asyncio
import contextlib
import datetime as dt
import functools
import gc
import logging
import random
from collections.abc import Iterator
from typing import NamedTuple

from telwerkd.application.clock import Clock
from telwerkd.application.settings import DEFAULT_TIME_ZONE
from telwerkd.domain.time import calendar
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.server.settings.settings import Settings
from telwerkd.storage.location import SqliteFile
from tests.simulation import checks
from tests.simulation.actors import Clients
from tests.simulation.disk import Disk, kept_engines
from tests.simulation.loop import NothingLeftError, SimulatedLoop
from tests.simulation.plan import (
    SECONDS,
    Action,
    FailCommits,
    FillDisk,
    JumpClock,
    KillServer,
    KillWriter,
    LosePower,
    Plan,
    SlowThreads,
    StallWriter,
    StopServer,
    TroubleSessions,
    UseSettings,
    wall,
)
from tests.simulation.postgres import ModelledPostgres, SharedPostgres
from tests.simulation.server import Server, SqliteFiles
from tests.simulation.writer import DiskFaults

REST_SECONDS_MAX = 60.0
"""What may pass, after all is healed, until a world has come to rest."""
_AWAY_SECONDS = 0.3
"""After how long a server is started again that ended by itself."""
_STALL_SECONDS = 1.0
_READING_COSTS = (0.0, 1e-6, 1e-6, 1e-5, 3e-3)
"""What passes while the steady clock is read, for so much may happen in between."""


class Outcome(NamedTuple):
    """What came of a world."""

    plan: Plan
    wrong: list[str]
    digest: str
    """Of everything that happened."""
    steps: int
    seconds: float
    """Virtual time."""


class World:
    """The world of a plan, while it is."""

    def __init__(self, plan: Plan, loop: SimulatedLoop, log: "HeardLog") -> None:
        self.plan = plan
        self.loop = loop
        self.disk = Disk(loses_power=any(isinstance(action, LosePower) for action in plan.actions))
        self.faults = DiskFaults()
        self.postgres = ModelledPostgres(loop, self.disk.path) if plan.on_postgres else None
        self.wrong: list[str] = []
        self.small = [plan.small] * plan.servers
        self.skews = [0] * plan.servers
        """By how much each server's clock is wrong, in microseconds."""
        self.servers: list[Server] = []
        self.files: list[SqliteFiles | SharedPostgres] = []
        self.clients = Clients(self)
        self._keepers: list[asyncio.Task[None]] = []
        self._away: dict[int, float] = {}
        self._gone: list[Server] = []
        """Those that died: what they left must not be collected while the world goes on."""
        self._is_over = False
        self._log = log

    # Servers.

    def settings(self, server: int) -> Settings:
        """Those of a server: in some worlds a transaction has room for a few events only."""
        small = (
            {
                "transaction_events_max": 4,
                "transaction_shared_events_max": 8,
                "answer_cache_bytes_max": 2_000,
                "transaction_shared_seconds_max": 0.001,
            }
            if self.small[server]
            else {}
        )
        return Settings(database=SqliteFile(self.disk.path), writer_stall_seconds=_STALL_SECONDS, **small)

    def _start(self, number: int) -> Server:
        files = (
            SqliteFiles(self.loop, self.disk, self.faults, _STALL_SECONDS)
            if self.postgres is None
            else SharedPostgres(self.postgres)
        )
        self.files.append(files)
        clock = Clock(
            lambda: (wall(self.loop.time()) + self.skews[number]) * 1_000, lambda: int(self.loop.time() * 1e9)
        )
        every = self.plan.compact_every_seconds
        return Server(self.loop, f"server {number}", self.settings(number), files, clock, every)

    async def _keep(self, number: int) -> None:
        """Starts a server again whenever it has ended, as whatever supervises it does."""
        while not self._is_over:
            server = self.servers[number]
            await server.ended
            self.wrong += server.wrong
            if not self._is_over:
                await asyncio.sleep(self._away.pop(number, _AWAY_SECONDS))
            if not self._is_over:
                self._gone.append(server)
                self.servers[number] = self._start(number)

    # What happens.

    async def live(self) -> None:
        """All of it, from the first start to the last stop."""
        self.servers = [self._start(number) for number in range(self.plan.servers)]
        self._keepers = [asyncio.create_task(self._keep(number)) for number in range(self.plan.servers)]
        for action in self.plan.actions:
            await asyncio.sleep(max(0.0, action.at - self.loop.time()))
            self.loop.trace(action)
            self._happen(action)
        await asyncio.sleep(max(0.0, SECONDS - self.loop.time()))
        self._heal()
        try:
            async with asyncio.timeout(REST_SECONDS_MAX):
                await self.clients.rest()
                await checks.rested(self)
        except TimeoutError:
            self.wrong.append(f"after {REST_SECONDS_MAX:.0f} s without a fault somebody still waits: {self._waiting()}")
            return
        await checks.check(self)
        await self._end()

    def _waiting(self) -> str:
        return ", ".join(self.clients.waiting()) or "for limits that are due, or a watch"

    def _happen(self, action: Action) -> None:
        match action:
            case KillServer(server=number, steps=steps, away=away):
                self._away[number] = away
                self.servers[number].life.steps_left = steps
            case StopServer(server=number, away=away):
                self._away[number] = away
                self.servers[number].stop()
            case LosePower(away=away):
                self._lose_power(away)
            case JumpClock(server=number, by=by):
                self.skews[number] += by
            case UseSettings(server=number, small=small):
                self.small[number] = small
                if self.servers[number].is_serving:
                    self.servers[number].use(self.settings(number))
            case SlowThreads(seconds_max=seconds_max):
                self.loop.delay_seconds_max = seconds_max
            case TroubleSessions() | KillWriter() | FailCommits() | FillDisk() | StallWriter():
                self._fault(action)
            case _:
                self.clients.act(action)

    def _fault(self, fault: TroubleSessions | KillWriter | FailCommits | FillDisk | StallWriter) -> None:
        """Something goes wrong with the database."""
        match fault:
            case TroubleSessions(what=what):
                if self.postgres is not None:
                    self.postgres.troubles.extend(what)
            case KillWriter(point=point):
                self.faults.dies_at.append(point)
            case FailCommits(how=how):
                self.faults.commits.extend(how)
            case FillDisk(seconds=seconds):
                self.faults.is_full = True
                self.loop.call_later(seconds, self._empty)
            case StallWriter(seconds=seconds):
                self.faults.stalls_until = self.loop.time() + seconds

    def _empty(self) -> None:
        self.faults.is_full = False

    def _lose_power(self, away: float) -> None:
        for number, server in enumerate(self.servers):
            self._away[number] = away
            server.life.die()
        for files in self.files:
            files.kill_writers()
        self.disk.lose_power()

    def _heal(self) -> None:
        self.loop.trace("all is healed")
        self.faults.heal()
        if self.postgres is not None:
            self.postgres.troubles.clear()
        self.loop.delay_seconds_max = 0.01
        for server in self.servers:
            server.life.steps_left = None

    async def _end(self) -> None:
        """Stops everything in order; nothing must be left."""
        self._is_over = True
        await self.clients.end()
        for server in self.servers:
            server.stop()
        try:
            async with asyncio.timeout(REST_SECONDS_MAX):
                await asyncio.gather(*self._keepers)
        except TimeoutError:
            self.wrong.append("a server does not stop")
            return
        left = asyncio.all_tasks() - {asyncio.current_task()}
        living = [task for server in self.servers for task in server.life.tasks if task in left]
        self.wrong += sorted(f"a task is left: {task.get_coro()}" for task in living)

    def clear(self) -> None:
        """Lets go of all, whatever became of it."""
        for files in self.files:
            files.drop()
            files.kill_writers()
        if self.postgres is not None:
            self.postgres.close()


class HeardLog(logging.Handler):
    """What the program said that no working program says."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.wrong: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.CRITICAL or record.exc_info or "defect" in text:
            error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
            self.wrong.append(f"the log says: {text}" + (f": {type(error).__name__}: {error}" if error else ""))


@contextlib.contextmanager
def quiet() -> Iterator[HeardLog]:
    """The log is heard, and not shown."""
    heard, logger = HeardLog(), logging.getLogger("telwerkd")
    before = logger.propagate, logger.level, logger.handlers
    logger.propagate, logger.handlers = False, [heard]
    logger.setLevel(logging.ERROR)
    try:
        yield heard
    finally:
        logger.propagate, level, logger.handlers = before
        logger.setLevel(level)


@contextlib.contextmanager
def steady_time(loop: SimulatedLoop, drawn: random.Random) -> Iterator[None]:
    """The program measures by the time of the loop; each reading takes some of it."""

    def steady() -> float:
        loop.pass_by(drawn.choice(_READING_COSTS))
        return loop.time()

    before, monotonic.read = monotonic.read, steady
    try:
        yield
    finally:
        monotonic.read = before


@functools.cache
def _warm_up() -> None:
    """Has this process know what a server finds out only once: the zone that is asked in."""
    calendar.day_start(dt.date(2026, 1, 1), calendar.zone(DEFAULT_TIME_ZONE))


def lived(plan: Plan) -> Outcome:
    """What comes of a plan: the same every time."""
    _warm_up()
    loop = SimulatedLoop(random.Random(plan.seed), plan.disorder)  # noqa: S311  # to be repeated
    drawn = random.Random(plan.seed + 1)  # noqa: S311

    random.seed(plan.seed)  # by which the program waits between attempts
    unhandled: list[str] = []
    loop.set_exception_handler(
        lambda _, context: unhandled.append(f"unhandled: {context.get('exception') or context['message']}")
    )
    with quiet() as heard, steady_time(loop, drawn), kept_engines():
        world = World(plan, loop, heard)
        try:
            loop.run_until_complete(world.live())
        except NothingLeftError:
            world.wrong.append("somebody waits, and nothing will ever happen again")
        finally:
            wrong = [*world.wrong, *unhandled, *heard.wrong]
            steps, seconds, digest = loop.steps, loop.time(), loop.digest
            world.clear()
            _bury(loop)
        gc.collect(0)
    return Outcome(plan, list(dict.fromkeys(wrong)), digest, steps, seconds)


def _bury(loop: SimulatedLoop) -> None:
    """What died in the middle of something is thrown away without a word."""
    loop.is_over = True
    loop.set_exception_handler(lambda _loop, _context: None)
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        with contextlib.suppress(BaseException):
            coro = task.get_coro()
            if coro is not None:
                coro.close()
    loop._ready.clear()
    loop._scheduled.clear()
    loop.close()
