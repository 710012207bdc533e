"""What can go wrong with a sender itself; `telwerk.sending` has all of these names too."""

from collections.abc import Iterable

from telwerk.v1.event_pb2 import Event


class SenderError(Exception):
    """A sender cannot do what it was asked to."""


class BufferFullError(SenderError):
    """There is no room for the event, and the sender was told not to wait. The event was not taken: add it again."""


class SenderClosedError(SenderError):
    """The sender was closed."""


class SpoolError(SenderError):
    """The spool cannot be opened, or cannot take the event; the text names the file. What it holds stays there."""


class NotSentError(SenderError):
    """The sender was closed before everything was answered.

    `events` are those that are not known to be stored; sending them again, with their ids, counts nothing twice. The
    cause is the last error, if there was one. With a spool there are none: they stay in the file, which the text names.
    """

    def __init__(self, events: Iterable[Event], text: str | None = None) -> None:
        self.events = list(events)
        super().__init__(
            text or f"{len(self.events):,} events are not known to be stored: `events` has them, to be sent again"
        )
