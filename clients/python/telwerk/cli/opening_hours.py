"""Opening hours as text: `mon-fri 09:00-17:30`, `sat,sun 10:00-12:00,13:00-15:00`, `2026-12-25 closed`."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Final

import typer

from telwerk.v1.kpi_service_pb2 import CalendarDate
from telwerk.v1.settings_service_pb2 import DatedStretches, OpeningHours, OpenStretch, WeeklyStretch

HOURS_HELP: Final = (
    "Opening hours of weekdays, `mon-fri 09:00-12:00,13:00-17:30`, or of a date, `2026-12-25 closed`. Repeatable."
)

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOSED: Final = "closed"
_STRETCH: Final = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)")


def parse_hours(texts: Sequence[str], time_zone: str) -> OpeningHours:
    """Returns opening hours from their texts.

    Raises:
        typer.BadParameter: a text is not as above.
    """
    hours = OpeningHours(time_zone=time_zone)
    for text in texts:
        days, _, stretches = text.strip().lower().partition(" ")
        day = _date(days)
        if day is not None:
            parts = [] if stretches.strip() == _CLOSED else _stretches(text, stretches)
            hours.exceptions.append(DatedStretches(date=day, stretches=parts))
            continue
        for weekday in _weekdays(text, days):
            hours.week.extend(WeeklyStretch(weekday=weekday, stretch=each) for each in _stretches(text, stretches))
    return hours


def _date(text: str) -> CalendarDate | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return CalendarDate(year=day.year, month=day.month, day=day.day)


def _weekdays(text: str, days: str) -> list[int]:
    """ISO numbers of days such as `mon-fri` and `sat,sun`."""
    found: list[int] = []
    for part in days.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise typer.BadParameter(
                f"{text!r} begins neither with days such as mon-fri or sat,sun nor with a date such as 2026-12-25",
                param_hint="--hours",
            )
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found += [(begin + n) % len(_DAYS) + 1 for n in range((end - begin) % len(_DAYS) + 1)]
    return found


def _stretches(text: str, stretches: str) -> list[OpenStretch]:
    matched = [_STRETCH.fullmatch(part.strip()) for part in stretches.split(",")]
    found = [[int(number) for number in match.groups()] for match in matched if match]
    if len(found) < len(matched):
        raise typer.BadParameter(
            f"{text!r} does not end with times such as 09:00-17:30 or 09:00-12:00,13:00-17:30", param_hint="--hours"
        )
    return [OpenStretch(open_minute=60 * a + b, close_minute=60 * c + d) for a, b, c, d in found]


def hours_text(hours: OpeningHours) -> str:
    """Returns opening hours as the texts that they could be parsed from, a line each, and last their zone."""
    of_days = [
        (day, _times(entry.stretch for entry in hours.week if entry.weekday == number))
        for number, day in enumerate(_DAYS, start=1)
    ]
    lines: list[str] = []
    for times, same in groupby(of_days, key=lambda each: each[1]):
        days = [day for day, _ in same]
        if times:
            lines.append(f"{days[0]}-{days[-1]} {times}" if len(days) > 1 else f"{days[0]} {times}")
    for entry in hours.exceptions:
        day = date(entry.date.year, entry.date.month, entry.date.day)
        lines.append(f"{day} {_times(entry.stretches) or _CLOSED}")
    return "\n".join([*lines, hours.time_zone])


def _times(stretches: Iterable[OpenStretch]) -> str:
    return ",".join(f"{_time(each.open_minute)}-{_time(each.close_minute)}" for each in stretches)


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
