"""Conversations as people would write them down, and their facts as people would read them.

A script is one event a line, in any order: a time of `DAY`, what happens, and where it matters the widget, the sequence
and the id.

    09:00:00 goes live, limit 60s
    09:00:00 anna assigned in sales
    09:00:05.5 contact: message
    09:01:10 contact rates 4 on shop seq 2 #my-rating

What can happen is the table `SENTENCES`. A line without an id gets its number, from `01`; one without a widget gets
`WIDGET`.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.values import (
    ConversationEnd,
    OfflineAssignment,
    value_answer,
    value_topics,
)
from telwerkd.domain.conversation.effects import Effect
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
from telwerkd.domain.conversation.facts import (
    Change,
    Fact,
    FactChange,
    LeftOut,
)
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.state import EMPTY, State
from telwerkd.domain.ids import NO_GROUP, NOBODY, SECOND, EventId, GoalId, Micros, OperatorGroupId, OperatorId, WidgetId

DAY = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
WIDGET = WidgetId("web")


def at(time: str) -> Micros:
    """The instant of `09:01:10` or `09:01:10.000001` on `DAY`; `24:00:00` is its end."""
    hours, minutes, seconds = time.split(":")
    whole, _, fraction = seconds.partition(".")
    since_midnight = (int(hours) * 60 + int(minutes)) * 60 + int(whole)
    return Micros((int(DAY.timestamp()) + since_midnight) * SECOND + int(fraction.ljust(6, "0")))


END_OF_DAY = at("24:00:00")

# --- what is written: scripts ---------------------------------------------------------------------------------------


def _sender(name: str) -> Sender:
    return {"contact": Sender.CONTACT, "bot": Sender.BOT}.get(name, Sender.OPERATOR)


def _operator(name: str) -> OperatorId:
    return NOBODY if name == "nobody" else OperatorId(name)


def _group(name: str | None) -> OperatorGroupId:
    return OperatorGroupId(name) if name else NO_GROUP


def _limit(seconds: str | None) -> Micros | None:
    return Micros(round(float(seconds) * SECOND)) if seconds else None


def _answers(text: str) -> tuple[SurveyAnswer, ...]:
    return tuple(SurveyAnswer(*answer.split("=")) for answer in text.split())


SENTENCES: dict[str, Callable[..., Kind]] = {
    r"goes live": WentLive,
    r"goes live, limit (\S+)s": lambda limit: WentLive(None, _limit(limit)),
    r"goes live, sends limit (\S+)s": lambda limit: WentLive(_limit(limit), _limit(limit)),
    r"leaves live": LeftLive,
    r"contact resumes": Resumed,
    r"ends": Ended,
    r"(\S+): message": lambda sender: Message(_sender(sender)),
    r"(\S+): message, by (\S+)": lambda sender, operator: Message(_sender(sender), OperatorId(operator)),
    r"(\S+) assigned(?: in (\S+))?": lambda operator, group: Assigned(_operator(operator), _group(group)),
    r"unassigned(?:, stays in (\S+))?": lambda group: Unassigned(_group(group)),
    r"contact rates (\d)": lambda stars: Rated(int(stars)),
    r"contact leaves feedback": FeedbackLeft,
    r"action (\w+)": lambda action: ActionPerformed(InactivityAction[action.upper()]),
    r"contact visits (\S+)": lambda url: PageVisited(url.encode()),
    r"contact visits (\S+), goals? (.+)": lambda url, goals: PageVisited(url.encode(), tuple(goals.split())),
    r"contact reaches (\S+)": lambda goal: GoalReached(GoalId(goal)),
    r"no topics": lambda: TopicsSet(()),
    r"topics (.+)": lambda topics: TopicsSet(tuple(sorted(set(topics.split())))),
    r"pre-chat survey (.+)": lambda answers: PreChatSurveyCompleted(_answers(answers)),
    r"post-chat survey (.+)": lambda answers: PostChatSurveyAnswered(_answers(answers)),
    r"takes back (\S+)": lambda event_id: Retracted(EventId(event_id)),
}

_LINE = re.compile(r"(?P<time>\S+) (?P<what>.+?)(?: on (?P<widget>\S+))?(?: seq (?P<sequence>\d+))?(?: #(?P<id>\S+))?")


def chat(script: str) -> list[Event]:
    """The events of a script, line by line."""
    lines = [line.strip() for line in script.splitlines() if line.strip()]
    return [_event(line, EventId(f"{n:02}")) for n, line in enumerate(lines, start=1)]


def _event(line: str, default_id: EventId) -> Event:
    found = _LINE.fullmatch(line)
    assert found, f"not a line of a chat: {line!r}"
    return Event(
        event_id=EventId(found["id"]) if found["id"] else default_id,
        occur_time=at(found["time"]),
        sequence=int(found["sequence"] or 0),
        widget_id=WidgetId(found["widget"]) if found["widget"] else WIDGET,
        kind=_kind(found["what"]),
    )


def _kind(what: str) -> Kind:
    for sentence, kind in SENTENCES.items():
        if found := re.fullmatch(sentence, what):
            return kind(*found.groups())
    raise AssertionError(f"nobody knows what this means: {what!r}")


# --- what is read: facts --------------------------------------------------------------------------------------------


def facts(events: Iterable[Event], now: Micros = END_OF_DAY, base: State = EMPTY) -> list[str]:
    """What counts at `now`, such as "09:01:10 satisfaction_score 4 anna/sales web", by instant."""
    return net(fold(base, events, now)[1])


def held(events: Iterable[Event], now: Micros = END_OF_DAY) -> list[str]:
    """What is held back at `now`, in the same form."""
    return net(fold(EMPTY, events, now)[1], Change.HELD, Change.RELEASED)


def left_out(events: Iterable[Event], now: Micros = END_OF_DAY, base: State = EMPTY) -> list[str]:
    """What was left out, such as "#my-rating satisfaction_score: no operator was assigned"."""
    effects = fold(base, events, now)[1]
    return sorted(f"#{e.event_id} {e.kpi.name.lower()}: {e.rule.value}" for e in effects if isinstance(e, LeftOut))


def net(effects: Iterable[Effect], plus: Change = Change.COUNTED, minus: Change = Change.TAKEN_BACK) -> list[str]:
    """The facts of one change less those of its opposite, each as often as it counts. None may count below zero."""
    sums: Counter[Fact] = Counter()
    for effect in effects:
        if isinstance(effect, FactChange) and effect.change in (plus, minus):
            sums[effect.fact] += 1 if effect.change is plus else -1
    assert min(sums.values(), default=0) >= 0, f"taken back, but never there: {sums}"
    return sorted(map(readable, sums.elements()))


def readable(fact: Fact) -> str:
    """Instant, KPI, value if it has one, operator and group, widget."""
    time = (DAY + dt.timedelta(microseconds=fact.instant - at("00:00:00"))).time()
    who = f"{fact.operator or 'nobody'}/{fact.group or '-'}"
    return " ".join(part for part in (str(time), fact.kpi.name.lower(), _value(fact), who, fact.widget) if part)


def _value(fact: Fact) -> str:  # noqa: PLR0911  # one case a KPI
    match fact.kpi:
        case Kpi.INACTIVITY_ACTIONS:
            return InactivityAction(int(fact.value)).name.lower()
        case Kpi.OFFLINE_ASSIGNMENTS:
            return OfflineAssignment(int(fact.value)).name.lower()
        case Kpi.CONVERSATIONS_STARTED | Kpi.MESSAGES:
            return Sender(int(fact.value)).name.lower()
        case Kpi.CONVERSATIONS_ENDED:
            return ConversationEnd(int(fact.value)).name.lower()
        case Kpi.CONVERSATION_TOPICS:
            return "+".join(value_topics(fact.value))
        case Kpi.PRE_CHAT_SURVEY_RESULTS | Kpi.POST_CHAT_SURVEY_RESULTS:
            return "=".join(value_answer(fact.value))
        case _:
            return fact.value
