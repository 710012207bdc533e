"""How watches end that nobody closed."""

import time
from typing import NamedTuple

from telwerkd.server.settings.settings import Settings

GRACE_SECONDS = Settings().connection_limits.grace_seconds
"""How long a watch lasts at least, of a server with the default settings."""
_OF_AGE = ("UNAVAILABLE", "max connection age")
"""What gRPC says of a call that was open when its connection was cut for its age."""


class WatchEnd(NamedTuple):
    """The end of one that was opened again then."""

    at: float
    """By the system's clock."""
    lasted_seconds: float
    code: str
    details: str

    @property
    def is_meant(self) -> bool:
        """Whether its connection was as old as one may be, and it had the time that it is left then."""
        return (self.code, self.details) == _OF_AGE and self.lasted_seconds >= GRACE_SECONDS

    def __str__(self) -> str:
        """When, after how long, and why."""
        at = time.strftime("%H:%M:%S", time.localtime(self.at))
        return f"the watch ended at {at}, after {self.lasted_seconds / 60:.1f} min: {self.code} ({self.details})"
