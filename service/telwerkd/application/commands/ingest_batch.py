"""Storing and counting an account's events in one transaction: the step from events to counters.

A transaction adds the new events to the log (`admission` judges which are new), steps their conversations' states (or
folds again from the log, where an event is late or takes another back), and adds the difference of the facts to the
counters; so they are true of the same events at every commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from operator import attrgetter, ge
from typing import NamedTuple, Protocol

from telwerkd.application.batches import IngestLimits, Postponable, Rejected, Submitted
from telwerkd.application.commands.admission import Admission, AdmissionTransaction
from telwerkd.application.ports import Command, Conversation, FoldingTransaction, IngestPort, NameWrites
from telwerkd.domain.catalogue.specs import SPECS
from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.conversation.events import Event, PreChatSurveyCompleted, Retracted
from telwerkd.domain.conversation.facts import Change, FactChange
from telwerkd.domain.conversation.fold import fold, follows, run
from telwerkd.domain.conversation.response_timer import settle
from telwerkd.domain.conversation.state import State, empty
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.errors import Reason, RequestPart
from telwerkd.domain.ids import EPOCH, ConversationId, EventId, Micros
from telwerkd.process.monotonic_clock import monotonic

_ORDER = attrgetter("order")


REFOLDED_EVENTS_MAX = 5_000
"""Logged events that one transaction folds again for late ones, unless a single conversation has more."""

_PAUSE_EVENTS = 250
"""Events after which a transaction lets other tasks of its thread run."""

_EFFECTS_AT_ONCE = 1_000
"""Effects that are summed up before it does so."""


class IngestTransaction(AdmissionTransaction, FoldingTransaction, IngestPort, NameWrites, Protocol):
    """The reads and writes of judging, storing and counting events."""


@dataclass(frozen=True, slots=True)
class IngestBatch(Command[list[list[Postponable]]]):
    """Stores and counts an account's batches of events.

    Every transaction finishes at least one conversation, so no event is postponed for ever.
    """

    batches: Sequence[Sequence[Submitted]]
    limits: IngestLimits
    seconds_max: float = inf
    """After this time the conversations that have not been reached are left to a later transaction."""
    refolded_events_max: int = REFOLDED_EVENTS_MAX
    now: Micros = EPOCH
    """When they are accepted, as far as is known (R-ASOF-1)."""

    def run(self, tx: IngestTransaction) -> list[list[Postponable]]:
        """Returns the verdict on each event, by batch."""
        return _ingest(self, tx)


def _ingest(command: IngestBatch, tx: IngestTransaction) -> list[list[Postponable]]:
    end = monotonic() + command.seconds_max
    batches, limits = command.batches, command.limits
    admission = Admission(tx, batches, limits)
    stored = admission.stored
    outcomes = [admission.judge(batch) for batch in batches]
    accepted = admission.accepted()
    changed: dict[ConversationId, Conversation] = {}
    if accepted:
        counting = _Counting(tx, limits, command.refolded_events_max)
        for index, (conversation, events) in enumerate(accepted.items()):
            if changed and monotonic() > end:
                counting.postponed.update(islice(accepted, index, None))
                break
            row = counting.advance(conversation, stored.get(conversation), events)
            if row is not None:
                changed[conversation] = row
        if counting.refused or counting.postponed:
            outcomes = [_revised(counting, batch, of_batch) for batch, of_batch in zip(batches, outcomes, strict=True)]
            accepted = {conversation: accepted[conversation] for conversation in changed}
        if changed:
            mark = tx.account().mark(command.now)
            tx.add_events(accepted, mark)
            tx.put_conversations(changed)
            tx.add_names(admission.new_names)
            tx.bump_version(mark)
            tx.add_deltas(counting.deltas)
        else:
            admission.new_names.clear()
    known = admission.known(changed)
    tx.remember(known, known.weight)
    return outcomes


def _revised(counting: "_Counting", batch: Sequence[Submitted], outcomes: Sequence[Postponable]) -> list[Postponable]:
    """Returns the verdicts with postponements (None) and refusals that were found when conversations were advanced."""
    return [
        None
        if submitted.conversation in counting.postponed
        else counting.refused.get((submitted.conversation, submitted.event.event_id), outcome)
        for submitted, outcome in zip(batch, outcomes, strict=True)
    ]


class _Next(NamedTuple):
    """A conversation's next state, and the effects to subtract and to add."""

    state: State
    gone: Sequence[Effect]
    come: Sequence[Effect]
    held: int
    """The number of pre-chat answers held back at any time, as far as known."""

    @property
    def pending(self) -> int:
        """The number of facts held back, or of awaited events, whichever is larger."""
        return max(self.held, len(self.state.held), len(self.state.awaited))


