"""The rows that storage returns and takes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from telwerkd.domain.conversation.effects import Effects
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.response_timer import settle
from telwerkd.domain.conversation.state import CURRENT_RULES, State
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import ConversationId, EventId, Micros

EventKey = tuple[ConversationId, EventId]

Names = Mapping[int, Collection[str]]
"""Distinct names by family, see `telwerkd.application.names`."""


class Account(NamedTuple):
    """An account's row."""

    version: int
    """Grows by one with every transaction that changes what an answer may show (counters, rules, settings of widgets,
    time zone, display names), or a conversation's row or log: while it is the same, cached answers and
    `HotConversations` are valid. (Settling timers passes the latter on to its next value.) It stays when the bound on
    names or the horizon changes, names are freed, or deltas are compacted: these are read anew in every transaction."""
    high_water: Micros
    """Limits due at or before this instant are settled, later ones are not. Never runs backwards (R-CLOCK-1)."""
    time_zone: str | None
    horizon: Micros
    """Events before it were purged, and are refused. 0: none were."""
    names_max: int | None = None
    """Its own bound on distinct names; None: the one of the settings."""
    names_freed: int = 0
    """Grows whenever names are freed: what is remembered of them from before is out of date."""
    rules_version: int = CURRENT_RULES
    """The version of the rules that every conversation of it is counted by (R-ANEW-1)."""
    rules_target: int = CURRENT_RULES
    """The version that new conversations begin with, and the others are brought to."""
    rules_max: int | None = None
    """The newest version that it wants; None: the newest there is."""
    known_from: Micros = Micros(0)
    """What came with its newest rules is wholly counted of conversations that began from then on (R-ANEW-7). 0: of
    all."""
    accepted: Micros = Micros(0)
    """When its last event was accepted, and so before which instant none will be. Never runs backwards (R-ASOF-1)."""
    accepted_from: Micros | None = None
    """The acceptance time of the first event that has one; None if none has."""
    removed_at: Micros = Micros(0)
    """The instant of the last purge or erasure, on the time line of `accepted`; 0 if none is known."""

    def mark(self, now: Micros) -> Micros:
        """Returns the instant to record for a present action: `now`, but never before an earlier one."""
        return max(self.accepted, self.high_water, now)


class AnswerVersion(NamedTuple):
    """The version of an account's answers: while it is the same, only their `complete_until` changes."""

    version: int
    due: Micros | None
    """The earliest limit that is still open."""

    def complete_until(self, now: Micros) -> Micros:
        """Returns the instant before which no limit is open (R-NUM-6), doubted clock or not (R-CLOCK-8)."""
        return now if self.due is None else min(now, self.due)


class Conversation(NamedTuple):
    """A conversation's row."""

    state: State
    """What its events led to. A limit in it that is due by the account's high-water mark is counted already."""
    base: State
    """What its purged events led to; `empty` of its rules while all are there."""
    first_time: Micros
    last_time: Micros
    """Between these lies everything that ever happened in it."""
    events: int | None = None
    """How many are in its log; None in a row of an earlier schema that was not written since: count them."""

    # What makes a row valid: `due` is that of its state, and all that happened or will lies between its times.

    @property
    def due(self) -> Micros | None:
        """The instant at which its response timer is due; None where none runs."""
        return self.state.timer.due if self.state.timer else None

    @classmethod
    def begun(cls, state: State, first_time: Micros, last_time: Micros, events: int | None = None) -> "Conversation":
        """Returns the row of a conversation of which nothing was stored: `state` is that before its events."""
        return cls(state, state, first_time, last_time, events)

    def settled(self, now: Micros) -> tuple["Conversation", Effects]:
        """Returns the row with its timer counted if that is due by `now`, and what is counted by it."""
        state, effects = settle(self.state, now)
        return (self if state is self.state else self._replace(state=state)), effects

    def advanced(self, state: State, times: Iterable[Micros], events: int) -> "Conversation":
        """Returns the row with a later state, events at these times as well, and so many events in all."""
        first, last = self.first_time, max(self.last_time, state.reached)
        # Not by one `min` and one `max`: every event comes here, and they take twice as long.
        for time in times:
            if time < first:  # noqa: PLR1730
                first = time
            if time > last:  # noqa: PLR1730
                last = time
        return Conversation(state, self.base, first, max(first, last), events)

    def is_advanced(self, state: State, times: Sequence[Micros]) -> bool:
        """Whether the row agrees with `advanced`: it has this state, and its range of times holds these instants."""
        return (
            self.state == state
            and self.first_time <= min(times, default=self.first_time)
            and self.last_time >= max(*times, state.reached, self.first_time)
        )


class Filed(NamedTuple):
    """A conversation as stored: its row, the stored instant of its limit, and its events."""

    conversation: ConversationId
    row: Conversation
    due: Micros | None
    log: list[Event]
    is_source_whole: bool = True
    """Whether all of its events and its base are readable."""
    is_row_whole: bool = True
    """Whether the rest of its row is readable."""


class Damage(NamedTuple):
    """A damaged row, or a table that cannot be read from some row on."""

    table: str
    key: tuple[object, ...]
    """The key without the account; for an unreadable table, that of the last readable row."""
    why: str
    is_source: bool = False
    """Whether its content cannot be derived from other stored rows."""
    is_row: bool = True
    is_misfiled: bool = False
    """Whether it stands under the key of another row, whose is lost; its own key may be that of a whole row."""

    def __str__(self) -> str:
        where = "row" if self.is_row else "after row"
        return f"table {self.table}, {where} {', '.join(map(ascii, self.key)) or 'one'}: {self.why}"


class DamagedRowError(ValueError):
    """A stored row of an account is damaged."""

    def __init__(self, damage: Damage, account: str = "") -> None:
        super().__init__(damage, account)
        self.damage = damage
        self.account = account
        """Where it is known."""

    @property
    def without_ids(self) -> str:
        """The text for the log, without the row's key, which may have ids of conversations and people."""
        return f"damaged data of account {self.account!a}: table {self.damage.table} (`telwerkd verify` names the rows)"

    def __str__(self) -> str:
        return f"damaged data of account {self.account!a}: {self.damage} (`telwerkd verify` shows all)"


@contextmanager
def as_damage(table: str, *key: object) -> Iterator[None]:
    """Reports what the block cannot count as a damaged row: it was read whole, and has a value that nothing has.

    Raises:
        DamagedRowError: the block raised a ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise DamagedRowError(Damage(table, key, str(error))) from error


Report = Callable[[Damage], None]
"""A callback that receives each damage found. If it raises, reading ends."""


class SettingsBytes(NamedTuple):
    """The bytes of an account's settings and opening hours: all but one version, and that before and after a change.

    Each version counts as some hundred bytes more, because a reader of one reads all of them.
    """

    others: int
    before: int
    after: int


class StoredChunk(NamedTuple):
    """A chunk of a series, as stored."""

    chunk: int
    operator: str
    group: str
    widget: str
    value: str
    cells: bytes


class ChunkSelector(NamedTuple):
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
    """Limit on the rows read; which rows they are is undefined."""
