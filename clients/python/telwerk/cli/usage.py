"""Usage errors in the commands' own words; `telwerkd` uses it too."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Final

import typer
from typer.core import TyperGroup

_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (r"^Value error, ", ""),
    (r"^Input should be a valid integer\b.*", "must be a whole number"),
    (r"^Input should be a valid number\b.*", "must be a number"),
    (r"^Input should be greater than or equal to ", "must be at least "),
    (r"^Input should be less than or equal to ", "must be at most "),
    (r"^Input should be ", "must be "),
    (r"the formats (?=[^,]*$)", "the format "),
    (r"%Y", "YYYY"),
    (r"%m", "MM"),
    (r"%d", "DD"),
    (r"%H", "hh"),
    (r"%M", "mm"),
    (r"%S", "ss"),
)
"""What pydantic, which typer checks values with, says of a value, and what is said instead."""


def plain(text: str) -> str:
    """What is wrong with a value, without terms of Python and its libraries."""
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text


class PlainGroup(TyperGroup):
    """A command with subcommands, whose usage errors are plain.

    An option of its own that stands after the subcommand is told to go before it.
    """

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """As in typer; parses the options before the subcommand."""
        with _plain_errors():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Any) -> Any:
        """As in typer; parses and runs the subcommand."""
        with _plain_errors():
            try:
                return super().invoke(ctx)
            except _USAGE_ERROR as error:
                own = [option for parameter in self.params for option in parameter.opts]
                near = get_close_matches(getattr(error, "option_name", ""), own, n=1, cutoff=0.8)
                if ctx.parent or not near:
                    raise
                told = f"No such option here: {error.option_name}. {near[0]} goes before the command, as in "
                told += f"`{ctx.info_name} {near[0]} … {ctx.invoked_subcommand} …`"
                raise _USAGE_ERROR(told, ctx=error.ctx) from error


_USAGE_ERROR: Final[Any] = typer.BadParameter.__base__
"""The error of which typer exports only a kind: `UsageError`."""


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except typer.BadParameter as error:
        error.message = plain(error.message)
        raise
