"""Sharing between watches with the same request: one answer is computed, and each watch's update made of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final, NamedTuple

from telwerkd.application.query.result import Answer
from telwerkd.application.watch.kept_answer import KeptAnswer

_SHARED_SECONDS: Final = 1.0
"""The maximal age of a shared update, in seconds: its `complete_until` must be recent."""

UPDATES_MAX: Final = 16
"""The maximal number of previous answers for which an update is made at once, in a thread without a pause."""


class Update(NamedTuple):
    """The messages to watches about an answer, and the answer to keep."""

    messages: Mapping[int | None, bytes | None]
    """The messages, by the version of the answer that a watch has (None: none yet); a message is None where the
    answer has not changed. The account's version tells the answers to one request apart: while it is the same, only
    their `complete_until` changes (`AnswerVersion`)."""
    kept: KeptAnswer


class SharedQuestion:
    """The request of one or several watches, with the update that was made last.

    Watches may have answers of different versions: they were opened at different times, or their clients read slowly.
    An update is made for all that are waiting, after which they have the same version.
    """

    def __init__(self) -> None:
        self.watches = 0
        """How many ask it."""
        self._lock = asyncio.Lock()
        self._waiting: dict[object, KeptAnswer | None] = {}
        """What each watch knows that waits for an update or makes one, in their order."""
        self._update: Update | None = None
        self._forgetting: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, watch: object, known: KeptAnswer | None) -> AsyncIterator[None]:
        """Takes the lock under which a watch gets or makes an update; registers it as waiting until it has the lock."""
        self._waiting[watch] = known
        try:
            async with self._lock:
                yield
        finally:
            del self._waiting[watch]

    def make(
        self, known: KeptAnswer | None, answer: Answer, encode: Callable[[Answer | None, Answer], bytes | None]
    ) -> Update:
        """Makes the update of an answer, for the current watch and those waiting longest. Runs in a thread."""
        # The event loop goes on, and more begin to wait: a copy is taken in one step.
        waiting = {_version(one): one for one in (known, *self._waiting.copy().values())}
        messages: dict[int | None, bytes | None] = {}
        alike: dict[bytes | None, bytes | None] = {}
        for version, one in islice(waiting.items(), UPDATES_MAX):
            message = encode(None if one is None else one.answer(), answer)
            messages[version] = alike.setdefault(message, message)  # snapshots take their memory once
        return Update(messages, KeptAnswer(answer))

    def latest(self, known: int | None, version: int) -> Update | None:
        """Returns the last update, if it leads from version `known` (None: none) to `version` or a later one.

        None if it does not, or has expired.
        """
        update = self._update
        if update is None or known not in update.messages or update.kept.version < version:
            return None
        return update

    def publish(self, update: Update) -> None:
        """Publishes an update to the other watches."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._update = update if self.watches > 1 else None
        self._forgetting = asyncio.get_running_loop().call_later(_SHARED_SECONDS, self._forget)

    def _forget(self) -> None:
        self._update = None


def _version(known: KeptAnswer | None) -> int | None:
    return None if known is None else known.version
