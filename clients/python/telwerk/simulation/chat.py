"""One chat, played scene by scene."""

import math
import random
from collections.abc import Sequence
from typing import Final

from telwerk.simulation.company import (
    GROUPS,
    LIVE_AND_LATE,
    LIVE_AND_SLOW,
    NEW_AND_LATE,
    OPERATOR_AWAY,
    WIDGETS,
)
from telwerk.v1 import event_pb2 as pb

_OTHER_PAGES: Final = ("https://shop.example/", "https://shop.example/jackets?size=m", "https://help.example/contact")
_TOPICS: Final = ("sim-delivery", "sim-returns", "sim-payment", "sim-product", "sim-account")
_PRE_CHAT: Final = (
    ("sim-subject", ("order", "return", "product", "other")),
    ("sim-customer", ("yes", "no")),
)
_POST_CHAT: Final = (
    ("sim-solved", ("yes", "yes", "yes", "partly", "no")),
    ("sim-recommend", ("promoter", "promoter", "passive", "detractor")),
)
_HAPPY: Final = (0.04, 0.04, 0.09, 0.28, 0.55)
_UNHAPPY: Final = (0.24, 0.20, 0.22, 0.20, 0.14)
_SECOND_US: Final = 1_000_000


class Chat:
    """One chat as it unfolds. Each method is a scene; it moves the clock on and adds events."""

    def __init__(self, rng: random.Random, conversation_id: str, begin_us: int, *, office: bool) -> None:
        self.rng = rng
        self.conversation_id = conversation_id
        self.now_us = begin_us
        self.office = office
        self.widget = rng.choices(WIDGETS, [w.share for w in WIDGETS])[0]
        self.group = rng.choice(self.widget.groups)
        self.operator: str | None = None
        self.live = False
        self.topics: tuple[str, ...] = ()
        self.happy = True
        self.events: list[tuple[pb.Event, int]] = []

    def play(self) -> list[tuple[pb.Event, int]]:
        """The events of the whole chat with their instants, which ascend."""
        self.arrive()
        if not self.events or self.chance(0.97):
            self.open()
            if self.office or self.chance(0.25):
                self.serve()
            self.close()
            if self.chance(0.14):
                self.come_back()
        return self.events

    # Scenes.

    def arrive(self) -> None:
        """The contact looks around and answers the pre-chat survey, before any message."""
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            self.visit(goal_chance=0.05)
        if self.widget.survey and self.chance(0.7):
            self.fill(self.happens(25).pre_chat_survey_completed, _PRE_CHAT)
        if self.chance(0.04):
            self.tag()

    def open(self) -> None:
        """The first message; often a bot greets, and in office hours the chat mostly goes live."""
        live = self.office and self.chance(0.85)
        if self.chance(0.35):
            self.assign(None)
            self.say(pb.SENDER_BOT, 1)
        if live and self.chance(0.6):
            self.go_live()
        self.say(pb.SENDER_CONTACT, 20)
        if live and not self.live:
            self.go_live()
        if not self.office and self.chance(0.6):
            self.say(pb.SENDER_BOT, 2)

    def serve(self) -> None:
        """An operator takes over, in time or not, and the two talk; a few are helped by the bot, or by nobody."""
        if self.chance(0.06):
            self.say(pb.SENDER_BOT, 2)
            return
        if self.chance(0.9):
            self.assign(self.somebody())
        delay_s = 35 * math.exp(self.rng.gauss(0, 1))
        late_after_s = 0.6 * (self.widget.live_limit_s or math.inf)
        if self.operator is None or delay_s > late_after_s:
            self.happy = self.chance(0.3)
            self.escalate(late_after_s)
            if self.operator is None or self.chance(0.25):
                return
            delay_s = 30
        self.say(pb.SENDER_OPERATOR, delay_s)
        self.talk()

    def escalate(self, late_after_s: float) -> None:
        """Nobody answers: the inactivity actions of the widget, each followed by its own assignment event."""
        if not self.widget.actions:
            self.wait(300)
            return
        self.now_us += int(late_after_s * _SECOND_US)
        if not self.live or self.operator is None:
            fired = self.act(NEW_AND_LATE)
        else:
            if self.chance(0.7):
                self.act(LIVE_AND_SLOW)
                self.wait(40)
            fired = self.act(LIVE_AND_LATE)
        if fired == pb.INACTIVITY_ACTION_NEW_CONVERSATION_UNASSIGNED:
            self.unassign()
            if self.chance(0.6):
                self.wait(120)
                self.assign(self.somebody())
        elif fired in {
            pb.INACTIVITY_ACTION_NEW_CONVERSATION_REASSIGNED,
            pb.INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED,
        }:
            self.assign(self.somebody())

    def talk(self) -> None:
        """Question and answer; meanwhile pages are visited, topics set and changed, and the chat may be passed on."""
        if self.chance(0.6):
            self.tag()
        for _ in range(1 + int(self.rng.expovariate(0.4))):
            self.say(pb.SENDER_CONTACT, 40)
            if self.chance(0.15):
                self.visit(goal_chance=0.4)
            if self.chance(0.04):
                self.pass_on()
            self.say(pb.SENDER_OPERATOR, 45)
        if self.chance(0.25):
            self.tag()

    def close(self) -> None:
        """The contact leaves and the chat ends, mostly; ratings, feedback and the post-chat survey follow."""
        if self.live:
            self.happens(30).left_live.SetInParent()
            self.live = False
        if self.chance(0.92):
            self.happens(200).conversation_ended.SetInParent()
        if self.chance(0.38):
            self.rate()
            if self.chance(0.12):
                self.rate()
        if self.chance(0.14):
            self.happens(40).feedback_left.SetInParent()
        if self.chance(0.3):
            self.fill(self.happens(40).post_chat_survey_answered, _POST_CHAT)
        if self.chance(0.06):
            self.visit(goal_chance=0.7)

    def come_back(self) -> None:
        """Hours or days later the contact goes on; the operator of then may be away."""
        self.wait(30 * 3600)
        self.happens(1).conversation_resumed.SetInParent()
        self.say(pb.SENDER_CONTACT, 15)
        if self.widget.actions and self.operator is not None and self.chance(0.7):
            fired = self.act(OPERATOR_AWAY)
            if fired == pb.INACTIVITY_ACTION_RESUMED_CONVERSATION_NOT_REASSIGNED:
                return
            self.assign(self.somebody())
        if self.chance(0.5):
            self.go_live()
        if self.operator is not None:
            self.say(pb.SENDER_OPERATOR, 30)
            self.talk()
        self.close()

    # What can happen in a scene.

    def say(self, sender: pb.Sender.ValueType, wait_s: float) -> None:
        """A message of the sender's."""
        self.happens(wait_s).message_sent.sender = sender

    def go_live(self) -> None:
        """The conversation goes live."""
        self.happens(1).went_live.SetInParent()
        self.live = True

    def visit(self, goal_chance: float) -> None:
        """The contact visits a page, or reaches a goal of the widget."""
        reached = self.chance(goal_chance)
        if reached and not self.widget.goals:
            self.happens(30).goal_reached.goal_id = "sim-subscribed"
        elif reached:
            self.happens(30).page_visited.url = self.rng.choice(self.widget.goals)[1]
        else:
            self.happens(30).page_visited.url = self.rng.choice(_OTHER_PAGES)

    def tag(self) -> None:
        """Sets one topic, or two, or takes all away again."""
        if self.topics and self.chance(0.1):
            self.topics = ()
        else:
            self.topics = tuple({self.rng.choice(_TOPICS): None for _ in range(self.rng.choice((1, 1, 2)))})
        topics = self.happens(10).topics_set
        topics.SetInParent()
        topics.topic_ids.extend(self.topics)

    def rate(self) -> None:
        """One rating; now and then the contact takes it back."""
        weights = _HAPPY if self.happy else _UNHAPPY
        rated = self.happens(20)
        rated.conversation_rated.stars = self.rng.choices((1, 2, 3, 4, 5), weights)[0]
        if self.chance(0.02):
            self.happens(20).event_retracted.retracted_event_id = rated.event_id

    def act(self, likely: dict[pb.InactivityAction.ValueType, float]) -> pb.InactivityAction.ValueType:
        """One of the actions fires, by their weights."""
        action = self.rng.choices(list(likely), list(likely.values()))[0]
        self.happens(1).inactivity_action_performed.action = action
        return action

    def somebody(self) -> str:
        """An operator of the group, another than the one assigned if there is one."""
        return self.rng.choice([operator for operator in GROUPS[self.group] if operator != self.operator])

    def assign(self, operator: str | None) -> None:
        """To the operator in the chat's group; to the group's bot if there is none."""
        assigned = self.happens(4).operator_assigned
        assigned.operator_group_id = self.group
        if operator is not None:
            assigned.operator_id = operator
        self.operator = operator

    def unassign(self) -> None:
        """Takes the operator off; mostly the chat stays in its group."""
        unassigned = self.happens(1).operator_unassigned
        unassigned.SetInParent()
        if self.chance(0.8):
            unassigned.operator_group_id = self.group
        self.operator = None

    def pass_on(self) -> None:
        """Hands the chat on to an operator of any group."""
        self.group = self.rng.choice(tuple(GROUPS))
        self.assign(self.somebody())

    # Tools.

    def chance(self, probability: float) -> bool:
        """Whether it happens, by chance."""
        return self.rng.random() < probability

    def wait(self, mean_s: float) -> None:
        """Lets time go by, 0.2 s and more, in whole milliseconds."""
        self.now_us += 200_000 + 1000 * int(mean_s * 1000 * -math.log(1 - self.rng.random()))

    def happens(self, mean_wait_s: float) -> pb.Event:
        """After a while, or at once if it is the first, an event whose kind the caller fills in."""
        if self.events:
            self.wait(mean_wait_s)
        event = pb.Event(
            event_id=f"{len(self.events) + 1:03}",
            conversation_id=self.conversation_id,
            widget_id=self.widget.widget_id,
        )
        event.occur_time.seconds, micros = divmod(self.now_us, _SECOND_US)
        event.occur_time.nanos = micros * 1000
        self.events.append((event, self.now_us))
        return event

    def fill(
        self,
        survey: pb.PreChatSurveyCompleted | pb.PostChatSurveyAnswered,
        questions: Sequence[tuple[str, Sequence[str]]],
    ) -> None:
        """Answers the first question, and mostly the others."""
        for number, (question_id, options) in enumerate(questions):
            if number == 0 or self.chance(0.8):
                survey.answers.add(question_id=question_id, option_id=self.rng.choice(options))
