"""What is said of a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def none_of(text: str, known: Iterable[str]) -> str:
    """That a text is none of the known ones, with the nearest where one is near."""
    names = list(known)
    near = get_close_matches(text, names, n=1)
    return f"{text!r} is none of {', '.join(names)}" + (f": did you mean {near[0]!r}?" if near else "")
