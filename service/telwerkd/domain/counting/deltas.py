"""Delta entries: signed facts, summed, from which counters are made.

A transaction counts by filing its entries, and nothing else: they are cut into series and packed into chunks later,
many transactions at a time (`telwerkd.domain.counting.counters`). Until then queries add them to what the chunks say.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from telwerkd.domain.conversation.facts import Change, Fact, FactChange, InHours, LeftOut
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.measures import COUNTED, HELD_BACK, SERVICE_TIME, Measure
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS
from telwerkd.domain.time.opening_hours import OpenHours, ScheduleId

DeltaEntry: TypeAlias = tuple[str, str, str, str, int, int]
"""Signed facts of one measure that agree in everything: value, operator, group, widget, quarter-hour, and how many.

The quarter-hour is since 1970-01-01T00:00:00Z. A plain tuple: they come by the thousand, and one with names takes four
times as long to make.
"""

FIELDS = 6
"""The number of fields of an entry."""

_IDS = 4
"""The fields that are ids come first."""


@dataclass(frozen=True, slots=True)
class DeltaEntries:
    """Many entries of one measure, by columns: so they are stored, read and cut without an object for each.

    A query reads them in a quarter to a seventh of the time that objects took (docs/decisions/0003).
    """

    ids: Sequence[str]
    """The distinct ids, sorted; of what was read from storage in any order, until it is `together`."""
    columns: IntArray
    """Six rows, in the order of an entry's fields; an id is its index in `ids`."""

    @classmethod
    def of(cls, entries: Collection[DeltaEntry]) -> "DeltaEntries":
        """Returns the columns of plain entries."""
        if not entries:
            return _NONE
        fields = list(zip(*entries, strict=True))
        ids = sorted(set().union(*fields[:_IDS]))
        positions = {each: position for position, each in enumerate(ids)}
        columns = [[positions[each] for each in column] for column in fields[:_IDS]]
        return cls(ids, np.array([*columns, *fields[_IDS:]], np.int64))

    @classmethod
    def together(cls, parts: Sequence["DeltaEntries"]) -> "DeltaEntries":
        """Returns all entries of the parts, in the order of the parts, with their ids merged and sorted.

        Raises:
            ValueError: a part names an id that it does not have.
        """
        ids = sorted(set().union(*(part.ids for part in parts)))
        positions = {each: position for position, each in enumerate(ids)}
        columns = np.concatenate([_NONE.columns, *(part.columns for part in parts)], axis=1)
        end = 0
        for part in parts:
            start, end = end, end + len(part)
            named = part.columns[:_IDS]
            if len(part) and not 0 <= named.min() <= named.max() < len(part.ids):
                raise ValueError("entries with ids that are not there")
            of_part = np.array([positions[each] for each in part.ids], np.int64)
            columns[:_IDS, start:end] = of_part[named]
        return cls(ids, columns)

    def summed(self) -> "DeltaEntries":
        """Returns the entries sorted by series and summed by cell, without the sums that are 0."""
        values, *dimensions, quarter_hours, ns = self.columns
        order = np.lexsort((quarter_hours, values, *reversed(dimensions)))
        columns = self.columns[:, order]
        starts = np.flatnonzero(np.any(np.diff(columns[:-1], axis=1, prepend=-1), axis=0))
        sums = np.add.reduceat(ns[order], starts) if len(starts) else ns[:0]
        columns = np.vstack((columns[:-1, starts], sums))
        return DeltaEntries(self.ids, columns[:, sums != 0])

    def pruned(self) -> "DeltaEntries":
        """Returns the entries without ids that no entry has."""
        used, positions = np.unique(self.columns[:_IDS], return_inverse=True)
        ids = [self.ids[position] for position in used.tolist()]
        return DeltaEntries(ids, np.vstack((positions.reshape(_IDS, -1), self.columns[_IDS:])))

    def divided(self, count: int) -> tuple["DeltaEntries", "DeltaEntries"]:
        """Returns the first `count` entries, and the others."""
        return DeltaEntries(self.ids, self.columns[:, :count]), DeltaEntries(self.ids, self.columns[:, count:])

    def pieces(self, entries_max: int) -> list["DeltaEntries"]:
        """Returns the entries in pieces of at most `entries_max`."""
        starts = range(0, len(self), entries_max)
        return [DeltaEntries(self.ids, self.columns[:, start : start + entries_max]) for start in starts]

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    def __iter__(self) -> Iterator[DeltaEntry]:
        ids = (map(self.ids.__getitem__, column) for column in self.columns[:_IDS].tolist())
        return zip(*ids, *self.columns[_IDS:].tolist(), strict=True)


