"""Freeing names that nothing uses any more, so that an account at `names_max` recovers when it is purged or erased.

A name is in use while an event in the log, a conversation's state or base state, or a counter has it. The same goes for
opening hours, which versions of settings name too, and `widget_settings_bytes_max`. That is looked up
on a read view, which may take long, and what is unused is removed in a short transaction if the account has not changed
since: so a name is never removed while an event that brings it is stored.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from telwerkd.application.commands.free_names import FreeNames, unused_names
from telwerkd.application.commands.read_account import ReadAccount
from telwerkd.application.failures import isolating_account
from telwerkd.application.ports import ReadWriteStore
from telwerkd.domain.errors import UnavailableError
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.process.monotonic_clock import monotonic

log = logging.getLogger(__name__)

_LOCKED_SECONDS_MAX = 0.1
"""What looking may have taken for it to be done again in a transaction, with the account's writers waiting."""

_REST_TIMES = 40
"""The pause of an account after a look-up: a multiple of its duration, to bound the CPU time."""


class _Looked(NamedTuple):
    state: tuple[int, Micros] | None
    """Version and horizon at which it was looked: nothing is freed before one of them changes. None where compaction
    may free something, which changes neither."""
    rests_until: float


class Removal:
    """A removal of data from an account; `is_empty` is set if nothing was removed."""

    is_empty = False


class NameKeeper:
    """Frees unused names of accounts that reached their limit, or from which data was removed."""

    def __init__(self, store: ReadWriteStore) -> None:
        self._store = store
        self._noticed: set[AccountId] = set()
        self._looked: dict[AccountId, _Looked] = {}

    def notice(self, account: AccountId) -> None:
        """Queues an account for the next `run_once`. Cheap and idempotent."""
        self._noticed.add(account)

    @contextmanager
    def noticing(self, account: AccountId) -> Iterator[Removal]:
        """Queues an account after a removal within the block, even a failed one, unless it is marked as empty."""
        removal = Removal()
        try:
            yield removal
        finally:
            if not removal.is_empty:
                self.notice(account)

    async def run_once(self) -> None:
        """Frees the unused names of every queued account, except during its pause after an earlier look-up.

        Raises:
            UnavailableError: the database does not answer.
        """
        now = monotonic()
        self._looked = {
            account: looked
            for account, looked in self._looked.items()
            if looked.rests_until > now or account in self._noticed
        }
        for account in sorted(self._noticed):
            looked = self._looked.get(account)
            if looked is not None and looked.rests_until > now:
                continue
            self._noticed.discard(account)
            try:
                with isolating_account(f"the names of account {account!r}"):
                    await self._look(account, looked)
            except UnavailableError:
                self.notice(account)
                raise

    async def _look(self, account: AccountId, looked: _Looked | None) -> None:
        # A removal whose caller has gone may be on its way still, and nobody would have the account looked at again.
        [row] = await self._store.write([(account, ReadAccount())])
        state = (row.version, row.horizon)
        if looked is not None and looked.state == state:
            return
        begun = monotonic()
        freed, is_settled = await _freed(self._store, account)
        ended = monotonic()
        self._looked[account] = _Looked(state if is_settled else None, ended + _REST_TIMES * (ended - begun))
        if freed is None:
            self.notice(account)  # it changed meanwhile
        elif freed:
            log.info("account %r: %d names and opening hours that nothing uses any more are removed", account, freed)


async def free_names(store: ReadWriteStore, account: AccountId) -> int | None:
    """Frees an account's unused names and opening hours; returns how many, None if it changed at every attempt.

    Raises:
        UnavailableError: the database does not answer.
    """
    return (await _freed(store, account)).names


class _Freed(NamedTuple):
    names: int | None
    """The number of names freed; None if the account changed at every attempt."""
    is_settled: bool
    """As `Unused.is_settled`."""


async def _freed(store: ReadWriteStore, account: AccountId) -> _Freed:
    begun = monotonic()
    unused = await store.read(account, unused_names)
    if not unused.total:
        return _Freed(0, unused.is_settled)
    took = monotonic() - begun
    [freed] = await store.write([(account, FreeNames(unused))])
    if freed is None and took <= _LOCKED_SECONDS_MAX:
        [freed] = await store.write([(account, FreeNames(None))])
    return _Freed(freed, unused.is_settled)
