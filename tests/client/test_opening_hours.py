"""Opening hours as `telwerk settings` takes and shows them."""

import pytest
import typer

from telwerk.cli.opening_hours import hours_text, parse_hours


def test_hours_are_shown_as_they_can_be_set():
    """Days and ranges of days, several stretches, midnight, dates of their own, and the zone last."""
    texts = ["mon-wed,fri 09:00-12:00,13:00-17:30", "sat 0:00-24:00", "2026-12-25 closed", "2026-12-24 9:00-12:00"]
    hours = parse_hours(texts, "Europe/Amsterdam")
    assert [entry.weekday for entry in hours.week] == [1, 1, 2, 2, 3, 3, 5, 5, 6]
    assert hours.week[0].stretch.open_minute == 540
    assert hours.week[-1].stretch.close_minute == 1_440
    shown = hours_text(hours).splitlines()
    assert shown == [
        "mon-wed 09:00-12:00,13:00-17:30",
        "fri 09:00-12:00,13:00-17:30",
        "sat 00:00-24:00",
        "2026-12-25 closed",
        "2026-12-24 09:00-12:00",
        "Europe/Amsterdam",
    ]
    assert hours_text(parse_hours(shown[:-1], shown[-1])).splitlines() == shown


@pytest.mark.parametrize(
    "wrong", ["", "mon", "mon 9-17", "mo 09:00-17:00", "mon closed", "2026-13-01 closed", "mon 09:00-"]
)
def test_other_texts_are_refused_with_what_they_should_be(wrong):
    with pytest.raises(typer.BadParameter, match="such as"):
        parse_hours([wrong], "UTC")
