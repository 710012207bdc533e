"""Replies that are still true: kept by request, valid while their account stands where it stood."""

from collections import OrderedDict
from typing import TypeAlias

from telwerkd.application.ports import Standing
from telwerkd.transport.codec.answers import Reply

CacheKey: TypeAlias = tuple[type, bytes]
"""A request's type and bytes; its account is among them."""

_OVERHEAD_BYTES = 200
"""About what an entry takes beside its request and reply."""


_REPLY_BYTES_MAX = 1 << 20
"""Larger replies are not kept: a kept one is copied in the event loop when it is sent again."""


class AnswerCache:
    """The replies that were used last, of at most so many bytes in all; 0 keeps none."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._replies: OrderedDict[CacheKey, Reply] = OrderedDict()

    def holds(self, key: CacheKey) -> bool:
        """Whether there is a reply, true or not any more."""
        return key in self._replies

    def get(self, key: CacheKey, standing: Standing) -> Reply | None:
        """The reply to a request, if its account still stands where it stood then."""
        reply = self._replies.get(key)
        if reply is None or reply.standing != standing:
            return None
        self._replies.move_to_end(key)
        return reply

    def put(self, key: CacheKey, reply: Reply) -> None:
        """Keeps a reply, in the place of an earlier one; those not used for longest go."""
        earlier = self._replies.pop(key, None)
        if earlier is not None:
            self._bytes -= _size(key, earlier)
        if _size(key, reply) > min(self._bytes_max, _REPLY_BYTES_MAX):
            return
        self._replies[key] = reply
        self._bytes += _size(key, reply)
        while self._bytes > self._bytes_max:
            self._bytes -= _size(*self._replies.popitem(last=False))


def _size(key: CacheKey, reply: Reply) -> int:
    return len(key[1]) + len(reply.body) + _OVERHEAD_BYTES
