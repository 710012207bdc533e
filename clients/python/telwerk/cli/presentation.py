"""How numbers are presented, by the rules that the page of telwerkd has too: both read `presentation.json`."""

import json
from importlib.resources import files
from typing import Final, NamedTuple

_RULES: Final = json.loads(files("telwerk.cli").joinpath("presentation.json").read_text("utf-8"))


class Unit(NamedTuple):
    """A unit of time, by the symbol that is the same in every language."""

    symbol: str
    milliseconds: int
    digits: int
    """After the decimal point."""


UNITS_OF_TIME: Final = tuple(Unit(**unit) for unit in _RULES["units_of_time"])
"""The longest first."""

WHOLE_UNITS_MIN: Final[float] = _RULES["whole_units_min"]
"""Where there is little room, so many units and more are written without decimals."""

COMPARED_COUNT_MIN: Final[int] = _RULES["change"]["compared_count_min"]
"""Of fewer before, a change is said as a count alone: from 3 to 4 is no "+33.3%" that anyone should act upon."""

RELATIVE_CHANGE_MAX: Final[float] = _RULES["change"]["relative_max"]
"""A change to more than this many times as much is said as a count alone, too."""

PERCENTILES: Final[tuple[float, ...]] = tuple(_RULES["percentiles"])
"""What stands beside or for a mean of durations, which a few long ones pull up."""
