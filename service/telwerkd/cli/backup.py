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
    to: Annotated[
        Path, typer.Option("--to", help="The backup file to write; it appears once it is complete and checked.")
    ],
    database: Database = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,  # noqa: FBT002
    config: Config = None,
) -> None:
    """Back up a SQLite database to a file and check it, while a server runs: all that was acknowledged before."""
    settings = settings_of(config, {"database": database})
    signal.signal(signal.SIGTERM, _end)
    with errors_reported():
        backups.backup(settings.database, to, force=force)


def restore(
    source: Annotated[Path, typer.Option("--from", help="The backup file; it is not changed.")],
    database: Database = None,
    force: Annotated[  # noqa: FBT002
        bool, typer.Option("--force", help="Replace an existing database; the old one is kept under another name.")
    ] = False,
    config: Config = None,
) -> None:
    """Verify a backup and put it in place of the database. Stop the server first."""
    settings = settings_of(config, {"database": database})
    signal.signal(signal.SIGTERM, _end)
    with errors_reported():
        backups.restore(source, settings.database, force=force)


def _end(number: int, _frame: FrameType | None) -> None:
    """Ends the command as if it had failed, so that it removes the unfinished file."""
    sys.exit(_AFTER_SIGNAL + number)
