"""The law of the bridge with Zammad: what is told follows from what happened, however deliveries arrive."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Platform
from telwerk_bridges.zammad import Zammad
from tests.bridges.telling import line, told
from tests.bridges.zammad_days import ACTIONS, BOTS, START, TICKET, Happening, deliveries, iso, meaning, ticket_of
from tests.effort import examples

EXAMPLES = examples(60)
law = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def platform() -> Platform:
    return Zammad("secret", bot_agents=BOTS)


@st.composite
def tickets(draw: st.DrawFn) -> list[Happening]:
    actions = draw(st.lists(st.sampled_from(ACTIONS), max_size=14))
    gaps = draw(st.lists(st.integers(1_100, 9_000), min_size=len(actions), max_size=len(actions)))
    return ticket_of(actions, gaps)


@law
@given(tickets(), st.data())
def test_shuffled_and_repeated_deliveries_tell_the_ticket(story: list[Happening], data: st.DataObject) -> None:
    """All of it: facts, owners, groups, topics and instants, where each job runs before the next change."""
    payloads = deliveries(story, [0] * len(story))
    again = data.draw(st.lists(st.sampled_from(payloads), max_size=5))
    assert told(platform(), data.draw(st.permutations(payloads + again))) == meaning(story)


@law
@given(tickets(), st.data())
def test_jobs_that_run_late_lose_what_no_payload_shows_and_nothing_else(
    story: list[Happening], data: st.DataObject
) -> None:
    """Every message counts, an end counts when it was, and in the end the ticket is what it is."""
    lags = data.draw(st.lists(st.integers(0, 4), min_size=len(story), max_size=len(story)))
    payloads = deliveries(story, lags)
    said, wanted = told(platform(), data.draw(st.permutations(payloads))), meaning(story)
    assert of_kind(said, "message_sent") == of_kind(wanted, "message_sent")
    assert set(of_kind(said, "conversation_ended")) <= set(of_kind(wanted, "conversation_ended"))
    shown: list[tuple[str, ...]] = [("operator_assigned",), ("topics_set",)]
    # A merged ticket no longer shows whether it was open before.
    shown += [] if story[-1].state.state == "merged" else [("conversation_ended", "conversation_resumed")]
    for kinds in shown:
        assert last(said, kinds) == last(wanted, kinds)


@law
@given(tickets(), st.data())
def test_any_part_of_the_deliveries_tells_the_same_in_any_order(story: list[Happening], data: st.DataObject) -> None:
    lags = data.draw(st.lists(st.integers(0, 4), min_size=len(story), max_size=len(story)))
    some = data.draw(st.lists(st.sampled_from(deliveries(story, lags)), unique_by=id))
    assert told(platform(), data.draw(st.permutations(some))) == told(platform(), some)


def of_kind(lines: Sequence[str], *kinds: str) -> list[str]:
    return [one for one in lines if one.split(" ", 2)[1] in kinds]


def last(lines: Sequence[str], kinds: Sequence[str]) -> str | None:
    """What the last of them says, whenever that was; to set no topics is as good as to say nothing."""
    found = [line.split(" ", 1)[1] for line in of_kind(lines, *kinds)]
    return found[-1] if found and found[-1] != "topics_set" else None


def ticket(at: int = 60, **more: Any) -> dict[str, Any]:
    """Of an update that is `at` seconds old in the story."""
    fields = {
        "id": TICKET,
        "state": "open",
        "owner_id": 1,
        "group_id": 3,
        "created_at": moment(0),
        "updated_at": moment(at),
    }
    return fields | more


def sent(at: int = 60, **more: Any) -> dict[str, Any]:
    fields = {"id": 104, "sender": "Customer", "type": "email", "internal": False, "created_by_id": 8}
    return fields | {"created_at": moment(at)} | more


def moment(at: float) -> str:
    return iso(START + round(at * 1_000))


def of(payload: object, kind: str, **options: Any) -> list[str]:
    return of_kind(told(Zammad("secret", **options), [payload]), kind)


@pytest.mark.parametrize(
    ("article", "sender"),
    [
        (sent(), "contact"),
        (sent(type="note"), "contact"),
        (sent(type="phone", created_by_id=5), "contact"),
        (sent(sender="Agent", created_by_id=5), "operator"),
        (sent(sender="Agent", type="phone", created_by_id=5), "operator"),
        (sent(sender="Agent", type="note", created_by_id=5), None),
        (sent(sender="Agent", internal=True, created_by_id=5), None),
        (sent(internal=True), None),
        (sent(sender="Agent", created_by_id=1), "bot"),
        (sent(sender="Agent", created_by_id=9), "bot"),
        (sent(sender="System", created_by_id=1), "bot"),
        (sent(sender="System", type="note", created_by_id=1), None),
        (sent(sender=None, sender_id=1, created_by_id=5), "operator"),
        (sent(sender=None, sender_id="2"), "contact"),
        ({}, None),
        (None, None),
    ],
)
def test_who_said_it(article: object, sender: str | None) -> None:
    """By sender, type and author, as Zammad itself tells an answer to the customer from a note."""
    wanted = [line(START + 60_000, "message_sent", sender)] if sender else []
    assert of({"ticket": ticket(), "article": article}, "message_sent", bot_agents=BOTS) == wanted


@pytest.mark.parametrize(
    ("fields", "assigned"),
    [
        ({"owner_id": 5}, "agent-5 group-3"),
        ({"owner_id": "5", "group_id": "3"}, "agent-5 group-3"),
        ({"owner_id": None}, "nobody group-3"),
        ({"owner_id": 1, "owner": {"id": 1, "login": "-"}}, "nobody group-3"),
        ({"owner_id": 9}, "nobody group-3"),
        ({"owner_id": 5, "owner": None, "group": None, "organization": None, "customer": None}, "agent-5 group-3"),
    ],
)
def test_who_owns_it(fields: dict[str, Any], assigned: str) -> None:
    payload = {"ticket": ticket() | fields, "article": {}}
    assert of(payload, "operator_assigned", bot_agents=BOTS) == [line(START + 60_000, "operator_assigned", assigned)]


def test_owner_and_group_may_be_told_by_their_objects_alone() -> None:
    fields = {name: value for name, value in ticket().items() if name not in {"owner_id", "group_id"}}
    payload = {"ticket": fields | {"owner": {"id": 5}, "group": {"id": 4}}}
    assert of(payload, "operator_assigned") == [line(START + 60_000, "operator_assigned", "agent-5 group-4")]


def test_a_ticket_that_is_created_as_closed_ends_once_when_it_was_closed() -> None:
    """Zammad sets the time of closing before that of creation."""
    closed = ticket(0.1, state="closed", close_at=moment(0), last_close_at=moment(0), created_at=moment(0.003))
    payload = {"ticket": closed, "article": sent(0.05, type="phone")}
    assert of(payload, "conversation_ended") == [line(START, "conversation_ended")]
    assert of(payload, "conversation_resumed") == []
    assert of(payload, "operator_assigned") == [line(START + 3, "operator_assigned", "nobody group-3")]


def test_a_state_that_ends_a_conversation_may_have_another_name() -> None:
    solved = {"ticket": ticket(state="Solved ")}
    assert of(solved, "conversation_ended") == []
    ended = [line(START + 60_000, "conversation_ended")]
    assert of(solved, "conversation_ended", closed_states=["closed", "solved"]) == ended
    assert of({"ticket": ticket(state={"id": 4, "name": "closed"})}, "conversation_ended") == ended


def test_a_merged_ticket_neither_ends_nor_is_taken_up_again() -> None:
    closed = {"ticket": ticket(60, state="closed", close_at=moment(60), last_close_at=moment(60))}
    merged = {"ticket": ticket(90, state="merged", close_at=moment(60), last_close_at=moment(60))}
    assert told(platform(), [closed, merged]) == told(platform(), [closed])
    assert of({"ticket": ticket(state="merged")}, "conversation_ended") == []
    assert of({"ticket": ticket(state="merged")}, "conversation_ended", closed_states=["merged"]) != []


@pytest.mark.parametrize(
    ("fields", "options", "topics"),
    [
        ({}, {}, []),
        ({"tags": None}, {}, []),
        ({"tags": ["vip", "order"]}, {}, ["order vip"]),
        ({"tags": " vip,order , ,"}, {}, ["order vip"]),
        ({"tags": ["vip"], "reason": "order"}, {"topic_fields": ["reason"]}, ["order"]),
        ({"tags": ["vip"], "reason": "order"}, {"topic_fields": ["reason", "tags", "none"]}, ["order vip"]),
    ],
)
def test_topics_are_the_tags_or_the_fields_that_are_named(
    fields: dict[str, Any], options: dict[str, Any], topics: list[str]
) -> None:
    wanted = [line(START + 60_000, "topics_set", one) for one in topics]
    assert of({"ticket": ticket() | fields}, "topics_set", **options) == wanted


def test_a_payload_that_does_not_show_tags_leaves_them_as_they_were() -> None:
    """Zammad's default payload has none; a customized one of another trigger may."""
    tagged, plain = {"ticket": ticket(60, tags=["vip"])}, {"ticket": ticket(90)}
    assert of_kind(told(platform(), [tagged, plain]), "topics_set") == [line(START + 60_000, "topics_set", "vip")]


