"""Delta entries of durations as cells: what each adds to its bin, and to the exact sum.

The value of such an entry is a number of milliseconds, as that of a fact. Once facts are in cells, their single
durations are not known any more: entries made from cells name the cell instead.
"""

from collections.abc import Sequence

import numpy as np

from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.durations import CODES, SUM, code_of, codes_of

_OF_CELL = "="


def cell_value(code: int) -> str:
    """Returns the value of an entry that names a cell, of a bin or of the sum, instead of a duration."""
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
    """Returns the columns of entries of one cell each, their values replaced by 0, and the codes of the cells."""
    used, position = np.unique(entries.columns[0], return_inverse=True)
    codes, numbers = _cells_of_many([entries.ids[value] for value in used.tolist()])
    columns = np.tile(entries.columns, 2)
    columns[0] = 0
    columns[-1] *= numbers[:, position].ravel()
    is_cell = columns[-1] != 0
    return columns[:, is_cell], codes[:, position].ravel()[is_cell]


def _cells_of_many(values: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Returns `cells_of` of each value by columns: two codes and how often each, 0 where there is none."""
    durations_ms = np.array([-1 if value.startswith(_OF_CELL) else int(value) for value in values], np.int64)
    own = np.maximum(durations_ms, 0)
    codes, numbers = np.stack((codes_of(own), np.full_like(own, SUM))), np.stack((np.ones_like(own), own))
    for position in np.flatnonzero(durations_ms < 0).tolist():
        [(codes[0, position], _)] = cells_of(values[position])
    return codes, numbers
