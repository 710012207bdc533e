"""A server of a world: the real parts over the real store, with a simulated writer, clock and network.

It is composed as `telwerkd.server.wiring` composes it, but for the ports: calls come as bytes, and replies go as bytes,
each after as long as the seed says; or never, because one of both has gone.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from contextvars import Context
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from telwerkd.application.clock import Clock
from telwerkd.application.ports import Store, StoreFigures
from telwerkd.domain.errors import TelwerkError, UnavailableError
from telwerkd.server.background import Background
from telwerkd.server.components import Components, NotStoredError
from telwerkd.server.settings.settings import Settings
from telwerkd.server.upkeep_tasks import Periods
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sql.across import AsyncStatement
from telwerkd.storage.sqlite.file import OpenedFile, served
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.storage.sqlite.writer.launch import Launched
from telwerkd.storage.sqlite.writer.process import WriterProcess
from telwerkd.transport.codec.ingest.event_batch import EventBatches
from telwerkd.transport.codec.wire.encoding import Encoded
from telwerkd.transport.server import Services
from tests.simulation.disk import Disk
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.writer import DiskFaults, SimulatedWriter

GRACE_SECONDS = 2.0
"""What running calls get when a server stops."""


_OUTSIDE = Context()
"""Where things happen that belong to no process."""


_LAST_SECONDS = 0.2
"""What is done for callers that have gone runs to its end by then."""


class LostError(Exception):
    """The connection broke: whether the call was done is unknown."""


class RefusedError(Exception):
    """The server said no."""

    def __init__(self, error: TelwerkError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.is_temporary = isinstance(error, UnavailableError)


class OpenedStore(Protocol):
    """A store, and what ends with its server."""

    async def opened(self) -> Store:
        """The store, ready."""

    async def close(self) -> None:
        """Ends it in order."""

    def drop(self) -> None:
        """Lets go of what a process has that is gone."""


class _Rows(NamedTuple):
    rows: list[Any]

    def all(self) -> list[Any]:
        return self.rows


class _Across:
    """What `AcrossAccounts` needs of an `AsyncConnection`: each statement is a hop to a thread."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    async def execute(self, query: Any, values: Any = None) -> _Rows:
        return _Rows(await asyncio.get_running_loop().run_in_executor(None, self._rows, query, values))

    def _rows(self, query: Any, values: Any) -> list[Any]:
        with self._engine.begin() as connection:
            return list(connection.execute(query, values))


