"""What ingesting says of good and bad events, batch by batch; each batch follows from those before it."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, settings_service_pb2 as settings
from tests.golden.questions import Question
from tests.golden.world import DAY_ONE, ERASED, HORIZON, LATE_FROM, NOW, PAGES, PURGED, ingesting, timestamp

ACCOUNT = "verdicts"
ANSWER = pb.SurveyAnswer(question_id="q", option_id="o")


def event(event_id: str, conversation: str = "c", /, **changes: Any) -> pb.Event:
    """A message of the contact on the day before the last, but for `changes`; None leaves a field out."""
    fields: dict[str, Any] = {
        "event_id": event_id,
        "conversation_id": conversation,
        "widget_id": "web",
        "occur_time": timestamp(NOW - 86_400),
    }
    if not changes.keys() & {field.name for field in pb.Event.DESCRIPTOR.oneofs_by_name["kind"].fields}:
        fields["message_sent"] = pb.MessageSent(sender=1)
    fields |= changes
    return pb.Event(**{name: value for name, value in fields.items() if value is not None})


def page(url: str) -> dict[str, Any]:
    return {"page_visited": pb.PageVisited(url=url)}


BAD_EVENTS: dict[str, dict[str, Any]] = {
    "no id": {"event_id": ""},
    "long id": {"event_id": "x" * 129},
    "control in the id": {"event_id": "a\n"},
    "no conversation": {"conversation_id": ""},
    "no widget": {"widget_id": ""},
    "separator in the widget": {"widget_id": "a\x1fb"},
    "no time": {"occur_time": None},
    "1999": {"occur_time": timestamp(946_684_799)},
    "2200": {"occur_time": timestamp(7_258_118_400)},
    "in an hour": {"occur_time": timestamp(NOW + 3_600)},
    "bad nanos": {"occur_time": Timestamp(seconds=DAY_ONE, nanos=1_000_000_000)},
    "sequence": {"sequence": -1},
    "no kind": {"message_sent": None},
    "no sender": {"message_sent": pb.MessageSent()},
    "sender 4": {"message_sent": pb.MessageSent(sender=4)},
    "6 stars": {"conversation_rated": pb.ConversationRated(stars=6)},
    "action 9": {"inactivity_action_performed": pb.InactivityActionPerformed(action=9)},
    "limit 0": {"went_live": pb.WentLive(live_limit=Duration())},
    "limit of 31 days": {"went_live": pb.WentLive(live_limit=Duration(seconds=31 * 86_400))},
    "relative URL": page("/thanks"),
    "script": page("javascript:alert(1)"),
    "no host": page("https:///thanks"),
    "a blank": page("https://shop.example/a b"),
    "long URL": page("https://shop.example/" + "x" * 2_048),
    "no goal": {"goal_reached": pb.GoalReached()},
    "21 topics": {"topics_set": pb.TopicsSet(topic_ids=map(str, range(21)))},
    "empty topic": {"topics_set": pb.TopicsSet(topic_ids=["a", ""])},
    "no answers": {"pre_chat_survey_completed": pb.PreChatSurveyCompleted()},
    "101 answers": {"post_chat_survey_answered": pb.PostChatSurveyAnswered(answers=[ANSWER] * 101)},
    "no option": {"post_chat_survey_answered": pb.PostChatSurveyAnswered(answers=[pb.SurveyAnswer(question_id="q")])},
    "takes itself back": {"event_retracted": pb.EventRetracted(retracted_event_id="e")},
    "takes nothing back": {"event_retracted": pb.EventRetracted()},
}
GOOD_EVENTS: dict[str, dict[str, Any]] = {
    "128 bytes": {"widget_id": "é" * 64},
    "odd characters": {"widget_id": " '\"\\%_\u2028\U0001f600 "},
    "first instant": {"occur_time": timestamp(946_684_800)},
    "within the skew": {"occur_time": timestamp(NOW + 299)},
    "cut to microseconds": {"occur_time": Timestamp(seconds=NOW - 5, nanos=999_999_999)},
    "largest sequence": {"sequence": 2**63 - 1},
    "1 microsecond": {"went_live": pb.WentLive(live_limit=Duration(nanos=1_000))},
    "no topics": {"topics_set": pb.TopicsSet()},
    "topics twice": {"topics_set": pb.TopicsSet(topic_ids=["b", "a", "b"])},
    "odd URL": page("HTTPS://[::1]:8080/é?q=%zz#frag"),
    "another operator": {"operator_assigned": pb.OperatorAssigned(operator_id="anna")},
}


def _batches() -> Iterator[tuple[str, str, list[pb.Event]]]:
    for name, changes in BAD_EVENTS.items():
        bad = event("e", **changes)
        yield f"bad: {name}", ACCOUNT, [event(f"before {name}"), bad, event(f"after {name}")]
    good = [event(f"good {name}", **changes) for name, changes in GOOD_EVENTS.items()]
    yield "good", ACCOUNT, good
    yield "good again", ACCOUNT, good
    yield "in one batch twice", ACCOUNT, [event("twice", "c2"), event("twice", "c2"), event("twice", "c3")]
    yield "id reused", ACCOUNT, [event("twice", "c2", sequence=1), event("twice", "c2"), event("new", "c2")]
    visit = event("visit", "c4", **page(PAGES[0]), sequence=4)
    yield "a page", ACCOUNT, [visit]
    yield "a page, reused with another", ACCOUNT, [event("visit", "c4", **page(PAGES[4]), sequence=4), visit]
    yield "retracted before it comes", ACCOUNT, [event("r", event_retracted={"retracted_event_id": "later"})]
    yield "comes after its retraction", ACCOUNT, [event("later"), event("later")]
    yield "a full conversation", ACCOUNT, [event(f"f{n}", "full") for n in range(63)]
    held = pb.PreChatSurveyCompleted(answers=[ANSWER] * 4)
    waiting = [event(f"h{n}", "waiting", pre_chat_survey_completed=held) for n in range(4)]
    yield "too much held back", ACCOUNT, waiting
    retracted = [event(f"r{n}", "absent", event_retracted={"retracted_event_id": f"x{n}"}) for n in range(12)]
    yield "too many retractions of absent events", ACCOUNT, retracted
    many = [event(f"n{n}", f"names {n % 3}", goal_reached={"goal_id": f"a goal {n}"}) for n in range(70)]
    yield "too many names", ACCOUNT, many
    yield "too many names again", ACCOUNT, many
    yield "erased", ERASED, [event("x", "c1"), event("x", "c2"), event("x", "a new one")]
    before = [event(f"b{n}", "c1", occur_time=timestamp(HORIZON + n)) for n in (-86_400, -1, 0)]
    yield "before the horizon", PURGED, before
    yield "none good", ACCOUNT, [event("n", sequence=-1)] * 3


def verdicts() -> Iterator[Question]:
    """Each changes what is stored: to be asked once, in this order, after everything else."""
    for name, account, batch in _batches():
        yield Question(f"ingest/{name}", *ingesting(account, batch))
    again = settings.SetWidgetSettingsRequest(
        account_id=ACCOUNT, settings=settings.WidgetSettings(widget_id="web", live_limit=Duration(seconds=5))
    )
    yield Question("settings/effective from now", "SettingsService/SetWidgetSettings", again)
    yield Question(
        "ingest/after the settings changed",
        *ingesting(ACCOUNT, [event("live", "c9", went_live={}), event("m", "c9"), event("good odd URL")]),
    )


def streamed() -> list[tuple[str, ingestion.StreamEventsRequest]]:
    """The requests of one stream."""
    return [
        (f"stream/{name}", ingestion.StreamEventsRequest(account_id=account, events=batch))
        for name, account, batch in (
            ("good", ACCOUNT, [event(f"s{n}", f"s{n % 4}") for n in range(30)]),
            ("again", ACCOUNT, [event(f"s{n}", f"s{n % 4}") for n in range(25, 35)]),
            ("bad among good", ACCOUNT, [event("s100", "s1"), event("", "s1"), event("s1", "s1", sequence=9)]),
            ("nothing", ACCOUNT, []),
            ("too many", ACCOUNT, [event("s101", "s1")] * 501),
            ("no account", "", [event("s102", "s1")]),
            ("late", ACCOUNT, [event("s103", "s1", occur_time=timestamp(LATE_FROM))]),
        )
    ]
