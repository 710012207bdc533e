"""docs/rules.md, rule by rule: each docstring says a rule and cites its id, and each input is a chat.

The rules of what is taken back stand in `test_retractions.py`, those of KPI 3 in `test_response_timer.py`. Facts read
"instant kpi [value] operator/group widget", with "-" for no group.
"""

from collections import Counter

import pytest

from telwerkd.domain.conversation.events import InactivityAction, Retracted
from telwerkd.domain.conversation.facts import FactChange, Rule
from telwerkd.domain.conversation.fold import carried, fold, follows
from telwerkd.domain.conversation.state import EMPTY
from tests import chats
from tests.chats import at, chat, net
from tests.domain.conversation.arriving import arrives_in_any_order, counts, held, left_out

param = pytest.param
table = pytest.mark.parametrize


# --- Arrival --------------------------------------------------------------------------------------------------------


LONG_CHATS = [
    param(
        """
        09:00:00 pre-chat survey reason=order size=big
        09:00:00 topics price
        09:00:01 anna assigned in sales
        09:00:02 topics delivery price
        09:00:10 goes live, limit 60s
        09:00:20 contact: message
        09:00:50 leaves live
        09:01:00 goes live, limit 30s on help
        09:01:30 bram assigned in support
        09:01:31 anna: message
        09:01:40 contact visits /thanks, goals order quote
        09:02:00 ends
        09:02:01 contact reaches order
        09:02:02 contact resumes
        09:02:02 action resumed_conversation_reassigned
        09:02:03 contact reaches order
        09:03:00 no topics
        09:03:01 contact rates 5
        09:04:00 unassigned
        09:04:01 contact rates 1
        """,
        id="the limit passes while live again",
    ),
    param(
        """
        09:00:00 anna assigned in sales
        09:00:00 goes live, limit 60s
        09:00:01 contact: message
        09:00:30 anna: message #answer
        09:00:40 topics price #price
        09:00:50 topics delivery
        09:01:00 ends #end
        09:02:00 contact rates 4
        09:03:00 takes back answer
        09:03:01 takes back price
        09:03:02 takes back end #undo
        09:03:03 takes back undo
        """,
        id="much is taken back",
    ),
    param(
        """
        09:00:00 anna assigned in sales
        09:00:01 takes back rating
        09:00:02 contact: message
        09:00:03 contact rates 4 #rating
        09:00:04 contact rates 5
        """,
        id="taken back in advance",
    ),
    param(
        """
        09:00:00 anna assigned in sales
        09:00:01 takes back later #earlier
        09:00:03 contact rates 4 #rating
        09:00:04 takes back rating #later
        09:00:05 contact rates 5
        """,
        id="a retraction stands against an earlier one",
    ),
]


@table("script", LONG_CHATS)
@table("now", ["09:00:30", "09:01:20", "09:01:30", "09:02:00", "24:00:00"])
def test_arrival_never_matters(script: str, now: str) -> None:
    """Arrival never matters: any arrival order and any batching lead to the same counts, and to the same state.

    R-ORDER-8.
    """
    arrives_in_any_order(chat(script), at(now))


@table("script", LONG_CHATS)
def test_a_base_state_stands_for_the_events_before_it(script: str) -> None:
    """counters == base facts + fold(base state, remaining events)

    What a later event takes back must still be among the remaining ones.

    R-KEEP-1.
    """
    events = sorted(chat(script), key=lambda e: e.order)
    whole, effects = fold(EMPTY, events, chats.END_OF_DAY)
    for cut in range(len(events) + 1):
        purged, remaining = events[:cut], events[cut:]
        taken_back = {e.kind.event_id for e in remaining if isinstance(e.kind, Retracted)}
        if taken_back & {e.event_id for e in purged}:
            continue
        base, of_base = fold(EMPTY, purged, at("00:00:00"))
        state, more = fold(base, remaining, chats.END_OF_DAY)
        assert state == whole
        # The base state carries on what is not final, and tells of it again: base facts are the others.
        assert Counter(net([*of_base, *more])) - Counter(net(carried(base))) == Counter(net(effects))


# --- Words: the order of events -------------------------------------------------------------------------------------


@table(
    ("first", "last"),
    [
        param("09:00:00 bram assigned seq 2 #b", "09:00:00.000001 anna assigned seq 1 #a", id="occur_time, to the µs"),
        param("09:00:00 bram assigned seq 1 #b", "09:00:00 anna assigned seq 2 #a", id="sequence before event_id"),
        param("09:00:00 bram assigned seq 9 #b", "09:00:00 anna assigned seq 10 #a", id="sequence is a number"),
        param("09:00:00 bram assigned #b", "09:00:00 anna assigned seq 1 #a", id="absent = 0: before 1"),
        param("09:00:00 bram assigned seq 0 #a", "09:00:00 anna assigned #b", id="absent = 0: the same as 0"),
        param("09:00:00 bram assigned #e10", "09:00:00 anna assigned #e9", id="bytes, not numbers"),
        param("09:00:00 bram assigned #B", "09:00:00 anna assigned #a", id="bytes, not words"),
        param("09:00:00 bram assigned #\uffee", "09:00:00 anna assigned #\U0001f600", id="UTF-8, not UTF-16"),
    ],
)
def test_order_of_events(first: str, last: str) -> None:
    """Events of a conversation are ordered by `(occur_time, sequence, rank, event_id)`; ids compare as UTF-8 bytes.

    R-ORDER-2, R-ORDER-3, R-ORDER-5.
    """
    for script in (f"{first}\n{last}", f"{last}\n{first}"):
        assert counts(f"{script}\n09:01:00 contact rates 4") == ["09:01:00 satisfaction_score 4 anna/- web"]


