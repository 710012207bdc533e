"""Taking events in: group commit, verdicts, and the step from events to counters.

Batches of all calls that arrive while a transaction runs go into the next one. Where the database takes several
transactions at once, each is of one account, and an account waits only for itself. A transaction adds the new events to
the log, steps their conversations' states (or folds again from the log, where an event is late or takes another back),
and adds the difference of the facts to the counters; so they are true of the same events at every commit.
"""

import asyncio
import enum
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from operator import attrgetter, ge
from typing import Any, NamedTuple

import msgspec

from telwerkd.application.names import FAMILY_TEXT, names_of
from telwerkd.application.ports import Account, Conversation, Store, Transaction
from telwerkd.domain.conversation import EMPTY, State, fold, follows, run, settle
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.events import Event, Kind
from telwerkd.domain.ids import SECOND, AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.domain.leaves import Deltas
from telwerkd.domain.settings import Widgets

_NEVER = -1

_AHEAD_EVENTS_MIN = 500
"""Waiting events that are sent to a store's one writer while it is at another transaction, so that it goes on at once.

Of fewer, more had better come together first: a commit takes as long as a hundred events and more.
"""

_ORDER = attrgetter("order")


class IngestLimits(msgspec.Struct, frozen=True):
    """What one account and one transaction may hold."""

    names_max: int = 10_000
    """Distinct names of each family (operators, values of a KPI, ...) in one account."""
    transaction_events_max: int = 10_000
    """Events after which a transaction takes no further batch."""
    waiting_events_max: int = 200_000
    """Events waiting to be stored, of all calls together, after which calls are turned away."""


