"""Invented live chats, for demonstrations and for tests of speed: believable, and the same again from the same seed.

Nothing here is measured from anyone. Every id that an account could already know (conversations, widgets, operators,
groups, topics, goals, questions) begins with `sim-`, so that invented chats are never taken for real ones.

A chat is played by `_Chat`, which keeps a clock, who is assigned and the events so far. The company is small: three
widgets, three groups, seven operators of whom two work in two groups. Its day peaks from 10 to 12 and from 14 to 16.
"""

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

from telwerk.v1 import event_pb2 as pb
from telwerk.v1.settings_service_pb2 import WidgetSettings

PREFIX: Final = "sim-"
"""Begins every id made here that belongs to an account."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "sim-sales": ("sim-anna", "sim-bram", "sim-chloe"),
    "sim-support": ("sim-chloe", "sim-daan", "sim-emre", "sim-fleur"),
    "sim-billing": ("sim-fleur", "sim-gijs"),
}
"""The operator groups and who works in them."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A messenger of the invented company."""

    widget_id: str
    share: float
    """Part of all chats, 0 to 1."""
    groups: tuple[str, ...]
    """Where its chats are routed."""
    live_limit_s: int | None
    actions: bool
    """Whether the inactivity actions are enabled: all eight or none."""
    survey: bool
    """Whether a pre-chat survey is asked."""
    goals: tuple[tuple[str, str], ...] = ()
    """Pairs of goal id and URL."""


WIDGETS: Final = (
    Widget(
        "sim-shop",
        0.5,
        ("sim-sales", "sim-sales", "sim-billing"),
        120,
        actions=True,
        survey=True,
        goals=(
            ("sim-order", "https://shop.example/checkout/thanks"),
            ("sim-newsletter", "https://shop.example/newsletter/welcome"),
        ),
    ),
    Widget(
        "sim-help",
        0.35,
        ("sim-support", "sim-support", "sim-billing"),
        180,
        actions=True,
        survey=True,
        goals=(("sim-article", "https://help.example/articles/returns"),),
    ),
    # The app does its own matching of goals, and knows neither a limit nor actions.
    Widget("sim-app", 0.15, ("sim-sales", "sim-support"), None, actions=False, survey=False),
)

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

_NEW_AND_LATE: Final = {
    pb.INACTIVITY_ACTION_NEW_CONVERSATION_UNASSIGNED: 0.35,
    pb.INACTIVITY_ACTION_NEW_CONVERSATION_REASSIGNED: 0.35,
    pb.INACTIVITY_ACTION_NEW_CONVERSATION_NOT_REASSIGNED: 0.3,
}
_LIVE_AND_SLOW: Final = {pb.INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT: 1.0}
_LIVE_AND_LATE: Final = {
    pb.INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED: 0.65,
    pb.INACTIVITY_ACTION_LIVE_CONVERSATION_NOT_REASSIGNED: 0.35,
}
_OPERATOR_AWAY: Final = {
    pb.INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED: 0.6,
    pb.INACTIVITY_ACTION_RESUMED_CONVERSATION_NOT_REASSIGNED: 0.4,
}
_ALL_ACTIONS: Final = (*_NEW_AND_LATE, *_LIVE_AND_SLOW, *_LIVE_AND_LATE, *_OPERATOR_AWAY)

# How busy each hour of a weekday is, from midnight; outside 8 to 18 nobody is in the office.
_HOURS: Final = (
    *(0.03,) * 6, 0.08, 0.2,
    0.8, 1.4, 2.2, 2.1, 1.1, 1.3, 2.0, 1.9, 1.3, 0.9,
    0.3, 0.3, 0.25, 0.2, 0.1, 0.05,
)  # fmt: skip
_OFFICE_HOURS: Final = range(8, 18)
_WEEKDAYS: Final = (1.15, 1.05, 1.0, 1.0, 0.9, 0.14, 0.1)
_WEEKEND: Final = 5

_LONG_AGO_S: Final = 946_684_800  # 2000-01-01, the earliest instant Telwerk takes
_SECOND_US: Final = 1_000_000


