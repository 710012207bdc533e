"""What a transaction of an account caches for the account's next one."""

from typing import NamedTuple, Protocol

from telwerkd.application.commands.hot_conversations import WEIGHT, HotConversations
from telwerkd.application.ports import AccountWrites, CachePort
from telwerkd.domain.conversation.settings import Widgets


class CachingWrites(AccountWrites, CachePort, Protocol):
    """The reads and writes of carrying what is cached over a change."""


class AccountCache(NamedTuple):
    """Settings, conversations and names of an account.

    Settings and conversations are valid while nothing else was written: while `version` is the account's. Names stay
    valid longer, as others only add to them: a name that is not among them makes all be read again, if the account has
    changed since `names_version`. If some were freed, which `names_freed` counts, no cached name is used.
    """

    names_version: int
    names: dict[int, set[str]]
    names_freed: int
    version: int
    widgets: Widgets
    hot: HotConversations

    @property
    def weight(self) -> int:
        """How much memory it takes, in names (`CachePort.remember`)."""
        return sum(map(len, self.names.values())) + len(self.hot) * WEIGHT


def bump_version_keeping_cache(tx: CachingWrites) -> None:
    """Raises the account's version for a command that only settles timers, and keeps what is cached valid.

    Timers fall due all the time in live traffic: if each made the next transactions read every conversation again,
    little would be cached. A cached conversation need not be settled: a timer in it that is due by the account's
    high-water mark is counted already, as in a stored one (`Conversation.state`).
    """
    cached: AccountCache | None = tx.recall()
    before = tx.account().version
    tx.bump_version()
    if cached is not None and cached.version == before:
        version = tx.account().version
        names_version = version if cached.names_version == before else cached.names_version
        cached = cached._replace(names_version=names_version, version=version)
        tx.remember(cached, cached.weight)
