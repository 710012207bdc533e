"""The invented chats: the same again from the same seed, believable, and never to be taken for real ones."""

import gzip
import hashlib
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from google.protobuf import json_format

from telwerk import Telwerk
from telwerk.simulation import GROUPS, PREFIX, WIDGETS, simulate, widget_settings
from telwerk.v1 import event_pb2 as pb

START = datetime(2026, 3, 2, tzinfo=UTC)
END = datetime(2026, 4, 13, tzinfo=UTC)


def chats(seed: int = 1, conversations: int = 200, start: datetime = START, end: datetime = END) -> list[pb.Event]:
    return list(simulate(seed, conversations, start, end))


def by_conversation(events: Sequence[pb.Event]) -> dict[str, list[pb.Event]]:
    grouped: dict[str, list[pb.Event]] = defaultdict(list)
    for event in events:
        grouped[event.conversation_id].append(event)
    return grouped


def micros(event: pb.Event) -> int:
    return event.occur_time.seconds * 1_000_000 + event.occur_time.nanos // 1000


def test_the_same_arguments_give_the_same_bytes():
    one, other = ([event.SerializeToString(deterministic=True) for event in chats()] for _ in range(2))
    assert one == other


def test_the_bytes_are_those_of_yesterday():
    """A change here is a change of every benchmark and demonstration that names a seed."""
    digest = hashlib.sha256(b"".join(event.SerializeToString(deterministic=True) for event in chats()))
    assert digest.hexdigest()[:16] == "9070b191c3554834"


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": 2},
        {"conversations": 201},
        {"start": START + timedelta(hours=1)},
        {"end": END - timedelta(hours=1)},
    ],
)
def test_other_arguments_give_other_conversation_ids(arguments):
    """So that two runs into one account never meet as the same id with another content."""
    assert not by_conversation(chats()).keys() & by_conversation(chats(**arguments)).keys()


def test_there_are_as_many_conversations_as_asked_for():
    """Every chat has an event at its beginning, so that not even the last is lost at the end of the range."""
    assert len(by_conversation(chats(conversations=500))) == 500
    assert chats(conversations=0) == []


def test_a_chats_events_ascend_and_lie_in_the_range():
    for events in by_conversation(chats()).values():
        assert all(micros(a) < micros(b) for a, b in pairwise(events))
        assert START.timestamp() * 1e6 <= micros(events[0])
        assert micros(events[-1]) < END.timestamp() * 1e6
        assert len({event.event_id for event in events}) == len(events)
        assert len({event.widget_id for event in events}) == 1


def test_what_lies_at_the_end_or_later_is_left_out():
    """A short range cuts chats in two: they are then still open."""
    nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    events = chats(conversations=50, start=nine, end=nine + timedelta(minutes=2))
    assert events
    assert all(micros(event) < (nine + timedelta(minutes=2)).timestamp() * 1e6 for event in events)


def test_every_id_of_the_account_says_that_it_is_simulated():
    ids = set()
    for event in chats():
        ids |= {event.conversation_id, event.widget_id}
        ids |= {event.operator_assigned.operator_id, event.operator_assigned.operator_group_id}
        ids |= {event.operator_unassigned.operator_group_id, event.goal_reached.goal_id, *event.topics_set.topic_ids}
        for survey in (event.pre_chat_survey_completed, event.post_chat_survey_answered):
            ids |= {answer.question_id for answer in survey.answers}
    assert all(some_id.startswith(PREFIX) for some_id in ids - {""})


