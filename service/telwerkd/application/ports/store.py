"""A database, which runs what reads and what writes."""

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
    """How a store wants to be asked for transactions, so that its writers are neither idle nor in one another's way."""

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
    """What one account's part of a transaction that writes does, and the type of its result.

    No Protocol, so that not everything that has a `run` is one: each says that it is, and all stand in `AnyCommand`.
    """

    __slots__ = ()

    @abstractmethod
    def run(self, tx: Transaction) -> T_co:
        """Does it. It may run more than once, so it must not keep anything outside of the transaction.

        A command takes the roles that it needs, which every `Transaction` has.
        """


@runtime_checkable
class ReadsInline(Protocol):
    """What a store can do as well whose statements need not be waited for: read in the event loop, sooner if short."""

    def inline_view(self, account: AccountId) -> AbstractContextManager[Snapshot]:
        """Opens one consistent view in the event loop.

        While it is open nothing else runs: it is for reading that takes a millisecond or two.

        Raises:
            UnavailableError: the database does not answer.
        """


class Store(Protocol):
    """A database. One that `ReadsInline` too may be read in the event loop."""

    scheduling: WriteScheduling
    """How it wants to be asked for `write`s."""
    reads_at_once: int
    """How many `read`s get on beside one another."""
    figures: StoreFigures
    """What it counts of its own work."""

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view, in another thread than the event loop's.

        Raises:
            UnavailableError: the database does not answer.
        """

    async def write(self, commands: Sequence[tuple[AccountId, Command[T]]]) -> list[T]:
        """Runs all of `commands` and commits them together; if that fails, none of them has happened.

        They are of one account unless the `scheduling` merges accounts. Writers of one account wait for one another, in
        this process and in every other: a command sees all that was committed before it.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """

    async def upkeep(self, account: AccountId, command: Command[T]) -> T | None:
        """Runs `command` as `write` does; None if another server is at the account's upkeep just now.

        What every server does by itself, one of them is to do. The command has to look whether it is done already.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """

    async def answer_version(self, account: AccountId) -> AnswerVersion:
        """Where an account stands. Cheap: it is asked before every answer that may be known already.

        Raises:
            UnavailableError: the database does not answer.
        """

    async def versions(self, accounts: Collection[AccountId]) -> dict[AccountId, int]:
        """The versions of accounts; those that nothing is stored of are left out. Cheap: asked several times a second.

        Raises:
            UnavailableError: the database does not answer.
        """

    async def accounts(self) -> list[AccountId]:
        """Every account that anything is stored of."""

    async def last_times(self) -> list[tuple[AccountId, Micros]]:
        """For each account an instant after which no event happened, the latest first. It may lie in the future."""

    async def accounts_due(self, until: Micros) -> list[AccountId]:
        """The accounts that have a limit due by `until`."""

    async def open_timers(self, now: Micros) -> OpenTimers:
        """The limits that are not settled, of all accounts, and how many of them are due by `now`."""

    async def compactable(self) -> list[tuple[AccountId, Measure, int]]:
        """Every measure that has deltas, with how many entries."""

    async def ping(self) -> None:
        """Answers if the database does.

        Raises:
            UnavailableError: it does not.
        """
