"""The audit log: who erased, purged or configured what, one line each on the logger `telwerkd.audit`.

A line names an action, the API key's id and the account. It never has the id of a conversation, an operator or a
contact in it (R-KEEP-8), and no secret.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from telwerkd.domain.errors import TelwerkError
from telwerkd.process import log_format
from telwerkd.process.log_format import Event

_log = logging.getLogger(log_format.AUDIT)

caller: ContextVar[str] = ContextVar("caller", default="-")
"""The id of the API key of the call that is being answered; `-` where keys are not asked for."""


def record(action: str, account: str, what: str = "", key_id: str | None = None) -> None:
    """Writes a line; of the call that is being answered, unless the key is named."""
    by = caller.get() if key_id is None else key_id
    in_text = f"{action} key={by} account={account!a}{f' {what}' if what else ''}"
    _log.info(Event(action, {"key": by, "account": account, "what": what or None}, in_text))


class Entry:
    """An action in progress; its outcome is logged at the end."""

    def __init__(self) -> None:
        self.outcome: str | None = "done"
        """The outcome in the log line; None: there was nothing to do, and no line is written."""


@contextmanager
def recorded(action: str, account: str) -> Iterator[Entry]:
    """Writes a line when the action is over, also if it failed: then with the reason."""
    entry = Entry()
    try:
        yield entry
    except TelwerkError as error:
        record(action, account, f"failed: {error.reason.name}")
        raise
    except BaseException as error:
        record(action, account, f"failed: {type(error).__name__}")
        raise
    if entry.outcome is not None:
        record(action, account, entry.outcome)
