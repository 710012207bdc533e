"""Every error reaches the client as the catalogue says, and nothing else of the server does."""

import asyncio
import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from telwerk.v1 import ingestion_service_pb2 as ingestion, ingestion_service_pb2_grpc as ingestion_grpc
from telwerkd.domain.errors import (
    FieldViolation,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    Reason,
    TelwerkError,
    UnauthenticatedError,
    UnavailableError,
)
from telwerkd.process.log_format import TextFormatter
from telwerkd.transport.codec.errors import STATUS_CODES, to_rpc_status
from telwerkd.transport.grpc.errors import ErrorInterceptor, refusing, to_status

REQUEST, RESPONSE = ingestion.IngestEventsRequest, ingestion.IngestEventsResponse
LEAK = "postgresql://telwerk:hunter2@db"
KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]

TABLE = {
    TelwerkError: (TelwerkError(Reason.INTERNAL, "the counters disagree"), grpc.StatusCode.INTERNAL),
    InvalidArgumentError: (
        InvalidArgumentError([FieldViolation("range", "is required"), FieldViolation("kpi_ids", "is empty")]),
        grpc.StatusCode.INVALID_ARGUMENT,
    ),
    LimitExceededError: (LimitExceededError("events", "has 5001, at most 5000"), grpc.StatusCode.INVALID_ARGUMENT),
    UnauthenticatedError: (UnauthenticatedError(Reason.KEY_MISSING, "no key"), grpc.StatusCode.UNAUTHENTICATED),
    PermissionDeniedError: (
        PermissionDeniedError(Reason.ACCOUNT_NOT_GRANTED, "not acme"),
        grpc.StatusCode.PERMISSION_DENIED,
    ),
    NotFoundError: (NotFoundError(Reason.WIDGET_SETTINGS_NOT_FOUND, "no settings"), grpc.StatusCode.NOT_FOUND),
    QuotaExceededError: (
        QuotaExceededError("watches_per_account_max", "all are open (watches_per_account_max)", 1.5),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ),
    UnavailableError: (UnavailableError(Reason.OVERLOADED, "too much", 1.5), grpc.StatusCode.UNAVAILABLE),
}


def tree(kind: type[TelwerkError]) -> set[type[TelwerkError]]:
    return {kind}.union(*(tree(child) for child in kind.__subclasses__()))


