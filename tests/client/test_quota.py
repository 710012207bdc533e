"""A share that is used up is waited for; what will never fit is refused with the name of its bound."""

import asyncio
import time
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from telwerk import Telwerk, errors
from telwerk.connection import MESSAGE_BYTES_MAX
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import Rejection
from tests.client.command import line, program
from tests.client.senders import Kind, action, sending
from tests.client.test_sender import Answer, Scripted, scripted
from tests.conftest import ServerProcess

RETRY_SECONDS = 0.7


async def used_up(server: Scripted, _request: Any, context: Any) -> Answer:
    """As the server says it: RESOURCE_EXHAUSTED with the reason, the setting, and when to come again."""
    server.refused_at = time.monotonic()  # type: ignore[attr-defined] # a note for the test
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="the account uses its whole share")
    info = error_details_pb2.ErrorInfo(
        reason="QUOTA_EXCEEDED", domain="telwerk", metadata={"limit": "account_waiting_events_max"}
    )
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(int(RETRY_SECONDS * 1_000))
    for detail in (info, retry):
        status.details.add().Pack(detail)
    return await context.abort_with_status(rpc_status.to_status(status))


async def accept(server: Scripted, request: Any, _context: Any) -> Answer:
    server.taken_at = time.monotonic()  # type: ignore[attr-defined] # a note for the test
    return server.take(list(request.events))


@pytest.mark.parametrize("kind", ["threads", "tasks"])
async def test_a_sender_waits_as_long_as_it_is_asked_to_and_goes_on(kind: Kind) -> None:
    servicer: Any = Scripted(used_up, accept)
    async with scripted(servicer) as address, sending(kind, address) as sender:
        await sender.add(action(1))
        await sender.close()
        assert sender.tally.accepted_count == 1
    assert servicer.batches == [["e1"], ["e1"]]
    assert servicer.taken_at - servicer.refused_at >= RETRY_SECONDS


async def test_the_error_names_the_limit_and_when_to_come_again() -> None:
    async with scripted(Scripted(used_up)) as address:

        def ask() -> None:
            with Telwerk(address) as client:
                client.ingest("acme", [action(1)])

        with pytest.raises(errors.QuotaExceededError, match="whole share") as caught:
            await asyncio.to_thread(ask)
    error = caught.value
    assert (error.limit, error.retry_after_seconds) == ("account_waiting_events_max", RETRY_SECONDS)
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    assert isinstance(error, errors.UnavailableError)
    assert errors.is_transient(error)


async def test_the_command_waits_for_its_share_and_says_3_where_it_may_not() -> None:
    async with scripted(Scripted(used_up, accept, used_up)) as address:
        given = {"address": address, "stdin": line(action(1))}
        done = await asyncio.to_thread(program, "import", "-", **given)
        assert done.returncode == 0, done.stderr
        done = await asyncio.to_thread(program, "import", "--patience", "0", "-", **given)
    assert done.returncode == 3
    assert "whole share" in done.stderr


def test_a_request_over_the_servers_bound_names_it(server: ServerProcess) -> None:
    with Telwerk(server.address) as client, pytest.raises(errors.LimitExceededError) as caught:
        client.ingest("acme", [Event(event_id="e" * 17_000_000)])
    assert "16,777,216" in str(caught.value)
    assert "`message_bytes_max`" in str(caught.value)


async def test_an_answer_over_the_clients_bound_names_that() -> None:
    async def huge(_server: Scripted, _request: Any, _context: Any) -> Answer:
        return Answer(rejections=[Rejection(message="m" * MESSAGE_BYTES_MAX)])

    async with scripted(Scripted(huge), max_send_message_length=-1) as address:

        def ask() -> None:
            with Telwerk(address) as client:
                client.ingest("acme", [action(1)])

        with pytest.raises(errors.LimitExceededError, match="MESSAGE_BYTES_MAX"):
            await asyncio.to_thread(ask)
