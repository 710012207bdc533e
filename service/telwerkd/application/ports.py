"""What the application needs from storage.

A transaction's work is an ordinary function over a `Transaction`: the store runs it where its database driver is at
home, commits, and only then gives its result. What writes may run in another process, so it can be pickled: a function
of a module, or a `partial` of one with plain arguments; what it gives can be too.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.fold import State
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.counters import ChunkKey, Slots
from telwerkd.domain.counting.deltas import Deltas, Leaf, Leaves, Measure
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId

T = TypeVar("T")

EventKey = tuple[ConversationId, EventId]

Names = Mapping[int, Collection[str]]
"""Distinct names by family, see `telwerkd.application.names`."""


class Account(NamedTuple):
    """An account's row."""

    version: int
    """Grows by one with every transaction that changes the account's counters or settings."""
    high_water: Micros
    """Limits due at or before this instant are settled, later ones are not. Never runs backwards (R-CLOCK-1)."""
    time_zone: str | None
    horizon: Micros
    """Events before it were purged, and are refused. 0: none were."""
    names_max: int | None = None
    """Its own bound on distinct names; None: the one of the settings."""
    names_freed: int = 0
    """Grows whenever names are freed: what is remembered of them from before is out of date."""


class Standing(NamedTuple):
    """Where an account stands: answers are the same while it does, but for how far they are complete."""

    version: int
    due: Micros | None
    """The earliest limit that is still open."""

    def complete_until(self, now: Micros) -> Micros:
        """The instant before which no limit is still open (R-NUM-6), doubted clock or not (R-CLOCK-8)."""
        return now if self.due is None else min(now, self.due)


class Conversation(NamedTuple):
    """A conversation's row."""

    state: State
    """What its events led to. A limit in it that is due by the account's high-water mark is counted already."""
    base: State
    """What its purged events led to; `EMPTY` while all are there."""
    first_time: Micros
    last_time: Micros
    """Between these lies everything that ever happened in it."""
    events: int | None = None
    """How many are in its log; None in a row of an earlier schema that was not written since: count them."""


class Filed(NamedTuple):
    """A conversation as it is filed: its row, the instant at which its limit is looked for, its events."""

    conversation: ConversationId
    row: Conversation
    due: Micros | None
    log: list[Event]
    is_source_whole: bool = True
    """Whether its events and its base could all be read."""
    is_row_whole: bool = True
    """Whether the rest of its row could be."""


class Damage(NamedTuple):
    """A row that cannot be read, or a table from some row on."""

    table: str
    key: tuple[object, ...]
    """After the account. Where a table cannot be read any further, that of the last row that could be."""
    why: str
    is_source: bool = False
    """Whether what it said follows from nothing else that is stored."""
    is_row: bool = True

    def __str__(self) -> str:
        where = "row" if self.is_row else "after row"
        return f"table {self.table}, {where} {', '.join(map(ascii, self.key)) or 'one'}: {self.why}"


class DamagedRowError(ValueError):
    """What is stored of an account cannot be read."""

    def __init__(self, damage: Damage, account: str = "") -> None:
        super().__init__(damage, account)
        self.damage = damage
        self.account = account
        """Where it is known."""

    def __reduce__(self) -> tuple[type["DamagedRowError"], tuple[Damage, str]]:
        return DamagedRowError, (self.damage, self.account)

    def __str__(self) -> str:
        return f"damaged data of account {self.account!a}: {self.damage} (`telwerkd verify` shows all)"


Report = Callable[[Damage], None]
"""Is told of what is damaged. What it raises ends the reading."""


class CellRow(NamedTuple):
    """A chunk of a series, as stored."""

    chunk: int
    operator: str
    group: str
    widget: str
    value: str
    cells: bytes


class Cut(NamedTuple):
    """Which chunks to read: those of a grouping, in a range, with any of these ids where some are named."""

    measure: Measure
    grouping: int
    first_chunk: int
    last_chunk: int
    operators: Collection[str] = ()
    groups: Collection[str] = ()
    widgets: Collection[str] = ()
    values: Collection[str] = ()
    rows_max: int = 2**31 - 1
    """No more rows are read; which ones they are is not said."""