def test_sequence_goes_before_rank() -> None:
    """`sequence` is an optional producer-given number (absent = 0), `rank` follows from the kind (R-ORDER-3)."""
    assert counts("""
        09:00:00 contact rates 5
        09:00:00 anna assigned seq 1
        09:00:00 contact rates 4 seq 2
    """) == ["09:00:00 satisfaction_score 4 anna/- web"]


@table(
    ("rank", "sentence"),
    [
        (0, "goes live"),
        (0, "contact resumes"),
        (1, "contact: message"),
        (1, "anna: message"),
        (1, "bot: message"),
        (2, "contact rates 4"),
        (2, "contact leaves feedback"),
        (2, "action inactivity_message_sent"),
        (2, "contact reaches order"),
        (2, "contact visits /thanks"),
        (2, "topics price"),
        (2, "pre-chat survey reason=order"),
        (2, "post-chat survey happy=yes"),
        (3, "ends"),
        (4, "anna assigned"),
        (4, "unassigned"),
        (5, "leaves live"),
    ],
)
def test_ranks(rank: int, sentence: str) -> None:
    """Ranks at the same instant: went live and resumed 0, messages 1, counted events 2, ended 3,
    assigned and unassigned 4, left live 5.

    R-ORDER-4.
    """
    assert chat(f"09:00:00 {sentence}")[0].kind.rank == rank


def test_resumed_goes_before_what_is_counted() -> None:
    """Ranks at the same instant: … resumed 0, … counted events 2 (R-ORDER-4)."""
    assert counts("""
        09:00:00 anna assigned
        09:00:00 anna: message
        09:01:00 ends
        09:02:00 contact resumes #b
        09:02:00 contact reaches order #a
    """) == ["09:02:00 goals_reached order anna/- web"]


def test_went_live_goes_before_a_message() -> None:
    """Ranks at the same instant: went live … 0, messages 1 (R-ORDER-4)."""
    assert left_out("""
        09:00:00 contact: message
        09:01:00 goes live, limit 60s #b
        09:01:00 anna: message #a
    """) == ["#b unanswered_live_conversations: an operator answered within the limit"]


def test_a_message_goes_before_what_is_counted() -> None:
    """Ranks at the same instant: … messages 1, counted events 2 (R-ORDER-4)."""
    assert counts("""
        09:00:00 anna assigned
        09:01:00 contact: message #b
        09:01:00 contact reaches order #a
    """) == ["09:01:00 goals_reached order anna/- web"]


def test_what_is_counted_goes_before_the_end() -> None:
    """Ranks at the same instant: … counted events 2, … ended 3 (R-ORDER-4)."""
    assert counts("""
        09:00:00 anna assigned
        09:00:00 anna: message
        09:01:00 ends #a
        09:01:00 contact reaches order #b
    """) == ["09:01:00 goals_reached order anna/- web"]


def test_the_end_goes_before_a_reassignment() -> None:
    """Ranks at the same instant: … ended 3, assigned and unassigned 4 (R-ORDER-4)."""
    assert counts("""
        09:00:00 anna assigned
        09:01:00 bram assigned #a
        09:01:00 ends #b
    """) == ["09:01:00 unanswered_ended_conversations anna/- web"]


def test_the_end_goes_before_leaving_live() -> None:
    """Ranks at the same instant: … ended 3, … left live 5 (R-ORDER-4)."""
    script = """
        09:00:00 goes live, limit 60s #live
        09:00:00 contact: message
        09:00:30 leaves live #a
        09:00:30 ends #b
    """
    assert left_out(script) == ["#live unanswered_live_conversations: the conversation ended within the limit"]


def test_leaving_live_goes_last() -> None:
    """Ranks at the same instant: went live … 0, … left live 5 (R-ORDER-4)."""
    script = """
        09:00:00 contact: message
        09:01:00 goes live, limit 60s #b
        09:01:00 leaves live #a
    """
    assert counts(script) == []


