"""Lower bounds of the present from stored data, with which the system's clock is compared."""

import logging
from collections.abc import Callable
from typing import Protocol

from telwerkd.application.clock import Clock
from telwerkd.application.failures import isolating_account
from telwerkd.application.ports import AccountsStore, AccountView, LogView, ReadStore
from telwerkd.domain.ids import AccountId, Micros

log = logging.getLogger(__name__)


class TimesView(AccountView, LogView, Protocol):
    """Reads the latest stored instants of an account."""


def reached(view: TimesView) -> Micros | None:
    """Returns the latest instant of an account's events and settled limits; None without any."""
    return max(filter(None, (view.latest_event_time(), view.account().high_water)), default=None)


class TimesStore(ReadStore, AccountsStore, Protocol):
    """What looking for stored instants needs of a store."""


class StoredTime:
    """Compares a clock with stored instants: at the start, and while it is doubted with other servers' events."""

    def __init__(self, store: TimesStore, clock: Clock) -> None:
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
        """Passes the newest stored event's time to a doubted clock, if newer than before, whichever server stored it.

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
