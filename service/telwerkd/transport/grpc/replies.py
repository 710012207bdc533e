"""Replies that are being sent: their memory is reserved until grpc has written them, with a timeout."""

import asyncio
import gc
import logging
from collections.abc import Iterator

from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation

_COUNTED_BYTES_MIN = 16_384
"""Smaller replies are not counted in memory: there are as many as calls."""

_COPIES = 2
"""A reply is in memory as often until it is read: as bytes of Python, and as grpc's copy of them."""

_LOOKS = 4
"""How often within the time that a reply has it is looked whether it was taken."""

_RPC_TASK = "rpc_task"
"""grpc's name of the task that owns a call."""

_log = logging.getLogger(__name__)


class Replies:
    """Resets a call whose last reply the client has not read for `stall_seconds`.

    grpc's Python API shows that a unary reply was written only by the end of the call's task. A client that grants no
    flow-control window would otherwise keep reply and call in memory for as long as it is connected.
    """

    def __init__(self, budget: MemoryBudget, stall_seconds: float) -> None:
        self._budget = budget
        self._stall_seconds = stall_seconds
        # In the order of their times.
        self._since: dict[asyncio.Task[object], float] = {}
        self._looking: asyncio.TimerHandle | None = None

    def hand_over(self, size: int) -> None:
        """Reserves memory for the last `size` bytes of the current call until they are written.

        Raises:
            UnavailableError: OVERLOADED, the memory for it is used up.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a reply outside of its call")
        if size >= _COUNTED_BYTES_MIN:
            _release_with(task, self._budget.reserve(_COPIES * size, "the answer"))
        loop = asyncio.get_running_loop()
        if self._since.pop(task, None) is None:
            task.add_done_callback(self._written)
        self._since[task] = loop.time()
        if self._looking is None:
            self._looking = loop.call_later(self._stall_seconds / _LOOKS, self._look)

    def taken(self) -> None:
        """Ends the watch over the current call's reply, which was written, as the call goes on."""
        task = asyncio.current_task()
        if task is not None and self._since.pop(task, None) is not None:
            task.remove_done_callback(self._written)

    def _written(self, task: asyncio.Task[object]) -> None:
        del self._since[task]

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(self._stall_seconds / _LOOKS, self._look) if self._since else None
        before = loop.time() - self._stall_seconds
        stalled = [task for task, since in self._since.items() if since <= before]
        if stalled:
            _log.warning(
                "%d calls are reset: their answers were not read for %g s (reply_stall_seconds)",
                len(stalled),
                self._stall_seconds,
            )
            _reset(stalled)


def _release_with(task: asyncio.Task[object], reservation: Reservation) -> None:
    task.add_done_callback(lambda _: reservation.release())


def _reset(handling: list[asyncio.Task[object]]) -> None:
    """Resets calls as if their connections had broken: grpc drops unwritten data and notifies the client.

    There is no API for that. grpc lets go of a call when the task ends that owns it, which waits for the client to
    close the call; so that task is cancelled, and the one beneath it that handles the call with it.
    """
    owners = {handled: owner for owner in asyncio.all_tasks() for handled in _handled_by(owner)}
    for task in handling:
        task.cancel()
        if task in owners:
            owners[task].cancel()


def _handled_by(owner: asyncio.Task[object]) -> Iterator[asyncio.Task[object]]:
    """Yields the tasks in local variables of grpc's coroutine of a call, found by garbage collector references."""
    if owner.get_name() != _RPC_TASK:
        return
    for scope in gc.get_referents(owner.get_coro()):
        yield from (local for local in gc.get_referents(scope) if isinstance(local, asyncio.Task))
