"""The verdicts of a batch are in the order of its events, wherever each was decided."""

import pytest

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from telwerkd.application.batches import Batch, Rejected, Verdict
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import EventId
from telwerkd.transport.codec.ingest.events import Decoded
from telwerkd.transport.codec.ingest.verdicts import BatchResult, Refused, accepted, encoded_verdicts, refusals

RESPONSE = ingestion.IngestEventsResponse
ACCEPTED, DUPLICATE = Verdict.ACCEPTED, Verdict.DUPLICATE


def rejected(text: str) -> Rejected:
    return Rejected(Reason.INVALID_EVENT, "occur_time", text)


async def told(result: BatchResult) -> ingestion.IngestEventsResponse:
    """The reply, as a client reads it."""
    return RESPONSE.FromString((await encoded_verdicts(RESPONSE, result)).payload)


async def test_what_was_refused_before_and_what_is_stored_or_not_stand_in_their_places() -> None:
    """And each rejection has its place, its id and its reason."""
    refused = {0: Refused(rejected("first"), "a"), 3: Refused(rejected("fourth"), "d")}
    outcomes: list[Verdict | Rejected] = [ACCEPTED, rejected("third"), DUPLICATE]
    reply = await told(BatchResult(5, [EventId(each) for each in "bce"], refused, outcomes))
    assert [ingestion.Verdict.Name(each).removeprefix("VERDICT_") for each in reply.verdicts] == [
        "REJECTED",
        "ACCEPTED",
        "REJECTED",
        "REJECTED",
        "DUPLICATE",
    ]
    assert (reply.accepted_count, reply.duplicate_count) == (1, 1)
    assert [(each.index, each.event_id, each.message) for each in reply.rejections] == [
        (0, "a", "first"),
        (2, "c", "third"),
        (3, "d", "fourth"),
    ]


@pytest.mark.parametrize("size", [1, 99, 100, 101, 250])
async def test_every_one_of_many_rejections_is_told_once(size: int) -> None:
    """Though they are encoded a hundred at a time; and an id is repeated in part only, however long it is."""
    ids = [EventId(f"{place:04}".ljust(5_000, "x")) for place in range(size)]
    reply = await told(BatchResult(size, ids, {}, [rejected("no")] * size))
    assert [each.index for each in reply.rejections] == list(range(size))
    assert {len(each.event_id) for each in reply.rejections} == {256}
    assert len(reply.verdicts) == size


async def test_the_short_reply_to_a_batch_that_is_all_stored_is_the_long_one() -> None:
    """Most batches get it; none with a duplicate does."""
    stored = BatchResult(3, [EventId(each) for each in "abc"], {}, [ACCEPTED] * 3)
    assert stored.all_accepted
    assert RESPONSE(**accepted(3)) == await told(stored)
    assert not stored._replace(outcomes=[ACCEPTED, DUPLICATE, ACCEPTED]).all_accepted
    assert not BatchResult(1, [], {0: Refused(rejected("no"), "a")}, []).all_accepted


def test_refusals_of_a_piece_are_by_their_places_in_the_batch() -> None:
    decoded = Decoded(Batch(), {7: rejected("no")})
    events = [pb.Event(event_id="f"), pb.Event(event_id="g"), pb.Event(event_id="h")]
    assert refusals(decoded, events, first=6) == {7: Refused(rejected("no"), "g")}
