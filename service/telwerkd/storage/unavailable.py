"""What a caller, and the log, are told of any database that does not do its work just now."""

import logging
import sqlite3

from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.process.log_format import Event

_RETRY_SECONDS = 1.0
NO_MEMORY = "no memory is left"
_CAUSES_MAX = 20
"""Causes of one outage that are told; a text that has something of its own each time must not fill the log."""


def database_unavailable() -> UnavailableError:
    """The error to raise, whichever database it is; what happened to it is for the log."""
    return UnavailableError(
        Reason.DATABASE_UNAVAILABLE, "the database does not answer: send it again later", _RETRY_SECONDS
    )


def is_outage(error: Exception) -> bool:
    """Whether the database does not answer. A damaged page is no such thing: others may be whole."""
    return isinstance(error, UnavailableError) and not _is_damage(error.__cause__)


def _is_damage(cause: BaseException | None) -> bool:
    found = getattr(cause, "orig", cause)  # a driver's own error, or SQLAlchemy's of it
    code, state = getattr(found, "sqlite_errorcode", None), getattr(found, "sqlstate", None)
    return (isinstance(code, int) and code & 0xFF in _DAMAGE_CODES) or state in _DAMAGE_STATES


_DAMAGE_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_DAMAGE_STATES = {"XX001", "XX002"}  # data_corrupted, index_corrupted


class Outage:
    """Tells the log of each cause once, however many transactions meet it, until the database is proven to work."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._told = set[str]()

    def met(self, cause: str) -> None:
        """A transaction met a cause."""
        if cause not in self._told and len(self._told) < _CAUSES_MAX:
            self._told.add(cause)
            told = "the database did not answer"
            self._log.warning(Event(told, {"at": self._what, "cause": cause}, f"{self._what}: {told}: {cause}"))

    def over(self) -> None:
        """The database is proven to work. That one transaction came through proves nothing of another."""
        if self._told:
            self._told.clear()
            told = "the database answers again"
            self._log.warning(Event(told, {"at": self._what}, f"{self._what}: {told}"))
