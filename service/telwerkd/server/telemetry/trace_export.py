"""Exports spans, if OpenTelemetry's standard variables enable it.

`OTEL_TRACES_EXPORTER` (`otlp`, `console` or `none`) or an `OTEL_EXPORTER_OTLP_…ENDPOINT` switches it on; the SDK reads
all other variables by itself. A provider that is there already, as of `opentelemetry-instrument`, is used as it is.

The SDK sends in a thread of its own from a bounded queue: a collector that is away or hangs costs spans, and no call
waits for it. Nor does a stop, for longer than `_FLUSH_SECONDS`.
"""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from telwerkd.process import tracing
from telwerkd.transport.security.tls import StartupError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger(__name__)

_FLUSH_SECONDS = 3.0
"""What sending the last spans may take when the server stops."""

_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def exporter_wanted(environment: Mapping[str, str]) -> str | None:
    """Returns the exporter that the variables select; None for no traces.

    Raises:
        StartupError: the exporter is unknown.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    named = environment.get(_EXPORTER, "").strip().lower()
    if named not in {"", "otlp", "console", "none"}:
        raise StartupError(f"{_EXPORTER} is {named!r}: otlp, console or none are known")
    if not named:
        return "otlp" if any(environment.get(name, "").strip() for name in _ENDPOINTS) else None
    return None if named == "none" else named


_QUOTE_CALLERS: Final = ("opentelemetry.trace", "opentelemetry.baggage")
"""Libraries' loggers that repeat what is wrong with a caller's headers."""


@asynccontextmanager
async def exported() -> AsyncIterator[None]:
    """Makes spans within, and sends them, if that is asked for; at the end, what is left, in bounded time.

    Raises:
        StartupError: it cannot be done so.
    """
    for name in _QUOTE_CALLERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if _has_provider():
        _use_global()
        try:
            yield
        finally:
            tracing.use(None)
        return
    wanted = exporter_wanted(os.environ)
    if wanted is None:
        yield
        return
    provider = _provider(wanted)
    tracing.use(provider.get_tracer("telwerkd", version("telwerkd")))
    try:
        yield
    finally:
        tracing.use(None)
        await _shut_down(provider)


def _has_provider() -> bool:
    """Whether another program has made one, around this one."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return False
    from opentelemetry import trace  # noqa: PLC0415  # 35 ms, which only those pay who have traces
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    return isinstance(trace.get_tracer_provider(), TracerProvider)


def _use_global() -> None:
    from opentelemetry import trace  # noqa: PLC0415  # see `_has_provider`

    tracing.use(trace.get_tracer("telwerkd", version("telwerkd")))


def _provider(wanted: str) -> "TracerProvider":
    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        exporter = _exporter(wanted)
        named = os.environ.get("OTEL_SERVICE_NAME") or "telwerkd"
        resource = Resource.create({SERVICE_NAME: named, SERVICE_VERSION: version("telwerkd")})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except ImportError as error:
        raise StartupError(
            f"the environment asks for traces ({_EXPORTER}, {', '.join(_ENDPOINTS)}), and what sends them is not "
            f"installed: pip install 'telwerkd[otlp]' ({error})"
        ) from error
    except ValueError as error:
        raise StartupError(f"traces cannot be sent as the OTEL_… variables say: {error}") from error
    return provider


def _exporter(wanted: str) -> "SpanExporter":
    if wanted == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415  # see `_has_provider`

        return ConsoleSpanExporter(out=sys.stderr)
    protocol = next((value for name in _PROTOCOLS if (value := os.environ.get(name, "").strip())), "http/protobuf")
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        return OTLPSpanExporter()
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415

        return trace_exporter.OTLPSpanExporter()
    raise StartupError(f"{_PROTOCOLS[1]} is {protocol!r}: grpc or http/protobuf are known")


async def _shut_down(provider: "TracerProvider") -> None:
    """Sends what is left. In a thread that nobody waits for at the end of the process."""
    done, loop = asyncio.Event(), asyncio.get_running_loop()

    def shut_down() -> None:
        try:
            provider.shutdown()
        except Exception:  # what another program's code raises must not be the end of the stop
            log.exception("spans could not be sent")
        with suppress(RuntimeError):  # too late: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=shut_down, name="last spans", daemon=True).start()
    try:
        async with asyncio.timeout(_FLUSH_SECONDS):
            await done.wait()
    except TimeoutError:
        log.warning("the last spans were not sent within %.0f s", _FLUSH_SECONDS)
