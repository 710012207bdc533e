"""Part two of docs/rules.md, KPI 11 to 20, rule by rule: each docstring is the rule, each chat a case of it.

What is read is only the KPIs that a test is about: "messages" alone would otherwise stand in every one.
"""

import pytest

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.part_two import as_part_two
from telwerkd.domain.conversation.state import CURRENT_RULES, EMPTY, empty
from tests.chats import END_OF_DAY, at, chat, facts, left_out

NOTHING_YET = empty(CURRENT_RULES)
DURATIONS = ("first_response_time", "response_time", "live_session_duration", "conversation_duration")


def counts(script: str | list[Event], *kpis: str) -> list[str]:
    """The facts of these KPIs, by instant."""
    found = facts(chat(script) if isinstance(script, str) else script, base=NOTHING_YET)
    return [fact for fact in found if fact.split()[1] in kpis]


def why_not(script: str, *kpis: str) -> list[str]:
    """What is left out of these KPIs, and why."""
    return [each for each in left_out(chat(script), base=NOTHING_YET) if each.split()[1].rstrip(":") in kpis]


def instants(script: str, kpi: str) -> list[str]:
    return [fact.split()[0] for fact in counts(script, kpi)]


# --- the version of the rules ---------------------------------------------------------------------------------------


def test_conversations_by_earlier_rules_have_no_part_two() -> None:
    """A conversation that is counted by the rules of part one has the facts of part one alone (R-ANEW-1)."""
    everything = chat("""
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:00:05 anna assigned in sales
        09:00:09 bram assigned in sales
        09:00:10 bram: message
        09:00:20 ends
    """)
    part_two = {kpi.name.lower() for kpi in Kpi if kpi > Kpi.POST_CHAT_SURVEY_RESULTS}
    assert {fact.split()[1] for fact in facts(everything, base=NOTHING_YET)} == part_two
    assert facts(everything, base=EMPTY) == []
    assert not [each for each in left_out(everything, base=EMPTY) if each.split()[1].rstrip(":") in part_two]


# --- words ----------------------------------------------------------------------------------------------------------


def test_a_duration_is_whole_milliseconds() -> None:
    """The microseconds between two events, divided by 1,000 and rounded down; 0 counts (R-TIME-1)."""
    assert counts(
        """
        09:00:00 contact: message
        09:00:00.000999 anna: message
        09:00:01.000001 contact: message
        09:00:02.001000 anna: message
        09:00:03 contact: message
        09:00:03 bram: message
        """,
        "response_time",
    ) == [
        "09:00:00.000999 response_time 0 nobody/- web",
        "09:00:02.001000 response_time 1000 nobody/- web",
        "09:00:03 response_time 0 nobody/- web",
    ]


def test_an_episode_begins_with_the_first_message_while_not_ended() -> None:
    """The start, or the first message since the resumption; what comes while ended belongs to none (R-TIME-2)."""
    assert counts(
        """
        09:00:00 contact: message
        09:00:10 anna: message
        09:01:00 ends
        09:02:00 contact: message
        09:03:00 anna: message
        09:04:00 contact resumes
        09:05:00 contact: message
        09:05:30 anna: message
        09:06:00 ends
        """,
        "conversation_duration",
    ) == [
        "09:01:00 conversation_duration 60000 nobody/- web",
        "09:06:00 conversation_duration 60000 nobody/- web",
    ]


def test_a_start_while_ended_begins_no_episode() -> None:
    """A first message that comes while the conversation has ended starts it, and belongs to no episode (R-TIME-2)."""
    script = """
        09:00:00 ends
        09:01:00 anna: message
        09:02:00 contact resumes
        09:03:00 ends
    """
    assert counts(script, "conversations_started", "conversation_duration") == [
        "09:01:00 conversations_started operator nobody/- web"
    ]


def test_a_live_stretch_goes_from_going_live_to_leaving_live_or_ending() -> None:
    """Going live while live is ignored; the end, an "ended" while ended too, ends being live (R-TIME-3)."""
    assert counts(
        """
        09:00:00 goes live
        09:00:05 goes live
        09:00:10 leaves live
        09:01:00 goes live
        09:01:01 ends
        09:02:00 goes live
        09:02:07 ends
        09:02:09 leaves live
        """,
        "live_session_duration",
    ) == [
        "09:00:10 live_session_duration 10000 nobody/- web",
        "09:01:01 live_session_duration 1000 nobody/- web",
        "09:02:07 live_session_duration 7000 nobody/- web",
    ]


