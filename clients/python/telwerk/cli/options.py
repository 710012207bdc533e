"""What the commands share: how to reach the server, the account, and where output goes.

The options of the connection belong to `telwerk` itself and stand before the command
(`telwerk --address kpi.example:443 --tls query …`); the account belongs to the commands that need one.
"""

import dataclasses
import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from telwerk.client import Telwerk

DEFAULT_ADDRESS = "127.0.0.1:50051"

Account = Annotated[
    str,
    typer.Option("--account", envvar="TELWERK_ACCOUNT", help="The account.", show_default=False, metavar="ID"),
]
"""The option of every command that works for one account; required, there or in the environment."""

EXIT_INPUT_REFUSED = 1
EXIT_UNAVAILABLE = 3
EXIT_REFUSED = 4


class Output(enum.StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def _console(*, stderr: bool = False) -> Console:
    """Plain and unbroken when it is no terminal. Text is text: what looks like markup is somebody's id."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = 4_000
    return console


out = _console()
"""Results: standard output."""

err = _console(stderr=True)
"""Everything else: progress, reports and errors."""


def say(text: str) -> None:
    """A line on standard error, in which nothing can steer the terminal."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    err.print(clean, soft_wrap=not err.is_terminal)


@dataclasses.dataclass(frozen=True)
class Connection:
    """How to reach the server, as the global options say. It is `ctx.obj` of every command."""

    address: str
    api_key: str | None
    tls: bool | Path
    timeout_seconds: float


def remember_connection(
    ctx: typer.Context,
    *,
    address: Annotated[
        str, typer.Option(envvar="TELWERK_ADDRESS", help="The server.", metavar="HOST:PORT")
    ] = DEFAULT_ADDRESS,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="TELWERK_API_KEY",
            help="The API key. Prefer the environment: others can see a command line.",
            show_default=False,
            metavar="KEY",
        ),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Connect by TLS, trusting the well-known authorities.")] = False,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            help="Connect by TLS, trusting only the certificates in this PEM file.",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            metavar="FILE",
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long one call may take.", min=0.001)] = 30.0,
) -> None:
    """Send live-chat events to a Telwerk server, and read its KPIs."""
    ctx.obj = Connection(address, api_key, tls_ca or tls, timeout)


def connect(ctx: typer.Context) -> Telwerk:
    """A client for the server that the global options name, to be used in a `with`.

    Nothing is sent before the first call. A `TelwerkError` may be left to rise: `main` prints it as a sentence and
    picks the exit code.
    """
    connection: Connection = ctx.obj
    return Telwerk(
        connection.address,
        api_key=connection.api_key,
        tls=connection.tls,
        timeout_seconds=connection.timeout_seconds,
    )