class _Store(SqliteStore):
    """The real one, but for the one connection of it that has a real thread."""

    async def _run_across(self, look: AsyncStatement) -> Any:
        across: Any = _Across(self._reader)
        return await look(across)

    async def close(self) -> None:
        """What threads are at ends before: the real one waits for them."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        await loop.finished(self._read_threads)
        await loop.finished(None)
        await super().close()


class SqliteFiles:
    """The SQLite file, as one life of a server opens it."""

    def __init__(self, loop: SimulatedLoop, disk: Disk, faults: DiskFaults, stall_seconds: float) -> None:
        self._loop = loop
        self._disk = disk
        self._faults = faults
        self._stall_seconds = stall_seconds
        self._held = ExitStack()
        self._writers: list[SimulatedWriter] = []

    async def opened(self) -> Store:
        file = self._held.enter_context(served(self._disk.path))
        figures = StoreFigures()
        writer = WriterProcess(self._disk.path, file, self._stall_seconds, figures, self._launched)
        await writer.start()
        self._store = _Store(self._disk.path, writer, figures)
        return self._store

    async def _launched(self, _path: object, file: OpenedFile | None) -> Launched:
        writer = SimulatedWriter(self._loop, self._disk, file, self._faults)
        self._writers.append(writer)
        return Launched(writer, writer.reader, writer)

    async def close(self) -> None:
        try:
            await self._store.close()
        finally:
            self._held.close()

    def drop(self) -> None:
        self._held.close()
        if hasattr(self, "_store"):
            self._store._inline.close()
            self._store._reader.dispose()
        for writer in self._writers:
            writer.close()

    def kill_writers(self) -> None:
        """Ends what outlives the server for a while."""
        for writer in self._writers:
            writer.kill()


class Reading:
    """What a watch tells its server of who reads: the part of a call's context that it needs."""

    def __init__(self, told: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        self._told = told

    async def write(self, update: Encoded) -> None:
        await self._told(update.payload)


class Server:
    """One life of a server process."""

    def __init__(
        self,
        loop: SimulatedLoop,
        name: str,
        settings: Settings,
        store: OpenedStore,
        clock: Clock,
        compact_every_seconds: float,
    ) -> None:
        self.name = name
        self.life = Process(name)
        self.life.died = self._died
        self.is_serving = False
        self.clock = clock
        self.wrong: list[str] = []
        """What must not happen to a server."""
        self._loop = loop
        self._settings = settings
        self._opened = store
        self._periods = Periods(compact_every_seconds)
        self._stopping = asyncio.Event()
        self._calls: dict[asyncio.Task[Any], asyncio.Future[Any]] = {}
        self.ended = loop.create_future()
        self.started = loop.create_future()
        self._spawn(self._live())

    @property
    def is_idle(self) -> bool:
        """Whether it has stored all that it was sent."""
        return self.is_serving and not self._parts.ingest.unstored_events

    def stop(self) -> None:
        """Asks it to stop, as SIGTERM does."""
        self._loop.call_soon(self._stopping.set, context=self.life.context)

    def use(self, settings: Settings) -> None:
        """Has it take up other settings."""
        self._settings = settings
        self._loop.call_soon(self._parts.use, settings, context=self.life.context)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        return self._loop.create_task(work, context=self.life.context.copy())

    async def _live(self) -> None:
        try:
            store = await self._opened.opened()
        except (UnavailableError, SchemaError) as error:
            self._loop.trace(self.name, "does not start", str(error))
            self.life.die()
            return
        try:
            await self._serve(store)
        except Exception as error:  # noqa: BLE001  # whatever it is, the server ended by it
            self._end_with(error)
        await asyncio.sleep(_LAST_SECONDS)
        self.life.die()

    def _end_with(self, error: Exception) -> None:
        if not isinstance(error, UnavailableError | NotStoredError):
            self.wrong.append(f"{self.name} ended by {type(error).__name__}: {error}")

    async def _serve(self, store: Store) -> None:
        self.store = store
        parts = self._parts = Components.of(self._settings, store, self.clock)
        self.services: Services = parts.services(self._settings, store, self.clock)
        self._batches = EventBatches(self._settings.event_limits, parts.budget)
        background = Background()
        committing = parts.start(background, self._settings, store, self.clock, self._periods).committing
        self.is_serving = True
        self.started.set_result(None)
        self._loop.trace(self.name, "serves")
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._stopping, background.failed)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        self.is_serving = False
        if not self._calls:
            # What waits for the drain would end with it, and so not be among the tasks that are left. Turns of the loop
            # are in no order here: what a call cancelled as it ended, a moment ago, is over within a millisecond.
            await asyncio.sleep(0.001)
            over = f"{self.name}: a call that is over waits for the drain"
            self.wrong += [over] * len(parts.draining._waiters)
        parts.draining.set()
        untold = parts.ingest.untold_events
        if self._calls:
            await asyncio.wait(self._calls, timeout=GRACE_SECONDS)
        for call in self._calls:
            call.cancel()
        try:
            await parts.store_rest(committing, untold)
        finally:
            try:
                await parts.end(background)
            finally:
                await self._opened.close()

    def _died(self) -> None:
        self.is_serving = False
        self._opened.drop()
        self._loop.trace(self.name, "is gone")
        for reply in self._calls.values():
            if not reply.done():
                reply.set_exception(LostError())
        self._calls.clear()
        for future in (self.ended, self.started):
            if not future.done():
                future.set_result(None)

    # What clients do.

    async def call(self, method: str, request: Any, told: Callable[[bytes], Any] | None = None) -> bytes:
        """The reply to a call; `told` gets what a watch tells. Who is cancelled has gone away.

        Raises:
            LostError: the server is gone, or does not listen.
            RefusedError: it said no.
        """
        await asyncio.sleep(self._loop.delay())
        if not self.is_serving:
            raise LostError
        reply: asyncio.Future[bytes] = self._loop.create_future()
        call = self._spawn(self._answered(method, request, told))
        self._calls[call] = reply
        call.add_done_callback(lambda _: self._replied(call), context=_OUTSIDE)
        try:
            answer = await reply
        except asyncio.CancelledError:
            self._loop.call_later(self._loop.delay(), call.cancel, context=self.life.context)
            raise
        await asyncio.sleep(self._loop.delay())
        return answer

    def _replied(self, call: "asyncio.Task[Any]") -> None:
        reply = self._calls.pop(call, None)
        if reply is None or reply.done():
            if not call.cancelled():
                call.exception()
            return
        if call.cancelled():
            reply.set_exception(LostError())
            return
        error = call.exception()
        if error is None:
            reply.set_result(call.result())
        elif isinstance(error, TelwerkError):
            reply.set_exception(RefusedError(error))
        else:
            self.wrong.append(f"{self.name}: a call failed by {type(error).__name__}: {error}")
            reply.set_exception(LostError())

    async def _answered(self, method: str, request: Any, told: Callable[[bytes], Any] | None) -> bytes:
        service, _, name = method.partition(".")
        if name == "IngestEvents":
            request = self._batches.split(request)
            request.reserve()
        answer = await getattr(getattr(self.services, service), name)(request, None if told is None else Reading(told))
        if answer is None:
            return b""
        payload: bytes = answer.payload if isinstance(answer, Encoded) else answer.SerializeToString()
        return payload
