"""Between `telwerk.v1` settings and the domain's."""

from typing import TypeAlias

from google.protobuf.duration_pb2 import Duration

from telwerk.v1 import settings_service_pb2 as pb
from telwerkd.application.settings import SettingsPage
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import GoalId, Micros, WidgetId
from telwerkd.transport.codec import page_tokens, wire
from telwerkd.transport.codec.fields import FieldError, FieldReader, action, encode_instant, instant, live_limit

GOALS_MAX = 1_000
_PAGE_SIZE = 20
_PAGE_SIZE_MAX = 100

_VERSIONS = pb.GetWidgetSettingsResponse.VERSIONS_FIELD_NUMBER
_NEWEST = pb.ListWidgetSettingsResponse.SETTINGS_FIELD_NUMBER

PageRequest: TypeAlias = pb.GetWidgetSettingsRequest | pb.ListWidgetSettingsRequest


def decode_version(settings: pb.WidgetSettings, fields: FieldReader, now: Micros) -> tuple[WidgetId, WidgetVersion]:
    """A version of a widget's settings; without an effective time it holds from `now`.

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
    return widget, WidgetVersion(effective, limit, goals, tuple(actions))


def place_of(request: PageRequest) -> tuple[int, int]:
    """Where the page that a request asks for begins, and how many items it has at most.

    Raises:
        InvalidArgumentError: the page's size is out of range, or the token is not of this request.
    """
    if not 0 <= request.page_size <= _PAGE_SIZE_MAX:
        raise FieldError("page_size", f"must be from 1 to {_PAGE_SIZE_MAX}, is {request.page_size}")
    start = page_tokens.decode(request, request.page_token, page_tokens.Number) if request.page_token else 0
    return start, request.page_size or _PAGE_SIZE


def encode_page(request: PageRequest, page: SettingsPage) -> bytes:
    """The reply to a request."""
    token = "" if page.next is None else page_tokens.encode(request, page.next)
    if isinstance(request, pb.GetWidgetSettingsRequest):
        number, rest = _VERSIONS, pb.GetWidgetSettingsResponse(next_page_token=token).SerializeToString()
    else:
        number, rest = _NEWEST, pb.ListWidgetSettingsResponse(next_page_token=token).SerializeToString()
    return b"".join(wire.nested(number, each) for each in page.encoded) + rest


def encoded_version(widget: WidgetId, version: WidgetVersion) -> bytes:
    """A version as the bytes of a message."""
    return encode_version(widget, version).SerializeToString()


def encode_version(widget: WidgetId, version: WidgetVersion) -> pb.WidgetSettings:
    """A version as a message."""
    return pb.WidgetSettings(
        widget_id=widget,
        effective_time=encode_instant(version.effective_time),
        live_limit=None if version.live_limit is None else _duration(version.live_limit),
        goals=[pb.Goal(goal_id=goal.goal_id, url=goal.url) for goal in version.goals],
        enabled_actions=[int(a) for a in version.enabled_actions],  # type: ignore[misc]  # enums are ints on the wire
    )


def _duration(length: Micros) -> Duration:
    seconds, micros = divmod(length, 1_000_000)
    return Duration(seconds=seconds, nanos=micros * 1_000)