class Raising(ingestion_grpc.IngestionServiceServicer):
    """Raises what it was given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def IngestEvents(self, _request, _context):  # noqa: N802 - the contract's name
        raise self.error


@asynccontextmanager
async def serving(
    register: Callable[[grpc.aio.Server], None], *inner: grpc.aio.ServerInterceptor, options=()
) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server(interceptors=[ErrorInterceptor(), *inner], options=[("grpc.so_reuseport", 0)])
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield channel
    finally:
        await server.stop(None)


def ingestion_service(servicer) -> Callable[[grpc.aio.Server], None]:
    return lambda server: ingestion_grpc.add_IngestionServiceServicer_to_server(servicer, server)


def one_method(kind: str, behaviour, deserialize=REQUEST.FromString, serialize=RESPONSE.SerializeToString):
    """`/test.Service/Call` of one of the four kinds."""
    handler = getattr(grpc, f"{kind}_rpc_method_handler")(behaviour, deserialize, serialize)
    generic = grpc.method_handlers_generic_handler("test.Service", {"Call": handler})
    return lambda server: server.add_generic_rpc_handlers((generic,))


async def call(channel: grpc.aio.Channel, kind: str, method="/test.Service/Call", requests=(b"",)) -> list[Message]:
    """The replies, however many."""
    raw = {"request_serializer": lambda m: m if isinstance(m, bytes) else m.SerializeToString()}
    made = getattr(channel, kind)(method, **raw, response_deserializer=RESPONSE.FromString)
    sent = made((iter(requests) if requests else None) if kind.startswith("stream") else requests[0], timeout=20)
    return [reply async for reply in sent] if kind.endswith("stream") else [await sent]


async def failure(channel: grpc.aio.Channel, kind="unary_unary", **more) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, kind, **more)
    return caught.value


def details_of(error: grpc.aio.AioRpcError) -> dict[type[Message], Message]:
    """By type, and consistent: `from_call` raises if code or text differ between status and details."""
    status = rpc_status.from_call(error)
    assert status is not None
    return unpacked(status)


def unpacked(status: status_pb2.Status) -> dict[type[Message], Message]:
    found = {}
    for detail in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            message = kind()
            if detail.Unpack(message):
                found[kind] = message
    assert len(found) == len(status.details)
    return found


def test_the_table_names_every_class_of_the_tree():
    ours = {kind for kind in tree(TelwerkError) if kind.__module__ == "telwerkd.domain.errors"}
    assert set(STATUS_CODES) == ours == set(TABLE)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
async def test_an_error_arrives_with_its_status_its_text_and_its_details(kind):
    error, code = TABLE[kind]
    async with serving(ingestion_service(Raising(error))) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ingestion_grpc.IngestionServiceStub(channel).IngestEvents(REQUEST(account_id="acme"))
    arrived = caught.value
    assert (arrived.code(), arrived.details()) == (code, error.message)
    details = details_of(arrived)
    info = details.pop(error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == (error.reason.name, "telwerk")
    pushback = dict(arrived.trailing_metadata()).get("grpc-retry-pushback-ms")
    if isinstance(error, InvalidArgumentError):
        bad_request = details.pop(error_details_pb2.BadRequest)
        violations = [(v.field, v.description) for v in bad_request.field_violations]
        assert violations == [(v.field, v.description) for v in error.violations]
        assert info.metadata == {"field": error.violations[0].field}
    if isinstance(error, QuotaExceededError):
        assert info.metadata == {"limit": error.limit}
    if isinstance(error, QuotaExceededError | UnavailableError):
        assert details.pop(error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 1_500
        assert pushback == "1500"
    else:
        assert pushback is None
    assert not details


def test_a_class_that_is_not_in_the_table_takes_its_parents_status():
    class TooOldError(NotFoundError):
        pass

    assert to_status(TooOldError(Reason.UNKNOWN_KPI, "gone")).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0.0001, 1), (-3, 0), (float("inf"), 3_600_000), (float("nan"), 0)]
)
def test_the_time_to_wait_is_rounded_up_and_bounded(seconds, milliseconds):
    error = UnavailableError(Reason.OVERLOADED, "later", seconds)
    assert dict(to_status(error).trailing_metadata)["grpc-retry-pushback-ms"] == str(milliseconds)
    retry = unpacked(to_rpc_status(error))[error_details_pb2.RetryInfo]
    assert retry.retry_delay.ToMilliseconds() == milliseconds


@pytest.mark.parametrize(
    "text", ["wrong", "żółć" * 500, "\ud800", "x" * 10_000], ids=["short", "wide", "surrogate", "long"]
)
async def test_an_error_of_any_size_fits_into_the_trailers(text):
    error = InvalidArgumentError([FieldViolation(f"{text}.{n}", text) for n in range(1_000)])
    async with serving(one_method("unary_unary", Raising(error).IngestEvents)) as channel:
        arrived = await failure(channel)
    assert arrived.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = details_of(arrived)
    assert len(details[error_details_pb2.BadRequest].field_violations) >= 1
    assert details[error_details_pb2.ErrorInfo].reason == "INVALID_REQUEST"


async def read(requests) -> None:
    """All that the client sends. grpcio's client loses a status that arrives while it is still sending."""
    if isinstance(requests, AsyncIterable):
        async for _ in requests:
            pass


def behaviours(error: Exception, *, after: int):
    """For each way to write a servicer: its kind, and one that raises after so many replies."""

    async def single(_request, _context):
        raise error

    async def drains(requests, _context):
        await read(requests)
        raise error

    async def yields(requests, _context):
        await read(requests)
        for _ in range(after):
            yield RESPONSE()
        raise error

    async def writes(requests, context):
        await read(requests)
        for _ in range(after):
            await context.write(RESPONSE())
        raise error

    return [
        ("unary_unary", single),
        ("stream_unary", drains),
        ("unary_stream", yields),
        ("unary_stream", writes),
        ("stream_stream", yields),
        ("stream_stream", writes),
    ]


