"""In a process that was forked a client goes on or says at once that it cannot; the parent's is never harmed."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest

from telwerk import AsyncEventSender, AsyncTelwerk, EventSender, Telwerk, errors, events
from telwerk.sending import SenderError
from telwerk.v1.event_pb2 import Event
from tests.conftest import ServerProcess

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS: dict[str, Any] = {"start": date(2026, 11, 1), "end": date(2026, 12, 1)}
SECONDS = 20
"""A child that hangs is killed after so long; none takes a second."""

# Python warns of forks in a process with threads: these tests are about exactly that.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def rated(chat: str) -> list[Event]:
    assigned = events.operator_assigned(chat, widget="web", at=AT, event_id=f"{chat}-1", operator="anna")
    return [assigned, events.rated(chat, widget="web", at=AT, event_id=f"{chat}-2", sequence=1, stars=5)]


def in_child(does: Callable[[], object]) -> int:
    """The exit status of a fork that does this: 0 if nothing was raised."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(SECONDS)
        try:
            does()
        except BaseException:  # noqa: BLE001 - nothing may get back into the tests' own loop
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def counted(client: Telwerk) -> int:
    return client.totals("acme", "satisfaction_score", **DAYS).totals[0].count


def test_a_client_that_was_used_before_the_fork_works_in_both(server: ServerProcess) -> None:
    with (
        Telwerk(server.address, timeout_seconds=SECONDS / 2) as client,
        closing(client.watch("acme", "satisfaction_score", **DAYS)) as updates,
    ):
        next(updates)  # a call is open while the process is forked

        def does() -> None:
            client.ingest("acme", rated("of-the-child"))
            client.close()

        for _ in range(3):
            assert in_child(does) == 0
            client.ingest("acme", rated("of-the-parent"))
        while sum(next(updates).series[0].counts) < 2:  # one after the other, or both at once
            pass
        assert counted(client) == 2


def test_a_stream_of_answers_is_the_parents_and_goes_on_there(server: ServerProcess) -> None:
    with Telwerk(server.address) as client, closing(client.watch("acme", "satisfaction_score", **DAYS)) as updates:
        next(updates)

        def does() -> None:
            with pytest.raises(errors.TelwerkError, match="forked"):
                next(updates)
            updates.close()

        assert in_child(does) == 0
        client.ingest("acme", rated("chat-1"))
        assert sum(next(updates).series[0].counts) == 1


def test_a_closed_client_stays_closed_in_a_child(server: ServerProcess) -> None:
    client = Telwerk(server.address)
    client.close()

    def does() -> None:
        with pytest.raises(ValueError, match="closed"):
            client.kpis()

    assert in_child(does) == 0


def test_a_sender_raises_at_once_in_a_child_and_the_parent_sends_everything_once(server: ServerProcess) -> None:
    with Telwerk(server.address) as client, EventSender(client, "acme") as sender:
        sender.add(rated("chat-1")[0])  # held while the process is forked

        def does() -> None:
            for attempt in (lambda: sender.add(rated("chat-2")[0]), sender.flush):
                with pytest.raises(SenderError, match="forked"):
                    attempt()
            sender.close()
            with EventSender(client, "acme") as own:
                own.add(rated("chat-3")[0])

        assert in_child(does) == 0
        sender.add(rated("chat-1")[1])
        assert sender.flush(SECONDS)
        assert sender.tally.accepted_count == 2
        assert counted(client) == 1


def test_a_child_of_multiprocessing_sends_by_a_sender_of_its_own(server: ServerProcess) -> None:
    context = multiprocessing.get_context("fork")
    with Telwerk(server.address) as client, EventSender(client, "acme") as sender:
        sender.add(rated("chat-1")[0])
        assert sender.flush(SECONDS)

        def does() -> None:
            with pytest.raises(SenderError, match="forked"):
                sender.add(rated("chat-2")[0])
            with EventSender(client, "acme") as own:
                own.add(rated("chat-1")[1])

        child = context.Process(target=does)
        child.start()
        child.join(SECONDS)
        assert child.exitcode == 0
        assert counted(client) == 1


def test_a_child_that_ends_in_order_neither_waits_nor_sends_what_the_parent_holds(server: ServerProcess) -> None:
    """Its `with` and its atexit run too: as a program of its own, which the tests' process must not be."""
    program = f"""
        import os, sys
        from datetime import UTC, datetime
        from telwerk import EventSender, Telwerk, events
        from telwerk.sending import Limits
        at = datetime(2026, 11, 2, 9, tzinfo=UTC)
        with Telwerk({server.address!r}) as telwerk:
            with EventSender(telwerk, "acme", limits=Limits(linger_seconds=60)) as sender:
                sender.add(events.feedback_left("chat-1", widget="web", at=at))
                child = os.fork()
                if child == 0:
                    sys.exit(0)
                assert os.waitpid(child, 0)[1] == 0
                print("child ended, held", sender.held_count, flush=True)
            print("accepted", sender.tally.accepted_count)
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout == "child ended, held 1\naccepted 1\n", done.stderr


async def test_the_asynchronous_client_and_sender_raise_at_once_in_a_child(server: ServerProcess) -> None:
    async with AsyncTelwerk(server.address) as client, AsyncEventSender(client, "acme") as sender:
        await client.kpis()

        async def uses() -> None:
            with pytest.raises(errors.TelwerkError, match="forked"):
                await client.kpis()
            for attempt in (sender.add(rated("chat-1")[0]), sender.flush()):
                with pytest.raises(SenderError, match="forked"):
                    await attempt
            await sender.close()
            await client.close()
            with pytest.raises(errors.TelwerkError, match="use Telwerk here"):
                AsyncTelwerk(server.address)
            with Telwerk(server.address) as own:
                assert own.kpis()

        def does() -> None:
            asyncio.set_event_loop_policy(None)
            asyncio.run(uses())

        assert in_child(does) == 0
        assert await client.kpis()
        await sender.add(rated("chat-1")[0])
        assert await sender.flush(SECONDS)
