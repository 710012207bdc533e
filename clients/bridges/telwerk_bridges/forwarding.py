"""Sends what the inbox holds to Telwerk, in the background, until each event is answered."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from telwerk import AsyncEventSender, AsyncTelwerk
from telwerk.backoff import Backoff
from telwerk.errors import TelwerkError
from telwerk.sending import NotSentError, SenderError, log_rejection
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import Rejection
from telwerk_bridges.inbox import Held, Inbox, InboxError, InboxFullError

BATCH_EVENTS: Final = 500
"""Taken out of the file at once; fewer than a sender's buffer holds."""

_LOOK_SECONDS: Final = 5.0
"""How often the file is looked at unasked: `telwerk-bridge retry` may have changed it."""

Connect: TypeAlias = Callable[[], AsyncTelwerk]
"""Makes the client, within the event loop that it is to belong to."""

_log = logging.getLogger("telwerk.bridges")


class Forwarder:
    """Forwards the events of one account. `run` ends only by being cancelled, and then at once."""

    def __init__(self, inbox: Inbox, connect: Connect, account_id: str) -> None:
        self._inbox = inbox
        self._connect = connect
        self._account_id = account_id
        self._changed = asyncio.Event()
        self.trouble: str | None = None
        """Why nothing can be sent at present, as far as waiting does not help."""

    def wake(self) -> None:
        """There is something new to send."""
        self._changed.set()

    async def run(self) -> None:
        """Sends for ever. Whatever goes wrong, what the file holds is tried again."""
        backoff = Backoff()
        while True:
            try:
                async with self._connect() as telwerk:
                    await self._send_all(telwerk, backoff)
            except (TelwerkError, SenderError, InboxError, InboxFullError, OSError) as error:
                self.trouble = str(error)
                seconds = backoff.failed(error)
                _log.error("account %s: events wait, and are tried again: %s", self._account_id, error)
                await asyncio.sleep(seconds)

    async def _send_all(self, telwerk: AsyncTelwerk, backoff: Backoff) -> None:
        while True:
            self._changed.clear()
            held = await self._inbox.waiting(self._account_id, BATCH_EVENTS)
            if held:
                await self._send(telwerk, held)
                self.trouble = None
                backoff.reset()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._changed.wait()

    async def _send(self, telwerk: AsyncTelwerk, held: Sequence[Held]) -> None:
        """Returns once each of the events is answered, and the file says so."""
        numbers: dict[tuple[str, str], list[int]] = {}
        for one in held:
            numbers.setdefault((one.event.conversation_id, one.event.event_id), []).append(one.number)
        refusals: dict[int, str] = {}

        def refuse(event: Event, rejection: Rejection) -> None:
            log_rejection(event, rejection)
            reason = f"{rejection.reason}: {rejection.message}"
            refusals.update((number, reason) for number in numbers[event.conversation_id, event.event_id])

        sender = AsyncEventSender(telwerk, self._account_id, on_rejected=refuse)
        try:
            for one in held:
                await sender.add(one.event)
            await sender.flush()
        finally:
            # What is not answered is still in the file.
            with suppress(NotSentError):
                await sender.close(0)
        await self._inbox.answered([one.number for one in held if one.number not in refusals], refusals.items())
