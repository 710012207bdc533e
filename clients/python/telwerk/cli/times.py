"""What people write for a time: `--from` and `--to`.

A day (`2026-11-23`, `today`, `yesterday`, `tomorrow`) stands for its beginning; `7d` and `2w` count days back from the
end of today, so that `--from 7d` is the last seven days, today among them, and `--from 14d --to 7d` the seven before.
An instant is ISO 8601 (`2026-11-23T14:00+01:00`; without an offset: on the wall clock of the time zone), `now`, or
hours back from now (`24h`), to the next quarter of an hour.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from telwerk.queries import Moment

_QUARTER_HOUR = timedelta(minutes=15)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


class Clock:
    """Now, and today in a time zone that is asked for only where it matters."""

    def __init__(self, zone_name: Callable[[], str], now: datetime | None = None) -> None:
        self._zone_name = zone_name
        self.now = now or datetime.now(UTC)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the query."""
        return zone_of(self._zone_name())

    @property
    def today(self) -> date:
        """The day it is there."""
        return self.now.astimezone(self.zone).date()

    @property
    def next_quarter_hour(self) -> datetime:
        """Now, or a little later."""
        since = self.now - datetime.min.replace(tzinfo=UTC)
        return self.now + (-since % _QUARTER_HOUR)


def zone_of(name: str) -> ZoneInfo:
    """The time zone.

    Raises:
        typer.BadParameter: this machine does not know it.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r} is not a known time zone, such as Europe/Amsterdam") from None


def parse_range(start: str, end: str | None, clock: Clock) -> tuple[Moment, Moment]:
    """From and to, both dates or both instants. No end: the end of today, or now where the start is an instant.

    Raises:
        typer.BadParameter: one of them is no time.
    """
    first = parse_moment(start, clock, "--from")
    if end is None:
        return first, clock.next_quarter_hour if isinstance(first, datetime) else clock.today + timedelta(days=1)
    return _alike(first, parse_moment(end, clock, "--to"), clock)


def parse_period(text: str, clock: Clock, option: str) -> tuple[Moment, Moment]:
    """`FROM/TO`, each as for a range; both dates or both instants.

    Raises:
        typer.BadParameter: it is no period.
    """
    start, slash, end = text.partition("/")
    if not slash:
        raise typer.BadParameter(f"{text!r} is not FROM/TO, such as 2026-10-01/2026-11-01", param_hint=option)
    return _alike(parse_moment(start, clock, option), parse_moment(end, clock, option), clock)


def parse_moment(text: str, clock: Clock, option: str) -> Moment:
    """One of the forms above.

    Raises:
        typer.BadParameter: it is none of them.
    """
    if text in _DAYS:
        return clock.today + timedelta(days=_DAYS[text])
    if text == "now":
        return clock.next_quarter_hour
    try:
        if match := re.fullmatch(r"([0-9]{1,6})([hdw])", text):
            count, unit = int(match[1]), match[2]
            if unit == "h":
                return clock.next_quarter_hour - timedelta(hours=count)
            return clock.today + timedelta(days=1) - timedelta(days=count * (7 if unit == "w" else 1))
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
        return _instant(datetime.fromisoformat(text), clock)
    except (ValueError, OverflowError):
        forms = "2026-11-23, 2026-11-23T14:00+01:00, today, now, 7d, 2w or 24h"
        raise typer.BadParameter(f"{text!r} is not a time; write one like {forms}", param_hint=option) from None


def parse_instant(text: str, clock: Clock, option: str) -> datetime:
    """The same as an instant: a day is its beginning, and now is now.

    Raises:
        typer.BadParameter: it is no time.
    """
    return clock.now if text == "now" else _instant(parse_moment(text, clock, option), clock)


def _alike(first: Moment, last: Moment, clock: Clock) -> tuple[Moment, Moment]:
    """Both dates or both instants."""
    if isinstance(first, datetime) != isinstance(last, datetime):
        return _instant(first, clock), _instant(last, clock)
    return first, last


def _instant(moment: Moment, clock: Clock) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=clock.zone)


def parse_duration(text: str) -> timedelta:
    """`60s`, `1.5m`, `500ms`, `2h`, `1d`.

    Raises:
        typer.BadParameter: it is none.
    """
    units = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    match = re.fullmatch(r"([0-9]{1,12}(?:[.][0-9]{1,6})?)(ms|s|m|h|d)", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a duration; write one like 60s, 5m or 500ms")
    return timedelta(**{units[match[2]]: float(match[1])})
