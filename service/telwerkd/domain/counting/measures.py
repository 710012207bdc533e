"""Measures: what the counters count: of a KPI what is counted, what is held back, or what is counted in service time.

It is one number, which is the storage format. It is not a class with two fields: every fact that counts has one, and
plain numbers are hashed and stored in a fraction of the time. Only this module knows how the number is made.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NewType

from telwerkd.domain.catalogue.service_times import ServiceTimeInfo
from telwerkd.domain.catalogue.specs import SPECS, Kpi, KpiSpec, Packing

Measure = NewType("Measure", int)
"""Made by `COUNTED`, `HELD_BACK`, `SERVICE_TIME`, or read from storage."""

_HELD_BACK_OFFSET = 100
_SERVICE_TIME_OFFSET = 200

COUNTED: Mapping[Kpi, Measure] = MappingProxyType({kpi: Measure(int(kpi)) for kpi in Kpi})
"""The measure of what is counted, by KPI."""

HELD_BACK: Mapping[Kpi, Measure] = MappingProxyType({kpi: Measure(kpi + _HELD_BACK_OFFSET) for kpi in Kpi})
"""The measure of what is held back, by KPI."""

SERVICE_TIME: Mapping[Kpi, Measure] = MappingProxyType(
    {kpi: Measure(kpi + _SERVICE_TIME_OFFSET) for kpi in Kpi if SPECS[kpi].service_time_id}
)
"""The measure of what is counted a second time, in service time, by KPI (R-SERVICE-1)."""


def measure_of(info: KpiSpec) -> Measure:
    """Returns the measure of what is counted of a KPI, or of a service time."""
    return (SERVICE_TIME if isinstance(info, ServiceTimeInfo) else COUNTED)[info.kpi]


def counts_of(kpi: Kpi) -> list[Measure]:
    """Returns the measures of what is counted of a KPI, in service time too."""
    return [measures[kpi] for measures in (COUNTED, SERVICE_TIME) if kpi in measures]


def kpi_of(measure: int) -> Kpi:
    """Returns the KPI of a measure.

    Raises:
        ValueError: there is no such measure.
    """
    return Kpi(measure % _HELD_BACK_OFFSET)


def is_held_back(measure: int) -> bool:
    """Whether a measure is of what is held back."""
    return _HELD_BACK_OFFSET < measure < _SERVICE_TIME_OFFSET


def is_service_time(measure: int) -> bool:
    """Whether a measure is of durations in service time."""
    return measure > _SERVICE_TIME_OFFSET


def has_open_values(measure: int) -> bool:
    """Whether producers choose the values of a measure, or of a KPI, so that it is also kept by value."""
    return measure in _IN_SERIES


def has_packed_values(measure: int) -> bool:
    """Whether the values of a measure, or of a KPI, are few and known beforehand: every cell then holds its value."""
    return measure in _IN_CELLS


def has_durations(measure: int) -> bool:
    """Whether the values of a measure, or of a KPI, are durations, whose cells have a form of their own."""
    return measure in _IN_BINS


def _measures_of(packing: Packing) -> frozenset[int]:
    kpis = [spec.kpi for spec in SPECS.values() if spec.packing is packing]
    return frozenset(int(measures[kpi]) for measures in (COUNTED, HELD_BACK) for kpi in kpis)


_IN_SERIES = _measures_of(Packing.IN_SERIES)
_IN_CELLS = _measures_of(Packing.IN_CELLS)
_IN_BINS = _measures_of(Packing.DURATIONS) | {int(measure) for measure in SERVICE_TIME.values()}
