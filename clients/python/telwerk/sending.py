"""What `EventSender` and `AsyncEventSender` share: their errors, their settings, and what is known at any time."""

import importlib
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from telwerk.errors import TelwerkError
from telwerk.outbox import Batch, Limits, Outbox, Outcome, Refused, Tally
from telwerk.sender_errors import BufferFullError, NotSentError, SenderClosedError, SenderError, SpoolError
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import Rejection

if TYPE_CHECKING:
    from telwerk.spool import Spool
    from telwerk.spool_file import Stored

__all__ = [
    "SPOOL_BYTES_MAX",
    "BufferFullError",
    "NotSentError",
    "OnRejected",
    "SenderClosedError",
    "SenderError",
    "Sending",
    "SpoolError",
    "WhenFull",
    "log_rejection",
]

SPOOL_BYTES_MAX: Final = 2**28
"""How large a spool becomes, unless it is said otherwise."""

WhenFull: TypeAlias = Literal["block", "raise"]
"""What adding an event does while there is no room: wait for it, or raise `BufferFullError`."""

OnRejected: TypeAlias = Callable[[Event, Rejection], None]
"""What is told of an event that the server will never take, and why.

The sender waits for it: it must not wait for the sender in turn, by `flush`, `close`, or an `add` without room.
"""

_log = logging.getLogger("telwerk.sender")


def log_rejection(event: Event, rejection: Rejection) -> None:
    """Logs a warning: what is done with a refused event unless the producer does something else."""
    said = (event.event_id, event.conversation_id, rejection.reason, rejection.message)
    _log.warning("event %r of conversation %r is refused: %s %s", *said)


class Sending:
    """The base of both senders; has no threads and no tasks."""

    def __init__(self, limits: Limits | None, when_full: WhenFull, on_rejected: OnRejected) -> None:
        self._outbox = Outbox(limits or Limits())
        self._when_full = when_full
        self._on_rejected = on_rejected
        self._closed = False
        self._process = os.getpid()
        self._spool: Spool | None = None
        self._read_number = 0
        """Events of the spool up to this one are, or were, in the outbox."""

    @property
    def tally(self) -> Tally:
        """How many events were accepted, were there before, and were refused, so far."""
        return self._outbox.tally

    @property
    def held_count(self) -> int:
        """Events that are not answered yet; with a spool, all that are in the file."""
        return self._outbox.held_count if self._spool is None else self._spool.count

    @property
    def _is_of_parent(self) -> bool:
        """Whether this process was forked since: what sends is in the parent, and so are the events that are held."""
        return self._process != os.getpid()

    def _check_process(self) -> None:
        """Before a lock is taken, which a thread of the parent may hold for ever here.

        Raises:
            SenderError: this process was forked since.
        """
        if self._is_of_parent:
            raise SenderError(
                "the sender belongs to the process that made it, from which this one was forked: make one here, after "
                "the fork"
            )

    def _can_take(self, event: Event) -> bool:
        """Whether the event can be put now; False means to wait for it."""
        if self._closed:
            raise SenderClosedError("the sender is closed")
        self._raise_if_stopped()
        if self._outbox.has_room(event):
            return True
        if self._when_full == "raise":
            raise BufferFullError(f"{self.held_count:,} events wait for their answer: there is no room for another")
        return False

    def _raise_if_stopped(self) -> None:
        if (error := self._stop_error()) is not None:
            raise error

    def _stop_error(self) -> Exception | None:
        """Why nothing more can be sent, as it is raised."""
        stopped_by = self._outbox.stopped_by
        if stopped_by is None or isinstance(stopped_by, TelwerkError | SenderError):
            return stopped_by
        error = SenderError(f"the sender had to stop: {stopped_by}")
        error.__cause__ = stopped_by
        return error

    def _settle(self, batch: Batch, outcome: Outcome, now: float) -> None:
        self._outbox.settle(batch, outcome, now)
        if outcome.is_final:
            self._stop_adding()

    def _stop(self, error: Exception) -> None:
        """The spool cannot be read; a sender that is closed does not need it any more."""
        if not self._closed:
            self._outbox.stopped_by = error
            self._stop_adding()

    def _stop_adding(self) -> None:
        if self._spool is not None and (error := self._stop_error()) is not None:
            self._spool.refuse(error)

    @property
    def _number_last(self) -> int:
        """Of the event that was added last."""
        return self._outbox.number_last if self._spool is None else self._spool.number_last

    def _is_settled(self, number: int) -> bool:
        """Whether all events that were added, up to that number, are answered."""
        return (self._spool is None or self._read_number >= number) and self._outbox.settled(number)

    def _check_all_sent(self) -> None:
        """After closing: nothing may be left but in a spool, from which the next sender takes it."""
        if not self.held_count:
            return
        if self._spool is None:
            raise NotSentError(self._outbox.unanswered()) from self._outbox.error_last
        text = f"{self.held_count:,} events stay in the spool {self._spool.path}, for the next sender that has it"
        if self._outbox.stopped_by is not None:
            raise NotSentError((), text) from self._outbox.stopped_by
        error = self._outbox.error_last
        _log.warning("%s%s", text, f"; the last error was: {error}" if error else "")

    def _tell(self, refused: Iterable[Refused]) -> None:
        for event, rejection in refused:
            try:
                self._on_rejected(event, rejection)
            except Exception:  # noqa: BLE001 - it is somebody else's code, and logged
                # Its own defect must not keep other events from being sent.
                _log.exception("on_rejected failed for event %r", event.event_id)

    # --- with a spool: what is added goes to the file, and from there, in its order, into the outbox as it has room ---

    def _open_spool(
        self, path: str | os.PathLike[str], account_id: str, bytes_max: int, changed: Callable[[], None]
    ) -> "Spool":
        try:
            module = importlib.import_module("telwerk.spool")
        except ImportError as error:
            raise SpoolError(f"a spool needs SQLite, which this Python was made without: {error}") from error
        waits = self._when_full == "block"
        spool: Spool = module.Spool(path, account_id, bytes_max, waits=waits, changed=changed)
        self._spool = spool
        return spool

    def _close_spool(self, spool: "Spool") -> None:
        spool.close(SenderClosedError("the sender is closed"))

    def _can_read(self, spool: "Spool") -> bool:
        return (
            spool.number_last > self._read_number
            and self._outbox.stopped_by is None
            and self._outbox.has_room_for_batch()
        )

    def _read_spool(self, spool: "Spool") -> "Future[list[Stored]]":
        return spool.read(self._read_number, self._outbox.limits.batch_events, self._outbox.limits.batch_bytes)

    def _put_stored(self, stored: "Sequence[Stored]", now: float) -> None:
        for number, event in stored:
            self._read_number = number
            if event is not None:
                self._outbox.put(event, now, number)
