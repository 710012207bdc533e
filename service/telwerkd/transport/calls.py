"""Observation of calls, over whichever port they come: a server span each, and a line of the access log.

Both are off by default; calls are not wrapped then.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pool import Default

from telwerkd.application import audit_log
from telwerkd.process import log_format, tracing
from telwerkd.process.log_format import Event

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_log = logging.getLogger(log_format.ACCESS)

UNKNOWN_METHOD: Final = "_OTHER"
"""OpenTelemetry's name for all that no method is."""

_ERRORS: Final = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""The codes that are a server's failure by OpenTelemetry's conventions; the others are what the caller did."""

_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_ORIGINAL_CHARS_MAX = 200
_SERVED: Final = ("telwerk.v1.", "grpc.health.v1.", "grpc.reflection.")
_METHODS_MAX = 512


class Call:
    """A call that is being answered. Interceptors and services set its fields as they learn them."""

    __slots__ = ("account", "code", "key", "received_bytes", "sent_bytes")

    def __init__(self) -> None:
        self.code = "UNKNOWN"
        """How it ended, as gRPC names it."""
        self.account: str | None = None
        """As the request names it, once that is decoded."""
        self.key: str | None = None
        """The id of its API key; unless it is set, that which the audit log has (`audit_log.caller`)."""
        self.received_bytes = 0
        self.sent_bytes = 0


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current() -> Call | None:
    """Returns the call that is being answered; None where calls are not observed."""
    return _current.get()


class CallObserver:
    """Observes the calls of a server."""

    def __init__(self, *, access_log: bool = False) -> None:
        self._access_log = access_log
        self._servers: dict[str, dict[str, str | int]] = {}

    def listens(self, system: str, address: str, port: int | None) -> None:
        """Sets the address at which calls of an RPC system come in: host and port, or the path of a Unix socket."""
        server: dict[str, str | int] = {"server.address": address, "network.transport": "unix"}
        if port is not None:
            server |= {"server.port": port, "network.transport": "tcp"}
        self._servers[system] = server

    @property
    def are_observed(self) -> bool:
        """Whether traces or the access log are on; if not, `observed` need not be called at all."""
        return self._access_log or tracing.tracer() is not None

    @contextmanager
    def observed(self, system: str, method: str, carrier: Mapping[str, str], peer: str) -> Iterator[Call]:
        """Opens the server span of a call, as a part of the caller's trace, and closes it with all that is known then.

        Args:
            system: `grpc` or `connectrpc`.
            method: `package.Service/Method`.
            carrier: The metadata or headers of the call, by names in lower case.
            peer: Who calls, in gRPC's form: `ipv4:192.0.2.1:5000`.
        """
        call, begun = Call(), perf_counter()
        of_call = _current.set(call)
        tracer = tracing.tracer()
        spanning = nullcontext() if tracer is None else self._span(tracer, call, system, method, carrier, peer)
        of_trace = tracing.trace_id.set(_trace_id(carrier))
        try:
            with spanning:
                try:
                    yield call
                finally:
                    if self._access_log:
                        _tell(call, method, peer, perf_counter() - begun)
        finally:
            tracing.trace_id.reset(of_trace)
            _current.reset(of_call)

    def _span(
        self, tracer: "Tracer", call: Call, system: str, method: str, carrier: Mapping[str, str], peer: str
    ) -> AbstractContextManager[None]:
        # Imported where there are traces: it takes 35 ms.
        from opentelemetry import propagate  # noqa: PLC0415
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        known = is_known(method)
        named = method if known else UNKNOWN_METHOD
        attributes = {"rpc.system.name": system, "rpc.method": named, **self._servers.get(system, {})} | _client(peer)
        if not known:
            attributes["rpc.method_original"] = log_format.printable(method[:_ORIGINAL_CHARS_MAX])
        name = method if known else system
        span = tracer.start_span(name, propagate.extract(carrier), SpanKind.SERVER, attributes)
        return _within(span, call, system)


@contextmanager
def _within(span: "Span", call: Call, system: str) -> Iterator[None]:
    from opentelemetry.trace import use_span  # noqa: PLC0415  # as above

    tracing.trace_id.set(f"{span.get_span_context().trace_id:032x}")
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        finally:
            code = call.code if system == "grpc" else call.code.lower()  # so Connect writes them, and none for success
            if code != "ok":
                span.set_attribute("rpc.response.status_code", code)
            if call.account is not None:
                span.set_attribute("telwerk.account_id", call.account)
            if call.code in _ERRORS:
                tracing.failed(span, code)


def _tell(call: Call, method: str, peer: str, seconds: float) -> None:
    fields = {
        "method": method,
        "code": call.code,
        "ms": round(seconds * 1e3, 3),
        "received_bytes": call.received_bytes,
        "sent_bytes": call.sent_bytes,
        "peer": peer,
        "key": call.key or audit_log.caller.get(),
        "account": call.account,
    }
    _log.info(Event("call", fields))


@lru_cache(_METHODS_MAX)
def is_known(method: str) -> bool:
    """Whether there is such a method (`package.Service/Method`): callers can think of any number of names."""
    if not method.startswith(_SERVED) or method.count("/") != 1:
        return False
    try:
        Default().FindMethodByName(method.replace("/", "."))
    except KeyError:
        return False
    return True


def _client(peer: str) -> dict[str, str | int]:
    """Returns the span attributes of a peer's address and port, from gRPC's form of them."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return {}
    host, _, port = rest.rpartition(":")
    address = host.replace("%5B", "").replace("%5D", "").strip("[]")
    return {"client.address": address, **({"client.port": int(port)} if port.isdecimal() else {})}


def _trace_id(carrier: Mapping[str, str]) -> str | None:
    """Returns the id of the caller's trace, for log lines where no spans are made; None without one."""
    found = _TRACE_PARENT.fullmatch(carrier.get("traceparent", ""))
    return found[1] if found else None