class Verdict(enum.Enum):
    """What became of an event that was not refused; `Rejected` is the third verdict, with its reason."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


class Rejected(NamedTuple):
    """Why an event was refused."""

    reason: Reason
    field: str
    message: str


class Submitted(msgspec.Struct, frozen=True, gc=False):
    """An event to be taken in, valid in itself."""

    conversation: ConversationId
    event: Event
    url: str | None = None
    """The page of a `PageVisited`."""


class Batch(list[Submitted]):
    """Events that come together. Pickled by columns, which takes 0.5 µs an event both ways instead of 1.1."""

    def __reduce__(self) -> tuple[Callable[..., "Batch"], tuple[list[object], ...]]:
        events = [submitted.event for submitted in self]
        return _batch, (
            [submitted.conversation for submitted in self],
            [submitted.url for submitted in self],
            [event.event_id for event in events],
            [event.occur_time for event in events],
            [event.sequence for event in events],
            [event.widget_id for event in events],
            [event.kind for event in events],
        )


def _batch(
    conversations: list[ConversationId],
    urls: list[str | None],
    *columns_of_events: list[Any],
) -> Batch:
    return Batch(map(Submitted, conversations, map(Event, *columns_of_events), urls))


Outcomes = list[Verdict | Rejected]


class Ingest:
    """Takes batches in, in the order in which they come. Start with `run` in a task of its own."""

    def __init__(self, store: Store, limits: IngestLimits) -> None:
        self._store = store
        self._limits = limits
        # Accounts in the order of their turns.
        self._waiting: dict[AccountId, list[_Pending]] = {}
        self._waiting_events = 0
        self._committing: dict[asyncio.Task[None], set[AccountId]] = {}
        self._committing_events: dict[asyncio.Task[None], int] = {}
        self._wake = asyncio.Event()
        self._closing = False

    async def submit(self, account: AccountId, events: Sequence[Submitted]) -> Outcomes:
        """Stores and counts events; answers after the commit, in their order.

        A caller that goes away does not undo anything: sending the batch again gives the same, as duplicates.

        Raises:
            UnavailableError: too much is waiting, the server is stopping, or the database did not take the batch.
                Whether it was stored is then unknown, and sending it again is safe.
        """
        if self._closing:
            raise UnavailableError(Reason.SHUTTING_DOWN, "the server is stopping", 1.0)
        if self._waiting_events and self._waiting_events + len(events) > self._limits.waiting_events_max:
            raise UnavailableError(
                Reason.OVERLOADED,
                f"{self._waiting_events} events are waiting to be stored, at most "
                f"{self._limits.waiting_events_max} (waiting_events_max) may",
                0.5,
            )
        batch = _Pending(account, events, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(account, []).append(batch)
        self._waiting_events += len(events)
        self._wake.set()
        return await batch.verdicts

    async def run(self) -> None:
        """Commits what is submitted until `close`."""
        while not (self._closing and not self._waiting and not self._committing):
            self._wake.clear()
            batches = self._take()
            if not batches:
                await self._wake.wait()
                continue
            task = asyncio.create_task(self._commit(batches), name="commit")
            self._committing[task] = {batch.account for batch in batches}
            self._committing_events[task] = sum(len(batch.events) for batch in batches)
            task.add_done_callback(self._committed)

    def close(self) -> None:
        """Takes nothing more in; `run` ends when what was submitted is stored."""
        self._closing = True
        self._wake.set()

    @property
    def unstored_events(self) -> int:
        """Events that were submitted and not yet stored or refused, whether their caller still waits or not."""
        return self._waiting_events + sum(self._committing_events.values())

    def _committed(self, task: asyncio.Task[None]) -> None:
        del self._committing[task]
        del self._committing_events[task]
        self._wake.set()

    def _take(self) -> list["_Pending"]:
        """The batches of the next transaction, of each account in order; none if no transaction can begin now."""
        if len(self._committing) >= self._store.writes_at_once:
            return []
        busy = set[AccountId]()
        if not self._store.merges_accounts:
            busy.update(*self._committing.values())
        elif self._committing and self._waiting_events < _AHEAD_EVENTS_MIN:
            return []
        taken: list[_Pending] = []
        for account in [account for account in self._waiting if account not in busy]:
            room = self._limits.transaction_events_max - sum(len(batch.events) for batch in taken)
            if taken and (room <= 0 or not self._store.merges_accounts):
                break
            taken += self._take_of(account, room)
        self._waiting_events -= sum(len(batch.events) for batch in taken)
        return taken

    def _take_of(self, account: AccountId, room: int) -> list["_Pending"]:
        """The account's first batches, at least one; the others wait for its next turn."""
        batches = self._waiting.pop(account)
        count, events = 1, len(batches[0].events)
        while count < len(batches) and events + len(batches[count].events) <= room:
            events += len(batches[count].events)
            count += 1
        if count < len(batches):
            self._waiting[account] = batches[count:]
        return batches[:count]

    async def _commit(self, batches: list["_Pending"]) -> None:
        try:
            await self._store_together(batches)
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to those who wait for it
            if len(batches) == 1 or isinstance(error, UnavailableError):
                for batch in batches:
                    batch.fail(error)
                return
            # One batch must not sink the others that happened to come along with it. What was on the way behind them is
            # stored first then: after a defect the order is another, and the counters are the same.
            for batch in batches:
                await self._commit([batch])

    async def _store_together(self, batches: list["_Pending"]) -> None:
        by_account: dict[AccountId, list[_Pending]] = {}
        for batch in batches:
            by_account.setdefault(batch.account, []).append(batch)
        works = [
            (account, partial(take_in, [batch.events for batch in of_account], self._limits))
            for account, of_account in by_account.items()
        ]
        results = await self._store.write(works)
        for of_account, outcomes_of in zip(by_account.values(), results, strict=True):
            for batch, outcomes in zip(of_account, outcomes_of, strict=True):
                batch.answer(outcomes)


class _Pending(NamedTuple):
    account: AccountId
    events: Sequence[Submitted]
    verdicts: asyncio.Future[Outcomes]

    def answer(self, outcomes: Outcomes) -> None:
        with suppress(asyncio.InvalidStateError):  # the caller has gone
            self.verdicts.set_result(outcomes)

    def fail(self, error: Exception) -> None:
        if not self.verdicts.done():
            self.verdicts.set_exception(error)


