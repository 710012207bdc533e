"""docs/rules.md once more, as plainly as possible: what counts in one conversation, by looking at all of it at once.

This is the judge of the fold, so it shares nothing with it but the nouns: there is no state and no step here. Each rule
is a question about the sorted list of events ("who was assigned just before this one?", "was there any message at
all?"), asked again for every event, however slow. Beside each stand the ids of its rules.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.values import (
    OfflineAssignment,
    answer_value,
    stars_value,
    topics_value,
)
from telwerkd.domain.conversation.events import (
    ActionPerformed,
    Ended,
    Event,
    FeedbackLeft,
    GoalReached,
    InactivityAction,
    LeftLive,
    PageVisited,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Rated,
    Sender,
    TopicsSet,
    WentLive,
)
from telwerkd.domain.ids import NOBODY
from tests.oracle_two import Timed, in_hours, part_two
from tests.oracle_words import Counted, Log, assigned, counted, has_ended, is_live, messages, what_happened

ALL_TIME = 2**62


def oracle_facts(events: Iterable[Event], now: int) -> Counter[Counted]:
    """Every fact that counts at `now`, of both parts. Only a timer (KPI 3) asks what time it is."""
    log = what_happened(events)
    facts = Counter(immediate_facts(log))
    facts.update(part_two(log, is_unanswered_live=bool(unanswered_live(log, ALL_TIME))))
    facts.update(unanswered_live(log, now))
    facts.update(unanswered_ended(log))
    if messages(log):
        facts.update(when_started(log))
    return facts


def oracle_held(events: Iterable[Event], now: int) -> Counter[Counted]:  # noqa: ARG001 - no held-back fact waits for a time
    """Every fact that is held back: those of KPI 8 and 9, as long as there is no message at all."""
    log = what_happened(events)
    return Counter() if messages(log) else Counter(when_started(log))


def oracle_in_hours(events: Iterable[Event]) -> Counter[Timed]:
    """Every duration that counts in service time: when it began, by which opening hours, and its fact."""
    return Counter(in_hours(what_happened(events)))


# --- the KPIs that only need what came before: 1, 2, 5, 6, 7 and 10 -------------------------------------------------


def immediate_facts(log: Log) -> Iterator[Counted]:
    for i, event in enumerate(log):
        for kpi, value in immediate(event, log[:i]):
            yield counted(kpi, value, event, log[:i])


def immediate(event: Event, before: Log) -> Iterator[tuple[Kpi, str]]:
    operator, _ = assigned(before)
    by_operator = operator != NOBODY
    match event.kind:
        case Rated(stars=stars) if by_operator:
            yield Kpi.SATISFACTION_SCORE, stars_value(stars)
        case FeedbackLeft() if by_operator:
            yield Kpi.FEEDBACK_COUNT, ""
        case ActionPerformed(action=action):
            yield Kpi.INACTIVITY_ACTIONS, str(int(action))
            if action == InactivityAction.RESUMED_CONVERSATION_REASSIGNED:
                yield Kpi.OFFLINE_ASSIGNMENTS, str(int(OfflineAssignment.ASSIGNED))
            if action == InactivityAction.RESUMED_CONVERSATION_NOT_REASSIGNED:
                yield Kpi.OFFLINE_ASSIGNMENTS, str(int(OfflineAssignment.NO_OPERATOR_AVAILABLE))
        case GoalReached() | PageVisited() if by_operator and messages(before) and not has_ended(before):
            goals = event.kind.goals if isinstance(event.kind, PageVisited) else (event.kind.goal,)
            for goal in goals:
                yield Kpi.GOALS_REACHED, goal
        case PostChatSurveyAnswered(answers=answers):
            for a in answers:
                yield Kpi.POST_CHAT_SURVEY_RESULTS, answer_value(a.question_id, a.option_id)


# --- KPI 3 ----------------------------------------------------------------------------------------------------------


def unanswered_live(log: Log, now: int) -> list[Counted]:
    """At most one fact per conversation (R-KPI3-9): that of the earliest limit that was reached."""
    reached = [(limit, w) for w, limit in live_limits(log) if limit <= now and not stopped(w, limit, log)]
    if not reached:
        return []
    limit, went_live = min(reached, key=lambda r: r[0])
    # R-KPI3-10
    then = [e for e in log if e.occur_time <= limit]
    return [(Kpi.UNANSWERED_LIVE_CONVERSATIONS, "", *assigned(then), went_live.widget_id, limit)]


def live_limits(log: Log) -> Iterator[tuple[Event, int]]:
    """For each live stretch with a limit, its went-live event and the instant of the limit.

    It starts at the later of going live and the contact's first message of the conversation (R-KPI3-2).
    """
    for i, event in enumerate(log):
        if not isinstance(event.kind, WentLive) or is_live(log[:i]) or event.kind.limit is None:
            continue
        for first in messages(log, Sender.CONTACT)[:1]:
            yield event, max(event.occur_time, first.occur_time) + event.kind.limit


def stopped(went_live: Event, limit: int, log: Log) -> bool:
    """Whether an operator answered ever, or the live stretch was over, at or before the limit (R-KPI3-3, R-KPI3-8)."""
    answered = any(m.occur_time <= limit for m in messages(log, Sender.OPERATOR))
    since = log[log.index(went_live) + 1 :]
    over = any(isinstance(e.kind, LeftLive | Ended) and e.occur_time <= limit for e in since)
    return answered or over


# --- KPI 4 ----------------------------------------------------------------------------------------------------------


def unanswered_ended(log: Log) -> list[Counted]:
    """The first end that no operator's message comes before (R-KPI4-1); at most one (R-KPI4-2)."""
    ends = [
        counted(Kpi.UNANSWERED_ENDED_CONVERSATIONS, "", event, log[:i])
        for i, event in enumerate(log)
        if isinstance(event.kind, Ended) and not messages(log[:i], Sender.OPERATOR)
    ]
    return ends[:1]


# --- KPI 8 and 9: counted at their own instant, but only once there is a message anywhere ----------------------------


def when_started(log: Log) -> Iterator[Counted]:
    yield from standing_topics(log)
    for i, event in enumerate(log):
        if isinstance(event.kind, PreChatSurveyCompleted):
            for a in event.kind.answers:
                yield counted(Kpi.PRE_CHAT_SURVEY_RESULTS, answer_value(a.question_id, a.option_id), event, log[:i])


def standing_topics(log: Log) -> list[Counted]:
    """The set that was set last (R-KPI8-2), at the instant since which it stands without a break (R-KPI8-4)."""
    tagged = [(i, set(e.kind.topics)) for i, e in enumerate(log) if isinstance(e.kind, TopicsSet)]
    if not tagged or not tagged[-1][1]:
        return []
    standing = tagged[-1][1]
    others = [n for n, (_, topics) in enumerate(tagged) if topics != standing]
    since, _ = tagged[others[-1] + 1 if others else 0]
    return [counted(Kpi.CONVERSATION_TOPICS, topics_value(standing), log[since], log[:since])]
