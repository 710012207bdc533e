"""Erasing a conversation."""

from dataclasses import dataclass
from typing import NamedTuple

from telwerkd.application.commands.chunk_merging import add_base
from telwerkd.application.ports import AccountWrites, Command, RemovalTransaction
from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.conversation.facts import Change, FactChange
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.state import CURRENT_RULES
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.measures import is_service_time
from telwerkd.domain.ids import EPOCH, ConversationId, Micros


class Erased(NamedTuple):
    """The result of an erasure."""

    events: int
    facts: int
    """Facts of its events: removed from the counts, or anonymous from now on."""


@dataclass(frozen=True, slots=True)
class Erase(Command[Erased]):
    """Erases a conversation: events and state, and its counts or, if they are kept, their link to it."""

    conversation: ConversationId
    keep_counts: bool
    """Whether its counts stay, as anonymous facts."""
    now: Micros = EPOCH
    """The instant of the erasure: queries as of an earlier instant are refused from then on (R-ASOF-4)."""

    def run(self, tx: RemovalTransaction) -> Erased:
        """Returns what was erased."""
        return _erase(self, tx)


def _erase(command: Erase, tx: RemovalTransaction) -> Erased:
    conversation, keep_counts = command.conversation, command.keep_counts
    row = tx.conversations([conversation]).get(conversation)
    if row is None:
        tx.remove_conversation(conversation)
        return Erased(0, 0)
    log = tx.log(conversation)
    _, effects = fold(row.base, log, tx.account().high_water)
    # What is held back is no count yet, and nothing can release it any more: it goes in either case (R-KEEP-5).
    kept = [effect for effect in effects if keep_counts and not _holds(effect)]
    gone = [effect for effect in effects if not keep_counts or _holds(effect)]
    anonymous, removed = Deltas.sum_of(tx.opening_hours, (kept, 1)), Deltas.sum_of(tx.opening_hours, (gone, -1))
    tx.remove_conversation(conversation)
    if row.state.rules < CURRENT_RULES:
        _note_lost(tx, row.last_time if keep_counts else Micros(row.base.order[0]))  # what was purged stays in any case
    tx.note_removed(tx.account().mark(command.now))
    tx.bump_version()
    add_base(tx, anonymous)
    tx.add_deltas(removed)
    changes = (anonymous.by_measure(), removed.by_measure())
    # A duration in service time is no fact of its own.
    of_facts = (
        entries for by_measure in changes for measure, entries in by_measure.items() if not is_service_time(measure)
    )
    count = sum(abs(n) for entries in of_facts for *_, n in entries)
    return Erased(len(log), count)


def _note_lost(tx: AccountWrites, last_time: Micros) -> None:
    """Records that a conversation's facts by newer rules cannot be counted any more (R-ANEW-7, R-ANEW-9)."""
    account = tx.account()
    known_from = max(account.known_from, Micros(last_time + 1))
    tx.put_rules(account.rules_version, account.rules_target, account.rules_max, known_from)


def _holds(effect: Effect) -> bool:
    return isinstance(effect, FactChange) and effect.change in {Change.HELD, Change.RELEASED}
