"""What became of a batch of events, and its reply."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from telwerk.v1 import ingestion_service_pb2 as ingestion
from telwerkd.application.ingest import Batch, Outcomes, Rejected, Verdict
from telwerkd.domain.events import PostChatSurveyAnswered, PreChatSurveyCompleted
from telwerkd.transport.errors import Encoded
from telwerkd.transport.event_codec import Decoded

Response = type[ingestion.IngestEventsResponse] | type[ingestion.StreamEventsResponse]

# Full of over-long ids, an answer would be larger than its receiver takes, who would never learn what was stored.
_ECHOED_MAX = 256
_ENCODED_AT_ONCE = 500
"""Rejections, which take a millisecond."""

_VERDICTS = {Verdict.ACCEPTED: ingestion.VERDICT_ACCEPTED, Verdict.DUPLICATE: ingestion.VERDICT_DUPLICATE}

# Upper estimates of what is in memory, in bytes. Measured with ids of their own for every event and answer.
_EVENT_BYTES, _ANSWER_BYTES, _REFUSED_BYTES = 1_000, 256, 1_500


class Refused(NamedTuple):
    """An event that was refused before it was taken in."""

    outcome: Rejected
    event_id: str


class Taken(NamedTuple):
    """What became of the events of a batch."""

    size: int
    """Events of the batch."""
    valid: Batch
    refused: dict[int, Refused]
    """By their place in the batch."""
    outcomes: Outcomes
    """Of those that are valid, in their order."""

    def rejections(self) -> Iterator[tuple[int, str, Rejected]]:
        """Place, id and reason of every event that is not stored, by place."""
        of_valid = zip(self.valid, self.outcomes, strict=True)
        for place in range(self.size):
            refused = self.refused.get(place)
            if refused is not None:
                yield place, refused.event_id, refused.outcome
                continue
            submitted, outcome = next(of_valid)
            if isinstance(outcome, Rejected):
                yield place, echoed(submitted.event.event_id), outcome


def echoed(event_id: str) -> str:
    """The id as a rejection names it."""
    return event_id[:_ECHOED_MAX]


def held_bytes(decoded: Decoded) -> int:
    """About what decoded events hold in memory, rather too much than too little."""
    answers = sum(
        len(kind.answers)
        for kind in (submitted.event.kind for submitted in decoded.valid)
        if type(kind) is PostChatSurveyAnswered or type(kind) is PreChatSurveyCompleted
    )
    return _EVENT_BYTES * len(decoded.valid) + _ANSWER_BYTES * answers + _REFUSED_BYTES * len(decoded.refused)


async def encoded_verdicts(response: Response, taken: Taken) -> Encoded:
    """The fields that both kinds of answer share; many rejections are encoded a few at a time."""
    accepted = taken.outcomes.count(Verdict.ACCEPTED)
    if accepted == taken.size:
        whole = response(accepted_count=accepted, verdicts=[ingestion.VERDICT_ACCEPTED] * accepted)
        return Encoded(whole.SerializeToString())
    duplicates = taken.outcomes.count(Verdict.DUPLICATE)
    of_valid = iter(taken.outcomes)
    verdicts = [_verdict(taken.refused.get(place) or next(of_valid)) for place in range(taken.size)]
    encoded = [response(accepted_count=accepted, duplicate_count=duplicates, verdicts=verdicts).SerializeToString()]
    some = response()
    for number, (place, event_id, rejected) in enumerate(taken.rejections(), 1):
        some.rejections.add(
            index=place,
            event_id=event_id,
            reason=rejected.reason.name,
            field=rejected.field,
            message=rejected.message,
        )
        if not number % _ENCODED_AT_ONCE:
            encoded.append(some.SerializeToString())
            some.Clear()
            await asyncio.sleep(0)
    encoded.append(some.SerializeToString())
    return Encoded(b"".join(encoded))


def _verdict(outcome: Verdict | Rejected | Refused) -> ingestion.Verdict.ValueType:
    return _VERDICTS[outcome] if isinstance(outcome, Verdict) else ingestion.VERDICT_REJECTED
