"""Sources of settings: the environment, files that it names, and the configuration file. Standard library only.

From `TELWERK_NAMES_MAX` comes the value of `names_max` itself, from `TELWERK_NAMES_MAX_FILE` the path of a file that
holds it: so a secret stands in no list of processes and in no description of a container.
"""

import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

from telwerkd.process import toml
from telwerkd.process.file_status import mode_others_may_write

PREFIX: Final = "TELWERK_"
CONFIG_VARIABLE: Final = "TELWERKD_CONFIG"
"""Names the configuration file, where no flag does. `TELWERK_CONFIG` is that of the command `telwerk`."""

FILE_SUFFIX: Final = "_file"
_FILE_BYTES_MAX = 65_536


class Given(NamedTuple):
    """A setting's raw value, with its origin."""

    value: object
    origin: str
    """A flag, a variable or a file."""
    is_secret: bool = False
    """Whether the value comes from a file of its own, so that no message may quote it."""


class SourceError(Exception):
    """A source cannot be used; the text says why."""


def config_file(flag: Path | None) -> Path | None:
    """Returns the configuration file that a flag or the environment names; None without one."""
    if flag is None and (named := os.environ.get(CONFIG_VARIABLE)):
        return Path(named)
    return flag


def of_config(path: Path) -> dict[str, Given]:
    """Returns the settings in a configuration file.

    Raises:
        SourceError: the file cannot be read, or is no TOML.
    """
    try:
        found = toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"--config {path}: there is no such file") from None
    except OSError as error:
        raise SourceError(f"--config {path}: {error.strerror}") from None
    except ValueError as error:
        raise SourceError(f"--config {path}: {error}") from None
    return {name: Given(value, str(path)) for name, value in found.items()}


def of_environment(known: Collection[str], paths: Collection[str]) -> tuple[dict[str, Given], list[str]]:
    """Returns the known settings of the environment, and messages about invalid variables.

    A setting of `paths` is a path itself, so it must not be given by a file: the two would be confused.
    """
    found, wrong = dict[str, Given](), list[str]()
    for variable in sorted(os.environ):
        name = variable.lower().removeprefix(PREFIX.lower())
        if name == variable.lower() or name not in known:
            continue
        found[name] = Given(os.environ[variable], variable)
    for variable in sorted(os.environ):
        of = file_setting(variable, known)
        if of is None:
            continue
        if of in paths:
            wrong.append(f"{variable}: {of} is a path already: set {PREFIX}{of.upper()} to it")
        elif of in found:
            wrong.append(f"{found[of].origin} and {variable} are both set: leave one of them away")
        else:
            try:
                found[of] = Given(_held(variable), f"{variable} ({os.environ[variable]})", is_secret=True)
            except SourceError as error:
                wrong.append(str(error))
    return found, wrong


def file_setting(variable: str, known: Collection[str]) -> str | None:
    """Returns the setting whose value is in the file that a variable names; None for any other variable."""
    name = variable.lower()
    if not name.startswith(PREFIX.lower()) or not name.endswith(FILE_SUFFIX):
        return None
    whole = name.removeprefix(PREFIX.lower())
    stem = whole.removesuffix(FILE_SUFFIX)
    return stem if stem in known and whole not in known else None


def _held(variable: str) -> str:
    """Returns the content of a file that a variable names, less the end of its last line."""
    path = Path(os.environ[variable])
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{variable}: {path} is no regular file")
        if mode := mode_others_may_write(status):
            raise SourceError(f"{variable}: others than its owner may write {path} (mode {mode}): chmod go-w it")
        if status.st_size > _FILE_BYTES_MAX:
            raise SourceError(f"{variable}: {path} has more than {_FILE_BYTES_MAX:,} bytes")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SourceError(f"{variable}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{variable}: {path} is not UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SourceError(f"{variable}: {path} is empty")
    return text
