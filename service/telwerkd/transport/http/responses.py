"""Error responses in the form of the Connect protocol, of one sentence each."""

from collections.abc import Sequence

import grpc
import msgspec

from telwerkd.domain.errors import TelwerkError
from telwerkd.transport.grpc.errors import RichStatus, to_status, without_traceback
from telwerkd.transport.http.connect import CallError
from telwerkd.transport.http.exchange import Exchange, Headers


def error_of(error: TelwerkError) -> CallError:
    """Returns an error as the status of a call."""
    return error_of_status(to_status(without_traceback(error)))


def error_of_status(status: RichStatus) -> CallError:
    """Returns a status of gRPC as that of a call."""
    return CallError.of(status.code, status.details, status.trailing_metadata)


async def refuse(
    exchange: Exchange, status: int, code: grpc.StatusCode, text: str, headers: Headers | None = None
) -> None:
    """Answers with an HTTP status that the Connect protocol does not map to a code."""
    await respond_error(exchange, CallError(code, text), status, headers or [])


async def respond_error(
    exchange: Exchange, error: CallError, status: int | None = None, headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Answers with the status of a failed call."""
    kind = (b"content-type", b"application/json")
    body = msgspec.json.encode(error.fields)
    await exchange.respond(status or error.http_status, [kind, *error.headers, *headers], body)
