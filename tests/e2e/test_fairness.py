"""Accounts that share a server: what one of them has waiting does not stand before another's calls."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import grpc

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    ingestion_service_pb2 as ingestion,
    settings_service_pb2 as settings,
)
from telwerkd.server.settings.settings import Settings
from telwerkd.server.wiring import running
from tests.chats import at
from tests.conftest import (
    CALL_SECONDS,
    Server,
    SureClock,
    connected,
    eventually,
    refusal,
    rows,
    started,
    timestamp,
    wired,
)

KPI = "satisfaction_score"
ANNA = "09:00:00 anna assigned"


class Stopped:
    """A server whose writer stands still, so that what begins to write stays in work."""

    def __init__(self, database: Path, **wanted: int) -> None:
        self._wanted = {"database": database, "listen": "127.0.0.1:0", "http_listen": "", **wanted}
        self._stack = AsyncExitStack()
        self._pid = 0

    async def __aenter__(self) -> Server:
        server = await self._stack.enter_async_context(running(Settings(**self._wanted), clock=SureClock()))
        self.parts = server.use.__self__  # type: ignore[attr-defined]  # it is a method of them
        self._client = AsyncExitStack()
        client = await self._client.enter_async_context(connected(server.address))
        for account in ("flood", "other"):
            await client.ingest(account, wired(ANNA, "before"))
        self._pid = server.metrics._store.figures.writer_pid or 0
        os.kill(self._pid, signal.SIGSTOP)
        return client

    def go_on(self) -> None:
        """Lets the writer write."""
        pid, self._pid = self._pid, 0
        if pid:
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> "asyncio.Task[None]":
        """Begins to stop the server."""
        return asyncio.create_task(self._stack.aclose())

    async def open(self, calls: int) -> None:
        """Returns when so many calls are open."""

        async def are_open() -> bool:
            return bool(self.parts.gate.open_calls == calls)

        await eventually(are_open)

    async def __aexit__(self, *_: object) -> None:
        self.go_on()
        await self._client.aclose()
        await self._stack.aclose()


async def test_events_of_another_account_are_taken_before_those_that_wait_and_a_stop_loses_none_of_either(
    tmp_path: Path,
):
    """The flood's first event is being stored, and its others wait undecoded; the other's event passes them all."""
    database = tmp_path / "telwerk.db"
    stopped = Stopped(database, account_shared_events_max=1)
    async with stopped as server:
        flood = []
        for number in range(6):
            flood.append(asyncio.create_task(server.ingest("flood", wired(ANNA, f"c{number}"))))
            await stopped.open(len(flood))
        assert stopped.parts.ingest.unstored_events == 1
        other = asyncio.create_task(server.ingest("other", wired(ANNA)))
        await stopped.open(7)
        assert stopped.parts.ingest.unstored_events == 2, "the first of the flood, and the other's"
        flood[3].cancel()
        await stopped.open(6)
        stopping = stopped.stop()
        stopped.go_on()
        taken = await asyncio.gather(other, *flood[:3], *flood[4:])
        assert [answer.accepted_count for answer in taken] == [1] * 6
        await stopping
        turns = stopped.parts.turns.events
        assert not any((turns._calls, turns._held, turns._waiting))
    stored = rows(database, "SELECT account_id, conversation_id FROM events ORDER BY 1, 2")
    expected = [("flood", name) for name in ("before", "c0", "c1", "c2", "c4", "c5")]
    assert [tuple(row) for row in stored] == [*expected, ("other", "before"), ("other", "c1")]


async def test_questions_of_another_account_are_answered_before_those_that_wait(tmp_path: Path):
    """What else an account calls has its turns together: settings that are being written, and questions behind it."""
    stopped = Stopped(tmp_path / "telwerk.db", account_shared_queries_max=1, waiting_queries_per_account_max=2)
    async with stopped as server:
        zone = settings.SetAccountSettingsRequest(
            account_id="flood", settings=settings.AccountSettings(time_zone="Europe/Berlin")
        )
        writing = asyncio.ensure_future(server.settings.SetAccountSettings(zone, timeout=CALL_SECONDS))
        await stopped.open(1)
        asked = [asyncio.create_task(server.totals("flood", KPI)) for _ in range(2)]
        await stopped.open(3)
        await server.totals("other", KPI)
        assert not any(call.done() for call in asked)
        said = await refusal(server.totals("flood", KPI))
        assert (said.code, said.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
        assert "waiting_queries_per_account_max" in said.text
        stopped.go_on()
        assert [answer.time_zone for answer in await asyncio.gather(*asked)] == ["Europe/Berlin"] * 2
        await writing


async def test_an_account_has_so_many_undecoded_events_waiting_and_is_told_the_limit(tmp_path: Path):
    stopped = Stopped(tmp_path / "telwerk.db", account_shared_events_max=1, waiting_events_max=4)
    async with stopped as server:
        flood = []
        for number in range(3):
            flood.append(asyncio.create_task(server.ingest("flood", wired(ANNA, f"c{number}"))))
            await stopped.open(len(flood))
        said = await refusal(server.ingest("flood", wired(ANNA, "c9")))
        assert (said.code, said.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
        assert "waiting_account_percent_max" in said.text
        stopped.go_on()
        assert all(answer.accepted_count for answer in await asyncio.gather(*flood))


async def test_a_stream_keeps_its_order_among_the_turns_of_its_account(tmp_path: Path):
    async with started(tmp_path / "telwerk.db", account_shared_events_max=1) as server:
        await server.ingest("other", wired(ANNA))
        stream = server.ingestion.StreamEvents(timeout=CALL_SECONDS)
        lines = [f"09:00:{second:02d} contact: message" for second in range(30)]
        for number in range(10):
            batch = wired("\n".join(lines[: 1 + number]), "c1")
            await stream.write(ingestion.StreamEventsRequest(account_id="flood", events=batch))
        await stream.done_writing()
        replies = [reply async for reply in stream]
        assert [reply.request_number for reply in replies] == list(range(1, 11))
        assert [reply.accepted_count for reply in replies] == [1] * 10


async def test_while_events_of_an_account_are_purged_its_questions_are_answered(tmp_path: Path):
    """A purge is many transactions: the account's other calls come between them, not after the last one."""
    async with started(tmp_path / "telwerk.db", account_shared_queries_max=1) as server:
        await server.ingest("other", wired(ANNA))
        chats = [wired(f"{ANNA}\n09:00:01 contact rates 5", f"c{number}") for number in range(2_000)]
        for first in range(0, len(chats), 500):
            await server.ingest("acme", [event for chat in chats[first : first + 500] for event in chat])
        request = admin.PurgeEventsRequest(account_id="acme", before_time=timestamp(at("10:00:00")))
        purging = asyncio.ensure_future(
            admin_grpc.AdminServiceStub(server.channel).PurgeEvents(request, timeout=CALL_SECONDS)
        )
        await server.totals("other", KPI)
        assert (await server.totals("acme", KPI)).answers[0].count == 2_000
        assert not purging.done()
        assert (await purging).purged_event_count == 4_000
