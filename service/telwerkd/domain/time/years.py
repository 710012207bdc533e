"""The years that Telwerk knows: every instant and every date of 2000 to 2199, and no other."""

from datetime import date
from typing import Final

from telwerkd.domain.ids import Micros

FIRST_DATE: Final = date(2000, 1, 1)
LAST_DATE: Final = date(2199, 12, 31)

YEARS: Final = f"from {FIRST_DATE} to {LAST_DATE}"
"""For the texts of errors."""

FIRST_INSTANT: Final = Micros(946_684_800_000_000)
"""2000-01-01T00:00:00Z, where the calendar begins: every zone is on quarters of an hour since then."""

END_INSTANT: Final = Micros(7_258_118_400_000_000)
"""2200-01-01T00:00:00Z: the first instant that is none of them."""


def is_known_date(day: date) -> bool:
    """Whether a date lies in these years."""
    return FIRST_DATE <= day <= LAST_DATE


def is_known_instant(instant: int) -> bool:
    """Whether an instant lies in these years."""
    return FIRST_INSTANT <= instant < END_INSTANT
