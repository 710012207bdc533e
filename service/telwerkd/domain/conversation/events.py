"""What can happen in a conversation: one frozen noun per kind, and the order of events.

An event here is *resolved*: what the widget's settings said about it when it was accepted (its live limit, the goals
that its page matches, its opening hours) is kept with it, so that folding the log again later gives the same facts
(R-SET-1).

Events are made by the thousand, and frozen: no cycle of references can ever begin in one. So the garbage collector,
which looks for cycles, is spared them (`gc=False`).
"""

import enum
from typing import ClassVar, TypeAlias, final

import msgspec

from telwerkd.domain.ids import NOBODY, EventId, GoalId, Micros, OperatorGroupId, OperatorId, TopicId, WidgetId
from telwerkd.domain.time.opening_hours import ScheduleId

Order: TypeAlias = tuple[int, int, int, str]
"""An event's sort key within its conversation: `(occur_time, sequence, rank, event_id)` (R-ORDER-2, R-ORDER-3).

Code points compare as UTF-8 bytes do (R-ORDER-5).
"""


class Sender(enum.IntEnum):
    """Who sends a message; only an operator's message answers (R-MSG-2)."""

    __hash__ = int.__hash__  # an enum's own is written in Python, and every message is looked up by its sender

    CONTACT = 1
    OPERATOR = 2
    BOT = 3


class InactivityAction(enum.IntEnum):
    """The eight inactivity actions (R-KPI5-2); the last two are KPI 6 as well (R-KPI6-1)."""

    __hash__ = int.__hash__  # as that of `Sender`

    NEW_CONVERSATION_UNASSIGNED = 1
    NEW_CONVERSATION_REASSIGNED = 2
    NEW_CONVERSATION_NOT_REASSIGNED = 3
    INACTIVITY_MESSAGE_SENT = 4
    LIVE_CONVERSATION_REASSIGNED = 5
    LIVE_CONVERSATION_NOT_REASSIGNED = 6
    RESUMED_CONVERSATION_REASSIGNED = 7
    RESUMED_CONVERSATION_NOT_REASSIGNED = 8


class SurveyAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A chosen option of a question; ids, never free text (R-KPI9-1)."""

    question_id: str
    option_id: str


class _Kind(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of the kinds. Ranks are R-ORDER-4. The tags are the storage format: never reuse one for another kind."""

    rank: ClassVar[int]


@final
class WentLive(_Kind, frozen=True, array_like=True, gc=False, tag="live"):
    """The conversation is live; `limit` is the response limit in force, `sent_limit` the one that the producer sent."""

    rank: ClassVar[int] = 0
    sent_limit: Micros | None = None
    limit: Micros | None = None


@final
class Resumed(_Kind, frozen=True, array_like=True, gc=False, tag="resume"):
    """An ended conversation goes on. It is not live until a `WentLive` follows."""

    rank: ClassVar[int] = 0


@final
class Message(_Kind, frozen=True, array_like=True, gc=False, tag="msg"):
    """Someone sent a message; any message starts the conversation (R-MSG-1).

    `operator` is the author of an operator's message, where the producer names one (R-MSG-5); unused for other senders.
    """

    rank: ClassVar[int] = 1
    sender: Sender
    operator: OperatorId = NOBODY


@final
class Rated(_Kind, frozen=True, array_like=True, gc=False, tag="rate"):
    """The contact gave 1 to 5 stars (KPI 1)."""

    rank: ClassVar[int] = 2
    stars: int


@final
class FeedbackLeft(_Kind, frozen=True, array_like=True, gc=False, tag="feedback"):
    """The contact left feedback (KPI 2)."""

    rank: ClassVar[int] = 2


@final
class ActionPerformed(_Kind, frozen=True, array_like=True, gc=False, tag="action"):
    """An inactivity action fired or failed (KPI 5, 6). It does not itself change the assignment (R-KPI5-4)."""

    rank: ClassVar[int] = 2
    action: InactivityAction


