"""What stands after deliveries, a line for each event, to be compared with what a story means."""

from collections.abc import Iterable

from telwerk.v1.event_pb2 import Event, Sender
from telwerk_bridges.platform import Platform
from tests.bridges.bridging import Translator


def told(platform: Platform, payloads: Iterable[object], received_at: int = 0) -> list[str]:
    """The events that stand, without their ids; no id is used twice."""
    translate, standing, ids = Translator(platform), dict[str, Event](), set[str]()
    for payload in payloads:
        for event in translate(payload, received_at):
            assert event.event_id not in ids
            ids.add(event.event_id)
            if event.HasField("event_retracted"):
                del standing[event.event_retracted.retracted_event_id]
            else:
                standing[event.event_id] = event
    return sorted(line_of(event) for event in standing.values())


def line_of(event: Event) -> str:
    kind, detail = str(event.WhichOneof("kind")), ""
    match kind:
        case "message_sent":
            detail = Sender.Name(event.message_sent.sender).removeprefix("SENDER_").lower()
        case "operator_assigned":
            said = event.operator_assigned
            detail = f"{said.operator_id or 'nobody'} {said.operator_group_id or '-'}"
        case "topics_set":
            detail = " ".join(event.topics_set.topic_ids)
        case "page_visited":
            detail = event.page_visited.url
    return line(event.occur_time.ToMilliseconds(), kind, detail)


def line(at: int, kind: str, detail: str = "") -> str:
    return f"{at} {kind} {detail}".rstrip()
