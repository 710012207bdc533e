"""TOML that people wrote, read with one kind of error: the standard library's parser has others beside its own."""

import tomllib
from typing import Any


def loads(text: str) -> dict[str, Any]:
    """What stands in a document.

    Raises:
        ValueError: it is no TOML, or is nested more deeply, or has longer numbers, than can be read.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError("a number in it has too many digits") from None