@table(
    ("sentence", "fact"),
    [
        ("contact rates 4", "satisfaction_score 4"),
        ("contact leaves feedback", "feedback_count"),
        ("action live_conversation_reassigned", "inactivity_actions live_conversation_reassigned"),
        ("contact reaches order", "goals_reached order"),
        ("contact visits /thanks, goal order", "goals_reached order"),
        ("topics price", "conversation_topics price"),
        ("pre-chat survey reason=order", "pre_chat_survey_results reason=order"),
        ("post-chat survey happy=yes", "post_chat_survey_results happy=yes"),
    ],
)
@table(
    ("reassignment", "later"),
    [
        ("bram assigned in support", "bram/support"),
        ("nobody assigned in support", "nobody/support"),
        ("unassigned", "nobody/-"),
    ],
)
def test_reassignment_at_the_same_instant(sentence: str, fact: str, reassignment: str, later: str) -> None:
    """So something counted at the instant of a reassignment belongs to the operator before it (R-ORDER-7)."""
    script = f"""
        09:00:00 anna assigned in sales
        09:00:00 contact: message
        09:01:00 {reassignment} #a
        09:01:00 {sentence} #b
        09:02:00 action new_conversation_unassigned
    """
    assert counts(script) == [
        f"09:01:00 {fact} anna/sales web",
        f"09:02:00 inactivity_actions new_conversation_unassigned {later} web",
    ]


# --- Words: facts ---------------------------------------------------------------------------------------------------


def test_operator_and_group_just_before() -> None:
    """Operator and group are those assigned *just before* the event that is counted (R-FACT-2)."""
    assert counts("""
        09:00:00 anna assigned in sales
        09:00:01 contact rates 1
        09:00:02 bram assigned in support
        09:00:03 contact rates 2
        09:00:04 cleo assigned in sales
    """) == [
        "09:00:01 satisfaction_score 1 anna/sales web",
        "09:00:03 satisfaction_score 2 bram/support web",
    ]


def test_one_operator_in_several_groups() -> None:
    """A fact carries the group the conversation had at that instant, never the operator's membership list.

    R-FACT-6.
    """
    assert counts("""
        09:00:00 anna assigned in sales
        09:00:01 contact rates 1
        09:00:02 anna assigned in support
        09:00:03 contact rates 2
    """) == [
        "09:00:01 satisfaction_score 1 anna/sales web",
        "09:00:03 satisfaction_score 2 anna/support web",
    ]


def test_nobody_is_a_value_of_its_own() -> None:
    """ "nobody" is a value of its own and is never dropped from a total (R-FACT-3)."""
    assert counts("""
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:01:10 action new_conversation_unassigned
        09:01:20 action resumed_conversation_not_reassigned
        09:01:30 topics price
        09:01:40 pre-chat survey reason=order
        09:01:50 post-chat survey happy=yes
        09:02:00 ends
    """) == [
        "09:01:00 unanswered_live_conversations nobody/- web",
        "09:01:10 inactivity_actions new_conversation_unassigned nobody/- web",
        "09:01:20 inactivity_actions resumed_conversation_not_reassigned nobody/- web",
        "09:01:20 offline_assignments no_operator_available nobody/- web",
        "09:01:30 conversation_topics price nobody/- web",
        "09:01:40 pre_chat_survey_results reason=order nobody/- web",
        "09:01:50 post_chat_survey_results happy=yes nobody/- web",
        "09:02:00 unanswered_ended_conversations nobody/- web",
    ]


def test_the_widget_is_the_events_own() -> None:
    """The widget is the counted event's own … (R-FACT-4)"""
    assert counts("""
        09:00:00 anna assigned on shop
        09:00:00 topics price on blog
        09:00:00 contact: message on shop
        09:00:01 contact rates 4 on help
        09:00:02 contact rates 5
    """) == [
        "09:00:00 conversation_topics price nobody/- blog",
        "09:00:01 satisfaction_score 4 anna/- help",
        "09:00:02 satisfaction_score 5 anna/- web",
    ]


def test_the_widget_of_a_timer() -> None:
    """… a timer's is that of its went-live event (R-FACT-5)."""
    assert counts("""
        09:00:00 goes live, limit 60s on shop
        09:00:10 goes live, limit 60s on blog
        09:00:20 contact: message on help
        09:00:30 anna assigned on help
    """) == ["09:01:20 unanswered_live_conversations anna/- shop"]


# --- Assignment -----------------------------------------------------------------------------------------------------


@table(
    ("assignments", "who"),
    [
        param(["anna assigned in sales"], "anna/sales", id="both"),
        param(["bram assigned in support", "anna assigned"], "anna/-", id="the group was left out"),
        param(["bram assigned in support", "nobody assigned in sales"], "nobody/sales", id="the operator was left out"),
        param(["bram assigned in support", "nobody assigned"], "nobody/-", id="both were left out"),
    ],
)
def test_assignment_states_both(assignments: list[str], who: str) -> None:
    """An assignment event states operator and group together; what it leaves out becomes nobody (R-ASSIGN-1)."""
    script = "\n".join(f"09:00:0{n} {assignment}" for n, assignment in enumerate(assignments))
    script += "\n09:01:00 post-chat survey happy=yes"
    assert counts(script) == [f"09:01:00 post_chat_survey_results happy=yes {who} web"]


@table(
    ("unassigned", "who"),
    [
        ("unassigned", "nobody/-"),
        ("unassigned, stays in sales", "nobody/sales"),
        ("unassigned, stays in b", "nobody/b"),
    ],
)
def test_unassigned(unassigned: str, who: str) -> None:
    """Unassigned clears both, unless it names a group (R-ASSIGN-2)."""
    script = f"""
        09:00:00 anna assigned in sales
        09:00:30 {unassigned}
        09:01:00 post-chat survey happy=yes
        09:02:00 contact rates 4
    """
    assert counts(script) == [f"09:01:00 post_chat_survey_results happy=yes {who} web"]


