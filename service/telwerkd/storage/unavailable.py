"""What a caller, and the log, are told of any database that does not do its work just now."""

import logging

from telwerkd.domain.errors import Reason, UnavailableError

_RETRY_SECONDS = 1.0


def database_unavailable() -> UnavailableError:
    """The error to raise, whichever database it is; what happened to it is for the log."""
    return UnavailableError(
        Reason.DATABASE_UNAVAILABLE, "the database does not answer: send it again later", _RETRY_SECONDS
    )


class Outage:
    """Tells the log of each cause once, however many transactions meet it, and of its end."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._cause: str | None = None

    def met(self, cause: str) -> None:
        """A transaction met a cause."""
        if cause != self._cause:
            self._cause = cause
            self._log.warning("%s: the database did not answer: %s", self._what, cause)

    def over(self) -> None:
        """A transaction came through."""
        if self._cause is not None:
            self._cause = None
            self._log.warning("%s: the database answers again", self._what)
