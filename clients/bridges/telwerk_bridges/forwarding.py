"""Sends what the inbox holds to Telwerk, in the background, until each event is answered."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from telwerk import AsyncEventSender, AsyncTelwerk
from telwerk.backoff import Backoff
from telwerk.errors import PermissionDeniedError, TelwerkError, UnauthenticatedError, UnavailableError
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

_PATIENCE_SECONDS: Final = 30.0
"""How long the events of a batch may take to be answered before it is asked which of them is at fault."""

_STUCK_MAX: Final = 3
"""Where the server fails on more events than that of a batch, it is not for an event's sake."""

_OF_ALL: Final = (UnavailableError, UnauthenticatedError, PermissionDeniedError, SenderError)
"""Errors that are not for an event's sake."""

_log = logging.getLogger("telwerk.bridges")


class Forwarder:
    """Forwards the events of one account. `run` ends only by being cancelled, and then at once."""

    def __init__(
        self, inbox: Inbox, connect: Connect, account_id: str, patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._patience_seconds = patience_seconds
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
        after = 0
        while True:
            self._changed.clear()
            held = await self._inbox.waiting(self._account_id, after, BATCH_EVENTS)
            if held:
                # Events that the server fails on are passed by until all others are sent.
                if await self._send_around(telwerk, held) or after:
                    after = held[-1].number
            elif after:
                self.trouble = "the server fails on some events: `telwerk-bridge list --waiting`"
                await asyncio.sleep(backoff.failed())
                after = 0
            else:
                self.trouble = None
                backoff.reset()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._changed.wait()

    async def _send_around(self, telwerk: AsyncTelwerk, held: Sequence[Held]) -> int:
        """Sends all but those on which the server fails, which it finds by halving; how many those are."""
        parts, stuck = [held], 0
        while parts:
            left, error = await self._send(telwerk, parts.pop())
            if not left:
                continue
            if isinstance(error, _OF_ALL) or stuck == _STUCK_MAX:
                raise error
            if len(left) == 1:
                stuck += 1
                said = (left[0].event.event_id, left[0].event.conversation_id, error)
                _log.error("event %r of conversation %r waits, for the server fails on it: %s", *said)
            else:
                parts += [left[len(left) // 2 :], left[: len(left) // 2]]
        return stuck

    async def _send(self, telwerk: AsyncTelwerk, held: Sequence[Held]) -> tuple[Sequence[Held], Exception]:
        """Those that were not answered, and why. The file says of the others that they were."""
        refusals: dict[int, str] = {}
        numbers = {(one.event.conversation_id, one.event.event_id): one.number for one in held}

        def refuse(event: Event, rejection: Rejection) -> None:
            log_rejection(event, rejection)
            number = numbers[event.conversation_id, event.event_id]
            refusals[number] = f"{rejection.reason}: {rejection.message}"

        sender = AsyncEventSender(telwerk, self._account_id, on_rejected=refuse)
        error: Exception = SenderError(f"no answer within {self._patience_seconds:.0f} s")
        left = set[int]()
        try:
            for one in held:
                await sender.add(one.event)
            await sender.flush(self._patience_seconds)
        except (SenderError, TelwerkError) as failure:
            error = failure
        finally:
            # What is not answered is still in the file.
            try:
                await sender.close(0)
            except NotSentError as not_sent:
                left = {numbers[event.conversation_id, event.event_id] for event in not_sent.events}
                error = not_sent.__cause__ if isinstance(not_sent.__cause__, Exception) else error
        answered = [one.number for one in held if one.number not in refusals and one.number not in left]
        await self._inbox.answered(answered, refusals.items())
        return [one for one in held if one.number in left], error
