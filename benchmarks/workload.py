"""Made-up events, the same again from the same numbers, and fast to make: millions are needed.

A conversation is made from its number alone, so that any process can make any part of a workload, and a server and the
floor beside it get equal bytes. Conversations come in the order of time, as from a help desk that is in use, and their
ids count up, as a platform's do; `random_ids` is the harder case, ids without any order.

An ordinary chat has 13 events, which make about 5 facts of the first ten KPIs and 11 of the other ten; all twenty
occur. Every seventh is never answered. How long a contact waits for an answer is log-normal, to the microsecond: as
with people, no two waits are the same.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion

ACCOUNT = "bench"
START_SECONDS = 1_704_067_200
"""2024-01-01T00:00:00Z, when the first conversation begins."""
DAY_SECONDS = 86_400
CALL_EVENTS = 1_000
"""Events of a bulk call."""
CHAT_EVENTS = 13
WINDOW = 1_000
"""Conversations that are made together: with 13 events each they fill 13 bulk calls."""

GOAL_URL = "https://shop.example/checkout/thanks"
LIVE_LIMIT_SECONDS = 120
WIDGETS = ("web", "shop", "app")
_GROUPS = 10
_TOPICS = ("delivery", "returns", "payment", "product", "account")
_SUBJECTS = ("order", "return", "product", "other")
_WAIT_LOG_SECONDS = 3.0
"""The logarithm of the median: 20 s. One of 25 is longer than the limit."""
_UNANSWERED_EVERY = 7
_RETURNS_EVERY = 11


@dataclass(frozen=True, slots=True)
class Workload:
    """Which events there are.

    `kind` ratings: an assignment and 12 ratings, for the peers that query raw ratings; answers: an assignment, and 6
    messages of the contact with an answer of the operator's to each.
    """

    kind: Literal["chats", "ratings", "answers"] = "chats"
    operators: int = 50
    conversation_events: int = CHAT_EVENTS
    """Events of a conversation; a longer one has more messages, a shorter one is cut off."""
    conversations_per_day: float = 1_000.0
    random_ids: bool = False
    first: int = 0
    """The conversation that begins at the beginning."""

    def conversation(self, number: int) -> list[pb.Event]:
        """The events of a conversation, in their order."""
        chance = random.Random(number)
        name = f"{chance.getrandbits(64):016x}" if self.random_ids else f"{number:012}"
        days = (number - self.first + chance.random()) / self.conversations_per_day
        begin_seconds = START_SECONDS + int(days * DAY_SECONDS)
        chat = _Chat(name, begin_seconds, chance, number * self.conversation_events)
        if self.kind == "ratings":
            chat.ratings(self.operators, self.conversation_events)
        elif self.kind == "answers":
            chat.answers(self.operators, self.conversation_events)
        elif number % _UNANSWERED_EVERY == 0:
            chat.unanswered(self.operators, self.conversation_events)
        else:
            chat.answered(self.operators, self.conversation_events, returns=number % _RETURNS_EVERY == 0)
        return chat.events[: self.conversation_events]

    def late(self, number: int) -> bytes:
        """A call with one event that happened before all others of a conversation."""
        first = self.conversation(number)[0]
        event = pb.Event(event_id="late", conversation_id=first.conversation_id, widget_id=first.widget_id)
        event.occur_time.seconds = first.occur_time.seconds - 60
        event.operator_assigned.operator_id = "op-0000"
        return ingestion.IngestEventsRequest(account_id=ACCOUNT, events=[event]).SerializeToString()


class _Chat:
    """A chat as it unfolds; every scene moves the clock on and adds events."""

    def __init__(self, name: str, begin_seconds: int, chance: random.Random, first_event: int) -> None:
        self.events: list[pb.Event] = []
        self._name = name
        self._now_micros = begin_seconds * 1_000_000
        self._next_event = first_event
        self._chance = chance
        self._widget = WIDGETS[chance.getrandbits(8) % len(WIDGETS)]

    def answered(self, operators: int, length: int, *, returns: bool) -> None:
        """An operator takes over and answers in time; at the end the contact rates."""
        operator = self._pick(operators)
        self._ask()
        self._add(10).operator_assigned.MergeFrom(
            pb.OperatorAssigned(operator_id=f"op-{operator:04}", operator_group_id=f"group-{operator % _GROUPS}")
        )
        self._say(self._wait_seconds(), pb.SENDER_OPERATOR)
        self._add(15).topics_set.topic_ids.extend(self._topics())
        self._visit()
        self._talk(length - CHAT_EVENTS)
        if returns:
            self._add(200).conversation_ended.SetInParent()
            self._rate()
            self._add(3_600).conversation_resumed.SetInParent()
            self._add(5).inactivity_action_performed.action = 7 + self._pick(2)  # type: ignore[assignment]
        else:
            self._say(30, pb.SENDER_CONTACT)
            self._add(60).left_live.SetInParent()
            self._add(90).conversation_ended.SetInParent()
            self._rate()
        if self._pick(2):
            self._add(15).feedback_left.SetInParent()
        else:
            self._answer(self._add(15).post_chat_survey_answered, "solved", ("yes", "partly", "no"))

    def unanswered(self, operators: int, length: int) -> None:
        """The limit passes and the chat ends without an operator's message; it is passed on in vain."""
        self._ask()
        for _ in range(3):
            self._add(60).inactivity_action_performed.action = 1 + self._pick(6)  # type: ignore[assignment]
            operator = self._pick(operators)
            self._add(1).operator_assigned.MergeFrom(
                pb.OperatorAssigned(operator_id=f"op-{operator:04}", operator_group_id=f"group-{operator % _GROUPS}")
            )
        self._talk(length - CHAT_EVENTS)
        self._say(60, pb.SENDER_BOT)
        self._add(600).left_live.SetInParent()
        self._add(1).conversation_ended.SetInParent()
        self._add(5).feedback_left.SetInParent()

    def ratings(self, operators: int, length: int) -> None:
        """An operator is assigned, and rated again and again."""
        operator = self._pick(operators)
        self._add(0).operator_assigned.MergeFrom(
            pb.OperatorAssigned(operator_id=f"op-{operator:04}", operator_group_id=f"group-{operator % _GROUPS}")
        )
        for _ in range(length - 1):
            self._rate()

    def answers(self, operators: int, length: int) -> None:
        """An operator is assigned, and answers each message of the contact."""
        operator = self._pick(operators)
        self._add(0).operator_assigned.MergeFrom(
            pb.OperatorAssigned(operator_id=f"op-{operator:04}", operator_group_id=f"group-{operator % _GROUPS}")
        )
        for place in range(length - 1):
            if place % 2:
                self._say(self._wait_seconds(), pb.SENDER_OPERATOR)
            else:
                self._say(60, pb.SENDER_CONTACT)

    def _ask(self) -> None:
        """Three events, after which the contact waits."""
        self._answer(self._add(0).pre_chat_survey_completed, "subject", _SUBJECTS)
        self._add(5).went_live.SetInParent()
        self._say(5, pb.SENDER_CONTACT)

    def _talk(self, messages: int) -> None:
        for place in range(messages):
            self._say(20, pb.SENDER_BOT if place % 2 else pb.SENDER_CONTACT)

    def _visit(self) -> None:
        """Pages, two of three of which reach a goal: one matched by the widget's settings, one by the producer."""
        match self._pick(3):
            case 0:
                self._add(30).page_visited.url = GOAL_URL
            case 1:
                self._add(30).goal_reached.goal_id = "newsletter"
            case _:
                self._add(30).page_visited.url = "https://shop.example/jackets"
        self._say(20, pb.SENDER_OPERATOR)

    def _topics(self) -> tuple[str, ...]:
        return tuple({_TOPICS[self._pick(len(_TOPICS))]: None for _ in range(1 + self._pick(2))})

    def _rate(self) -> None:
        self._add(20).conversation_rated.stars = (1, 2, 3, 4, 4, 5, 5, 5)[self._pick(8)]

    def _answer(
        self, survey: pb.PreChatSurveyCompleted | pb.PostChatSurveyAnswered, question: str, options: tuple[str, ...]
    ) -> None:
        survey.answers.add(question_id=question, option_id=options[self._pick(len(options))])

    def _wait_seconds(self) -> float:
        return 1 + self._chance.lognormvariate(_WAIT_LOG_SECONDS, 1)

    def _say(self, wait_seconds: float, sender: pb.Sender.ValueType) -> None:
        self._add(wait_seconds).message_sent.sender = sender

    def _pick(self, of: int) -> int:
        return self._chance.getrandbits(24) % of

    def _add(self, wait_seconds: float) -> pb.Event:
        self._now_micros += int(wait_seconds * 1_000_000)
        event = pb.Event(event_id=f"{self._next_event:010}", conversation_id=self._name, widget_id=self._widget)
        event.occur_time.seconds, micros = divmod(self._now_micros, 1_000_000)
        event.occur_time.nanos = micros * 1_000
        self._next_event += 1
        self.events.append(event)
        return event