@table("what", ["contact rates 4", "contact leaves feedback", "contact reaches order"])
def test_a_group_alone_is_not_an_operator(what: str) -> None:
    """A group alone is not "an operator" (R-ASSIGN-3)."""
    script = """
        09:00:00 contact: message
        09:00:00 nobody assigned in sales
        09:01:00 {}
    """
    assert counts(script.format(what)) == []
    assert [rule.rpartition(": ")[2] for rule in left_out(script.format(what))] == [Rule.NO_OPERATOR.value]


def test_a_bot_is_assigned_as_no_operator() -> None:
    """A bot is assigned as no operator; a bot or an automation is not an operator (R-ASSIGN-4)."""
    script = """
        09:00:00 anna assigned in sales
        09:00:30 nobody assigned in bots
        09:00:31 bot: message
        09:01:00 contact rates 4
        09:02:00 ends
    """
    assert counts(script) == ["09:02:00 unanswered_ended_conversations nobody/bots web"]


def test_ended_and_resumed_keep_the_assignment() -> None:
    """Ended and resumed never change the assignment (R-ASSIGN-5)."""
    assert counts("""
        09:00:00 anna assigned in sales
        09:00:00 anna: message
        09:01:00 ends
        09:01:01 contact rates 4
        09:02:00 contact resumes
        09:02:01 contact rates 5
    """) == [
        "09:01:01 satisfaction_score 4 anna/sales web",
        "09:02:01 satisfaction_score 5 anna/sales web",
    ]


# --- Messages -------------------------------------------------------------------------------------------------------


@table("sender", ["contact", "anna", "bot"])
def test_any_message_starts_the_conversation(sender: str) -> None:
    """Any message, by contact, operator or bot, starts the conversation, and it appears in the message centre.

    R-MSG-1.
    """
    script = f"""
        09:00:00 anna assigned
        09:00:10 pre-chat survey reason=order
        09:00:20 topics price
        09:00:30 contact reaches order
        09:01:00 {sender}: message
        09:01:30 contact reaches quote
    """
    assert counts(script) == [
        "09:00:10 pre_chat_survey_results reason=order anna/- web",
        "09:00:20 conversation_topics price anna/- web",
        "09:01:30 goals_reached quote anna/- web",
    ]


@table(
    ("message", "answers"),
    [("contact: message", False), ("bot: message", False), ("anna: message", True)],
)
def test_only_an_operators_message_answers(message: str, answers: bool) -> None:  # noqa: FBT001 - a table's column
    """Only an operator's message answers (3, 4) … (R-MSG-2)"""
    script = f"""
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:00:30 {message}
        09:02:00 ends
    """
    unanswered = [
        "09:01:00 unanswered_live_conversations nobody/- web",
        "09:02:00 unanswered_ended_conversations nobody/- web",
    ]
    assert counts(script) == ([] if answers else unanswered)


@table("proactive", ["08:59:00 anna: message", "09:00:00 anna: message", "09:00:10 anna: message"])
def test_a_proactive_message_answers(proactive: str) -> None:
    """… a proactive one too (R-MSG-3)."""
    script = f"""
        {proactive}
        09:00:00 goes live, limit 60s
        09:00:20 contact: message
        09:02:00 ends
    """
    assert counts(script) == []


def test_the_inactivity_message_is_not_a_message() -> None:
    """The inactivity message of action 4 is not a message (R-MSG-4)."""
    script = """
        09:00:00 anna assigned
        09:00:05 pre-chat survey reason=order
        09:00:10 action inactivity_message_sent
        09:00:20 contact reaches order
        09:01:00 ends
    """
    assert counts(script) == [
        "09:00:10 inactivity_actions inactivity_message_sent anna/- web",
        "09:01:00 unanswered_ended_conversations anna/- web",
    ]
    assert held(script) == ["09:00:05 pre_chat_survey_results reason=order anna/- web"]


def test_the_inactivity_message_stops_no_limit() -> None:
    """The inactivity message of action 4 is not a message: only an operator's message answers (R-MSG-4)."""
    script = """
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:00:30 action inactivity_message_sent
    """
    assert counts(script, "unanswered") == ["09:01:00 unanswered_live_conversations nobody/- web"]


# --- 1 and 2: ratings and feedback ----------------------------------------------------------------------------------


def test_satisfaction_score() -> None:
    """A contact rates; several ratings of one conversation all count; the value is the stars (R-KPI1-1)."""
    assert counts("""
        09:00:00 anna assigned in sales
        09:01:00 contact rates 1
        09:02:00 contact rates 5
        09:03:00 contact rates 5
        09:03:00 contact rates 5
    """) == [
        "09:01:00 satisfaction_score 1 anna/sales web",
        "09:02:00 satisfaction_score 5 anna/sales web",
        "09:03:00 satisfaction_score 5 anna/sales web",
        "09:03:00 satisfaction_score 5 anna/sales web",
    ]


