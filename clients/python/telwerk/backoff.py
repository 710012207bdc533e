"""How long to wait before trying again."""

import random
from typing import Final

from telwerk.errors import UnavailableError

_SECONDS_FIRST: Final = 0.1
_SECONDS_MAX: Final = 5.0


class Backoff:
    """Twice as long each time, up to five seconds, and by chance a little less.

    Chance keeps many clients of a server that comes back from calling it at once.
    """

    def __init__(self) -> None:
        self._seconds = 0.0

    def reset(self) -> None:
        """It went well."""
        self._seconds = 0.0

    def failed(self, error: Exception | None = None) -> float:
        """Seconds to wait; at least as long as the server asks for."""
        self._seconds = min(max(_SECONDS_FIRST, 2 * self._seconds), _SECONDS_MAX)
        asked = error.retry_after_seconds if isinstance(error, UnavailableError) else None
        return max(self._seconds * random.uniform(0.5, 1.0), asked or 0.0)  # noqa: S311 - no secret