def widget_settings() -> list[WidgetSettings]:
    """The settings that the chats presume, one version for each widget; setting them twice changes nothing."""
    made = []
    for widget in WIDGETS:
        settings = WidgetSettings(widget_id=widget.widget_id)
        settings.effective_time.seconds = _LONG_AGO_S
        if widget.live_limit_s is not None:
            settings.live_limit.seconds = widget.live_limit_s
        for goal_id, url in widget.goals:
            settings.goals.add(goal_id=goal_id, url=url)
        if widget.actions:
            settings.enabled_actions.extend(_ALL_ACTIONS)
        made.append(settings)
    return made


def simulate(
    seed: int, conversations: int, start: datetime, end: datetime, *, time_zone: str = "Europe/Amsterdam"
) -> Iterator[pb.Event]:
    """Plays `conversations` chats that begin in `[start, end)`, and gives their events, one chat after another.

    Chats come by their beginning, a chat's events by their instant; what would happen at or after `end` is left out, so
    that the last chats are still open. The same arguments give the same bytes, and hence harmless duplicates when sent
    twice; other arguments give other conversation ids.

    Args:
        seed: Any integer.
        conversations: How many chats, 0 or more.
        start: With a time zone; not before 2000.
        end: With a time zone; later than `start`.
        time_zone: IANA name of the office's time zone.

    Raises:
        ValueError: If the numbers or instants make no sense.
    """
    if conversations < 0:
        raise ValueError("conversations must be 0 or more")
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must have a time zone")
    start_us, end_us = _micros(start), _micros(end)
    if not _LONG_AGO_S * _SECOND_US <= start_us < end_us:
        raise ValueError("start must be 2000 or later, and earlier than end")
    return _play_all(seed, conversations, start_us, end_us, ZoneInfo(time_zone))


def _play_all(seed: int, conversations: int, start_us: int, end_us: int, zone: ZoneInfo) -> Iterator[pb.Event]:
    name = f"{seed} {conversations} {start_us} {end_us} {zone.key}"
    run = PREFIX + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    rng = random.Random(name)  # noqa: S311 -- chats are invented here, not secrets
    for number, (begin_us, office) in enumerate(_beginnings(rng, conversations, start_us, end_us, zone)):
        for event, instant_us in _Chat(rng, f"{run}-{number:06}", begin_us, office=office).play():
            if instant_us < end_us:
                yield event


def _beginnings(
    rng: random.Random, conversations: int, start_us: int, end_us: int, zone: ZoneInfo
) -> list[tuple[int, bool]]:
    """When each chat begins, ascending, and whether the office is open then."""
    hour_us = 3600 * _SECOND_US
    slots: list[tuple[int, int, bool]] = []
    weights = []
    for slot_us in range(start_us, end_us, hour_us):
        local = datetime.fromtimestamp(slot_us // _SECOND_US, zone)
        width_us = min(hour_us, end_us - slot_us)
        office = local.weekday() < _WEEKEND and local.hour in _OFFICE_HOURS
        slots.append((slot_us, width_us, office))
        weights.append(_WEEKDAYS[local.weekday()] * _HOURS[local.hour] * width_us)
    chosen = rng.choices(slots, cum_weights=list(accumulate(weights)), k=conversations)
    return sorted(
        (slot_us + 1000 * int(rng.random() * width_us / 1000), office) for slot_us, width_us, office in chosen
    )


class _Chat:
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
            fired = self.act(_NEW_AND_LATE)
        else:
            if self.chance(0.7):
                self.act(_LIVE_AND_SLOW)
                self.wait(40)
            fired = self.act(_LIVE_AND_LATE)
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
            fired = self.act(_OPERATOR_AWAY)
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
        self.happens(wait_s).message_sent.sender = sender

    def go_live(self) -> None:
        self.happens(1).went_live.SetInParent()
        self.live = True

    def visit(self, goal_chance: float) -> None:
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
        unassigned = self.happens(1).operator_unassigned
        unassigned.SetInParent()
        if self.chance(0.8):
            unassigned.operator_group_id = self.group
        self.operator = None

    def pass_on(self) -> None:
        self.group = self.rng.choice(tuple(GROUPS))
        self.assign(self.somebody())

    # Tools.

    def chance(self, probability: float) -> bool:
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


def _micros(instant: datetime) -> int:
    return (instant - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
