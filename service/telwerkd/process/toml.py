"""A TOML parser that raises only ValueError: the standard library's raises others too."""

import tomllib
from typing import Any


def loads(text: str) -> dict[str, Any]:
    """Returns the content of a document.

    Raises:
        ValueError: the text is no TOML, is nested too deeply, or has a number that is too long.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError("a number in it has too many digits") from None
