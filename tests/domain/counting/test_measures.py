"""Measures: their numbers, which are the storage format, and what each says."""

import pytest

from telwerkd.domain.catalogue.specs import SPECS, Kpi
from telwerkd.domain.counting.measures import (
    COUNTED,
    HELD_BACK,
    SERVICE_TIME,
    is_held_back,
    is_service_time,
    kpi_of,
    measure_from,
)


def test_the_numbers_are_the_storage_format() -> None:
    """What is counted has the number of its KPI, what is held back 100 more, service time 200 more."""
    assert list(COUNTED.values()) == list(range(1, 21))
    assert list(HELD_BACK.values()) == list(range(101, 121))
    assert list(SERVICE_TIME.values()) == [214, 215, 217]


@pytest.mark.parametrize("kpi", Kpi)
def test_a_measure_says_its_kpi_and_what_of_it_is_counted(kpi: Kpi) -> None:
    assert kpi_of(COUNTED[kpi]) is kpi_of(HELD_BACK[kpi]) is kpi
    assert [is_held_back(measures[kpi]) for measures in (COUNTED, HELD_BACK)] == [False, True]
    assert not is_service_time(COUNTED[kpi])
    assert not is_service_time(HELD_BACK[kpi])
    assert (kpi in SERVICE_TIME) is bool(SPECS[kpi].service_time_id)


@pytest.mark.parametrize("number", [-1, 0, 21, 99, 100, 121, 200, 201, 221, 301])
def test_other_numbers_are_no_measure(number: int) -> None:
    with pytest.raises(ValueError, match=f"{number} is not a valid Kpi"):
        measure_from(number)
