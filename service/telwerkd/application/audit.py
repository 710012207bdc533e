"""Checks and restores the invariant: counters == base facts + the facts of the fold over every log.

`examine` reads one consistent view and needs memory for its differences, not for its counters: a first pass compares
fingerprints, and only the parts that differ are compared number by number in a second. `repair` adds the differences to
the counters as they are by then: differences are linear, so events counted meanwhile stay counted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple, Protocol

from telwerkd.application.commands.repair import Repair
from telwerkd.application.names import names_of
from telwerkd.application.ports import (
    AuditView,
    Damage,
    DamagedRowError,
    Filed,
    OpeningHoursView,
    Report,
    ScanView,
)
from telwerkd.application.upkeep.packing import CompactingStore, compact_account
from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.conversation.facts import FactChange
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.state import State
from telwerkd.domain.counting.cells import chunk_and_slot
from telwerkd.domain.counting.counters import ChunkKey, Slots, chunk_deltas
from telwerkd.domain.counting.deltas import DeltaEntries, DeltaEntry, Deltas
from telwerkd.domain.counting.fingerprint import FingerprintKey, Fingerprints
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.counting.reading import entries_of_chunk, unpacked
from telwerkd.domain.ids import AccountId, ConversationId, Micros
from telwerkd.domain.time.opening_hours import OpenHours, ScheduleId

Progress = Callable[[int, int], None]
"""Told how many conversations are done, of how many."""

_FACTS_AT_ONCE = 20_000
_STATES_MAX = 10_000
"""Differing states that are named; counters are compared all the same."""
_DAMAGES_MAX = 10_000
"""Damaged rows that are named."""


class Audit(NamedTuple):
    """The findings of an audit."""

    conversations: int
    events: int
    states: list[ConversationId]
    """Conversations whose row differs from the fold of their log."""
    cells: dict[ChunkKey, Slots]
    """The differences of counters: the number by the log, less the stored one. Where `sources_damaged`, what part of
    the log said can no longer be read, and is missing here."""
    damages: Sequence[Damage] = ()
    """What cannot be read, as far as there is room to name it."""
    sources_damaged: bool = False
    """Whether something cannot be read that follows from nothing else: an event, a base, a base fact, settings."""
    names: Sequence[tuple[int, str]] = ()
    """Distinct names that events use and that are not there, each after its family."""
    chunks: Sequence[tuple[Measure, int]] = ()
    """Chunks, by measure and number, whose version is not there: nobody would notice a change of them."""

    @property
    def clean(self) -> bool:
        """Whether the promise holds."""
        return not (self.states or self.cells or self.damages or self.names or self.chunks)

    @property
    def mendable_cells(self) -> dict[ChunkKey, Slots]:
        """The differences that may be corrected: a readable counter is not reduced because its log cannot be read."""
        if not self.sources_damaged:
            return self.cells
        lost = {damage.key for damage in self.damages if damage.table == "counters" and damage.is_row}
        return {key: slots for key, slots in self.cells.items() if tuple(key) in lost}


class ExaminedView(ScanView, AuditView, OpeningHoursView, Protocol):
    """The reads of an audit."""


def examine(progress: Progress, snapshot: ExaminedView) -> Audit:
    """Compares an account's counters and states with the fold of its log, as far as both can be read."""
    damages = _Damages()
    logged = _Logged(snapshot, progress, damages.add)
    expected, actual = Fingerprints(), Fingerprints()
    snapshot.check_settings(damages.add)
    snapshot.check_rest(damages.add)
    hours = _OpeningHours(snapshot, damages)
    for measure, entries in _expected(snapshot, logged, hours, damages.add):
        expected.add_entries(measure, entries)
    chunks = set[tuple[Measure, int]]()
    actual.add_chunks(_noted(snapshot.every_chunk(damages.add), chunks))
    for measure, entries in _uncompacted(snapshot, damages.add):
        actual.add_entries(measure, entries)
    parts = expected.differing(actual)
    cells = _differences(snapshot, hours, parts) if parts else {}
    # Without the rest of a table, what is there of the log says nothing about the states.
    states = [] if damages.is_cut_off else logged.states
    names = sorted(logged.names.difference(snapshot.every_name(damages.add)))
    chunks.difference_update(snapshot.every_chunk_version(damages.add))
    counted = logged.conversations, logged.events
    return Audit(*counted, states, cells, damages.found, damages.of_sources, names, sorted(chunks))


def _noted(
    chunks: Iterable[tuple[ChunkKey, bytes]], seen: set[tuple[Measure, int]]
) -> Iterator[tuple[ChunkKey, bytes]]:
    """Yields the chunks, and adds measure and number of each to `seen`."""
    for key, cells in chunks:
        seen.add((key.measure, key.chunk))
        yield key, cells


class _Damages:
    def __init__(self) -> None:
        self.found: list[Damage] = []
        self.of_sources = False
        self.is_cut_off = False

    def add(self, damage: Damage) -> None:
        self.of_sources = self.of_sources or damage.is_source
        self.is_cut_off = self.is_cut_off or not damage.is_row
        if len(self.found) < _DAMAGES_MAX:
            self.found.append(damage)


def _known_already(_damage: Damage) -> None:
    """Ignores a damage that the first pass has reported."""


async def repair(store: CompactingStore, account: AccountId, audit: Audit) -> None:
    """Corrects counters and states by the log, as far as it is readable, in one transaction.

    With damaged rows, that transaction also compacts all delta entries of the account; else most are compacted before.
    """
    if not audit.damages:
        await compact_account(store, account)
    derived = audit.mendable_cells, audit.sources_damaged, audit.names, audit.chunks
    await store.write([(account, Repair(audit.states, audit.damages, *derived))])


