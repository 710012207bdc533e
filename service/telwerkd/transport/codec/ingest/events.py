"""From `telwerk.v1.Event` to the domain's events: every field is validated, and the first that is wrong is named."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from google.protobuf.message import Message as ProtoMessage

from telwerk.v1 import event_pb2 as pb
from telwerkd.application.batches import Batch, Rejected, Submitted
from telwerkd.domain.conversation.events import (
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
from telwerkd.domain.conversation.goals import url_digest
from telwerkd.domain.errors import Reason
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
from telwerkd.transport.codec.fields import FieldError, FieldReader, action, choices, instant, live_limit

TOPICS_MAX = 20
_TOPICS_SENT_MAX = 5 * TOPICS_MAX
STARS_MAX = 5

_REMEMBERED_BYTES_MAX = 256
"""Longer contents are not remembered, so that memory is bounded."""

_LENGTH_BYTES = 6
"""The maximal size of a field's tag and length."""

_OTHER_BYTES = 2_048
"""The size allowed for an event's time and sequence, and for unknown fields."""

Id = TypeVar("Id", bound=str)
M = TypeVar("M", bound=ProtoMessage)
T = TypeVar("T")


class EventLimits(msgspec.Struct, frozen=True):
    """How large an event, or a batch of them, may be."""

    batch_events_max: int = 5_000
    id_bytes_max: int = 128
    url_bytes_max: int = 2_048
    answers_max: int = 100
    future_skew_seconds_max: int = 300
    """How far ahead of this server's clock an event's time may be."""
    stream_unacked_events_max: int = 20_000
    """Events of a stream that are read but not answered."""
    stream_unacked_bytes_max: int = 8 * 2**20
    """Bytes of them as they were sent; a single message larger than that is read when nothing else is unanswered."""
    event_bytes_max: int | None = None
    """The maximal size of one event as sent; None: derived from the other limits."""

    @property
    def event_bytes(self) -> int:
        """The limit of one event in bytes: the largest valid event, with room for fields of newer contracts."""
        if self.event_bytes_max is not None:
            return self.event_bytes_max
        one_id = self.id_bytes_max + _LENGTH_BYTES
        largest_kind = max(
            self.answers_max * (2 * one_id + _LENGTH_BYTES), _TOPICS_SENT_MAX * one_id, self.url_bytes_max
        )
        return largest_kind + 3 * one_id + _OTHER_BYTES


class Decoded(NamedTuple):
    """The decoded events of a batch."""

    valid: Batch
    """The valid events, in the order of the batch."""
    refused: dict[int, Rejected]
    """The rejections, by index in the batch."""


