"""An event loop with no time of its own, no threads and no sockets: what happens when follows from a seed.

Time is a number. It goes on by a microsecond with every step, and when nothing is left to do, to the next timer. What
asyncio leaves open is drawn: which of the tasks that could go on goes on next, and when a thread is done with what it
was given. A task's own steps, and callbacks of one owner, keep their order.

Who runs is told by the context: what belongs to a process that has died never runs again, wherever it was.
"""

import asyncio
import hashlib
import heapq
import random
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any, NamedTuple

_STEP_SECONDS = 1e-6
_CHOICES_MAX = 12
"""Among how many that are ready one is drawn."""


class NothingLeftError(Exception):
    """Somebody waits, and nothing will ever happen again."""


class Process:
    """What dies together: tasks, timers, and what runs for them in threads."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.steps_left: int | None = None
        """After so many more steps it dies; None: not so."""
        self.died: Callable[[], None] = lambda: None
        self.context = copy_context()
        self.context.run(_PROCESS.set, self)
        self.tasks: list[asyncio.Task[Any]] = []
        """All that it ever had: what it leaves must not be collected in the middle of things."""

    def die(self) -> None:
        """Ends it where it is. Nothing of it is told so."""
        if self.is_alive:
            self.is_alive = False
            self.steps_left = None
            self.died()


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class _Job(NamedTuple):
    """What was given to a thread."""

    future: "asyncio.Future[Any]"
    work: Callable[[], Any]
    context: Context


class _Pool:
    """The threads of an executor."""

    def __init__(self, threads: int) -> None:
        self.threads = self.free = threads
        self.waiting: deque[_Job] = deque()


class SimulatedLoop(asyncio.BaseEventLoop):
    """See the module."""

    # What `asyncio.BaseEventLoop` keeps, and does not tell the type checker of.
    _ready: "deque[asyncio.Handle]"
    _scheduled: "list[asyncio.TimerHandle]"

    def __init__(self, chance: random.Random, disorder: float) -> None:
        """With `disorder` 0, tasks go on in the order of asyncio; with 1, in any."""
        super().__init__()
        self.chance = chance
        self.delay_seconds_max = 0.02
        """What a thread may take, mostly much less."""
        self.steps = 0
        self._disorder = disorder
        self._now = 0.0
        self._trace = hashlib.blake2b(digest_size=16)
        self._pools: dict[tuple[Process | None, Any], _Pool] = {}
        self.is_over = False
        self.set_task_factory(_task)

    def time(self) -> float:
        """The virtual time."""
        return self._now

    def pass_by(self, seconds: float) -> None:
        """Lets time pass within a step."""
        self._now += seconds

    def trace(self, *what: object) -> None:
        """Notes what happened: two runs that are the same have the same of it."""
        self._trace.update(f"{self._now:.6f} {self.steps} {what}\n".encode())

    @property
    def digest(self) -> str:
        """Of all that was noted."""
        return self._trace.hexdigest()

    def delay(self) -> float:
        """How long something takes that has no set time: mostly little."""
        return 1e-5 + self.chance.random() ** 6 * self.delay_seconds_max

    # What asyncio asks of a loop.

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        while scheduled and (scheduled[0]._cancelled or scheduled[0]._when <= self._now):  # type: ignore[attr-defined]
            timer = heapq.heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            if not timer.cancelled():
                ready.append(timer)
        if not ready:
            if not scheduled:
                raise NothingLeftError
            self._now = scheduled[0].when()
            return
        handle = self._drawn()
        process = handle._context.get(_PROCESS)  # type: ignore[attr-defined]
        if handle.cancelled() or (process is not None and not process.is_alive):
            return
        self.steps += 1
        self._now += _STEP_SECONDS
        handle._run()
        if process is not None and process.steps_left is not None:
            process.steps_left -= 1
            if process.steps_left <= 0:
                process.die()

    def _drawn(self) -> asyncio.Handle:
        ready = self._ready
        if len(ready) == 1 or self.chance.random() >= self._disorder:
            return ready.popleft()
        place = self.chance.randrange(min(len(ready), _CHOICES_MAX))
        owner = _owner(ready[place])
        place = next(earlier for earlier in range(place + 1) if _owner(ready[earlier]) is owner)
        drawn = ready[place]
        del ready[place]
        self._trace.update(b"%d" % place)
        return drawn

    def _process_events(self, event_list: Any) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """There are no threads that would have to wake it."""

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        if self.is_over:  # what was left lying is cleared away
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        pool = self._pools.setdefault((_PROCESS.get(), executor), _Pool(getattr(executor, "_max_workers", 32)))
        future = self.create_future()
        pool.waiting.append(_Job(future, lambda: func(*args), copy_context()))
        self._work(pool)
        return future

    async def finished(self, executor: Any) -> None:
        """Returns when the threads of an executor are at nothing."""
        pool = self._pools.get((_PROCESS.get(), executor))
        while pool is not None and (pool.waiting or pool.free < pool.threads):  # noqa: ASYNC110  # there is no hurry
            await asyncio.sleep(0.001)

    def _work(self, pool: _Pool) -> None:
        while pool.free and pool.waiting:
            job = pool.waiting.popleft()
            if not job.future.cancelled():
                pool.free -= 1
                self.call_later(self.delay(), self._begin, pool, job, context=job.context)

    def _begin(self, pool: _Pool, job: _Job) -> None:
        result: Any = None
        error: Exception | None = None
        try:
            result = job.work()
        except Exception as raised:  # noqa: BLE001  # as a thread does, it hands on whatever it is
            error = raised
        self.call_later(self.delay(), self._end, pool, job, result, error, context=job.context)

    def _end(self, pool: _Pool, job: _Job, result: Any, error: Exception | None) -> None:
        pool.free += 1
        if not job.future.done():
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
        self._work(pool)


def _owner(handle: asyncio.Handle) -> object:
    """Whose steps keep their order: a task's, or an object's; functions are of one owner together."""
    return getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]


def _task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
    context = options.get("context")
    process = _PROCESS.get() if context is None else context.get(_PROCESS)
    if process is not None:
        process.tasks.append(task)
    return task
