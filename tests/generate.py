"""Conversations by chance, made so that the rules collide: few instants, few ids, limits that fall on events.

Chance alone rarely meets a rule: a limit is reached only where no operator writes, a survey is held back only where
nobody does. So a conversation first draws which kinds may happen in it, either the kinds of one theme or any few; and
instants lie half a second apart, limits being multiples of that, so that a limit often falls exactly on an event.
Whether this suffices is measured by breaking the fold on purpose: each broken rule must be caught.
"""

from itertools import pairwise
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

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
from telwerkd.domain.ids import (
    NO_GROUP,
    NOBODY,
    SECOND,
    EventId,
    GoalId,
    Micros,
    OperatorGroupId,
    OperatorId,
    TopicId,
    WidgetId,
)

START = Micros(1_767_258_000 * SECOND)
"""2026-01-01 09:00:00 UTC: no event is earlier."""

ALL_TIME = Micros(START + 86_400 * SECOND)
"""No event of a conversation is later, and no limit."""

GRID = SECOND // 2
HORIZONS_S = [1, 4, 12, 120]
EVENTS_MAX = 24
RETRACTIONS_MAX = 3

# Their order as UTF-8 bytes is neither the order here, nor that of numbers, nor (the last two kinds) that of UTF-16.
EVENT_IDS = [EventId(f"{letter}{n}") for n in (10, 9, 1, 2, 8, 0, 5) for letter in ("e", "E", "\uffee", "\U0001f600")]
ABSENT_IDS = [EventId("absent"), EventId("é-absent")]

WIDGETS = [WidgetId("shop"), WidgetId("help")]
ANNA, BRAM, CARL = OperatorId("anna"), OperatorId("bram"), OperatorId("carl")
SALES, SUPPORT = OperatorGroupId("sales"), OperatorGroupId("support")
ORDER, QUOTE = GoalId("order"), GoalId("quote")
PRICE, DELIVERY = TopicId("price"), TopicId("delivery")
YES, NO, BIG = SurveyAnswer("q1", "yes"), SurveyAnswer("q1", "no"), SurveyAnswer("q2", "big")

# Every kind but the retraction.
CONTACT_WRITES: list[Kind] = [Message(Sender.CONTACT)]
OPERATOR_WRITES: list[Kind] = [Message(Sender.OPERATOR)]
NAMED_WRITES: list[Kind] = [
    Message(Sender.OPERATOR, ANNA),
    Message(Sender.OPERATOR, CARL),
    Message(Sender.CONTACT, CARL),
]
BOT_WRITES: list[Kind] = [Message(Sender.BOT)]
LIVE: list[Kind] = [
    WentLive(sent, Micros(n * GRID)) for sent, n in [(None, 1), (None, 2), (Micros(6 * GRID), 6), (None, 20)]
]
LIVE_WITHOUT_LIMIT: list[Kind] = [WentLive()]
LEFT: list[Kind] = [LeftLive()]
ENDED: list[Kind] = [Ended()]
RESUMED: list[Kind] = [Resumed()]
ASSIGNED: list[Kind] = [Assigned(ANNA, SALES), Assigned(ANNA, NO_GROUP), Assigned(BRAM, SUPPORT)]
NOBODY_ASSIGNED: list[Kind] = [
    Unassigned(NO_GROUP),
    Unassigned(SALES),
    Assigned(NOBODY, SUPPORT),
    Assigned(NOBODY, NO_GROUP),
]
FEEDBACK: list[Kind] = [Rated(1), Rated(4), Rated(5), FeedbackLeft()]
ACTIONS: list[Kind] = [ActionPerformed(action) for action in InactivityAction]
GOALS: list[Kind] = [GoalReached(ORDER), *(PageVisited(b"digest", goals) for goals in [(), (QUOTE,), (ORDER, QUOTE)])]
TOPICS: list[Kind] = [TopicsSet(topics) for topics in [(), (PRICE,), (DELIVERY,), (DELIVERY, PRICE)]]
PRE_CHAT: list[Kind] = [PreChatSurveyCompleted(answers) for answers in [(YES,), (NO, BIG), (YES, YES)]]
POST_CHAT: list[Kind] = [PostChatSurveyAnswered(answers) for answers in [(YES,), (NO, BIG), (YES, YES)]]

FAMILIES = [
    *(CONTACT_WRITES, OPERATOR_WRITES, BOT_WRITES, LIVE, LIVE_WITHOUT_LIMIT, LEFT, ENDED, RESUMED, ASSIGNED),
    *(NOBODY_ASSIGNED, FEEDBACK, ACTIONS, GOALS, TOPICS, PRE_CHAT, POST_CHAT, NAMED_WRITES),
]
THEMES = [
    # A limit runs out (3): nobody answers, or only a bot; or it is interrupted, and who is assigned changes meanwhile.
    LIVE + CONTACT_WRITES + BOT_WRITES,
    LIVE + CONTACT_WRITES * 2 + BOT_WRITES + LEFT * 2,
    LIVE + CONTACT_WRITES + ASSIGNED,
    LIVE + CONTACT_WRITES * 2 + ASSIGNED + ENDED,
    LIVE * 2 + CONTACT_WRITES * 2 + OPERATOR_WRITES + LEFT + LIVE_WITHOUT_LIMIT,
    # It ends, again and again (4).
    ENDED + RESUMED + CONTACT_WRITES + OPERATOR_WRITES + ASSIGNED,
    # Who is assigned when something is counted (1, 2, 5, 6, 10).
    ASSIGNED + NOBODY_ASSIGNED + FEEDBACK + ENDED,
    ASSIGNED + ACTIONS + POST_CHAT + FEEDBACK,
    # Goals (7) before a message, between an end and a resumption, live or not.
    GOALS + ASSIGNED + CONTACT_WRITES * 4 + ENDED + RESUMED,
    GOALS + ASSIGNED + BOT_WRITES + ENDED + LIVE,
    GOALS * 2 + ASSIGNED,
    # What waits for a message (8, 9), and topics that replace one another.
    TOPICS + PRE_CHAT + ASSIGNED,
    TOPICS + PRE_CHAT + ASSIGNED + BOT_WRITES,
    TOPICS + CONTACT_WRITES + NOBODY_ASSIGNED,
    # Waits and first responses (13, 14, 15), stretch after stretch; episodes (12, 17), and who has them (19, 20).
    LIVE + LEFT * 2 + CONTACT_WRITES * 2 + OPERATOR_WRITES + NAMED_WRITES,
    LIVE_WITHOUT_LIMIT * 2 + LEFT + ENDED + RESUMED + CONTACT_WRITES * 2 + OPERATOR_WRITES * 2,
    ENDED + RESUMED + CONTACT_WRITES + OPERATOR_WRITES + BOT_WRITES,
    ASSIGNED + NOBODY_ASSIGNED[:1] + CONTACT_WRITES + BOT_WRITES + ENDED,
]
any_kinds = st.lists(st.sampled_from(FAMILIES), min_size=1, max_size=len(FAMILIES), unique_by=id).map(
    lambda families: [kind for family in families for kind in family]
)