class _Known(NamedTuple):
    """What one transaction of an account leaves for the next, each as of one of its versions."""

    version: int
    names: dict[int, set[str]]
    """None ever goes, but other servers may have added some since."""
    settings_version: int
    widgets: Widgets


def take_in(batches: Sequence[Sequence[Submitted]], limits: IngestLimits, tx: Transaction) -> list[Outcomes]:
    """Stores and counts an account's batches in a transaction; gives what became of the events of each."""
    account = tx.account()
    ids = {s.conversation for batch in batches for s in batch}
    stored = tx.conversations(ids)
    admission = _Admission(tx, batches, ids, set(stored), account, limits)
    outcomes = [admission.judge(batch) for batch in batches]
    accepted = admission.accepted()
    if accepted:
        deltas = Deltas()
        changed = {
            conversation: _advance(tx, conversation, stored.get(conversation), events, account.high_water, deltas)
            for conversation, events in accepted.items()
        }
        tx.add_events(accepted)
        tx.put_conversations(changed)
        tx.add_names(admission.new_names)
        tx.bump_version()
        tx.add_deltas(deltas)
    tx.remember(admission.known())
    return outcomes


def _advance(
    tx: Transaction,
    conversation: ConversationId,
    before: Conversation | None,
    events: list[Event],
    now: Micros,
    deltas: Deltas,
) -> Conversation:
    """The conversation with `events` added; what they change goes into `deltas`."""
    times = [event.occur_time for event in events]
    # Each later than the one before, as most batches are, they are in order.
    if any(map(ge, times, times[1:])):
        events.sort(key=_ORDER)
    first_time, last_time = events[0].occur_time, events[-1].occur_time
    if before is None:
        before = Conversation(EMPTY, EMPTY, first_time, last_time)
    state = _stepped(before.state, events, now, deltas)
    if state is None:
        log = tx.log(conversation) if before.state is not EMPTY else []
        state = _folded_again(before.base, log, events, now, deltas)
    # A limit's instant can lie after every event: running, it is in the state; settled, it is the state's place.
    due = state.limit.due if state.limit else Micros(state.order[0])
    last_time = max(last_time, due, before.last_time)
    return Conversation(state, before.base, min(first_time, before.first_time), last_time)


def _stepped(state: State, events: Sequence[Event], now: Micros, deltas: Deltas) -> State | None:
    """The state with `events`, which are sorted, stepped onto it; None if one of them does not follow."""
    if not follows(state, events):
        return None
    state, effects = run(state, events)
    deltas.add_effects(effects)
    state, settled = settle(state, now)
    deltas.add_effects(settled)
    return state


def _folded_again(base: State, log: list[Event], events: list[Event], now: Micros, deltas: Deltas) -> State:
    """Folds the log without and with `events`; the difference of the facts goes into `deltas`."""
    _, before = fold(base, log, now)
    state, after = fold(base, [*log, *events], now)
    deltas.add_effects(before, -1)
    deltas.add_effects(after)
    return state


class _Log(NamedTuple):
    """A conversation's events, as far as they matter here."""

    present: dict[EventId, Event]
    """Those with the ids that were sent, stored or accepted."""
    accepted: list[Event]


