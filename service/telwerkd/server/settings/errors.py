"""Error messages of settings, as sentences: pydantic's own name types of Python."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED: Final[Mapping[str, str]] = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "path_type": "must be a path",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
}


_NEAR: Final = 0.8
"""How alike two names must be. The clients' variables have the same prefix; none of them is as near to a setting."""

_OF_OTHERS: Final = re.compile(
    # What the clients and the bridge read, and what Kubernetes sets for a service that is named `telwerk`.
    r"account|address|api_key|client_cert|client_key|config|output|timeout|tls|tls_ca|zone|bridge_.*"
    r"|port|port_\d.*|service_host|service_port.*"
)
_OTHER_PREFIX: Final = "TELWERKD_"
_OUR_VARIABLES: Final = frozenset({"TELWERKD_CONFIG"})


def misspelt_variables(names: Collection[str], known: Collection[str], prefix: str) -> list[str]:
    """Returns a message for each environment variable that looks like a misspelt setting, which would be ignored."""
    sentences = []
    for name in sorted(names):
        setting = _without_prefix(name, prefix)
        if setting is None or (setting in known and not _has_other_prefix(name)):
            continue
        near = get_close_matches(setting, known, n=1, cutoff=_NEAR)
        if near:
            sentences.append(f"there is no setting for {name}: did you mean {prefix}{near[0].upper()}?")
    return sentences


def unknown_variables(names: Collection[str], known: Collection[str], prefix: str) -> list[str]:
    """Returns a message for each other variable with the prefix that is no setting (see `misspelt_variables`)."""
    sentences = []
    for name in sorted(names):
        setting = _without_prefix(name, prefix)
        if setting is None or setting in known or _OF_OTHERS.fullmatch(setting):
            continue
        near = get_close_matches(setting, known, n=1)
        if not get_close_matches(setting, known, n=1, cutoff=_NEAR):
            hint = f": did you mean {prefix}{near[0].upper()}?" if near else ""
            sentences.append(f"there is no setting for {name}{hint}")
    return sentences


def _without_prefix(name: str, prefix: str) -> str | None:
    """Returns the name of a setting that a variable seems to mean; None if it is not one of ours, or a file of one."""
    upper = name.upper()
    if upper in _OUR_VARIABLES:
        return None
    if _has_other_prefix(name):
        return upper.removeprefix(_OTHER_PREFIX).lower()
    return upper.removeprefix(prefix).lower() if upper.startswith(prefix) else None


def _has_other_prefix(name: str) -> bool:
    return name.upper().startswith(_OTHER_PREFIX)


def setting_error(error: "ErrorDetails", known: Collection[str]) -> str:
    """Returns the message of a validation error, with the setting's name, for an unknown one the nearest known."""
    name = ".".join(map(str, error["loc"])) or "settings"
    if error["type"] == "extra_forbidden":
        near = get_close_matches(name, known, n=1)
        return f"there is no setting {name!r}" + (f": did you mean {near[0]!r}?" if near else "")
    context: Mapping[str, Any] = error.get("ctx", {})
    expected = _EXPECTED.get(error["type"])
    if expected is None:
        return f"{name}: {error['msg'].removeprefix('Value error, ')}"
    return f"{name}: {expected.format(**context)}, is {_shown(error['input'])}"


def _shown(given: object) -> str:
    try:
        return repr(given)
    except ValueError:
        return "a number of too many digits"
