"""`telwerkd backup` and `restore`: arguments only; the work is done in `telwerkd.server.maintenance.backups`."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from telwerkd.cli.shared import Config, Database, errors_reported, settings_of
from telwerkd.server.maintenance import backups

_AFTER_SIGNAL = 128
"""Exit code of a command that a signal ended, plus the signal's number, as shells have it."""


def backup(
    to: Annotated[Path, typer.Option("--to", help="The file to write; it appears when it is whole.")],
    database: Database = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,  # noqa: FBT002
    config: Config = None,
) -> None:
    """Copy a SQLite database to a file, beside a running server: all that was acknowledged before, and checked."""
    settings = settings_of(config, {"database": database})
    signal.signal(signal.SIGTERM, _end)
    with errors_reported():
        backups.backup(settings.database, to, force=force)


def restore(
    source: Annotated[Path, typer.Option("--from", help="The backup; it is only read.")],
    database: Database = None,
    force: Annotated[  # noqa: FBT002
        bool, typer.Option("--force", help="Replace a database that is there; the old one is kept under another name.")
    ] = False,
    config: Config = None,
) -> None:
    """Put a backup in a database's place, after it was verified. Stop the server first."""
    settings = settings_of(config, {"database": database})
    signal.signal(signal.SIGTERM, _end)
    with errors_reported():
        backups.restore(source, settings.database, force=force)


def _end(number: int, _frame: FrameType | None) -> None:
    """Ends the command where it is, so that it takes away what is not finished."""
    sys.exit(_AFTER_SIGNAL + number)
