"""The `telwerkd` command: arguments only."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from telwerk.cli.usage import PlainGroup
from telwerkd.application.clock import Clock
from telwerkd.cli import health as cli_health
from telwerkd.cli.keys import keys_app
from telwerkd.domain.errors import InvalidArgumentError, UnavailableError
from telwerkd.domain.ids import SECOND, AccountId, Micros
from telwerkd.process.descriptors import raise_limit
from telwerkd.process.gc_tuning import devote_process
from telwerkd.server import log_limit, maintenance, workers
from telwerkd.server.background import BackgroundTaskError
from telwerkd.server.settings import ConfigurationError, Settings, load
from telwerkd.server.stopping import EXIT_NOT_STORED, Stop, either
from telwerkd.server.wiring import NotStoredError, running
from telwerkd.storage import open_store as opening
from telwerkd.storage.location import Location, located
from telwerkd.storage.schema.versions import SchemaError, head
from telwerkd.transport.endpoint.probe import ProbeError
from telwerkd.transport.security.tls import StartupError

T = TypeVar("T")

log = logging.getLogger("telwerkd.cli")

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(keys_app, name="keys")


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


EXIT_CANNOT_START = 1
EXIT_DIFFERENT = 1


def _help(setting: str) -> str:
    return Settings.model_fields[setting].description or ""


Database = Annotated[str | None, typer.Option(help=_help("database"), show_default="telwerk.db")]
Config = Annotated[Path | None, typer.Option(help="A TOML file of settings; names as in `telwerkd settings`.")]


@app.command()
def serve(
    database: Database = None,
    listen: Annotated[str | None, typer.Option(help=_help("listen"), show_default="127.0.0.1:50051")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help=_help("tls_cert"))] = None,
    tls_key: Annotated[Path | None, typer.Option(help=_help("tls_key"))] = None,
    tls_client_ca: Annotated[Path | None, typer.Option(help=_help("tls_client_ca"))] = None,
    keys_file: Annotated[Path | None, typer.Option(help=_help("keys_file"))] = None,
    insecure_plaintext: Annotated[
        bool | None, typer.Option("--insecure-plaintext", help=_help("insecure_plaintext"))
    ] = None,
    insecure_no_auth: Annotated[bool | None, typer.Option("--insecure-no-auth", help=_help("insecure_no_auth"))] = None,
    workers: Annotated[int | None, typer.Option(help=_help("workers"), show_default="1")] = None,
    config: Config = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C. Needs no set-up: a SQLite file, loopback, plain text."""
    flags = {name: value for name, value in locals().items() if name != "config"}
    settings = _settings(config, flags)
    log_limit.set_up(settings.log_lines_max)
    raise_limit()
    _run(_serve(settings))


@app.command()
def migrate(
    database: Database = None,
    distribute: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--distribute", help="Then shard the tables by account, where PostgreSQL has Citus.")
    ] = False,
    config: Config = None,
) -> None:
    """Bring the database's schema up to date. Safe to repeat, and twice at once; on SQLite, stop the server first."""
    settings = _settings(config, {"database": database})
    revision = _run(opening.migrate(settings.database))
    typer.echo(f"{settings.database} is at schema {revision}.")
    if distribute:
        sharded = _run(opening.distribute(settings.database))
        typer.echo(f"Sharded by account: {', '.join(sharded) or 'nothing, all was already'}.")


@app.command()
def copy(
    source: Annotated[str, typer.Option("--from", help="The SQLite file: a path, or sqlite:///path.")],
    target: Annotated[str, typer.Option("--to", help="An empty PostgreSQL: postgresql://user@host/database.")],
) -> None:
    """Move from a SQLite file to PostgreSQL, and compare both. Stop the server first; run it again if interrupted."""
    _run(maintenance.copy(_located(source), _located(target)))


@app.command()
def verify(database: Database = None, config: Config = None) -> None:
    """Check every counter against the fold of the log; exit code 1 on any difference. Safe beside a running server."""
    settings = _settings(config, {"database": database})
    clean = _run(maintenance.verify(settings.database))
    raise typer.Exit(0 if clean else EXIT_DIFFERENT)


