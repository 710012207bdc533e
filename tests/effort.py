"""How much is tried of what goes by chance or repeats: a third in `make test`, all of it in `make test-long`.

`TELWERK_LAWS` is the factor: `make test-long` sets 1, `make laws` 16.
"""

import os

EFFORT = float(os.environ.get("TELWERK_LAWS", "0.33"))


def examples(in_full: int) -> int:
    """How many examples made by chance are tried."""
    return max(1, round(in_full * EFFORT))


def rounds(in_full: int) -> int:
    """How often something is repeated; in full is often enough."""
    return min(in_full, examples(in_full))


def some_of(cases: range) -> list[int]:
    """Which of the cases are tried: both ends, and others evenly between."""
    wanted = rounds(len(cases))
    return sorted({cases[round(place * (len(cases) - 1) / max(1, wanted - 1))] for place in range(wanted)})
