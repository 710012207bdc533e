"""How an operation is written: the calls that it makes, step by step, and the decorator that runs them for a client.

An operation is a generator that neither waits nor sends: it yields the calls to make, is sent their answers, and
returns what its caller gets. `Telwerk` runs it at once; `AsyncTelwerk` awaits each call. So neither can do what the
other cannot, or do it otherwise.
"""

import inspect
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, get_args, overload

import grpc
import grpc.aio

from telwerk.v1.admin_service_pb2_grpc import AdminServiceStub
from telwerk.v1.ingestion_service_pb2_grpc import IngestionServiceStub
from telwerk.v1.kpi_service_pb2_grpc import KpiServiceStub
from telwerk.v1.settings_service_pb2_grpc import SettingsServiceStub

if TYPE_CHECKING:
    from telwerk.aio import AsyncTelwerk
    from telwerk.client import Telwerk

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Stubs:
    """The services of a channel, of either kind."""

    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None:
        # The stubs take both kinds of channel; which one it is only the client knows.
        either: Any = channel
        self.admin = AdminServiceStub(either)
        self.ingestion = IngestionServiceStub(either)
        self.kpis = KpiServiceStub(either)
        self.settings = SettingsServiceStub(either)


@dataclass(frozen=True)
class Call:
    """One RPC to make. Its messages' types are those of `ask`, which alone makes it."""

    method_of: Callable[[Stubs], Any]
    request: Any


Steps: TypeAlias = Generator[Call, Any, _Result]
"""An operation on its way: the calls it still makes, and at last its result."""


def ask(
    method_of: Callable[[Stubs], "grpc.UnaryUnaryMultiCallable[_Request, _Response]"], request: _Request
) -> Steps[_Response]:
    """The step of one call."""
    response: _Response = yield Call(method_of, request)
    return response


if TYPE_CHECKING:

    class operation(Generic[_Parameters, _Result]):  # noqa: N801 - it is a decorator
        """What the decorator below makes of an operation: of the one client a result, of the other an awaitable."""

        def __init__(self, steps: Callable[Concatenate[Any, _Parameters], Steps[_Result]]) -> None: ...

        @overload
        def __get__(self, client: Telwerk, owner: type) -> Callable[_Parameters, _Result]: ...

        @overload
        def __get__(self, client: AsyncTelwerk, owner: type) -> Callable[_Parameters, Awaitable[_Result]]: ...

        def __get__(self, client: object, owner: type) -> Callable[_Parameters, Any]: ...

else:

    def operation(steps: Callable[..., Steps[Any]]) -> Callable[..., Any]:
        """A method of both clients, which each runs in its own way."""

        @wraps(steps)
        def method(client: "Telwerk | AsyncTelwerk", *arguments: object, **options: object) -> Any:
            return client.run(steps(client, *arguments, **options))

        # What help() shows is the result, not the steps to it.
        signature = inspect.signature(steps)
        result = get_args(signature.return_annotation)[-1]
        method.__signature__ = signature.replace(return_annotation=result)  # type: ignore[attr-defined] # as inspect says
        return method
