"""When chats begin: by the hour and the weekday of the office."""

import random
from datetime import datetime
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

# How busy each hour of a weekday is, from midnight; outside 8 to 18 nobody is in the office.
_HOURS: Final = (
    *(0.03,) * 6, 0.08, 0.2,
    0.8, 1.4, 2.2, 2.1, 1.1, 1.3, 2.0, 1.9, 1.3, 0.9,
    0.3, 0.3, 0.25, 0.2, 0.1, 0.05,
)  # fmt: skip
_OFFICE_HOURS: Final = range(8, 18)
_WEEKDAYS: Final = (1.15, 1.05, 1.0, 1.0, 0.9, 0.14, 0.1)
_WEEKEND: Final = 5
_SECOND_US: Final = 1_000_000


def beginnings(
    rng: random.Random, conversations: int, start_us: int, end_us: int, zone: ZoneInfo
) -> list[tuple[int, bool]]:
    """When each chat begins, ascending, and whether the office is open then."""
    hour_us = 3600 * _SECOND_US
    slots: list[tuple[int, int, bool]] = []
    weights = []
    for slot_us in range(start_us, end_us, hour_us):
        local = datetime.fromtimestamp(slot_us // _SECOND_US, zone)
        width_us = min(hour_us, end_us - slot_us)
        office = local.weekday() < _WEEKEND and local.hour in _OFFICE_HOURS
        slots.append((slot_us, width_us, office))
        weights.append(_WEEKDAYS[local.weekday()] * _HOURS[local.hour] * width_us)
    chosen = rng.choices(slots, cum_weights=list(accumulate(weights)), k=conversations)
    return sorted(
        (slot_us + 1000 * int(rng.random() * width_us / 1000), office) for slot_us, width_us, office in chosen
    )
