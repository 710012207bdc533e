"""What the commands share: how to reach the server, the account, and where output goes.

The options of the connection belong to `telwerk` itself and stand before the command
(`telwerk --address kpi.example:443 --tls query …`); the account belongs to the commands that need one.
"""

import enum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from telwerk.cli.configuring import use_file
from telwerk.client import Telwerk
from telwerk.connection import Connection

DEFAULT_ADDRESS = "127.0.0.1:50051"

Account = Annotated[
    str,
    typer.Option(
        "--account", envvar="TELWERK_ACCOUNT", help="The id of the account.", show_default=False, metavar="ID"
    ),
]
"""The option of every command that works for one account; required, there, in the environment or in the file."""

EXIT_INPUT_REFUSED = 1
EXIT_UNAVAILABLE = 3
EXIT_REFUSED = 4


class Output(enum.StrEnum):
    """How an answer is written. In CSV a text that a spreadsheet would take for a formula gets a `'`, unless raw."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    CSV_RAW = "csv-raw"

    @property
    def is_csv(self) -> bool:
        """Whether it is rows, with or without formulas made harmless."""
        return self in {Output.CSV, Output.CSV_RAW}


OutputOption = Annotated[
    Output,
    typer.Option(
        "--output",
        "-o",
        envvar="TELWERK_OUTPUT",
        metavar="FORMAT",
        help="The output format: table, json, csv or csv-raw.",
    ),
]
"""The option of every command that has something to say."""


class Language(enum.StrEnum):
    """In which language texts are given."""

    EN = "en"
    DE = "de"
    NL = "nl"


LanguageOption = Annotated[
    Language, typer.Option("--language", metavar="CODE", help="The language of texts: en, de or nl.")
]
"""The option of every command that has texts in languages."""


def _version_asked(wanted: bool) -> None:  # noqa: FBT001 - as a callback is called
    if wanted:
        typer.echo(f"telwerk {version('telwerk')}")
        raise typer.Exit


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


def _pem(variable: str, help_text: str) -> typer.models.OptionInfo:
    """The option of a file that must be there."""
    option: typer.models.OptionInfo = typer.Option(
        envvar=variable, help=help_text, exists=True, dir_okay=False, readable=True, show_default=False, metavar="FILE"
    )
    return option


def remember_connection(
    ctx: typer.Context,
    *,
    show_version: Annotated[  # noqa: ARG001 - its callback has answered
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version_asked),
    ] = False,
    config: Annotated[  # noqa: ARG001 - its callback has read the file
        Path | None,
        typer.Option(
            envvar="TELWERK_CONFIG",
            help="A TOML file with defaults for options.",
            show_default="telwerk/config.toml in the user's configuration folder",
            metavar="FILE",
            is_eager=True,
            callback=use_file,
        ),
    ] = None,
    address: Annotated[
        str, typer.Option(envvar="TELWERK_ADDRESS", help="The address of the server.", metavar="HOST:PORT")
    ] = DEFAULT_ADDRESS,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="TELWERK_API_KEY",
            help="The API key. Prefer the variable: others can see the command line.",
            show_default=False,
            metavar="KEY",
        ),
    ] = None,
    tls: Annotated[
        bool,
        typer.Option(
            "--tls", envvar="TELWERK_TLS", help="Connect with TLS, and trust the well-known certificate authorities."
        ),
    ] = False,
    tls_ca: Annotated[
        Path | None, _pem("TELWERK_TLS_CA", "Connect with TLS, and trust only the certificates in this PEM file.")
    ] = None,
    client_cert: Annotated[
        Path | None, _pem("TELWERK_CLIENT_CERT", "A client certificate (PEM file), for a server that requires one.")
    ] = None,
    client_key: Annotated[
        Path | None, _pem("TELWERK_CLIENT_KEY", "The private key of --client-cert (PEM file).")
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(envvar="TELWERK_TIMEOUT", metavar="SECONDS", help="The time limit of one call.", min=0.001),
    ] = 30.0,
) -> None:
    """Send live-chat events to a Telwerk server, and query its KPIs.

    An option that names an environment variable can also be set by that variable, or in the file of --config.
    """
    if (client_cert is None) != (client_key is None):
        raise typer.BadParameter("a certificate and its key go together", param_hint="--client-cert, --client-key")
    if client_cert and not (tls_ca or tls):
        raise typer.BadParameter("a certificate goes with --tls or --tls-ca", param_hint="--client-cert")
    certificate = (client_cert, client_key) if client_cert and client_key else None
    ctx.obj = Connection(address, api_key, tls_ca or tls, certificate, timeout)


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
        client_certificate=connection.client_certificate,
        timeout_seconds=connection.timeout_seconds,
    )
