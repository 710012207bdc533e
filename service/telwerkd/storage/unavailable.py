"""The error for callers, and the log lines, of an unavailable database of either kind."""

import logging
import sqlite3

from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.process.log_format import Event

_RETRY_SECONDS = 1.0
NO_MEMORY = "no memory is left"
_CAUSES_MAX = 20
"""Causes that are logged of one outage: texts that differ each time must not fill the log."""


def database_unavailable() -> UnavailableError:
    """Returns the error to raise, the same for every database and cause; causes are for the log."""
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
    """Logs each cause of an outage once, however many transactions fail by it, until the database is proven to work."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._logged = set[str]()

    def met(self, cause: str) -> None:
        """Logs the cause of a transaction's failure, unless it was logged in this outage."""
        if cause not in self._logged and len(self._logged) < _CAUSES_MAX:
            self._logged.add(cause)
            text = "the database did not answer"
            self._log.warning(Event(text, {"at": self._what, "cause": cause}, f"{self._what}: {text}: {cause}"))

    def over(self) -> None:
        """Ends the outage: the database is proven to work. One successful transaction does not prove that."""
        if self._logged:
            self._logged.clear()
            text = "the database answers again"
            self._log.warning(Event(text, {"at": self._what}, f"{self._what}: {text}"))
