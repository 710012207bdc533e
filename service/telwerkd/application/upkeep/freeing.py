"""Freeing names that nothing uses any more, so that an account at `names_max` recovers when it is purged or erased.

A name is in use while an event in the log, a conversation's state or base state, or a counter has it. That is looked up
on a read view, which may take long, and what is unused is removed in a short transaction if the account has not changed
since: so a name is never removed while an event that brings it is stored.
"""

import logging
from collections.abc import Iterable, Iterator
from functools import partial
from time import monotonic
from typing import NamedTuple

from telwerkd.application.failures import set_apart
from telwerkd.application.names import GROUPS, OPERATORS, WIDGETS, names_of
from telwerkd.application.ports import Names, Snapshot, Store, Transaction
from telwerkd.domain.conversation.facts import Fact
from telwerkd.domain.conversation.fold import State
from telwerkd.domain.counting.measures import has_open_values, kpi_of
from telwerkd.domain.errors import UnavailableError
from telwerkd.domain.ids import AccountId, Micros

log = logging.getLogger(__name__)

_LOCKED_SECONDS_MAX = 0.1
"""What looking may have taken for it to be done again in a transaction, with the account's writers waiting."""

_REST_TIMES = 40
"""How much longer than looking took an account then rests, so that it takes little of the machine."""

_PAUSE_CONVERSATIONS = 200

_Name = tuple[int, str]


class Unused(NamedTuple):
    """The names of an account that nothing used at one of its versions."""

    version: int
    names: Names


class _Looked(NamedTuple):
    state: tuple[int, Micros]
    """Version and horizon at which it was looked: nothing is freed before one of them changes."""
    rests_until: float


class NameKeeper:
    """Frees the names of accounts that were at their limit, or from which something was taken out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noticed: set[AccountId] = set()
        self._looked: dict[AccountId, _Looked] = {}

    def notice(self, account: AccountId) -> None:
        """Has an account looked at soon. Cheap, and safe to repeat."""
        self._noticed.add(account)

    async def run_once(self) -> None:
        """Looks at every account that was noticed and does not rest.

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
                with set_apart(f"the names of account {account!r}"):
                    await self._look(account, looked)
            except UnavailableError:
                self.notice(account)
                raise

    async def _look(self, account: AccountId, looked: _Looked | None) -> None:
        row = await self._store.read(account, lambda view: view.account())
        state = (row.version, row.horizon)
        if looked is not None and looked.state == state:
            return
        begun = monotonic()
        freed = await free_names(self._store, account)
        ended = monotonic()
        self._looked[account] = _Looked(state, ended + _REST_TIMES * (ended - begun))
        if freed is None:
            self.notice(account)  # it changed meanwhile
        elif freed:
            log.info("account %r: %d names that nothing uses any more are freed", account, freed)


async def free_names(store: Store, account: AccountId) -> int | None:
    """Frees an account's unused names; gives how many, or None if it changed too often to tell.

    Raises:
        UnavailableError: the database does not answer.
    """
    begun = monotonic()
    unused = await store.read(account, unused_names)
    if not unused.names:
        return 0
    took = monotonic() - begun
    [freed] = await store.write([(account, partial(_free, unused))])
    if freed is None and took <= _LOCKED_SECONDS_MAX:
        [freed] = await store.write([(account, partial(_free, None))])
    return freed


def _free(unused: Unused | None, tx: Transaction) -> int | None:
    if unused is None:
        unused = unused_names(tx)
    elif tx.account().version != unused.version:
        return None
    if unused.names:
        tx.free_names(unused.names)
    return sum(map(len, unused.names.values()))


def unused_names(view: Snapshot) -> Unused:
    """The names that nothing uses in a view of an account."""
    version = view.account().version
    unused = {(family, name) for family, of_family in view.names().items() for name in of_family}
    for used in _uses(view):
        unused.difference_update(used)
        if not unused:
            break
    by_family: dict[int, list[str]] = {}
    for family, name in sorted(unused):
        by_family.setdefault(family, []).append(name)
    return Unused(version, by_family)


def _uses(view: Snapshot) -> Iterator[Iterable[_Name]]:
    """All uses of names, some at a time."""
    yield view.counted_names()
    for measure, (value, operator, group, widget, _, _) in view.every_delta():
        yield _of_counts(measure, value, operator, group, widget)
    for number, filed in enumerate(view.every_conversation(), 1):
        for event in filed.log:
            yield names_of(event)
        yield _of_state(filed.row.state)
        yield _of_state(filed.row.base)
        if not number % _PAUSE_CONVERSATIONS:
            view.pause()


def _of_counts(measure: int, value: str, operator: str, group: str, widget: str) -> Iterator[_Name]:
    yield from ((OPERATORS, operator), (GROUPS, group), (WIDGETS, widget))
    if has_open_values(measure):
        yield kpi_of(measure), value


def _of_state(state: State) -> Iterator[_Name]:
    yield from ((OPERATORS, state.operator), (GROUPS, state.group))
    if state.live is not None:
        yield WIDGETS, state.live.widget
    if state.limit is not None:
        yield from ((OPERATORS, state.limit.operator), (GROUPS, state.limit.group), (WIDGETS, state.limit.widget))
    for fact in state.held if state.topics is None else (*state.held, state.topics):
        yield from _of_fact(fact)


def _of_fact(fact: Fact) -> Iterator[_Name]:
    return _of_counts(fact.kpi, fact.value, fact.operator, fact.group, fact.widget)
