"""Where the parts of a chart lie, in the units of its drawing; the template draws them.

A count is a column from zero. A mean is a point on the scale of 1 to 5 stars, joined to its neighbour by a line; where
nothing was rated there is no point, and no line. What it was in the compared period is a dash over the column, or a
dashed line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

WIDTH: Final = 640.0
HEIGHT: Final = 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 44.0, 10.0, 22.0
_LABELS_MAX: Final = 6
_TICKS_MAX: Final = 4
_GAP_MAX: Final = 3.0
STARS: Final = (1, 5)


@dataclass(frozen=True)
class Tick:
    """A line across the chart."""

    y: float
    value: int


@dataclass(frozen=True)
class Label:
    """What stands below the chart."""

    x: float
    """Of its middle."""
    text: str


@dataclass(frozen=True)
class Box:
    """A column."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """A whole chart."""

    ticks: Sequence[Tick]
    labels: Sequence[Label]
    columns: Sequence[Box] = ()
    dashes: Sequence[Box] = ()
    """The compared period's counts; of no height."""
    points: Sequence[tuple[float, float]] = ()
    lines: Sequence[str] = ()
    """Paths of SVG through the points."""
    lines_before: Sequence[str] = ()
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    width: float = WIDTH
    height: float = HEIGHT


def columns(counts: Sequence[int], before: Sequence[int], labels: Sequence[str]) -> Chart:
    """Counts, from zero."""
    before = before[: len(counts)]
    top, step = _scale(max([*counts, *before, 1]))
    slot = (WIDTH - _LEFT - _RIGHT) / len(counts)
    gap = min(_GAP_MAX, slot / 4)

    def box(place: int, count: int, *, height: bool) -> Box:
        y = _y(count, 0, top)
        return Box(_LEFT + place * slot + gap / 2, y, slot - gap, _y(0, 0, top) - y if height else 0)

    return Chart(
        ticks=[Tick(_y(value, 0, top), value) for value in range(0, top + 1, step)],
        labels=_labels(labels, slot),
        columns=[box(place, count, height=True) for place, count in enumerate(counts) if count],
        dashes=[box(place, count, height=False) for place, count in enumerate(before) if count],
    )


def means(values: Sequence[float | None], before: Sequence[float | None], labels: Sequence[str]) -> Chart:
    """Means of stars, absent where nothing was rated."""
    slot = (WIDTH - _LEFT - _RIGHT) / len(values)
    points, points_before = _points(values, slot), _points(before[: len(values)], slot)
    return Chart(
        ticks=[Tick(_y(value, *STARS), value) for value in range(STARS[0], STARS[1] + 1)],
        labels=_labels(labels, slot),
        points=[point for point in points if point],
        lines=_paths(points),
        lines_before=_paths(points_before),
    )


def _y(value: float, low: int, high: int) -> float:
    return HEIGHT - _BOTTOM - (value - low) * (HEIGHT - _TOP - _BOTTOM) / (high - low)


def _points(values: Sequence[float | None], slot: float) -> list[tuple[float, float] | None]:
    return [
        None if value is None else (_LEFT + (place + 0.5) * slot, _y(value, *STARS))
        for place, value in enumerate(values)
    ]


def _paths(points: Sequence[tuple[float, float] | None]) -> list[str]:
    """A line between each two neighbours that are there, joined where they follow one another."""
    paths: list[str] = []
    going = False
    for first, second in pairwise(points):
        if first is None or second is None:
            going = False
            continue
        to = f"L{second[0]:.1f} {second[1]:.1f}"
        if going:
            paths[-1] += to
        else:
            paths.append(f"M{first[0]:.1f} {first[1]:.1f}{to}")
        going = True
    return paths


def _scale(highest: int) -> tuple[int, int]:
    """The top of the scale, and the step between its lines: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if step * _TICKS_MAX >= highest:
                return -(-highest // step) * step, step
        power *= 10


def _labels(texts: Sequence[str], slot: float) -> list[Label]:
    """The first, the last, and a few between them, evenly."""
    count = min(_LABELS_MAX, len(texts))
    places = sorted({round(index * (len(texts) - 1) / max(1, count - 1)) for index in range(count)})
    return [Label(_LEFT + (place + 0.5) * slot, texts[place]) for place in places]
