"""How long an account that used much of the event loop, the readers or the writer leaves them to other accounts.

The event loop, the threads that read and the writer each do one thing at a time, and nobody can take them away from
whoever has them. So what a call waits for is whatever another account does there at that moment; and if that account
has work without end, it waits in each of the ten turns of the loop that a call takes. Therefore an account leaves the
thing to others after each piece of its work, for longer than that took: most of the time it is free. That is asked
while accounts share the server only, and only of those that use more of it than they would get so.
"""

from collections.abc import Callable
from typing import Final

from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic

SHARED_SECONDS: Final = 10.0
"""How long after another account's call the server counts as shared: that account may be back at any moment."""

LOOP_TIMES: Final = 2.0
"""How many times as long as it worked there an account rests at the event loop, and at the threads that read, which
take the interpreter from the loop."""

WRITER_TIMES: Final = 1.0
"""The same at the writer. There a call waits once, not in each turn: for one transaction, which is short."""

_CREDIT_SECONDS: Final = 0.1
"""Rest that an account may owe: one that has been quiet works for a third of it, or half at the writer, without any,
as a page does that asks for ten numbers at once."""

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
        """Notes a call of an account."""
        if account != self._last:
            if self._last is not None:
                self._shared_until = self._clock() + SHARED_SECONDS
            self._last = account

    @property
    def is_shared(self) -> bool:
        """Whether two accounts or more have called within the last `SHARED_SECONDS`."""
        return self._clock() < self._shared_until


class AccountThrottle:
    """The rests of accounts at one thing that they share. For the event loop's thread only."""

    def __init__(self, sharing: Sharing, times: float, clock: Callable[[], float] = monotonic) -> None:
        """An account leaves the thing to others for `times` as long as it has used it."""
        self._sharing = sharing
        self._times = times
        self._clock = clock
        self._owes_until: dict[AccountId, float] = {}
        """When an account will have rested for all that it did."""

    def worked(self, account: AccountId, seconds: float) -> None:
        """Notes a piece of work that is just over."""
        if not self._sharing.is_shared:
            return
        now = self._clock()
        if len(self._owes_until) >= _ACCOUNTS_MAX:
            self._owes_until = {one: until for one, until in self._owes_until.items() if until > now}
        # What it owed when it began it owes still: while it worked it did not rest.
        owes_until = max(now, self._owes_until.get(account, now - seconds) + seconds) + self._times * seconds
        self._owes_until[account] = min(owes_until, now + _CREDIT_SECONDS + _OWED_SECONDS_MAX)

    def left_seconds(self, account: AccountId) -> float:
        """How long an account has to rest from now on; 0 where it may work."""
        until = self._owes_until.get(account)
        if until is None or not self._sharing.is_shared:
            return 0.0
        return max(0.0, until - _CREDIT_SECONDS - self._clock())
