"""Files that a process may have open: connections take what the database does not need."""

import logging
import resource
from typing import Final

log = logging.getLogger(__name__)

KEPT_BACK: Final = 128
"""For the database, its connections, the log, certificates and keys; a server has some 40 open when it is idle."""
_CONNECTIONS_MIN: Final = 16
_CONNECTIONS_MAX: Final = 10_000
"""Of a server that may have any number of files open."""


def raise_limit() -> None:
    """Lets this process have as many files open as it may without a right of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.warning("at most %d files can be open: %s", soft, error)


def connections_for(files: int) -> int:
    """How many connections leave enough of so many files for all else."""
    if files == resource.RLIM_INFINITY:
        return _CONNECTIONS_MAX
    return min(max(files - KEPT_BACK, _CONNECTIONS_MIN), _CONNECTIONS_MAX)


def connections_max() -> int:
    """The same, for the limit of this process."""
    return connections_for(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
