"""Limits of accounts in a second: a bucket lets through what came in and what it holds, never more, and forgets who is
idle."""

from typing import TypedDict, Unpack

import pytest
from hypothesis import given, strategies as st

from telwerkd.application.sharing.quotas import AccountRates, Buckets, RateLimits, Rates
from telwerkd.domain.errors import QuotaExceededError
from telwerkd.domain.ids import AccountId

ACME, BLUE = AccountId("acme"), AccountId("blue")


class Clock:
    def __init__(self, seconds: float = 1e6) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def limited(clock: Clock, burst_seconds: float = 2.0, **rates: float) -> AccountRates:
    return AccountRates(RateLimits(Rates(**rates), burst_seconds=burst_seconds), clock)


class _What(TypedDict, total=False):
    """What a call is of."""

    events: int
    is_query: bool


def admitted(rates: AccountRates, account: AccountId = ACME, **what: Unpack[_What]) -> bool:
    try:
        rates.admit(account, **what)
    except QuotaExceededError:
        return False
    return True


STEPS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), min_size=1, max_size=40)
RATES, BURSTS = st.floats(0.5, 50), st.floats(0.1, 5)


@given(steps=STEPS, rate=RATES, burst=BURSTS)
def test_in_any_span_of_time_no_more_passes_than_came_in_and_the_bucket_held(
    steps: list[tuple[float, int]], rate: float, burst: float
) -> None:
    """Of batches that are larger than the bucket the last one alone may be beyond it."""
    clock = Clock()
    rates = limited(clock, burst, account_events_per_second_max=rate)
    passed = []
    for wait, events in steps:
        clock.seconds += wait
        if admitted(rates, events=events):
            passed.append((clock.seconds, events))
    for start in range(len(passed)):
        for end in range(start, len(passed)):
            span = passed[end][0] - passed[start][0]
            *before, last = (events for _, events in passed[start : end + 1])
            beyond = max(0.0, last - rate * burst)
            assert sum(before) + last <= rate * (span + burst) + beyond + 1e-4


@given(steps=STEPS, rate=RATES, burst=BURSTS)
def test_what_waits_as_long_as_it_is_told_is_admitted_and_no_sooner(
    steps: list[tuple[float, int]], rate: float, burst: float
) -> None:
    clock = Clock()
    rates = limited(clock, burst, account_events_per_second_max=rate)
    for wait, events in steps:
        clock.seconds += wait
        try:
            rates.admit(ACME, events=events)
        except QuotaExceededError as error:
            told, now = error.retry_after_seconds, clock.seconds
            clock.seconds = now + told - min(1e-3, told / 2)
            assert told < 1e-6 or not admitted(rates, events=events)
            clock.seconds = now + told + 1e-6
            assert admitted(rates, events=events)


@given(st.integers(1, 10**9))
def test_no_request_is_too_large_for_a_bucket_that_is_full(events: int) -> None:
    clock = Clock()
    rates = limited(clock, account_events_per_second_max=0.01)
    assert admitted(rates, events=events)
    assert not admitted(rates, events=1)


def test_a_refused_call_takes_nothing_from_any_bucket() -> None:
    rates = limited(Clock(), account_calls_per_second_max=1, account_events_per_second_max=5)
    assert admitted(rates, events=10)
    assert not admitted(rates, events=1)
    assert admitted(rates)  # the second of two calls: the refused one did not count
    with pytest.raises(QuotaExceededError, match="account_calls_per_second_max") as caught:
        rates.admit(ACME)
    assert caught.value.limit == "account_calls_per_second_max"
    assert not admitted(rates)


def test_a_query_is_paid_afterwards_and_the_next_waits_until_it_is() -> None:
    clock = Clock()
    rates = limited(clock, account_query_ms_per_second_max=100)
    rates.admit(ACME, is_query=True)
    rates.spent(ACME, 1_000)
    with pytest.raises(QuotaExceededError) as caught:
        rates.admit(ACME, is_query=True)
    assert caught.value.retry_after_seconds == pytest.approx(8)
    assert admitted(rates, events=1)  # what is no query goes on
    clock.seconds += 8.001
    assert admitted(rates, is_query=True)


def test_accounts_are_apart_and_some_have_limits_of_their_own() -> None:
    own = {"blue": Rates(account_calls_per_second_max=10)}
    rates = AccountRates(RateLimits(Rates(account_calls_per_second_max=1), own, burst_seconds=1.0), Clock())
    assert [admitted(rates) for _ in range(2)] == [True, False]
    assert [admitted(rates, BLUE) for _ in range(11)] == [True] * 10 + [False]
    rates.use(RateLimits())
    assert admitted(rates)


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 2)), max_size=300))
def test_only_accounts_that_were_just_active_take_memory(calls: list[tuple[int, float]]) -> None:
    buckets, now, full_at = Buckets(), 1e6, dict[AccountId, float]()
    for number, wait in calls:
        now += wait
        account = AccountId(str(number))
        buckets.take(account, 1.0, now)
        full_at[account] = max(full_at.get(account, now), now) + 1.0
    for number in range(len(buckets) + 1):
        buckets.take(AccountId(f"new{number}"), 1.0, now)
        full_at[AccountId(f"new{number}")] = now + 1.0
    assert len(buckets) <= sum(until > now for until in full_at.values())