class Batch(NamedTuple):
    """Events that are there, or that arrive together, and the present instant then."""

    events: list[Event]
    now: Micros


def in_hours(event: Event) -> Event:
    """The event, where a duration may begin with it, with one of two schedules or none."""
    if not isinstance(event.kind, Message | WentLive):
        return event
    schedule = (b"", b"day", b"night")[(event.occur_time // GRID + event.sequence + (event.widget_id == "shop")) % 3]
    return msgspec.structs.replace(event, schedule=schedule)


@st.composite
def conversations(draw: st.DrawFn, *, hours: bool = False) -> list[Event]:
    """The events of one conversation, with distinct ids, in no particular order; with opening hours if wanted."""
    kinds = draw(draw(st.sampled_from([any_kinds, *[st.sampled_from(THEMES)] * 3])))
    horizon_s = draw(st.sampled_from(HORIZONS_S))
    occur_times = st.integers(0, horizon_s * SECOND // GRID).map(lambda n: Micros(START + n * GRID))
    sequences = draw(st.sampled_from([st.just(0), st.integers(0, 2)]))
    widgets = st.sampled_from(WIDGETS)

    length = draw(st.sampled_from([0, 6, 12, 18]))
    happenings = st.tuples(occur_times, sequences, widgets, st.sampled_from(kinds))
    drawn = draw(st.lists(happenings, min_size=length, max_size=EVENTS_MAX))
    retractions = draw(st.sampled_from([0, 0, *range(RETRACTIONS_MAX + 1)]))
    size = len(drawn) + retractions
    event_ids = draw(st.lists(st.sampled_from(EVENT_IDS), min_size=size, max_size=size, unique=True))
    events = [Event(event_id, *what) for event_id, what in zip(event_ids, drawn, strict=False)]
    for event_id in event_ids[len(drawn) :]:
        named = draw(st.sampled_from(ABSENT_IDS + [other for other in event_ids if other != event_id]))
        events.append(Event(event_id, draw(occur_times), draw(sequences), draw(widgets), Retracted(named)))
    return [in_hours(event) for event in events] if hours else events


def nows(log: list[Event]) -> st.SearchStrategy[Micros]:
    """Present instants that matter to a log: on, just before and just after its events and every limit there may be."""
    lengths = {e.kind.limit for e in log if isinstance(e.kind, WentLive) and e.kind.limit is not None}
    starts = {e.occur_time for e in log if isinstance(e.kind, WentLive | Message)}
    limits = {Micros(start + length) for start in starts for length in lengths}
    instants = {e.occur_time for e in log} | limits | {START}
    some = st.sampled_from(sorted(instants)) | st.sampled_from(sorted(limits or instants)) | st.just(max(instants))
    return st.builds(lambda i, past: Micros(i + past), some, st.sampled_from([0, 0, 1, -1]))


@st.composite
def observations(draw: st.DrawFn, *, hours: bool = False) -> Batch:
    """A conversation, and an instant at which somebody looks at it."""
    log = draw(conversations(hours=hours))
    return Batch(log, draw(nows(log)))


@st.composite
def deliveries(draw: st.DrawFn, *, resends: bool = False, hours: bool = False) -> list[Batch]:
    """A conversation as it may arrive: any order, any batching (empty batches too), `now` never running backwards."""
    log = draw(conversations(hours=hours))
    arriving = draw(st.one_of(st.permutations(log), _almost_in_order(log), _almost_in_order(log)))
    if resends and log:
        again = draw(st.lists(st.tuples(st.integers(0, len(arriving)), st.sampled_from(log)), min_size=1, max_size=5))
        for place, event in again:
            arriving = [*arriving[:place], event, *arriving[place:]]
    cuts = sorted([*draw(st.lists(st.integers(0, len(arriving)), max_size=8)), len(arriving)])
    batches: list[Batch] = []
    now = Micros(0)
    for begin, end in pairwise([0, *cuts]):
        # What matters to those that are there: later ones may then come before a limit that is already counted.
        now = max(now, draw(nows(arriving[:end])))
        batches.append(Batch(arriving[begin:end], now))
    return batches


@st.composite
def _almost_in_order(draw: st.DrawFn, log: list[Event]) -> list[Event]:
    """The way most events arrive: in their own order, but for the few that are late."""
    late = draw(st.sets(st.sampled_from(log), max_size=2)) if log else set()
    return sorted(log, key=lambda e: (e in late, e.order))
