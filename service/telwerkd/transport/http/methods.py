"""The methods of the HTTP port, called through the interceptors of gRPC."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from telwerk.v1 import ingestion_service_pb2, kpi_service_pb2, settings_service_pb2
from telwerkd.transport.grpc.handlers import Handler, behaviour_of, writing
from telwerkd.transport.http.connect import STREAM_ENCODING_HEADER
from telwerkd.transport.http.context import HttpContext, Metadata

_Find: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"

OFFERED: Final[Mapping[str, tuple[ServiceDescriptor, Sequence[str]]]] = {
    descriptor.full_name: (descriptor, names)
    for descriptor, names in (
        (
            kpi_service_pb2.DESCRIPTOR.services_by_name["KpiService"],
            (
                "ListKpis",
                "QueryTimeSeries",
                "QueryTotals",
                "BatchQuery",
                "WatchTimeSeries",
                "ExplainCount",
                "ListDimensionValues",
            ),
        ),
        (ingestion_service_pb2.DESCRIPTOR.services_by_name["IngestionService"], ("IngestEvents",)),
        (
            settings_service_pb2.DESCRIPTOR.services_by_name["SettingsService"],
            ("GetWidgetSettings", "ListWidgetSettings", "GetAccountSettings", "ListDisplayNames"),
        ),
    )
}
"""The offered methods by service: none that changes settings or erases, nor with streamed requests (HTTP/2 only)."""


class Method(NamedTuple):
    """A method, with the types of its request and its replies."""

    path: str
    request: type[Message]
    reply: type[Message]
    is_stream: bool
    """Whether its replies are a stream."""

    @property
    def encoding_header(self) -> str:
        """The header that names the compression of its messages."""
        return STREAM_ENCODING_HEADER if self.is_stream else "content-encoding"


@dataclass
class _Details:
    """The details of a call for interceptors, as grpc's `HandlerCallDetails`."""

    method: str
    invocation_metadata: Any


class Methods:
    """A registry of services, with the interface of a `grpc.aio.Server`."""

    def __init__(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        self._handlers: dict[str, Handler] = {}
        self.by_path: dict[str, Method] = {}
        self._find: _Find = self._registered
        for interceptor in reversed(interceptors):
            self._find = partial(interceptor.intercept_service, self._find)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[Any]) -> None:
        """Does nothing: services are registered by `add_registered_method_handlers`."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        """Registers the methods of a service that are offered over HTTP."""
        offered = OFFERED.get(service_name)
        if offered is None:
            return
        service, names = offered
        message = message_factory.GetMessageClass
        for name in names:
            rpc = service.methods_by_name[name]
            path = f"/{service_name}/{name}"
            self._handlers[path] = method_handlers[name]
            self.by_path[path] = Method(path, message(rpc.input_type), message(rpc.output_type), rpc.server_streaming)

    async def call(self, method: Method, metadata: Metadata, context: HttpContext) -> bytes:
        """Calls a method as gRPC would; the reply is encoded. The context knows with what status it ended."""
        handler = await self._find(_Details(method.path, metadata))
        if handler is None:
            raise RuntimeError(f"{method.path} is offered, and no service has it")
        behaviour, decode, encode = behaviour_of(handler), handler.request_deserializer, handler.response_serializer
        if handler.request_streaming:
            context.decode, request = decode, context
        else:
            raw = await context.read()
            request = raw if decode is None else decode(raw)
        if handler.response_streaming:
            context.encode = encode
            await writing(behaviour)(request, context)
            return b""
        reply = await behaviour(request, context)
        encoded: bytes = reply if encode is None else encode(reply)
        return encoded

    async def _registered(self, details: grpc.HandlerCallDetails) -> "Handler | None":
        return self._handlers.get(details.method)
