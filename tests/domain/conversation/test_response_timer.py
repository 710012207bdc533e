"""KPI 3: how long a contact may wait for the first answer, and whose fact it is when nobody gave one."""

import pytest

from telwerkd.domain.conversation.facts import Rule
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.response_timer import settle, start_timer
from telwerkd.domain.conversation.state import EMPTY
from tests.chats import at, chat
from tests.domain.conversation.arriving import counts, left_out

param = pytest.param
table = pytest.mark.parametrize

UNANSWERED_LIVE = "09:01:00 unanswered_live_conversations anna/sales web"


def test_unanswered_live_conversations() -> None:
    """A live conversation reaches the limit and no operator has sent a message; the instant is the limit itself.

    R-KPI3-1.
    """
    script = """
        09:00:00 anna assigned in sales
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:05:00 contact: message
    """
    assert counts(script) == [UNANSWERED_LIVE]


@table(
    ("what", "rule"),
    [
        param("leaves live", Rule.LEFT_LIVE_IN_TIME, id="no longer live"),
        param("ends", Rule.ENDED_IN_TIME, id="ended"),
        param("anna: message", Rule.ANSWERED_IN_TIME, id="answered"),
    ],
)
@table(
    ("instant", "in_time"),
    [("09:00:00", True), ("09:00:30", True), ("09:01:00", True), ("09:01:00.000001", False), ("09:02:00", False)],
)
def test_at_or_before_the_limit(what: str, rule: Rule, instant: str, in_time: bool) -> None:  # noqa: FBT001
    """An operator message, leaving live, or the end stops it; each of these *at* the limit is in time.

    R-ORDER-6, R-KPI3-3.
    """
    script = f"""
        09:00:00 anna assigned in sales
        09:00:00 goes live, limit 60s #live
        09:00:00 contact: message #01
        {instant} {what}
    """
    assert counts(script, "unanswered_live") == ([] if in_time else [UNANSWERED_LIVE])
    why = [f"#live unanswered_live_conversations: {rule.value}"]
    assert left_out(script, "unanswered_live") == (why if in_time else [])


def test_at_most_one_unanswered_live() -> None:
    """At most once per conversation (R-KPI3-9)."""
    script = """
        09:00:00 anna assigned in sales
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:02:00 leaves live
        09:03:00 goes live, limit 60s #again
        09:10:00 ends
        09:11:00 contact resumes
        09:11:00 goes live, limit 60s #resumed
    """
    assert counts(script, "unanswered_live") == [UNANSWERED_LIVE]
    assert left_out(script) == [
        "#again unanswered_live_conversations: the conversation was counted before",
        "#resumed unanswered_live_conversations: the conversation was counted before",
    ]


# --- 3: the time limit ----------------------------------------------------------------------------------------------


@table(
    ("script", "limit"),
    [
        param(
            """
            09:00:00 goes live, limit 60s
            09:00:20 contact: message
            09:00:40 contact: message
            """,
            "09:01:20",
            id="the contact's first message is later",
        ),
        param(
            """
            09:00:00 contact: message
            09:00:20 goes live, limit 60s
            09:00:30 contact: message
            """,
            "09:01:20",
            id="going live is later",
        ),
        param(
            """
            09:00:00 contact: message
            09:00:00 goes live, limit 60s
            """,
            "09:01:00",
            id="both at once",
        ),
        param(
            """
            09:00:00 goes live, limit 60s
            09:00:10 bot: message
            09:00:20 contact: message
            """,
            "09:01:20",
            id="a bot's message is not the contact's",
        ),
        param(
            """
            09:00:00 goes live, limit 0.5s
            09:00:00.25 contact: message
            """,
            "09:00:00.750000",
            id="fractions of a second",
        ),
        param(
            """
            09:00:00 goes live, limit 60s
            09:00:10 contact: message #x
            09:00:30 contact: message
            09:00:40 takes back x
            """,
            "09:01:30",
            id="the first was taken back",
        ),
    ],
)
def test_the_limit_starts(script: str, limit: str) -> None:
    """It starts at the later of: the conversation goes live; the contact's first message of the conversation.

    R-KPI3-2.
    """
    assert counts(script) == [f"{limit} unanswered_live_conversations nobody/- web"]