@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_chats_have_every_kind_and_every_action(seed):
    """All but the retraction, which is rare: they exercise all KPIs."""
    events = chats(seed=seed)
    kinds = {field.name for field in pb.Event.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert {event.WhichOneof("kind") for event in events} >= kinds - {"event_retracted"}
    actions = {event.inactivity_action_performed.action for event in events} - {0}
    assert actions == set(range(1, 9))


def test_an_operator_is_assigned_only_in_a_group_of_theirs():
    for event in chats():
        assigned = event.operator_assigned
        if assigned.operator_id:
            assert assigned.operator_id in GROUPS[assigned.operator_group_id]


def test_some_operators_work_in_two_groups():
    memberships = Counter(operator for operators in GROUPS.values() for operator in operators)
    assert sorted(memberships.values()) == [1, 1, 1, 1, 1, 2, 2]


def test_operators_write_only_when_one_is_assigned():
    for events in by_conversation(chats(conversations=500)).values():
        operator = ""
        for event in events:
            if event.WhichOneof("kind") in {"operator_assigned", "operator_unassigned"}:
                operator = event.operator_assigned.operator_id
            if event.message_sent.sender == pb.SENDER_OPERATOR:
                assert operator


def test_an_action_that_assigns_is_followed_by_its_assignment_event():
    """KPI 5: an action does not itself change who is assigned."""
    assigning = {
        pb.INACTIVITY_ACTION_NEW_CONVERSATION_REASSIGNED,
        pb.INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED,
        pb.INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED,
    }
    for events in by_conversation(chats(conversations=500, end=END + timedelta(days=365))).values():
        for event, following in pairwise(events):
            if event.inactivity_action_performed.action in assigning:
                assert following.operator_assigned.operator_id


def test_widgets_without_actions_fire_none():
    """The settings say `not enabled`, and the chats agree."""
    enabled = {settings.widget_id: set(settings.enabled_actions) for settings in widget_settings()}
    assert [] in [sorted(actions) for actions in enabled.values()]
    for event in chats():
        if event.WhichOneof("kind") == "inactivity_action_performed":
            assert event.inactivity_action_performed.action in enabled[event.widget_id]


def test_the_settings_cover_every_widget_and_are_the_same_each_time():
    assert {settings.widget_id for settings in widget_settings()} == {widget.widget_id for widget in WIDGETS}
    assert widget_settings() == widget_settings()


def test_days_peak_and_weekends_are_thin():
    zone = ZoneInfo("Europe/Amsterdam")
    hours: Counter[int] = Counter()
    weekdays: Counter[int] = Counter()
    for events in by_conversation(chats(conversations=4000)).values():
        local = datetime.fromtimestamp(events[0].occur_time.seconds, zone)
        hours[local.hour] += 1
        weekdays[local.weekday()] += 1
    assert {hour for hour, _ in hours.most_common(4)} == {10, 11, 14, 15}
    assert hours[12] < hours[11] * 0.8
    assert weekdays[5] + weekdays[6] < 0.1 * weekdays[0] * 5


def test_ratings_are_skewed():
    stars = Counter(event.conversation_rated.stars for event in chats(conversations=4000))
    assert stars[5] > stars[4] > stars[3] > stars[1] > 0


@pytest.mark.parametrize(
    ("conversations", "start", "end"),
    [
        (-1, START, END),
        (1, END, START),
        (1, START, START),
        (1, START.replace(tzinfo=None), END),
        (1, START, END.replace(tzinfo=None)),
        (1, datetime(1999, 12, 31, tzinfo=UTC), END),
    ],
)
def test_arguments_that_make_no_sense_are_refused(conversations, start, end):
    with pytest.raises(ValueError, match="must"):
        list(simulate(1, conversations, start, end))


# The command.


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("telwerk")
    return subprocess.run([program, *arguments], capture_output=True, encoding="utf-8", check=False)


DAYS = ("--conversations", "200", "--from", "2026-03-02", "--to", "2026-04-13")


@pytest.mark.parametrize("name", ["chats.jsonl", "chats.jsonl.gz"])
def test_the_command_writes_what_the_library_gives(tmp_path, name):
    """The days are those of the office, from midnight to midnight; the file says nothing of when it was written."""
    path = tmp_path / name
    for _ in range(2):
        done = command("simulate", "--write", path, *DAYS)
        assert done.returncode == 0, done.stderr
        assert "SIMULATED" in done.stderr
    zone = ZoneInfo("Europe/Amsterdam")
    expected = chats(start=datetime(2026, 3, 2, tzinfo=zone), end=datetime(2026, 4, 13, tzinfo=zone))
    with gzip.open(path, "rt") if name.endswith(".gz") else path.open(encoding="utf-8") as lines:
        assert [json_format.Parse(line, pb.Event()) for line in lines] == expected


def test_the_command_writes_to_standard_output_for_a_pipe():
    done = command("simulate", "--write", "-", *DAYS)
    assert len(done.stdout.splitlines()) == len(set(done.stdout.splitlines())) > 200
    assert "SIMULATED" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--conversations", "-1"),
        ("--from", "2026-03-02", "--to", "2026-03-02"),
        ("--from", "1999-12-31"),
        ("--time-zone", "Mars/Olympus"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(arguments):
    """As wrong usage, with exit code 2 and no traceback."""
    done = command("simulate", "--write", "-", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_two_hundred_simulated_chats_exercise_all_kpis(server):
    """Sent by the command, into the account `demo`; sent again they change nothing."""
    counts = []
    with Telwerk(server.address) as telwerk:
        for _ in range(2):
            done = command("--address", server.address, "simulate", *DAYS)
            assert done.returncode == 0, done.stderr
            assert "SIMULATED" in done.stderr
            wait_for_limits(telwerk)
            answer = telwerk.totals("demo", [kpi.kpi_id for kpi in telwerk.kpis()], start=START, end=END)
            counts.append([total.count for total in answer.totals])
    assert len(counts[0]) == 20
    assert all(counts[0])
    assert counts[0] == counts[1]


def wait_for_limits(telwerk: Telwerk) -> None:
    """The service notices within two seconds of which limits have passed (KPI 3)."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        answer = telwerk.totals("demo", "unanswered_live_conversations", start=START, end=END)
        if answer.complete_until.ToDatetime(UTC) >= END:
            return
        time.sleep(0.1)
    pytest.fail("the limits are not complete after 10 seconds")
