"""Sums of signed effects."""

from collections.abc import Iterable

from telwerkd.application.ports import Transaction
from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.counting.deltas import Deltas


def sum_of(tx: Transaction, *signed: tuple[Iterable[Effect], int]) -> Deltas:
    """Returns what effects change, each group of them a signed number of times."""
    deltas = Deltas(tx.opening_hours)
    for effects, times in signed:
        deltas.add_effects(effects, times)
    return deltas