def test_feedback_count() -> None:
    """A contact leaves feedback; several per conversation all count (R-KPI2-1)."""
    assert counts("""
        09:00:00 anna assigned in sales
        09:01:00 contact leaves feedback
        09:02:00 contact leaves feedback
    """) == ["09:01:00 feedback_count anna/sales web", "09:02:00 feedback_count anna/sales web"]


@table(("what", "kpi"), [("contact rates 4", "satisfaction_score"), ("contact leaves feedback", "feedback_count")])
def test_not_without_an_operator(what: str, kpi: str) -> None:
    """Not counted: no operator is assigned at that instant (R-KPI1-2, R-KPI2-2)."""
    script = f"""
        09:00:00 {what} #before
        09:01:00 anna assigned in sales
        09:02:00 {what} #during
        09:03:00 unassigned, stays in sales
        09:04:00 {what} #after
    """
    assert [fact.split()[:2] for fact in counts(script)] == [["09:02:00", kpi]]
    assert left_out(script) == [
        f"#after {kpi}: no operator was assigned",
        f"#before {kpi}: no operator was assigned",
    ]


# --- 4: unanswered ended conversations ------------------------------------------------------------------------------


@table("before", ["", "09:00:10 contact: message", "09:00:10 bot: message", "09:00:10 goes live, limit 60s"])
def test_unanswered_ended_conversations(before: str) -> None:
    """A conversation is set to ended and no operator has ever sent a message in it (R-KPI4-1)."""
    script = f"""
        09:00:00 anna assigned in sales
        {before}
        09:01:00 ends
    """
    assert counts(script) == ["09:01:00 unanswered_ended_conversations anna/sales web"]


@table("answer", ["08:00:00 anna: message", "09:01:00 anna: message"])
def test_answered_ended_conversations(answer: str) -> None:
    """… no operator has *ever* sent a message in it; at the instant of the end is in time, by the ranks (R-KPI4-1)."""
    script = f"""
        09:00:00 contact: message
        {answer}
        09:01:00 ends #end
    """
    assert counts(script) == []
    assert left_out(script) == ["#end unanswered_ended_conversations: an operator had sent a message"]


@table("between", ["", "09:01:30 contact resumes"])
def test_at_most_one_unanswered_ended(between: str) -> None:
    """At most once per conversation (R-KPI4-2)."""
    script = f"""
        09:00:00 contact: message
        09:01:00 ends
        {between}
        09:02:00 ends #again
    """
    assert counts(script) == ["09:01:00 unanswered_ended_conversations nobody/- web"]
    assert left_out(script) == ["#again unanswered_ended_conversations: the conversation was counted before"]


# --- 5 and 6: inactivity actions ------------------------------------------------------------------------------------

ACTIONS = [
    (1, "new_conversation_unassigned", None),
    (2, "new_conversation_reassigned", None),
    (3, "new_conversation_not_reassigned", None),
    (4, "inactivity_message_sent", None),
    (5, "live_conversation_reassigned", None),
    (6, "live_conversation_not_reassigned", None),
    (7, "resumed_conversation_reassigned", "assigned"),
    (8, "resumed_conversation_not_reassigned", "no_operator_available"),
]


@table(("number", "action", "offline"), ACTIONS)
@table(("assigned", "who"), [("anna assigned in sales", "anna/sales"), ("unassigned", "nobody/-")])
def test_each_action_counts(number: int, action: str, offline: str | None, assigned: str, who: str) -> None:
    """5: one of the eight actions fires or fails; 6: action 7 (`assigned`) or 8 (`no_operator_available`).

    R-KPI5-1, R-KPI6-1.
    """
    script = f"""
        09:00:00 {assigned}
        09:01:00 action {action}
    """
    of_offline = [f"09:01:00 offline_assignments {offline} {who} web"] if offline else []
    assert counts(script) == [f"09:01:00 inactivity_actions {action} {who} web", *of_offline]
    assert InactivityAction[action.upper()] == number


def test_there_are_eight_actions() -> None:
    """The eight inactivity actions (R-KPI5-2)."""
    assert [(a.value, a.name.lower()) for a in InactivityAction] == [(number, name) for number, name, _ in ACTIONS]


def test_every_action_counts() -> None:
    """5: … another took over (also when 4 fired before); nothing is counted at most once here (R-KPI5-1)."""
    assert counts("""
        09:00:00 anna assigned
        09:01:00 action inactivity_message_sent
        09:02:00 action live_conversation_reassigned
        09:03:00 action live_conversation_reassigned
    """) == [
        "09:01:00 inactivity_actions inactivity_message_sent anna/- web",
        "09:02:00 inactivity_actions live_conversation_reassigned anna/- web",
        "09:03:00 inactivity_actions live_conversation_reassigned anna/- web",
    ]


