"""A key opens what it grants, and nothing else; and every method needs something."""

import asyncio
import importlib
import logging
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.rpc import error_details_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

import telwerk.v1
from telwerk.v1 import (
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    kpi_service_pb2 as kpi,
    kpi_service_pb2_grpc as kpi_grpc,
    settings_service_pb2 as settings,
    settings_service_pb2_grpc as settings_grpc,
)
from telwerkd.domain.errors import UnauthenticatedError
from telwerkd.transport.grpc.errors import ErrorInterceptor
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.auth import AuthInterceptor, Keyring, Open, access_of
from telwerkd.transport.security.keys_file import Role
from telwerkd.transport.security.tls import StartupError

WITHOUT_ACCOUNT = {"telwerk.v1.ListKpisRequest"}
"""Requests that are about no account. Whoever adds one here has thought about what it gives away."""


class Ingestion(ingestion_grpc.IngestionServiceServicer):
    async def IngestEvents(self, request, _context):  # noqa: N802 - the contract's name
        return ingestion.IngestEventsResponse(accepted_count=len(request.account_id))


class Kpis(kpi_grpc.KpiServiceServicer):
    async def ListKpis(self, _request, _context):  # noqa: N802
        return kpi.ListKpisResponse(language_code="nl")

    async def QueryTimeSeries(self, request, _context):  # noqa: N802
        return kpi.QueryTimeSeriesResponse(time_zone=request.account_id)

    async def QueryTotals(self, request, _context):  # noqa: N802
        return kpi.QueryTotalsResponse(time_zone=request.account_id)


class Settings(settings_grpc.SettingsServiceServicer):
    async def SetWidgetSettings(self, _request, _context):  # noqa: N802
        return settings.SetWidgetSettingsResponse()

    async def GetWidgetSettings(self, _request, _context):  # noqa: N802
        return settings.GetWidgetSettingsResponse()

    async def ListWidgetSettings(self, _request, _context):  # noqa: N802
        return settings.ListWidgetSettingsResponse()

    async def SetAccountSettings(self, _request, _context):  # noqa: N802
        return settings.SetAccountSettingsResponse()

    async def GetAccountSettings(self, _request, _context):  # noqa: N802
        return settings.GetAccountSettingsResponse()


async def echo(requests, _context):
    """As a servicer of streams reads: by iterating."""
    async for request in requests:
        yield ingestion.IngestEventsResponse(accepted_count=len(request.account_id))


async def echo_by_reading(_requests, context):
    """The other way to read a stream."""
    while (request := await context.read()) is not grpc.aio.EOF:
        await context.write(ingestion.IngestEventsResponse(accepted_count=len(request.account_id)))


async def count(requests, _context):
    return ingestion.IngestEventsResponse(accepted_count=len([request async for request in requests]))


async def ticks(_request, _context):
    """A stream of replies that never ends."""
    while True:
        yield ingestion.IngestEventsResponse(accepted_count=1)
        await asyncio.sleep(0.01)


async def silence(_request, context):
    """Another, after one reply."""
    await context.write(ingestion.IngestEventsResponse(accepted_count=1))
    await asyncio.Event().wait()


CODEC = (ingestion.IngestEventsRequest.FromString, ingestion.IngestEventsResponse.SerializeToString)
STREAMS = grpc.method_handlers_generic_handler(
    "telwerk.v1.IngestionService",
    {
        "Echo": grpc.stream_stream_rpc_method_handler(echo, *CODEC),
        "EchoByReading": grpc.stream_stream_rpc_method_handler(echo_by_reading, *CODEC),
        "Ticks": grpc.unary_stream_rpc_method_handler(ticks, *CODEC),
        "Silence": grpc.unary_stream_rpc_method_handler(silence, *CODEC),
        "Count": grpc.stream_unary_rpc_method_handler(count, *CODEC),
    },
)
UNDECIDED = grpc.method_handlers_generic_handler(
    "telwerk.v1.NewService",
    {
        "Call": grpc.unary_unary_rpc_method_handler(count, *CODEC),
        "Stream": grpc.stream_stream_rpc_method_handler(echo, *CODEC),
    },
)


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


