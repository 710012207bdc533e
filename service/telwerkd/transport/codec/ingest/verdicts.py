"""The outcome of a batch of events, and its reply."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from telwerkd.application.batches import Rejected, Verdict, Verdicts
from telwerkd.domain.ids import EventId
from telwerkd.transport.codec.errors import path_of
from telwerkd.transport.codec.ingest.events import Decoded
from telwerkd.transport.codec.wire.encoding import Encoded

Response = type[ingestion.IngestEventsResponse] | type[ingestion.StreamEventsResponse]

# Full of over-long ids, an answer would be larger than its receiver takes, who would never learn what was stored.
_ECHOED_MAX = 256
_ENCODED_AT_ONCE = 100
"""Rejections; other tasks run in between."""

_VERDICTS = {Verdict.ACCEPTED: ingestion.VERDICT_ACCEPTED, Verdict.DUPLICATE: ingestion.VERDICT_DUPLICATE}

REFUSED_BYTES = 1_500
"""About what is in memory of a refused event, rather too much."""


class Refused(NamedTuple):
    """An event that was refused before ingest."""

    outcome: Rejected
    event_id: str


class BatchResult(NamedTuple):
    """The outcomes of the events of a batch."""

    size: int
    """The number of events of the batch."""
    ids: list[EventId]
    """The ids of the valid events."""
    refused: dict[int, Refused]
    """The events refused before ingest, by index in the batch."""
    outcomes: Verdicts
    """The verdicts on the valid events, in the same order."""

    @property
    def all_accepted(self) -> bool:
        """Whether every event is newly stored, as most batches are."""
        return not self.refused and self.outcomes.count(Verdict.ACCEPTED) == self.size

    def rejections(self) -> Iterator[tuple[int, str, Rejected]]:
        """Yields index, id and reason of every event that is not stored, by index."""
        of_valid = zip(self.ids, self.outcomes, strict=True)
        for index in range(self.size):
            refused = self.refused.get(index)
            if refused is not None:
                yield index, refused.event_id, refused.outcome
                continue
            event_id, outcome = next(of_valid)
            if isinstance(outcome, Rejected):
                yield index, echoed(event_id), outcome


def echoed(event_id: str) -> str:
    """Returns an id as a rejection repeats it, truncated."""
    return event_id[:_ECHOED_MAX]


def refusals(decoded: Decoded, events: Sequence[pb.Event], first: int = 0) -> dict[int, Refused]:
    """Returns the refused events of a piece, by index in the batch; the piece begins at `first`."""
    return {
        index: Refused(rejected, echoed(events[index - first].event_id)) for index, rejected in decoded.refused.items()
    }


def accepted(size: int) -> dict[str, Any]:
    """Returns the fields of an answer to so many events that are all stored."""
    return {"accepted_count": size, "verdicts": [ingestion.VERDICT_ACCEPTED] * size}


async def encoded_verdicts(response: Response, taken: BatchResult) -> Encoded:
    """Returns the fields that both kinds of reply share; many rejections are encoded a few at a time."""
    duplicates = taken.outcomes.count(Verdict.DUPLICATE)
    of_valid = iter(taken.outcomes)
    verdicts = [_verdict(taken.refused.get(index) or next(of_valid)) for index in range(taken.size)]
    encoded = [
        response(
            accepted_count=taken.outcomes.count(Verdict.ACCEPTED), duplicate_count=duplicates, verdicts=verdicts
        ).SerializeToString()
    ]
    some = response()
    for number, (index, event_id, rejected) in enumerate(taken.rejections(), 1):
        some.rejections.add(
            index=index,
            event_id=event_id,
            reason=rejected.reason.name,
            field=path_of(rejected.field),
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
