"""Recounting an account's conversations by another version of the rules, in transactions of bounded size.

`AimAtRules` sets the target version. From then on new conversations begin with it, and `Recount` brings the others to
it, some at a time, during ingest: a conversation's state has the version that it is counted by, so that only counted
facts are taken back. `EndRecount` checks that none is left, and records the end. Each may be interrupted after any
transaction, and started again.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from telwerkd.application.commands.chunk_merging import CorrectingTransaction, correct_counters
from telwerkd.application.ports import (
    Account,
    AccountWrites,
    BaseFactWrites,
    Command,
    Conversation,
    FoldingTransaction,
    RecountPort,
    StoredChunk,
    WidgetsView,
)
from telwerkd.application.sharing.long_work import STEP_CONVERSATIONS_MAX, STEP_EVENTS_MAX, STEP_SECONDS_MAX, Step
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.rules_versions import by_rules, kpis_beyond
from telwerkd.domain.conversation.settings import Widgets
from telwerkd.domain.conversation.state import CURRENT_RULES, PART_ONE, State, empty
from telwerkd.domain.counting.counters import ChunkKey, Slots, chunk_deltas
from telwerkd.domain.counting.deltas import DeltaEntries, Deltas
from telwerkd.domain.counting.measures import Measure, counts_of
from telwerkd.domain.counting.reading import entries_of_chunk, unpacked
from telwerkd.domain.ids import ConversationId, Micros
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS

REMOVED_CHUNKS_MAX = 500
"""Chunks of base facts removed in one transaction."""


class RecountTransaction(FoldingTransaction, WidgetsView, RecountPort, Protocol):
    """The reads and writes of folding conversations by other rules, and counting the differences."""


class EndingTransaction(AccountWrites, RecountPort, BaseFactWrites, CorrectingTransaction, Protocol):
    """The reads and writes of checking that a recount is complete, and of removing base facts."""


@dataclass(frozen=True, slots=True)
class AimAtRules(Command[Account]):
    """Sets the version of the rules by which an account is to be counted."""

    rules_max: int | None = None
    """The newest version that the account wants; None: the newest of the program."""
    is_wish: bool = False
    """Whether `rules_max` is set; else the account's earlier one is kept."""

    def run(self, tx: AccountWrites) -> Account:
        """Returns the account as it is then."""
        account = tx.account()
        rules_max = self.rules_max if self.is_wish else account.rules_max
        target = CURRENT_RULES if rules_max is None else min(rules_max, CURRENT_RULES)
        if (target, rules_max) != (account.rules_target, account.rules_max):
            # At once: what the account does not want any more is not answered while it is taken out.
            tx.put_rules(min(account.rules_version, target), target, rules_max, account.known_from)
            tx.bump_version()
        return tx.account()


class Recounted(NamedTuple):
    """The result of one transaction of a recount."""

    conversations: int
    last: ConversationId | None
    """The last conversation; None if there are no more."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Recount(Command[Recounted]):
    """Recounts some of an account's conversations by its target version of the rules."""

    after: ConversationId
    """Conversations up to this one are counted by it already."""
    conversations_max: int = STEP_CONVERSATIONS_MAX
    events_max: int = STEP_EVENTS_MAX
    seconds_max: float = STEP_SECONDS_MAX

    def run(self, tx: RecountTransaction) -> Recounted:
        """Returns how far it has come."""
        return _recount(self, tx)


def _recount(command: Recount, tx: RecountTransaction) -> Recounted:
    step = Step(command.events_max, command.seconds_max)
    account = tx.account()
    rows = tx.counted_otherwise(account.rules_target, command.after, command.conversations_max)
    deltas = Deltas(tx.opening_hours)
    widgets = Widgets(tx.widget_versions())
    changed: dict[ConversationId, Conversation] = {}
    known_from = account.known_from
    for conversation, row in rows:
        log = tx.log(conversation)
        if not step.takes(len(log)):
            break
        base = by_rules(row.base, account.rules_target)
        deltas.add_effects(fold(row.base, log, account.high_water, tx.pause)[1], -1)
        if widgets.have_schedules and account.rules_target > PART_ONE:
            log = _with_schedules(tx, conversation, log, widgets)
        state, come = fold(base, log, account.high_water, tx.pause)
        deltas.add_effects(come)
        changed[conversation] = row._replace(base=base).advanced(state, (), len(log))
        known_from = max(known_from, _lost_until(row.base))
    if changed:
        tx.put_conversations(changed)
        if known_from > account.known_from:
            tx.put_rules(account.rules_version, account.rules_target, account.rules_max, known_from)
        tx.bump_version()
        tx.add_deltas(deltas)
    return Recounted(len(changed), max(changed, default=None), step.seconds)