def test_leaving_and_going_live_at_one_instant_need_a_sequence() -> None:
    """By the ranks alone going live comes first, and is ignored (R-TIME-3)."""
    lengths = []
    for sequence in (0, 1):
        script = f"""
            09:00:00 goes live
            09:00:10 leaves live
            09:00:10 goes live seq {sequence}
            09:00:15 leaves live
        """
        lengths.append([fact.split()[2] for fact in counts(script, "live_session_duration")])
    assert lengths == [["10000"], ["10000", "5000"]]


def test_a_wait_goes_from_the_contact_to_an_operator() -> None:
    """From the first contact message since the last operator message to the next; a bot's are ignored (R-TIME-4)."""
    assert counts(
        """
        09:00:00 bot: message
        09:00:10 contact: message
        09:00:15 bot: message
        09:00:20 contact: message
        09:00:30 anna: message
        09:00:40 anna: message
        09:00:41 bot: message
        09:01:00 contact: message
        09:01:05 anna: message
        """,
        "response_time",
    ) == [
        "09:00:30 response_time 20000 nobody/- web",
        "09:01:05 response_time 5000 nobody/- web",
    ]


def test_the_end_closes_an_open_wait() -> None:
    """Without a fact; a later contact message begins another, also while ended (R-TIME-5, R-KPI15-2)."""
    script = """
        09:00:00 contact: message
        09:01:00 ends #the-end
        09:02:00 anna: message
        09:03:00 contact: message
        09:03:30 anna: message
    """
    assert counts(script, "response_time") == ["09:03:30 response_time 30000 nobody/- web"]
    ended = "#the-end response_time: the conversation ended before an operator answered"
    assert ended in why_not(script, "response_time")


def test_ended_while_ended_and_resumed_while_not_change_nothing() -> None:
    """Neither a wait nor an episode ends or begins with them, and neither counts (R-TIME-6, R-KPI12-3)."""
    script = """
        09:00:00 contact: message
        09:00:10 contact resumes
        09:00:20 anna: message
        09:00:30 contact resumes
        09:01:00 ends
        09:02:00 contact: message
        09:02:30 ends #again
        09:03:00 anna: message
        09:04:00 contact resumes
        09:05:00 contact: message
        09:05:01 contact resumes
        09:05:30 anna: message
        09:06:00 ends
    """
    assert counts(script, "response_time", "conversation_duration", "conversations_ended") == [
        "09:00:20 response_time 20000 nobody/- web",
        "09:01:00 conversation_duration 60000 nobody/- web",
        "09:01:00 conversations_ended first nobody/- web",
        "09:03:00 response_time 60000 nobody/- web",
        "09:05:30 response_time 30000 nobody/- web",
        "09:06:00 conversation_duration 60000 nobody/- web",
        "09:06:00 conversations_ended again nobody/- web",
    ]
    assert why_not(script, "conversations_ended") == [
        "#again conversations_ended: the conversation had ended before and was not resumed"
    ]


def test_who_wrote_an_operators_message() -> None:
    """KPI 13, 14, 15 and 18 are for the operator whom the message names, in the group assigned (R-MSG-5, R-KPI18-2).

    Without a name they are for whoever is assigned just before it: being assigned at its instant is the usual pick-up.
    """
    script = """
        09:00:00 goes live, limit 60s
        09:00:00 anna assigned in sales
        09:00:10 contact: message
        09:00:30 bram: message, by bram
        09:00:30 bram assigned in support
        09:00:40 contact: message, by bram
        09:00:50 carl: message
    """
    assert counts(script, "live_conversations_answered", "messages", *DURATIONS) == [
        "09:00:10 messages contact anna/sales web",
        "09:00:30 first_response_time 20000 bram/sales web",
        "09:00:30 live_conversations_answered bram/sales web",
        "09:00:30 messages operator bram/sales web",
        "09:00:30 response_time 20000 bram/sales web",
        "09:00:40 messages contact bram/support web",
        "09:00:50 messages operator bram/support web",
        "09:00:50 response_time 10000 bram/support web",
    ]


