"""From `telwerk.v1.Event` to the domain's events: every field is validated, and the first that is wrong is named."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import event_pb2 as pb
from telwerkd.application.ingest import Rejected, Submitted
from telwerkd.domain.errors import FieldViolation, InvalidArgumentError, Reason
from telwerkd.domain.events import (
    ActionPerformed,
    Assigned,
    Ended,
    Event,
    FeedbackLeft,
    GoalReached,
    InactivityAction,
    Kind,
    LeftLive,
    Message,
    PageVisited,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Rated,
    Resumed,
    Retracted,
    Sender,
    SurveyAnswer,
    TopicsSet,
    Unassigned,
    WentLive,
)
from telwerkd.domain.goals import url_digest, valid_url
from telwerkd.domain.ids import (
    SECOND,
    ConversationId,
    EventId,
    GoalId,
    Micros,
    OperatorGroupId,
    OperatorId,
    TopicId,
    WidgetId,
)

EARLIEST_SECONDS = 946_684_800
"""2000-01-01T00:00:00Z, where the calendar begins: every zone is on quarters of an hour since then."""

END_SECONDS = 7_258_118_400
"""2200-01-01T00:00:00Z."""

LIVE_LIMIT_MAX = 30 * 86_400 * SECOND
TOPICS_MAX = 20
_TOPICS_SENT_MAX = 5 * TOPICS_MAX
STARS_MAX = 5

_NANOS_MAX = 999_999_999
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class EventLimits(msgspec.Struct, frozen=True):
    """How large an event, or a batch of them, may be."""

    batch_events_max: int = 5_000
    id_bytes_max: int = 128
    url_bytes_max: int = 2_048
    answers_max: int = 100
    future_skew_seconds_max: int = 300
    """How far ahead of this server's clock an event may have happened."""
    stream_unacked_events_max: int = 20_000
    """Events of a stream that are read but not answered."""


