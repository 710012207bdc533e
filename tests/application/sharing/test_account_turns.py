"""How much of an account's calls is in work, while another account calls as well."""

import asyncio

import pytest

from telwerkd.application.sharing.account_turns import AccountTurns
from telwerkd.application.sharing.throttling import SHARED_SECONDS, AccountThrottle, Sharing
from telwerkd.domain.errors import QuotaExceededError
from telwerkd.domain.ids import AccountId
from tests.conftest import eventually

ANNA, BRAM = AccountId("anna"), AccountId("bram")


class Calls:
    """Calls that note when they begin, and end when they are told to."""

    def __init__(self, weight_max: int, waiting_max: int = 100) -> None:
        self.now = 0.0
        self.sharing = Sharing(lambda: self.now)
        self.throttle = AccountThrottle(self.sharing, 1.0, lambda: self.now)
        self.turns = AccountTurns(self.sharing, weight_max, self._check, self.throttle)
        self.begun = list[str]()
        self._waiting_max = waiting_max
        self._over: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def _check(self, _account: AccountId, waiting: int, more: int) -> None:
        if waiting + more > self._waiting_max:
            raise QuotaExceededError("waiting_max", "too much waits", 1.0)

    async def make(self, account: AccountId, name: str, weight: int = 1) -> None:
        """Makes a call, and returns when it has begun or waits."""
        self.sharing.called(account)
        self._over[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._call(account, name, weight))
        await asyncio.sleep(0)

    async def _call(self, account: AccountId, name: str, weight: int) -> None:
        async with self.turns.turn(account, weight):
            self.begun.append(name)
            await self._over[name].wait()

    async def end(self, *names: str) -> None:
        """Ends calls one after the other, and returns when all they let begin has begun."""
        for name in names:
            self._over[name].set()
            await self.tasks[name]
            await asyncio.sleep(0)


async def test_an_account_that_is_alone_never_waits() -> None:
    calls = Calls(weight_max=1)
    for name in "123":
        await calls.make(ANNA, name)
    assert calls.begun == ["1", "2", "3"]
    assert not calls.turns.is_crowded(ANNA)
    await calls.end("1", "2", "3")


async def test_beside_others_an_account_has_so_much_in_work_and_others_pass_what_of_it_waits() -> None:
    calls = Calls(weight_max=2)
    await calls.make(BRAM, "b1")
    for name in ("a1", "a2", "a3", "a4"):
        await calls.make(ANNA, name)
    await calls.make(BRAM, "b2")
    assert calls.begun == ["b1", "a1", "a2", "b2"]
    assert calls.turns.is_crowded(ANNA)
    await calls.end("a2", "a1", "a3", "a4", "b1")
    assert calls.begun[4:] == ["a3", "a4"]
    assert not calls.turns.is_crowded(ANNA)
    assert not calls.turns.is_crowded(BRAM)
    await calls.end("b2")


async def test_heavy_calls_keep_their_order_and_one_that_is_more_than_all_may_begins_alone() -> None:
    calls = Calls(weight_max=10)
    await calls.make(BRAM, "b")
    for name, weight in (("a6", 6), ("a50", 50), ("a1", 1)):
        await calls.make(ANNA, name, weight)
    assert calls.begun == ["b", "a6"]
    await calls.end("a6")
    assert calls.begun == ["b", "a6", "a50"]
    await calls.end("a50", "a1", "b")
    assert calls.begun[-1] == "a1"


async def test_calls_that_are_cancelled_leave_nothing_behind_whenever_that_happens() -> None:
    calls = Calls(weight_max=1)
    await calls.make(BRAM, "b")
    for name in ("a1", "a2", "a3", "a4", "a5"):
        await calls.make(ANNA, name)
    calls.tasks["a2"].cancel()  # while it waits, as the next
    await asyncio.sleep(0)
    calls.tasks["a1"].cancel()  # at work
    await asyncio.sleep(0)
    calls.tasks["a3"].cancel()  # as its turn came
    await asyncio.gather(*(calls.tasks[name] for name in ("a1", "a2", "a3")), return_exceptions=True)
    await asyncio.sleep(0)
    assert calls.begun == ["b", "a1", "a4"]
    await calls.end("a4", "a5", "b")
    assert not any((calls.turns._calls, calls.turns._held, calls.turns._waiting))


async def test_calls_that_are_cancelled_together_end_as_cancelled() -> None:
    """A client that goes has all of its calls cancelled at once: one ends just before the next hears that it is to."""
    calls = Calls(weight_max=1)
    await calls.make(BRAM, "b")
    for name in ("a1", "a2", "a3"):
        await calls.make(ANNA, name)
    for name in ("a1", "a2"):
        calls.tasks[name].cancel()
    ended = await asyncio.gather(*(calls.tasks[name] for name in ("a1", "a2")), return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
    await asyncio.sleep(0)
    assert calls.begun == ["b", "a1", "a3"]
    await calls.end("a3", "b")
    assert not any((calls.turns._calls, calls.turns._held, calls.turns._waiting))


async def test_what_waits_is_bounded_and_what_asks_one_thing_at_a_time_waits_in_any_case() -> None:
    calls = Calls(weight_max=1, waiting_max=2)
    await calls.make(BRAM, "b")
    for name in ("a1", "a2", "a3"):
        await calls.make(ANNA, name)
    with pytest.raises(QuotaExceededError, match="too much waits"):
        async with calls.turns.turn(ANNA):
            raise AssertionError
    watch = calls.turns.turn(ANNA, waiting_is_bounded=False)
    entering = asyncio.create_task(watch.__aenter__())
    await calls.end("a1", "a2", "a3")
    await entering
    await watch.__aexit__(None, None, None)
    await calls.end("b")
    assert not any((calls.turns._calls, calls.turns._waiting))


async def test_once_others_have_been_quiet_all_that_waits_begins_with_the_next_end() -> None:
    calls = Calls(weight_max=1)
    await calls.make(BRAM, "b")
    await calls.end("b")
    for name in ("a1", "a2", "a3"):
        await calls.make(ANNA, name)
    calls.now += SHARED_SECONDS
    assert not calls.sharing.is_shared
    await calls.make(ANNA, "a4")
    assert calls.begun == ["b", "a1"], "a later call does not pass those that wait"
    await calls.end("a1")
    assert calls.begun == ["b", "a1", "a2", "a3", "a4"]
    await calls.end("a2", "a3", "a4")


async def test_an_account_rests_after_calls_that_took_long_and_others_do_not_wait_for_it() -> None:
    """What waits begins by itself once it has rested, in its order; what is cancelled meanwhile is left out."""
    calls = Calls(weight_max=1)
    await calls.make(BRAM, "b1")
    await calls.make(ANNA, "a1")
    calls.throttle.worked(ANNA, 60.0)
    for name in ("a2", "a3", "a4"):
        await calls.make(ANNA, name)
    await calls.end("a1", "b1")
    calls.tasks["a3"].cancel()
    await calls.make(BRAM, "b2")
    assert calls.begun == ["b1", "a1", "b2"]
    calls.now += 1.0

    async def has_rested() -> bool:
        return len(calls.begun) > 3

    await eventually(has_rested)
    assert calls.begun[3:] == ["a2"]
    await calls.end("a2")
    assert calls.begun[4:] == ["a4"]
    await calls.end("a4", "b2")
    assert not any((calls.turns._calls, calls.turns._waiting, calls.turns._rested))