def test_who_wrote_a_message_assigns_nobody() -> None:
    """The start, who received the conversation, and whom it is taken from go by the assignment alone (R-MSG-5)."""
    script = """
        09:00:00 bram: message, by bram
        09:01:00 anna assigned
        09:02:00 bram: message, by bram
        09:03:00 contact rates 4
    """
    kpis = ("conversations_started", "conversations_received", "reassignments", "satisfaction_score")
    assert counts(script, *kpis) == [
        "09:00:00 conversations_started operator nobody/- web",
        "09:01:00 conversations_received anna/- web",
        "09:03:00 satisfaction_score 4 anna/- web",
    ]


# --- KPI 11 and 12 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sender", "value"), [("contact", "contact"), ("anna", "operator"), ("bot", "bot")])
def test_conversations_started(sender: str, value: str) -> None:
    """The first message counts, once per conversation; the value is who sent it (R-KPI11-1)."""
    script = f"""
        08:59:00 goes live
        09:00:00 {sender}: message on shop
        09:01:00 contact: message
        09:02:00 ends
        09:03:00 contact resumes
        09:04:00 anna: message
    """
    assert counts(script, "conversations_started") == [f"09:00:00 conversations_started {value} nobody/- shop"]


def test_a_start_is_of_whoever_is_assigned_just_before() -> None:
    """And is never moved by a later assignment (R-KPI11-2)."""
    script = """
        09:00:00 anna assigned in sales
        09:01:00 contact: message
        09:01:00 bram assigned in support
        09:02:00 carl assigned
    """
    assert counts(script, "conversations_started") == ["09:01:00 conversations_started contact anna/sales web"]


def test_conversations_ended() -> None:
    """An end counts while the conversation has not ended, also one without a message (R-KPI12-1, R-KPI12-2).

    The value is `first` if none came before, else `again`.
    """
    script = """
        09:00:00 anna assigned in sales
        09:00:01 ends
        09:00:01 unassigned
        09:00:02 ends
        09:01:00 contact resumes
        09:02:00 ends
        09:03:00 contact resumes
        09:04:00 ends
    """
    assert counts(script, "conversations_ended") == [
        "09:00:01 conversations_ended first anna/sales web",
        "09:02:00 conversations_ended again nobody/- web",
        "09:04:00 conversations_ended again nobody/- web",
    ]


# --- KPI 13 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["09:00:10", "09:00:59", "09:01:10"])
def test_live_conversations_answered(reply: str) -> None:
    """An operator's message that stops a running limit in time, at the limit too; once (R-KPI13-1, R-KPI13-2)."""
    script = f"""
        09:00:00 goes live, limit 60s on shop
        09:00:00 anna assigned in sales
        09:00:10 contact: message on shop
        {reply} anna: message on help
        09:02:00 anna: message
        09:03:00 leaves live
        09:04:00 goes live, limit 60s
        09:04:00 contact: message
        09:04:10 anna: message
    """
    kpis = ("live_conversations_answered", "unanswered_live_conversations")
    assert counts(script, *kpis) == [f"{reply} live_conversations_answered anna/sales help"]


def test_answered_and_unanswered_live_never_count_both() -> None:
    """After the limit an answer is none in time, and no later stretch starts a limit (R-KPI13-2)."""
    script = """
        09:00:00 goes live, limit 60s #first
        09:00:00 contact: message
        09:01:01 leaves live
        09:02:00 goes live, limit 60s #second
        09:02:10 anna: message #late
    """
    assert counts(script, "live_conversations_answered", "unanswered_live_conversations") == [
        "09:01:00 unanswered_live_conversations nobody/- web"
    ]
    passed = "live_conversations_answered: the limit had passed before an operator answered"
    assert why_not(script, "live_conversations_answered") == [f"#late {passed}", f"#second {passed}"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "09:00:00 goes live #live\n09:00:01 contact: message\n09:00:02 anna: message",
            "the widget has no time limit for live conversations",
        ),
        (
            "09:00:00 goes live, limit 60s #live\n09:00:02 anna: message\n09:00:03 anna: message",
            "the contact had not written while the conversation was live",
        ),
        (
            "09:00:00 contact: message\n09:00:01 anna: message\n09:00:02 goes live, limit 60s #live",
            "an operator had sent a message",
        ),
        (
            "09:00:00 contact: message\n09:00:01 goes live, limit 60s #live\n09:00:02 leaves live",
            "the conversation left live within the limit",
        ),
        (
            "09:00:00 contact: message\n09:00:01 goes live, limit 60s #live\n09:00:02 ends\n09:00:03 anna: message",
            "the conversation ended within the limit",
        ),
    ],
)
def test_neither_answered_nor_unanswered_live(script: str, why: str) -> None:
    """Where no limit runs, or it is broken off, neither KPI 13 nor KPI 3 counts (R-KPI13-3)."""
    assert counts(script, "live_conversations_answered", "unanswered_live_conversations") == []
    assert why_not(script, "live_conversations_answered") == [f"#live live_conversations_answered: {why}"]


