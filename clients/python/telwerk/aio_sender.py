"""`EventSender` for asyncio.

    from telwerk import AsyncEventSender, AsyncTelwerk, events

    async with (
        AsyncTelwerk("kpi.example:443", api_key=key, tls=True) as telwerk,
        AsyncEventSender(telwerk, "acme") as sender,
    ):
        await sender.add(events.operator_assigned("chat-1", widget="web", at=nine, operator="anna", group="sales"))
        await sender.add(events.rated("chat-1", widget="web", at=ten_past, stars=5))

Leaving the `async with` sends what is left.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from telwerk.aio import AsyncTelwerk
from telwerk.errors import TelwerkError
from telwerk.outbox import Batch, Limits, answered, judge
from telwerk.sending import SPOOL_BYTES_MAX, OnRejected, SenderError, Sending, WhenFull, log_rejection
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import IngestEventsResponse

if TYPE_CHECKING:
    from telwerk.spool import Spool


class AsyncEventSender(Sending):
    """Holds the events of one account, sends them in batches, and keeps on until each is answered.

    All is as with `EventSender`, and to be awaited. It belongs to the event loop in which it was made; `on_rejected` is
    called there, and is an ordinary function. Close the sender before its loop ends: nothing can be sent after.

    A spool is opened and checked before this returns. An `add` that is cancelled while it waits for room leaves nothing
    behind; one whose event is being written is stored all the same.
    """

    def __init__(
        self,
        telwerk: AsyncTelwerk,
        account_id: str,
        *,
        limits: Limits | None = None,
        when_full: WhenFull = "block",
        on_rejected: OnRejected = log_rejection,
        calls: int = 2,
        close_seconds: float = 30.0,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        super().__init__(limits, when_full, on_rejected)
        self._telwerk = telwerk
        self._account_id = account_id
        self._close_seconds = close_seconds
        self._changed = asyncio.Event()
        self._flushing = 0
        self._loop = asyncio.get_running_loop()
        own = None
        if spool is not None:
            own = self._open_spool(spool, account_id, spool_bytes_max, self._notify_from_thread)
        self._tasks = [asyncio.create_task(self._work(), name=f"telwerk-sender-{number}") for number in range(calls)]
        if own is not None:
            self._tasks.append(asyncio.create_task(self._feed(own), name="telwerk-feeder"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def add(self, event: Event) -> None:
        """Takes the event, to be sent soon; see `EventSender.add`."""
        self._check_process()
        if self._spool is not None:
            await asyncio.wrap_future(self._spool.append(event.SerializeToString()))
            return
        while not self._can_take(event):
            await self._change(None)
        if self._outbox.put(event, time.monotonic()):
            self._notify()

    async def flush(self, timeout_seconds: float | None = None) -> bool:
        """Sends all that was added before, without waiting for more; see `EventSender.flush`."""
        self._check_process()
        number = self._number_last
        self._flushing += 1
        self._notify()
        try:
            await self._wait_for(
                lambda: self._is_settled(number) or self._outbox.stopped_by is not None, timeout_seconds
            )
        finally:
            self._flushing -= 1
        if self._is_settled(number):
            return True
        self._raise_if_stopped()
        return False

    async def close(self, timeout_seconds: float | None = None) -> None:
        """Sends all that is left, and takes nothing more; see `EventSender.close`.

        A call that is on its way at the deadline is cancelled; whether its events are stored is then not known.
        """
        if self._closed or self._is_of_parent:
            return
        # What stopped the sender is the cause of the error below.
        with suppress(TelwerkError, SenderError):
            await self.flush(self._close_seconds if timeout_seconds is None else timeout_seconds)
        self._closed = True
        self._notify()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._spool is not None:
            await asyncio.to_thread(self._close_spool, self._spool)
        self._check_all_sent()

    async def _work(self) -> None:
        while (batch := await self._next_batch()) is not None:
            outcome = judge(batch, await self._answer(batch))
            # Before the batch is settled, so that after a flush everything was told.
            self._tell(outcome.refused)
            if self._spool is not None and (numbers := answered(batch, outcome)):
                await asyncio.wrap_future(self._spool.remove(numbers))
            self._settle(batch, outcome, time.monotonic())
            self._notify()

    async def _next_batch(self) -> Batch | None:
        """The next batch, waiting for it; None once the sender is closed."""
        while not self._closed:
            now, hurry = time.monotonic(), self._flushing > 0
            if batch := self._outbox.take(now, hurry=hurry):
                return batch
            await self._change(self._outbox.due_seconds(now, hurry=hurry))
        return None

    async def _feed(self, spool: "Spool") -> None:
        """Moves what is in the spool into the outbox, a batch at a time, as long as there is room."""
        while not self._closed:
            if not self._can_read(spool):
                await self._change(None)
                continue
            try:
                stored = await asyncio.wrap_future(self._read_spool(spool))
            except (TelwerkError, SenderError) as error:
                self._stop(error)
                self._notify()
                return
            self._put_stored(stored, time.monotonic())
            self._notify()

    async def _answer(self, batch: Batch) -> IngestEventsResponse | Exception:
        try:
            return await self._telwerk.ingest(self._account_id, batch.events)
        except Exception as error:  # noqa: BLE001 - whatever it is, the events must not be lost with this task
            return error

    # Between a look at the outbox and the wait for its change nothing else runs, so that no change is missed.

    def _notify(self) -> None:
        """Wakes all that wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _notify_from_thread(self) -> None:
        # A loop that has ended has nobody who waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._notify)

    async def _change(self, seconds: float | None) -> None:
        """Returns at the next change, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _wait_for(self, holds: Callable[[], bool], seconds: float | None) -> None:
        """Returns once it holds, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds():
                    await self._change(None)
