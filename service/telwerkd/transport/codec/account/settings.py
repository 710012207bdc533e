"""Between `telwerk.v1` settings and the domain's."""

from typing import TypeAlias

from google.protobuf.duration_pb2 import Duration

from telwerk.v1 import settings_service_pb2 as pb
from telwerkd.application.settings import SettingsPage
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import GoalId, Micros, WidgetId
from telwerkd.domain.time.opening_hours import Schedule
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.account.opening_hours import decode_opening_hours, encode_opening_hours
from telwerkd.transport.codec.fields import FieldError, FieldReader, action, encode_instant, instant, live_limit
from telwerkd.transport.codec.wire import encoding

GOALS_MAX = 1_000
_PAGE_SIZE = 20
_PAGE_SIZE_MAX = 100

_VERSIONS = pb.GetWidgetSettingsResponse.VERSIONS_FIELD_NUMBER
_NEWEST = pb.ListWidgetSettingsResponse.SETTINGS_FIELD_NUMBER
_SET = pb.SetWidgetSettingsResponse.SETTINGS_FIELD_NUMBER
_ACCOUNT = pb.GetAccountSettingsResponse.SETTINGS_FIELD_NUMBER
"""Also of `SetAccountSettingsResponse`; a test holds both against the contract."""

PageRequest: TypeAlias = pb.GetWidgetSettingsRequest | pb.ListWidgetSettingsRequest


def decode_version(
    settings: pb.WidgetSettings, fields: FieldReader, now: Micros
) -> tuple[WidgetId, WidgetVersion, Schedule | None]:
    """Returns widget, version of its settings and opening hours; without an effective time it holds from `now`.

    Raises:
        FieldError: a field is wrong.
    """
    widget = WidgetId(fields.id("settings.widget_id", settings.widget_id))
    has_time = settings.HasField("effective_time")
    effective = instant("settings.effective_time", settings.effective_time) if has_time else now
    limit = live_limit("settings.live_limit", settings.live_limit) if settings.HasField("live_limit") else None
    if len(settings.goals) > GOALS_MAX:
        raise FieldError("settings.goals", f"has {len(settings.goals)} goals, at most {GOALS_MAX} are allowed")
    goals = tuple(
        Goal(
            GoalId(fields.id(f"settings.goals[{i}].goal_id", goal.goal_id)),
            fields.url(f"settings.goals[{i}].url", goal.url),
        )
        for i, goal in enumerate(settings.goals)
    )
    seen: set[str] = set()
    for i, goal in enumerate(goals):
        if goal.goal_id in seen:
            raise FieldError(f"settings.goals[{i}].goal_id", f"{goal.goal_id!r} is there twice")
        seen.add(goal.goal_id)
    actions = sorted({action(f"settings.enabled_actions[{i}]", a) for i, a in enumerate(settings.enabled_actions)})
    has_hours = settings.HasField("opening_hours")
    schedule = decode_opening_hours("settings.opening_hours", settings.opening_hours) if has_hours else None
    version = WidgetVersion(effective, limit, goals, tuple(actions), schedule.id if schedule else b"")
    return widget, version, schedule


def decode_default_hours(settings: pb.AccountSettings, now: Micros) -> tuple[Micros, Schedule | None] | None:
    """Returns default opening hours and the instant from which they hold; None where the settings have none.

    Raises:
        InvalidArgumentError: a field is wrong.
    """
    has_time = settings.HasField("opening_hours_effective_time")
    if not settings.HasField("opening_hours") and not settings.no_opening_hours:
        if has_time:
            raise FieldError("settings.opening_hours", "is required with opening_hours_effective_time")
        return None
    if settings.HasField("opening_hours") and settings.no_opening_hours:
        raise FieldError("settings.no_opening_hours", "is not allowed together with opening_hours")
    field = "settings.opening_hours_effective_time"
    effective = instant(field, settings.opening_hours_effective_time) if has_time else now
    if settings.no_opening_hours:
        return effective, None
    return effective, decode_opening_hours("settings.opening_hours", settings.opening_hours)


def encode_account(time_zone: str, default: tuple[WidgetVersion, Schedule | None] | None) -> bytes:
    """Returns the encoded reply with an account's settings, the same for setting and getting them."""
    encoded = pb.AccountSettings(time_zone=time_zone)
    if default is not None:
        version, schedule = default
        encoded.opening_hours_effective_time.CopyFrom(encode_instant(version.effective_time))
        if schedule is None:
            encoded.no_opening_hours = True
        else:
            encoded.opening_hours.CopyFrom(encode_opening_hours(schedule))
    return encoding.nested(_ACCOUNT, encoded.SerializeToString())


def page_bounds(request: PageRequest) -> tuple[int, int]:
    """Returns the offset of the requested page, and its size.

    Raises:
        InvalidArgumentError: the page's size is out of range, or the token is not of this request.
    """
    if not 0 <= request.page_size <= _PAGE_SIZE_MAX:
        raise FieldError("page_size", f"must be from 1 to {_PAGE_SIZE_MAX}, is {request.page_size}")
    start = page_tokens.decode(request, request.page_token, page_tokens.Number) if request.page_token else 0
    return start, request.page_size or _PAGE_SIZE


def encode_page(request: PageRequest, page: SettingsPage) -> bytes:
    """Returns the encoded reply to a request."""
    token = "" if page.next is None else page_tokens.encode(request, page.next)
    if isinstance(request, pb.GetWidgetSettingsRequest):
        number, rest = _VERSIONS, pb.GetWidgetSettingsResponse(next_page_token=token).SerializeToString()
    else:
        number, rest = _NEWEST, pb.ListWidgetSettingsResponse(next_page_token=token).SerializeToString()
    return b"".join(encoding.nested(number, each) for each in page.encoded) + rest


def encode_set(widget: WidgetId, version: WidgetVersion, schedule: Schedule | None) -> bytes:
    """Returns the encoded reply to a version that was set."""
    return encoding.nested(_SET, encoded_version(widget, version, schedule))


def encoded_version(widget: WidgetId, version: WidgetVersion, schedule: Schedule | None) -> bytes:
    """Returns a version as the bytes of a message."""
    return encode_version(widget, version, schedule).SerializeToString()


def encode_version(widget: WidgetId, version: WidgetVersion, schedule: Schedule | None) -> pb.WidgetSettings:
    """Returns a version as a message."""
    return pb.WidgetSettings(
        widget_id=widget,
        effective_time=encode_instant(version.effective_time),
        live_limit=None if version.live_limit is None else _duration(version.live_limit),
        goals=[pb.Goal(goal_id=goal.goal_id, url=goal.url) for goal in version.goals],
        enabled_actions=[int(a) for a in version.enabled_actions],  # type: ignore[misc]  # enums are ints on the wire
        opening_hours=None if schedule is None else encode_opening_hours(schedule),
    )


def _duration(length: Micros) -> Duration:
    seconds, micros = divmod(length, 1_000_000)
    return Duration(seconds=seconds, nanos=micros * 1_000)
