"""Over HTTP there is what a page needs, and it is called through all that guards a call over gRPC."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from telwerk.v1 import admin_service_pb2_grpc as admin_grpc, kpi_service_pb2 as kpi, kpi_service_pb2_grpc as kpi_grpc
from telwerkd.transport.http.context import HttpContext
from telwerkd.transport.http.methods import OFFERED, Methods
from telwerkd.transport.security.auth import access_of
from telwerkd.transport.security.keys_file import Role

METHODS = [(service, name) for service, (_, names) in OFFERED.items() for name in names]


@pytest.mark.parametrize(("service", "name"), METHODS)
def test_nothing_that_is_offered_changes_settings_erases_or_has_a_stream_of_requests(service, name):
    """A page in a browser has no use for the first two, and HTTP/1.1 none for the third."""
    assert access_of(f"/{service}/{name}") is not Role.ADMIN
    assert not OFFERED[service][0].methods_by_name[name].client_streaming


class Kpis(kpi_grpc.KpiServiceServicer):
    """One that answers with the account that it was asked for."""

    async def QueryTotals(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the contract's name
        return kpi.QueryTotalsResponse(time_zone=request.account_id)


class Passing(grpc.aio.ServerInterceptor):
    """Notes the calls that pass it."""

    def __init__(self, name: str, passed: list[str]) -> None:
        self.name = name
        self.passed = passed

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        self.passed.append(f"{self.name} {handler_call_details.method}")
        return await continuation(handler_call_details)


async def test_a_call_passes_all_interceptors_from_the_outermost_inwards():
    """As in a server of grpc: what refuses is asked before what reads."""
    passed: list[str] = []
    methods = Methods([Passing("outer", passed), Passing("inner", passed)])
    kpi_grpc.add_KpiServiceServicer_to_server(Kpis(), methods)
    path = "/telwerk.v1.KpiService/QueryTotals"

    async def read() -> bytes:
        return kpi.QueryTotalsRequest(account_id="acme").SerializeToString()

    async def write(_message: bytes) -> None:
        raise AssertionError("it is no stream")

    raw = await methods.call(methods.by_path[path], (), HttpContext("unix:", (), read, write, None))
    assert kpi.QueryTotalsResponse.FromString(raw).time_zone == "acme"
    assert passed == [f"outer {path}", f"inner {path}"]


def test_a_service_that_is_not_offered_has_no_path():
    """Though it is registered at the same place as at the server of grpc."""
    methods = Methods([])
    admin_grpc.add_AdminServiceServicer_to_server(admin_grpc.AdminServiceServicer(), methods)
    assert methods.by_path == {}
