"""How a conversation goes from one version of the rules to another, where some of its events were purged."""

from itertools import product

import pytest

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.rules_versions import by_rules, kpis_beyond
from telwerkd.domain.conversation.state import CURRENT_RULES, PART_ONE, empty
from tests.chats import END_OF_DAY, at, chat, facts, left_out

EVERY_KIND_OF_BEGINNING = """
    08:00:00 anna assigned in sales
    08:00:01 goes live, limit 60s
    08:00:02 contact: message
    08:00:03 anna: message
    08:00:04 contact: message
    08:01:00 ends
    08:02:00 contact resumes
    08:02:01 goes live, limit 60s
    08:02:02 contact: message
"""


def counted_anew(purged: str, later: str) -> tuple[list[str], list[str]]:
    """The facts of part two, and those that are left out because of a purge by the rules of part one."""
    base = by_rules(fold(empty(PART_ONE), chat(purged), at("08:59:59"))[0], CURRENT_RULES)
    events = chat(later)
    of_part_two = {kpi.name.lower() for kpi in kpis_beyond(PART_ONE)}
    found = [fact for fact in facts(events, END_OF_DAY, base) if fact.split()[1] in of_part_two]
    purged_rule = ": what it looks at was removed by a purge under earlier rules"
    out = [each.removesuffix(purged_rule) for each in left_out(events, END_OF_DAY, base) if each.endswith(purged_rule)]
    return found, out


def test_part_two_came_with_the_second_version() -> None:
    """The rules of part one have KPI 1 to 10, those of part two all (R-ANEW-1)."""
    assert kpis_beyond(PART_ONE) == [Kpi(n) for n in range(11, 21)]
    assert kpis_beyond(CURRENT_RULES) == []


def test_every_version_leads_to_every_other() -> None:
    """A version that is added says how it goes on from the one before, and the one before from it."""
    versions = range(PART_ONE, CURRENT_RULES + 1)
    for before, after in product(versions, repeat=2):
        base, _ = fold(empty(before), chat(EVERY_KIND_OF_BEGINNING), at("09:00:00"))
        assert by_rules(base, after).rules == after


@pytest.mark.parametrize("rules", [PART_ONE, CURRENT_RULES])
def test_a_base_is_that_of_the_version_it_goes_to(rules: int) -> None:
    """While nothing was purged it is empty, and nothing is unknown; of its own version it stays as it is."""
    other = PART_ONE + CURRENT_RULES - rules
    assert by_rules(empty(other), rules) == empty(rules)
    base, _ = fold(empty(rules), chat(EVERY_KIND_OF_BEGINNING), at("09:00:00"))
    assert by_rules(base, rules) is base


def test_back_to_part_one_nothing_of_part_two_is_left() -> None:
    """Whatever was going on, the base is the one that part one would have come to (R-ANEW-10)."""
    events = chat(EVERY_KIND_OF_BEGINNING)
    for count in range(1, len(events) + 1):
        bases = [fold(empty(rules), events[:count], at("08:02:02"))[0] for rules in (CURRENT_RULES, PART_ONE)]
        assert by_rules(bases[0], PART_ONE) == bases[1]


def test_after_a_purged_end_an_episode_is_known() -> None:
    """It begins after the base; whether the end is the first, or a contact waited, is not known (R-ANEW-6)."""
    found, out = counted_anew(
        "08:00:00 contact: message\n08:01:00 ends",
        "09:00:00 contact resumes\n09:01:00 contact: message\n09:02:00 anna: message #reply\n09:03:00 ends #end",
    )
    assert found == [
        "09:01:00 messages contact nobody/- web",
        "09:02:00 messages operator nobody/- web",
        "09:03:00 conversation_duration 120000 nobody/- web",
    ]
    assert out == ["#end conversations_ended", "#reply response_time"]


def test_what_began_in_a_purged_stretch_is_not_known() -> None:
    """Neither a limit that runs, nor how long the stretch lasts and the first answer in it took (R-ANEW-6)."""
    purged = "08:00:00 goes live, limit 7200s\n08:00:01 contact: message"
    found, out = counted_anew(purged, "09:00:00 anna: message #reply\n09:01:00 leaves live #left")
    assert found == ["09:00:00 messages operator nobody/- web"]
    assert out == [
        *("#left live_session_duration", "#reply first_response_time", "#reply live_conversations_answered"),
        "#reply response_time",
    ]
    _, out = counted_anew(purged, "09:00:00 ends #end")
    assert "#end conversation_duration" in out, "an operator may have written in it"


@pytest.mark.parametrize(
    ("purged", "later", "known"),
    [
        ("08:00:00 goes live", "09:00:00 contact: message", "response_time 10000"),
        ("08:00:00 contact: message", "09:00:00 goes live", ""),
    ],
)
def test_a_first_response_is_known_where_stretch_and_wait_are(purged: str, later: str, known: str) -> None:
    """Each may have begun before the base (R-ANEW-6)."""
    found, out = counted_anew(purged, f"{later}\n09:00:10 anna: message #reply")
    assert [fact for fact in found if "response_time" in fact] == ([f"09:00:10 {known} nobody/- web"] if known else [])
    assert "#reply first_response_time" in out


def test_a_limit_that_had_passed_before_a_purge_is_none_that_is_kept() -> None:
    """KPI 3 has counted the conversation; KPI 13 never does, and an explanation says why (R-KPI13-2)."""
    base, _ = fold(
        empty(CURRENT_RULES), chat("08:00:00 goes live, limit 60s\n08:00:00 contact: message"), at("08:59:59")
    )
    later = chat("09:00:00 anna: message #late")
    assert not [fact for fact in facts(later, END_OF_DAY, base) if "live_conversations" in fact]
    passed = "#late live_conversations_answered: the limit had passed before an operator answered"
    assert passed in left_out(later, END_OF_DAY, base)
