"""Rate-limited lines of the audit log about calls refused for their key, so that nobody can fill a disk."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from telwerkd.application import audit_log
from telwerkd.domain.errors import Reason
from telwerkd.transport.security.keys_file import PREFIX

_EVERY_SECONDS: Final = 60.0
_KINDS_MAX: Final = 1_000
"""Kinds of refusal that are counted separately within that time; further ones are counted together."""

_ACCOUNTS_MAX: Final = 10
"""Accounts that are logged for one key and reason within that time: a caller with more is guessing."""
_ACCOUNT_BYTES_MAX: Final = 128
"""The maximal length of an account's id."""

_OTHERS: Final = ("others", "", "")


class RefusedKeys:
    """Logs each kind of refusal once a minute, with the number since the last line."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._counts: dict[tuple[str, str, str], int] = {}
        self._accounts = Counter[tuple[str, str]]()

    def tell(self, key_id: str, reason: Reason, account: str = "") -> None:
        """Records a refused call. `key_id` must be one of the file: an unknown text may be a secret.

        `account` is the caller's text, which need not be an account.
        """
        now = self._clock()
        if now - self._since >= _EVERY_SECONDS:
            self._since = now
            for kind, count in self._counts.items():
                if count > 1:
                    _say(*kind, f"{count - 1} times more in {_EVERY_SECONDS:.0f} s")
            self._counts.clear()
            self._accounts.clear()
        kind = (key_id, reason.name, account if _may_be_account(account) else "")
        if kind not in self._counts and kind[2]:
            if self._accounts[kind[:2]] < _ACCOUNTS_MAX:
                self._accounts[kind[:2]] += 1
            else:
                kind = (*kind[:2], "")
        if kind not in self._counts and len(self._counts) >= _KINDS_MAX:
            kind = _OTHERS
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] == 1:
            _say(*kind)


def _may_be_account(text: str) -> bool:
    """Whether a text may be logged as an account: it is short enough, and no key sent in the wrong field."""
    return len(text.encode(errors="replace")) <= _ACCOUNT_BYTES_MAX and not text.startswith(PREFIX)


def _say(key_id: str, reason: str, account: str, more: str = "") -> None:
    audit_log.record("refused", account, " ".join(part for part in (reason, more) if part), key_id)
