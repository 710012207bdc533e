"""Between `telwerk.v1` settings and the domain's."""

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration

from telwerk.v1 import settings_service_pb2 as pb
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import GoalId, Micros, WidgetId
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.fields import FieldError, FieldReader, action, encode_instant, instant, live_limit

GOALS_MAX = 1_000
_PAGE_SIZE = 20
_PAGE_SIZE_MAX = 100

T = TypeVar("T")


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


def page_of(
    request: pb.GetWidgetSettingsRequest | pb.ListWidgetSettingsRequest, items: Sequence[T]
) -> tuple[Sequence[T], str]:
    """The page that a request asks for, and the token of the next; an empty one on the last.

    Raises:
        InvalidArgumentError: the page's size is out of range, or the token is not of this request.
    """
    if not 0 <= request.page_size <= _PAGE_SIZE_MAX:
        raise FieldError("page_size", f"must be from 1 to {_PAGE_SIZE_MAX}, is {request.page_size}")
    start = page_tokens.decode(request, request.page_token, page_tokens.Number) if request.page_token else 0
    end = start + (request.page_size or _PAGE_SIZE)
    token = page_tokens.encode(request, end) if end < len(items) else ""
    return items[start:end], token


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
