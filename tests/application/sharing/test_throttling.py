"""Who has used much of what accounts share leaves it to others for a while, and nobody else does."""

import asyncio

import pytest

from telwerkd.application.sharing.throttling import AccountThrottle, Sharing
from telwerkd.domain.ids import AccountId
from telwerkd.transport.services.decoding_turns import DecodingTurns

ANNA, BRAM = AccountId("anna"), AccountId("bram")


class Clock:
    """A clock that is set by hand, and accounts that share what is used; at first, if `shares`."""

    def __init__(self, times: float = 2.0, *, shares: bool = True) -> None:
        self.now = 1_000.0
        self.sharing = Sharing(lambda: self.now)
        self.throttle = AccountThrottle(self.sharing, times, lambda: self.now)
        if shares:
            self.share()

    def share(self) -> None:
        """Lets two accounts call."""
        self.sharing.called(ANNA)
        self.sharing.called(BRAM)

    def work(self, account: AccountId, seconds: float) -> float:
        """Lets an account work as soon as it may; for how long it rested before."""
        rest_seconds = self.throttle.left_seconds(account)
        self.now += rest_seconds + seconds
        self.throttle.worked(account, seconds)
        return rest_seconds


def test_an_account_with_work_without_end_rests_for_a_multiple_of_each_piece() -> None:
    """Two pieces come before any rest: it had been quiet. Nobody else rests for it."""
    clock = Clock(times=2.0)
    rests = [clock.work(ANNA, 0.04) for _ in range(6)]
    assert rests == pytest.approx([0, 0, 0.06, 0.08, 0.08, 0.08])
    assert clock.throttle.left_seconds(BRAM) == 0


def test_an_account_that_is_alone_does_not_rest_nor_for_what_it_did_alone() -> None:
    clock = Clock(shares=False)
    assert [clock.work(ANNA, 1.0) for _ in range(3)] == [0, 0, 0]
    clock.share()
    assert clock.throttle.left_seconds(ANNA) == 0


def test_an_account_that_uses_no_more_than_it_would_get_does_not_rest() -> None:
    """With twice as long between its pieces as they take, or more."""
    clock = Clock(times=2.0)
    for _ in range(100):
        assert clock.work(ANNA, 0.03) == 0
        clock.now += 0.06


def test_a_piece_that_took_for_ever_is_followed_by_a_bounded_rest() -> None:
    clock = Clock()
    clock.now += 3_600.0
    clock.share()
    clock.throttle.worked(ANNA, 3_600.0)
    assert clock.throttle.left_seconds(ANNA) == pytest.approx(0.25)


def test_accounts_that_owe_nothing_are_forgotten() -> None:
    clock = Clock()
    for number in range(5_000):
        clock.share()
        clock.work(AccountId(f"a{number}"), 0.01)
    assert len(clock.throttle._owes_until) <= 1_000


async def test_who_rests_does_not_decode_and_who_comes_meanwhile_does() -> None:
    """Whoever waits for nothing but its rest goes on by itself once it is over."""
    clock, order = Clock(), list[str]()
    turns = DecodingTurns(clock.throttle, 100)
    clock.work(ANNA, 1.0)

    async def decode(name: str) -> None:
        async with turns.turn(AccountId({"a": ANNA, "b": BRAM}[name[0]]), 60):
            order.append(name)

    decoding = [asyncio.create_task(decode(name)) for name in ("a1", "a2", "b1", "b2")]
    await asyncio.gather(*decoding[2:])
    assert order == ["b1", "b2"]
    clock.now += 1.0
    async with asyncio.timeout(30):
        await asyncio.gather(*decoding)
    assert order == ["b1", "b2", "a1", "a2"]


async def test_a_small_batch_does_not_wait_behind_another_accounts_large_one() -> None:
    """It takes what room the turn of the loop has, whoever waits for the next one."""
    turns, order = DecodingTurns(Clock().throttle, 100), list[str]()

    async def decode(account: AccountId, name: str, size: int) -> None:
        async with turns.turn(account, size):
            order.append(name)

    tasks = [asyncio.create_task(decode(ANNA, name, 60)) for name in ("a1", "a2", "a3")]
    tasks.append(asyncio.create_task(decode(BRAM, "b", 10)))
    await asyncio.gather(*tasks)
    assert order == ["a1", "b", "a2", "a3"]
