"""Fields that many messages have: what is read of each, and where it ends."""

from datetime import date

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings, strategies as st

from telwerk.v1 import event_pb2 as pb
from telwerk.v1.kpi_service_pb2 import CalendarDate
from telwerkd.domain.conversation.events import InactivityAction
from telwerkd.domain.ids import Micros
from telwerkd.domain.time.years import END_INSTANT, FIRST_INSTANT
from telwerkd.transport.codec.fields import (
    FILTER_IDS_MAX,
    LIVE_LIMIT_MAX,
    FieldError,
    FieldReader,
    action,
    calendar_date,
    checked,
    choices,
    encode_instant,
    instant,
    live_limit,
)

law = settings(deadline=None)
READER = FieldReader(id_bytes_max=4, url_bytes_max=20)


@pytest.mark.parametrize("value", ["a", "abcd", "éé", "😀", "a b ", "\u200b", "=+/"])
def test_an_id_is_any_text_within_its_bytes(value: str) -> None:
    """Opaque: nothing is cut off or changed, and its length is in bytes of UTF-8."""
    assert READER.id("operator_id", value) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is required"),
        ("abcde", r"has 5 bytes, at most 4 \(id_bytes_max\)"),
        ("éé!", r"has 5 bytes"),
        ("a\nb", "control character"),
        ("\x7f", "control character"),
        ("\x85", "control character"),
        ("\x1f", "control character"),
    ],
)
def test_what_is_no_id_is_refused_by_its_field(value: str, why: str) -> None:
    """Empty, too long, or with a control character, which also separates the parts of values."""
    with pytest.raises(FieldError, match=why) as caught:
        READER.id("operator_id", value)
    assert caught.value.field == "operator_id"


def test_an_optional_id_may_be_absent_and_nothing_else() -> None:
    """Any other is held to the same."""
    assert READER.optional_id("operator_id", "") == ""
    with pytest.raises(FieldError):
        READER.optional_id("operator_id", "abcde")


@law
@given(st.integers(FIRST_INSTANT, END_INSTANT - 1), st.integers(0, 999))
def test_an_instant_is_cut_to_microseconds(micros: int, nanos: int) -> None:
    """Never rounded up, into a time that has not come; and is told as it was read (R-ORDER-1)."""
    told = encode_instant(Micros(micros))
    told.nanos += nanos
    assert instant("occur_time", told) == micros


@pytest.mark.parametrize(
    "told",
    [
        Timestamp(seconds=FIRST_INSTANT // 10**6 - 1, nanos=999_999_999),
        Timestamp(seconds=END_INSTANT // 10**6),
        Timestamp(seconds=1_767_225_600, nanos=10**9),
        Timestamp(seconds=1_767_225_600, nanos=-1),
    ],
)
def test_an_instant_outside_the_years_or_its_second_is_none(told: Timestamp) -> None:
    """2000 to 2199, and what protobuf itself allows."""
    with pytest.raises(FieldError, match="occur_time"):
        instant("occur_time", told)


@pytest.mark.parametrize(
    ("told", "limit"),
    [
        (Duration(seconds=1, nanos=999), 1_000_000),
        (Duration(nanos=1_000), 1),
        (Duration(nanos=999), None),
        (Duration(), None),
        (Duration(seconds=-1), None),
        (Duration(seconds=LIVE_LIMIT_MAX // 10**6), LIVE_LIMIT_MAX),
        (Duration(seconds=LIVE_LIMIT_MAX // 10**6, nanos=1_000), None),
        (Duration(seconds=1, nanos=-1), None),
    ],
)
def test_a_limit_is_from_a_microsecond_to_thirty_days(told: Duration, limit: int | None) -> None:
    """Cut to microseconds first: less than one is none."""
    if limit is None:
        with pytest.raises(FieldError, match="live_limit"):
            live_limit("live_limit", told)
    else:
        assert live_limit("live_limit", told) == limit


@pytest.mark.parametrize("parts", [(2025, 2, 29), (2025, 13, 1), (0, 0, 0), (1999, 12, 31), (2200, 1, 1), (-1, 1, 1)])
def test_a_date_that_is_none_or_not_of_the_years_is_refused(parts: tuple[int, int, int]) -> None:
    """Never moved to the nearest that is."""
    with pytest.raises(FieldError, match="date"):
        calendar_date("date", CalendarDate(year=parts[0], month=parts[1], day=parts[2]))
    assert calendar_date("date", CalendarDate(year=2024, month=2, day=29)) == date(2024, 2, 29)


def test_an_action_is_one_of_the_eight_by_its_number() -> None:
    """Another is refused with all their names, and never with that of the unspecified."""
    assert [action("action", number) for number in range(1, 9)] == list(InactivityAction)
    for number in (0, 9, -1):
        with pytest.raises(FieldError, match="INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT") as caught:
            action("action", number)
        assert "UNSPECIFIED" not in caught.value.message
    assert len(choices(pb.InactivityAction.keys()).split(", ")) == 8


def test_each_entry_of_a_list_is_checked_under_its_place() -> None:
    """As many as are allowed are; one more are refused before any is looked at."""
    with pytest.raises(FieldError) as caught:
        checked("operator_ids", ["a", "abcde", ""], READER.id)
    assert caught.value.field == "operator_ids[1]"
    assert len(checked("operator_ids", ["a"] * FILTER_IDS_MAX, READER.id)) == FILTER_IDS_MAX
    with pytest.raises(FieldError, match=f"has {FILTER_IDS_MAX + 1} entries") as caught:
        checked("operator_ids", [""] * (FILTER_IDS_MAX + 1), READER.id)
    assert caught.value.field == "operator_ids"