@table("message", ["", "09:00:10 bot: message", "09:05:00 bot: message"])
def test_no_limit_before_the_contact_writes(message: str) -> None:
    """It starts at … the contact's first message of the conversation (R-KPI3-2)."""
    assert counts(f"09:00:00 goes live, limit 60s\n{message}") == []


def test_no_limit_when_the_contact_first_writes_after_it_was_live() -> None:
    """It is no longer live at or before the limit: the contact's first message comes too late to start one.

    R-KPI3-2.
    """
    assert (
        counts("""
        09:00:00 goes live, limit 60s
        09:00:10 leaves live
        09:00:20 contact: message
    """)
        == []
    )


@table(
    "stop",
    [["leaves live"], ["ends"], ["ends", "contact resumes"]],
    ids=" then ".join,
)
def test_a_fresh_limit_each_time_it_goes_live_again(stop: list[str]) -> None:
    """Each time the conversation goes live again, a fresh limit starts (R-KPI3-4, R-KPI3-7)."""
    script = "\n".join(
        [
            "09:00:00 goes live, limit 60s",
            "09:00:10 contact: message",
            *(f"09:00:3{n} {what}" for n, what in enumerate(stop)),
            "09:00:50 goes live, limit 20s on shop",
        ]
    )
    assert counts(script, "unanswered_live") == ["09:01:10 unanswered_live_conversations nobody/- shop"]


def test_a_fresh_limit_at_the_instant_it_was_left() -> None:
    """Each time the conversation goes live again, a fresh limit starts: even at the old limit, in sequence.

    R-KPI3-4.
    """
    assert counts("""
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:01:00 leaves live seq 1
        09:01:00 goes live, limit 60s seq 2
    """) == ["09:02:00 unanswered_live_conversations nobody/- web"]


def test_the_third_time_live() -> None:
    """Each time the conversation goes live again, a fresh limit starts: only one of them is reached (R-KPI3-4)."""
    script = """
        09:00:00 contact: message
        09:00:00 goes live, limit 60s #first
        09:00:30 leaves live
        09:01:00 goes live, limit 60s #second
        09:01:30 leaves live
        09:02:00 goes live, limit 60s #third
        09:04:00 leaves live
        09:05:00 goes live, limit 60s #fourth
    """
    assert counts(script) == ["09:03:00 unanswered_live_conversations nobody/- web"]
    assert left_out(script) == [
        "#first unanswered_live_conversations: the conversation left live within the limit",
        "#fourth unanswered_live_conversations: the conversation was counted before",
        "#second unanswered_live_conversations: the conversation left live within the limit",
    ]


@table("again", ["goes live, limit 600s", "goes live, limit 5s", "goes live"])
def test_going_live_while_live_is_ignored(again: str) -> None:
    """Going live while live is ignored (R-KPI3-5)."""
    script = f"""
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:00:30 {again} on shop
    """
    assert counts(script) == ["09:01:00 unanswered_live_conversations nobody/- web"]
    assert left_out(script) == []


def test_going_live_while_live_brings_no_limit_either() -> None:
    """Going live while live is ignored, also where the first time knew no limit (R-KPI3-5)."""
    assert (
        counts("""
        09:00:00 goes live
        09:00:00 contact: message
        09:00:30 goes live, limit 5s
    """)
        == []
    )


def test_ended_ends_being_live() -> None:
    """Ended also ends being live, and a resumption is live only when told so (R-KPI3-6)."""
    assert (
        counts(
            """
        09:00:00 goes live, limit 60s
        09:00:10 ends
        09:00:20 contact resumes
        09:00:30 contact: message
        """,
            "unanswered_live",
        )
        == []
    )


@table("answer", ["09:00:10 anna: message", "09:01:00 anna: message", "09:01:45 anna: message"])
def test_an_operator_who_answered_earlier_has_answered(answer: str) -> None:
    """An operator who answered earlier in the conversation has answered: it is not counted (R-KPI3-8)."""
    script = f"""
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:00:40 leaves live
        {answer}
        09:02:00 goes live, limit 60s #again
        09:02:10 contact: message
    """
    assert counts(script) == []
    assert left_out(script, "#again") == ["#again unanswered_live_conversations: an operator had sent a message"]


