"""Responses that tell of errors, as the Connect protocol has them; whatever they are of, one sentence each."""

from collections.abc import Sequence

import grpc
import msgspec

from telwerkd.domain.errors import TelwerkError
from telwerkd.transport.grpc.errors import RichStatus, to_status, without_traceback
from telwerkd.transport.http.connect import CallError
from telwerkd.transport.http.exchange import Exchange, Headers


def error_of(error: TelwerkError) -> CallError:
    """The error as calls have it."""
    return error_of_status(to_status(without_traceback(error)))


def error_of_status(status: RichStatus) -> CallError:
    """The same of a status of gRPC."""
    return CallError.of(status.code, status.details, status.trailing_metadata)


async def refuse(
    exchange: Exchange, status: int, code: grpc.StatusCode, text: str, headers: Headers | None = None
) -> None:
    """Answers with a status of HTTP that calls themselves do not have."""
    await respond_error(exchange, CallError(code, text), status, headers or [])


async def respond_error(
    exchange: Exchange, error: CallError, status: int | None = None, headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Answers with an error."""
    kind = (b"content-type", b"application/json")
    body = msgspec.json.encode(error.fields)
    await exchange.respond(status or error.http_status, [kind, *error.headers, *headers], body)
