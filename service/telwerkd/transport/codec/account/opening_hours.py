"""Between `telwerk.v1.OpeningHours` and the domain's `Schedule`."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from telwerk.v1 import kpi_service_pb2 as kpi, settings_service_pb2 as pb
from telwerkd.domain.errors import RequestPart
from telwerkd.domain.time.opening_hours import (
    DAYS_PER_WEEK,
    MINUTES_PER_DAY,
    Day,
    OpenStretch,
    Schedule,
    overlapping,
    schedule_of,
)
from telwerkd.transport.codec.errors import in_field
from telwerkd.transport.codec.fields import FieldError, calendar_date

WEEKLY_STRETCHES_MAX = 100
EXCEPTIONS_MAX = 1_000
_DAILY_STRETCHES_MAX = 24

_EPOCH = date(1970, 1, 1)


def decode_opening_hours(field: str, hours: pb.OpeningHours) -> Schedule:
    """Returns the schedule of a message, with the offsets that its zone has now.

    Takes some ten milliseconds for a zone that was not used yet, and longer for one that there is not.

    Raises:
        InvalidArgumentError: a field is wrong; the error names it.
    """
    if not hours.time_zone:
        raise FieldError(f"{field}.time_zone", "is required")
    week = _week(f"{field}.week", hours.week)
    exceptions = _exceptions(f"{field}.exceptions", hours.exceptions)
    with in_field(RequestPart.TIME_ZONE, f"{field}.time_zone"):
        return schedule_of(hours.time_zone, week, exceptions)


def _week(field: str, entries: Sequence[pb.WeeklyStretch]) -> list[Day]:
    if not entries:
        raise FieldError(field, "is required: a schedule without opening hours would count no time at all")
    if len(entries) > WEEKLY_STRETCHES_MAX:
        raise FieldError(field, f"has {len(entries)} entries, at most {WEEKLY_STRETCHES_MAX} are allowed")
    by_day: list[list[tuple[str, OpenStretch]]] = [[] for _ in range(DAYS_PER_WEEK)]
    for i, entry in enumerate(entries):
        path = f"{field}[{i}]"
        if not 1 <= entry.weekday <= DAYS_PER_WEEK:
            raise FieldError(f"{path}.weekday", f"must be from 1 (Monday) to 7 (Sunday), is {entry.weekday}")
        stretch = _stretch(f"{path}.stretch", entry.stretch)
        by_day[entry.weekday - 1].append((f"{path}.stretch", stretch))
    return [_day(stretches) for stretches in by_day]


def _exceptions(field: str, entries: Sequence[pb.DatedStretches]) -> list[tuple[date, Day]]:
    if len(entries) > EXCEPTIONS_MAX:
        raise FieldError(field, f"has {len(entries)} entries, at most {EXCEPTIONS_MAX} are allowed")
    days: dict[date, Day] = {}
    for i, entry in enumerate(entries):
        path = f"{field}[{i}]"
        day = calendar_date(f"{path}.date", entry.date)
        if day in days:
            raise FieldError(f"{path}.date", f"{day} is there twice")
        if len(entry.stretches) > _DAILY_STRETCHES_MAX:
            raise FieldError(
                f"{path}.stretches", f"has {len(entry.stretches)} entries, at most {_DAILY_STRETCHES_MAX} are allowed"
            )
        paths = [f"{path}.stretches[{index}]" for index in range(len(entry.stretches))]
        days[day] = _day([(each, _stretch(each, one)) for each, one in zip(paths, entry.stretches, strict=True)])
    return list(days.items())


def _stretch(field: str, stretch: pb.OpenStretch) -> OpenStretch:
    opens, closes = stretch.open_minute, stretch.close_minute
    if not 0 <= opens < MINUTES_PER_DAY:
        raise FieldError(f"{field}.open_minute", f"must be from 0 to {MINUTES_PER_DAY - 1}, is {opens}")
    if not opens < closes <= MINUTES_PER_DAY:
        raise FieldError(
            f"{field}.close_minute", f"must be later than open_minute ({opens}), to {MINUTES_PER_DAY}; is {closes}"
        )
    return OpenStretch(opens, closes)


def _day(placed: Sequence[tuple[str, OpenStretch]]) -> Day:
    """Returns the stretches of a day, in order; each is given with the path of its field."""
    found = overlapping([stretch for _, stretch in placed])
    if found is not None:
        one, other = (placed[index][0] for index in found)
        raise FieldError(other, f"overlaps with {one}")
    return tuple(sorted((stretch for _, stretch in placed), key=lambda each: each.opens))


def encode_opening_hours(schedule: Schedule) -> pb.OpeningHours:
    """Returns a schedule as a message."""
    return pb.OpeningHours(
        time_zone=schedule.time_zone,
        week=[
            pb.WeeklyStretch(weekday=weekday, stretch=stretch)
            for weekday, day in enumerate(schedule.week, start=1)
            for stretch in _stretches(day)
        ],
        exceptions=[
            pb.DatedStretches(date=_calendar_date(day), stretches=_stretches(stretches))
            for day, stretches in schedule.exceptions
        ],
    )


def _stretches(day: Day) -> Iterable[pb.OpenStretch]:
    return [pb.OpenStretch(open_minute=each.opens, close_minute=each.closes) for each in day]


def _calendar_date(day: int) -> kpi.CalendarDate:
    on = _EPOCH + timedelta(days=day)
    return kpi.CalendarDate(year=on.year, month=on.month, day=on.day)