class _Logged:
    """The facts of every log, and on the way: whether the stored states are right."""

    def __init__(self, snapshot: ScanView, progress: Progress, damaged: Report) -> None:
        self._snapshot = snapshot
        self._progress = progress
        self._damaged = damaged
        self.conversations = 0
        self.events = 0
        self.states: list[ConversationId] = []
        self.names: set[tuple[int, str]] = set()
        """The names that events use, each after its family."""

    def facts(self) -> Iterator[Effect]:
        """Yields the effects of every log, folded up to the account's high-water mark (R-CLOCK-2)."""
        high_water = self._snapshot.account().high_water
        total = self._snapshot.conversation_count()
        for filed in self._snapshot.every_conversation(self._damaged):
            state, effects = self._folded(filed, high_water)
            if state and not _rightly_filed(filed, state, high_water) and len(self.states) < _STATES_MAX:
                self.states.append(filed.conversation)
            self.conversations += 1
            self.events += len(filed.log)
            self.names.update(chain.from_iterable(map(names_of, filed.log)))
            self._progress(self.conversations, total)
            yield from effects

    def _folded(self, filed: Filed, now: Micros) -> tuple[State | None, list[Effect]]:
        """Returns the fold of a log; no state if not all of it can be read, or it cannot be folded."""
        try:
            state, effects = fold(filed.row.base, filed.log, now)
        except Exception as error:  # noqa: BLE001  # `fold` is total, but not over what no program ever wrote
            why = f"its log cannot be folded: {type(error).__name__}: {error}"
            self._damaged(Damage("conversations", (filed.conversation,), why, is_source=True))
            return None, []
        return (state if filed.is_source_whole else None), effects


def _rightly_filed(filed: Filed, state: State, now: Micros) -> bool:
    """Whether a row agrees with its log: its state, the instant of its limit, and its range of times.

    A limit that is due by now may still be in the state: it is counted already, before the row is written.
    """
    settled, _ = filed.row.settled(now)
    times = [event.occur_time for event in filed.log]
    return filed.is_row_whole and filed.due == filed.row.due and settled.is_advanced(state, times)


class _OpeningHours:
    """Looks up the opening hours of service times; reports unreadable ones once."""

    def __init__(self, snapshot: OpeningHoursView, damages: _Damages) -> None:
        self._snapshot = snapshot
        self._damages = damages
        self._lost = {damage.key for damage in damages.found if damage.table == "schedules"}

    def __call__(self, schedule: ScheduleId) -> OpenHours:
        try:
            return self._snapshot.opening_hours(schedule)
        except DamagedRowError as error:
            if error.damage.key not in self._lost:
                self._lost.add(error.damage.key)
                self._damages.add(error.damage)
            raise


def _expected(
    snapshot: ScanView, logged: _Logged, hours: _OpeningHours, damaged: Report
) -> Iterator[tuple[Measure, list[DeltaEntry]]]:
    """Yields the expected counters as delta entries, in portions."""
    deltas, size = Deltas(hours), 0
    for effect in logged.facts():
        if isinstance(effect, FactChange):
            with suppress(DamagedRowError):  # of its opening hours: its KPI is counted
                deltas.add(effect)
            size += 1
        if size >= _FACTS_AT_ONCE:
            yield from deltas.by_measure().items()
            deltas, size = Deltas(hours), 0
    yield from deltas.by_measure().items()
    for measure, row in snapshot.every_base_chunk(damaged):
        yield measure, entries_of_chunk(measure, row.chunk, (row.operator, row.group, row.widget, row.value), row.cells)


def _uncompacted(snapshot: ScanView, damaged: Report) -> Iterator[tuple[Measure, list[DeltaEntry]]]:
    """Yields the stored delta entries, in portions."""
    portion: dict[Measure, list[DeltaEntry]] = {}
    size = 0
    for measure, entry in snapshot.every_delta(damaged):
        portion.setdefault(measure, []).append(entry)
        size += 1
        if size >= _FACTS_AT_ONCE:
            yield from portion.items()
            portion, size = {}, 0
    yield from portion.items()


def _differences(snapshot: ScanView, hours: _OpeningHours, parts: set[FingerprintKey]) -> dict[ChunkKey, Slots]:
    """Returns the differences of the given parts, number by number: expected by the log, less stored."""
    differences: dict[ChunkKey, Slots] = {}

    def add(key: ChunkKey, slot: int, n: int) -> None:
        if FingerprintKey(key.measure, key.grouping, key.chunk) in parts:
            slots = differences.setdefault(key, {})
            slots[slot] = slots.get(slot, 0) + n

    for times, portions in (
        (1, _expected(snapshot, _Logged(snapshot, lambda _done, _total: None, _known_already), hours, _known_already)),
        (-1, _uncompacted(snapshot, _known_already)),
    ):
        for measure, entries in portions:
            for key, slots in chunk_deltas(measure, DeltaEntries.of(entries)).items():
                for slot, n in slots.items():
                    add(key, slot, times * n)
    for key, blob in snapshot.every_chunk(_known_already):
        cells = unpacked(key.measure, [0], [blob])
        _, in_slots = chunk_and_slot(cells.quarter_hour, cells.code)
        for slot, n in zip(in_slots.tolist(), cells.n.tolist(), strict=True):
            add(key, slot, -n)
    only = {key: {slot: n for slot, n in slots.items() if n} for key, slots in differences.items()}
    return {key: slots for key, slots in only.items() if slots}