WAYS = [f"{kind}-{behaviour.__name__}" for kind, behaviour in behaviours(Exception(), after=0)]


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
async def test_every_kind_of_servicer_is_shielded(way, after):
    kind, behaviour = behaviours(NotFoundError(Reason.UNKNOWN_KPI, "no such KPI"), after=after)[way]
    async with serving(one_method(kind, behaviour)) as channel:
        arrived = await failure(channel, kind)
    assert (arrived.code(), arrived.details()) == (grpc.StatusCode.NOT_FOUND, "no such KPI")
    assert details_of(arrived)[error_details_pb2.ErrorInfo].reason == "UNKNOWN_KPI"


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
async def test_a_defect_is_logged_with_its_place_and_tells_the_client_nothing(way, after, caplog):
    kind, behaviour = behaviours(ValueError(LEAK), after=after)[way]
    async with serving(one_method(kind, behaviour)) as channel:
        arrived = await failure(channel, kind)
    assert arrived.code() is grpc.StatusCode.INTERNAL
    info = details_of(arrived)[error_details_pb2.ErrorInfo]
    assert (info.reason, info.domain) == ("INTERNAL", "telwerk")
    told = f"{arrived.details()} {arrived.trailing_metadata()} {arrived.initial_metadata()}"
    assert "hunter2" not in told
    assert "ValueError" not in told
    [record] = [record for record in caplog.records if record.name == "telwerkd.transport.grpc.errors"]
    told = record.msg.fields
    assert told["method"] == "/test.Service/Call"
    assert told["peer"].startswith("ipv4:127.0.0.1")
    assert told["error_id"] == info.metadata["error_id"]
    assert told["error_id"] in arrived.details()
    written = TextFormatter().format(record)
    assert "raise error" in written
    assert LEAK not in written


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lack_of_memory_is_a_matter_of_now_and_one_line_of_the_log(kind, caplog):
    """No defect: the call may be sent again, and no traceback says where in the program it was."""
    behaviour = next(each for of, each in behaviours(MemoryError(), after=0) if of == kind)
    async with serving(one_method(kind, behaviour)) as channel:
        arrived = await failure(channel, kind)
    assert arrived.code() is grpc.StatusCode.UNAVAILABLE
    assert details_of(arrived)[error_details_pb2.ErrorInfo].reason == "OVERLOADED"
    assert error_details_pb2.RetryInfo in details_of(arrived)
    [record] = [record for record in caplog.records if record.name == "telwerkd.transport.grpc.errors"]
    assert record.exc_info is None
    assert "no memory is left" in record.getMessage()


@pytest.mark.parametrize("kind", KINDS)
async def test_replies_pass_unchanged(kind):
    async def single(requests, _context):
        await read(requests)
        return RESPONSE(accepted_count=7)

    async def several(requests, _context):
        await read(requests)
        yield RESPONSE(accepted_count=7)
        yield RESPONSE(accepted_count=8)

    behaviour = several if kind.endswith("stream") else single
    async with serving(one_method(kind, behaviour)) as channel:
        replies = await call(channel, kind)
    assert [reply.accepted_count for reply in replies] == ([7, 8] if kind.endswith("stream") else [7])


@pytest.mark.parametrize("kind", KINDS)
async def test_bytes_that_are_no_message_are_the_callers_fault(kind, caplog):
    async def single(requests, _context):
        await read(requests)
        return RESPONSE()

    async def several(requests, _context):
        await read(requests)
        yield RESPONSE()

    behaviour = several if kind.endswith("stream") else single
    async with serving(one_method(kind, behaviour)) as channel:
        arrived = await failure(channel, kind, requests=(b"\xff\xff\xff",))
    assert arrived.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(arrived)[error_details_pb2.ErrorInfo].reason == "INVALID_REQUEST"
    assert not [record for record in caplog.records if record.name.startswith("telwerkd")]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_that_cannot_be_encoded_is_a_defect(kind):
    async def single(requests, _context):
        await read(requests)
        return LEAK

    async def several(requests, _context):
        await read(requests)
        yield LEAK

    behaviour = several if kind.endswith("stream") else single
    async with serving(one_method(kind, behaviour)) as channel:
        arrived = await failure(channel, kind)
    assert arrived.code() is grpc.StatusCode.INTERNAL
    assert details_of(arrived)[error_details_pb2.ErrorInfo].reason == "INTERNAL"
    assert "str" not in arrived.details()


async def test_what_the_servicer_aborts_with_stays_as_it_is():
    async def aborts(_request, context):
        await context.abort(grpc.StatusCode.DATA_LOSS, "its own words", (("why", "because"),))

    async with serving(one_method("unary_unary", aborts)) as channel:
        arrived = await failure(channel)
    assert (arrived.code(), arrived.details()) == (grpc.StatusCode.DATA_LOSS, "its own words")
    assert dict(arrived.trailing_metadata())["why"] == "because"


async def test_a_status_that_the_servicer_has_set_stays_as_it_is():
    async def sets(_request, context):
        context.set_code(grpc.StatusCode.OUT_OF_RANGE)
        context.set_details("its own words")

    async with serving(one_method("unary_unary", sets)) as channel:
        arrived = await failure(channel)
    assert (arrived.code(), arrived.details()) == (grpc.StatusCode.OUT_OF_RANGE, "its own words")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_call_is_cancelled_inside_and_not_swallowed(kind, caplog):
    caplog.set_level(logging.DEBUG)
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def waits(_request, _context):
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def waits_to_yield(request, context):
        await waits(request, context)
        yield RESPONSE()

    behaviour = waits_to_yield if kind.endswith("stream") else waits
    async with serving(one_method(kind, behaviour)) as channel:
        calling = asyncio.create_task(call(channel, kind))
        await started.wait()
        calling.cancel()
        await asyncio.wait_for(cancelled.wait(), 10)
        await asyncio.gather(calling, return_exceptions=True)
        # grpc's own handler of cancellations has seen it: it went all the way out.
        async with asyncio.timeout(10):
            while not any(  # noqa: ASYNC110 - a log record sets no event
                "RPC cancelled for servicer method" in record.message for record in caplog.records
            ):
                await asyncio.sleep(0.01)
    assert not [record for record in caplog.records if record.name == "telwerkd.transport.grpc.errors"]


