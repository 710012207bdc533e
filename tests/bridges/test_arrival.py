"""The law of the bridge: what is told follows from what happened, however deliveries are shuffled, late or repeated."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from telwerk.v1.event_pb2 import Event, Sender
from tests.bridges.bridging import Translator
from tests.bridges.days import ACTIONS, START, Happening, deliveries, meaning, story_of
from tests.effort import examples

EXAMPLES = examples(60)
law = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def stories(draw: st.DrawFn, gap_ms_min: int = 1, gap_ms_max: int = 3_000) -> list[Happening]:
    actions = draw(st.lists(st.sampled_from(ACTIONS), max_size=14))
    gaps = draw(st.lists(st.integers(gap_ms_min, gap_ms_max), min_size=len(actions), max_size=len(actions)))
    return story_of(actions, gaps)


def told(payloads: Sequence[dict[str, Any]]) -> list[str]:
    """What stands after these deliveries, in the words of `days.Told`."""
    translate, events = Translator(), dict[str, Event]()
    for payload in payloads:
        for event in translate(payload):
            if event.HasField("event_retracted"):
                del events[event.event_retracted.retracted_event_id]
            else:
                assert event.event_id not in events
                events[event.event_id] = event
    return sorted(line_of(event) for event in events.values())


def line_of(event: Event) -> str:
    kind = event.WhichOneof("kind")
    detail = ""
    if event.HasField("message_sent"):
        number = event.event_id.removeprefix("message-")
        detail = f"{number} {Sender.Name(event.message_sent.sender).removeprefix('SENDER_')}"
    elif event.HasField("operator_assigned"):
        said = event.operator_assigned
        operator, group = said.operator_id.removeprefix("agent-"), said.operator_group_id.removeprefix("team-")
        detail = f"{operator or None} {group or None}"
    elif event.HasField("topics_set"):
        detail = " ".join(event.topics_set.topic_ids)
    elif event.HasField("conversation_rated"):
        detail = str(event.conversation_rated.stars)
    return f"{event.occur_time.ToMilliseconds() - START:>9} {kind} {detail}".rstrip()


@law
@given(stories(), st.data())
def test_shuffled_and_repeated_deliveries_tell_the_story(story: list[Happening], data: st.DataObject) -> None:
    """All of it: facts, operators, instants, and being live."""
    payloads = deliveries(story, 1, [0] * len(story))
    again = data.draw(st.lists(st.sampled_from(payloads), max_size=5))
    assert told(data.draw(st.permutations(payloads + again))) == meaning(story)


@law
@given(stories(), st.data())
def test_so_do_payloads_that_were_built_late_except_for_being_live(story: list[Happening], data: st.DataObject) -> None:
    """Who was online is nowhere but in what is shown when a payload is built."""
    lags = data.draw(st.lists(st.integers(0, 6), min_size=len(story), max_size=len(story)))
    payloads = deliveries(story, 1, lags)
    assert without_live(told(data.draw(st.permutations(payloads)))) == without_live(meaning(story))


@law
@given(stories(), st.data())
def test_any_part_of_the_deliveries_tells_the_same_in_any_order(story: list[Happening], data: st.DataObject) -> None:
    """Also where Chatwoot's queue lost some, and whatever they show."""
    lags = data.draw(st.lists(st.integers(0, 6), min_size=len(story), max_size=len(story)))
    payloads = deliveries(story, 1, lags)
    some = data.draw(st.lists(st.sampled_from(payloads), unique_by=id, max_size=len(payloads)))
    assert told(data.draw(st.permutations(some))) == told(some)


def without_live(lines: list[str]) -> list[str]:
    return [line for line in lines if "_live" not in line]