class _Admission:
    """Judges the events of an account's batches, one after the other."""

    def __init__(
        self,
        tx: Transaction,
        batches: Sequence[Sequence[Submitted]],
        ids: set[ConversationId],
        stored: set[ConversationId],
        account: Account,
        limits: IngestLimits,
    ) -> None:
        self._logs = {conversation: _Log({}, []) for conversation in ids}
        # A conversation that is not stored has no events either.
        if stored:
            keys = {(s.conversation, s.event.event_id) for batch in batches for s in batch if s.conversation in stored}
            for (conversation, event_id), event in tx.stored(keys).items():
                self._logs[conversation].present[event_id] = event
        new = ids - stored
        self._erased = tx.erased(new) if new else set()
        self._horizon = account.horizon
        known: _Known | None = tx.recall()
        if known is not None and known.settings_version == account.version:
            self._widgets = known.widgets
        else:
            self._widgets = Widgets(tx.widget_versions())
        self._tx = tx
        self._known, self._known_at = (known.names, known.version) if known else ({}, _NEVER)
        self._version = account.version
        self._limits = limits
        self.new_names: dict[int, set[str]] = {}
        # Widgets and contents all of whose names are known: most events bring nothing else.
        self._familiar: set[WidgetId | Kind] = set()

    def judge(self, batch: Sequence[Submitted]) -> Outcomes:
        """The verdicts on a batch; an event that is accepted is resolved by the settings that hold now."""
        return [self._judge(submitted.conversation, submitted.event, submitted.url) for submitted in batch]

    def _judge(self, conversation: ConversationId, event: Event, url: str | None) -> Verdict | Rejected:
        log = self._logs[conversation]
        present = log.present.get(event.event_id)
        if present is not None:
            return _sent_again(conversation, present, event)
        if conversation in self._erased or event.occur_time < self._horizon:
            return self._gone(conversation, event)
        event = self._widgets.resolve(event, url)
        familiar = self._familiar
        if event.widget_id not in familiar or event.kind not in familiar:
            refused = self._names(event)
            if refused:
                return refused
            familiar.update((event.widget_id, event.kind))
        log.present[event.event_id] = event
        log.accepted.append(event)
        return Verdict.ACCEPTED

    def accepted(self) -> dict[ConversationId, list[Event]]:
        """The events that were accepted, in the order in which they came."""
        return {conversation: log.accepted for conversation, log in self._logs.items() if log.accepted}

    def known(self) -> _Known:
        """The account's names, with those that are new, and its settings."""
        version = self._tx.account().version
        added = {family: self._known.get(family, set()) | new for family, new in self.new_names.items()}
        # What others have added since is still not in it, if nothing made us look.
        names_at = version if self._known_at == self._version else self._known_at
        return _Known(names_at, {**self._known, **added}, version, self._widgets)

    def _gone(self, conversation: ConversationId, event: Event) -> Rejected:
        """Refuses what was counted or erased already, so that sending it again cannot count twice."""
        if conversation in self._erased:
            return Rejected(Reason.CONVERSATION_ERASED, "conversation_id", f"conversation {conversation!r} was erased")
        return Rejected(
            Reason.BEFORE_HORIZON,
            "occur_time",
            f"lies {(self._horizon - event.occur_time) / SECOND:.0f} s before the account's retention horizon: "
            "what happened then is counted, and purged",
        )

    def _names(self, event: Event) -> Rejected | None:
        new: list[tuple[int, str]] = []
        for family, name in names_of(event):
            if self._is_known(family, name) or (family, name) in new:
                continue
            new.append((family, name))
            known, added = self._known.get(family, ()), self.new_names.get(family, ())
            count = len(known) + len(added) + sum(f == family for f, _ in new)
            if count > self._limits.names_max:
                text = FAMILY_TEXT[family]
                return Rejected(
                    Reason.TOO_MANY_VALUES,
                    "",
                    f"the account has {len(known) + len(added)} distinct {text} already, and at most "
                    f"{self._limits.names_max} (names_max) are kept apart",
                )
        for family, name in new:
            self.new_names.setdefault(family, set()).add(name)
        return None

    def _is_known(self, family: int, name: str) -> bool:
        if name in self._known.get(family, ()) or name in self.new_names.get(family, ()):
            return True
        if self._known_at == self._version:
            return False
        # It may be another server that brought this name, and others that count against the limit.
        self._known, self._known_at = self._tx.names(), self._version
        return name in self._known.get(family, ())


def _sent_again(conversation: ConversationId, present: Event, event: Event) -> Verdict | Rejected:
    if present.same_content(event):
        return Verdict.DUPLICATE
    return Rejected(
        Reason.EVENT_ID_REUSED,
        "event_id",
        f"event {event.event_id!r} of conversation {conversation!r} is already stored with another content; "
        "nothing was changed: choose another event_id, or retract the stored event",
    )