@table("action", [action for _, action, _ in ACTIONS])
def test_an_action_does_not_change_who_is_assigned(action: str) -> None:
    """An action does not itself change who is assigned: the platform sends its own assignment event (R-KPI5-4)."""
    script = f"""
        09:00:00 anna assigned in sales
        09:01:00 action {action}
        09:02:00 contact rates 4
        09:03:00 bram assigned in support
        09:04:00 contact rates 5
    """
    assert counts(script, "satisfaction") == [
        "09:02:00 satisfaction_score 4 anna/sales web",
        "09:04:00 satisfaction_score 5 bram/support web",
    ]


# --- 7: goals -------------------------------------------------------------------------------------------------------


@table(
    ("what", "goals"),
    [
        param("contact reaches order", ["order"], id="as its producer matched it"),
        param("contact visits /thanks, goal order", ["order"], id="visits the URL"),
        param("contact visits /thanks, goals order quote", ["order", "quote"], id="a URL of two goals"),
        param("contact visits /thanks", [], id="a URL of none"),
    ],
)
def test_goals_reached(what: str, goals: list[str]) -> None:
    """A contact reaches a goal: visits the URL defined for it on the widget; the value is the goal.

    R-KPI7-1, R-KPI7-2.
    """
    script = f"""
        09:00:00 anna assigned in sales
        09:00:00 contact: message
        09:01:00 {what} #visit
    """
    assert counts(script) == [f"09:01:00 goals_reached {goal} anna/sales web" for goal in goals]
    no_match = ["#visit goals_reached: the page matches no goal of the widget"]
    assert left_out(script) == ([] if goals else no_match)


def test_every_reach_counts() -> None:
    """Every reach counts (R-KPI7-1)."""
    assert counts("""
        09:00:00 anna assigned
        09:00:00 contact: message
        09:01:00 contact reaches order
        09:02:00 contact reaches order
        09:02:00 contact visits /thanks, goal order
    """) == [
        "09:01:00 goals_reached order anna/- web",
        "09:02:00 goals_reached order anna/- web",
        "09:02:00 goals_reached order anna/- web",
    ]


@table("reach", ["contact reaches order", "contact visits /thanks, goals order quote"])
@table(
    ("before", "rule"),
    [
        param(["contact: message"], Rule.NO_OPERATOR, id="no operator is assigned"),
        param(["contact: message", "anna assigned", "unassigned"], Rule.NO_OPERATOR, id="not any more"),
        param(["anna assigned"], Rule.NO_MESSAGE, id="no message has been sent yet"),
        param(
            ["anna assigned", "anna: message", "ends"], Rule.BETWEEN_END_AND_RESUMPTION, id="between end and resumption"
        ),
        param(
            ["anna assigned", "anna: message", "ends", "contact: message", "goes live"],
            Rule.BETWEEN_END_AND_RESUMPTION,
            id="neither a message nor going live is a resumption",
        ),
    ],
)
def test_goals_not_counted(before: list[str], rule: Rule, reach: str) -> None:
    """No operator is assigned, or no message has been sent yet; nor between its end and its resumption.

    R-KPI7-3, R-KPI7-4, R-KPI7-5.
    """
    script = "\n".join(f"09:00:0{n} {what}" for n, what in enumerate(before)) + f"\n09:01:00 {reach} #reach"
    assert counts(script, "goals") == []
    assert left_out(script, "#reach") == [f"#reach goals_reached: {rule.value}"]


def test_goals_are_not_held_back() -> None:
    """Not counted: … no message has been sent yet in the conversation; a later message does not change that.

    R-KPI7-4.
    """
    script = """
        09:00:00 anna assigned
        09:00:10 contact reaches order
        09:00:20 contact: message
    """
    assert counts(script) == []


@table("live", ["", "09:00:10 goes live", "09:00:10 goes live\n09:00:20 leaves live"])
def test_goals_need_not_be_live(live: str) -> None:
    """It need not be live (R-KPI7-6)."""
    script = f"09:00:00 anna assigned\n09:00:00 bot: message\n{live}\n09:01:00 contact reaches order"
    assert counts(script) == ["09:01:00 goals_reached order anna/- web"]


def test_goals_after_each_resumption() -> None:
    """Nor between its end and its resumption, however often (R-KPI7-5)."""
    script = """
        09:00:00 anna assigned
        09:00:00 anna: message
        09:01:00 ends
        09:02:00 contact resumes
        09:02:30 contact reaches first
        09:03:00 ends
        09:03:30 contact reaches second
        09:04:00 contact resumes
        09:04:00 contact reaches third
    """
    assert counts(script) == ["09:02:30 goals_reached first anna/- web", "09:04:00 goals_reached third anna/- web"]


# --- 8: topics ------------------------------------------------------------------------------------------------------


def topics(*tags: str, message: str = "08:00:00 contact: message") -> str:
    """A chat that is tagged once a minute, from 09:01:00."""
    return "\n".join(["09:00:00 anna assigned", message, *(f"09:0{n}:00 {tag}" for n, tag in enumerate(tags, start=1))])


