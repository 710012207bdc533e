"""The port of a database, which runs reads and commands."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from telwerkd.application.ports.figures import OpenTimers, StoreFigures
from telwerkd.application.ports.rows import AnswerVersion
from telwerkd.application.ports.transaction import Snapshot, Transaction
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import AccountId, Micros

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class WriteScheduling:
    """How a store wants write transactions scheduled, so that its writers are neither idle nor block one another."""

    merges_accounts: bool
    """Whether there is one writer for all accounts: a `write` may have commands of several of them, and happens after
    all that were asked for before it. If not, each `write` is of one account."""
    writes_at_once: int
    """How many `write`s to ask for at the same time: of one writer, so that it always has the next; else as many as
    get on beside one another, of different accounts."""
    ahead_weight_min: int = 0
    """Weight of waiting events from which on they are sent to one writer while it is at another transaction, so that
    it goes on at once. Of fewer, more had better come together first."""


class Command(ABC, Generic[T_co]):
    """One account's part of a write transaction, with the type of its result.

    An abstract base class and no Protocol, so that a class with a `run` is not a command by accident. `AnyCommand`
    lists all commands.
    """

    __slots__ = ()

    @abstractmethod
    def run(self, tx: Transaction) -> T_co:
        """Executes the command. It may run more than once, so it must have no effect outside of the transaction.

        A command declares the roles that it needs, which every `Transaction` has.
        """


@runtime_checkable
class ReadsInline(Protocol):
    """An optional capability of a store without network: reads in the event loop, which is faster for short ones."""

    def inline_view(self, account: AccountId) -> AbstractContextManager[Snapshot]:
        """Opens a consistent view in the event loop.

        It blocks the loop while it is open: only for reads of a millisecond or two.

        Raises:
            UnavailableError: the database does not answer.
        """


class ReadStore(Protocol):
    """Runs reads. A store that `ReadsInline` too may be read in the event loop."""

    reads_at_once: int
    """How many `read`s run concurrently."""

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view, in another thread than the event loop's.

        Raises:
            UnavailableError: the database does not answer.
        """

    async def answer_version(self, account: AccountId) -> AnswerVersion:
        """Returns the version of an account's answers. Cheap: it is called before every answer that may be cached.

        Raises:
            UnavailableError: the database does not answer.
        """


class WriteStore(Protocol):
    """Runs commands."""

    scheduling: WriteScheduling
    """How `write`s are to be scheduled."""

    async def write(self, commands: Sequence[tuple[AccountId, Command[T]]]) -> list[T]:
        """Runs all of `commands` and commits them together; if that fails, none of them has happened.

        They are of one account unless the `scheduling` merges accounts. Writers of one account wait for one another, in
        this process and in every other: a command sees all that was committed before it.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """


class ReadWriteStore(ReadStore, WriteStore, Protocol):
    """Runs reads and commands."""


class UpkeepStore(Protocol):
    """Tells what upkeep is due in all accounts, and runs it in one server at a time."""

    async def upkeep(self, account: AccountId, command: Command[T]) -> T | None:
        """Runs `command` as `WriteStore.write` does; None if another server is at the account's upkeep just now.

        Every server looks for upkeep, and one of them is to do it. The command has to check whether it is done already.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """

    async def accounts_due(self, until: Micros) -> list[AccountId]:
        """Returns the accounts that have a limit due by `until`."""

    async def open_timers(self, now: Micros) -> OpenTimers:
        """Returns the number of unsettled limits of all accounts, how many are due by `now`, and the earliest."""

    async def compactable(self) -> list[tuple[AccountId, Measure, int]]:
        """Returns every measure that has delta entries, with their number."""


class AccountsStore(Protocol):
    """Looks across accounts."""

    async def accounts(self) -> list[AccountId]:
        """Returns every account that has anything stored."""

    async def versions(self, accounts: Collection[AccountId]) -> dict[AccountId, int]:
        """Returns the versions of accounts that have anything stored. Cheap: it is called several times a second.

        Raises:
            UnavailableError: the database does not answer.
        """

    async def last_times(self) -> list[tuple[AccountId, Micros]]:
        """Returns for each account an upper bound of its events' times, the latest first; it may lie in the future."""


class PingedStore(Protocol):
    """Can be asked whether it works."""

    async def ping(self) -> None:
        """Checks that the database is reachable and takes writes.

        Raises:
            UnavailableError: it is not, or does not.
        """


class Store(ReadWriteStore, UpkeepStore, AccountsStore, PingedStore, Protocol):
    """A database: all roles of it."""

    figures: StoreFigures
    """The figures of its work."""
