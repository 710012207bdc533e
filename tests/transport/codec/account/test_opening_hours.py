"""Opening hours: read as they are written, and refused by the stretch that is wrong."""

from typing import Any

import pytest

from telwerk.v1 import settings_service_pb2 as pb
from telwerk.v1.kpi_service_pb2 import CalendarDate
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.codec.account.opening_hours import (
    EXCEPTIONS_MAX,
    WEEKLY_STRETCHES_MAX,
    decode_opening_hours,
    encode_opening_hours,
)
from telwerkd.transport.codec.errors import described

CHRISTMAS = CalendarDate(year=2026, month=12, day=25)


def stretch(opens: int, closes: int) -> pb.OpenStretch:
    return pb.OpenStretch(open_minute=opens, close_minute=closes)


def weekly(weekday: int, opens: int = 540, closes: int = 1_020) -> pb.WeeklyStretch:
    return pb.WeeklyStretch(weekday=weekday, stretch=stretch(opens, closes))


def dated(date: CalendarDate, *stretches: pb.OpenStretch) -> pb.DatedStretches:
    return pb.DatedStretches(date=date, stretches=stretches)


def hours(*week: pb.WeeklyStretch, **fields: Any) -> pb.OpeningHours:
    return pb.OpeningHours(**{"time_zone": "Europe/Amsterdam", "week": week} | fields)


def read(message: pb.OpeningHours) -> pb.OpeningHours:
    return encode_opening_hours(decode_opening_hours("hours", message))


def test_opening_hours_are_told_by_weekday_and_time_whatever_their_order_was() -> None:
    """Dates too, of which one may be closed; a day may be open to its end."""
    mixed = hours(
        weekly(7),
        weekly(1, 1_080, 1_440),
        weekly(1, 0, 720),
        exceptions=[dated(CHRISTMAS), dated(CalendarDate(year=2000, month=2, day=29), stretch(60, 90), stretch(0, 60))],
    )
    assert read(mixed) == hours(
        weekly(1, 0, 720),
        weekly(1, 1_080, 1_440),
        weekly(7),
        exceptions=[dated(CalendarDate(year=2000, month=2, day=29), stretch(0, 60), stretch(60, 90)), dated(CHRISTMAS)],
    )


MANY = [weekly(1 + n // 20, n % 20 * 10, n % 20 * 10 + 10) for n in range(WEEKLY_STRETCHES_MAX)]
DATES = [CalendarDate(year=2000 + n // 300, month=1 + n % 12, day=1 + n // 12 % 25) for n in range(EXCEPTIONS_MAX + 1)]


def test_there_may_be_as_many_stretches_and_dates_as_the_limits_say() -> None:
    """A date may be as much in pieces as a day has hours."""
    most = hours(*MANY, exceptions=[dated(date) for date in DATES[:-1]])
    most.exceptions[0].stretches.extend(stretch(n * 60, n * 60 + 30) for n in range(24))
    found = decode_opening_hours("hours", most)
    assert sum(map(len, found.week)) == WEEKLY_STRETCHES_MAX
    assert len(found.exceptions) == EXCEPTIONS_MAX


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        (hours(weekly(1), time_zone=""), "time_zone", "is required"),
        (hours(), "week", "would count no time at all"),
        (hours(*MANY, weekly(7)), "week", f"has {WEEKLY_STRETCHES_MAX + 1} entries"),
        (hours(weekly(0)), "week[0].weekday", "is 0"),
        (hours(weekly(1), weekly(8)), "week[1].weekday", "from 1 (Monday) to 7"),
        (hours(weekly(1), pb.WeeklyStretch(weekday=2)), "week[1].stretch.close_minute", "later than open_minute (0)"),
        (hours(weekly(1, 1_440, 1_500)), "week[0].stretch.open_minute", "from 0 to 1439, is 1440"),
        (hours(weekly(1, -1, 10)), "week[0].stretch.open_minute", "is -1"),
        (hours(weekly(1, 600, 600)), "week[0].stretch.close_minute", "later than open_minute (600)"),
        (hours(weekly(1, 600, 1_441)), "week[0].stretch.close_minute", "to 1440; is 1441"),
        (
            hours(weekly(1), weekly(2), weekly(2, 1_019, 1_100)),
            "week[2].stretch",
            "overlaps with hours.week[1].stretch",
        ),
        (hours(weekly(1), weekly(2), weekly(2, 0, 541)), "week[1].stretch", "overlaps with hours.week[2].stretch"),
        (hours(weekly(1), exceptions=[dated(date) for date in DATES]), "exceptions", f"has {EXCEPTIONS_MAX + 1}"),
        (hours(weekly(1), exceptions=[dated(CHRISTMAS)] * 2), "exceptions[1].date", "2026-12-25 is there twice"),
        (
            hours(weekly(1), exceptions=[dated(CalendarDate(year=2026, month=2, day=29))]),
            "exceptions[0].date",
            "is not a date",
        ),
        (
            hours(weekly(1), exceptions=[dated(CHRISTMAS, *(stretch(n, n + 1) for n in range(25)))]),
            "exceptions[0].stretches",
            "has 25 entries, at most 24",
        ),
        (
            hours(weekly(1), exceptions=[dated(CHRISTMAS, stretch(540, 600), stretch(0, 1_441))]),
            "exceptions[0].stretches[1].close_minute",
            "is 1441",
        ),
        (
            hours(weekly(1), exceptions=[dated(CHRISTMAS, stretch(540, 600), stretch(540, 541))]),
            "exceptions[0].stretches[1]",
            "overlaps with hours.exceptions[0].stretches[0]",
        ),
    ],
)
def test_wrong_opening_hours_are_refused_by_their_field(wrong: pb.OpeningHours, field: str, words: str) -> None:
    """With what would be right. Of two that overlap it is that of the one that opens later."""
    with pytest.raises(InvalidArgumentError) as caught:
        decode_opening_hours("hours", wrong)
    told = described(caught.value)
    assert (told.field, told.reason) == (f"hours.{field}", "INVALID_REQUEST")
    assert words in told.message


def test_a_zone_that_is_none_has_its_reason_and_the_field_of_these_hours() -> None:
    """Not that of a query."""
    with pytest.raises(InvalidArgumentError, match="did you mean 'Europe/Amsterdam'") as caught:
        decode_opening_hours("settings.opening_hours", hours(weekly(1), time_zone="Europe/Amsterdm"))
    told = described(caught.value)
    assert (told.field, told.reason) == ("settings.opening_hours.time_zone", "UNKNOWN_TIME_ZONE")


def test_hours_that_only_touch_do_not_overlap() -> None:
    """Of one day; the same hours of two days never do."""
    assert read(hours(weekly(1, 0, 60), weekly(1, 60, 120), weekly(2, 0, 120))).week[1].stretch == stretch(60, 120)
