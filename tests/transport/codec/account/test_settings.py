"""Settings of widgets and accounts: read from when they hold, and told as they are kept."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import event_pb2, settings_service_pb2 as pb
from telwerkd.application.settings import SettingsPage
from telwerkd.domain.conversation.events import InactivityAction
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.domain.ids import GoalId, Micros, WidgetId
from telwerkd.domain.time.opening_hours import Schedule
from telwerkd.transport.codec.account.settings import (
    GOALS_MAX,
    PageRequest,
    decode_default_hours,
    decode_version,
    encode_account,
    encode_page,
    encode_set,
    encode_version,
    encoded_version,
    page_bounds,
)
from telwerkd.transport.codec.errors import described
from telwerkd.transport.codec.fields import FieldReader

FIELDS = FieldReader(id_bytes_max=8, url_bytes_max=40)
NOW = Micros(1_767_600_000_000_007)
EARLIER = Timestamp(seconds=1_767_000_000, nanos=1_999)
EARLIER_MICROS = Micros(1_767_000_000_000_001)
HOURS = pb.OpeningHours(
    time_zone="UTC", week=[pb.WeeklyStretch(weekday=1, stretch=pb.OpenStretch(open_minute=0, close_minute=60))]
)
WRONG_HOURS = pb.OpeningHours(time_zone="UTC")


def goal(goal_id: str, url: str = "https://shop.example/") -> pb.Goal:
    return pb.Goal(goal_id=goal_id, url=url)


def widget(**fields: Any) -> pb.WidgetSettings:
    return pb.WidgetSettings(**{"widget_id": "web"} | fields)


def decoded(message: pb.WidgetSettings) -> tuple[WidgetId, WidgetVersion, Schedule | None]:
    return decode_version(message, FIELDS, NOW)


def test_a_version_of_nothing_holds_from_now() -> None:
    """Without a limit, goals, actions and hours."""
    assert decoded(widget()) == (WidgetId("web"), WidgetVersion(NOW, None, (), ()), None)


def test_a_version_is_read_as_it_was_sent() -> None:
    """Actions by number and each once, goals in their order; its hours are named by their digest."""
    sent = widget(
        effective_time=EARLIER,
        live_limit=Duration(seconds=60, nanos=1_999),
        goals=[goal("z"), goal("a")],
        enabled_actions=[8, 1, 8],
        opening_hours=HOURS,
    )
    _, version, schedule = decoded(sent)
    assert schedule is not None
    goals = tuple(Goal(GoalId(each), "https://shop.example/") for each in "za")
    actions = (InactivityAction(1), InactivityAction(8))
    assert version == WidgetVersion(EARLIER_MICROS, Micros(60_000_001), goals, actions, schedule.id)
    assert encode_version(WidgetId("web"), version, schedule) == widget(
        effective_time=Timestamp(seconds=1_767_000_000, nanos=1_000),
        live_limit=Duration(seconds=60, nanos=1_000),
        goals=[goal("z"), goal("a")],
        enabled_actions=[1, 8],
        opening_hours=HOURS,
    )


def test_what_a_version_has_not_is_not_told() -> None:
    """Neither a limit of 0 nor hours of no day."""
    told = encode_version(WidgetId("web"), WidgetVersion(NOW, None, (), ()), None)
    assert [field.name for field, _ in told.ListFields()] == ["widget_id", "effective_time"]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"widget_id": ""}, "widget_id", "is required"),
        ({"widget_id": "x" * 9}, "widget_id", "id_bytes_max"),
        ({"effective_time": Timestamp()}, "effective_time", "is not from 2000"),
        ({"live_limit": Duration()}, "live_limit", "from 1 microsecond to 30 days"),
        ({"goals": [goal(f"{n}") for n in range(GOALS_MAX + 1)]}, "goals", f"has {GOALS_MAX + 1} goals"),
        ({"goals": [goal("a"), goal("")]}, "goals[1].goal_id", "is required"),
        ({"goals": [goal("a", "ftp://shop.example/")]}, "goals[0].url", "http"),
        ({"goals": [goal("a"), goal("b"), goal("a")]}, "goals[2].goal_id", "'a' is there twice"),
        ({"enabled_actions": [1, 9]}, "enabled_actions[1]", "9 is not one of"),
        ({"opening_hours": WRONG_HOURS}, "opening_hours.week", "is required"),
    ],
)
def test_a_wrong_version_is_refused_by_its_field(fields: dict[str, Any], field: str, words: str) -> None:
    """With what would be right."""
    with pytest.raises(InvalidArgumentError) as caught:
        decoded(widget(**fields))
    told = described(caught.value)
    assert (told.field, told.reason) == (f"settings.{field}", "INVALID_REQUEST")
    assert words in told.message


def test_a_widget_may_have_a_thousand_goals() -> None:
    assert len(decoded(widget(goals=[goal(f"{n}") for n in range(GOALS_MAX)]))[1].goals) == GOALS_MAX


# --- an account's ----------------------------------------------------------------------------------------------------


def defaults(**fields: Any) -> tuple[Micros, Schedule | None] | None:
    return decode_default_hours(pb.AccountSettings(**fields), NOW)


def test_an_account_may_leave_its_hours_as_they_are_set_them_or_end_them() -> None:
    """From now, or from when it says."""
    assert defaults(time_zone="UTC") is None
    begun = defaults(opening_hours=HOURS)
    assert begun is not None
    assert (begun[0], begun[1] and begun[1].time_zone) == (NOW, "UTC")
    assert defaults(no_opening_hours=True) == (NOW, None)
    assert defaults(no_opening_hours=True, opening_hours_effective_time=EARLIER) == (EARLIER_MICROS, None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"opening_hours_effective_time": EARLIER}, "opening_hours"),
        ({"opening_hours": HOURS, "no_opening_hours": True}, "no_opening_hours"),
        ({"opening_hours": HOURS, "opening_hours_effective_time": Timestamp()}, "opening_hours_effective_time"),
        ({"no_opening_hours": True, "opening_hours_effective_time": Timestamp()}, "opening_hours_effective_time"),
        ({"opening_hours": WRONG_HOURS}, "opening_hours.week"),
    ],
)
def test_hours_that_contradict_themselves_are_refused_by_their_field(fields: dict[str, Any], field: str) -> None:
    """A time at which nothing begins; hours and none; and what is wrong with either."""
    with pytest.raises(InvalidArgumentError) as caught:
        defaults(**fields)
    assert described(caught.value).field == f"settings.{field}"


def test_an_account_that_ended_its_hours_is_told_apart_from_one_that_never_had_any() -> None:
    """With the instant from which there are none."""

    def told(version: tuple[WidgetVersion, Schedule | None] | None) -> pb.AccountSettings:
        return pb.GetAccountSettingsResponse.FromString(encode_account("UTC", version)).settings

    begun = defaults(opening_hours=HOURS)
    assert begun is not None
    since = Timestamp(seconds=1_767_600_000, nanos=7_000)
    version = WidgetVersion(NOW, None, (), ())
    assert told(None) == pb.AccountSettings(time_zone="UTC")
    assert told((version, None)) == pb.AccountSettings(
        time_zone="UTC", no_opening_hours=True, opening_hours_effective_time=since
    )
    assert told((version, begun[1])) == pb.AccountSettings(
        time_zone="UTC", opening_hours=HOURS, opening_hours_effective_time=since
    )


def test_settings_of_an_account_have_the_same_reply_set_or_asked_for() -> None:
    """One encoding serves both."""
    fields = pb.SetAccountSettingsResponse.DESCRIPTOR.fields_by_name
    asked = pb.GetAccountSettingsResponse.DESCRIPTOR.fields_by_name
    assert {name: (field.number, field.message_type) for name, field in fields.items()} == {
        name: (field.number, field.message_type) for name, field in asked.items()
    }


# --- pages -----------------------------------------------------------------------------------------------------------

PAGED = [
    pb.GetWidgetSettingsRequest(account_id="acme", widget_id="web"),
    pb.ListWidgetSettingsRequest(account_id="acme"),
]


def paged(request: PageRequest, **page: Any) -> PageRequest:
    turned = type(request).FromString(request.SerializeToString())
    for name, value in page.items():
        setattr(turned, name, value)
    return turned


@pytest.mark.parametrize("request_", PAGED, ids=lambda request: type(request).__name__)
def test_a_page_has_twenty_unless_asked_otherwise_and_goes_on_where_the_last_ended(request_: PageRequest) -> None:
    """Each of the two lists has its versions in its own field, encoded as they were."""
    assert page_bounds(request_) == (0, 20)
    assert page_bounds(paged(request_, page_size=100)) == (0, 100)
    versions = [encoded_version(WidgetId(each), WidgetVersion(NOW, None, (), ()), None) for each in "ba"]
    raw = encode_page(request_, SettingsPage(versions, 7))
    if isinstance(request_, pb.GetWidgetSettingsRequest):
        history = pb.GetWidgetSettingsResponse.FromString(raw)
        found, token = history.versions, history.next_page_token
    else:
        newest = pb.ListWidgetSettingsResponse.FromString(raw)
        found, token = newest.settings, newest.next_page_token
    assert [each.widget_id for each in found] == ["b", "a"]
    assert page_bounds(paged(request_, page_token=token)) == (7, 20)
    last = pb.ListWidgetSettingsResponse.FromString(encode_page(request_, SettingsPage([], None)))
    assert last.next_page_token == ""


@pytest.mark.parametrize("request_", PAGED, ids=lambda request: type(request).__name__)
@pytest.mark.parametrize(
    ("page", "field"),
    [({"page_size": -1}, "page_size"), ({"page_size": 101}, "page_size"), ({"page_token": "x"}, "page_token")],
)
def test_a_page_that_cannot_be_is_refused(request_: PageRequest, page: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        page_bounds(paged(request_, **page))
    assert described(caught.value).field == field


def test_the_reply_to_a_version_that_was_set_is_that_version() -> None:
    version = WidgetVersion(NOW, Micros(1), (), (InactivityAction(3),))
    reply = pb.SetWidgetSettingsResponse.FromString(encode_set(WidgetId("web"), version, None)).settings
    assert reply == encode_version(WidgetId("web"), version, None)
    assert (reply.live_limit.nanos, list(reply.enabled_actions)) == (1_000, [event_pb2.InactivityAction.ValueType(3)])
