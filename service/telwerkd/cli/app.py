"""The `telwerkd` command: its sub-commands, and those that import nothing of a server."""

import faulthandler
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from telwerk.cli.usage import PlainGroup
from telwerkd.cli import backup, database, serve, settings
from telwerkd.cli.health import DEFAULT_SERVICE, ask
from telwerkd.cli.keys import keys_app
from telwerkd.cli.shared import Config, fail
from telwerkd.transport.endpoint.probe import ProbeError

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version_asked(wanted: bool) -> None:  # noqa: FBT001  # as a callback is called
    if wanted:
        typer.echo(f"telwerkd {version('telwerkd')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    show_version: Annotated[  # its callback has answered
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version_asked)
    ] = False,
) -> None:
    """Telwerk: exact KPI counters for live-chat customer service, over gRPC."""


app.command()(serve.serve)
app.command()(database.migrate)
app.command()(database.copy)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(database.verify)
app.command()(database.rebuild)
app.command()(database.limits)
app.command()(database.horizon)


@app.command()
def health(
    address: Annotated[
        str | None, typer.Argument(help="The address of the server.", show_default="where `listen` says")
    ] = None,
    service: Annotated[str, typer.Option(help="A gRPC service, or `liveness` or `readiness`.")] = DEFAULT_SERVICE,
    config: Config = None,
) -> None:
    """Check whether a server on this machine is serving; exit code 0 if so. For container health checks."""
    try:
        answer = ask(address, service, config)
    except ProbeError as error:
        fail(str(error))
    typer.echo(answer)


app.command()(settings.check)
app.add_typer(settings.settings_app, name="settings")
app.add_typer(keys_app, name="keys")


def main() -> None:
    """The entry point."""
    # Else a process that the kernel ends, as where a file that it has mapped was cut short, ends without a word. There
    # is nowhere to say it where the program was started with standard error closed.
    if sys.stderr is not None:
        faulthandler.enable(all_threads=False)
    app()
