"""Checks on the status of a file."""

import os
import stat
import sys
from pathlib import Path
from typing import TypeAlias

FileSignature: TypeAlias = tuple[int, int, int]


def signature_of(path: Path) -> FileSignature:
    """Returns what differs when a file was written or replaced. Follows links, as Kubernetes uses.

    Raises:
        OSError: it cannot be looked at.
    """
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def mode_others_may_write(status: os.stat_result) -> str:
    """Returns the mode, such as `0664`, of a file that others than its owner may write; empty if they may not.

    Also where modes do not tell, as on Windows.
    """
    if sys.platform == "win32" or not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return ""
    return f"{status.st_mode & 0o777:04o}"
