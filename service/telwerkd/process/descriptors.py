"""The limit of open files: raising it, and how many of them connections may use."""

import logging
import resource
from typing import Final

log = logging.getLogger(__name__)

KEPT_BACK: Final = 128
"""For the database, its connections, the log, certificates and keys; a server has some 40 open when it is idle."""
_CONNECTIONS_MIN: Final = 16
_CONNECTIONS_MAX: Final = 10_000
"""The maximal number of connections, for a process without a limit of open files."""


def raise_limit() -> None:
    """Raises this process's soft limit of open files to its hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.warning("at most %d files can be open: %s", soft, error)


def connections_for(files: int) -> int:
    """Returns the number of connections that leaves enough of so many files for the database and the rest."""
    if files == resource.RLIM_INFINITY:
        return _CONNECTIONS_MAX
    return min(max(files - KEPT_BACK, _CONNECTIONS_MIN), _CONNECTIONS_MAX)


def connections_max() -> int:
    """Returns the number of connections for this process's limit of open files."""
    return connections_for(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
