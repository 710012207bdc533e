"""The command's configuration: a flag, else the environment (`TELWERK_` and its name), else a TOML file.

    # ~/.config/telwerk/config.toml
    address = "kpi.example:443"
    tls = true
    account = "acme"
    output = "json"

What can stand in the file is what has a variable in the environment, under the name of that variable without
`TELWERK_`, in small letters. The file is the one that `--config` names, else `TELWERK_CONFIG`, else
`telwerk/config.toml` in the user's configuration folder, if it is there.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer

from telwerk.cli.naming import none_of

_PREFIX: Final = "TELWERK_"
_SCALARS: Final = (str, int, float, bool)


def default_file() -> Path | None:
    """The file that is read where none is named; None if it is not there."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    path = Path(folder).expanduser() / "telwerk" / "config.toml"
    return path if path.is_file() else None


def use_file(ctx: typer.Context, path: Path | None) -> Path | None:
    """Makes a file's values the defaults of all commands: the callback of `--config`.

    Raises:
        typer.BadParameter: the file cannot be read, or holds what no option is called.
    """
    chosen = path or default_file()
    if chosen is None:
        return None
    values = _read(chosen)
    command: Any = ctx.command
    known = {name for one in _commands(command) for name in _settable(one).values()}
    for name, value in values.items():
        if name not in known:
            raise typer.BadParameter(f"{chosen}: {none_of(name, sorted(known))}")
        if not isinstance(value, _SCALARS):
            raise typer.BadParameter(f"{chosen}: {name!r} is one value: a text, a number, true or false")
    ctx.default_map = _defaults(command, values)
    return chosen


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror or error}") from None
    except RecursionError:
        raise typer.BadParameter(f"{path} is no TOML that can be read: it is nested too deeply") from None
    except ValueError as error:
        raise typer.BadParameter(f"{path} is no TOML: {_without_advice(error)}") from None


def _without_advice(error: ValueError) -> str:
    """Of a number of too many digits Python says what to do about it in a program."""
    return str(error).partition("; use sys.")[0]


# The classes of commands and their parameters are typer's own, under names that it does not promise: hence `Any`.


def _commands(command: Any) -> Iterator[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _commands(below)


def _settable(command: Any) -> dict[str, str]:
    """Its parameters that the environment can set, by the name that they have in the file."""
    return {
        param.name: param.envvar.removeprefix(_PREFIX).lower()
        for param in command.params
        if isinstance(param.envvar, str) and param.name != "config"
    }


def _defaults(command: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Click's map of defaults: of the command's own parameters, and of each command below it."""
    own = {param: values[name] for param, name in _settable(command).items() if name in values}
    below = {name: _defaults(one, values) for name, one in getattr(command, "commands", {}).items()}
    return {**below, **own}
