"""`telwerkd serve`: runs the server until a stop signal."""

import asyncio
import logging
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from telwerkd.application.clock import Clock
from telwerkd.cli.shared import Config, Database, errors_reported, help_of, loaded
from telwerkd.process import held_signals
from telwerkd.process.gc_tuning import devote_process
from telwerkd.process.log_format import Event, LogFormat, LogLevel
from telwerkd.server import main_loop
from telwerkd.server.http_ports import start_lines, warn_of_no_page
from telwerkd.server.reloading import Reloading, Source
from telwerkd.server.settings.contradictions import contradictions
from telwerkd.server.settings.errors import unknown_variables
from telwerkd.server.settings.loading import variables
from telwerkd.server.settings.settings import Settings
from telwerkd.server.settings.sources import PREFIX
from telwerkd.server.stopping import Stop, any_of
from telwerkd.server.telemetry import log_limit
from telwerkd.server.wiring import running
from telwerkd.server.workers import processes
from telwerkd.storage.schema.versions import head

log = logging.getLogger("telwerkd.cli")


def serve(
    database: Database = None,
    listen: Annotated[str | None, typer.Option(help=help_of("listen"), show_default="127.0.0.1:50051")] = None,
    http_listen: Annotated[
        str | None, typer.Option(help=help_of("http_listen"), show_default="127.0.0.1:50080")
    ] = None,
    probe_listen: Annotated[str | None, typer.Option(help=help_of("probe_listen"))] = None,
    tls_cert: Annotated[Path | None, typer.Option(help=help_of("tls_cert"))] = None,
    tls_key: Annotated[Path | None, typer.Option(help=help_of("tls_key"))] = None,
    tls_client_ca: Annotated[Path | None, typer.Option(help=help_of("tls_client_ca"))] = None,
    keys_file: Annotated[Path | None, typer.Option(help=help_of("keys_file"))] = None,
    insecure_plaintext: Annotated[
        bool | None, typer.Option("--insecure-plaintext", help=help_of("insecure_plaintext"))
    ] = None,
    insecure_no_auth: Annotated[
        bool | None, typer.Option("--insecure-no-auth", help=help_of("insecure_no_auth"))
    ] = None,
    workers: Annotated[int | None, typer.Option(help=help_of("workers"), show_default="1")] = None,
    log_format: Annotated[LogFormat | None, typer.Option(help=help_of("log_format"), show_default="text")] = None,
    log_level: Annotated[LogLevel | None, typer.Option(help=help_of("log_level"), show_default="info")] = None,
    config: Config = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C. Without options: a SQLite file, on loopback, in plain text."""
    flags = {name: value for name, value in locals().items() if name != "config"}
    found = loaded(config, flags)
    settings = found.settings
    log_limit.set_up(settings.log_style, settings.log_lines_max)
    for doubtful in (
        *unknown_variables(variables(), Settings.model_fields, PREFIX),
        *contradictions(settings, found.origins),
    ):
        log.warning("settings: %s", doubtful)
    warn_of_no_page(settings)
    with errors_reported():
        main_loop.run(_serve(settings, Reloading(Source(config, flags), settings)))


def _what_runs(settings: Settings) -> Event:
    """Returns the log event of a start: version, database, addresses, TLS and credentials."""
    guarded = "TLS with client certificates" if settings.tls_client_ca else "TLS" if settings.tls_cert else "plain text"
    keys = f"keys of {settings.keys_file}" if settings.keys_file else "no keys"
    if settings.jwt_issuer:
        keys += f", tokens of {settings.jwt_issuer}"
    workers = f", {settings.workers} workers" if settings.workers > 1 else ""
    fields = {
        "version": version("telwerkd"),
        "database": str(settings.database),
        "schema": head(),
        "guarded_by": guarded,
        "keys_file": settings.keys_file,
        "jwt_issuer": settings.jwt_issuer,
        "workers": settings.workers,
    }
    return Event(
        "started",
        fields,
        f"telwerkd {version('telwerkd')} started: database {settings.database} at schema {head()}, {guarded}, {keys}, "
        f"at most {settings.calls_max} calls of {settings.message_bytes_max:,} bytes{workers}",
    )


async def _serve(settings: Settings, reloading: Reloading) -> None:
    clock = Clock()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, clock.confirm)
    if settings.workers > 1:
        await processes.serve(settings, _what_runs(settings), reloading)
        log.info("stopped")
        return
    stop = Stop(settings.grace_seconds, on_hangup=reloading.on_hangup)
    held_signals.release()
    async with running(settings, clock=clock) as server:
        addresses = server.address, server.http_address, server.probe_address
        print(start_lines(settings, *addresses), flush=True)  # noqa: T201
        log.info(_what_runs(settings))
        devote_process()
        async with reloading.followed(server.use) as died:
            await any_of(stop.asked, server.failed, died)
            stop.ask()
        log.info("stopping: running calls end, at most %.0f s", settings.grace_seconds)
    log.info("stopped")
