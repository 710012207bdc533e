"""Removing the names and opening hours of an account that nothing uses any more."""

from collections import Counter
from collections.abc import Iterable, Iterator, Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from telwerkd.application.names import GROUPS, OPERATORS, WIDGETS, names_of
from telwerkd.application.ports import (
    Command,
    Names,
    NamesView,
    NameWrites,
    Pausing,
    ScanView,
    SettingsView,
    SettingsWrites,
    WidgetsView,
)
from telwerkd.domain.conversation.facts import Fact
from telwerkd.domain.conversation.state import State
from telwerkd.domain.counting.measures import COUNTED, Measure, has_open_values, kpi_of
from telwerkd.domain.time.opening_hours import ScheduleId

_PAUSE_CONVERSATIONS = 200

_Name = tuple[int, str]


class UsesView(WidgetsView, SettingsView, NamesView, ScanView, Pausing, Protocol):
    """Reads names and opening hours of an account, and everything that can use them."""


class FreeingTransaction(UsesView, NameWrites, SettingsWrites, Protocol):
    """`UsesView`, and the removal of unused names and opening hours."""


class Unused(NamedTuple):
    """The unused names and opening hours at one version of an account."""

    version: int
    names: Names
    schedules: AbstractSet[ScheduleId]
    is_settled: bool
    """False while counts that were taken back wait for compaction: the counters may have their names until then."""

    @property
    def total(self) -> int:
        """How many it is."""
        return sum(map(len, self.names.values())) + len(self.schedules)


@dataclass(frozen=True, slots=True)
class FreeNames(Command[int | None]):
    """Removes names and opening hours of an account that nothing uses."""

    unused: Unused | None
    """The unused names and opening hours, as looked up before; None: the transaction looks them up."""

    def run(self, tx: FreeingTransaction) -> int | None:
        """Returns how many were removed; None if the account has changed since it was looked up."""
        return _free(self.unused, tx)


def _free(unused: Unused | None, tx: FreeingTransaction) -> int | None:
    if unused is None:
        unused = unused_names(tx)
    elif tx.account().version != unused.version:
        return None
    if unused.names:
        tx.free_names(unused.names)
    if unused.schedules:
        tx.remove_schedules(unused.schedules)
    return unused.total


def unused_names(view: UsesView) -> Unused:
    """Returns the names and opening hours that nothing uses in a view of an account.

    Opening hours are named by versions of settings, and by the events and states that these were resolved for.
    """
    version = view.account().version
    unused: set[_Name | ScheduleId] = {(family, name) for family, names in view.names().items() for name in names}
    unused |= view.schedule_ids()
    deltas = _net_deltas(view)
    for used in _uses(view, deltas):
        unused.difference_update(used)
        if not unused:
            break
    by_family: dict[int, list[str]] = {}
    for family, name in sorted(one for one in unused if isinstance(one, tuple)):
        by_family.setdefault(family, []).append(name)
    schedules = {one for one in unused if isinstance(one, bytes)}
    return Unused(version, by_family, schedules, is_settled=min(deltas.values(), default=0) >= 0)


_Counted = tuple[Measure, str, str, str, str, int]
"""What a delta counts: its measure, value, operator, group, widget and quarter-hour."""


def _net_deltas(view: ScanView) -> Counter[_Counted]:
    """Returns the sums of the deltas. Entries that cancel out count nothing, and use no name."""
    net: Counter[_Counted] = Counter()
    for measure, (value, operator, group, widget, quarter_hour, n) in view.every_delta():
        net[measure, value, operator, group, widget, quarter_hour] += n
    return net


def _uses(view: UsesView, deltas: Counter[_Counted]) -> Iterator[Iterable[_Name | ScheduleId]]:
    """Yields all uses of names and opening hours, in portions."""
    yield view.counted_names()
    for versions in view.widget_versions().values():
        yield [version.schedule for version in versions]
    for (measure, value, operator, group, widget, _), n in deltas.items():
        if n:
            yield _of_counts(measure, value, operator, group, widget)
    for number, filed in enumerate(view.every_conversation(), 1):
        for event in filed.log:
            yield names_of(event)
        yield [event.schedule for event in filed.log]
        yield _of_state(filed.row.state)
        yield _of_state(filed.row.base)
        if not number % _PAUSE_CONVERSATIONS:
            view.pause()


def _of_counts(measure: Measure, value: str, operator: str, group: str, widget: str) -> Iterator[_Name]:
    yield from ((OPERATORS, operator), (GROUPS, group), (WIDGETS, widget))
    if has_open_values(measure):
        yield kpi_of(measure), value


def _of_state(state: State) -> Iterator[_Name | ScheduleId]:
    if state.hours is not None:
        yield from (state.hours.latest, state.hours.waiting, state.hours.episode)
    yield from ((OPERATORS, state.operator), (GROUPS, state.group))
    if state.live is not None:
        yield WIDGETS, state.live.widget
    if state.timer is not None:
        yield from ((OPERATORS, state.timer.operator), (GROUPS, state.timer.group), (WIDGETS, state.timer.widget))
    for fact in state.held if state.topics is None else (*state.held, state.topics):
        yield from _of_fact(fact)


def _of_fact(fact: Fact) -> Iterator[_Name]:
    return _of_counts(COUNTED[fact.kpi], fact.value, fact.operator, fact.group, fact.widget)
