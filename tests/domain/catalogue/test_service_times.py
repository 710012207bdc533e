"""Service time, rule by rule: chats of a Monday, and what of their durations lies in the opening hours.

How much of a length of time is open is `tests/domain/time/test_opening_hours.py`'s; which durations there are, and with
which event each begins, is held against the oracle in `tests/laws/test_fold_laws.py`.
"""

import msgspec
import pytest

from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.settings import ACCOUNT_DEFAULTS, Widgets, WidgetVersion
from telwerkd.domain.conversation.state import CURRENT_RULES, empty
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.measures import SERVICE_TIME, kpi_of
from telwerkd.domain.ids import Micros, WidgetId
from telwerkd.domain.time.opening_hours import OpenHours, OpenStretch, Schedule, schedule_of
from tests.chats import END_OF_DAY, WIDGET, at, chat

SHOP = WidgetId("shop")


def daily(*stretches: tuple[int, int]) -> Schedule:
    """Open every day between these full hours."""
    return schedule_of("UTC", [tuple(OpenStretch(60 * a, 60 * b) for a, b in stretches)] * 7, [])


OFFICE, EVENING, ALWAYS = daily((9, 12), (13, 17)), daily((18, 24)), daily((0, 24))
OPEN = {schedule.id: OpenHours(schedule) for schedule in (OFFICE, EVENING, ALWAYS)}


def version(schedule: Schedule | None, since: str = "00:00:00") -> WidgetVersion:
    return WidgetVersion(at(since), None, (), (), schedule.id if schedule else b"")


def told(log: list[Event], **hours: WidgetVersion | list[WidgetVersion]) -> list[str]:
    """What counts in service time, in seconds: of widgets by their name, and of the account's `default`."""
    versions = {
        ACCOUNT_DEFAULTS if name == "default" else WidgetId(name): each if isinstance(each, list) else [each]
        for name, each in hours.items()
    }
    resolved = [Widgets(versions).resolve(event, None) for event in log]
    return counted(resolved)


def counted(log: list[Event]) -> list[str]:
    deltas = Deltas(OPEN.__getitem__)
    deltas.add_effects(fold(empty(CURRENT_RULES), log, Micros(10 * END_OF_DAY))[1])
    measures = deltas.by_measure()
    return [
        f"{kpi_of(measure).name.lower()} {int(value) / 1000:g}"
        for measure in SERVICE_TIME.values()
        for value, *_, n in measures.get(measure, [])
        for _ in range(n)
    ]


CHAT = """
    08:50:00 goes live
    08:58:00 contact: message
    09:02:00 anna: message
    11:59:30 contact: message
    13:00:30 anna: message
    18:00:00 ends
"""
ALL_OF_IT = [
    "first_response_time 120",
    "response_time 120",
    "response_time 60",
    f"conversation_duration {7 * 3600}",
]


def test_durations_count_a_second_time_as_far_as_they_lie_in_the_hours() -> None:
    """Of 14, 15 and 17 the part within the opening hours, and of 16 nothing (R-SERVICE-1)."""
    assert sorted(told(chat(CHAT), web=version(OFFICE))) == sorted(ALL_OF_IT)


def test_the_hours_are_those_of_the_widget_else_the_default_of_the_account() -> None:
    """The widget's own come first; a version of it without any leaves it to the account's (R-SERVICE-2)."""
    chatted = chat(CHAT)
    assert sorted(told(chatted, default=version(OFFICE))) == sorted(ALL_OF_IT)
    assert sorted(told(chatted, default=version(OFFICE), web=version(None))) == sorted(ALL_OF_IT)
    assert sorted(told(chatted, default=version(EVENING), web=version(OFFICE))) == sorted(ALL_OF_IT)


def test_the_hours_of_the_event_that_begins_a_duration_hold_for_all_of_it() -> None:
    """Whatever version comes into force in mid-wait, and whatever widget the answer is of (R-SERVICE-2)."""
    script = """
        10:00:00 contact: message on shop
        10:10:00 anna: message
        10:20:00 contact: message
        10:30:00 anna: message on shop
    """
    changed = [version(OFFICE), version(EVENING, "10:05:00")]
    assert told(chat(script), shop=changed, web=version(ALWAYS)) == ["response_time 600"] * 2
    later = [version(EVENING), version(ALWAYS, "10:15:00")]
    assert told(chat(script), shop=version(OFFICE), web=later) == ["response_time 600"] * 2
    assert told(chat(script), shop=later, web=version(EVENING)) == ["response_time 0"] * 2


def test_each_wait_and_each_episode_goes_by_the_event_that_begins_it() -> None:
    """A later wait by its own message, be it without hours, and the episode by its first one still (R-SERVICE-2)."""
    script = """
        10:00:00 contact: message on shop
        10:10:00 anna: message
        10:20:00 contact: message
        10:30:00 anna: message
        11:00:00 ends
    """
    hours = {"shop": version(ALWAYS)}
    assert told(chat(script), **hours) == ["response_time 600", "conversation_duration 3600"]
    both = told(chat(script), **hours, web=version(EVENING))
    assert both == ["response_time 0", "response_time 600", "conversation_duration 3600"]


def test_a_first_response_goes_by_what_begins_later() -> None:
    """The stretch or the wait: its widget's hours; at one instant by the order of events (R-SERVICE-2)."""
    hours = {"shop": version(ALWAYS), "web": version(EVENING)}
    waits_later = "10:00:00 goes live\n10:01:00 contact: message on shop\n10:02:00 anna: message"
    live_later = "10:00:00 contact: message\n10:01:00 goes live on shop\n10:02:00 anna: message"
    first = "first_response_time 60"
    assert first in told(chat(waits_later), **hours)
    assert first in told(chat(live_later), **hours)
    at_once = "10:01:00 contact: message seq 1\n10:01:00 goes live on shop seq 2\n10:02:00 anna: message"
    assert told(chat(at_once), **hours) == [first, "response_time 0"]


def test_what_lies_outside_counts_as_nothing_and_counts() -> None:
    """0 ms, and a fact (R-SERVICE-5)."""
    script = "20:00:00 contact: message\n20:10:00 anna: message\n20:20:00 ends"
    assert told(chat(script), web=version(OFFICE)) == ["response_time 0", "conversation_duration 0"]


def test_without_hours_there_is_no_second_number() -> None:
    """Not even 0; another widget's hours are none (R-SERVICE-7)."""
    assert told(chat(CHAT)) == []
    assert told(chat(CHAT), shop=version(OFFICE)) == []


@pytest.mark.parametrize("gone", ["02", "03", "06"])
def test_retractions_take_service_time_back(gone: str) -> None:
    """What is counted is as if the event had never been, whatever its hours were (R-BACK-1)."""
    log = chat(CHAT)
    without = [event for event in log if event.event_id != gone]
    retracted = [*log, *chat(f"23:00:00 takes back {gone} #back")]
    assert told(retracted, web=version(OFFICE)) == told(without, web=version(OFFICE))
    assert told(without, web=version(OFFICE)) != told(log, web=version(OFFICE))


def test_an_event_sent_again_is_the_same_whatever_hours_were_found_for_it() -> None:
    """The hours are no content of it (R-DUP-4)."""
    event = chat("10:00:00 contact: message")[0]
    assert event.widget_id == WIDGET
    assert msgspec.structs.replace(event, schedule=OFFICE.id).same_content(event)
