"""Replies that are still true: kept by request, valid while their account stands where it stood."""

from typing import TypeAlias

from telwerkd.application.ports import AnswerVersion
from telwerkd.process.bounded_cache import BoundedCache
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
        self._replies: BoundedCache[CacheKey, Reply] = BoundedCache(bytes_max)

    def holds(self, key: CacheKey) -> bool:
        """Whether there is a reply, true or not any more."""
        return self._replies.peek(key) is not None

    def get(self, key: CacheKey, answer_version: AnswerVersion) -> Reply | None:
        """The reply to a request, if its account still stands where it stood then."""
        reply = self._replies.peek(key)
        if reply is None or reply.answer_version != answer_version:
            return None
        self._replies.use(key)
        return reply

    def put(self, key: CacheKey, reply: Reply) -> None:
        """Keeps a reply, in the place of an earlier one."""
        size = len(key[1]) + len(reply.body) + _OVERHEAD_BYTES
        if size > _REPLY_BYTES_MAX:
            self._replies.drop(key)
        else:
            self._replies.put(key, reply, size)
