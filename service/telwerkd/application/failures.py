"""Handling of failures in background work: they are logged, and the work continues at its next run.

A task that dies nevertheless ends the server (`telwerkd.server.background`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from telwerkd.application.ports import DamagedRowError
from telwerkd.domain.errors import UnavailableError

log = logging.getLogger(__name__)

_NO_MEMORY = "no memory is left"
_LOGGED_MAX = 1_000
_logged: dict[str, str] = {}
"""What was logged last about damaged rows and newer rules, by the work that met them."""


@contextmanager
def isolating_account(what: str) -> Iterator[None]:
    """Logs a failure of the work for one account, so that other accounts are not affected.

    Raises:
        UnavailableError: the database does not answer, which concerns all accounts.
        MemoryError: there is no memory left, which concerns all accounts.
    """
    try:
        yield
    except UnavailableError as error:
        if not error.is_of_one_account:
            raise
        _log_once(what, str(error), error.message)
    except DamagedRowError as error:
        _log_once(what, str(error), error.without_ids)
    except MemoryError:
        raise
    except Exception:
        log.exception("%s: a defect", what)


def _log_once(what: str, error: str, text: str) -> None:
    """Logs an error unless it is the same as the last time: it may recur twice a second until it is repaired."""
    if _logged.get(what) != error:
        if len(_logged) >= _LOGGED_MAX:
            _logged.clear()
        _logged[what] = error
        log.error("%s: %s", what, text)


@contextmanager
def logging_failures(what: str) -> Iterator[None]:
    """Logs any failure of one run of periodic work. Nothing is lost: the next run makes up for it."""
    try:
        with isolating_account(what):
            yield
    except UnavailableError as error:
        log.debug("%s: %s", what, error)  # the store has logged why, once
    except MemoryError:
        _log_once(what, _NO_MEMORY, _NO_MEMORY)