def test_a_limit_that_is_not_due_is_not_decided() -> None:
    """Until it is answered or reached; so the two add up to the limits that were decided (R-KPI13-3, R-KPI13-4)."""
    waiting = chat("09:00:00 goes live, limit 60s\n09:00:00 contact: message")
    answered = [*waiting, *chat("09:00:59 anna: message #reply")]
    for now, events, decided in [
        ("09:00:59.999999", waiting, []),
        ("09:00:59.999999", answered, ["live_conversations_answered"]),
        ("09:01:00", waiting, ["unanswered_live_conversations"]),
        ("09:01:00", answered, ["live_conversations_answered"]),
    ]:
        found = [fact.split()[1] for fact in facts(events, at(now), NOTHING_YET)]
        assert [kpi for kpi in found if "_live_" in kpi or kpi.startswith("live_")] == decided


# --- KPI 14 and 15 --------------------------------------------------------------------------------------------------


def test_first_response_time() -> None:
    """The first operator message of a live stretch that ends a wait; proactive ones do not matter (R-KPI14-1)."""
    script = """
        09:00:00 goes live
        09:00:01 anna assigned in sales
        09:00:02 anna: message #proactive
        09:01:00 contact: message on shop
        09:01:20 anna: message on help
    """
    assert counts(script, "first_response_time") == ["09:01:20 first_response_time 20000 anna/sales help"]


@pytest.mark.parametrize(("live", "wrote"), [("09:00:10", "09:00:00"), ("09:00:00", "09:00:10")])
def test_a_first_response_is_measured_from_the_later_beginning(live: str, wrote: str) -> None:
    """That of the stretch or that of the wait (R-KPI14-2)."""
    script = f"""
        {live} goes live
        {wrote} contact: message
        09:00:45 anna: message
    """
    assert counts(script, "first_response_time") == ["09:00:45 first_response_time 35000 nobody/- web"]


def test_a_first_response_counts_once_per_stretch() -> None:
    """In each stretch anew, as each has a fresh limit, whether or not an operator answered before (R-KPI14-3)."""
    script = """
        09:00:00 goes live
        09:00:00 contact: message
        09:00:05 anna: message
        09:00:10 contact: message
        09:00:16 anna: message #second
        09:00:20 leaves live
        09:01:00 goes live
        09:01:00 contact: message
        09:01:07 anna: message
    """
    assert counts(script, "first_response_time") == [
        "09:00:05 first_response_time 5000 nobody/- web",
        "09:01:07 first_response_time 7000 nobody/- web",
    ]
    answered = "#second first_response_time: a contact had been answered in this live stretch before"
    assert why_not(script, "first_response_time") == [answered]


def test_a_reply_after_the_stretch_is_a_response_only() -> None:
    """It counts in KPI 15 alone (R-KPI14-4)."""
    script = """
        09:00:00 goes live
        09:00:00 contact: message
        09:00:05 leaves live
        09:00:09 anna: message #reply
    """
    assert counts(script, "first_response_time", "response_time") == ["09:00:09 response_time 9000 nobody/- web"]
    assert why_not(script, "first_response_time") == ["#reply first_response_time: the conversation was not live"]


def test_response_time() -> None:
    """Every wait that an operator's message ends, live or not, at the reply (R-KPI15-1)."""
    script = """
        09:00:00 contact: message
        09:00:05 anna assigned in sales
        09:00:06 anna: message
        09:01:00 goes live
        09:01:00 contact: message on shop
        09:01:02 anna: message on help
        09:01:03 anna: message #more
    """
    assert counts(script, "response_time") == [
        "09:00:06 response_time 6000 anna/sales web",
        "09:01:02 response_time 2000 anna/sales help",
    ]
    assert why_not(script, "response_time") == ["#more response_time: no contact was waiting for an answer"]


