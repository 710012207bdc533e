"""Who decodes next: a little in each turn of the event loop, and one account after the other."""

import asyncio
from collections import deque

from telwerkd.transport.codec.splitting import DECODED_WHOLE_MAX

_Waiting = deque[tuple[int, asyncio.Future[None]]]


class DecodingTurns:
    """Lets through so much work in a turn of the event loop that it holds up nothing else for long.

    Who waits is let through by account in turn, and of one account in the order of coming.
    """

    def __init__(self, bytes_at_once: int = DECODED_WHOLE_MAX) -> None:
        self._bytes_at_once = bytes_at_once
        self._bytes = 0
        self._waiting: dict[str, _Waiting] = {}

    def now(self, size: int) -> bool:
        """Whether `size` bytes (at least 1) may be decoded at once; else wait for a `turn`."""
        if self._waiting or not self._has_room(size):
            return False
        self._take(size)
        return True

    async def turn(self, account: str, size: int) -> None:
        """Returns when `size` bytes (at least 1) of the account may be decoded, without awaiting anything else."""
        if self.now(size):
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append((size, future))
        await future

    def _has_room(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= self._bytes_at_once

    def _take(self, size: int) -> None:
        if not self._bytes:
            asyncio.get_running_loop().call_soon(self._next)
        self._bytes += size

    def _next(self) -> None:
        self._bytes = 0
        while self._waiting:
            account, queue = next(iter(self._waiting.items()))
            size, future = queue[0]
            if not future.done():
                if not self._has_room(size):
                    return
                self._take(size)
                future.set_result(None)
            queue.popleft()
            # The account goes to the end of the line, or out of it.
            del self._waiting[account]
            if queue:
                self._waiting[account] = queue
