"""Reading chunks as stored, in whichever form the measure has."""

from collections.abc import Iterable, Sequence

from telwerkd.domain.counting import cells, duration_cells, durations
from telwerkd.domain.counting.cells import Cells
from telwerkd.domain.counting.counters import SeriesParts, Slots
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.duration_entries import cell_value
from telwerkd.domain.counting.measures import Measure, has_durations, has_packed_values


def unpacked(measure: Measure, chunks: Sequence[int], blobs: Sequence[bytes]) -> Cells:
    """Unpacks chunks of a measure; `chunks[i]` is the number of the chunk whose cells are `blobs[i]`.

    Of durations the code is the bin, or `durations.SUM`, where a number may come in several cells.
    """
    unpack = duration_cells.unpack if has_durations(measure) else cells.unpack
    return unpack(chunks, blobs)


def entries_of_chunk(measure: Measure, chunk: int, series: SeriesParts, blob: bytes) -> list[DeltaEntry]:
    """Returns a chunk of an uncut series as entries."""
    operator, group, widget, value = series
    found = unpacked(measure, [chunk], [blob])
    codes: list[int] = found.code.tolist()
    values: Iterable[str]
    if has_durations(measure):
        values = map(cell_value, codes)
    elif has_packed_values(measure):
        values = map(str, codes)
    else:
        values = [value] * len(codes)
    return [
        (of_cell, operator, group, widget, quarter_hour, n)
        for of_cell, quarter_hour, n in zip(values, found.quarter_hour.tolist(), found.n.tolist(), strict=True)
    ]


def sum_and_counts(measure: Measure, slots: Slots) -> tuple[int, list[int]]:
    """Returns what slots hold: the sum of durations in milliseconds, 0 of other measures, and the numbers of facts."""
    if not has_durations(measure):
        return 0, list(slots.values())
    is_sum = {slot: cells.parts_of(slot)[0] == durations.SUM for slot in slots}
    whole = sum(n for slot, n in slots.items() if is_sum[slot])
    return whole, [n for slot, n in slots.items() if not is_sum[slot]]


def check_chunk(measure: Measure, blob: bytes) -> None:
    """Checks that the cells of a chunk are as they are written.

    Raises:
        ValueError: they are not; the text says what is wrong.
    """
    check = duration_cells.check_words if has_durations(measure) else cells.check_cells
    check(blob)