@app.command()
def rebuild(database: Database = None, config: Config = None) -> None:
    """Make the counters what the log says: after a changed rule, or damage. Safe beside a running server."""
    settings = _settings(config, {"database": database})
    clean = _run(maintenance.rebuild(settings.database))
    raise typer.Exit(0 if clean else EXIT_DIFFERENT)


@app.command()
def limits(
    account: Annotated[str, typer.Option(help="The account.")],
    names_max: Annotated[
        int | None, typer.Option(min=0, help="Set the account's own names_max; 0 takes the setting again.")
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Show how many names an account has, and change how many it may have. Safe beside a running server."""
    settings = _settings(config, {"database": database})
    _run(maintenance.limits(settings.database, AccountId(account), settings.names_max, names_max))


@app.command()
def horizon(
    account: Annotated[str, typer.Option(help="The account.")],
    lower_to: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"],
            help="Take it back to this instant (UTC), so that events from then on are taken again.",
        ),
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Show an account's horizon, before which events were purged and are refused; or take it back.

    For after a purge by a clock that was wrong: set the clock right first. What was purged stays purged, counted, and
    refused. Safe beside a running server, whose writes wait meanwhile.
    """
    settings = _settings(config, {"database": database})
    to = None if lower_to is None else Micros(round(lower_to.replace(tzinfo=UTC).timestamp() * SECOND))
    _run(maintenance.horizon(settings.database, AccountId(account), to))


@app.command()
def health(
    address: Annotated[str | None, typer.Argument(help="Its address.", show_default="where `listen` says")] = None,
    service: Annotated[str, typer.Option(help="A service, or `liveness` or `readiness`.")] = cli_health.DEFAULT_SERVICE,
    config: Config = None,
) -> None:
    """Ask a server on this machine whether it is serving; exit code 0 if so. For container health checks."""
    try:
        answer = cli_health.ask(address, service, config)
    except ProbeError as error:
        _fail(str(error))
    typer.echo(answer)


@app.command("settings")
def show_settings(config: Config = None) -> None:
    """List every setting with its value now, as flags, environment (TELWERK_...) and file give it."""
    settings = _settings(config, {})
    for name, field in Settings.model_fields.items():
        typer.echo(f"{name} = {getattr(settings, name)}\n    {field.description}")


def _settings(config: Path | None, flags: dict[str, Any]) -> Settings:
    try:
        return load(config, flags)
    except ConfigurationError as error:
        _fail(str(error))


def _located(database: str) -> Location:
    try:
        return located(database)
    except ValueError as error:
        _fail(str(error))


def _run(main: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(main)
    except (StartupError, SchemaError, InvalidArgumentError, UnavailableError, BackgroundTaskError) as error:
        _fail(str(error))
    except NotStoredError as error:
        _fail(str(error), EXIT_NOT_STORED)


def _fail(message: str, exit_code: int = EXIT_CANNOT_START) -> NoReturn:
    typer.echo(f"telwerkd: {message}", err=True)
    raise typer.Exit(exit_code)


def _what_runs(settings: Settings) -> str:
    """The line that a start is known by: what runs, on what, and how it is guarded."""
    guarded = "TLS with client certificates" if settings.tls_client_ca else "TLS" if settings.tls_cert else "plain text"
    keys = f"keys of {settings.keys_file}" if settings.keys_file else "no keys"
    return (
        f"telwerkd {version('telwerkd')} started: database {settings.database} at schema {head()}, {guarded}, {keys}, "
        f"at most {settings.calls_max} calls of {settings.message_bytes_max:,} bytes"
    )


async def _serve(settings: Settings) -> None:
    clock = Clock()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, clock.confirm)
    if settings.workers > 1:
        await workers.serve(settings, f"{_what_runs(settings)}, {settings.workers} workers")
        log.info("stopped")
        return
    stop = Stop(settings.grace_seconds)
    async with running(settings, clock=clock) as server:
        # The one line on standard output, for whoever started this with port 0.
        print(f"Telwerk listens on {server.address}", flush=True)  # noqa: T201
        log.info(_what_runs(settings))
        devote_process()
        await either(stop.asked, server.failed)
        stop.ask()
        log.info("stopping: running calls end, at most %.0f s", settings.grace_seconds)
    log.info("stopped")


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