class EventDecoder:
    """Decodes events within limits.

    What producers send repeats: few widgets, operators, topics and pages, and many events of a conversation. So ids and
    contents that were found valid are remembered, up to a bound, and looked at once.
    """

    def __init__(
        self, limits: EventLimits, fields: FieldReader, *, ids_max: int = 20_000, contents_max: int = 2_000
    ) -> None:
        """`ids_max` and `contents_max` bound the caches of ids, and of equal contents of each kind that repeats."""
        self._limits = limits
        self._fields = fields
        self._ids_max = ids_max
        self._contents_max = contents_max
        # Bound once: every event asks for its id.
        self._id = fields.id
        self._conversations: dict[str, ConversationId] = {}
        self._widgets: dict[str, WidgetId] = {}
        self._kinds: dict[str, Callable[[Any], Kind]] = {
            "went_live": _went_live,
            "left_live": lambda _: _LEFT_LIVE,
            "message_sent": self._message,
            "operator_assigned": self._remembering(self._assigned),
            "operator_unassigned": self._unassigned,
            "conversation_ended": lambda _: _ENDED,
            "conversation_resumed": lambda _: _RESUMED,
            "conversation_rated": _rated,
            "feedback_left": lambda _: _FEEDBACK_LEFT,
            "inactivity_action_performed": _action,
            "page_visited": self._remembering(self._page),
            "goal_reached": self._remembering(self._goal),
            "topics_set": self._remembering(self._topics),
            "pre_chat_survey_completed": self._remembering(self._pre_chat),
            "post_chat_survey_answered": self._remembering(self._post_chat),
            "event_retracted": self._retracted,
        }

    def decode(self, events: Iterable[pb.Event], now: Micros, first: int = 0) -> Decoded:
        """Returns the valid events, and why the others are refused; `first` is the index of the first in its batch.

        Events later than `now`, by more than the allowed clock skew, are refused.
        """
        latest_time = Micros(now + self._limits.future_skew_seconds_max * SECOND)
        valid = Batch()
        refused: dict[int, Rejected] = {}
        for index, event in enumerate(events, first):
            try:
                valid.append(self._decode(event, latest_time))
            except FieldError as error:
                refused[index] = Rejected(Reason.INVALID_EVENT, error.field, error.message)
        return Decoded(valid, refused)

    def _remembering(self, decode: Callable[[M], T]) -> Callable[[M], T]:
        """Returns `decode`, which is not called again for a content that it found valid. Its results never change."""
        known: dict[bytes, T] = {}

        def look_up(message: M) -> T:
            sent = message.SerializeToString()
            result = known.get(sent)
            if result is None:
                result = decode(message)
                if len(sent) <= _REMEMBERED_BYTES_MAX:
                    if len(known) >= self._contents_max:
                        known.clear()
                    known[sent] = result
            return result

        return look_up

    def _remember(self, known: dict[str, Id], valid: Id) -> None:
        """Caches an id, so that the next equal one is the same object, whose hash is computed already."""
        if len(known) >= self._ids_max:
            known.clear()
        known[valid] = valid

    def _decode(self, event: pb.Event, latest_time: Micros) -> Submitted:
        event_id = EventId(self._id("event_id", event.event_id))
        conversation = self._conversations.get(event.conversation_id)
        if conversation is None:
            conversation = ConversationId(self._id("conversation_id", event.conversation_id))
            self._remember(self._conversations, conversation)
        widget = self._widgets.get(event.widget_id)
        if widget is None:
            widget = WidgetId(self._id("widget_id", event.widget_id))
            self._remember(self._widgets, widget)
        timestamp = event.occur_time
        if not timestamp.seconds and not event.HasField("occur_time"):
            raise FieldError("occur_time", "is required")
        occur_time = instant("occur_time", timestamp)
        if occur_time > latest_time:
            raise self._ahead(occur_time, latest_time)
        sequence = event.sequence
        if sequence < 0:
            raise FieldError("sequence", f"must not be negative, is {sequence}")
        name = event.WhichOneof("kind")
        if name is None:
            raise FieldError("kind", f"one of {', '.join(self._kinds)} is required")
        message = getattr(event, name)
        kind = self._kinds[name](message)
        if type(kind) is Retracted and kind.event_id == event_id:
            raise FieldError("event_retracted.retracted_event_id", "an event cannot take itself back")
        url = message.url if type(kind) is PageVisited else None
        return Submitted(conversation, Event(event_id, occur_time, sequence, widget, kind), url)

    def _ahead(self, occur_time: Micros, latest_time: Micros) -> FieldError:
        skew_seconds_max = self._limits.future_skew_seconds_max
        now = latest_time - skew_seconds_max * SECOND
        return FieldError(
            "occur_time",
            f"lies {(occur_time - now) / SECOND:.0f} s ahead of this server's clock, at most "
            f"{skew_seconds_max} s (future_skew_seconds_max) may: check the producer's clock",
        )

    def _message(self, message: pb.MessageSent) -> Message:
        made = _MESSAGES.get(message.sender)
        if made is None:
            raise FieldError("message_sent.sender", f"{message.sender} is not one of {choices(pb.Sender.keys())}")
        operator = message.operator_id
        if not operator:
            return made
        return Message(made.sender, OperatorId(self._id("message_sent.operator_id", operator)))

    def _assigned(self, message: pb.OperatorAssigned) -> Assigned:
        return Assigned(
            OperatorId(self._fields.optional_id("operator_assigned.operator_id", message.operator_id)),
            OperatorGroupId(self._fields.optional_id("operator_assigned.operator_group_id", message.operator_group_id)),
        )

    def _unassigned(self, message: pb.OperatorUnassigned) -> Unassigned:
        field = "operator_unassigned.operator_group_id"
        return Unassigned(OperatorGroupId(self._fields.optional_id(field, message.operator_group_id)))

    def _page(self, message: pb.PageVisited) -> PageVisited:
        return PageVisited(url_digest(self._fields.url("page_visited.url", message.url)))

    def _goal(self, message: pb.GoalReached) -> GoalReached:
        return GoalReached(GoalId(self._id("goal_reached.goal_id", message.goal_id)))

    def _topics(self, message: pb.TopicsSet) -> TopicsSet:
        # Repetition is allowed, a flood of it is not.
        if len(message.topic_ids) > _TOPICS_SENT_MAX:
            raise FieldError(
                "topics_set.topic_ids", f"has {len(message.topic_ids)} entries, at most {TOPICS_MAX} topics are allowed"
            )
        topics = sorted({self._id(f"topics_set.topic_ids[{i}]", topic) for i, topic in enumerate(message.topic_ids)})
        if len(topics) > TOPICS_MAX:
            raise FieldError("topics_set.topic_ids", f"has {len(topics)} topics, at most {TOPICS_MAX} are allowed")
        return TopicsSet(tuple(TopicId(topic) for topic in topics))

    def _pre_chat(self, message: pb.PreChatSurveyCompleted) -> PreChatSurveyCompleted:
        return PreChatSurveyCompleted(self._answers("pre_chat_survey_completed", message.answers))

    def _post_chat(self, message: pb.PostChatSurveyAnswered) -> PostChatSurveyAnswered:
        return PostChatSurveyAnswered(self._answers("post_chat_survey_answered", message.answers))

    def _retracted(self, message: pb.EventRetracted) -> Retracted:
        field = "event_retracted.retracted_event_id"
        return Retracted(EventId(self._id(field, message.retracted_event_id)))

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
                self._id(f"{field}.answers[{i}].question_id", answer.question_id),
                self._id(f"{field}.answers[{i}].option_id", answer.option_id),
            )
            for i, answer in enumerate(answers)
        )


# Kinds that are made once, for all events.
_LEFT_LIVE, _ENDED, _RESUMED, _FEEDBACK_LEFT = LeftLive(), Ended(), Resumed(), FeedbackLeft()
_MESSAGES = {int(sender): Message(sender) for sender in Sender}
_RATINGS = {stars: Rated(stars) for stars in range(1, STARS_MAX + 1)}
_ACTIONS = {int(each): ActionPerformed(each) for each in InactivityAction}


def _went_live(message: pb.WentLive) -> WentLive:
    sent = live_limit("went_live.live_limit", message.live_limit) if message.HasField("live_limit") else None
    return WentLive(sent, sent)


def _action(message: pb.InactivityActionPerformed) -> ActionPerformed:
    return _ACTIONS[action("inactivity_action_performed.action", message.action)]


def _rated(message: pb.ConversationRated) -> Rated:
    made = _RATINGS.get(message.stars)
    if made is None:
        raise FieldError("conversation_rated.stars", f"must be from 1 to {STARS_MAX}, is {message.stars}")
    return made
