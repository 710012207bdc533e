"""The port of what is cached between transactions."""

from typing import Any, Protocol


class CachePort(Protocol):
    """Caches an object between the transactions of an account."""

    def recall(self) -> Any:
        """Returns what an earlier `remember` kept, perhaps of an earlier version of the account; None without one."""

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Caches an object for the next transactions of this account, once this one is committed.

        `weight` is about how much memory the object takes, in names; the cache of all accounts is bounded by it.

        The next transactions get it, an older object, or none: other processes do not share the cache.
        """
