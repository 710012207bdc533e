"""How the accounts share what reads: by turns, each in a queue of its own, none with more than half."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TypeVar

import pytest
import pytest_asyncio

from telwerkd.application.ports import ReadsInline, Snapshot, Store
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.errors import QuotaExceededError
from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import Location
from telwerkd.storage.open_store import opened, prepare
from tests.conftest import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

T = TypeVar("T")

GREEDY, OTHER, THIRD = AccountId("greedy"), AccountId("other"), AccountId("third")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(either: Location) -> AsyncIterator[Store]:
    await prepare(either)
    async with opened(either) as store:
        yield store


class Slow:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.running = 0
        self.let_go = threading.Event()

    def __call__(self, view: Snapshot) -> int:
        self.running += 1
        assert self.let_go.wait(30)
        return view.account().version

    async def begun(self, count: int) -> None:
        async def so_many() -> bool:
            return self.running == count

        await eventually(so_many)


def thread(view: Snapshot) -> threading.Thread:
    """Where a work runs, on a view that answers."""
    view.account()
    return threading.current_thread()


async def read(readers: Readers, account: AccountId, work: Callable[[Snapshot], T]) -> T:
    """What `work` gives, as it is."""
    return await readers.read(account, work, lambda found: found)


async def test_an_account_never_holds_more_than_half_of_the_readers(store: Store) -> None:
    """However much it asks, the other half is free for others, who do not wait for it."""
    readers, slow = Readers(store, 100), Slow()
    asked = [asyncio.create_task(read(readers, GREEDY, slow)) for _ in range(20)]
    await slow.begun(store.reads_at_once // 2)
    for _ in range(10):
        await read(readers, OTHER, thread)
    assert slow.running == store.reads_at_once // 2
    slow.let_go.set()
    assert await asyncio.gather(*asked) == [0] * 20


async def test_what_waits_beyond_the_bound_is_refused_by_its_name(store: Store) -> None:
    """Another account is not: the bound is one of each."""
    readers, slow = Readers(store, 3), Slow()
    asked = [asyncio.create_task(read(readers, GREEDY, slow)) for _ in range(store.reads_at_once // 2 + 3)]
    await slow.begun(store.reads_at_once // 2)
    with pytest.raises(QuotaExceededError, match="waiting_queries_per_account_max") as refused:
        await read(readers, GREEDY, thread)
    assert refused.value.limit == "waiting_queries_per_account_max"
    await read(readers, OTHER, thread)
    in_any_case = asyncio.create_task(readers.run(GREEDY, lambda: store.read(GREEDY, thread), waiting_is_bounded=False))
    slow.let_go.set()
    await asyncio.gather(*asked, in_any_case)


async def test_accounts_take_turns(store: Store) -> None:
    """Who asks one question is answered before the rest of those who asked many earlier."""
    readers, slow = Readers(store, 100), Slow()
    order: list[AccountId] = []

    def noted(account: AccountId) -> Callable[[Snapshot], None]:
        return lambda _view: order.append(account)

    half = store.reads_at_once // 2
    holding = [asyncio.create_task(read(readers, who, slow)) for who in (GREEDY, OTHER) for _ in range(half)]
    await slow.begun(2 * half)
    asked = [asyncio.create_task(read(readers, GREEDY, noted(GREEDY))) for _ in range(30)]
    await asyncio.sleep(0)
    asked.append(asyncio.create_task(read(readers, THIRD, noted(THIRD))))
    await asyncio.sleep(0)
    slow.let_go.set()
    await asyncio.gather(*holding, *asked)
    assert order.index(THIRD) < 10


async def test_a_caller_that_goes_away_while_it_waits_is_not_worked_for(store: Store) -> None:
    """Its place in the queue is free at once."""
    readers, slow = Readers(store, 1), Slow()
    ran: list[Snapshot] = []
    asked = [asyncio.create_task(read(readers, GREEDY, slow)) for _ in range(store.reads_at_once // 2)]
    await slow.begun(len(asked))
    gone = asyncio.create_task(read(readers, GREEDY, ran.append))
    await asyncio.sleep(0)
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    stays = asyncio.create_task(read(readers, GREEDY, thread))
    await asyncio.sleep(0)
    slow.let_go.set()
    await asyncio.gather(*asked, stays)
    assert not ran


async def test_what_runs_holds_its_place_although_its_caller_went_away(store: Store) -> None:
    """Else a caller that comes and goes would get all the readers."""
    readers, slow = Readers(store, 100), Slow()
    half = store.reads_at_once // 2
    for _ in range(3):
        asked = [asyncio.create_task(read(readers, GREEDY, slow)) for _ in range(half)]
        await slow.begun(half)
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)
    await read(readers, OTHER, thread)
    assert slow.running == half
    slow.let_go.set()
    await read(readers, GREEDY, thread)


async def test_a_stop_waits_for_what_callers_left_running(store: Store) -> None:
    """So that nothing of it goes on once the store is closed; the simulated world 356368 had such a task left."""
    readers, slow = Readers(store, 100), Slow()
    ended: list[int] = []
    asked = asyncio.create_task(readers.read(OTHER, slow, ended.append))
    await slow.begun(1)
    asked.cancel()
    await asyncio.wait([asked])
    slow.let_go.set()
    await readers.finish()
    assert ended == [0]


async def test_reading_and_computing_run_in_threads(store: Store) -> None:
    """On either database: what is computed in an answer that takes long keeps no other call waiting."""
    readers, here = Readers(store, 100), threading.current_thread()
    assert await read(readers, OTHER, thread) is not here
    assert await readers.compute(OTHER, threading.current_thread) is not here
    if isinstance(store, ReadsInline):
        with store.inline_view(OTHER) as view:
            assert thread(view) is here
