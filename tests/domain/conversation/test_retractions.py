"""What is taken back, whenever that arrives, is as if it had never been."""

import pytest
from hypothesis import given, strategies as st

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import Event, Rated, Retracted
from telwerkd.domain.conversation.fold import fold, follows, run
from telwerkd.domain.conversation.retractions import effective_retractions, retract, taken_back
from telwerkd.domain.conversation.state import EMPTY
from telwerkd.domain.ids import EventId, Micros, WidgetId
from tests import chats
from tests.chats import at, chat, facts, net
from tests.domain.conversation.arriving import counts, left_out

param = pytest.param
table = pytest.mark.parametrize

ALL_KINDS = [
    *("goes live, limit 60s", "leaves live", "contact resumes", "ends", "contact: message", "anna: message"),
    *("bram assigned in support", "unassigned", "contact rates 4", "contact leaves feedback"),
    *("action resumed_conversation_reassigned", "contact visits /thanks, goal order", "contact reaches quote"),
    *("topics price", "no topics", "pre-chat survey reason=order", "post-chat survey happy=yes"),
]


@table("sentence", ALL_KINDS)
@table("taken_back_at", ["09:00:30", "09:10:00"])
def test_taken_back(sentence: str, taken_back_at: str) -> None:
    """An event may be taken back by a later one, naming its `event_id`: it is then as if it had never been.

    R-BACK-1.
    """
    script = f"""
        09:00:00 anna assigned in sales
        09:00:10 pre-chat survey size=big
        09:00:20 topics delivery
        09:00:25 contact: message
        09:00:30 {sentence} #x
        09:00:40 goes live, limit 30s
        09:01:30 contact reaches order
        09:01:40 contact rates 3
        09:02:00 ends
        09:02:10 contact reaches order
        {taken_back_at} takes back x #r
    """
    never = [event for event in chat(script) if event.event_id not in {"x", "r"}]
    assert counts(script) == facts(never)
    assert fold(EMPTY, chat(script), chats.END_OF_DAY)[0] == fold(EMPTY, never, chats.END_OF_DAY)[0]


@table("order", [1, -1])
def test_taken_back_before_it_arrives(order: int) -> None:
    """… whichever of the two arrives first (R-BACK-2)."""
    script = """
        09:00:00 anna assigned
        09:00:10 contact rates 1 #x
        09:00:20 takes back x
    """
    assigned, *two = chat(script)
    state, effects = fold(EMPTY, [assigned], at("09:01:00"))
    for n, event in enumerate(two[::order], start=1):
        if follows(state, [event]):
            state, more = run(state, [event])
            effects = [*effects, *more]
        else:
            state, effects = fold(EMPTY, [assigned, *two[::order][:n]], at("09:01:00"))
    assert net(effects) == []
    assert state == fold(EMPTY, chat(script), at("09:01:00"))[0]
    assert state.awaited == ()


@table("retraction", ["08:59:00 takes back x", "09:00:10 takes back x seq 0 #w", "09:10:00 takes back x"])
def test_taken_back_in_advance(retraction: str) -> None:
    """… nor which of the two happened first (R-BACK-2)."""
    script = f"""
        09:00:00 anna assigned
        09:00:10 contact rates 1 seq 1 #x
        09:00:20 contact rates 4
        {retraction}
    """
    assert counts(script) == ["09:00:20 satisfaction_score 4 anna/- web"]


def test_taking_back_what_never_arrives() -> None:
    """A retraction of an event that never arrives takes nothing back (R-BACK-3)."""
    assert counts("""
        09:00:00 anna assigned
        09:00:10 contact rates 1
        09:00:20 takes back nothing
    """) == ["09:00:10 satisfaction_score 1 anna/- web"]


@table(
    ("retractions", "stars"),
    [
        param(["09:00:20 takes back x"], [], id="taken back"),
        param(["09:00:20 takes back x", "09:00:30 takes back x"], [], id="taken back twice"),
        param(["09:00:20 takes back x #r", "09:00:30 takes back r"], ["4"], id="taking back is taken back"),
        param(["09:00:20 takes back x #r", "09:00:20 takes back r seq 1"], ["4"], id="later at the same instant"),
        param(["09:00:20 takes back x #r", "09:00:20 takes back r #s"], ["4"], id="later by its id alone"),
        param(["09:00:20 takes back x #r", "09:00:15 takes back r"], [], id="only by a later one"),
        param(["09:00:20 takes back s #r", "09:00:20 takes back r #s"], ["4"], id="each other, the rating untouched"),
        param(
            ["09:00:20 takes back x #r", "09:00:30 takes back r #s", "09:00:40 takes back s"], [], id="three times over"
        ),
        param(
            ["09:00:20 takes back x", "09:00:25 takes back x #r", "09:00:30 takes back r"], [], id="one of two stands"
        ),
    ],
)
def test_taking_back_a_retraction(retractions: list[str], stars: list[str]) -> None:
    """An event may be taken back by a later one; a retraction is an event (R-BACK-4)."""
    script = "\n".join(["09:00:00 anna assigned", "09:00:10 contact rates 4 #x", *retractions])
    assert counts(script) == [f"09:00:10 satisfaction_score {n} anna/- web" for n in stars]


