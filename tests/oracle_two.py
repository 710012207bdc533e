"""Part two of docs/rules.md once more, as plainly as possible, and without any code of the fold: see `tests.oracle`.

Each fact is a question about the log before an event: "which message of the contact has no answer yet?", "which event
began this live stretch?"; asked again for every event, however slow. Beside each stand the ids of its rules.
"""

from collections.abc import Iterator
from typing import TypeAlias

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import Assigned, Ended, Event, LeftLive, Message, Resumed, Sender, WentLive
from telwerkd.domain.ids import NOBODY
from tests.oracle_words import Counted, Log, assigned, counted, has_ended, is_live, messages

FIRST, AGAIN = "1", "2"
Timed: TypeAlias = tuple[int, bytes, Counted]
"""When a duration began, by which opening hours, and its fact."""


def part_two(log: Log, *, is_unanswered_live: bool) -> Iterator[Counted]:
    """Every fact of KPI 11 to 20; `is_unanswered_live` says whether KPI 3 counts it, sooner or later (R-KPI13-2)."""
    for i, event in enumerate(log):
        before = log[:i]
        if isinstance(event.kind, Message):
            yield from of_a_message(event, before, is_unanswered_live=is_unanswered_live)
        if isinstance(event.kind, LeftLive | Ended) and is_live(before):  # R-KPI16-1, R-KPI16-2
            yield counted(Kpi.LIVE_SESSION_DURATION, ms(stretch(before), event), event, before)
        if isinstance(event.kind, Ended) and not has_ended(before):
            yield from of_an_end(event, before)
        if isinstance(event.kind, Assigned):
            was = assigned(before)[0]
            if was != NOBODY and event.kind.operator not in (NOBODY, was):  # R-KPI19-1, R-KPI19-2, R-KPI19-3
                yield counted(Kpi.REASSIGNMENTS, "", event, before)
    for i, event in enumerate(log):
        so_far = log[: i + 1]
        if messages(so_far) and assigned(so_far)[0] != NOBODY:  # R-KPI20-1, R-KPI20-2, R-KPI20-3
            yield counted(Kpi.CONVERSATIONS_RECEIVED, "", event, so_far)
            return


def of_a_message(event: Event, before: Log, *, is_unanswered_live: bool) -> Iterator[Counted]:
    assert isinstance(event.kind, Message)
    sender = str(int(event.kind.sender))
    if not messages(before):  # R-KPI11-1, R-KPI11-2
        yield counted(Kpi.CONVERSATIONS_STARTED, sender, event, before)
    yield for_its_writer(Kpi.MESSAGES, sender, event, before)  # R-KPI18-1
    if event.kind.sender is not Sender.OPERATOR:
        return
    if not is_unanswered_live and stops_a_limit(event, before):
        yield for_its_writer(Kpi.LIVE_CONVERSATIONS_ANSWERED, "", event, before)
    for _, fact in responses(event, before):
        yield fact


def responses(event: Event, before: Log) -> Iterator[tuple[Event, Counted]]:
    """The durations that an operator's message ends, each with the event that it began with."""
    waited = wait(before)
    if waited:  # R-KPI15-1
        yield waited, for_its_writer(Kpi.RESPONSE_TIME, ms(waited, event), event, before)
        if is_live(before) and not answered_in_stretch(before):  # R-KPI14-1, R-KPI14-3, R-KPI14-4
            later = max(waited, stretch(before), key=before.index)  # R-KPI14-2
            yield later, for_its_writer(Kpi.FIRST_RESPONSE_TIME, ms(later, event), event, before)


def of_an_end(event: Event, before: Log) -> Iterator[Counted]:
    again = any(isinstance(e.kind, Ended) for e in before)
    yield counted(Kpi.CONVERSATIONS_ENDED, AGAIN if again else FIRST, event, before)  # R-KPI12-2
    for _, fact in of_an_episode(event, before):
        yield fact


