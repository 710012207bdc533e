"""Both senders behind one face, so that each law is proved of both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from telwerk import AsyncEventSender, AsyncTelwerk, EventSender, Telwerk, events
from telwerk.outbox import Tally
from telwerk.sending import NotSentError
from telwerk.v1.event_pb2 import Event, InactivityAction

Kind: TypeAlias = Literal["threads", "tasks"]

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


def action(number: int, at: datetime = AT) -> Event:
    """The event with this number; each is one fact of KPI 5."""
    return events.inactivity_action(
        f"c{number % 97}",
        widget="web",
        at=at + timedelta(seconds=number % 3_600),
        event_id=f"e{number}",
        action=InactivityAction.INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT,
    )


def counted(address: str, account: str = "acme") -> int:
    with Telwerk(address) as client:
        days: dict[str, Any] = {"start": AT.date(), "end": AT.date() + timedelta(days=2)}
        return client.totals(account, "inactivity_actions", **days).totals[0].count


class Sender:
    """An `EventSender` that is used from threads, or an `AsyncEventSender`."""

    def __init__(self, sender: EventSender | AsyncEventSender) -> None:
        self._sender = sender

    async def add(self, event: Event) -> None:
        await self._do(self._sender.add, event)

    async def flush(self, timeout_seconds: float | None = None) -> bool:
        return bool(await self._do(self._sender.flush, timeout_seconds))

    async def close(self, timeout_seconds: float | None = None) -> None:
        await self._do(self._sender.close, timeout_seconds)

    @property
    def tally(self) -> Tally:
        return self._sender.tally

    @property
    def held_count(self) -> int:
        return self._sender.held_count

    async def _do(self, method: Any, *arguments: object) -> Any:
        if isinstance(self._sender, EventSender):
            return await asyncio.to_thread(method, *arguments)
        return await method(*arguments)


@asynccontextmanager
async def sending(
    kind: Kind, address: str, client: dict[str, Any] | None = None, account: str = "acme", **options: Any
) -> AsyncIterator[Sender]:
    """A sender for an account, with a client of its own; it is left to the test to close it."""
    if kind == "threads":
        with Telwerk(address, **client or {}) as telwerk:
            sender = EventSender(telwerk, account, **options)
            try:
                yield Sender(sender)
            finally:
                await asyncio.to_thread(_let_go, sender)
    else:
        async with AsyncTelwerk(address, **client or {}) as asynchronous:
            tasks = AsyncEventSender(asynchronous, account, **options)
            try:
                yield Sender(tasks)
            finally:
                await _let_go_of_tasks(tasks)


def _let_go(sender: EventSender) -> None:
    """Ends it, whatever the test left in it."""
    with suppress(NotSentError):
        sender.close(0)


async def _let_go_of_tasks(sender: AsyncEventSender) -> None:
    """The same, where it is to be awaited."""
    with suppress(NotSentError):
        await sender.close(0)
