"""A week as a heat map in a terminal: for each hour of each weekday how much happens, how often, how long it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from telwerk.cli.durations import duration_text
from telwerk.v1.kpi_service_pb2 import KpiAnswer, Total

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 24

_LEVELS = "▁▂▃▄▅▆▇█"
_COLOURS = ("grey50", "deep_sky_blue4", "deep_sky_blue3", "cyan3", "green3", "yellow3", "orange1", "red1")
_NOTHING, _NO_TIME = "·", " "


@dataclass(frozen=True)
class Cell:
    """An hour of a weekday."""

    count: int
    hours: float
    below: int | None = None
    """Of a rate: what is below the line."""
    mean_ms: float | None = None
    """Of durations: their mean, 0 without any."""

    @property
    def heat(self) -> float | None:
        """Facts by hour of real time; of a rate, the rate; of durations, the mean.

        None without any time, or with nothing below.
        """
        if self.mean_ms is not None:
            return self.mean_ms if self.hours else None
        by = self.hours if self.below is None else self.below
        return self.count / by if by else None


def cells_of(answer: KpiAnswer, totals: Sequence[Total], *, durations: bool = False) -> Mapping[tuple[int, int], Cell]:
    """The cells of an answer by weekday and hour of the day; those without facts, too."""
    rows = {(row.key.weekday, row.key.hour_of_day): row for row in totals if row.kpi_id == answer.kpi_id}
    is_rate = any(row.HasField("below_count") for row in rows.values())
    found = {}
    for cell in answer.week_cells:
        at = (cell.weekday, cell.hour_of_day)
        row = rows.get(at, Total())
        found[at] = Cell(row.count, cell.hours, row.below_count if is_rate else None, row.mean if durations else None)
    return found


def busiest(cells: Mapping[tuple[int, int], Cell]) -> tuple[tuple[int, int], Cell] | None:
    """The hottest cell, of several the first in the week; None where nothing was counted."""
    counted = {at: cell for at, cell in cells.items() if cell.heat and cell.hours}
    return min(counted.items(), key=lambda item: (-(item[1].heat or 0), item[0]), default=None)


def heat_map(cells: Mapping[tuple[int, int], Cell]) -> Text:
    """Seven lines of 24 cells, under the hours; readable without colours, too: the higher a cell, the more."""
    top = max((cell.heat or 0 for cell in cells.values()), default=0)
    head = "".join(f"{hour:<6d}" for hour in range(0, HOURS, 2))
    lines = [Text(f"    {head}".rstrip(), "dim")]
    for weekday, name in enumerate(WEEKDAYS, start=1):
        line = Text(f"{name} ")
        for hour in range(HOURS):
            line.append_text(_drawn(cells.get((weekday, hour)), top))
        line.rstrip()
        lines.append(line)
    return Text("\n").join(lines)


def _drawn(cell: Cell | None, top: float) -> Text:
    heat = None if cell is None or not cell.hours else cell.heat
    if heat is None:
        return Text(_NO_TIME * 3)
    if not heat:
        return Text(f" {_NOTHING} ", "dim")
    level = min(len(_LEVELS) - 1, int(heat / top * len(_LEVELS))) if top else 0
    return Text(_LEVELS[level] * 2 + " ", _COLOURS[level])


def caption(cells: Mapping[tuple[int, int], Cell]) -> str:
    """The hottest hour in words."""
    hottest = busiest(cells)
    if hottest is None:
        return "nothing was counted"
    (weekday, hour), cell = hottest
    when = f"{WEEKDAYS[weekday - 1]} {hour:02}:00 to {(hour + 1) % HOURS:02}:00"
    if cell.below is not None:
        return f"highest: {when}, {cell.heat:.0%} ({cell.count:,} of {cell.below:,})"
    if cell.mean_ms is not None:
        return f"longest: {when}, {duration_text(cell.mean_ms)} on average (of {cell.count:,})"
    return f"busiest: {when}, {cell.heat:.3g} an hour ({cell.count:,} in {cell.hours:g} h)"