def of_an_episode(event: Event, before: Log) -> Iterator[tuple[Event, Counted]]:
    """The duration that an end ends, with the event that it began with."""
    began = episode(before)
    if began is not None and messages(before[began:], Sender.OPERATOR):  # R-KPI17-1
        yield before[began], counted(Kpi.CONVERSATION_DURATION, ms(before[began], event), event, before)


def in_hours(log: Log) -> Iterator[Timed]:
    """KPI 14, 15 and 17 a second time, where the event that begins the duration has opening hours.

    R-SERVICE-1, R-SERVICE-2, R-SERVICE-7.
    """
    for i, event in enumerate(log):
        before = log[:i]
        if messages([event], Sender.OPERATOR):
            found = [*responses(event, before)]
        elif isinstance(event.kind, Ended) and not has_ended(before):
            found = [*of_an_episode(event, before)]
        else:
            found = []
        yield from ((began.occur_time, began.schedule, fact) for began, fact in found if began.schedule)


# --- words ----------------------------------------------------------------------------------------------------------


def ms(begin: Event, end: Event) -> str:
    """R-TIME-1."""
    return str((end.occur_time - begin.occur_time) // 1_000)


def stretch(before: Log) -> Event:
    """What began the live stretch: the last time that it went live while not live (R-TIME-3)."""
    return [e for i, e in enumerate(before) if isinstance(e.kind, WentLive) and not is_live(before[:i])][-1]


def wait(before: Log) -> Event | None:
    """The contact's first message since the last operator's message, or since the end (R-TIME-4, R-TIME-5)."""
    closes = [
        i
        for i, e in enumerate(before)
        if (isinstance(e.kind, Message) and e.kind.sender is Sender.OPERATOR)
        or (isinstance(e.kind, Ended) and not has_ended(before[:i]))
    ]
    since = before[closes[-1] + 1 :] if closes else before
    waiting = messages(since, Sender.CONTACT)
    return waiting[0] if waiting else None


def episode(before: Log) -> int | None:
    """Where the episode began that goes on, as a place in the log (R-TIME-2)."""
    ends = [i for i, e in enumerate(before) if isinstance(e.kind, Ended) and not has_ended(before[:i])]
    first_place = ends[-1] + 1 if ends else 0
    for i in range(first_place, len(before)):
        if not isinstance(before[i].kind, Message) or has_ended(before[:i]):
            continue
        resumed = [r for r in range(i) if isinstance(before[r].kind, Resumed) and has_ended(before[:r])]
        is_start = not messages(before[:i])
        is_first_since = bool(resumed) and not messages(before[resumed[-1] : i])
        if is_start or is_first_since:
            return i
    return None


def answered_in_stretch(before: Log) -> bool:
    """Whether an operator's message has ended a wait since the stretch began."""
    began = before.index(stretch(before))
    replies = [i for i, e in enumerate(before) if i > began and messages([e], Sender.OPERATOR)]
    return any(wait(before[:i]) for i in replies)


def stops_a_limit(event: Event, before: Log) -> bool:
    """Whether a limit is running that this message is in time for (R-KPI13-1, R-KPI13-3)."""
    wrote = messages(before, Sender.CONTACT)
    if messages(before, Sender.OPERATOR) or not wrote or not is_live(before):
        return False
    live = stretch(before)
    assert isinstance(live.kind, WentLive)
    if live.kind.limit is None:
        return False
    return event.occur_time <= max(live.occur_time, wrote[0].occur_time) + live.kind.limit


# --- for whom -------------------------------------------------------------------------------------------------------


def for_its_writer(kpi: Kpi, value: str, event: Event, before: Log) -> Counted:
    """R-MSG-5."""
    assert isinstance(event.kind, Message)
    _, _, operator, group, widget, instant = counted(kpi, value, event, before)
    named = event.kind.operator if event.kind.sender is Sender.OPERATOR else NOBODY
    return (kpi, value, named or operator, group, widget, instant)