class Raw(NamedTuple):
    """An event as a table of raw events holds it, with the operator assigned just before it, as Chatwoot's has.

    That is more than the log says by itself: the peers are spared the rule.
    """

    conversation_id: str
    occur_micros: int
    kind: str
    operator_id: str
    group_id: str
    widget_id: str
    stars: int


def raw_events(workload: Workload, first: int, conversations: int) -> Iterator[Raw]:
    """The rows of a workload's conversations."""
    for number in range(first, first + conversations):
        operator, group = "", ""
        for event in workload.conversation(number):
            kind = event.WhichOneof("kind") or ""
            micros = event.occur_time.seconds * 1_000_000 + event.occur_time.nanos // 1_000
            stars = event.conversation_rated.stars if kind == "conversation_rated" else 0
            yield Raw(event.conversation_id, micros, kind, operator, group, event.widget_id, stars)
            if kind == "operator_assigned":
                assigned = event.operator_assigned
                operator, group = assigned.operator_id, assigned.operator_group_id


@dataclass(frozen=True, slots=True)
class Part:
    """Some conversations of a workload, and how they are sent.

    Lanes send beside one another; a lane sends one call after the other, so that a conversation's events stay in order.
    """

    workload: Workload
    first: int
    conversations: int
    lanes: int
    call_events: int = CALL_EVENTS
    spread: bool = False
    """Each call has one event of each of a window's conversations, as live traffic does; else they come whole."""
    account: str = ACCOUNT

    @property
    def events(self) -> int:
        return self.conversations * self.workload.conversation_events

    @property
    def after(self) -> int:
        """The first conversation after it."""
        return self.first + self.conversations

    def lane(self, number: int) -> Iterator[bytes]:
        """The calls of a lane, serialised."""
        window = min(WINDOW, -(-self.conversations // self.lanes))
        starts = range(self.first + number * window, self.after, self.lanes * window)
        for events in _chopped(chain.from_iterable(self._window(s, window) for s in starts), self.call_events):
            yield ingestion.IngestEventsRequest(account_id=self.account, events=events).SerializeToString()

    def _window(self, start: int, size: int) -> Iterator[pb.Event]:
        chats = [self.workload.conversation(number) for number in range(start, min(start + size, self.after))]
        return chain.from_iterable(zip(*chats, strict=True) if self.spread else chats)


def _chopped(events: Iterator[pb.Event], size: int) -> Iterator[list[pb.Event]]:
    some: list[pb.Event] = []
    for event in events:
        some.append(event)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