class _Counting:
    """Advances the conversations of a transaction, and sums up the changes of facts."""

    def __init__(self, tx: IngestTransaction, limits: IngestLimits, refolded_events_max: int) -> None:
        self._tx = tx
        self._limits = limits
        self._now = tx.account().high_water
        self._new = empty(tx.account().rules_target)
        self._refolded = 0
        self._refolded_max = refolded_events_max
        self._since_pause = 0
        self.deltas = Deltas(tx.opening_hours)
        self.postponed: set[ConversationId] = set()
        """Conversations that are left to a later transaction."""
        self.refused: dict[tuple[ConversationId, EventId], Rejected] = {}

    def advance(
        self, conversation: ConversationId, before: Conversation | None, events: list[Event]
    ) -> Conversation | None:
        """Returns the conversation with `events` added; None if it does not change. Removes refused events of them."""
        self._pause(len(events))
        if len(events) > 1:
            times = [event.occur_time for event in events]
            # Each later than the one before, as most batches are, they are in order.
            if any(map(ge, times, times[1:])):
                events.sort(key=_ORDER)
        if before is None:
            before = Conversation.begun(self._new, events[0].occur_time, events[-1].occur_time, 0)
        if before.state.timer is not None:
            # If it is due by now, it is counted already.
            before, _ = before.settled(self._now)
        count = before.events
        after = _stepped(before.state, events, self._now)
        if after is None or len(after.state.held) > max(self._limits.conversation_pending_max, len(before.state.held)):
            log = self._log(conversation, before)
            if log is None:
                self.postponed.add(conversation)
                return None
            after, count = self._folded(conversation, before, log, events), len(log)
            if not events:
                return None
        self._count(after.come)
        if after.gone:
            self._count(after.gone, -1)
        if count is None:
            count = self._tx.event_count(conversation)
        return before.advanced(after.state, (events[0].occur_time, events[-1].occur_time), count + len(events))

    def _count(self, effects: Sequence[Effect], times: int = 1) -> None:
        """Sums up effects; those of a long log in pieces."""
        if len(effects) <= _EFFECTS_AT_ONCE:
            self.deltas.add_effects(effects, times)
            return
        for start in range(0, len(effects), _EFFECTS_AT_ONCE):
            self.deltas.add_effects(effects[start : start + _EFFECTS_AT_ONCE], times)
            self._tx.pause()

    def _log(self, conversation: ConversationId, before: Conversation) -> list[Event] | None:
        """Returns the conversation's log; None if this transaction has reached its limit of events to refold."""
        if before.events == 0:
            return []
        size = before.events if before.events is not None else self._tx.event_count(conversation)
        if self._refolded and self._refolded + size > self._refolded_max:
            return None
        self._refolded += size
        self._tx.note_refold(size)
        return self._tx.log(conversation)

    def _folded(
        self, conversation: ConversationId, before: Conversation, log: list[Event], events: list[Event]
    ) -> _Next:
        """Returns the state with `events` folded in; refuses those that exceed `conversation_pending_max`."""
        most = self._limits.conversation_pending_max
        earlier = self._fold(before.base, log)
        after = self._fold(before.base, [*log, *events])
        for room in (most - earlier.pending, 0):
            if after.pending <= max(most, earlier.pending):
                break
            for event in _beyond(events, room):
                self.refused[conversation, event.event_id] = _too_much_pending(conversation, most)
                events.remove(event)
            after = self._fold(before.base, [*log, *events])
        return after._replace(gone=earlier.come)

    def _fold(self, base: State, log: list[Event]) -> _Next:
        state, effects = fold(base, log, self._now, self._tx.pause)
        held = sum(
            type(effect) is FactChange and effect.change is Change.HELD and SPECS[effect.fact.kpi].holds_back_many
            for effect in effects
        )
        return _Next(state, (), effects, held)

    def _pause(self, events: int) -> None:
        self._since_pause += events
        if self._since_pause >= _PAUSE_EVENTS:
            self._since_pause = 0
            self._tx.pause()


def _stepped(state: State, events: Sequence[Event], now: Micros) -> _Next | None:
    """Returns the state after stepping through sorted `events`; None if one of them does not follow the state."""
    if not follows(state, events):
        return None
    state, effects = run(state, events)
    state, settled = settle(state, now)
    effects += settled
    return _Next(state, (), effects, 0)


def _beyond(events: Sequence[Event], room: int) -> list[Event]:
    """Returns the events that add pending facts or retractions, from the first on that does not fit into `room`."""
    beyond: list[Event] = []
    for event in events:
        if not isinstance(event.kind, PreChatSurveyCompleted | Retracted):
            continue
        room -= len(event.kind.answers) if isinstance(event.kind, PreChatSurveyCompleted) else 1
        if room < 0:
            beyond.append(event)
    return beyond


def _too_much_pending(conversation: ConversationId, most: int) -> Rejected:
    return Rejected(
        Reason.CONVERSATION_FULL,
        RequestPart.CONVERSATION,
        f"conversation {conversation!r} would hold back more than {most} pre-chat answers, or await more than {most} "
        "retracted events (conversation_pending_max)",
    )