async def test_writing_to_a_client_that_has_gone_is_no_defect(caplog):
    started, tried = asyncio.Event(), asyncio.Event()

    async def writes_on(_request, context):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await context.write(RESPONSE())
            finally:
                tried.set()

    async with serving(one_method("unary_stream", writes_on)) as channel:
        sent = channel.unary_stream("/test.Service/Call")(b"")
        await started.wait()
        sent.cancel()
        await asyncio.wait_for(tried.wait(), 10)
        await asyncio.sleep(0.05)
    assert not [record for record in caplog.records if record.name == "telwerkd.transport.grpc.errors"]


async def test_an_abort_that_the_servicer_swallows_is_still_the_answer():
    async def swallows(_request, context):
        try:
            await context.abort(grpc.StatusCode.DATA_LOSS, "its own words")
        except grpc.aio.AbortError:
            raise ValueError(LEAK) from None

    async with serving(one_method("unary_unary", swallows)) as channel:
        arrived = await failure(channel)
    assert (arrived.code(), arrived.details()) == (grpc.StatusCode.DATA_LOSS, "its own words")


async def test_a_stream_that_the_client_leaves_closes_the_servicers_generator():
    closed = asyncio.Event()

    async def endless(_request, _context):
        try:
            while True:
                yield RESPONSE()
                await asyncio.sleep(0.001)
        finally:
            closed.set()

    async with serving(one_method("unary_stream", endless)) as channel:
        sent = channel.unary_stream("/test.Service/Call")(b"")
        await sent.read()
        sent.cancel()
        await asyncio.wait_for(closed.wait(), 10)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionDeniedError(Reason.ROLE_NOT_GRANTED, "no"), grpc.StatusCode.PERMISSION_DENIED),
        (ValueError(LEAK), grpc.StatusCode.INTERNAL),
    ],
)
async def test_what_an_inner_interceptor_raises_is_shielded_too(error, code):
    class Raises(grpc.aio.ServerInterceptor):
        async def intercept_service(self, _continuation, _handler_call_details):
            raise error

    async with serving(one_method("unary_unary", Raising(error).IngestEvents), Raises()) as channel:
        arrived = await failure(channel)
    assert arrived.code() is code
    assert "hunter2" not in arrived.details()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_answers_any_kind_of_call_without_reading_it(kind):
    class Refuses(grpc.aio.ServerInterceptor):
        async def intercept_service(self, _continuation, _handler_call_details):
            return refusing(NotFoundError(Reason.UNKNOWN_KPI, "no"))

    unread = () if kind.startswith("stream") else (b"\xff\xff\xff",)
    async with serving(lambda _server: None, Refuses()) as channel:
        arrived = await failure(channel, kind, requests=unread)
    assert (arrived.code(), arrived.details()) == (grpc.StatusCode.NOT_FOUND, "no")


async def test_a_method_that_is_not_there_stays_unimplemented():
    async with serving(lambda _server: None) as channel:
        assert (await failure(channel)).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_servicer_that_would_block_the_loop_is_refused():
    def synchronous(_request, _context):
        return RESPONSE()

    async with serving(one_method("unary_unary", synchronous)) as channel:
        arrived = await failure(channel)
    assert arrived.code() is grpc.StatusCode.INTERNAL
    assert "coroutine" not in arrived.details()


async def test_grpcs_own_retries_heed_the_pushback():
    """They do so only if the error is nothing but trailers: a reply before them would commit the call."""
    attempts = []

    async def works_the_third_time(_request, _context):
        attempts.append(asyncio.get_running_loop().time())
        if len(attempts) < 3:
            raise UnavailableError(Reason.OVERLOADED, "later", 0.2)
        return RESPONSE(accepted_count=1)

    policy = {
        "maxAttempts": 4,
        "initialBackoff": "30s",
        "maxBackoff": "30s",
        "backoffMultiplier": 1,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})
    register = one_method("unary_unary", works_the_third_time)
    async with serving(register, options=[("grpc.service_config", config)]) as channel:
        [reply] = await call(channel, "unary_unary")
    assert reply.accepted_count == 1
    waits = [later - earlier for earlier, later in pairwise(attempts)]
    assert all(0.15 < wait < 10 for wait in waits), waits
