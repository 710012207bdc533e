"""Fair scheduling of decoding: bounded bytes per iteration of the event loop, accounts in round-robin order."""

import asyncio
from collections import deque
from types import TracebackType

from telwerkd.application.sharing.throttling import AccountThrottle
from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.transport.codec.wire.splitting import EVENTS_DECODED_MAX

_Waiting = deque[tuple[int, asyncio.Future[None]]]


class DecodingTurns:
    """Grants accounts turns to decode, of bounded bytes per iteration of the event loop.

    Accounts get turns in round-robin order, throttled ones left out; requests of one account in order of arrival.
    """

    def __init__(self, throttle: AccountThrottle, bytes_at_once: int = EVENTS_DECODED_MAX) -> None:
        self._throttle = throttle
        self._bytes_at_once = bytes_at_once
        self._bytes = 0
        """Bytes decoded in this iteration of the loop; while not 0, `_next` is scheduled for the next iteration."""
        self._waiting: dict[AccountId, _Waiting] = {}
        self._rested: asyncio.TimerHandle | None = None
        """When the next of those that wait has rested, where nothing is decoded until then."""

    def turn(self, account: AccountId, size: int) -> "DecodingTurn":
        """A context manager for decoding `size` bytes (at least 1) of the account, without awaiting anything."""
        return DecodingTurn(self, account, size)

    def begin(self, account: AccountId, size: int) -> bool:
        """Takes a turn at once, if this iteration has room and the account is neither throttled nor waiting."""
        if account in self._waiting or not self._has_room(size) or self._throttle.left_seconds(account):
            return False
        self._take(size)
        return True

    async def wait(self, account: AccountId, size: int) -> None:
        """Returns when it is the account's turn."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append((size, future))
        if not self._bytes:
            self._next()
        await future

    def worked(self, account: AccountId, seconds: float) -> None:
        """Reports the duration of an account's turn to the throttle."""
        self._throttle.worked(account, seconds)

    def _has_room(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= self._bytes_at_once

    def _take(self, size: int) -> None:
        if not self._bytes:
            asyncio.get_running_loop().call_soon(self._next)
        self._bytes += size

    def _next(self) -> None:
        self._bytes = 0
        if self._rested is not None:
            self._rested.cancel()
            self._rested = None
        resting: dict[AccountId, float] = {}
        while (account := next((one for one in self._waiting if one not in resting), None)) is not None:
            if left_seconds := self._throttle.left_seconds(account):
                resting[account] = left_seconds
            elif not self._has_begun(account):
                return
        if resting and not self._bytes:
            self._rested = asyncio.get_running_loop().call_later(min(resting.values()), self._next)

    def _has_begun(self, account: AccountId) -> bool:
        """Grants a turn to the first request of an account, if there is room, and requeues the account at the end."""
        queue = self._waiting[account]
        size, future = queue[0]
        if not future.done():
            if not self._has_room(size):
                return False
            self._take(size)
            future.set_result(None)
        queue.popleft()
        del self._waiting[account]
        if queue:
            self._waiting[account] = queue
        return True


class DecodingTurn:
    """A context manager for one turn, as `DecodingTurns.turn` returns."""

    __slots__ = ("_account", "_begun", "_size", "_turns")

    def __init__(self, turns: DecodingTurns, account: AccountId, size: int) -> None:
        self._turns = turns
        self._account = account
        self._size = size
        self._begun = 0.0

    async def __aenter__(self) -> None:
        if not self._turns.begin(self._account, self._size):
            await self._turns.wait(self._account, self._size)
        self._begun = monotonic()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.worked(self._account, monotonic() - self._begun)