_NONE = DeltaEntries([], np.zeros((FIELDS, 0), np.int64))

_MEANING = {Change.TAKEN_BACK: (COUNTED, -1), Change.HELD: (HELD_BACK, 1), Change.RELEASED: (HELD_BACK, -1)}
"""The measures and the sign, where a fact is not simply counted."""


def _no_opening_hours(schedule: ScheduleId) -> OpenHours:
    raise KeyError(schedule)


class Deltas:
    """What a transaction adds to the counters of one account: signed facts, summed."""

    def __init__(self, opening_hours: Callable[[ScheduleId], OpenHours] = _no_opening_hours) -> None:
        """`opening_hours` looks up the opening hours in which durations are counted as service time."""
        self._opening_hours = opening_hours
        self._entries: dict[tuple[Measure, str, str, str, str, int], int] = {}

    @classmethod
    def sum_of(
        cls, opening_hours: Callable[[ScheduleId], OpenHours], *signed: tuple[Iterable[FactChange | LeftOut], int]
    ) -> "Deltas":
        """Returns what effects change, each group of them a signed number of times."""
        deltas = cls(opening_hours)
        for effects, times in signed:
            deltas.add_effects(effects, times)
        return deltas

    def add(self, outcome: FactChange, times: int = 1) -> None:
        """Adds what `outcome` does, `times` times; -1 undoes it."""
        self.add_effects((outcome,), times)

    def add_effects(self, effects: Iterable[FactChange | LeftOut], times: int = 1) -> None:
        """Adds the outcomes among the effects of a fold."""
        entries, just_counted = self._entries, Change.COUNTED
        for effect in effects:
            if type(effect) is not FactChange:
                continue
            fact = effect.fact
            measures, n = COUNTED, times
            # Not a `match`: nearly all are counted, and every event that counts comes here.
            if effect.change is not just_counted:
                measures, sign = _MEANING[effect.change]
                n = sign * times
            quarter_hour = fact.instant // QUARTER_HOUR_MICROS
            entry = (measures[fact.kpi], fact.value, fact.operator, fact.group, fact.widget, quarter_hour)
            entries[entry] = entries.get(entry, 0) + n
            if effect.in_hours is not None:
                self._add_in_service_time(fact, effect.in_hours, n)

    def _add_in_service_time(self, fact: Fact, in_hours: InHours, n: int) -> None:
        value = self._opening_hours(in_hours.schedule).duration_value(in_hours.since, fact.instant)
        quarter_hour = fact.instant // QUARTER_HOUR_MICROS
        entry = (SERVICE_TIME[fact.kpi], value, fact.operator, fact.group, fact.widget, quarter_hour)
        self._entries[entry] = self._entries.get(entry, 0) + n

    def __len__(self) -> int:
        return len(self._entries)

    def add_entries(self, measure: Measure, entries: Iterable[DeltaEntry], times: int) -> None:
        """Adds entries of a measure, `times` times."""
        for value, operator, group, widget, quarter_hour, n in entries:
            key = (measure, value, operator, group, widget, quarter_hour)
            self._entries[key] = self._entries.get(key, 0) + n * times

    def add_all(self, other: "Deltas") -> None:
        """Adds what `other` adds."""
        for entry, n in other._entries.items():  # noqa: SLF001  # of its own kind
            self._entries[entry] = self._entries.get(entry, 0) + n

    def by_measure(self) -> dict[Measure, list[DeltaEntry]]:
        """Returns the entries of each measure whose sums are not 0, sorted."""
        return {measure: sorted(entries) for measure, entries in self.unsorted().items()}

    def unsorted(self) -> dict[Measure, list[DeltaEntry]]:
        """Returns the entries of each measure whose sums are not 0, in any order: for storage."""
        measures: dict[Measure, list[DeltaEntry]] = {}
        for (measure, value, operator, group, widget, quarter_hour), n in self._entries.items():
            if n:
                measures.setdefault(measure, []).append((value, operator, group, widget, quarter_hour, n))
        return dict(sorted(measures.items()))
