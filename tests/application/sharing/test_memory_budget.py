"""The memory of all calls together is bounded, and what is released can be reserved again."""

import pytest

from telwerkd.application.sharing.memory_budget import AnswerMemory, MemoryBudget
from telwerkd.domain.errors import Reason, UnavailableError


def test_what_does_not_fit_is_turned_away_by_name_and_counts_nothing() -> None:
    budget = MemoryBudget(100)
    with budget.reserve(60, "a request"):
        with pytest.raises(UnavailableError, match=r"a reply takes about 41 .* hold 60 .*memory_bytes_max") as caught:
            budget.reserve(41, "a reply")
        assert caught.value.reason is Reason.OVERLOADED
        assert budget.bytes_reserved == 60
        budget.reserve(40, "a reply")
    assert budget.bytes_reserved == 40


def test_a_reservation_larger_than_all_is_admitted_alone() -> None:
    budget = MemoryBudget(100)
    with budget.reserve(500, "a request"), pytest.raises(UnavailableError):
        budget.reserve(1, "a reply")
    budget.reserve(1, "a reply")
    with pytest.raises(UnavailableError):
        budget.reserve(500, "a request")


def test_a_reservation_that_grows_beyond_the_bound_stays_as_it_was() -> None:
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


def test_a_part_of_a_reservation_is_released_by_itself() -> None:
    """And never has more than there is, nor less than nothing."""
    budget = MemoryBudget(100)
    call = budget.reserve(60, "a request")
    part, all_else, nothing = call.split(25), call.split(1_000), call.split(-5)
    assert (part.size, all_else.size, nothing.size, call.size, budget.bytes_reserved) == (25, 35, 0, 0, 60)
    call.release()
    part.release()
    assert budget.bytes_reserved == 35
    all_else.release()
    assert budget.bytes_reserved == 0


def test_an_answer_that_outlives_its_question_counts_nothing_any_more() -> None:
    """A thread may still be at work when whoever asked has gone: what it takes then, nobody would release."""
    budget = MemoryBudget(2**22)
    with AnswerMemory(budget) as memory:
        memory.take(2**20)
        assert budget.bytes_reserved == 0, "the first megabyte is not counted"
        memory.take(2**20)
        assert budget.bytes_reserved == 2**21
        with pytest.raises(UnavailableError, match=r"the answer takes about"), budget.reserve(2**20, "a request"):
            memory.take(2**21)
    memory.take(2**21)
    assert budget.bytes_reserved == 0
