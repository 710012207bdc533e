"""`telwerkd keys …`: API keys by hand. Arguments only; the work is done in `transport.security.keys_file`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from telwerkd.cli.shared import log_to_stderr
from telwerkd.process.log_format import LogStyle
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import EVERY_ACCOUNT, KeysFileError, Role

keys_app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


@keys_app.callback()
def _log_to_stderr() -> None:
    """Sends the audit log, which records changes, to standard error."""
    json_wanted = os.environ.get("TELWERK_LOG_FORMAT", "").lower() == "json"
    log_to_stderr(LogStyle("json" if json_wanted else "text"))


_File = Annotated[
    Path, typer.Option("--file", "-f", help="The keys file (TOML).", envvar="TELWERK_KEYS_FILE", dir_okay=False)
]


@keys_app.command()
def create(
    file: _File,
    account: Annotated[list[str], typer.Option(help=f"An account to grant; `{EVERY_ACCOUNT}` grants all. Repeatable.")],
    role: Annotated[list[Role], typer.Option(help="A role to grant. Repeatable.")],
    key_id: Annotated[str | None, typer.Option("--id", help="The key's id in the file. Default: a random one.")] = None,
) -> None:
    """Create a key, add it to the file, and print it. It is shown only once: the file keeps its hash."""
    try:
        token = keys_file.create(file, account, role, key_id)
    except KeysFileError as error:
        raise _failure(error) from error
    # The key alone goes to standard output, so that it can be piped into wherever secrets are kept.
    typer.echo(token)
    typer.echo(f"Added to {file}. Keep the key safe: it cannot be shown again.", err=True)


@keys_app.command(name="list")
def list_keys(file: _File) -> None:
    """List the id, accounts and roles of each key, one per line."""
    try:
        keys = keys_file.load(file)
    except KeysFileError as error:
        raise _failure(error) from error
    width = max((len(key_id) for key_id in keys), default=0)
    for key in keys.values():
        typer.echo(f"{key.id:{width}}  {','.join(r.value for r in key.roles)}  {' '.join(key.accounts)}")


@keys_app.command()
def revoke(
    file: _File, key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as `list` prints it.")]
) -> None:
    """Remove a key from the file. A running server refuses it within a second."""
    try:
        keys_file.revoke(file, key_id)
    except KeysFileError as error:
        raise _failure(error) from error
    typer.echo(f"Revoked {key_id}.", err=True)


def _failure(error: KeysFileError) -> typer.Exit:
    typer.echo(f"telwerkd keys: {error}", err=True)
    return typer.Exit(1)
