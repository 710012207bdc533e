"""What `EventSender` and `AsyncEventSender` share: their errors, their settings, and what is known at any time."""

import logging
import os
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from telwerk.errors import TelwerkError
from telwerk.outbox import Limits, Outbox, Refused, Tally
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import Rejection

WhenFull: TypeAlias = Literal["block", "raise"]
"""What adding an event does while there is no room: wait for it, or raise `BufferFullError`."""

OnRejected: TypeAlias = Callable[[Event, Rejection], None]
"""What is told of an event that the server will never take, and why.

The sender waits for it: it must not wait for the sender in turn, by `flush`, `close`, or an `add` without room.
"""

_log = logging.getLogger("telwerk.sender")


class SenderError(Exception):
    """A sender cannot do what it was asked to."""


class BufferFullError(SenderError):
    """There is no room for the event, and the sender was told not to wait. The event was not taken: add it again."""


class SenderClosedError(SenderError):
    """The sender was closed."""


class NotSentError(SenderError):
    """The sender was closed before everything was answered.

    `events` are those that are not known to be stored; sending them again, with their ids, counts nothing twice. The
    cause is the last error, if there was one.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        super().__init__(f"{len(self.events):,} events are not known to be stored: `events` has them, to be sent again")


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

    @property
    def tally(self) -> Tally:
        """How many events were accepted, were there before, and were refused, so far."""
        return self._outbox.tally

    @property
    def held_count(self) -> int:
        """Events that are not answered yet."""
        return self._outbox.held_count

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
        stopped_by = self._outbox.stopped_by
        if isinstance(stopped_by, TelwerkError):
            raise stopped_by
        if stopped_by is not None:
            raise SenderError(f"the sender had to stop: {stopped_by}") from stopped_by

    def _check_all_sent(self) -> None:
        """After closing: nothing may be left."""
        if self.held_count:
            raise NotSentError(self._outbox.unanswered()) from self._outbox.error_last

    def _tell(self, refused: Iterable[Refused]) -> None:
        for event, rejection in refused:
            try:
                self._on_rejected(event, rejection)
            except Exception:  # noqa: BLE001 - it is somebody else's code, and logged
                # Its own defect must not keep other events from being sent.
                _log.exception("on_rejected failed for event %r", event.event_id)
