"""Sends events in the background, so that a producer neither waits for the server nor loses anything.

    from telwerk import EventSender, Telwerk, events

    with Telwerk("kpi.example:443", api_key=key, tls=True) as telwerk, EventSender(telwerk, "acme") as sender:
        sender.add(events.operator_assigned("chat-1", widget="web", at=nine, operator="anna", group="sales"))
        sender.add(events.rated("chat-1", widget="web", at=ten_past, stars=5))

Leaving the `with` sends what is left.
"""

import atexit
import os
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from telwerk.client import Telwerk
from telwerk.errors import TelwerkError
from telwerk.outbox import Batch, Limits, answered, judge
from telwerk.sending import (
    SPOOL_BYTES_MAX,
    BufferFullError,
    NotSentError,
    OnRejected,
    SenderClosedError,
    SenderError,
    Sending,
    SpoolError,
    WhenFull,
    log_rejection,
)
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import IngestEventsResponse

if TYPE_CHECKING:
    from telwerk.spool import Spool

__all__ = [
    "BufferFullError",
    "EventSender",
    "Limits",
    "NotSentError",
    "OnRejected",
    "SenderClosedError",
    "SenderError",
    "SpoolError",
    "WhenFull",
    "log_rejection",
]


class EventSender(Sending):
    """Holds the events of one account, sends them in batches, and keeps on until each is answered.

    Threads may share it.

    - **Batches** go by size and by time, see `Limits`; at most `calls` of them are on their way at once.
    - **A server that is away**, slow or restarted is waited for. The same events are sent again with the same ids, so
      that nothing is lost and nothing counts twice.
    - **Memory is bounded.** Without room, `add` waits for it (`when_full="block"`), or raises `BufferFullError`.
    - **An event that the server refuses** is told to `on_rejected`, in a thread of the sender; unless you say otherwise
      it is logged as a warning.
    - **What sending again cannot mend** (a wrong or expired key, an impossible account, a closed client) stops the
      sender: `add` and `flush` raise it, and `close` hands back what was not sent.
    - **A process that is forked** makes a sender of its own: this one's `add` and `flush` raise there at once, and the
      parent goes on with it and sends what it holds.
    - **At the end** of the `with`, or of a program that forgot to close it, what is left is sent, for at most
      `close_seconds`.

    An event must not be changed after it was added.

    **With a spool** (`spool=PATH`) what was added survives the process and the machine:

    - `add` returns once the event is in the file and the disk is synced. Events that are added at the same time share a
      sync. An `add` that raised or was broken off may have stored its event: adding it again counts nothing twice.
    - The file holds what the server has not answered, in the order in which it was added. A sender that opens it sends
      that unasked; what a crash left there although it was answered is sent again, and counts once.
    - In memory are at most the events of `Limits`, on disk at most `spool_bytes_max` bytes, SQLite's log beside the
      file included. Without room, `add` waits or raises as above. On a disk that is full or fails, it always raises.
    - One sender has the file, until it is closed or its process ends, and for one account: others raise `SpoolError`.
    - An event that the server refuses leaves the file once it was told to `on_rejected`.
    - `close` leaves in the file what was not sent, and logs how much that is. It raises `NotSentError` only if the
      sender had to stop.

    Raises:
        ValueError: `spool_bytes_max` is too small.
        SpoolError: the file cannot be used; the text says why, and the file is as it was.
    """

    def __init__(
        self,
        telwerk: Telwerk,
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
        self._changed = threading.Condition()
        self._flushing = 0
        names = [f"telwerk-sender-{number}" for number in range(calls)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        if spool is not None:
            own = self._open_spool(spool, account_id, spool_bytes_max, self._notify)
            self._threads.append(threading.Thread(target=self._feed, args=[own], name="telwerk-feeder", daemon=True))
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add(self, event: Event) -> None:
        """Takes the event, to be sent soon; with a spool, it is durable then.

        Raises:
            SpoolError: the spool cannot be written, or the event is too large for it.
            BufferFullError: there is no room, and the sender does not wait; the event was not taken.
            SenderClosedError: the sender was closed.
            TelwerkError, SenderError: the sender had to stop, or is the parent's of this process.
        """
        self._check_process()
        if self._spool is not None:
            _wait(self._spool.append(event.SerializeToString()))
            return
        with self._changed:
            while not self._can_take(event):
                self._changed.wait()
            if self._outbox.put(event, time.monotonic()):
                self._changed.notify_all()

    def flush(self, timeout_seconds: float | None = None) -> bool:
        """Sends all that was added before, without waiting for more.

        True once all of it is answered; False if that took longer than `timeout_seconds`: nothing is lost by that, and
        sending goes on.

        Raises:
            TelwerkError, SenderError: the sender had to stop, or is the parent's of this process.
        """
        self._check_process()
        with self._changed:
            number = self._number_last
            self._flushing += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(
                    lambda: self._is_settled(number) or self._outbox.stopped_by is not None, timeout_seconds
                )
            finally:
                self._flushing -= 1
            if self._is_settled(number):
                return True
            self._raise_if_stopped()
            return False

    def close(self, timeout_seconds: float | None = None) -> None:
        """Sends all that is left, and takes nothing more; for at most `timeout_seconds`, else `close_seconds`.

        Called again, or in a process that was forked, it does nothing. A call that is on its way at the deadline is
        left to itself.

        Raises:
            NotSentError: not everything was answered in time, or the sender had to stop. It has the events, which with
                a spool stay there instead.
        """
        atexit.unregister(self.close)
        if self._closed or self._is_of_parent:
            return
        # What stopped the sender is the cause of the error below.
        with suppress(TelwerkError, SenderError):
            self.flush(self._close_seconds if timeout_seconds is None else timeout_seconds)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._spool is None:
                self._check_all_sent()
        if self._spool is not None:
            self._close_spool(self._spool)
            self._check_all_sent()
        if not self.held_count:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (batch := self._next_batch()) is not None:
            outcome = judge(batch, self._answer(batch))
            # Before the batch is settled, so that after a flush everything was told.
            self._tell(outcome.refused)
            if self._spool is not None and (numbers := answered(batch, outcome)):
                self._spool.remove(numbers).result()
            with self._changed:
                self._settle(batch, outcome, time.monotonic())
                self._changed.notify_all()

    def _next_batch(self) -> Batch | None:
        """The next batch, waiting for it; None once the sender is closed."""
        with self._changed:
            while not self._closed:
                now, hurry = time.monotonic(), self._flushing > 0
                if batch := self._outbox.take(now, hurry=hurry):
                    return batch
                self._changed.wait(self._outbox.due_seconds(now, hurry=hurry))
        return None

    def _feed(self, spool: "Spool") -> None:
        """Moves what is in the spool into the outbox, a batch at a time, as long as there is room."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._can_read(spool))
            if self._closed:
                return
            try:
                stored = self._read_spool(spool).result()
            except (TelwerkError, SenderError) as error:
                with self._changed:
                    self._stop(error)
                    self._changed.notify_all()
                return
            with self._changed:
                self._put_stored(stored, time.monotonic())
                self._changed.notify_all()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _answer(self, batch: Batch) -> IngestEventsResponse | Exception:
        try:
            return self._telwerk.ingest(self._account_id, batch.events)
        except Exception as error:  # noqa: BLE001 - whatever it is, the events must not be lost with this thread
            return error


def _wait(done: Future[None]) -> None:
    """Returns once it is done. A wait that is broken off, by a signal, leaves nothing behind that is stored later."""
    try:
        done.result()
    except BaseException:
        done.cancel()
        raise