@table(
    ("tags", "fact"),
    [
        param(["topics price"], ["09:01:00 conversation_topics price"], id="one topic"),
        param(["topics price delivery"], ["09:01:00 conversation_topics delivery+price"], id="a set of topics"),
        param(["topics price", "topics delivery"], ["09:02:00 conversation_topics delivery"], id="replaced"),
        param(
            ["topics price", "topics price delivery"], ["09:02:00 conversation_topics delivery+price"], id="enlarged"
        ),
        param(["topics price", "no topics"], [], id="emptied"),
        param(["no topics"], [], id="empty from the first"),
        param(["topics price", "no topics", "topics price"], ["09:03:00 conversation_topics price"], id="set anew"),
        param(["topics price", "topics price"], ["09:01:00 conversation_topics price"], id="equal"),
        param(["topics a b", "topics b a", "topics b a b"], ["09:01:00 conversation_topics a+b"], id="equal as a set"),
        param(["topics a", "topics b", "topics a"], ["09:03:00 conversation_topics a"], id="equal to one before"),
    ],
)
@table("message", ["08:00:00 contact: message", "09:01:30 contact: message", "09:09:00 contact: message"])
def test_conversation_topics(tags: list[str], fact: list[str], message: str) -> None:
    """Newly assigned topics replace the earlier ones; an empty set takes back; an equal set again changes nothing.

    It does not matter when the conversation's first message was: held back until there is one, then counted at the
    instant of tagging.

    R-KPI8-1, R-KPI8-2, R-KPI8-3.
    """
    assert counts(topics(*tags, message=message)) == [f"{f} anna/- web" for f in fact]


@table(
    ("tags", "why"),
    [
        (["topics a", "topics a #again"], "#again conversation_topics: an equal set of topics was set before"),
        (["no topics #none"], "#none conversation_topics: the set of topics is empty"),
        (["topics a", "no topics", "no topics #none"], "#none conversation_topics: the set of topics is empty"),
    ],
)
@table("message", ["08:00:00 contact: message", ""])
def test_topics_left_out(tags: list[str], why: str, message: str) -> None:
    """An empty set takes back and counts nothing; setting an equal set again changes nothing (R-KPI8-3, R-KPI8-4)."""
    assert left_out(topics(*tags, message=message)) == [why]


def test_an_equal_set_keeps_its_operator_and_widget() -> None:
    """Setting an equal set again changes nothing (R-KPI8-4)."""
    assert counts("""
        09:00:00 contact: message
        09:00:00 anna assigned
        09:01:00 topics price
        09:02:00 bram assigned
        09:03:00 topics price on shop
    """) == ["09:01:00 conversation_topics price anna/- web"]


def test_topics_are_taken_back_where_they_were_counted() -> None:
    """The earlier fact is taken back *at the instant where it was counted*, the new one counted at its own.

    R-KPI8-2.
    """
    script = """
        09:00:00 contact: message
        09:00:00 anna assigned
        09:01:00 topics price on shop
        09:02:00 bram assigned
        09:03:00 topics delivery
    """
    _, effects = fold(EMPTY, chat(script), at("24:00:00"))
    changes = [(e.change.value, chats.readable(e.fact)) for e in effects if isinstance(e, FactChange)]
    assert changes == [
        ("counted", "09:01:00 conversation_topics price anna/- shop"),
        ("taken back", "09:01:00 conversation_topics price anna/- shop"),
        ("counted", "09:03:00 conversation_topics delivery bram/- web"),
    ]


@table(
    ("tags", "fact"),
    [
        param(["topics price"], ["09:01:00 conversation_topics price anna/- web"], id="held back"),
        param(["topics price", "topics a b"], ["09:02:00 conversation_topics a+b anna/- web"], id="replaced"),
        param(["topics price", "topics price"], ["09:01:00 conversation_topics price anna/- web"], id="equal"),
        param(["topics price", "no topics"], [], id="emptied"),
    ],
)
def test_topics_before_the_first_message(tags: list[str], fact: list[str]) -> None:
    """Before the conversation's first message: held back until there is one, then counted at the instant of tagging.

    R-KPI8-5.
    """
    before = topics(*tags, message="")
    assert counts(before) == []
    assert held(before) == fact
    after = topics(*tags, message="09:30:00 contact: message\n09:31:00 bot: message")
    assert counts(after) == fact
    assert held(after) == []


def test_released_topics_go_to_whoever_was_assigned_then() -> None:
    """… then counted at the instant of tagging (R-KPI8-5)."""
    assert counts("""
        09:00:00 anna assigned
        09:01:00 topics price on shop
        09:02:00 bram assigned
        09:03:00 contact: message
    """) == ["09:01:00 conversation_topics price anna/- shop"]


@table("around", ["09:00:30 ends", "09:00:30 unassigned", "09:00:30 leaves live"])
def test_topics_count_always_else(around: str) -> None:
    """8: not counted only before the conversation's first message (R-KPI8-6)."""
    script = f"09:00:00 anna: message\n{around}\n09:01:00 topics price"
    assert counts(script, "topics") == ["09:01:00 conversation_topics price nobody/- web"]


# --- 9 and 10: surveys ----------------------------------------------------------------------------------------------


