"""Charts of columns in characters, one row high or several."""

from collections.abc import Sequence
from typing import Final

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_NOTHING: Final = "·"
_STARS: Final = (1, 5)
_CELLS_MAX: Final = 8
"""Of one column, so that few of them stay columns."""


def count_levels(counts: Sequence[int], columns_max: int) -> list[float | None]:
    """How high each column is, up to 1 for the highest; None for zero. Where there are too many, several are one."""
    sums = [sum(part) for part in _parts(counts, columns_max)]
    top = max(sums, default=0)
    return [count / top if count else None for count in sums]


def mean_levels(counts: Sequence[int], sums: Sequence[int], columns_max: int) -> list[float | None]:
    """The same of means of stars, from one star to five; None without ratings."""
    low, high = _STARS
    pairs = zip(_parts(counts, columns_max), _parts(sums, columns_max), strict=True)
    return [(sum(stars) / sum(count) - low) / (high - low) if sum(count) else None for count, stars in pairs]


def duration_levels(counts: Sequence[int], sums: Sequence[int], columns_max: int) -> list[float | None]:
    """The same of means of durations, from zero up to 1 for the longest; None without any."""
    pairs = zip(_parts(counts, columns_max), _parts(sums, columns_max), strict=True)
    means = [sum(durations) / sum(count) if sum(count) else None for count, durations in pairs]
    top = max((mean for mean in means if mean is not None), default=0)
    return [mean if mean is None else mean / (top or 1) for mean in means]


def rate_levels(counts: Sequence[int], below: Sequence[int], columns_max: int) -> list[float | None]:
    """The same of rates, from zero to one, or to the highest where one is higher; None with nothing below the line."""
    pairs = zip(_parts(counts, columns_max), _parts(below, columns_max), strict=True)
    rates = [sum(above) / sum(under) if sum(under) else None for above, under in pairs]
    top = max((rate for rate in rates if rate is not None), default=0)
    return [rate if rate is None else rate / max(top, 1) for rate in rates]


def cells_of(columns: int, width: int) -> int:
    """How many cells each of so many columns takes, with the empty one that parts it from the next.

    The last has no next: it may do without.
    """
    return min(max(1, (width + 1) // max(1, columns)), _CELLS_MAX)


def column_rows(levels: Sequence[float | None], width: int, height: int) -> list[str]:
    """The rows of the chart, from the top. What is there shows, however small; what is None is a dot on the ground.

    An empty cell parts neighbours wherever a column has two cells or more.
    """
    cells = cells_of(len(levels), width)
    bar = max(1, cells - 1)
    eighths = [None if level is None else max(1, round(level * height * 8)) for level in levels]
    return [
        "".join((_cell(column, row) * bar).ljust(cells) for column in eighths).ljust(width)[:width]
        for row in range(height - 1, -1, -1)
    ]


def _cell(eighths: int | None, row: int) -> str:
    """Of a column, in the row counted from the ground."""
    if eighths is None:
        return " " if row else _NOTHING
    return _EIGHTHS[min(max(eighths - 8 * row, 0), 8)]


def _parts(numbers: Sequence[int], parts_max: int) -> list[Sequence[int]]:
    step = max(1, -(-len(numbers) // parts_max))
    return [numbers[index : index + step] for index in range(0, len(numbers), step)]
