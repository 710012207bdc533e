"""Worker processes on one port: the operating system distributes connections among them.

The parent process starts the workers, replaces dead ones, and forwards signals. It serves no calls itself. Workers are
spawned, not forked: gRPC's threads do not survive a fork.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from telwerkd.application.clock import Clock
from telwerkd.process import held_signals, log_format
from telwerkd.process.gc_tuning import devote_process
from telwerkd.process.log_format import Event
from telwerkd.server import main_loop
from telwerkd.server.background import Background, BackgroundTaskError
from telwerkd.server.components import NotStoredError
from telwerkd.server.http_ports import HTTP_IS_OFF, start_lines
from telwerkd.server.reloading import Reloading
from telwerkd.server.settings.port_addresses import http_address
from telwerkd.server.settings.settings import Settings
from telwerkd.server.startup_checks import check as check_one
from telwerkd.server.stopping import EXIT_NOT_STORED, STOP_SECONDS, Stop, any_of
from telwerkd.server.telemetry import log_limit
from telwerkd.server.wiring import running
from telwerkd.server.workers.figures import FiguresOfAll, WorkersFigures
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.open_store import prepare
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.unavailable import NO_MEMORY
from telwerkd.transport.endpoint.address import TcpAddress, parse
from telwerkd.transport.endpoint.binding import cannot_listen, resolved
from telwerkd.transport.security.tls import StartupError

log = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0
"""Before a worker that died is started anew, so that one that cannot live does not keep the machine busy."""

_LOOKS_A_STALL = 3
"""How often it is looked, in the time after which a worker counts as stalled, whether it replies."""

_STOP_MARGIN_SECONDS = STOP_SECONDS - 5.0
"""Seconds after the grace period before a worker is killed: less than `STOP_SECONDS`, when the parent itself exits."""

_spawn = multiprocessing.get_context("spawn")


async def serve(settings: Settings, what_runs: Event, reloading: Reloading) -> None:
    """Runs workers until a stop signal, and returns when all have drained.

    `what_runs` is logged once all have started. Each worker reloads settings by itself.

    Raises:
        StartupError: the settings do not allow a start, or one of the first workers did not start.
        SchemaError: the database is not one that this program can use.
        NotStoredError: after the stop: a worker did not end as it should.
        BackgroundTaskError: the workers were stopped, because the task that replaces dead ones died: a defect.
    """
    check(settings)
    await prepare(settings.database)
    with ExitStack() as ports:
        address = ports.enter_context(_reserved(settings.listen))
        http = _reserved_http(settings, ports)
        probes = None if not settings.probe_listen else ports.enter_context(_reserved(settings.probe_listen))
        shared = {"listen": address, "http_listen": http or "", "probe_listen": probes}
        figures, background, copied = WorkersFigures(), Background(), settings.model_copy(update=shared)
        workers = [await _Worker.spawned(copied, reloading, index, figures) for index in range(settings.workers)]
        hangup = partial(_pass_on, workers, signal.SIGHUP) if reloading.on_hangup else None
        stop = Stop(settings.grace_seconds, partial(_kill, workers), hangup)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _pass_on, workers, signal.SIGUSR1)
        held_signals.release()
        try:
            await asyncio.gather(*(worker.started() for worker in workers))
            print(start_lines(settings, address, http, probes), flush=True)  # noqa: T201
            log.info(what_runs)
            for index, worker in enumerate(workers):
                background.start(worker.kept_alive(), f"keeping worker {index} alive")
            await any_of(stop.asked, background.failed)
            log.info("stopping: running calls end, at most %.0f s", settings.grace_seconds)
        finally:
            try:
                await background.end()  # before the workers: one that it has just started is stopped as well
            finally:
                codes = await asyncio.gather(*(worker.stopped() for worker in workers))
                if any(codes) and background.failed.is_set():  # then nobody else says it
                    log.error("workers ended with exit codes %s", codes)
                await figures.close()
    if any(codes):
        raise NotStoredError(f"workers ended with exit codes {codes}: what was not acknowledged may not be stored")


def _kill(workers: "Sequence[_Worker]") -> None:
    for worker in workers:
        worker.kill()


def check(settings: Settings) -> None:
    """Raises StartupError if workers must not run so."""
    if not isinstance(settings.database, PostgresUrl):
        raise StartupError(
            f"one process writes to a SQLite file, and {settings.workers} workers were asked for: "
            "leave --workers away, or move to PostgreSQL with `telwerkd copy`"
        )
    ports = {"listen": settings.listen, "http-listen": settings.http_listen, "probe-listen": settings.probe_listen}
    for flag, listen in ports.items():
        if listen and not isinstance(parse(listen), TcpAddress):
            raise StartupError(f"workers share a port, and --{flag} {listen} has none")
    check_one(settings)


@contextmanager
def _reserved(listen: str) -> Iterator[str]:
    """Reserves a port for workers for the block, a free one for port 0, and yields its address.

    A bound socket that does not listen gets no connections; it reserves the port while workers start and end.
    """
    address = parse(listen)
    assert isinstance(address, TcpAddress)  # noqa: S101  # `check` holds it
    family, socket_address = resolved(address)[0]
    try:
        # Sharing is for our own workers only: with another server there it must fail.
        with socket.socket(family, socket.SOCK_STREAM) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(socket_address)
        with socket.socket(family, socket.SOCK_STREAM) as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(socket_address)
            yield str(replace(address, port=held.getsockname()[1]))
    except OSError as error:
        raise cannot_listen(address, error) from None


def _reserved_http(settings: Settings, ports: ExitStack) -> str | None:
    """Reserves the HTTP port, and returns its address; None if HTTP is off, or its default port is in use."""
    if not settings.http_listen:
        return None
    try:
        return ports.enter_context(_reserved(str(http_address(settings))))
    except StartupError as error:
        if "http_listen" in settings.model_fields_set:
            raise
        log.warning(HTTP_IS_OFF, error)
        return None


class _Worker:
    """A worker's index, with the process that runs under it: a dead process is replaced."""

    def __init__(
        self,
        settings: Settings,
        reloading: Reloading,
        index: int,
        figures: WorkersFigures,
        process: SpawnProcess,
        word: Connection,
    ) -> None:
        self._settings = settings
        self._reloading = reloading
        self._index = index
        self._figures = figures
        self._process, self._word = process, word
        self._is_ready = False
        """Whether the process has reported that it accepts calls."""

    @classmethod
    async def spawned(cls, settings: Settings, reloading: Reloading, index: int, figures: WorkersFigures) -> "_Worker":
        """Starts the first process for an index."""
        first = _spawned(settings, reloading, await figures.connect(index))
        return cls(settings, reloading, index, figures, *first)

    async def started(self) -> None:
        """Returns when it takes calls.

        Raises:
            StartupError: it died instead.
        """
        await _readable(self._word.fileno())
        try:
            self._word.recv()
        except EOFError:
            raise StartupError("a worker did not start; what it said is above") from None
        self._is_ready = True

    async def kept_alive(self) -> None:
        """Starts a new process whenever the one there has died, or was killed because it had stalled, for good."""
        while True:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._kill_if_stalled())
                await _readable(self._process.sentinel)
                watching.cancel()
            died = {"worker": self._process.pid, "exit_code": self._process.exitcode}
            text = f"worker {self._process.pid} died (exit code {self._process.exitcode}): starting another"
            log.warning(Event("worker died", died, text))
            self._word.close()
            await self._start_another()

    async def _kill_if_stalled(self) -> None:
        """Kills the process once it has stalled: it would still get connections, on which calls only wait."""
        seconds = self._settings.worker_stall_seconds
        if not self._is_ready:
            try:
                await self.started()
            except StartupError:
                return  # it died
        while True:
            await asyncio.sleep(seconds / _LOOKS_A_STALL)
            if await self._figures.is_stalled(self._index, seconds) and self._process.is_alive():
                stalled = {"worker": self._process.pid, "seconds": seconds}
                text = f"worker {self._process.pid} has not replied for {seconds:g} s (worker_stall_seconds): killed"
                log.error(Event("worker stalled", stalled, text))
                self._process.kill()
                return

    async def _start_another(self) -> None:
        self._is_ready = False
        while True:
            await asyncio.sleep(_RESTART_SECONDS)
            try:
                line = await self._figures.connect(self._index)
                self._process, self._word = _spawned(self._settings, self._reloading, line)
            except (OSError, MemoryError) as error:
                # No descriptor, process or memory is left for it just now.
                log.warning("a worker could not be started, and is tried again: %s", str(error) or NO_MEMORY)
            else:
                self._figures.restarts += 1
                return

    def send(self, number: int) -> None:
        """Forwards a signal, which confirms the clock or reloads settings, to the process."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)

    async def stopped(self) -> int:
        """Returns when it has drained and ended: 0, or the exit code of one that may have left something unstored."""
        if not self._process.is_alive():
            self._word.close()
            return 0
        self._process.terminate()
        try:
            async with asyncio.timeout(self._settings.grace_seconds + _STOP_MARGIN_SECONDS):
                await _readable(self._process.sentinel)
        except TimeoutError:
            log.error("worker %s did not end and is killed", self._process.pid)  # noqa: TRY400  # nothing was raised
            self._process.kill()
            await _readable(self._process.sentinel)
        self._process.join()
        self._word.close()
        # The signal ends at once only one that does not serve yet.
        return 0 if self._process.exitcode == -signal.SIGTERM else self._process.exitcode or 0

    def kill(self) -> None:
        """Ends it now."""
        self._process.kill()


def _pass_on(workers: Sequence[_Worker], number: int) -> None:
    for worker in workers:
        worker.send(number)


async def _readable(file: int) -> None:
    """Returns when there is something to read, or the other side is gone."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(file, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(file)