@final
class PageVisited(_Kind, frozen=True, array_like=True, gc=False, tag="page"):
    """The contact visited a page; `goals` are those it matched (KPI 7). The URL itself is not kept (R-KEEP-7)."""

    rank: ClassVar[int] = 2
    url_digest: bytes
    goals: tuple[GoalId, ...] = ()


@final
class GoalReached(_Kind, frozen=True, array_like=True, gc=False, tag="goal"):
    """The producer matched the goal itself (R-KPI7-2)."""

    rank: ClassVar[int] = 2
    goal: GoalId


@final
class TopicsSet(_Kind, frozen=True, array_like=True, gc=False, tag="topics"):
    """These topics replace the earlier ones (KPI 8): sorted, each once."""

    rank: ClassVar[int] = 2
    topics: tuple[TopicId, ...]


class _Survey(_Kind, frozen=True, array_like=True, gc=False):
    """Base of the kinds that carry survey answers."""

    answers: tuple[SurveyAnswer, ...]


@final
class PreChatSurveyCompleted(_Survey, frozen=True, array_like=True, gc=False, tag="pre"):
    """The contact completed the pre-chat survey (KPI 9)."""

    rank: ClassVar[int] = 2


@final
class PostChatSurveyAnswered(_Survey, frozen=True, array_like=True, gc=False, tag="post"):
    """The contact answered the post-chat survey (KPI 10)."""

    rank: ClassVar[int] = 2


@final
class Ended(_Kind, frozen=True, array_like=True, gc=False, tag="end"):
    """The status became "Ended"; the conversation is not live any more."""

    rank: ClassVar[int] = 3


@final
class Assigned(_Kind, frozen=True, array_like=True, gc=False, tag="assign"):
    """States operator and group together; what was left out is nobody (R-ASSIGN-1), as is a bot (R-ASSIGN-4).

    By its rank, what is counted at its instant belongs to the operator before it (R-ORDER-7).
    """

    rank: ClassVar[int] = 4
    operator: OperatorId
    group: OperatorGroupId


@final
class Unassigned(_Kind, frozen=True, array_like=True, gc=False, tag="unassign"):
    """Clears the operator, and the group unless one is named (R-ASSIGN-2)."""

    rank: ClassVar[int] = 4
    group: OperatorGroupId


@final
class LeftLive(_Kind, frozen=True, array_like=True, gc=False, tag="unlive"):
    """Contact and operator are no longer online at the same time."""

    rank: ClassVar[int] = 5


@final
class Retracted(_Kind, frozen=True, array_like=True, gc=False, tag="retract"):
    """Another event of the same conversation is as if it had never been (R-BACK-1, R-BACK-5)."""

    rank: ClassVar[int] = 6
    event_id: EventId


Kind: TypeAlias = (
    WentLive
    | Resumed
    | Message
    | Rated
    | FeedbackLeft
    | ActionPerformed
    | PageVisited
    | GoalReached
    | TopicsSet
    | PreChatSurveyCompleted
    | PostChatSurveyAnswered
    | Ended
    | Assigned
    | Unassigned
    | LeftLive
    | Retracted
)


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened in a conversation at an instant."""

    event_id: EventId
    occur_time: Micros
    sequence: int
    widget_id: WidgetId
    kind: Kind
    schedule: ScheduleId = b""
    """The opening hours that hold for a duration that begins with it; empty where there are none (R-SERVICE-2)."""

    @property
    def order(self) -> Order:
        """The sort key of the event within its conversation (R-ORDER-4)."""
        return (self.occur_time, self.sequence, self.kind.rank, self.event_id)

    def same_content(self, other: "Event") -> bool:
        """Whether two events were sent alike: all fields are equal but those that the settings added (R-DUP-4)."""
        return self.as_sent() == other.as_sent()

    def as_sent(self) -> "Event":
        """Returns the event without the fields that the settings added."""
        event = msgspec.structs.replace(self, schedule=b"") if self.schedule else self
        match self.kind:
            case WentLive(sent_limit=sent):
                return msgspec.structs.replace(event, kind=WentLive(sent, sent))
            case PageVisited(url_digest=digest):
                return msgspec.structs.replace(event, kind=PageVisited(digest))
            case _:
                return event
