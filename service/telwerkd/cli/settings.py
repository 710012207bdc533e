"""`telwerkd settings` and `telwerkd check`: shows settings with their origins, and checks them and the database."""

import json
from pathlib import Path

import typer

from telwerk.cli.usage import PlainGroup
from telwerkd.cli.shared import Config, Database, loaded, run
from telwerkd.server.maintenance import checking
from telwerkd.server.settings.contradictions import contradictions
from telwerkd.server.settings.errors import unknown_variables
from telwerkd.server.settings.loading import ConfigurationError, Loaded, load, variables
from telwerkd.server.settings.settings import Settings
from telwerkd.server.settings.sources import PREFIX
from telwerkd.storage.location import SqliteFile

EXIT_FINDINGS = 1

settings_app = typer.Typer(cls=PlainGroup, invoke_without_command=True)


@settings_app.callback()
def show(context: typer.Context, config: Config = None) -> None:
    """List every setting with its value and its source: environment (TELWERK_...), file or default."""
    if context.invoked_subcommand is not None:
        return
    found = loaded(config, {})
    for name, field in Settings.model_fields.items():
        value = getattr(found.settings, name)
        typer.echo(f"{name} = {value}\n    {field.description}\n    from: {found.origin(name)}")


@settings_app.command()
def schema() -> None:
    """Print the JSON schema of the file that --config names, for editors and checks."""
    made = Settings.model_json_schema()
    typer.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=2))


def check(database: Database = None, config: Config = None) -> None:
    """Check the settings and the database; print a line per finding, and exit with 1 if there is any.

    It checks settings for unknown names, invalid values, contradictions and unusable files; and the database, if there
    is one, for its schema, its structure, and the counters of some accounts. Safe while a server runs.
    """
    found, findings = _settings(config, database)
    for finding in findings:
        typer.echo(f"settings: {finding}")
    if found is None:
        raise typer.Exit(EXIT_FINDINGS)
    if not findings:
        typer.echo(f"settings: {len(found.origins)} given, none unknown, wrong or contradictory")
    location = found.settings.database
    if isinstance(location, SqliteFile) and database is None and not location.path.exists():
        typer.echo(f"{location}: not there yet; `telwerkd serve` makes it")
    elif not run(checking.check_database(location)):
        raise typer.Exit(EXIT_FINDINGS)
    raise typer.Exit(EXIT_FINDINGS if findings else 0)


def _settings(config: Path | None, database: str | None) -> tuple[Loaded | None, list[str]]:
    try:
        found = load(config, {"database": database})
    except ConfigurationError as error:
        return None, error.problems + _unknown()
    return found, [
        *_unknown(),
        *contradictions(found.settings, found.origins),
        *checking.unusable(found.settings),
    ]


def _unknown() -> list[str]:
    return unknown_variables(variables(), Settings.model_fields, PREFIX)
