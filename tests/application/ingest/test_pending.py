"""A batch from its call to its answer: in as many parts as it takes, each event answered once, in the call's order."""

import asyncio
import sys
from collections.abc import Sequence
from itertools import pairwise

import pytest

from telwerkd.application.batches import Verdict
from telwerkd.application.ingest.pending import Pending
from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.domain.errors import Reason, UnavailableError
from tests.application.ingest.waiting import BIG, SMALL, events, pending, survey


def ids_of(batch: Pending, indexes: Sequence[int]) -> list[str]:
    return [submitted.event.event_id for submitted in batch.events_at(indexes)]


async def test_a_part_has_the_next_events_up_to_its_room() -> None:
    """In their order while nothing was postponed and all fit; what is left waits."""
    batch = pending(BIG, events(5))
    assert not batch.is_divided
    assert ids_of(batch, batch.take(3).indexes) == ["e0", "e1", "e2"]
    assert (batch.waiting_events, batch.waiting_weight, batch.is_waiting, batch.is_divided) == (2, 2, True, True)
    assert ids_of(batch, batch.take(3).indexes) == ["e3", "e4"]
    assert (batch.is_waiting, batch.is_divided) == (False, False)


async def test_a_part_has_one_event_at_least() -> None:
    """No bound makes a valid event impossible; a part weighs what its events do."""
    batch = pending(BIG, events(2, survey(100)))
    assert (batch.next_weight, batch.waiting_weight) == (27, 54)
    part = batch.take(1)
    assert (ids_of(batch, part.indexes), part.weight) == (["e0"], 27)


async def test_what_does_not_fit_goes_by_conversation() -> None:
    """One that is folded again is so once, not for each of its events."""
    batch = pending(BIG, events(6, conversations=3))
    parts = [ids_of(batch, batch.take(2).indexes) for _ in range(3)]
    assert parts == [["e0", "e3"], ["e1", "e4"], ["e2", "e5"]]


async def test_what_was_postponed_comes_first_and_the_answer_is_in_order() -> None:
    """The call is answered once something is known of every event, and not before."""
    batch = pending(BIG, events(4))
    first = batch.take(2)
    assert batch.answer(first.indexes, [None, Verdict.DUPLICATE])
    assert not batch.verdicts.done()
    rest = batch.take(9)
    assert ids_of(batch, rest.indexes) == ["e0", "e2", "e3"]
    assert not batch.answer(rest.indexes, [Verdict.ACCEPTED] * 3)
    assert await batch.verdicts == [Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.ACCEPTED, Verdict.ACCEPTED]


async def test_events_that_are_answered_are_let_go_of_while_others_wait() -> None:
    """And what is reserved for them is released with the last."""
    budget, mine = MemoryBudget(10**6), events(2)
    batch = Pending(SMALL, mine, asyncio.get_running_loop().create_future(), budget.reserve(10, "a request"))
    unused = sys.getrefcount(mine[0])
    batch.answer(batch.take(1).indexes, [Verdict.ACCEPTED])
    assert (sys.getrefcount(mine[0]), budget.bytes_reserved) == (unused - 1, 10)
    batch.answer(batch.take(1).indexes, [Verdict.ACCEPTED])
    assert budget.bytes_reserved == 0


async def test_a_call_that_failed_stays_failed() -> None:
    """Though a part of it is stored, and answered, afterwards: sent again, that is a duplicate."""
    batch = pending(BIG, events(2))
    part = batch.take(9)
    batch.fail(UnavailableError(Reason.SHUTTING_DOWN, "", 1.0))
    batch.answer(part.indexes, [Verdict.ACCEPTED] * 2)
    with pytest.raises(UnavailableError):
        await batch.verdicts


@pytest.mark.parametrize("how", ["answered", "failed"])
async def test_a_batch_that_is_over_counts_nothing_when_its_caller_goes(how: str) -> None:
    """Both may happen in one turn of the event loop; what was counted then, nobody would release."""
    budget, batch = MemoryBudget(10**6), pending(SMALL, events(3))
    part = batch.take(10)
    batch.verdicts.cancel()
    if how == "answered":
        batch.answer(part.indexes, [Verdict.ACCEPTED] * 3)
    else:
        batch.fail(UnavailableError(Reason.SHUTTING_DOWN, "", 1.0))
    batch.count_in(budget)
    assert budget.bytes_reserved == 0


@pytest.mark.parametrize("how", ["failed", "dropped", "refused"])
async def test_the_events_of_a_batch_that_is_not_stored_are_freed_a_few_at_a_time(how: str) -> None:
    """Half a million answers, freed in one turn of the event loop, keep every other call waiting for 50 ms."""
    mine = events(1_000)
    unused = [sys.getrefcount(mine[n]) for n in range(1_000)]
    budget = MemoryBudget(10**6)
    batch = Pending(SMALL, mine, asyncio.get_running_loop().create_future(), budget.reserve(10, "a request"))

    def held() -> int:
        return sum(sys.getrefcount(mine[n]) > unused[n] for n in range(1_000))

    before = held()
    if how == "failed":
        batch.fail(UnavailableError(Reason.SHUTTING_DOWN, "", 1.0))
        batch.verdicts.exception()
    elif how == "dropped":
        batch.withdraw()
    else:
        batch.let_go()
    turns = [held()]
    while turns[-1]:
        assert budget.bytes_reserved == 10
        await asyncio.sleep(0)
        turns.append(held())
    assert before == 1_000
    assert max(more - less for more, less in pairwise([before, *turns])) <= 50
    assert budget.bytes_reserved == 0