# --- KPI 16 and 17 --------------------------------------------------------------------------------------------------


def test_live_session_duration() -> None:
    """A live stretch that ends, for whoever is assigned just before, on the widget of its end (R-KPI16-1)."""
    script = """
        09:00:00 goes live on shop
        09:00:05 anna assigned in sales
        09:00:10 leaves live on help
        09:01:00 goes live
        09:01:03 bram assigned
        09:01:04 ends
    """
    assert counts(script, "live_session_duration") == [
        "09:00:10 live_session_duration 10000 anna/sales help",
        "09:01:04 live_session_duration 4000 bram/- web",
    ]


def test_a_live_session_while_ended() -> None:
    """Counts too, and without any message (R-KPI16-2)."""
    script = """
        09:00:00 ends
        09:00:10 goes live
        09:00:12 leaves live
    """
    assert counts(script, "live_session_duration") == ["09:00:12 live_session_duration 2000 nobody/- web"]


def test_conversation_duration() -> None:
    """An episode that ends, in which an operator sent a message, at its end (R-KPI17-1)."""
    script = """
        08:59:00 goes live
        09:00:00 contact: message
        09:00:05 anna assigned in sales
        09:00:10 anna: message
        09:01:00 contact: message
        09:02:00 ends on shop
        09:02:00 bram assigned
    """
    assert counts(script, "conversation_duration") == ["09:02:00 conversation_duration 120000 anna/sales shop"]
    without = script.replace("anna: message", "bot: message").replace("ends on shop", "ends on shop #end")
    assert counts(without, "conversation_duration") == []
    assert why_not(without, "conversation_duration") == [
        "#end conversation_duration: no operator had sent a message since the conversation began or was resumed"
    ]


def test_resumed_and_ended_again_without_a_message() -> None:
    """Counts in KPI 12, and not in KPI 17 (R-KPI17-2)."""
    script = """
        09:00:00 contact: message
        09:00:10 anna: message
        09:01:00 ends
        09:02:00 contact resumes
        09:03:00 ends #second
    """
    assert counts(script, "conversations_ended", "conversation_duration") == [
        "09:01:00 conversation_duration 60000 nobody/- web",
        "09:01:00 conversations_ended first nobody/- web",
        "09:03:00 conversations_ended again nobody/- web",
    ]
    assert why_not(script, "conversation_duration") == [
        "#second conversation_duration: no message had been sent since the conversation began or was resumed"
    ]


def test_a_resumed_conversation_is_measured_anew() -> None:
    """From the first message since, and by the operators' messages since (R-KPI17-3)."""
    script = """
        09:00:00 contact: message
        09:00:10 anna: message
        09:01:00 ends
        09:02:00 contact resumes
        09:02:10 contact: message
        09:03:00 ends
        09:04:00 contact resumes
        09:04:20 bot: message
        09:04:25 anna: message
        09:05:00 ends
    """
    assert counts(script, "conversation_duration") == [
        "09:01:00 conversation_duration 60000 nobody/- web",
        "09:05:00 conversation_duration 40000 nobody/- web",
    ]


# --- KPI 18, 19 and 20 ----------------------------------------------------------------------------------------------


def test_messages() -> None:
    """Each message counts, while ended too; the value is who sent it (R-KPI18-1)."""
    script = """
        09:00:00 bot: message
        09:00:01 anna assigned in sales
        09:00:02 contact: message
        09:00:03 anna: message
        09:00:04 ends
        09:00:05 contact: message on shop
    """
    assert counts(script, "messages") == [
        "09:00:00 messages bot nobody/- web",
        "09:00:02 messages contact anna/sales web",
        "09:00:03 messages operator anna/sales web",
        "09:00:05 messages contact anna/sales shop",
    ]


def test_reassignments() -> None:
    """An operator who replaces another directly; for the operator before, in the group before (R-KPI19-1)."""
    script = """
        09:00:00 contact: message
        09:00:01 anna assigned in sales
        09:00:02 bram assigned in support on shop
        09:00:02 carl assigned seq 1
    """
    assert counts(script, "reassignments") == [
        "09:00:02 reassignments anna/sales shop",
        "09:00:02 reassignments bram/support web",
    ]


