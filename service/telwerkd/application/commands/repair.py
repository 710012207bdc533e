"""Correcting the counters and states of an account by its log."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from telwerkd.application.commands.chunk_merging import CorrectingTransaction, correct_counters
from telwerkd.application.ports import (
    AccountWrites,
    Command,
    Conversation,
    ConversationsPort,
    Damage,
    LogView,
    NameWrites,
    RepairPort,
)
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.state import State, empty
from telwerkd.domain.counting.counters import ChunkKey, Slots
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import ConversationId, Micros


class RepairTransaction(
    AccountWrites, LogView, NameWrites, ConversationsPort, RepairPort, CorrectingTransaction, Protocol
):
    """The reads and writes of repairing everything that is derived from the log."""


@dataclass(frozen=True, slots=True)
class Repair(Command[None]):
    """Corrects counters and states by the log, as far as it is readable.

    The corrections are added to the counters as they are by then: they are linear, so events counted meanwhile stay
    counted.
    """

    states: Sequence[ConversationId]
    """Conversations whose row differs from the fold of their log."""
    damages: Sequence[Damage]
    corrections: Mapping[ChunkKey, Slots]
    """The numbers to add to the counters."""
    sources_damaged: bool
    """Whether something cannot be read that follows from nothing else."""
    names: Sequence[tuple[int, str]]
    """Distinct names that events use and that are not there, each after its family."""
    chunks: Collection[tuple[Measure, int]]
    """Chunks, by measure and number, whose version is not there."""

    def run(self, tx: RepairTransaction) -> None:
        """Stores it."""
        _repair(self, tx)


def _repair(command: Repair, tx: RepairTransaction) -> None:
    high_water = tx.account().high_water
    new = empty(tx.account().rules_target)
    rows = tx.mendable(command.states)
    logs = {conversation: tx.log(conversation) for conversation in command.states}
    tx.put_conversations(
        {
            conversation: _repaired(rows.get(conversation), log, high_water, new)
            for conversation, log in logs.items()
            if log or conversation in rows  # else it was erased meanwhile
        }
    )
    unreadable_deltas = any(damage.table == "deltas" for damage in command.damages)
    if not (command.sources_damaged and unreadable_deltas):  # else nothing is left to tell what they counted
        # What a misfiled chunk counted can be told by the log only, and that not all of it is there.
        tx.discard(one for one in command.damages if not (one.is_misfiled and command.sources_damaged))
        correct_counters(tx, command.corrections)
    tx.add_names({family: [name for of, name in command.names if of == family] for family, _ in command.names})
    tx.renew_chunk_versions(command.chunks)
    tx.bump_version()


def _repaired(row: Conversation | None, log: list[Event], high_water: Micros, new: State) -> Conversation:
    """Returns the row by its log; a lost row (None) is rebuilt from the state `new`."""
    times = [event.occur_time for event in log]
    row = row or Conversation.begun(new, min(times), max(times), len(log))
    state, _ = fold(row.base, log, high_water)
    first_time = row.first_time or min([*times, state.reached])  # 0: it could not be read
    return row._replace(first_time=first_time).advanced(state, times, len(log))