class FieldError(InvalidArgumentError):
    """A field of a message is wrong."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__([FieldViolation(field, description)])
        self.field = field


class EventDecoder:
    """Decodes events within limits."""

    def __init__(self, limits: EventLimits) -> None:
        self._limits = limits
        self._kinds: dict[str, Callable[[Any], tuple[Kind, str | None]]] = {
            "went_live": lambda m: (self._went_live(m), None),
            "left_live": lambda _: (LeftLive(), None),
            "message_sent": lambda m: (_message(m), None),
            "operator_assigned": lambda m: (self._assigned(m), None),
            "operator_unassigned": lambda m: (self._unassigned(m), None),
            "conversation_ended": lambda _: (Ended(), None),
            "conversation_resumed": lambda _: (Resumed(), None),
            "conversation_rated": lambda m: (_rated(m), None),
            "feedback_left": lambda _: (FeedbackLeft(), None),
            "inactivity_action_performed": lambda m: (_action(m), None),
            "page_visited": self._page,
            "goal_reached": lambda m: (GoalReached(GoalId(self.id("goal_reached.goal_id", m.goal_id))), None),
            "topics_set": lambda m: (self._topics(m), None),
            "pre_chat_survey_completed": lambda m: (
                PreChatSurveyCompleted(self._answers("pre_chat_survey_completed", m.answers)),
                None,
            ),
            "post_chat_survey_answered": lambda m: (
                PostChatSurveyAnswered(self._answers("post_chat_survey_answered", m.answers)),
                None,
            ),
            "event_retracted": lambda m: (
                Retracted(EventId(self.id("event_retracted.retracted_event_id", m.retracted_event_id))),
                None,
            ),
        }

    def decode(self, event: pb.Event, now: Micros) -> Submitted | Rejected:
        """The event, or why it is refused. `now` bounds how late it may have happened."""
        try:
            return self._decode(event, now)
        except FieldError as error:
            return Rejected(Reason.INVALID_EVENT, error.field, error.message)

    def _decode(self, event: pb.Event, now: Micros) -> Submitted:
        event_id = EventId(self.id("event_id", event.event_id))
        conversation = ConversationId(self.id("conversation_id", event.conversation_id))
        widget = WidgetId(self.id("widget_id", event.widget_id))
        if not event.HasField("occur_time"):
            raise FieldError("occur_time", "is required")
        occur_time = instant("occur_time", event.occur_time)
        if occur_time > now + self._limits.future_skew_seconds_max * SECOND:
            raise FieldError(
                "occur_time",
                f"lies {(occur_time - now) / SECOND:.0f} s ahead of this server's clock, at most "
                f"{self._limits.future_skew_seconds_max} s (future_skew_seconds_max) may: check the producer's clock",
            )
        if event.sequence < 0:
            raise FieldError("sequence", f"must not be negative, is {event.sequence}")
        name = event.WhichOneof("kind")
        if name is None:
            raise FieldError("kind", f"one of {', '.join(self._kinds)} is required")
        kind, url = self._kinds[name](getattr(event, name))
        if isinstance(kind, Retracted) and kind.event_id == event_id:
            raise FieldError("event_retracted.retracted_event_id", "an event cannot take itself back")
        return Submitted(conversation, Event(event_id, occur_time, event.sequence, widget, kind), url)

    def id(self, field: str, value: str) -> str:
        """A valid id.

        Raises:
            FieldError: it is empty, too long, or has control characters.
        """
        if not value:
            raise FieldError(field, "is required")
        size = len(value) if value.isascii() else len(value.encode())
        if size > self._limits.id_bytes_max:
            raise FieldError(field, f"has {size} bytes, at most {self._limits.id_bytes_max} (id_bytes_max) are allowed")
        if _CONTROL.search(value):
            raise FieldError(field, "contains a control character")
        return value

    def optional_id(self, field: str, value: str) -> str:
        """A valid id, or nothing.

        Raises:
            FieldError: it is too long, or has control characters.
        """
        return self.id(field, value) if value else value

    def url(self, field: str, value: str) -> str:
        """An absolute http or https URL.

        Raises:
            FieldError: it is none, or too long.
        """
        size = len(value.encode())
        if size > self._limits.url_bytes_max:
            raise FieldError(
                field, f"has {size} bytes, at most {self._limits.url_bytes_max} (url_bytes_max) are allowed"
            )
        refused = valid_url(value)
        if refused:
            raise FieldError(field, refused)
        return value

    def _went_live(self, message: pb.WentLive) -> WentLive:
        sent = live_limit("went_live.live_limit", message.live_limit) if message.HasField("live_limit") else None
        return WentLive(sent, sent)

    def _assigned(self, message: pb.OperatorAssigned) -> Assigned:
        return Assigned(
            OperatorId(self.optional_id("operator_assigned.operator_id", message.operator_id)),
            OperatorGroupId(self.optional_id("operator_assigned.operator_group_id", message.operator_group_id)),
        )

    def _unassigned(self, message: pb.OperatorUnassigned) -> Unassigned:
        field = "operator_unassigned.operator_group_id"
        return Unassigned(OperatorGroupId(self.optional_id(field, message.operator_group_id)))

    def _page(self, message: pb.PageVisited) -> tuple[PageVisited, str]:
        url = self.url("page_visited.url", message.url)
        return PageVisited(url_digest(url)), url

    def _topics(self, message: pb.TopicsSet) -> TopicsSet:
        # Repetition is allowed, a flood of it is not.
        if len(message.topic_ids) > _TOPICS_SENT_MAX:
            raise FieldError(
                "topics_set.topic_ids", f"has {len(message.topic_ids)} entries, at most {TOPICS_MAX} topics are allowed"
            )
        topics = sorted({self.id(f"topics_set.topic_ids[{i}]", topic) for i, topic in enumerate(message.topic_ids)})
        if len(topics) > TOPICS_MAX:
            raise FieldError("topics_set.topic_ids", f"has {len(topics)} topics, at most {TOPICS_MAX} are allowed")
        return TopicsSet(tuple(TopicId(topic) for topic in topics))

    def _answers(self, field: str, answers: Sequence[pb.SurveyAnswer]) -> tuple[SurveyAnswer, ...]:
        if not answers:
            raise FieldError(f"{field}.answers", "at least one answer is required")
        if len(answers) > self._limits.answers_max:
            raise FieldError(
                f"{field}.answers",
                f"has {len(answers)} answers, at most {self._limits.answers_max} (answers_max) are allowed",
            )
        return tuple(
            SurveyAnswer(
                self.id(f"{field}.answers[{i}].question_id", answer.question_id),
                self.id(f"{field}.answers[{i}].option_id", answer.option_id),
            )
            for i, answer in enumerate(answers)
        )


def instant(field: str, timestamp: Timestamp) -> Micros:
    """An instant, cut to microseconds.

    Raises:
        FieldError: it is not from 2000-01-01 to 2199-12-31, or not a valid timestamp.
    """
    if not EARLIEST_SECONDS <= timestamp.seconds < END_SECONDS:
        raise FieldError(field, f"{timestamp.seconds} s is not from 2000-01-01 to 2199-12-31")
    if not 0 <= timestamp.nanos <= _NANOS_MAX:
        raise FieldError(field, f"nanos must be from 0 to 999,999,999, are {timestamp.nanos}")
    return Micros(timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000)


def live_limit(field: str, duration: Duration) -> Micros:
    """A limit of KPI 3.

    Raises:
        FieldError: it is not from 1 microsecond to 30 days, or not a valid duration.
    """
    if not 0 <= duration.nanos <= _NANOS_MAX:
        raise FieldError(field, f"nanos must be from 0 to 999,999,999, are {duration.nanos}")
    limit = Micros(duration.seconds * 1_000_000 + duration.nanos // 1_000)
    if not 1 <= limit <= LIVE_LIMIT_MAX:
        raise FieldError(field, "must be from 1 microsecond to 30 days")
    return limit


def action(field: str, number: int) -> InactivityAction:
    """One of the eight actions.

    Raises:
        FieldError: it is none of them.
    """
    try:
        return InactivityAction(number)
    except ValueError:
        raise FieldError(field, f"{number} is not one of {choices(pb.InactivityAction.keys())}") from None


def choices(enum: Iterable[str]) -> str:
    """The names of an enum of the contract that a caller may use, for an error's text."""
    return ", ".join(name for name in enum if not name.endswith("_UNSPECIFIED"))


def _action(message: pb.InactivityActionPerformed) -> ActionPerformed:
    return ActionPerformed(action("inactivity_action_performed.action", message.action))


def _message(message: pb.MessageSent) -> Message:
    try:
        return Message(Sender(message.sender))
    except ValueError:
        raise FieldError("message_sent.sender", f"{message.sender} is not one of {choices(pb.Sender.keys())}") from None


def _rated(message: pb.ConversationRated) -> Rated:
    if not 1 <= message.stars <= STARS_MAX:
        raise FieldError("conversation_rated.stars", f"must be from 1 to {STARS_MAX}, is {message.stars}")
    return Rated(message.stars)