def test_a_retried_job_that_shows_the_ticket_as_it_is_by_then_tells_the_message_once() -> None:
    first = {"ticket": ticket(60), "article": sent()}
    retried = {"ticket": ticket(90, owner_id=5, last_owner_update_at=moment(80)), "article": sent()}
    wanted = [line(START + 80_000, "operator_assigned", "agent-5 group-3")]
    lines = told(platform(), [retried, first, retried])
    assert of_kind(lines, "message_sent") == [line(START + 60_000, "message_sent", "contact")]
    assert of_kind(lines, "operator_assigned")[1:] == wanted


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"text": "a message for a chat"}, "ticket is missing: the webhook must have Zammad's default payload"),
        ({"error": "unexpected token"}, "ticket is missing"),
        ({"ticket": None, "article": sent()}, "ticket is missing"),
        ({"ticket": "10081"}, "ticket is not an object"),
        ({"ticket": ticket() | {"id": None}}, "ticket.id is missing"),
        ({"ticket": ticket() | {"updated_at": None}}, "ticket.updated_at is missing"),
        ({"ticket": ticket() | {"updated_at": "#{ticket.updated_at}"}}, "ticket.updated_at is not a time"),
        ({"ticket": ticket() | {"state": None}}, "ticket.state is missing"),
        ({"ticket": ticket() | {"owner_id": "-"}}, "ticket.owner_id is not a whole number"),
        (
            {"ticket": ticket(), "article": sent(sender="Supplier")},
            "article.sender is neither Agent, Customer nor System",
        ),
        ({"ticket": ticket(), "article": sent(created_at=None)}, "article.created_at is missing"),
        ({"ticket": ticket(), "article": []}, "article is not an object"),
    ],
)
def test_what_is_not_the_default_payload_is_refused_with_the_field_at_fault(payload: object, said: str) -> None:
    with pytest.raises(PayloadError, match=f"^{re.escape(said)}"):
        platform().read(Node(payload), 0)