@table(
    ("assignment", "who"),
    [
        param("09:00:59 bram assigned in support", "bram/support", id="before the limit"),
        param("09:01:00 bram assigned in support", "bram/support", id="at the limit"),
        param("09:01:00 unassigned seq 9", "nobody/-", id="at the limit, with a sequence"),
        param("09:01:00.000001 bram assigned in support", "anna/sales", id="after the limit"),
    ],
)
def test_whoever_is_assigned_at_the_limit(assignment: str, who: str) -> None:
    """The fact goes to whoever is assigned at the limit, after all events of that instant (R-ORDER-6, R-KPI3-10)."""
    script = f"""
        09:00:00 anna assigned in sales
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        {assignment}
    """
    assert counts(script) == [f"09:01:00 unanswered_live_conversations {who} web"]
    assert counts(script, now="09:01:00") == [f"09:01:00 unanswered_live_conversations {who} web"]


def test_the_limit_that_a_producer_sends_along() -> None:
    """A producer may send it along with the event, and that one wins (R-KPI3-11)."""
    assert counts("""
        09:00:00 goes live, sends limit 10s
        09:00:00 contact: message
    """) == ["09:00:10 unanswered_live_conversations nobody/- web"]


def test_no_limit_known() -> None:
    """No limit known: no timer (R-KPI3-12)."""
    script = """
        09:00:00 goes live #live
        09:00:00 contact: message
    """
    assert counts(script) == []
    assert left_out(script) == [
        "#live unanswered_live_conversations: the widget has no time limit for live conversations"
    ]


def test_a_limit_that_is_known_the_second_time() -> None:
    """No limit known: no timer; each time the conversation goes live again, a fresh limit starts (R-KPI3-12)."""
    assert counts("""
        09:00:00 goes live
        09:00:00 contact: message
        09:01:00 leaves live
        09:02:00 goes live, limit 60s
    """) == ["09:03:00 unanswered_live_conversations nobody/- web"]


@table(("now", "reached"), [("09:00:59.999999", False), ("09:01:00", True), ("09:01:00.000001", True)])
@table("what_follows", ["", "09:05:00 contact: message", "09:05:00 anna: message", "09:05:00 leaves live"])
def test_the_limit_is_reached_when_now_is(now: str, reached: bool, what_follows: str) -> None:  # noqa: FBT001
    """The service itself must notice, also when no event ever follows, and not before its "now", also when one did.

    R-KPI3-13.
    """
    script = f"""
        09:00:00 anna assigned in sales
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        {what_follows}
    """
    assert counts(script, now=now) == ([UNANSWERED_LIVE] if reached else [])


def test_a_limit_that_events_have_passed_waits_for_now() -> None:
    """The instant is the limit itself: events beyond it, and a reassignment after it, do not change whose it is.

    R-KPI3-13.
    """
    script = """
        09:00:00 anna assigned in sales
        09:00:00 goes live, limit 60s
        09:00:00 contact: message
        09:01:10 bram assigned in support
        09:01:20 anna: message
        09:01:30 ends
        09:01:40 contact resumes
        09:01:50 goes live, limit 60s
    """
    assert counts(script, now="09:00:30") == []
    assert counts(script, now="09:01:00") == [UNANSWERED_LIVE]
    state, _ = fold(EMPTY, chat(script), at("09:00:30"))
    assert settle(state, at("09:01:00"))[0] == fold(EMPTY, chat(script), at("09:01:00"))[0]


def test_counting_a_timer_twice_counts_it_once() -> None:
    """What is settled has no timer any more, and never gets another (R-KPI3-9)."""
    state, _ = fold(EMPTY, chat("09:00:00 goes live, limit 60s\n09:00:00 contact: message"), at("09:00:30"))
    settled, counted_once = settle(state, at("09:01:00"))
    assert len(counted_once) == 1
    assert settle(settled, at("10:00:00")) == (settled, ())
    assert start_timer(settled, at("10:00:00")) == settled
