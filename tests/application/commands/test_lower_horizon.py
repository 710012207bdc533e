"""The horizon can be taken back as far as something was purged, and no further."""

import pytest

from telwerkd.application.commands.lower_horizon import Horizon
from telwerkd.application.retention.removal import horizon_of, lower_horizon, purge
from telwerkd.domain.errors import InvalidArgumentError, Reason
from telwerkd.domain.ids import Micros
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCEPTED, ACCOUNT, START, assert_clean, event, put, reasons

FAR = Micros(START + 1_000)


async def test_what_was_purged_stays_refused(store: SqliteStore) -> None:
    """It is counted already; what lies after it, and was never there, is taken again."""
    await put(store, event("old", 5), event("young", 2_000))
    await purge(store, ACCOUNT, FAR)
    floor = Micros(START + 6)
    assert await horizon_of(store, ACCOUNT) == Horizon(FAR, floor)
    with pytest.raises(InvalidArgumentError, match="newest purged"):
        await lower_horizon(store, ACCOUNT, Micros(floor - 1))
    assert await lower_horizon(store, ACCOUNT, floor) == Horizon(FAR, floor)
    assert reasons(await put(store, event("old", 5), event("new", 6))) == [Reason.BEFORE_HORIZON, ACCEPTED]
    await assert_clean(store)


async def test_a_horizon_before_which_nothing_was_can_be_taken_back_wholly(store: SqliteStore) -> None:
    """As after a purge by a clock that was far behind."""
    await put(store, event("young", 2_000))
    await purge(store, ACCOUNT, FAR)
    assert (await lower_horizon(store, ACCOUNT, Micros(0))).floor == 0
    assert await put(store, event("old", 5)) == [ACCEPTED]


@pytest.mark.parametrize("instant", [FAR, FAR + 1])
async def test_a_horizon_is_not_raised_this_way(store: SqliteStore, instant: int) -> None:
    """Events before it would be refused that nobody purged."""
    await put(store, event("young", 2_000))
    await purge(store, ACCOUNT, FAR)
    with pytest.raises(InvalidArgumentError, match="only be taken back"):
        await lower_horizon(store, ACCOUNT, Micros(instant))
    assert (await horizon_of(store, ACCOUNT)).instant == FAR
