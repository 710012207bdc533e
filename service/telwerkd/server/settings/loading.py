"""Loads settings. In order of precedence: flags, environment, files that it names, configuration file, defaults."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from telwerkd.server.settings.errors import misspelt_variables, setting_error
from telwerkd.server.settings.settings import Settings
from telwerkd.server.settings.sources import (
    PREFIX,
    Given,
    SourceError,
    config_file,
    file_setting,
    of_config,
    of_environment,
)

DEFAULT = "default"


class ConfigurationError(Exception):
    """The settings are invalid; the text names each invalid setting."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Loaded(NamedTuple):
    """Settings, and their origins."""

    settings: Settings
    origins: Mapping[str, str]
    """The origins of the settings that were given."""

    def origin(self, name: str) -> str:
        """Returns the origin of a setting."""
        return self.origins.get(name, DEFAULT)


def load(config: Path | None, flags: Mapping[str, Any]) -> Loaded:
    """Returns the settings of flags (those that are not None), environment and files.

    Raises:
        ConfigurationError: a setting is unknown, invalid, or given twice in one source, or a file cannot be read.
    """
    known, path = Settings.model_fields, config_file(config)
    paths = [name for name, field in known.items() if Path in (field.annotation, *get_args(field.annotation))]
    try:
        given = {} if path is None else of_config(path)
    except SourceError as error:
        raise ConfigurationError([str(error)]) from None
    found, problems = of_environment(known, paths)
    given |= found
    for name, value in flags.items():
        if value is not None:
            given[name] = Given(value, f"--{name.replace('_', '-')}")
    problems = misspelt_variables(variables(), known, PREFIX) + problems
    try:
        settings = Settings.model_validate({name: one.value for name, one in given.items()})
    except ValidationError as error:
        problems += [_message(one, given) for one in error.errors()]
    if problems:
        raise ConfigurationError(problems)
    return Loaded(settings, {name: one.origin for name, one in given.items()})


def variables() -> list[str]:
    """Returns the environment variables that name no file of a setting."""
    return [name for name in os.environ if file_setting(name, Settings.model_fields) is None]


def _message(error: Any, given: Mapping[str, Given]) -> str:
    one = given.get(str(error["loc"][0])) if error["loc"] else None
    if one is None:
        return setting_error(error, Settings.model_fields)
    if one.is_secret:
        error = {**error, "input": _Unsaid()}
    sentence = setting_error(error, Settings.model_fields)
    if one.is_secret and str(one.value) in sentence:
        sentence = f"{error['loc'][0]}: cannot be {_Unsaid()!r}"
    return f"{sentence} ({one.origin})"


class _Unsaid:
    """Replaces a secret value in the texts of errors."""

    def __repr__(self) -> str:
        return "what its file holds"
