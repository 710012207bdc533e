"""Imports the history of a Chatwoot account, by its API or from an export, into the inbox of a bridge.

The inbox holds the memory that knows one fact from another: an import and a bridge that share it may both tell of a
conversation, at once and in whatever order. The import sends what it adds to Telwerk by itself. Where it is, is kept
(`Progress`): stopped at any moment, the same command goes on.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Self

from telwerk_bridges import chatwoot_history
from telwerk_bridges.chatwoot import Chatwoot
from telwerk_bridges.chatwoot_api import AbsentError, ChatwootApi
from telwerk_bridges.chatwoot_history import Past
from telwerk_bridges.config import Configuration, Source
from telwerk_bridges.forwarding import Forwarder
from telwerk_bridges.inbox import Inbox, InboxFullError, Target, opened
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.progress import HistoryError, Progress
from telwerk_bridges.story import Story

WAITING_EVENTS_MAX: Final = 10_000
"""With more events that wait for Telwerk, the import waits: deliveries need room too."""

LINE_BYTES_MAX: Final = 2**26
"""Of an export, whose lines are conversations."""

PASSES_MAX: Final = 3
"""Through the pages of conversations: one that is deleted meanwhile moves others to a page that was read."""

_LOOK_SECONDS: Final = 0.2
_SAY_SECONDS: Final = 5.0
_ANSWERS, _PAGES, _BYTES = "answers", "pages", "bytes"


class Importer:
    """Imports the history of one source into one inbox."""

    def __init__(self, inbox: Inbox, forwarder: Forwarder, target: Target, chatwoot: Chatwoot) -> None:
        self._inbox = inbox
        self._forwarder = forwarder
        self._target = target
        self._chatwoot = chatwoot
        self._said_at = 0.0

    @classmethod
    @asynccontextmanager
    async def running(cls, configuration: Configuration, source: Source, chatwoot: Chatwoot) -> AsyncIterator[Self]:
        """Sends meanwhile what the inbox holds."""
        async with opened(configuration.inbox_path, configuration.inbox_bytes_max) as inbox:
            forwarder = Forwarder(inbox, partial(configuration.connect, source), source.account_id)
            sending = asyncio.create_task(forwarder.run())
            try:
                yield cls(inbox, forwarder, configuration.target(source), chatwoot)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def by_api(self, api: ChatwootApi, progress: Progress) -> Counter[str]:
        """Everything that the API shows; what was counted.

        Raises:
            HistoryError: it cannot be read, or not any further.
        """
        try:
            if first := progress.place(_ANSWERS, 1):
                await self._read_answers(api, progress, first)
            first = progress.place(_PAGES, 1)
            for _ in range(PASSES_MAX):
                if not await self._read_pages(api, progress, first):
                    break
                first = 1
        except PayloadError as error:
            raise HistoryError(f"Chatwoot's API shows something else than it documents: {error}") from error
        return progress.counts()

    async def from_file(self, path: Path, progress: Progress) -> Counter[str]:
        """Everything in an export; what was counted.

        Raises:
            HistoryError: the file cannot be read.
        """
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                place = file.seek(progress.place(_BYTES, 0))
                while line := file.readline(LINE_BYTES_MAX + 1):
                    if len(line) > LINE_BYTES_MAX:
                        raise HistoryError(f"{path} has a line of more than {LINE_BYTES_MAX} bytes (LINE_BYTES_MAX)")
                    counts = await self._take_line(line, f"the line at byte {place}") if line.strip() else {}
                    place = file.tell()
                    progress.reached(_BYTES, place, counts)
                    self._say(progress, f"{place:,} of {size:,} bytes")
        except OSError as error:
            raise HistoryError(f"{path} cannot be read: {error.strerror}") from error
        return progress.counts()

    async def drained(self, waiting_max: int = 0) -> None:
        """Returns once no more events wait than that, or none of this account: who sends the others is another."""
        while (waiting := (await self._inbox.counts()).waiting) > waiting_max:
            if not await self._inbox.waiting(self._target.account_id, 0, 1):
                return
            self._forwarder.wake()
            trouble = f": {self._forwarder.trouble}" if self._forwarder.trouble else ""
            self._note(f"{waiting:,} events wait for Telwerk{trouble}")
            await asyncio.sleep(_LOOK_SECONDS)

    async def refused(self) -> int:
        """How many events the inbox holds that Telwerk refused."""
        return (await self._inbox.counts()).refused

    async def _read_answers(self, api: ChatwootApi, progress: Progress, first: int) -> None:
        async for page, answers in api.answers(first):
            kept = [(one["conversation_id"].number(), _kept(one)) for one in answers]
            progress.keep_answers(_ANSWERS, page + 1, kept)
            self._note(f"answers of surveys, page {page}")
        progress.reached(_ANSWERS, 0)

    async def _read_pages(self, api: ChatwootApi, progress: Progress, first: int) -> bool:
        """Whether there was a conversation that is new."""
        is_new = False
        async for page in api.conversations(first):
            for conversation in page.conversations:
                number = conversation["id"].number()
                if not progress.has(number):
                    progress.done(number, await self._take_conversation(api, progress, conversation))
                    is_new = True
                self._say(progress, f"of {page.all_count:,}")
            progress.reached(_PAGES, page.number + 1)
        return is_new

    async def _take_conversation(self, api: ChatwootApi, progress: Progress, conversation: Node) -> Counter[str]:
        number = conversation["id"].number()
        try:
            messages, reports = await api.messages(number), await api.reports(number)
        except AbsentError:
            return Counter(deleted=1)
        answers = [Node(one, f"answer of conversation {number}") for one in progress.answers(number)]
        return await self._take(Past(conversation, messages, answers, reports), f"conversation {number}")

    async def _take_line(self, line: bytes, place: str) -> Counter[str]:
        try:
            one = Node(json.loads(line))
            parts = [list(one[name].items()) for name in ("messages", "csat_survey_responses", "reporting_events")]
            past = Past(one["conversation"], *parts)
        except (ValueError, RecursionError, PayloadError) as error:
            return self._unread(place, error)
        return await self._take(past, place)

    async def _take(self, past: Past, place: str) -> Counter[str]:
        try:
            told = chatwoot_history.read(self._chatwoot, past)
        except PayloadError as error:
            return self._unread(place, error)
        if told is None:
            return Counter(other_inboxes=1)
        delivery, unknown = told
        touched = Story(delivery.conversation_id, "", set(delivery.observations)).last_at() / 1_000
        while True:
            await self.drained(WAITING_EVENTS_MAX)
            try:
                events = await self._inbox.take(self._target, delivery, touched)
                break
            except InboxFullError:
                # What is sent meanwhile makes room.
                if not (await self._inbox.counts()).waiting:
                    raise
                await asyncio.sleep(_LOOK_SECONDS)
        self._forwarder.wake()
        return unknown + Counter(conversations=1, messages=len(past.messages), events=events)

    def _unread(self, place: str, error: Exception) -> Counter[str]:
        print(f"{place} cannot be read: {error}", file=sys.stderr)  # noqa: T201 - a command
        return Counter(unread=1)

    def _say(self, progress: Progress, place: str) -> None:
        if time.monotonic() - self._said_at > _SAY_SECONDS:
            counts = progress.counts()
            self._note(f"{counts['conversations']:,} conversations, {counts['messages']:,} messages; {place}")

    def _note(self, text: str) -> None:
        """Says so, unless something was said just now."""
        if time.monotonic() - self._said_at > _SAY_SECONDS:
            self._said_at = time.monotonic()
            print(text, file=sys.stderr)  # noqa: T201 - a command


def _kept(answer: Node) -> object:
    """What is needed of an answer; no text."""
    agent = answer["assigned_agent"].object()["id"]
    return {
        "message_id": answer["message_id"].number(),
        "created_at": answer["created_at"].value,
        "rating": answer["rating"].value,
        "feedback_message": "given" if answer["feedback_message"].text().strip() else "",
        "assigned_agent": {"id": agent.number()} if agent.is_there else None,
    }
