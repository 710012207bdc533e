"""What several watches ask alike is answered once: whoever is told of the same change gets the same bytes."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from telwerkd.application.watch.kept_answer import KeptAnswer
from telwerkd.process.steady import monotonic

_SHARED_SECONDS: Final = 1.0
"""How old an update may be that is told again: it says until when it is complete."""


class Update(NamedTuple):
    """What a watch is told, and what it then knows."""

    message: bytes | None
    """None where nothing that it shows is different."""
    kept: KeptAnswer


class SharedQuestion:
    """A question that one watch asks, or several, and the update that was made last.

    Only one update: watches that were told of the same versions so far are told the same next. One whose reader was
    busy has another answer to compare with, and asks for itself.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.lock = asyncio.Lock()
        """Held by the watch that makes an update; the others wait for what it makes."""
        self.watches = 0
        """How many ask it."""
        self._since: int | None = None
        self._made: tuple[float, Update] | None = None

    def told(self, since: int | None, version: int) -> Update | None:
        """The update from an answer at version `since` (None: from no answer) to one at `version` or a later one.

        None if there is no such update, or it is no longer new.
        """
        if self._made is None or self._since != since:
            return None
        made_at, update = self._made
        is_new = update.kept.version >= version and self._clock() - made_at < _SHARED_SECONDS
        return update if is_new else None

    def tell(self, since: int | None, update: Update) -> None:
        """Lets other watches have an update that was just made."""
        if self.watches > 1:
            self._since, self._made = since, (self._clock(), update)
