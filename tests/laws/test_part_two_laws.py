"""Laws of part two of the rules (KPI 11 to 20), for every conversation there may be.

That the fold counts what the oracle counts, in any order of arrival and from any base, is a law of all KPIs:
`tests/laws/test_fold_laws.py`.
"""

from collections import Counter

from hypothesis import given, strategies as st

from telwerkd.domain.catalogue.specs import SPECS, Kpi, ValueKind
from telwerkd.domain.catalogue.values import ConversationEnd
from telwerkd.domain.conversation.events import Event, Resumed, Retracted
from telwerkd.domain.conversation.facts import (
    Fact,
    FactChange,
)
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.part_two import as_part_two
from telwerkd.domain.conversation.state import CURRENT_RULES, EMPTY, State, empty
from telwerkd.domain.ids import EventId, Micros, WidgetId
from tests.generate import ALL_TIME, Batch, conversations, observations

NOTHING_YET = empty(CURRENT_RULES)
AGAIN = str(int(ConversationEnd.AGAIN))
ONCE = (Kpi.CONVERSATIONS_STARTED, Kpi.LIVE_CONVERSATIONS_ANSWERED, Kpi.CONVERSATIONS_RECEIVED)


def facts(log: list[Event], base: State = NOTHING_YET, now: Micros = ALL_TIME) -> list[Fact]:
    """What counts of part two; nothing of it is ever held or taken back, so each change is a fact."""
    effects = [effect for effect in fold(base, log, now)[1] if isinstance(effect, FactChange)]
    return [effect.fact for effect in effects if effect.fact.kpi > Kpi.POST_CHAT_SURVEY_RESULTS]


def taken_back(event: Event, n: int) -> Event:
    return Event(EventId(f"retraction {n}"), ALL_TIME, n, WidgetId("shop"), Retracted(event.event_id))


@given(conversations(), st.data())
def test_no_fact_of_part_two_is_ever_negative_or_double(log: list[Event], data: st.DataObject) -> None:
    """Whatever is retracted: each event counts once at most in a KPI, and no duration is below zero (R-TIME-1)."""
    gone = data.draw(st.lists(st.sampled_from(log), unique_by=id)) if log else []
    log = [*log, *(taken_back(event, n) for n, event in enumerate(gone))]
    found = facts(log)
    assert max(Counter((fact.kpi, fact.event_id) for fact in found).values(), default=0) <= 1
    assert all(int(fact.value) >= 0 for fact in found if SPECS[fact.kpi].value_kind is ValueKind.DURATION)
    assert max(Counter(fact.kpi for fact in found if fact.kpi in ONCE).values(), default=0) <= 1


@given(observations())
def test_a_limit_is_decided_once(seen: Batch) -> None:
    """No conversation counts both as answered in time and as unanswered, at no instant (R-KPI13-4)."""
    counted = [effect.fact.kpi for effect in fold(NOTHING_YET, *seen)[1] if isinstance(effect, FactChange)]
    decided = counted.count(Kpi.LIVE_CONVERSATIONS_ANSWERED) + counted.count(Kpi.UNANSWERED_LIVE_CONVERSATIONS)
    assert decided <= 1


@given(conversations())
def test_without_its_resumptions_a_conversation_ends_once(log: list[Event]) -> None:
    """Retracting a resumption removes the end that followed it, and the duration of what was resumed (R-BACK-1)."""
    resumed = [event for event in log if isinstance(event.kind, Resumed)]
    found = facts([*log, *(taken_back(event, n) for n, event in enumerate(resumed))])
    ends = [fact.value for fact in found if fact.kpi is Kpi.CONVERSATIONS_ENDED]
    durations = [fact for fact in found if fact.kpi is Kpi.CONVERSATION_DURATION]
    assert AGAIN not in ends
    assert len(durations) <= len(ends) <= 1


@given(conversations(), st.integers(0, 30))
def test_counting_anew_after_a_purge_counts_nothing_that_was_not(log: list[Event], purged: int) -> None:
    """What counts from a base of earlier rules is part of what all events count, without KPI 11 and 20 (R-ANEW-5)."""
    ordinary = sorted((e for e in log if not isinstance(e.kind, Retracted)), key=lambda e: e.order)
    base, _ = fold(EMPTY, ordinary[:purged], Micros(0))
    later = facts(ordinary[purged:], as_part_two(base))
    assert Counter(later) <= Counter(facts(ordinary))
    assert not {fact.kpi for fact in later} & {Kpi.CONVERSATIONS_STARTED, Kpi.CONVERSATIONS_RECEIVED}