class Snapshot(Protocol):
    """A consistent view of one account."""

    def account(self) -> Account:
        """The account's row; version 0 if nothing was ever stored."""

    def latest_event_time(self) -> Micros | None:
        """When the newest event happened; None if none is known.

        Where very many limits are open that lie far ahead, or events were taken back, it may be an older one.
        """

    def earliest_due(self) -> Micros | None:
        """The earliest limit that is not settled."""

    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """Every version of every widget's settings, oldest first, by widget id."""

    def cells(self, cut: Cut) -> list[CellRow]:
        """The chunks of a cut."""

    def chunk_versions(self, measure: Measure, first_chunk: int, last_chunk: int) -> dict[int, int]:
        """The chunks of a measure in a range that ever held anything, each with a number that grows when it changes."""

    def filed(self, measure: Measure) -> tuple[int, int]:
        """How many transactions filed what `deltas` gives, and how many leaves it has. None of them is read for it."""

    def deltas(self, measure: Measure) -> Leaves:
        """What is counted of a measure but not yet in its chunks."""

    def base_cells(self, measure: Measure, first_chunk: int, last_chunk: int) -> list[CellRow]:
        """The facts of a measure that no event explains any more, uncut."""

    def conversations_in(
        self, start: Micros, end: Micros, after: tuple[Micros, ConversationId] | None, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Conversations in which something may have happened in `[start, end)`, by last time and id, after a place."""

    def log(self, conversation: ConversationId) -> list[Event]:
        """All events of a conversation, in no particular order."""

    def names(self) -> dict[int, set[str]]:
        """The account's distinct names by family."""

    def counted_names(self) -> Iterator[tuple[int, str]]:
        """The names that the counters have, by family, some of them several times."""

    def pause(self) -> None:
        """Lets other tasks of the thread run. Work that computes for long calls it every few milliseconds."""

    # Without `damaged`, what is damaged raises `DamagedRowError`; with it, that is told of it, and the rest is read.

    def every_conversation(self, damaged: Report | None = None) -> Iterator[Filed]:
        """All conversations with their events, one after the other."""

    def check_settings(self, damaged: Report) -> None:
        """Reads every version of every widget's settings, only to tell of what is damaged."""

    def every_chunk(self, damaged: Report | None = None) -> Iterator[tuple[ChunkKey, bytes]]:
        """All chunks, one after the other."""

    def every_base(self) -> Iterator[State]:
        """What the purged events of each conversation led to, where any were."""

    def every_base_chunk(self, damaged: Report | None = None) -> Iterator[tuple[Measure, CellRow]]:
        """All facts that no event explains any more."""

    def every_delta(self, damaged: Report | None = None) -> Iterator[tuple[Measure, Leaf]]:
        """All that is counted but not yet in chunks."""

    def conversation_count(self) -> int:
        """How many conversations the account has."""


class Transaction(Snapshot, Protocol):
    """One account's part of a transaction that writes. What it reads stays true until the commit."""

    def recall(self) -> Any:
        """What `remember` left; None if nothing did. It may be older than the account's version."""

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Leaves something in memory for the next transactions of this account, once this one is committed.

        `weight` is about how many names it has: what is remembered of all accounts is bounded by it.

        They find it, or something older, or nothing: transactions elsewhere do not know of it.
        """

    def conversations(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations that are stored."""

    def mendable(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations whose row is readable as far as their log does not give it."""

    def discard(self, damages: Iterable[Damage]) -> None:
        """Removes damaged rows of the counters, and of what is not in them yet; what they counted must be added."""

    def erased(self, ids: Collection[ConversationId]) -> set[ConversationId]:
        """Those of the conversations that were erased."""

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""

    def event_count(self, conversation: ConversationId) -> int:
        """How many events of a conversation are in the log."""

    def due(self, until: Micros, limit: int) -> tuple[Micros, dict[ConversationId, Conversation]]:
        """The conversations whose limit is due by `until`, earliest first; about `limit` at most.

        Gives the instant up to which (inclusive) they are all there.
        """

    def due_count(self, until: Micros, limit: int) -> tuple[Micros, int]:
        """Up to which instant the first `limit` limits that are due by `until` reach, and how many are due by that."""

    def every_due(self, until: Micros) -> Iterator[tuple[ConversationId, Conversation]]:
        """All conversations whose limit is due by `until`, one after the other."""

    def due_states(self, until: Micros) -> Iterator[State]:
        """The states of all conversations whose limit is due by `until`."""

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]]) -> None:
        """Adds events that are not in the log."""

    def put_conversations(self, rows: Mapping[ConversationId, Conversation]) -> None:
        """Stores conversations; where a limit runs, with its instant."""

    def conversations_before(
        self, horizon: Micros, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Conversations that began before `horizon`, by id, after one, at most `limit`."""

    def remove_events(self, conversation: ConversationId, events: Iterable[EventId]) -> None:
        """Removes events from the log."""

    def remove_conversation(self, conversation: ConversationId) -> None:
        """Removes a conversation and its events, and leaves a tombstone."""

    def add_base(self, changes: Deltas) -> None:
        """Adds facts that no event explains any more."""

    def correct_cells(self, chunks: Mapping[ChunkKey, Slots]) -> None:
        """Adds signed corrections to the counters, and compacts all deltas with them."""

    def raise_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon, never backwards."""

    def lower_horizon(self, instant: Micros) -> None:
        """Takes the account's horizon back. Nothing that was purged may lie at or after `instant`."""

    def add_deltas(self, changes: Deltas) -> None:
        """Counts: the next query sees it, and `compact` moves it into chunks later."""

    def compact(self, measure: Measure, leaves_max: int, chunks_max: int = 4_000) -> int:
        """Moves deltas of a measure into its chunks, oldest first: about `leaves_max` leaves, of a number of chunks.

        Gives by how many leaves fewer there are. No answer changes.
        """

    def add_names(self, names: Names) -> None:
        """Adds names that are not there yet."""

    def free_names(self, names: Names) -> None:
        """Removes names, and tells everyone who remembers them."""

    def put_names_max(self, names_max: int | None) -> None:
        """Sets the account's own bound on distinct names; None takes the one of the settings."""

    def raise_high_water(self, instant: Micros) -> None:
        """Moves the account's high-water mark, never backwards."""

    def put_widget_version(self, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""

    def put_time_zone(self, time_zone: str) -> None:
        """Sets the account's time zone."""

    def bump_version(self) -> None:
        """Tells readers that the account has changed. Before `add_deltas`, which is filed under the new version."""


class Store(Protocol):
    """A database."""

    merges_accounts: bool
    """Whether there is one writer for all accounts: a `write` may have works of several of them, and happens after all
    that were asked for before it. If not, each `write` is of one account."""
    writes_at_once: int
    """How many `write`s to ask for at the same time: of one writer, so that it always has the next; else as many as
    get on beside one another, of different accounts."""
    reads_at_once: int
    """How many `read`s get on beside one another."""

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view, in another thread than the event loop's.

        Raises:
            UnavailableError: the database does not answer.
        """

    async def glance(self, account: AccountId, work: Callable[[Snapshot], T]) -> T | None:
        """Runs `work` on one consistent view, in the event loop; None from a database that has to be waited for.

        While it computes nothing else runs: it is for work of a millisecond or two.

        Raises:
            UnavailableError: the database does not answer.
        """

    async def write(self, works: Sequence[tuple[AccountId, Callable[[Transaction], T]]]) -> list[T]:
        """Runs all of `works` and commits them together; if that fails, none of them has happened.

        They are of one account unless the store `merges_accounts`. Writers of one account wait for one another, in this
        process and in every other: a work sees all that was committed before it.

        A work may run more than once, so it must not keep anything outside of the transaction.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """

    async def upkeep(self, account: AccountId, work: Callable[[Transaction], T]) -> T | None:
        """Runs `work` as `write` does; None if another server is at the account's upkeep just now.

        What every server does by itself, one of them is to do. `work` still has to look whether it is done already.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """

    async def standing(self, account: AccountId) -> Standing:
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

    async def compactable(self) -> list[tuple[AccountId, Measure, int]]:
        """Every measure that has deltas, with how many leaves."""

    async def ping(self) -> None:
        """Answers if the database does.

        Raises:
            UnavailableError: it does not.
        """
