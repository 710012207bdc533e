"""Batches of events to be stored, their weights, and the verdicts on events."""

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from telwerkd.domain.conversation.events import (
    Event,
    Kind,
    PageVisited,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    TopicsSet,
)
from telwerkd.domain.errors import QuotaExceededError, Reason, RequestPart
from telwerkd.domain.ids import ConversationId

_LET_GO_AT_ONCE = 50
"""Events that are freed in one iteration of the event loop; a survey has up to `answers_max` answers."""


RETRY_SECONDS = 0.5
"""After which a call that is turned away for what waits may come again."""


class IngestLimits(msgspec.Struct, frozen=True):
    """Limits of an account, a conversation and a transaction in ingest."""

    names_max: int = 10_000
    """Distinct names of each family (operators, values of a KPI, ...) in one account."""
    transaction_events_max: int = 10_000
    """Weight of one transaction (`weight_of`); what a batch has beyond it goes into the next ones."""
    waiting_events_max: int = 200_000
    """Weight of the events waiting to be stored, of all calls together, beyond which calls are turned away."""
    waiting_account_percent_max: int = 50
    """How much of `waiting_events_max` one account may use."""
    conversation_events_max: int = 5_000
    """Events in the log of one conversation."""
    conversation_pending_max: int = 500
    """Pre-chat answers held back, and retracted events that have not arrived, each, in one conversation."""

    transaction_shared_events_max: int = 1_000
    """Weight of one transaction while several accounts send events: each waits for the others' transactions."""
    transaction_shared_seconds_max: float = 0.005
    """How long a transaction should take while several accounts send events: fewer are in the next after a longer one.

    One that counts for four times as long leaves the rest to later ones.
    """

    account_shared_events_max: int = 1_000
    """Events of one account's calls that are in work while other accounts call too."""

    own_waiting_percents: Mapping[str, int] = {}
    """Percentages of single accounts, which override `waiting_account_percent_max`."""

    def waiting_percent_of(self, account: str) -> int:
        """Returns the percentage of `waiting_events_max` that an account may use."""
        return self.own_waiting_percents.get(account, self.waiting_account_percent_max)

    def waiting_events_max_of(self, account: str) -> int:
        """Returns the limit on the weight of an account's waiting events."""
        return max(1, self.waiting_events_max * self.waiting_percent_of(account) // 100)

    def check_share(self, account: str, waiting: int, more: int) -> None:
        """Checks that `more` may wait beside what waits of an account: where nothing does, anything may.

        Raises:
            QuotaExceededError: the account's share is used up.
        """
        share = self.waiting_events_max_of(account)
        if waiting and waiting + more > share:
            raise QuotaExceededError(
                "waiting_account_percent_max",
                f"{waiting} events of this account are waiting to be stored, at most {share} may: "
                f"{self.waiting_percent_of(account)} % (waiting_account_percent_max) of "
                f"{self.waiting_events_max} (waiting_events_max)",
                RETRY_SECONDS,
            )


class Verdict(enum.Enum):
    """The verdict on an event that was not refused; `Rejected` is the third verdict, with its reason."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


class Rejected(NamedTuple):
    """Why an event was refused."""

    reason: Reason
    field: RequestPart | str
    """The invalid part of the event; in the transport, the field. Empty where it is no single one."""
    message: str


Verdicts = list[Verdict | Rejected]

Postponable = Verdict | Rejected | None
"""None: postponed to a later transaction, because this one had enough to do."""


class Submitted(msgspec.Struct, frozen=True, gc=False):
    """A validated event to be stored."""

    conversation: ConversationId
    event: Event
    url: str | None = None
    """The page of a `PageVisited`."""


# Upper estimates of what is in memory, in bytes. Measured with ids of their own for every event and answer.
_EVENT_BYTES, _ANSWER_BYTES = 1_000, 256

_WITH_ANSWERS = (PreChatSurveyCompleted, PostChatSurveyAnswered)
_SURVEYS = frozenset(_WITH_ANSWERS)
"""The types of surveys: for most events, a look-up by type takes a third of the time of `isinstance`."""


def held_bytes(events: Sequence[Submitted]) -> int:
    """Returns about how many bytes events hold in memory beside their texts, rather too many than too few."""
    kinds = [submitted.event.kind for submitted in events]
    surveys = [kind for kind in kinds if type(kind) in _SURVEYS]
    answers = sum([len(kind.answers) for kind in surveys if isinstance(kind, _WITH_ANSWERS)])
    return _EVENT_BYTES * len(events) + _ANSWER_BYTES * answers


class Batch(list[Submitted]):
    """Submitted events of one call, or of a part of it."""

    weights: list[int] | None = None
    """The weights of the events, where they are known already."""

    def add(self, events: Sequence[Submitted]) -> None:
        """Adds events, and weighs them: a large batch comes piece by piece, and is never gone through as a whole."""
        if self.weights is None:
            self.weights = []
        self.weights += weights_of(events) or [1] * len(events)
        self += events


_WEIGHT_ANSWERS = 4
"""Answers that take as long to store and count as an event."""

_WEIGHT_CHARACTERS = 256
"""Characters of URLs, topics and answers that weigh as much as an event."""

_HEAVY = (PreChatSurveyCompleted, PostChatSurveyAnswered, PageVisited, TopicsSet)


def weight_of(submitted: Submitted) -> int:
    """Returns an event's weight: 1, plus 1 per 4 answers, plus 1 per 256 characters of URL, topics or answers."""
    kind = submitted.event.kind
    if type(kind) not in _HEAVY:
        return 1
    if isinstance(kind, PreChatSurveyCompleted | PostChatSurveyAnswered):
        characters = sum(len(answer.question_id) + len(answer.option_id) for answer in kind.answers)
        return 1 + len(kind.answers) // _WEIGHT_ANSWERS + characters // _WEIGHT_CHARACTERS
    characters = sum(map(len, kind.topics)) if isinstance(kind, TopicsSet) else len(submitted.url or "")
    return 1 + characters // _WEIGHT_CHARACTERS


def weights_of(events: Sequence[Submitted]) -> list[int] | None:
    """Returns the weight of each event; None if each weighs 1, as in most batches."""
    if isinstance(events, Batch) and events.weights is not None:
        return events.weights
    if {type(submitted.event.kind) for submitted in events}.isdisjoint(_HEAVY):
        return None
    weights = [weight_of(submitted) for submitted in events]
    return weights if sum(weights) > len(weights) else None


def resolved_weight(kind: Kind) -> int:
    """Returns an event's weight beyond `weight_of`, once its page's goals are looked up."""
    return len(kind.goals) // _WEIGHT_ANSWERS if type(kind) is PageVisited else 0


def free_gradually(events: list[Any], then: Callable[[], None] = lambda: None, start: int = 0) -> None:
    """Releases events, a few in each iteration of the event loop, by setting them to None; then calls `then`.

    Half a million answers, freed together, block the loop for 50 ms. The list keeps its length, as a running
    transaction may have indexes into it.
    """
    stop = start + _LET_GO_AT_ONCE
    events[start:stop] = [None] * len(events[start:stop])
    if stop < len(events):
        asyncio.get_running_loop().call_soon(free_gradually, events, then, stop)
    else:
        then()
