import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sender(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SENDER_UNSPECIFIED: _ClassVar[Sender]
    SENDER_CONTACT: _ClassVar[Sender]
    SENDER_OPERATOR: _ClassVar[Sender]
    SENDER_BOT: _ClassVar[Sender]

class InactivityAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INACTIVITY_ACTION_UNSPECIFIED: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_NEW_CONVERSATION_UNASSIGNED: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_NEW_CONVERSATION_REASSIGNED: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_NEW_CONVERSATION_NOT_REASSIGNED: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_LIVE_CONVERSATION_NOT_REASSIGNED: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED: _ClassVar[InactivityAction]
    INACTIVITY_ACTION_RESUMED_CONVERSATION_NOT_REASSIGNED: _ClassVar[InactivityAction]
SENDER_UNSPECIFIED: Sender
SENDER_CONTACT: Sender
SENDER_OPERATOR: Sender
SENDER_BOT: Sender
INACTIVITY_ACTION_UNSPECIFIED: InactivityAction
INACTIVITY_ACTION_NEW_CONVERSATION_UNASSIGNED: InactivityAction
INACTIVITY_ACTION_NEW_CONVERSATION_REASSIGNED: InactivityAction
INACTIVITY_ACTION_NEW_CONVERSATION_NOT_REASSIGNED: InactivityAction
INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT: InactivityAction
INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED: InactivityAction
INACTIVITY_ACTION_LIVE_CONVERSATION_NOT_REASSIGNED: InactivityAction
INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED: InactivityAction
INACTIVITY_ACTION_RESUMED_CONVERSATION_NOT_REASSIGNED: InactivityAction

class Event(_message.Message):
    __slots__ = ("event_id", "conversation_id", "widget_id", "occur_time", "sequence", "went_live", "left_live", "message_sent", "operator_assigned", "operator_unassigned", "conversation_ended", "conversation_resumed", "conversation_rated", "feedback_left", "inactivity_action_performed", "page_visited", "goal_reached", "topics_set", "pre_chat_survey_completed", "post_chat_survey_answered", "event_retracted")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    WIDGET_ID_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WENT_LIVE_FIELD_NUMBER: _ClassVar[int]
    LEFT_LIVE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_SENT_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_UNASSIGNED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ENDED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_RESUMED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_RATED_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_LEFT_FIELD_NUMBER: _ClassVar[int]
    INACTIVITY_ACTION_PERFORMED_FIELD_NUMBER: _ClassVar[int]
    PAGE_VISITED_FIELD_NUMBER: _ClassVar[int]
    GOAL_REACHED_FIELD_NUMBER: _ClassVar[int]
    TOPICS_SET_FIELD_NUMBER: _ClassVar[int]
    PRE_CHAT_SURVEY_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    POST_CHAT_SURVEY_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    EVENT_RETRACTED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    conversation_id: str
    widget_id: str
    occur_time: _timestamp_pb2.Timestamp
    sequence: int
    went_live: WentLive
    left_live: LeftLive
    message_sent: MessageSent
    operator_assigned: OperatorAssigned
    operator_unassigned: OperatorUnassigned
    conversation_ended: ConversationEnded
    conversation_resumed: ConversationResumed
    conversation_rated: ConversationRated
    feedback_left: FeedbackLeft
    inactivity_action_performed: InactivityActionPerformed
    page_visited: PageVisited
    goal_reached: GoalReached
    topics_set: TopicsSet
    pre_chat_survey_completed: PreChatSurveyCompleted
    post_chat_survey_answered: PostChatSurveyAnswered
    event_retracted: EventRetracted
    def __init__(self, event_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., widget_id: _Optional[str] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sequence: _Optional[int] = ..., went_live: _Optional[_Union[WentLive, _Mapping]] = ..., left_live: _Optional[_Union[LeftLive, _Mapping]] = ..., message_sent: _Optional[_Union[MessageSent, _Mapping]] = ..., operator_assigned: _Optional[_Union[OperatorAssigned, _Mapping]] = ..., operator_unassigned: _Optional[_Union[OperatorUnassigned, _Mapping]] = ..., conversation_ended: _Optional[_Union[ConversationEnded, _Mapping]] = ..., conversation_resumed: _Optional[_Union[ConversationResumed, _Mapping]] = ..., conversation_rated: _Optional[_Union[ConversationRated, _Mapping]] = ..., feedback_left: _Optional[_Union[FeedbackLeft, _Mapping]] = ..., inactivity_action_performed: _Optional[_Union[InactivityActionPerformed, _Mapping]] = ..., page_visited: _Optional[_Union[PageVisited, _Mapping]] = ..., goal_reached: _Optional[_Union[GoalReached, _Mapping]] = ..., topics_set: _Optional[_Union[TopicsSet, _Mapping]] = ..., pre_chat_survey_completed: _Optional[_Union[PreChatSurveyCompleted, _Mapping]] = ..., post_chat_survey_answered: _Optional[_Union[PostChatSurveyAnswered, _Mapping]] = ..., event_retracted: _Optional[_Union[EventRetracted, _Mapping]] = ...) -> None: ...

class WentLive(_message.Message):
    __slots__ = ("live_limit",)
    LIVE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    live_limit: _duration_pb2.Duration
    def __init__(self, live_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LeftLive(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MessageSent(_message.Message):
    __slots__ = ("sender",)
    SENDER_FIELD_NUMBER: _ClassVar[int]
    sender: Sender
    def __init__(self, sender: _Optional[_Union[Sender, str]] = ...) -> None: ...

class OperatorAssigned(_message.Message):
    __slots__ = ("operator_id", "operator_group_id")
    OPERATOR_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    operator_id: str
    operator_group_id: str
    def __init__(self, operator_id: _Optional[str] = ..., operator_group_id: _Optional[str] = ...) -> None: ...

class OperatorUnassigned(_message.Message):
    __slots__ = ("operator_group_id",)
    OPERATOR_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    operator_group_id: str
    def __init__(self, operator_group_id: _Optional[str] = ...) -> None: ...

class ConversationEnded(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConversationResumed(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConversationRated(_message.Message):
    __slots__ = ("stars",)
    STARS_FIELD_NUMBER: _ClassVar[int]
    stars: int
    def __init__(self, stars: _Optional[int] = ...) -> None: ...

class FeedbackLeft(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InactivityActionPerformed(_message.Message):
    __slots__ = ("action",)
    ACTION_FIELD_NUMBER: _ClassVar[int]
    action: InactivityAction
    def __init__(self, action: _Optional[_Union[InactivityAction, str]] = ...) -> None: ...

class PageVisited(_message.Message):
    __slots__ = ("url",)
    URL_FIELD_NUMBER: _ClassVar[int]
    url: str
    def __init__(self, url: _Optional[str] = ...) -> None: ...

class GoalReached(_message.Message):
    __slots__ = ("goal_id",)
    GOAL_ID_FIELD_NUMBER: _ClassVar[int]
    goal_id: str
    def __init__(self, goal_id: _Optional[str] = ...) -> None: ...

class TopicsSet(_message.Message):
    __slots__ = ("topic_ids",)
    TOPIC_IDS_FIELD_NUMBER: _ClassVar[int]
    topic_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class PreChatSurveyCompleted(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[SurveyAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[SurveyAnswer, _Mapping]]] = ...) -> None: ...

class PostChatSurveyAnswered(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[SurveyAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[SurveyAnswer, _Mapping]]] = ...) -> None: ...

class SurveyAnswer(_message.Message):
    __slots__ = ("question_id", "option_id")
    QUESTION_ID_FIELD_NUMBER: _ClassVar[int]
    OPTION_ID_FIELD_NUMBER: _ClassVar[int]
    question_id: str
    option_id: str
    def __init__(self, question_id: _Optional[str] = ..., option_id: _Optional[str] = ...) -> None: ...

class EventRetracted(_message.Message):
    __slots__ = ("retracted_event_id",)
    RETRACTED_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    retracted_event_id: str
    def __init__(self, retracted_event_id: _Optional[str] = ...) -> None: ...