def test_unassigned_in_between_is_no_reassignment() -> None:
    """Nor is a bot, which is assigned as nobody (R-KPI19-2)."""
    for between in ("unassigned", "unassigned, stays in sales", "nobody assigned in sales"):
        script = f"""
            09:00:00 contact: message
            09:00:01 anna assigned in sales
            09:00:02 {between}
            09:00:03 bram assigned in sales #bram
        """
        assert counts(script, "reassignments") == []
        assert why_not(script, "reassignments") == ["#bram reassignments: no operator was assigned in between"]


def test_a_change_of_group_alone_is_no_reassignment() -> None:
    """The operator is the same (R-KPI19-3)."""
    script = "09:00:00 anna assigned in sales\n09:00:01 anna assigned in support #same"
    assert counts(script, "reassignments") == []
    assert why_not(script, "reassignments") == ["#same reassignments: the same operator was assigned before"]


def test_reassignments_before_the_start_and_while_ended() -> None:
    """Count as well (R-KPI19-4)."""
    script = """
        09:00:00 anna assigned
        09:00:01 bram assigned
        09:00:02 ends
        09:00:03 carl assigned
    """
    assert instants(script, "reassignments") == ["09:00:01", "09:00:03"]


def test_conversations_received() -> None:
    """At the first event after which it has started and an operator is assigned (R-KPI20-1)."""
    assigned_first = """
        09:00:00 anna assigned in sales
        09:00:10 contact: message on shop
    """
    assert counts(assigned_first, "conversations_received") == ["09:00:10 conversations_received anna/sales shop"]
    while_ended = """
        09:00:00 bot: message
        09:00:01 ends
        09:00:02 nobody assigned in sales
        09:00:03 anna assigned in sales on shop
    """
    assert counts(while_ended, "conversations_received") == ["09:00:03 conversations_received anna/sales shop"]
    assert counts("09:00:00 anna assigned", "conversations_received") == []
    assert counts("09:00:00 anna assigned\n09:00:01 unassigned\n09:00:02 bot: message", "conversations_received") == []


def test_a_conversation_is_received_once() -> None:
    """Whoever is assigned later (R-KPI20-2)."""
    script = """
        09:00:00 contact: message
        09:00:01 anna assigned
        09:00:02 unassigned
        09:00:03 bram assigned #bram
    """
    assert counts(script, "conversations_received") == ["09:00:01 conversations_received anna/- web"]
    before = "an operator had received the conversation before"
    assert why_not(script, "conversations_received") == [f"#bram conversations_received: {before}"]


def test_a_conversation_is_received_by_the_operator_whom_the_event_itself_assigns() -> None:
    """In the group of that assignment, not by whoever was assigned just before it (R-KPI20-3)."""
    script = """
        09:00:00 nobody assigned in triage
        09:00:00 contact: message
        09:00:01 anna assigned in sales
    """
    assert counts(script, "conversations_received") == ["09:00:01 conversations_received anna/sales web"]


# --- taken back -----------------------------------------------------------------------------------------------------


def test_taking_a_resumption_back_takes_the_second_end_and_its_duration_with_it() -> None:
    """What followed from it is as if it had never been (R-BACK-1)."""
    script = """
        09:00:00 contact: message
        09:00:10 anna: message
        09:01:00 ends
        09:02:00 contact resumes #resumed
        09:02:10 contact: message
        09:02:20 anna: message
        09:03:00 ends
        {}
    """
    kpis = ("conversations_ended", "conversation_duration")
    first = ["09:01:00 conversation_duration 60000 nobody/- web", "09:01:00 conversations_ended first nobody/- web"]
    assert counts(script.format(""), *kpis) == [
        *first,
        "09:03:00 conversation_duration 50000 nobody/- web",
        "09:03:00 conversations_ended again nobody/- web",
    ]
    assert counts(script.format("09:04:00 takes back resumed"), *kpis) == first