def _with_schedules(tx: RecountPort, conversation: ConversationId, log: list[Event], widgets: Widgets) -> list[Event]:
    """Returns the log with opening hours added to events that were accepted before there were any (R-SERVICE-2).

    An event that has opening hours keeps them.
    """
    older = tx.unmarked_events(conversation)
    changed = {
        event.event_id: resolved
        for event in log
        if event.event_id in older and not event.schedule and (resolved := widgets.with_schedule(event)) is not event
    }
    if changed:
        tx.replace_events(conversation, list(changed.values()))
    return [changed.get(event.event_id, event) for event in log]


def _lost_until(base: State) -> Micros:
    """Returns the instant before which all lies that was purged of a conversation (R-ANEW-7)."""
    return Micros(0) if base == empty(base.rules) else Micros(base.order[0] + 1)


class Left(enum.Enum):
    """What remains to be done in a recount of an account."""

    NOTHING = "nothing"
    CONVERSATIONS = "conversations that are counted by another"
    BASE_FACTS = "facts that no event explains any more, of KPIs that it does not have"


@dataclass(frozen=True, slots=True)
class EndRecount(Command[Left]):
    """Records that an account is completely counted by its target version of the rules, if it is.

    First, base facts of KPIs that this version does not have are removed, a bounded number at a time.
    """

    chunks_max: int = REMOVED_CHUNKS_MAX

    def run(self, tx: EndingTransaction) -> Left:
        """Returns what remains to be done; records the end if nothing does."""
        account = tx.account()
        target = account.rules_target
        if tx.counted_otherwise(target, ConversationId(""), 1):
            return Left.CONVERSATIONS
        if removed := tx.take_base_chunks(_counts_beyond(target), self.chunks_max):
            correct_counters(tx, _taken_out(removed))
            known_from = max(account.known_from, _facts_end(removed))
            tx.put_rules(account.rules_version, target, account.rules_max, known_from)
            tx.bump_version()
            return Left.BASE_FACTS
        if account.rules_version < target:
            known_from = max(account.known_from, _facts_end(tx.every_base_chunk()))
            tx.put_rules(target, target, account.rules_max, known_from)
            tx.bump_version()
        return Left.NOTHING


def _counts_beyond(rules: int) -> list[Measure]:
    """Returns the measures that a version of the rules does not have."""
    return [measure for kpi in kpis_beyond(rules) for measure in counts_of(kpi)]


def _taken_out(removed: Sequence[tuple[Measure, StoredChunk]]) -> dict[ChunkKey, Slots]:
    """Returns what the counters have less without facts."""
    less: dict[ChunkKey, Slots] = {}
    for measure, row in removed:
        entries = entries_of_chunk(measure, row.chunk, row[1:5], row.cells)
        for key, slots in chunk_deltas(measure, DeltaEntries.of(entries)).items():
            of_key = less.setdefault(key, {})
            for slot, n in slots.items():
                of_key[slot] = of_key.get(slot, 0) - n
    return less


def _facts_end(chunks: Iterable[tuple[Measure, StoredChunk]]) -> Micros:
    """Returns the end of the last quarter-hour of facts that no event explains any more (R-ANEW-9); 0 without any."""
    last = -1
    for measure, row in chunks:
        last = max(last, int(unpacked(measure, [row.chunk], [row.cells]).quarter_hour.max(initial=-1)))
    return Micros((last + 1) * QUARTER_HOUR_MICROS)
