"""Shared by the commands: options, loading of settings, and the handling of errors."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from telwerkd.domain.errors import InvalidArgumentError, UnavailableError
from telwerkd.process import log_format
from telwerkd.process.log_format import LogStyle
from telwerkd.server.background import BackgroundTaskError
from telwerkd.server.components import NotStoredError
from telwerkd.server.settings.loading import ConfigurationError, Loaded, load
from telwerkd.server.settings.settings import Settings
from telwerkd.server.stopping import EXIT_NOT_STORED
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.transport.security.tls import StartupError

T = TypeVar("T")

EXIT_CANNOT_START = 1


def help_of(setting: str) -> str:
    """The description of a setting, which is the help of its option."""
    return Settings.model_fields[setting].description or ""


Database = Annotated[str | None, typer.Option(help=help_of("database"), show_default="telwerk.db")]
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file of settings, named as in `telwerkd settings`. Default: the file that TELWERKD_CONFIG names.",
        show_default=False,
    ),
]


def settings_of(config: Path | None, flags: dict[str, Any]) -> Settings:
    """Returns the settings of flags, environment and files; ends the command if they are invalid."""
    return loaded(config, flags).settings


def loaded(config: Path | None, flags: dict[str, Any]) -> Loaded:
    """Returns the settings with their origins; ends the command if they are invalid."""
    try:
        return load(config, flags)
    except ConfigurationError as error:
        fail(str(error))


def log_to_stderr(style: LogStyle) -> None:
    """Sends the log to standard error: the audit log records commands as well as calls."""
    log_format.set_up(style, logging.StreamHandler())


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine, and reports its errors."""
    with errors_reported():
        return asyncio.run(main)


@contextmanager
def errors_reported() -> Iterator[None]:
    """Ends the command with the text of an error that its user can resolve."""
    try:
        yield
    except (StartupError, SchemaError, InvalidArgumentError, UnavailableError, BackgroundTaskError) as error:
        fail(str(error))
    except NotStoredError as error:
        fail(str(error), EXIT_NOT_STORED)


def fail(message: str, exit_code: int = EXIT_CANNOT_START) -> NoReturn:
    """Ends the command with a message on standard error."""
    if log_format.style().format == "json":
        log_format.complain(message)
    else:
        typer.echo(f"telwerkd: {message}", err=True)
    raise typer.Exit(exit_code)