@table(
    ("script", "without", "with_it"),
    [
        param(
            """
            09:00:00 goes live, limit 60s
            09:00:00 contact: message
            09:00:30 anna: message #x
            """,
            ["09:01:00 unanswered_live_conversations nobody/- web"],
            [],
            id="an answer: the limit was reached after all",
        ),
        param(
            """
            09:00:00 topics price
            09:00:30 bot: message #x
            """,
            [],
            ["09:00:00 conversation_topics price nobody/- web"],
            id="the first message: held back again",
        ),
        param(
            """
            09:00:00 contact: message
            09:00:00 topics price
            09:00:30 topics delivery #x
            """,
            ["09:00:00 conversation_topics price nobody/- web"],
            ["09:00:30 conversation_topics delivery nobody/- web"],
            id="later topics: the earlier ones hold again",
        ),
        param(
            """
            09:00:20 ends #x
            09:00:30 ends
            """,
            ["09:00:30 unanswered_ended_conversations nobody/- web"],
            ["09:00:20 unanswered_ended_conversations nobody/- web"],
            id="the first end: the second is the first",
        ),
        param(
            """
            09:00:00 anna assigned
            09:00:00 contact: message
            09:00:10 ends #x
            09:00:20 contact reaches order
            """,
            ["09:00:20 goals_reached order anna/- web"],
            ["09:00:10 unanswered_ended_conversations anna/- web"],
            id="the end: a goal after it counts",
        ),
    ],
)
def test_taking_back_changes_what_followed(script: str, without: list[str], with_it: list[str]) -> None:
    """… it is then as if it had never been (R-BACK-1)."""
    assert counts(script) == with_it
    assert counts(f"{script}\n10:00:00 takes back x") == without


# --- Left out: taken back -------------------------------------------------------------------------------------------


@table(
    ("sentence", "kpi"),
    [
        ("goes live, limit 60s", Kpi.UNANSWERED_LIVE_CONVERSATIONS),
        ("contact rates 4", Kpi.SATISFACTION_SCORE),
        ("contact leaves feedback", Kpi.FEEDBACK_COUNT),
        ("ends", Kpi.UNANSWERED_ENDED_CONVERSATIONS),
        ("action inactivity_message_sent", Kpi.INACTIVITY_ACTIONS),
        ("contact reaches order", Kpi.GOALS_REACHED),
        ("contact visits /thanks, goal order", Kpi.GOALS_REACHED),
        ("topics price", Kpi.CONVERSATION_TOPICS),
        ("pre-chat survey reason=order", Kpi.PRE_CHAT_SURVEY_RESULTS),
        ("post-chat survey happy=yes", Kpi.POST_CHAT_SURVEY_RESULTS),
    ],
)
def test_left_out_because_taken_back(sentence: str, kpi: Kpi) -> None:
    """What was taken back is left out by that rule, and by no other (R-BACK-1)."""
    script = f"09:00:00 {sentence} #x\n09:01:00 takes back x"
    assert left_out(script) == [f"#x {kpi.name.lower()}: the event was taken back"]


def test_nothing_left_out_where_nothing_was_countable() -> None:
    """Messages and assignments are not counted, so taking one back leaves nothing out (R-BACK-1)."""
    assert left_out("09:00:00 contact: message #x\n09:01:00 takes back x") == []


IDS = st.sampled_from([EventId(name) for name in "abcdef"])


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Logs in any order, half of retractions, which name what is there and what is not."""
    ids = draw(st.lists(IDS, unique=True, max_size=6))
    kinds = st.one_of(st.just(Rated(4)), IDS.map(Retracted))
    return [Event(name, Micros(draw(st.integers(0, 2))), 0, WidgetId("web"), draw(kinds)) for name in ids]


@given(logs(), st.sets(IDS, max_size=2))
def test_a_log_is_divided_without_loss(log: list[Event], awaited: set[EventId]) -> None:
    """Each ordinary event stands or was taken back, and what is awaited still has not arrived (R-BACK-3)."""
    stand, back, still = retract(log, awaited)
    ordinary = [event for event in log if not isinstance(event.kind, Retracted)]
    assert sorted([*stand, *back], key=log.index) == ordinary
    assert set(still).isdisjoint(event.event_id for event in log)
    assert {event.event_id for event in back} | set(still) <= taken_back(log, awaited)


@given(logs(), st.data())
def test_the_order_of_a_log_makes_no_difference(log: list[Event], data: st.DataObject) -> None:
    """Of retractions, it is that of the events which counts (R-BACK-2, R-BACK-4)."""
    assert taken_back(data.draw(st.permutations(log))) == taken_back(log)


@given(logs())
def test_a_retraction_stands_unless_one_that_stands_and_is_later_names_it(log: list[Event]) -> None:
    """The rule itself, one by one (R-BACK-4)."""
    effective = dict(effective_retractions(log))
    for event in log:
        if isinstance(event.kind, Retracted):
            later = [one for one in log if one.event_id in effective and one.order > event.order]
            named = any(effective[one.event_id] == event.event_id for one in later)
            assert (event.event_id in effective) is not named
