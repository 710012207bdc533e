"""Of how many, and when in the week: the rates of a report, and its week as a heat map.

The heat map is a table with its numbers in it, so that those who hear it have them too. Its lines are hours and its
columns weekdays: so it fits a telephone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from babel.dates import get_day_names

from telwerk.cli.heat_map import HOURS, WEEKDAYS, Cell, busiest, cells_of
from telwerk.cli.options import Language
from telwerk.cli.report.asking import Part
from telwerk.cli.report.words import Change, Words
from telwerk.v1.kpi_service_pb2 import Kpi, ListKpisResponse, QueryTotalsResponse, Rate, Total

BUSY_KPI: Final = "conversations_started"
"""What the heat map shows."""

_LEVELS = 8
_ABSENT = "–"  # noqa: RUF001 - a dash that is seen beside digits


@dataclass(frozen=True)
class RateWords:
    """What these two parts add to the words of a report."""

    rates: str
    of: str
    """The heading above what is below the line."""
    rate: str
    points: str
    """Percentage points."""
    week: str
    hour: str
    per_hour: str
    """With {name}, {zone}."""
    busiest: str
    """With {weekday}, {hour}, {mean}, {count}, {hours}."""


WORDS: Final[Mapping[str, RateWords]] = {
    Language.EN: RateWords(
        rates="Of how many",
        of="Of",
        rate="Rate",
        points="pp",
        week="When in the week",
        hour="Hour",
        per_hour="{name} per hour, by the clocks of {zone}",
        busiest="Busiest: {weekday} from {hour}, {mean} an hour ({count} in {hours} hours).",
    ),
    Language.DE: RateWords(
        rates="Von wie vielen",
        of="Von",
        rate="Quote",
        points="Pp.",
        week="Wann in der Woche",
        hour="Stunde",
        per_hour="{name} je Stunde, nach den Uhren von {zone}",
        busiest="Am meisten: {weekday} ab {hour}, {mean} je Stunde ({count} in {hours} Stunden).",
    ),
    Language.NL: RateWords(
        rates="Van hoeveel",
        of="Van",
        rate="Verhouding",
        points="pp",
        week="Wanneer in de week",
        hour="Uur",
        per_hour="{name} per uur, volgens de klok van {zone}",
        busiest="Drukst: {weekday} vanaf {hour}, {mean} per uur ({count} in {hours} uur).",
    ),
}


@dataclass(frozen=True)
class RateRow:
    """One rate beside that of the period before."""

    name: str
    what: str
    above: str
    below: str
    rate: str
    before: str
    change: Change


@dataclass(frozen=True)
class WeekMap:
    """A line for each hour, with the text and the level (0 to 8; None without any time) of each weekday."""

    caption: str
    busiest: str
    weekdays: Sequence[str]
    lines: Sequence[tuple[str, Sequence[tuple[str, int | None]]]]


def rates_of(catalogue: ListKpisResponse, answer: QueryTotalsResponse | None, words: Words) -> list[RateRow]:
    """The rates; none where the server knows none."""
    rates = {rate.rate_id: rate for rate in catalogue.rates}
    return [_rate_row(rates[total.kpi_id], total, words) for total in (answer.totals if answer else ())]


def _rate_row(rate: Rate, total: Total, words: Words) -> RateRow:
    own, compared = WORDS[words.language], total.comparison
    moved = compared.HasField("rate_delta")
    return RateRow(
        name=rate.display_name,
        what=rate.what,
        above=words.number(total.count),
        below=words.number(total.below_count),
        rate=words.share_text(total.rate) if total.HasField("rate") else _ABSENT,
        before=words.share_text(compared.rate) if compared.HasField("rate") else _ABSENT,
        change=words.points_change(compared.rate_delta, own.points, rate.direction) if moved else Change(_ABSENT),
    )


def week_of(kpis: Sequence[Kpi], part: Part[QueryTotalsResponse], words: Words) -> WeekMap | None:
    """The week, if anything was counted in it."""
    if part.answer is None or not part.answer.totals:
        return None
    own, [told] = WORDS[words.language], part.answer.answers
    cells = cells_of(told, part.answer.totals)
    hottest = busiest(cells)
    if hottest is None:
        return None
    top = hottest[1].heat or 0.0
    names = get_day_names("abbreviated", locale=words.language)
    lines = [
        (f"{hour:02}:00", [_cell(cells.get((day, hour)), top, words) for day in range(1, len(WEEKDAYS) + 1)])
        for hour in range(HOURS)
    ]
    name = next(kpi.display_name for kpi in kpis if kpi.kpi_id == told.kpi_id)
    return WeekMap(
        caption=own.per_hour.format(name=name, zone=part.answer.time_zone),
        busiest=_busiest(*hottest, words),
        weekdays=[names[day] for day in range(len(WEEKDAYS))],
        lines=lines,
    )


def _cell(cell: Cell | None, top: float, words: Words) -> tuple[str, int | None]:
    if cell is None or not cell.hours:
        return "", None
    heat = cell.heat or 0.0
    return words.decimal(heat, 1), -(-int(heat / top * 100) * _LEVELS // 100)


def _busiest(at: tuple[int, int], cell: Cell, words: Words) -> str:
    weekday, hour = at
    return WORDS[words.language].busiest.format(
        weekday=get_day_names("wide", locale=words.language)[weekday - 1],
        hour=f"{hour:02}:00",
        mean=words.decimal(cell.heat or 0.0, 1),
        count=words.number(cell.count),
        hours=words.number(int(cell.hours)) if cell.hours.is_integer() else words.decimal(cell.hours),
    )
