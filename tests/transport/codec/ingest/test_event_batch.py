"""The events of a request are found as protobuf would have decoded them, and what is too much is refused undecoded."""

from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import example, given, strategies as st

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError, UnavailableError
from telwerkd.transport.codec.ingest.event_batch import EventBatch, EventBatches
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.codec.wire.splitting import account_of
from tests.transport.codec.wire.fields_written import field, varint

# So small that everything is walked, and every event is a piece or two.
LIMITS = EventLimits(batch_events_max=20, event_bytes_max=300)
REQUEST = ingestion.IngestEventsRequest


def split(raw: bytes, limits: EventLimits = LIMITS, memory: int = 2**30) -> EventBatch:
    return EventBatches(limits, MemoryBudget(memory)).split(raw)


def events_of(batch: EventBatch) -> list[pb.Event]:
    if batch.whole is not None:
        return list(batch.whole)
    places = [piece.first + n for piece in batch.pieces for n in range(len(piece.events()))]
    assert sorted([*places, *batch.too_large]) == list(range(batch.count))
    return [event for piece in batch.pieces for event in piece.events()]


event = st.builds(lambda n: pb.Event(event_id="e" * n).SerializeToString(), st.integers(0, 250))
parts = st.one_of(
    st.builds(field, st.just(2), event, st.integers(0, 2)),
    st.builds(lambda name, longer: field(1, name.encode(), longer), st.text(max_size=20), st.integers(0, 2)),
    st.builds(field, st.integers(3, 2_000), st.binary(max_size=300)),  # of a newer contract
    st.builds(lambda n: varint(1 << 3) + varint(n), st.integers(0, 2**64 - 1)),  # an account that is a number
    st.builds(lambda n: varint(2 << 3 | 5) + n, st.binary(min_size=4, max_size=4)),
    st.builds(lambda n: varint(9 << 3 | 1) + n, st.binary(min_size=8, max_size=8)),
)


@given(st.lists(parts, max_size=20), st.binary(min_size=301, max_size=400))
def test_a_walk_finds_what_protobuf_finds(fields: list[bytes], filling: bytes) -> None:
    """The same account and the same events, in whatever order and form the fields come."""
    raw = b"".join([field(15, filling), *fields])  # so long that it is walked
    message = REQUEST.FromString(raw)
    batch = split(raw)
    assert batch.whole is None
    assert batch.account_id == message.account_id == account_of(raw)
    assert events_of(batch) == list(message.events)


@given(st.binary(max_size=60))
@example(b"\x89\x80\x80\x80\x10" + bytes(8))  # a field number that does not fit into 29 bits
def test_no_bytes_are_read_otherwise_than_protobuf_does(tail: bytes) -> None:
    """What protobuf refuses is refused, and what is taken is the same."""
    raw = field(15, b"x" * 400) + tail
    try:
        batch = split(raw)
        found = events_of(batch)
    except InvalidArgumentError:
        with_groups = any(byte & 7 in {3, 4} for byte in tail)
        try:
            REQUEST.FromString(raw)
        except DecodeError:
            return
        assert with_groups, "groups alone are refused beyond what protobuf refuses"
        return
    message = REQUEST.FromString(raw)
    assert (batch.account_id, found) == (message.account_id, list(message.events))


def test_the_account_that_is_last_on_the_wire_counts() -> None:
    """Behind the events, and after another one: what is checked is what is used."""
    small = REQUEST(account_id="mine", events=[pb.Event()]).SerializeToString() + field(1, b"theirs")
    assert split(small).account_id == "theirs"
    large = REQUEST(account_id="mine", events=[pb.Event(event_id="x" * 200)] * 5).SerializeToString()
    assert split(large + field(1, b"theirs")).account_id == "theirs"


def test_too_many_events_are_refused_undecoded_and_uncounted() -> None:
    """Sixteen million bytes of nothing are refused at the 21st event."""
    batch = split(b"\x12\x00" * 8_000_000)
    assert isinstance(batch.refusal, LimitExceededError)
    assert "batch_events_max" in batch.refusal.message
    assert batch.count == 21
    assert not batch.pieces


def test_a_large_event_is_refused_alone_and_named() -> None:
    """Its neighbours are decoded; it is not."""
    large = pb.Event(event_id="large", page_visited=pb.PageVisited(url="x" * 300))
    batch = split(
        REQUEST(account_id="a", events=[pb.Event(event_id="1"), large, pb.Event(event_id="2")]).SerializeToString()
    )
    assert [each.event_id for each in events_of(batch)] == ["1", "2"]
    assert [(place, each.name().text) for place, each in batch.too_large.items()] == [(1, "large")]


def test_the_largest_valid_event_is_within_the_bound_of_an_event() -> None:
    """A hundred answers of the longest ids, and a URL of the greatest length."""
    longest = "x" * 128
    answers = [pb.SurveyAnswer(question_id=longest, option_id=longest)] * 100
    base: dict[str, Any] = {"event_id": longest, "conversation_id": longest, "widget_id": longest, "sequence": 2**62}
    survey = pb.Event(**base, post_chat_survey_answered=pb.PostChatSurveyAnswered(answers=answers))
    page = pb.Event(**base, page_visited=pb.PageVisited(url="https://x/".ljust(2_048, "y")))
    topics = pb.Event(**base, topics_set=pb.TopicsSet(topic_ids=[longest] * 100))
    assert max(each.ByteSize() for each in (survey, page, topics)) + 1_000 < EventLimits().event_bytes
    assert EventLimits(id_bytes_max=500).event_bytes > 100_000


def test_what_does_not_fit_into_the_memory_is_refused_for_now() -> None:
    """And nothing of it is kept."""
    budget = MemoryBudget(10_000)
    held = budget.reserve(9_000, "another")
    raw = REQUEST(account_id="a", events=[pb.Event(event_id="x" * 200)] * 10).SerializeToString()
    batch = EventBatches(LIMITS, budget).split(raw)
    batch.reserve()
    assert isinstance(batch.refusal, UnavailableError)
    assert "memory_bytes_max" in batch.refusal.message
    assert not batch.pieces
    held.release()
    batch = EventBatches(LIMITS, budget).split(raw)
    batch.reserve()
    assert batch.refusal is None
    assert budget.bytes_reserved == 2 * len(raw)
