"""Delta entries of durations as cells: what each adds to its bin, and to the exact sum.

The value of such an entry is a number of milliseconds, as a fact has it. Of what is in cells already nobody knows that;
its entries name the cell instead.
"""

import numpy as np

from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.durations import CODES, SUM, code_of

_OF_CELL = "="


def cell_value(code: int) -> str:
    """Returns the value of an entry that stands for a cell: of a bin, or of the sum."""
    return f"{_OF_CELL}{code}"


def cells_of(value: str) -> list[tuple[int, int]]:
    """Returns the codes in which an entry counts, and how often each.

    Raises:
        ValueError: it is no duration.
    """
    if value.startswith(_OF_CELL):
        code = int(value.removeprefix(_OF_CELL))
        if not SUM <= code < CODES:
            raise ValueError(f"there is no bin {code}")
        return [(code, 1)]
    duration_ms = int(value)
    return [(code_of(duration_ms), 1), (SUM, duration_ms)]


def as_cells(entries: DeltaEntries) -> tuple[IntArray, IntArray]:
    """Returns the columns of entries that count in one cell each, in the place of their values 0; and their codes."""
    values, ns = entries.columns[0], entries.columns[-1]
    used, place = np.unique(values, return_inverse=True)
    cells = [cells_of(entries.ids[value]) for value in used.tolist()]
    counts = np.array([len(of_value) for of_value in cells], np.int64)[place]
    flat = np.array([cell for of_value in cells for cell in of_value], np.int64).reshape(-1, 2)
    firsts = np.cumsum([0, *map(len, cells)])[place]
    # Each entry as often as its value has cells: one after the other.
    at = np.repeat(firsts, counts) + np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = np.repeat(entries.columns, counts, axis=1)
    columns[0] = 0
    columns[-1] = np.repeat(ns, counts) * flat[at, 1]
    return columns, flat[at, 0]
