"""Settling response timers that have passed, in transactions of bounded size."""

from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from telwerkd.application.commands.account_cache import CachingWrites, bump_version_keeping_cache
from telwerkd.application.ports import Command, Conversation, ConversationsPort, Pausing, TimersPort
from telwerkd.domain.conversation.response_timer import settle
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.ids import ConversationId, Micros

SETTLED_MAX = 500
"""Conversations settled in one transaction, so that ingest never waits long behind a backlog."""

SETTLED_SHARED_MAX = 100
"""Conversations settled by one transaction while several accounts call the server."""

TIES_MAX = 2_000
"""Limits due at one instant that are still settled in one transaction, rows and all."""


class SettlingTransaction(CachingWrites, ConversationsPort, TimersPort, Pausing, Protocol):
    """The reads and writes of settling response timers."""


@dataclass(frozen=True, slots=True)
class SettleTimers(Command[int]):
    """Counts an account's limits that are due by an instant, up to the size of one transaction."""

    now: Micros
    conversations_max: int = SETTLED_MAX
    ties_max: int = TIES_MAX

    def run(self, tx: SettlingTransaction) -> int:
        """Returns how many conversations were settled; `conversations_max` or more if some may be left."""
        return _settle(self, tx)


def _settle(command: SettleTimers, tx: SettlingTransaction) -> int:
    now, conversations_max = command.now, command.conversations_max
    # Not by `now`: it may have been another server that counted them, whose clock is ahead of this one's.
    high_water = tx.account().high_water
    counted = dict(islice(tx.every_due(high_water), conversations_max))
    if counted:
        tx.put_conversations({conversation: row.settled(high_water)[0] for conversation, row in counted.items()})
        # No count has changed, but the rows have.
        bump_version_keeping_cache(tx)
        return conversations_max
    until, count = tx.due_count(now, conversations_max)
    if count > max(command.ties_max, conversations_max):
        _count_ties(until, tx)
        return conversations_max
    until, due = tx.due(now, conversations_max)
    deltas = Deltas()
    changed: dict[ConversationId, Conversation] = {}
    for conversation, row in due.items():
        changed[conversation], effects = row.settled(until)
        deltas.add_effects(effects)
    if changed:
        tx.put_conversations(changed)
        tx.raise_high_water(until)
        bump_version_keeping_cache(tx)
        tx.add_deltas(deltas)
    return len(changed)


def _count_ties(until: Micros, tx: SettlingTransaction) -> None:
    """Counts limits that are due at the same instant in one transaction, and leaves their rows for later ones.

    The high-water mark requires that all limits of an instant are counted together. To read the states takes a tenth of
    the time to write them.
    """
    deltas = Deltas()
    for number, state in enumerate(tx.due_states(until), 1):
        deltas.add_effects(settle(state, until)[1])
        if not number % SETTLED_MAX:
            tx.pause()
    tx.raise_high_water(until)
    bump_version_keeping_cache(tx)
    tx.add_deltas(deltas)
