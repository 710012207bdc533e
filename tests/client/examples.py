"""The examples in the modules' docstrings, which are run as they stand."""

import re
import textwrap
from types import ModuleType


def example_of(module: ModuleType, address: str, account: str) -> str:
    """What stands indented in the docstring, with the address of a server that is there and an account of its own."""
    assert module.__doc__
    _, *lines = module.__doc__.splitlines()
    code = textwrap.dedent("\n".join(line for line in lines if line.startswith("    ")))
    return re.sub(r"Telwerk\([^)]*\)( as|,)", rf"Telwerk({address!r})\1", code).replace('"acme"', repr(account))
