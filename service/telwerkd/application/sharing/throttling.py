"""Throttling: an account that used much of the event loop, the readers or the writer pauses for other accounts.

Event loop, reader threads and writer each do one thing at a time, without preemption. So a call waits for whatever
another account runs there at that moment; if that account always has work, it waits in each of the ten iterations of
the loop that a call takes. Therefore an account pauses after each piece of its work, for longer than that took: most of
the time the resource is free. It applies only while accounts share the server, and only to those that use more than
they would get with pauses.
"""

from collections.abc import Callable
from typing import Final

from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic

SHARED_SECONDS: Final = 10.0
"""How long after another account's call the server counts as shared: that account may be back at any moment."""

LOOP_TIMES: Final = 2.0
"""The pause of an account at the event loop, and at the reader threads, which hold the GIL: a multiple of its work."""

WRITER_TIMES: Final = 1.0
"""The pause at the writer, a multiple of the work there: smaller, as a call waits for it once, for one transaction."""

_CREDIT_SECONDS: Final = 0.1
"""Rest that an account may owe before it must take any. One that has been quiet works for 0.05 s at the event loop
(`LOOP_TIMES`), and for 0.1 s at the writer, without a pause: so does a page that asks for ten numbers at once."""

_OWED_SECONDS_MAX: Final = 0.25
"""Rest that an account owes at most beyond that, however long a piece of its work took."""

_ACCOUNTS_MAX: Final = 1_000
"""Accounts after which those that owe nothing are looked for, to be forgotten."""


class Sharing:
    """Whether several accounts do something at present, such as to call. For the event loop's thread only."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last: AccountId | None = None
        self._shared_until = 0.0

    def called(self, account: AccountId) -> None:
        """Records a call of an account."""
        if account != self._last:
            if self._last is not None:
                self._shared_until = self._clock() + SHARED_SECONDS
            self._last = account

    @property
    def is_shared(self) -> bool:
        """Whether two accounts or more have called within the last `SHARED_SECONDS`."""
        return self._clock() < self._shared_until


class AccountThrottle:
    """The pauses of accounts at one shared resource. For the event loop's thread only."""

    def __init__(self, sharing: Sharing, times: float, clock: Callable[[], float] = monotonic) -> None:
        """An account pauses for `times` as long as it has used the resource."""
        self._sharing = sharing
        self._times = times
        self._clock = clock
        self._owes_until: dict[AccountId, float] = {}
        """The instant at which an account's pauses will be over."""

    def worked(self, account: AccountId, seconds: float) -> None:
        """Charges an account for a piece of work that has just ended, and took so many seconds.

        Of a call that brings no events it is the whole call (`account_turns`), its wait for a thread included.
        """
        if not self._sharing.is_shared:
            return
        now = self._clock()
        if len(self._owes_until) >= _ACCOUNTS_MAX:
            self._owes_until = {one: until for one, until in self._owes_until.items() if until > now}
        # What it owed when it began it owes still: while it worked it did not rest.
        owes_until = max(now, self._owes_until.get(account, now - seconds) + seconds) + self._times * seconds
        self._owes_until[account] = min(owes_until, now + _CREDIT_SECONDS + _OWED_SECONDS_MAX)

    def left_seconds(self, account: AccountId) -> float:
        """Returns how long an account must still pause; 0 where it may work."""
        until = self._owes_until.get(account)
        if until is None or not self._sharing.is_shared:
            return 0.0
        return max(0.0, until - _CREDIT_SECONDS - self._clock())
