"""What attackers send that several of them do: events, batches, and the question with the largest answer."""

import uuid
from collections.abc import Iterable
from typing import Any

from benchmarks.attack.attacker import ACCOUNT
from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi

_NINE = (
    "satisfaction_score",
    "feedback_count",
    "unanswered_live_conversations",
    "unanswered_ended_conversations",
    "offline_assignments",
    "goals_reached",
    "conversation_topics",
    "pre_chat_survey_results",
    "post_chat_survey_results",
)


def event_of(conversation: str, **kind: Any) -> pb.Event:
    event = pb.Event(event_id=uuid.uuid4().hex, conversation_id=conversation, widget_id="web", **kind)
    event.occur_time.GetCurrentTime()
    return event


def message(conversation: str, *, late_seconds: int = 0) -> pb.Event:
    event = event_of(conversation, message_sent=pb.MessageSent(sender=pb.SENDER_CONTACT))
    event.occur_time.seconds -= late_seconds
    return event


def batch_of(events: Iterable[pb.Event], account: str = ACCOUNT) -> bytes:
    return ingestion.IngestEventsRequest(account_id=account, events=events).SerializeToString()


def survey(answers: int, *, kind: str = "post_chat_survey_answered", questions: int = 100) -> pb.Event:
    event = event_of(uuid.uuid4().hex)
    for place in range(answers):
        getattr(event, kind).answers.add(question_id=f"q{place % questions}", option_id=f"o{place % 7}")
    return event


def quarter_hours(*, days: int = 365, moved: int = 0) -> kpi.QueryTimeSeriesRequest:
    request = kpi.QueryTimeSeriesRequest(
        account_id=ACCOUNT, kpi_ids=_NINE, granularity=kpi.GRANULARITY_QUARTER_HOUR, time_zone="Europe/Berlin"
    )
    end = 1_792_591_200 - 900 * moved
    request.range.instants.start_time.seconds, request.range.instants.end_time.seconds = end - 86_400 * days, end
    request.compare_to.previous_period = True
    return request
