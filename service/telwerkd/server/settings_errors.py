"""What is wrong with a setting, as a sentence: pydantic's own words name types of Python."""

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
    "path_type": "must be a path",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
}


_NEAR: Final = 0.8
"""How alike two names must be. The clients' variables have the same prefix; none of them is as near to a setting."""


def misspelt_variables(names: Collection[str], known: Collection[str], prefix: str) -> list[str]:
    """What is wrong with variables that look like settings and are none: they would be left out without a word."""
    sentences = []
    for name in sorted(names):
        setting = name.removeprefix(prefix).lower()
        if not name.startswith(prefix) or setting in known:
            continue
        near = get_close_matches(setting, known, n=1, cutoff=_NEAR)
        if near:
            sentences.append(f"there is no setting for {name}: did you mean {prefix}{near[0].upper()}?")
    return sentences


def setting_error(error: "ErrorDetails", known: Collection[str]) -> str:
    """What is wrong, with the setting's name, and the nearest one where there is none of that name."""
    name = ".".join(map(str, error["loc"])) or "settings"
    if error["type"] == "extra_forbidden":
        near = get_close_matches(name, known, n=1)
        return f"there is no setting {name!r}" + (f": did you mean {near[0]!r}?" if near else "")
    context: Mapping[str, Any] = error.get("ctx", {})
    expected = _EXPECTED.get(error["type"])
    if expected is None:
        return f"{name}: {error['msg'].removeprefix('Value error, ')}"
    return f"{name}: {expected.format(**context)}, is {error['input']!r}"
