"""`telwerkd migrate`, `copy`, `verify`, `rebuild`, `limits`, `horizon`: operations on a database without a server."""

import enum
from datetime import UTC, datetime
from typing import Annotated

import typer

from telwerkd.cli.shared import Config, Database, fail, log_to_stderr, run, settings_of
from telwerkd.domain.ids import SECOND, AccountId, Micros
from telwerkd.server.maintenance import audits
from telwerkd.storage import open_store
from telwerkd.storage.location import Location, located

EXIT_DIFFERENT = 1


class Counted(enum.Enum):
    """The choice of KPIs for an account: those of part one of the rules, or all."""

    TEN = "ten"
    ALL = "all"


def migrate(
    database: Database = None,
    distribute: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--distribute", help="Also shard the tables by account, if PostgreSQL has Citus.")
    ] = False,
    config: Config = None,
) -> None:
    """Upgrade the database schema. Safe to repeat, and to run twice at once; on SQLite, stop the server first."""
    settings = settings_of(config, {"database": database})
    revision = run(open_store.migrate(settings.database))
    typer.echo(f"{settings.database} is at schema {revision}.")
    if distribute:
        sharded = run(open_store.distribute(settings.database))
        typer.echo(f"Sharded by account: {', '.join(sharded) or 'nothing, all was already'}.")


def copy(
    source: Annotated[str, typer.Option("--from", help="The SQLite file: a path, or sqlite:///path.")],
    target: Annotated[str, typer.Option("--to", help="An empty PostgreSQL: postgresql://user@host/database.")],
) -> None:
    """Copy a SQLite database to PostgreSQL, and compare both. Stop the server first; if interrupted, run it again."""
    run(audits.copy(_located(source), _located(target)))


def verify(database: Database = None, config: Config = None) -> None:
    """Compare every counter with the log of events; exit code 1 on any difference. Safe while a server runs."""
    settings = settings_of(config, {"database": database})
    clean = run(audits.verify(settings.database))
    raise typer.Exit(0 if clean else EXIT_DIFFERENT)


def rebuild(
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    kpis: Annotated[
        Counted | None, typer.Option(help="The KPIs that the account counts from now on; requires --account.")
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Recount stored events by the present rules, and repair the counters from the log.

    Run it after an upgrade that adds KPIs or changes a rule, or to repair damage. Safe while a server runs; if
    interrupted, run it again. `--account A --kpis ten` removes the KPIs of part two of the rules from an account, which
    then counts the first ten KPIs only; `--kpis all` counts the others again.
    """
    if kpis is not None and account is None:
        fail("--kpis is of one account: name it with --account")
    settings = settings_of(config, {"database": database})
    log_to_stderr(settings.log_style)
    only = None if account is None else AccountId(account)
    clean = run(audits.rebuild(settings.database, only, None if kpis is None else kpis.value))
    raise typer.Exit(0 if clean else EXIT_DIFFERENT)


def limits(
    account: Annotated[str, typer.Option(help="The account.")],
    names_max: Annotated[
        int | None, typer.Option(min=0, help="Set the account's own names_max; 0 restores the general setting.")
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Show how many names an account has, or change its limit. Safe while a server runs."""
    settings = settings_of(config, {"database": database})
    log_to_stderr(settings.log_style)
    run(audits.limits(settings.database, AccountId(account), settings.names_max, names_max))


def horizon(
    account: Annotated[str, typer.Option(help="The account.")],
    lower_to: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"],
            help="Set it back to this instant (UTC): events from then on are accepted again.",
        ),
    ] = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Show an account's retention horizon (earlier events are purged and refused), or set it back.

    Use it after a purge by a wrong clock, once the clock is right. Purged events stay purged and counted, and are still
    refused. Safe while a server runs; its writes wait meanwhile.
    """
    settings = settings_of(config, {"database": database})
    log_to_stderr(settings.log_style)
    to = None if lower_to is None else Micros(round(lower_to.replace(tzinfo=UTC).timestamp() * SECOND))
    run(audits.horizon(settings.database, AccountId(account), to))


def _located(database: str) -> Location:
    try:
        return located(database)
    except ValueError as error:
        fail(str(error))