@asynccontextmanager
async def serving(path: Path, clock=Clock()) -> AsyncIterator[grpc.aio.Channel]:  # noqa: B008 - one that stands still
    server = grpc.aio.server(
        interceptors=[ErrorInterceptor(), AuthInterceptor(Keyring(path, clock=clock))],
        options=[("grpc.so_reuseport", 0)],
    )
    ingestion_grpc.add_IngestionServiceServicer_to_server(Ingestion(), server)
    kpi_grpc.add_KpiServiceServicer_to_server(Kpis(), server)
    settings_grpc.add_SettingsServiceServicer_to_server(Settings(), server)
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    reflection.enable_server_reflection([reflection.SERVICE_NAME], server)
    server.add_generic_rpc_handlers((STREAMS, UNDECIDED))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


def bearer(token: str, scheme="Bearer") -> tuple[tuple[str, str], ...]:
    return (("authorization", f"{scheme} {token}"),)


async def ingest(channel, token: str | None, account="acme") -> ingestion.IngestEventsResponse:
    request = ingestion.IngestEventsRequest(account_id=account)
    metadata = None if token is None else bearer(token)
    return await ingestion_grpc.IngestionServiceStub(channel).IngestEvents(request, metadata=metadata, timeout=20)


async def refusal(awaitable) -> tuple[grpc.StatusCode, str]:
    """Status and reason."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    status = rpc_status.from_call(caught.value)
    assert status is not None, caught.value
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return caught.value.code(), info.reason


UNKNOWN = grpc.StatusCode.UNAUTHENTICATED, "KEY_UNKNOWN"
MISSING = grpc.StatusCode.UNAUTHENTICATED, "KEY_MISSING"
NO_ROLE = grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_GRANTED"
NO_ACCOUNT = grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_NOT_GRANTED"


def methods() -> list[MethodDescriptor]:
    """Every method of every service of the contract, as generated."""
    modules = [
        importlib.import_module(f"telwerk.v1.{module.name}")
        for module in pkgutil.iter_modules(telwerk.v1.__path__)
        if module.name.endswith("_pb2")
    ]
    return [
        method
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


def name_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


@pytest.mark.parametrize("method", methods(), ids=name_of)
def test_every_method_of_the_contract_needs_a_role(method):
    assert isinstance(access_of(name_of(method)), Role)


def test_the_roles_are_those_of_the_contract():
    assert {name_of(method): access_of(name_of(method)) for method in methods()}.items() >= {
        "/telwerk.v1.IngestionService/IngestEvents": Role.INGEST,
        "/telwerk.v1.KpiService/ListKpis": Role.QUERY,
        "/telwerk.v1.KpiService/QueryTimeSeries": Role.QUERY,
        "/telwerk.v1.KpiService/QueryTotals": Role.QUERY,
        "/telwerk.v1.SettingsService/GetAccountSettings": Role.QUERY,
        "/telwerk.v1.SettingsService/GetWidgetSettings": Role.QUERY,
        "/telwerk.v1.SettingsService/ListWidgetSettings": Role.QUERY,
        "/telwerk.v1.SettingsService/SetAccountSettings": Role.ADMIN,
        "/telwerk.v1.SettingsService/SetWidgetSettings": Role.ADMIN,
        "/telwerk.v1.SettingsService/SetDisplayNames": Role.ADMIN,
        "/telwerk.v1.SettingsService/ListDisplayNames": Role.QUERY,
        "/telwerk.v1.KpiService/ListDimensionValues": Role.QUERY,
    }.items()
    assert access_of("/telwerk.v1.AdminService/Erase") is Role.ADMIN


QUERIES = {
    "telwerk.v1.BatchQueryRequest": {"telwerk.v1.QueryTimeSeriesRequest", "telwerk.v1.QueryTotalsRequest"},
    "telwerk.v1.WatchTimeSeriesRequest": {"telwerk.v1.QueryTimeSeriesRequest"},
}


@pytest.mark.parametrize("method", methods(), ids=name_of)
def test_every_request_names_its_account_at_the_top_and_nowhere_else(method):
    """Only there it is checked: an account inside a nested message would go past.

    Queries inside a batch or a watch have one all the same; any but the one around it is refused (`test_batch.py`,
    `test_watch.py`).
    """
    request = method.input_type
    assert ("account_id" in request.fields_by_name) != (request.full_name in WITHOUT_ACCOUNT)
    inner = {inner.full_name for inner in nested(request) if "account_id" in inner.fields_by_name}
    assert inner <= QUERIES.get(request.full_name, set())


def nested(message: Descriptor) -> set[Descriptor]:
    """The messages inside, however deep; not the message itself, unless it contains itself."""
    found: set[Descriptor] = set()
    waiting = [message]
    while waiting:
        inner = {field.message_type for field in waiting.pop().fields if field.message_type is not None} - found
        found |= inner
        waiting.extend(inner)
    return found


@pytest.mark.parametrize(
    "method",
    [
        "/telwerk.v1.NewService/Call",
        "/telwerk.v1.SettingsService/EraseEverything",
        "/telwerk.v1.KpiServiceX/ListKpis",
        "/telwerk.v2.KpiService/ListKpis",
        "/grpc.health.v1.HealthX/Check",
        "telwerk.v1.KpiService/ListKpis",
        "/",
        "",
    ],
)
def test_what_no_rule_names_is_open_to_nobody(method):
    assert access_of(method) is None


def test_health_and_reflection_are_open():
    for method in (
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ):
        assert access_of(method) is Open.TO_ALL


async def test_a_key_opens_its_account_for_its_role(path):
    token = keys_file.create(path, ["acme", "blue"], [Role.INGEST])
    async with serving(path) as channel:
        assert (await ingest(channel, token)).accepted_count == 4
        assert (await ingest(channel, token, "blue")).accepted_count == 4
        assert await refusal(ingest(channel, token, "coyote")) == NO_ACCOUNT
        totals = kpi_grpc.KpiServiceStub(channel).QueryTotals
        assert await refusal(totals(kpi.QueryTotalsRequest(account_id="acme"), metadata=bearer(token))) == NO_ROLE


async def test_the_star_opens_every_account_but_no_nameless_one(path):
    token = keys_file.create(path, ["*"], [Role.INGEST])
    async with serving(path) as channel:
        assert (await ingest(channel, token, "whoever")).accepted_count == 7
        assert await refusal(ingest(channel, token, "")) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_an_account_called_like_a_star_opens_nothing_more(path):
    token = keys_file.create(path, ["acme"], [Role.INGEST])
    async with serving(path) as channel:
        assert await refusal(ingest(channel, token, "*")) == NO_ACCOUNT
        assert await refusal(ingest(channel, token, "acme ")) == NO_ACCOUNT
        assert await refusal(ingest(channel, token, "ACME")) == NO_ACCOUNT


async def test_settings_are_read_with_query_and_changed_with_admin(path):
    reader = bearer(keys_file.create(path, ["acme"], [Role.QUERY]))
    admin = bearer(keys_file.create(path, ["acme"], [Role.ADMIN]))
    async with serving(path) as channel:
        stub = settings_grpc.SettingsServiceStub(channel)
        get = settings.GetAccountSettingsRequest(account_id="acme")
        change = settings.SetAccountSettingsRequest(account_id="acme")
        await stub.GetAccountSettings(get, metadata=reader)
        await stub.SetAccountSettings(change, metadata=admin)
        assert await refusal(stub.SetAccountSettings(change, metadata=reader)) == NO_ROLE
        assert await refusal(stub.GetAccountSettings(get, metadata=admin)) == NO_ROLE


async def test_a_request_without_an_account_needs_the_role_alone(path):
    reader = keys_file.create(path, ["acme"], [Role.QUERY])
    writer = keys_file.create(path, ["acme"], [Role.INGEST])
    async with serving(path) as channel:
        stub = kpi_grpc.KpiServiceStub(channel)
        assert (await stub.ListKpis(kpi.ListKpisRequest(), metadata=bearer(reader))).language_code == "nl"
        assert await refusal(stub.ListKpis(kpi.ListKpisRequest(), metadata=bearer(writer))) == NO_ROLE


async def test_a_key_that_is_not_exactly_right_is_unknown_and_not_told_why(path):
    token = keys_file.create(path, ["*"], list(Role), "crm")
    other = keys_file.create(path, ["*"], list(Role), "crm_2")
    revoked = keys_file.create(path, ["*"], list(Role), "old")
    keys_file.revoke(path, "old")
    wrong = [
        token[:-1],
        token + "0",
        token.upper(),
        token.replace("tw_crm_", "tw_crm_2_"),
        other.replace("tw_crm_2_", "tw_crm_"),
        token.replace("crm", "CRM"),
        token.removeprefix("tw_"),
        "tw_crm_",
        "tw__",
        "tw_",
        "junk",
        revoked,
        keys_file.load(path)["crm"].hash,
    ]
    async with serving(path) as channel:
        assert await ingest(channel, token)
        assert await ingest(channel, other)
        for bad in wrong:
            assert await refusal(ingest(channel, bad)) == UNKNOWN, bad


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
        (("authorization", "Basic dHc6dHc="),),
        (("x-api-key", "tw_crm_secret"),),
    ],
)
async def test_no_key_is_another_error_than_a_wrong_one(path, metadata):
    keys_file.create(path, ["*"], list(Role))
    async with serving(path) as channel:
        stub = kpi_grpc.KpiServiceStub(channel)
        assert await refusal(stub.ListKpis(kpi.ListKpisRequest(), metadata=metadata)) == MISSING


async def test_the_scheme_is_read_in_any_case(path):
    token = keys_file.create(path, ["*"], [Role.QUERY])
    async with serving(path) as channel:
        stub = kpi_grpc.KpiServiceStub(channel)
        assert await stub.ListKpis(kpi.ListKpisRequest(), metadata=bearer(token, "bearer"))


async def test_probes_and_reflection_need_no_key(path):
    keys_file.create(path, ["*"], [Role.QUERY])
    async with serving(path) as channel:
        probe = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert probe.status == health_pb2.HealthCheckResponse.SERVING
        info = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        assert [reply async for reply in info(asked)]


async def test_an_undecided_method_is_refused_and_a_missing_one_is_unimplemented_to_who_has_a_key(path):
    token = keys_file.create(path, ["*"], list(Role))
    async with serving(path) as channel:
        undecided = channel.unary_unary("/telwerk.v1.NewService/Call")
        missing = channel.unary_unary("/telwerk.v1.KpiService/NotYet")
        assert await refusal(undecided(b"", metadata=bearer(token))) == NO_ROLE
        assert await refusal(undecided(b"")) == MISSING
        assert await refusal(missing(b"")) == MISSING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await missing(b"", metadata=bearer(token))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["/telwerk.v1.IngestionService/Echo", "/telwerk.v1.NewService/Stream"])
async def test_a_stream_is_refused_before_its_first_message(path, method):
    token = keys_file.create(path, ["*"], [Role.QUERY])
    async with serving(path) as channel:
        assert await refusal(channel.stream_stream(method)(metadata=bearer(token), timeout=20).read()) == NO_ROLE
        assert await refusal(channel.stream_stream(method)(timeout=20).read()) == MISSING


async def test_nothing_is_decoded_for_who_has_no_key(path):
    token = keys_file.create(path, ["*"], [Role.INGEST])
    async with serving(path) as channel:
        method = channel.unary_unary("/telwerk.v1.IngestionService/IngestEvents")
        assert await refusal(method(b"\xff\xff")) == MISSING
        assert await refusal(method(b"\xff\xff", metadata=bearer(token))) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_REQUEST",
        )


def streaming(channel, name: str, token: str):
    return channel.stream_stream(
        f"/telwerk.v1.IngestionService/{name}",
        request_serializer=ingestion.IngestEventsRequest.SerializeToString,
        response_deserializer=ingestion.IngestEventsResponse.FromString,
    )(metadata=bearer(token), timeout=20)


@pytest.mark.parametrize("name", ["Echo", "EchoByReading"])
async def test_every_message_of_a_stream_is_checked(path, name):
    token = keys_file.create(path, ["acme"], [Role.INGEST])
    async with serving(path) as channel:
        stream = streaming(channel, name, token)
        for _ in range(3):
            await stream.write(ingestion.IngestEventsRequest(account_id="acme"))
            assert (await stream.read()).accepted_count == 4
        await stream.write(ingestion.IngestEventsRequest(account_id="coyote"))
        assert await refusal(stream.read()) == NO_ACCOUNT


async def test_a_stream_with_one_reply_is_checked_likewise(path):
    token = keys_file.create(path, ["acme"], [Role.INGEST])
    async with serving(path) as channel:
        method = channel.stream_unary(
            "/telwerk.v1.IngestionService/Count",
            request_serializer=ingestion.IngestEventsRequest.SerializeToString,
            response_deserializer=ingestion.IngestEventsResponse.FromString,
        )
        ours, theirs = (ingestion.IngestEventsRequest(account_id=account) for account in ("acme", "coyote"))
        assert (await method(iter([ours, ours]), metadata=bearer(token))).accepted_count == 2
        assert await refusal(method(iter([ours, theirs]), metadata=bearer(token))) == NO_ACCOUNT


@pytest.mark.parametrize("name", ["Echo", "EchoByReading"])
async def test_a_key_that_is_revoked_ends_calls_and_open_streams_without_a_restart(path, name):
    clock = Clock()
    token = keys_file.create(path, ["acme"], [Role.INGEST], "crm")
    request = ingestion.IngestEventsRequest(account_id="acme")
    async with serving(path, clock) as channel:
        stream = streaming(channel, name, token)
        await stream.write(request)
        assert (await stream.read()).accepted_count == 4
        keys_file.revoke(path, "crm")
        later = keys_file.create(path, ["acme"], [Role.INGEST])
        clock.seconds += 1.0
        await stream.write(request)
        assert await refusal(stream.read()) == UNKNOWN
        assert await refusal(ingest(channel, token)) == UNKNOWN
        assert await ingest(channel, later)


@pytest.mark.parametrize("name", ["Ticks", "Silence"])
async def test_a_stream_of_replies_ends_soon_after_its_key_is_revoked(path, name):
    """A watch that was opened before must not go on for good, nor wait for something to tell."""
    clock = Clock()
    token = keys_file.create(path, ["acme"], [Role.INGEST], "crm")
    async with serving(path, clock) as channel:
        method = channel.unary_stream(
            f"/telwerk.v1.IngestionService/{name}",
            request_serializer=ingestion.IngestEventsRequest.SerializeToString,
            response_deserializer=ingestion.IngestEventsResponse.FromString,
        )
        stream = method(ingestion.IngestEventsRequest(account_id="acme"), metadata=bearer(token), timeout=20)
        assert (await stream.read()).accepted_count == 1
        keys_file.revoke(path, "crm")
        clock.seconds += 1.0
        assert await refusal(all_of(stream)) == UNKNOWN
        other = method(ingestion.IngestEventsRequest(account_id="coyote"), metadata=bearer(token), timeout=20)
        assert await refusal(other.read()) == UNKNOWN


async def all_of(stream):
    while await stream.read() is not grpc.aio.EOF:
        pass


def test_the_file_is_looked_at_once_an_interval(path):
    clock = Clock()
    token = keys_file.create(path, ["*"], [Role.QUERY], "crm")
    keyring = Keyring(path, 5.0, clock)
    keys_file.revoke(path, "crm")
    clock.seconds = 4.9
    assert keyring.key(token).id == "crm"
    clock.seconds = 5.0
    with pytest.raises(UnauthenticatedError):
        keyring.key(token)


@pytest.mark.parametrize("spoil", [lambda p: p.write_text("[[keys]]\nid ="), Path.unlink], ids=["malformed", "deleted"])
def test_a_file_that_becomes_unusable_changes_nothing_until_it_is_put_right(path, spoil, caplog):
    clock = Clock()
    token = keys_file.create(path, ["*"], [Role.QUERY], "crm")
    keyring = Keyring(path, 1.0, clock)
    spoil(path)
    for _ in range(3):
        clock.seconds += 1.0
        assert keyring.key(token).id == "crm"
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["ERROR"]
    assert str(path) in caplog.text
    path.write_text("")
    clock.seconds += 1.0
    with pytest.raises(UnauthenticatedError):
        keyring.key(token)


@pytest.mark.parametrize("text", [None, "keys = 3", "[[keys]]"])
def test_a_server_does_not_start_without_a_usable_file(path, text):
    if text is not None:
        path.write_text(text)
    with pytest.raises(StartupError, match=r"keys\.toml"):
        Keyring(path)
