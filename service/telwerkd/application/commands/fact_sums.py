"""Sums of signed effects."""

from collections.abc import Iterable

from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.counting.deltas import Deltas


def sum_of(*signed: tuple[Iterable[Effect], int]) -> Deltas:
    """Returns what effects change, each group of them a signed number of times."""
    deltas = Deltas()
    for effects, times in signed:
        deltas.add_effects(effects, times)
    return deltas
