"""How far time has certainly come, by what is stored: what the system's clock is held against."""

import logging
from collections.abc import Callable
from typing import Protocol

from telwerkd.application.clock import Clock
from telwerkd.application.failures import isolating_account
from telwerkd.application.ports import AccountView, LogView, Store
from telwerkd.domain.ids import AccountId, Micros

log = logging.getLogger(__name__)


class TimesView(AccountView, LogView, Protocol):
    """What tells how far time has come."""


def reached(view: TimesView) -> Micros | None:
    """The latest instant that an account's events and settled limits know of; None if nothing happened."""
    return max(filter(None, (view.latest_event_time(), view.account().high_water)), default=None)


class StoredTime:
    """Tells a clock what is stored: where it resumes, and while it is doubted, what other servers are told."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._newest_event: Micros | None = None

    async def resume(self) -> None:
        """Sets the clock of a server that has just started against the latest instant of all accounts.

        Raises:
            UnavailableError: the database does not answer.
        """
        self._newest_event = await self._latest(_latest_event)
        self._clock.resume(await self._latest(reached))

    async def listen(self) -> None:
        """Tells a doubted clock of the newest event, if one newer than before has come since; by whichever server.

        Raises:
            UnavailableError: the database does not answer.
        """
        newest = await self._latest(_latest_event)
        if newest is not None and (self._newest_event is None or newest > self._newest_event):
            self._newest_event = newest
            self._clock.hear([newest])

    async def _latest(self, of: Callable[[TimesView], Micros | None]) -> Micros | None:
        latest: Micros | None = None
        for account, bound in await self._store.last_times():
            if latest is not None and latest >= bound:
                break
            latest = max(filter(None, (latest, await self._of(account, of))), default=None)
        return latest

    async def _of(self, account: AccountId, of: Callable[[TimesView], Micros | None]) -> Micros | None:
        with isolating_account(f"the newest event of account {account!r}"):
            return await self._store.read(account, of)
        return None


def _latest_event(view: LogView) -> Micros | None:
    return view.latest_event_time()