def _spawned(settings: Settings, reloading: Reloading, line: socket.socket) -> tuple[SpawnProcess, Connection]:
    fields = {name: getattr(settings, name) for name in Settings.model_fields}
    with line:
        ours, theirs = _spawn.Pipe()
        with theirs, ExitStack() as unless_started:
            unless_started.enter_context(ours)
            process = _spawn.Process(target=_work, args=(fields, reloading, theirs, line), name="telwerkd worker")
            resource_tracker.ensure_running()  # as it begins, it lets go of signals that are held
            # What is passed on to it before it is ready, or reaches the whole group, waits.
            with held_signals.held():
                process.start()
            unless_started.pop_all()
    return process, ours


def _work(fields: dict[str, Any], reloading: Reloading, word: Connection, line: socket.socket) -> None:
    """Runs a worker: the main function of its process."""
    # Ctrl-C and the end of a terminal reach all; the process that started us tells us to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not reloading.on_hangup:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = Settings(**fields)
    log_limit.set_up(settings.log_style, settings.log_lines_max, names_process=True)
    try:
        main_loop.run(_serve_one(settings, reloading, word, line))
    except (StartupError, SchemaError, BackgroundTaskError) as error:
        log_format.complain(str(error))
        sys.exit(1)
    except NotStoredError as error:
        log.error("%s", error)  # noqa: TRY400  # the text says it all
        sys.exit(EXIT_NOT_STORED)


async def _serve_one(settings: Settings, reloading: Reloading, word: Connection, line: socket.socket) -> None:
    # A stop may reach all processes of a group, and us once more from the one that started us, which ends us at once.
    stop = Stop(settings.grace_seconds, on_hangup=reloading.on_hangup, ends_at_once=False)
    loop = asyncio.get_running_loop()
    clock = Clock()
    loop.add_signal_handler(signal.SIGUSR1, clock.confirm)
    held_signals.release()
    # Nothing is ever sent to us: what can be read is the end of the process that started us.
    loop.add_reader(word.fileno(), stop.ask)
    async with running(settings, is_worker=True, clock=clock) as server:
        figures = FiguresOfAll(line, server.metrics.own)
        await figures.open()
        server.metrics.of_all = figures.read
        word.send("ready")
        devote_process()
        try:
            async with reloading.followed(server.use) as died:
                await any_of(stop.asked, server.failed, died)
                stop.ask()
        finally:
            loop.remove_reader(word.fileno())
            await figures.close()
