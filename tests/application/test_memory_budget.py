"""The memory of all calls together is bounded, and what is released can be reserved again."""

import pytest

from telwerkd.application.memory_budget import MemoryBudget
from telwerkd.domain.errors import Reason, UnavailableError


def test_what_does_not_fit_is_turned_away_by_name_and_counts_nothing():
    budget = MemoryBudget(100)
    with budget.reserve(60, "a request"):
        with pytest.raises(UnavailableError, match=r"a reply takes about 41 .* hold 60 .*memory_bytes_max") as caught:
            budget.reserve(41, "a reply")
        assert caught.value.reason is Reason.OVERLOADED
        assert budget.bytes_reserved == 60
        budget.reserve(40, "a reply")
    assert budget.bytes_reserved == 40


def test_a_reservation_larger_than_all_is_admitted_alone():
    budget = MemoryBudget(100)
    with budget.reserve(500, "a request"), pytest.raises(UnavailableError):
        budget.reserve(1, "a reply")
    budget.reserve(1, "a reply")
    with pytest.raises(UnavailableError):
        budget.reserve(500, "a request")


def test_a_reservation_that_grows_beyond_the_bound_stays_as_it_was():
    budget = MemoryBudget(100)
    one, other = budget.reserve(50, "a request"), budget.reserve(50, "a request")
    with pytest.raises(UnavailableError):
        one.resize(51)
    assert (one.size, budget.bytes_reserved) == (50, 100)
    other.release()
    other.release()
    one.resize(100)
    one.resize(10)
    assert budget.bytes_reserved == 10
