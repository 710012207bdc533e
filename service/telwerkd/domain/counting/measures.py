"""Measures: what the counters count: of a KPI what is counted, what is held back, or what is counted in service time.

It is one number, which is the storage format. It is not a class with two fields: every fact that counts has one, and
plain numbers are hashed and stored in a fraction of the time. Only this module knows how the number is made.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NewType

from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.service_times import ServiceTimeInfo
from telwerkd.domain.catalogue.specs import SPECS, Kpi, KpiSpec, Packing

Measure = NewType("Measure", int)
"""One of `COUNTED`, `HELD_BACK` or `SERVICE_TIME`, by look-up instead of computation."""

# The numbers are the storage format: another of the hundreds for another kind of measure.

COUNTED: Mapping[Kpi, Measure] = MappingProxyType({kpi: Measure(int(kpi)) for kpi in Kpi})
"""The measure of what is counted, by KPI."""

HELD_BACK: Mapping[Kpi, Measure] = MappingProxyType({kpi: Measure(100 + kpi) for kpi in Kpi})
"""The measure of what is held back, by KPI."""

SERVICE_TIME: Mapping[Kpi, Measure] = MappingProxyType(
    {kpi: Measure(200 + kpi) for kpi in Kpi if SPECS[kpi].service_time_id}
)
"""The measure of what is counted a second time, in service time, by KPI (R-SERVICE-1)."""


def measure_of(info: KpiSpec) -> Measure:
    """Returns the measure of what is counted of a KPI, or of a service time."""
    return (SERVICE_TIME if isinstance(info, ServiceTimeInfo) else COUNTED)[info.kpi]


def counts_of(kpi: Kpi) -> list[Measure]:
    """Returns the measures of what is counted of a KPI, in service time too."""
    return [measures[kpi] for measures in (COUNTED, SERVICE_TIME) if kpi in measures]


_KPIS: Mapping[Measure, Kpi] = MappingProxyType(
    {measure: kpi for measures in (COUNTED, HELD_BACK, SERVICE_TIME) for kpi, measure in measures.items()}
)
_OF_HELD_BACK = frozenset(HELD_BACK.values())
_OF_SERVICE_TIME = frozenset(SERVICE_TIME.values())


def is_measure(number: object) -> bool:
    """Whether a stored number is that of a measure."""
    return number in _KPIS


def measure_from(number: int) -> Measure:
    """Returns the measure that a stored number is.

    Raises:
        ValueError: there is no such measure.
    """
    measure = Measure(number)
    kpi_of(measure)
    return measure


def kpi_of(measure: Measure) -> Kpi:
    """Returns the KPI of a measure.

    Raises:
        ValueError: there is no such measure.
    """
    kpi = _KPIS.get(measure)
    if kpi is None:
        raise ValueError(f"{measure} is not a valid Kpi")
    return kpi


def is_held_back(measure: Measure) -> bool:
    """Whether a measure is of what is held back."""
    return measure in _OF_HELD_BACK


def is_service_time(measure: Measure) -> bool:
    """Whether a measure is of durations in service time."""
    return measure in _OF_SERVICE_TIME


def has_open_values(measure: Measure | Kpi) -> bool:
    """Whether producers choose the values of a measure, or of a KPI, so that it is also kept by value."""
    return measure in _IN_SERIES


def has_packed_values(measure: Measure | Kpi) -> bool:
    """Whether the values of a measure, or of a KPI, are few and known beforehand: every cell then holds its value."""
    return measure in _IN_CELLS


def packed_code(measure: Measure, value: str) -> int:
    """Returns the number of a packed value, which cells hold.

    Raises:
        ValueError: no fact of the measure has this value.
    """
    code = _CODES_BY_VALUE[measure].get(value)
    if code is None:
        raise ValueError(f"{value!r:.40} is no value of {kpi_of(measure).name.lower()}")
    return code


def cell_codes(measure: Measure) -> range:
    """Returns the numbers that cells of a measure whose values are no durations may hold."""
    return _PACKED_CODES.get(measure, _NO_CODE)


def has_durations(measure: Measure | Kpi) -> bool:
    """Whether the values of a measure, or of a KPI, are durations, whose cells have a form of their own."""
    return measure in _IN_BINS


def _measures_of(packing: Packing) -> frozenset[Measure]:
    return frozenset(measure for measure, kpi in _KPIS.items() if SPECS[kpi].packing is packing)


_IN_SERIES = _measures_of(Packing.IN_SERIES)
_IN_CELLS = _measures_of(Packing.IN_CELLS)
_IN_BINS = _measures_of(Packing.DURATIONS)
_PACKED_CODES = {measure: range(1, len(CATALOGUE[_KPIS[measure]].values) + 1) for measure in _IN_CELLS}
"""The numbers of the values that each of them packs."""
_CODES_BY_VALUE = {measure: {str(code): code for code in codes} for measure, codes in _PACKED_CODES.items()}
_NO_CODE = range(1)
"""What cells hold whose values are not packed: 0."""
