"""Spans and timings of the stages of a call: a port to OpenTelemetry's API, imported only if tracing is on.

Without a tracer (`use`), and outside of a timed query (`Timed`), a stage costs two look-ups of variables.
Spans never contain the text of an exception: it may have ids of conversations and people.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

_NOTHING: Final = nullcontext()

_tracer: "Tracer | None" = None

trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""The trace id of the current call, in hexadecimal: the caller's, whether it is recorded here or not."""


class Timed:
    """The timings of a query: seconds by the names of its stages, and the objects passed to `note`."""

    __slots__ = ("noted", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.noted: list[Any] = []


timed: ContextVar[Timed | None] = ContextVar("timed", default=None)
"""The query that is being timed, set by the log of slow queries."""


def note(found: object) -> None:
    """Adds an object to the notes of the query that is being timed, if there is one."""
    query = timed.get()
    if query is not None:
        query.noted.append(found)


def use(tracer: "Tracer | None") -> None:
    """Makes spans with this tracer from now on; with None, none."""
    global _tracer  # noqa: PLW0603  # one for the whole process, as in OpenTelemetry itself
    _tracer = tracer


def tracer() -> "Tracer | None":
    """Returns the tracer; None if tracing is off."""
    return _tracer


def current_trace_id() -> str | None:
    """Returns the trace id of the current call, for its log lines; None without one."""
    return trace_id.get()


def stage(name: str) -> AbstractContextManager[Any]:
    """Returns a context manager that makes a span of a stage, and adds its time to a timed query's."""
    query = timed.get()
    if _tracer is not None:
        return _spanned(_tracer, name, query)
    return _NOTHING if query is None else _Timing(name, query.seconds)


class _Timing:
    """Adds a stage's time to a timed query. Written as a class, which is cheaper than a generator."""

    __slots__ = ("_begun", "_name", "_seconds")

    def __init__(self, name: str, seconds: dict[str, float]) -> None:
        self._name = name
        self._seconds = seconds

    def __enter__(self) -> None:
        self._begun = perf_counter()

    def __exit__(self, _kind: object, _raised: object, _trace: object) -> None:
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + perf_counter() - self._begun


@contextmanager
def _spanned(tracer: "Tracer", name: str, query: Timed | None) -> Iterator[None]:
    with _span(tracer, name), _NOTHING if query is None else _Timing(name, query.seconds):
        yield


@contextmanager
def _span(tracer: "Tracer", name: str) -> Iterator[None]:
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
        try:
            yield
        except BaseException as error:
            failed(span, type(error).__name__)
            raise


def failed(span: "Span", error_type: str) -> None:
    """Marks a span as failed, with the type of the error."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415  # see the module

    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


# --- Group commit ----------------------------------------------------------------------------------------------------


class Waiting:
    """The span of a call's wait for group commit, linked to the transaction that stores the call's events.

    A batch that is divided over several transactions has one span for each.
    """

    __slots__ = ("_context", "_span", "_tracer")

    def __init__(self, tracer: "Tracer") -> None:
        from opentelemetry import context  # noqa: PLC0415  # see the module

        self._tracer = tracer
        self._context = context.get_current()
        self._span: Span | None = None
        self.begin()

    @property
    def context(self) -> "Context":
        """The trace context of the call."""
        return self._context

    def begin(self) -> None:
        """Starts the span, unless it is open."""
        if self._span is None:
            self._span = self._tracer.start_span("group commit wait", self._context)

    def end(self, transaction: "Span | None" = None) -> None:
        """Ends the span, linked to a transaction's."""
        span, self._span = self._span, None
        if span is not None:
            if transaction is not None:
                span.add_link(transaction.get_span_context())
            span.end()


def waiting() -> Waiting | None:
    """Returns a new wait of the current call; None if tracing is off."""
    return None if _tracer is None else Waiting(_tracer)


_Stored = Sequence[tuple[Waiting | None, bool, int]]
"""For each call with events in a transaction: its wait, whether a part of it waits for another transaction, and the
number of its events in this one."""


def transaction(calls: _Stored) -> AbstractContextManager[None]:
    """Returns a context manager for a transaction's span: a child of the first call's trace, linked to all others."""
    return _NOTHING if _tracer is None else _transaction(_tracer, calls)


@contextmanager
def _transaction(tracer: "Tracer", calls: _Stored) -> Iterator[None]:
    from opentelemetry.trace import Link, get_current_span  # noqa: PLC0415  # see the module

    known = {id(waits): (waits, is_left) for waits, is_left, _ in calls if waits is not None}
    contexts = [waits.context for waits, _ in known.values()]
    with tracer.start_as_current_span(
        "transaction",
        contexts[0] if contexts else None,
        links=[Link(get_current_span(of).get_span_context()) for of in contexts[1:]],
        attributes={"telwerk.events": sum(events for *_, events in calls), "telwerk.calls": len(calls)},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        for waits, is_left in known.values():
            waits.end(span)
            if is_left:
                waits.begin()
        try:
            yield
        except BaseException as error:
            failed(span, type(error).__name__)
            raise
