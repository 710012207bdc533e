"""Durations as people read them, in the largest unit of which there is a whole one: 850 ms, 57.5 s, 12.3 min, 5.0 h."""

from telwerk.cli.presentation import UNITS_OF_TIME, WHOLE_UNITS_MIN, Unit
from telwerk.v1.kpi_service_pb2 import Kpi, ValueKind


def has_durations(kpi: Kpi) -> bool:
    """Whether the sum and the mean of the KPI are milliseconds."""
    return kpi.value_kind == ValueKind.VALUE_KIND_DURATION


def unit_of(milliseconds: float) -> Unit:
    """The unit in which this is written, whether it is more or less than nothing."""
    return next((unit for unit in UNITS_OF_TIME if abs(milliseconds) >= unit.milliseconds), UNITS_OF_TIME[-1])


def duration_text(milliseconds: float) -> str:
    """The duration in its unit, in English."""
    unit = unit_of(milliseconds)
    return f"{milliseconds / unit.milliseconds:.{unit.digits}f} {unit.symbol}"


def short_duration_text(milliseconds: float) -> str:
    """The same in at most seven cells: from ten units on in whole ones."""
    unit = unit_of(milliseconds)
    units = milliseconds / unit.milliseconds
    return f"{units:.{unit.digits if units < WHOLE_UNITS_MIN else 0}f} {unit.symbol}"