def test_left_out_because_taken_back_in_part_two() -> None:
    """A retracted event is left out of every KPI that its kind may count in (R-BACK-1)."""
    script = """
        09:00:00 contact: message #asked
        09:00:10 anna: message #replied
        09:01:00 ends #ended
        09:02:00 takes back replied
        09:02:00 takes back ended
    """
    retracted = [each for each in left_out(chat(script), base=NOTHING_YET) if each.endswith("the event was taken back")]
    assert [each.split()[:2] for each in retracted] == [
        ["#ended", f"{kpi}:"]
        for kpi in sorted(
            (
                *("conversation_duration", "conversations_ended", "live_session_duration"),
                "unanswered_ended_conversations",
            )
        )
    ] + [
        ["#replied", f"{kpi}:"]
        for kpi in sorted(
            (
                *("conversations_received", "conversations_started", "first_response_time"),
                *("live_conversations_answered", "messages", "response_time"),
            )
        )
    ]


# --- a base state ---------------------------------------------------------------------------------------------------


GOES_ON = """
    09:00:00 goes live, limit 60s
    09:00:01 contact: message
    09:00:02 anna assigned in sales
    09:00:03 anna: message
    09:00:10 contact: message
    09:05:00 bram: message
    09:06:00 bram assigned
    09:07:00 leaves live
    09:08:00 ends
    09:09:00 contact resumes
    09:10:00 goes live
    09:10:00 contact: message
    09:10:05 bram: message
    09:11:00 leaves live
    09:12:00 ends
"""


def test_a_base_state_keeps_the_beginnings() -> None:
    """Of stretch, wait and episode, and what counts once: a purge changes no fact that comes later (R-KEEP-9)."""
    events = chat(GOES_ON)
    for purged in range(len(events)):
        base, _ = fold(NOTHING_YET, events[:purged], at("09:00:00"))
        earlier = facts(events[:purged], at("09:00:00"), NOTHING_YET)
        later = facts(events[purged:], END_OF_DAY, base)
        assert sorted([*earlier, *later]) == facts(events, base=NOTHING_YET)


def counted_anew(purged: int) -> tuple[list[str], list[str]]:
    """Facts and what is left out, where so many events were purged by the rules of part one."""
    events = chat(GOES_ON)
    base, _ = fold(EMPTY, events[:purged], at("09:00:00"))
    goes_on = as_part_two(base)
    return facts(events[purged:], END_OF_DAY, goes_on), left_out(events[purged:], END_OF_DAY, goes_on)


def test_what_a_purge_under_earlier_rules_removed_is_not_counted() -> None:
    """No KPI 11, no 12 `first`, no 20; nor what began before the base (R-ANEW-5, R-ANEW-6)."""
    for purged in range(1, len(chat(GOES_ON))):
        found, _ = counted_anew(purged)
        assert not [fact for fact in found if fact.split()[1] in {"conversations_started", "conversations_received"}]
        assert not [fact for fact in found if "conversations_ended first" in fact]
    found, out = counted_anew(5)
    assert found == [
        "09:05:00 messages operator anna/sales web",
        "09:06:00 reassignments anna/sales web",
        "09:10:00 messages contact bram/- web",
        "09:10:05 first_response_time 5000 bram/- web",
        "09:10:05 messages operator bram/- web",
        "09:10:05 response_time 5000 bram/- web",
        "09:11:00 live_session_duration 60000 bram/- web",
        "09:12:00 conversation_duration 120000 bram/- web",
        "09:12:00 conversations_ended again bram/- web",
    ]
    unknown = [each.split()[1].rstrip(":") for each in out if each.endswith("removed by a purge under earlier rules")]
    assert sorted(unknown) == [
        *("conversation_duration", "conversations_ended", "conversations_received", "first_response_time"),
        *("live_session_duration", "response_time"),
    ]


def test_what_lies_after_the_base_counts() -> None:
    """A wait, a stretch, a limit and an episode that began after it are known (R-ANEW-6)."""
    script = """
        09:01:00 goes live, limit 60s
        09:01:01 contact: message
        09:01:05 anna: message
        09:02:00 ends
    """
    base, _ = fold(EMPTY, chat("09:00:00 anna assigned in sales"), at("09:00:00"))
    assert facts(chat(script), END_OF_DAY, as_part_two(base)) == [
        "09:01:01 messages contact anna/sales web",
        "09:01:05 first_response_time 4000 anna/sales web",
        "09:01:05 live_conversations_answered anna/sales web",
        "09:01:05 messages operator anna/sales web",
        "09:01:05 response_time 4000 anna/sales web",
        "09:02:00 conversation_duration 59000 anna/sales web",
        "09:02:00 live_session_duration 60000 anna/sales web",
    ]