@table("survey", ["pre", "post"])
def test_survey_results(survey: str) -> None:
    """A contact completes or answers the survey, one fact per answer; (question, chosen option); ids.

    R-KPI9-1, R-KPI10-1.
    """
    script = f"""
        09:00:00 contact: message
        09:00:00 anna assigned in sales
        09:01:00 {survey}-chat survey reason=order size=big reason=return
        09:02:00 {survey}-chat survey reason=order
    """
    kpi = f"{survey}_chat_survey_results"
    assert counts(script) == [
        f"09:01:00 {kpi} reason=order anna/sales web",
        f"09:01:00 {kpi} reason=return anna/sales web",
        f"09:01:00 {kpi} size=big anna/sales web",
        f"09:02:00 {kpi} reason=order anna/sales web",
    ]


def test_pre_chat_survey_is_held_back() -> None:
    """Until its first message: held back, then counted at the instant of completion (R-KPI9-2)."""
    before = """
        09:00:00 anna assigned
        09:01:00 pre-chat survey reason=order size=big on shop
        09:02:00 pre-chat survey reason=return
        09:03:00 bram assigned
    """
    waiting = [
        "09:01:00 pre_chat_survey_results reason=order anna/- shop",
        "09:01:00 pre_chat_survey_results size=big anna/- shop",
        "09:02:00 pre_chat_survey_results reason=return anna/- web",
    ]
    assert counts(before) == []
    assert held(before) == waiting
    after = f"{before}\n10:00:00 bot: message\n10:01:00 bot: message"
    assert counts(after) == waiting
    assert held(after) == []


@table("around", ["09:00:30 anna assigned\n09:00:40 unassigned", "09:00:30 ends", ""])
def test_post_chat_survey_counts_always(around: str) -> None:
    """10: a contact answers the post-chat survey; nothing is left out, and nothing waits for a message (R-KPI10-2)."""
    script = f"{around}\n09:01:00 post-chat survey happy=yes"
    assert counts(script, "post_chat") == ["09:01:00 post_chat_survey_results happy=yes nobody/- web"]
    assert held(script) == []


# --- Frozen and revisable -------------------------------------------------------------------------------------------


@table(
    "later", ["10:00:00 anna: message", "10:00:00 contact resumes", "10:00:00 contact resumes\n10:00:01 anna: message"]
)
def test_frozen(later: str) -> None:
    """Frozen: 3 and 4. A later operator message, or a contact who resumes, does not take the count back.

    A conversation may be counted in both.

    R-FROZEN-1, R-FROZEN-2.
    """
    script = f"""
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:02:00 ends
        {later}
    """
    assert counts(script) == [
        "09:01:00 unanswered_live_conversations nobody/- web",
        "09:02:00 unanswered_ended_conversations nobody/- web",
    ]


@table(
    ("script", "late", "before", "after"),
    [
        param(
            "09:00:00 goes live, limit 60s\n09:00:00 contact: message",
            "09:00:30 anna: message",
            ["09:01:00 unanswered_live_conversations nobody/- web"],
            [],
            id="3: an answer",
        ),
        param(
            "09:00:00 goes live, limit 60s\n09:00:00 contact: message",
            "09:01:00 bram assigned",
            ["09:01:00 unanswered_live_conversations nobody/- web"],
            ["09:01:00 unanswered_live_conversations bram/- web"],
            id="3: another operator",
        ),
        param(
            "09:02:00 ends",
            "09:01:00 anna: message",
            ["09:02:00 unanswered_ended_conversations nobody/- web"],
            [],
            id="4: an answer",
        ),
        param(
            "09:02:00 ends",
            "09:01:00 ends",
            ["09:02:00 unanswered_ended_conversations nobody/- web"],
            ["09:01:00 unanswered_ended_conversations nobody/- web"],
            id="4: an earlier end",
        ),
        param(
            "09:02:00 contact rates 4",
            "09:01:00 anna assigned",
            [],
            ["09:02:00 satisfaction_score 4 anna/- web"],
            id="1: an operator",
        ),
        param(
            "09:00:00 contact: message\n09:02:00 topics a",
            "09:01:00 topics a",
            ["09:02:00 conversation_topics a nobody/- web"],
            ["09:01:00 conversation_topics a nobody/- web"],
            id="8: equal topics, earlier",
        ),
        param(
            "09:00:00 contact: message\n09:02:00 topics a",
            "09:01:00 topics b",
            ["09:02:00 conversation_topics a nobody/- web"],
            ["09:02:00 conversation_topics a nobody/- web"],
            id="8: other topics, earlier",
        ),
        param(
            "09:00:00 anna assigned\n09:02:00 contact reaches order",
            "09:01:00 contact: message",
            [],
            ["09:02:00 goals_reached order anna/- web"],
            id="7: a message",
        ),
    ],
)
def test_an_earlier_event_that_arrives_late(script: str, late: str, before: list[str], after: list[str]) -> None:
    """An event that happened *earlier* but arrives late corrects the count, whatever the KPI (R-FROZEN-4)."""
    assert counts(script) == before
    assert counts(f"{script}\n{late}") == after
    state, _ = fold(EMPTY, chat(script), at("24:00:00"))
    assert not follows(state, chat(late))
