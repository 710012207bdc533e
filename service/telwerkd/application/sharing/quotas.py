"""Rate limits of accounts: calls, events, and computing time of queries, per second.

Each is a token bucket: it fills at the rate of its limit, holds the tokens of `burst_seconds`, and begins full. A
bucket is stored as one number, the instant at which it will be full; full ones are dropped, so that only recently
active accounts take memory. Each server process counts for itself.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec.structs import astuple

from telwerkd.domain.errors import QuotaExceededError
from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic

_SWEPT: Final = 2
"""Buckets that are looked at whenever one is added: more than one, so that full ones do not add up."""


class Rates(msgspec.Struct, frozen=True):
    """The limits of an account per second, by the names of the settings; None is unlimited."""

    account_calls_per_second_max: float | None = None
    account_events_per_second_max: float | None = None
    account_query_ms_per_second_max: float | None = None


class RateLimits(msgspec.Struct, frozen=True):
    """The limits of all accounts, and those of single ones."""

    default: Rates = Rates()
    by_account: Mapping[str, Rates] = {}
    """In place of the default, where a rate is not None."""
    burst_seconds: float = 10.0
    """How long a limit may be saved up."""

    @property
    def are_any(self) -> bool:
        """Whether any account has a limit."""
        return any(limit is not None for rates in (self.default, *self.by_account.values()) for limit in astuple(rates))

    def limit_of(self, name: str, account: str) -> float | None:
        """Returns the limit of an account."""
        own = None if account not in self.by_account else getattr(self.by_account[account], name)
        limit: float | None = getattr(self.default, name) if own is None else own
        return limit


class Buckets:
    """The buckets of one limit, by account. All is O(1). For the event loop's thread only."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[AccountId, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, account: AccountId, seconds: float, burst_seconds: float, now: float) -> float:
        """Returns the seconds until so many tokens may be taken; 0 if they may be now.

        `seconds` is the time in which the tokens come in. More tokens than a bucket holds may be taken once it is full,
        so that no limit makes a valid request impossible.
        """
        lacking = self._full_at.get(account, now) - now
        return max(0.0, lacking - (burst_seconds - min(seconds, burst_seconds)))

    def take(self, account: AccountId, seconds: float, now: float) -> None:
        """Takes tokens; the bucket may become negative."""
        full_at = self._full_at.get(account)
        if full_at is None:
            self._sweep(now)
        self._full_at[account] = max(now if full_at is None else full_at, now) + seconds

    def _sweep(self, now: float) -> None:
        for _ in range(min(_SWEPT, len(self._full_at))):
            account, full_at = self._full_at.popitem(last=False)
            if full_at > now:
                self._full_at[account] = full_at


class AccountRates:
    """Counts calls, events and query time of accounts, and refuses calls beyond their limits."""

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._are_any = limits.are_any
        self._clock = clock
        self._calls, self._events, self._queries = Buckets(), Buckets(), Buckets()

    def use(self, limits: RateLimits) -> None:
        """Sets the limits from the next call on."""
        self._limits = limits
        self._are_any = limits.are_any

    def admit(self, account: AccountId, *, calls: int = 1, events: int = 0, is_query: bool = False) -> None:
        """Counts a call with its events; a refused call is not counted.

        A query is charged when its cost is known (`spent`), and refused while the bucket is negative from earlier ones.

        Raises:
            QuotaExceededError: the account has reached one of its limits.
        """
        if not self._are_any:  # as most servers run: each call comes by here
            return
        wanted: list[tuple[Buckets, str, str, float]] = [
            (self._calls, "account_calls_per_second_max", "calls", calls),
        ]
        if events:
            wanted.append((self._events, "account_events_per_second_max", "events", events))
        if is_query:
            wanted.append((self._queries, "account_query_ms_per_second_max", "ms of queries", 0))
        now = self._clock()
        taken = list[tuple[Buckets, float]]()
        for buckets, name, what, amount in wanted:
            limit = self._limits.limit_of(name, account)
            if limit is None:
                continue
            wait = buckets.wait(account, amount / limit, self._limits.burst_seconds, now)
            if wait > 0:
                raise _beyond(name, what, limit, self._limits.burst_seconds, wait)
            taken.append((buckets, amount / limit))
        for buckets, seconds in taken:
            if seconds:
                buckets.take(account, seconds, now)

    def spent(self, account: AccountId, query_ms: float) -> None:
        """Charges the cost of a query."""
        limit = self._limits.limit_of("account_query_ms_per_second_max", account)
        if limit is not None:
            self._queries.take(account, query_ms / limit, self._clock())


def _beyond(name: str, what: str, limit: float, burst_seconds: float, wait: float) -> QuotaExceededError:
    return QuotaExceededError(
        name,
        f"this account may use {limit:g} {what} a second ({name}) on this server, and save up what comes in "
        f"{burst_seconds:g} s (account_burst_seconds): nothing of this was done, try again later",
        wait,
    )
