"""Where the parts of a chart lie, in the units of its drawing; the template draws them.

A count is a column from zero. A mean is a point, on the scale of 1 to 5 stars or, of durations, on one from zero; it is
joined to its neighbour by a line. Where there is no mean there is no point, and no line. What it was in the compared
period is a dash over the column, or a dashed line.

A chart is drawn once for each width of screen, because text that shrinks with its drawing cannot be read on a phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Final, NamedTuple

from telwerk.cli.durations import unit_of

_TOP, _BOTTOM = 10.0, 22.0
_TICKS_MAX: Final = 4
_GAP_MAX: Final = 3.0


@dataclass(frozen=True)
class Canvas:
    """What a chart is drawn on, in the units of its drawing, which are pixels at its usual size."""

    width: float
    height: float
    left: float
    """Where the buckets begin; before it stands the scale."""
    right: float
    """Where they end."""
    labels_max: int


WIDE: Final = Canvas(640, 150, left=44, right=612, labels_max=8)
NARROW: Final = Canvas(320, 150, left=40, right=306, labels_max=4)


class Scale(NamedTuple):
    """What stands beside a chart."""

    low: int
    high: int
    step: int
    unit: str = ""


STARS: Final = Scale(1, 5, 1)


@dataclass(frozen=True)
class Tick:
    """A line across the chart."""

    y: float
    value: int
    unit: str = ""


@dataclass(frozen=True)
class Axis:
    """The buckets of a chart."""

    texts: Sequence[str]
    """What each is called."""
    steps: Sequence[int] = (1,)
    """From one that is named to the next: the first of these that leaves room, or a multiple of the last."""


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
    canvas: Canvas = WIDE

    @property
    def shows_this_period(self) -> bool:
        """Whether anything of the period itself is drawn."""
        return bool(self.columns or self.points)

    @property
    def shows_period_before(self) -> bool:
        """Whether anything of the compared period is drawn."""
        return bool(self.dashes or self.lines_before)


def columns(counts: Sequence[int], before: Sequence[int], axis: Axis, canvas: Canvas = WIDE) -> Chart:
    """Counts, from zero."""
    before = before[: len(counts)]
    top, step = _scale(max([*counts, *before, 1]))
    slot = (canvas.right - canvas.left) / len(counts)
    gap = min(_GAP_MAX, slot / 4)

    def box(place: int, count: int, *, height: bool) -> Box:
        y = _y(canvas, count, 0, top)
        return Box(canvas.left + place * slot + gap / 2, y, slot - gap, _y(canvas, 0, 0, top) - y if height else 0)

    return Chart(
        canvas=canvas,
        ticks=[Tick(_y(canvas, value, 0, top), value) for value in range(0, top + 1, step)],
        labels=_labels(axis, slot, canvas),
        columns=[box(place, count, height=True) for place, count in enumerate(counts) if count],
        dashes=[box(place, count, height=False) for place, count in enumerate(before) if count],
    )


def means(values: Sequence[float | None], before: Sequence[float | None], axis: Axis, canvas: Canvas = WIDE) -> Chart:
    """Means of stars, absent where nothing was rated."""
    return _line(values, before, axis, canvas, STARS)


def durations(
    values: Sequence[float | None], before: Sequence[float | None], axis: Axis, canvas: Canvas = WIDE
) -> Chart:
    """Means of milliseconds, from zero, in the unit of the longest; absent where there were no durations."""
    before = before[: len(values)]
    unit = unit_of(max((value for value in (*values, *before) if value is not None), default=0))

    def scaled(means: Sequence[float | None]) -> list[float | None]:
        return [None if mean is None else mean / unit.milliseconds for mean in means]

    highest = max((value for value in (*scaled(values), *scaled(before)) if value is not None), default=0)
    top, step = _scale(max(ceil(highest), 1))
    return _line(scaled(values), scaled(before), axis, canvas, Scale(0, top, step, unit.symbol))


def _line(
    values: Sequence[float | None], before: Sequence[float | None], axis: Axis, canvas: Canvas, scale: Scale
) -> Chart:
    slot = (canvas.right - canvas.left) / len(values)
    points, points_before = (_points(means, slot, canvas, scale) for means in (values, before[: len(values)]))
    ticks = range(scale.low, scale.high + 1, scale.step)
    return Chart(
        canvas=canvas,
        ticks=[Tick(_y(canvas, value, scale.low, scale.high), value, scale.unit) for value in ticks],
        labels=_labels(axis, slot, canvas),
        points=[point for point in points if point],
        lines=_paths(points),
        lines_before=_paths(points_before),
    )


def _y(canvas: Canvas, value: float, low: int, high: int) -> float:
    return canvas.height - _BOTTOM - (value - low) * (canvas.height - _TOP - _BOTTOM) / (high - low)


def _points(
    values: Sequence[float | None], slot: float, canvas: Canvas, scale: Scale
) -> list[tuple[float, float] | None]:
    return [
        None if value is None else (canvas.left + (place + 0.5) * slot, _y(canvas, value, scale.low, scale.high))
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


def _labels(axis: Axis, slot: float, canvas: Canvas) -> list[Label]:
    """The first, and as many as have room, at even distances."""
    step = _step(axis, canvas.labels_max)
    return [Label(canvas.left + (place + 0.5) * slot, axis.texts[place]) for place in range(0, len(axis.texts), step)]


def _step(axis: Axis, labels_max: int) -> int:
    least = -(-len(axis.texts) // labels_max)
    last = axis.steps[-1]
    return next((step for step in axis.steps if step >= least), -(-least // last) * last)
