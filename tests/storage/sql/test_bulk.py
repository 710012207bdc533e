"""Many rows at once are what one after the other would be, on both databases, and in few statements."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import given, strategies as st

from telwerkd.application.ports import Store
from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import Location
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.schema.tables import counters
from telwerkd.storage.sql.bulk import Bulk, Values, pages
from tests.commands import Do

ACME, OTHER = AccountId("acme"), AccountId("other")
KEY = ("measure", "grouping", "chunk", "operator_id", "group_id", "widget_id", "value")
LONG = "x" * 10_000
"""Longer than an entry of an index of PostgreSQL may be."""


@given(st.integers(0, 2_000), st.sampled_from([1, 64, 512]))
def test_pages_have_every_row_once_and_few_sizes(rows: int, page_rows_max: int) -> None:
    """Powers of two: so few statements, which stay prepared."""
    found = [*pages(rows, page_rows_max)]
    assert [place for start, size in found for place in range(start, start + size)] == list(range(rows))
    assert {size for _, size in found} <= {2**power for power in range(10)}
    assert max((size for _, size in found), default=0) <= page_rows_max


@pytest.fixture
async def store(databases: Callable[[], AbstractContextManager[Location]]) -> AsyncIterator[Store]:
    with databases() as database:
        await prepare(database)
        async with opened(database) as store:
            yield store


async def on(store: Store, work: Callable[[Bulk], Any], account: AccountId = ACME) -> Any:
    """What a work on the rows of an account returns."""
    [found] = await store.write([(account, Do(lambda tx: work(tx._bulk)))])
    return found


def keys(count: int, *values: str) -> list[Values]:
    """So many keys, in their order, and one for each value."""
    return [*((8, 8, n, "", "", "", "v") for n in range(count)), *((8, 8, count, "", "", "", each) for each in values)]


def insert(keys: list[Values], cells: bytes, replacing: tuple[str, ...] | None = None) -> Callable[[Bulk], None]:
    return lambda bulk: bulk.insert(counters, (*KEY, "cells"), [(*key, cells) for key in keys], replacing)


def find(keys: list[Values], *columns: str) -> Callable[[Bulk], list[Values]]:
    return lambda bulk: [tuple(row) for row in bulk.find(counters, KEY, keys, columns)]


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 600])
async def test_each_key_that_has_a_row_is_found_at_its_place(store: Store, count: int) -> None:
    """However many there are; those without a row are left out, and another account's rows are none of them."""
    every = keys(count, LONG + "a", LONG + "b")
    there = every[::2]
    await on(store, insert(there, b"1234"))
    await on(store, insert(every, b"other"), OTHER)
    found = await on(store, find(every, "cells", "chunk"))
    assert sorted(found) == [(place, b"1234", every[place][2]) for place in range(0, len(every), 2)]
    sizes = await on(store, lambda bulk: [tuple(row) for row in bulk.lengths(counters, KEY, every, "cells")])
    assert sorted(sizes) == [(place, 4) for place in range(0, len(every), 2)]


async def test_a_row_that_is_there_is_replaced_or_stays_or_is_an_error_as_is_said(store: Store) -> None:
    every = keys(70, LONG)
    await on(store, insert(every, b"1"))
    await on(store, insert(every, b"2", replacing=()))
    assert {cells for _, cells in await on(store, find(every, "cells"))} == {b"1"}
    await on(store, insert(every, b"3", replacing=("cells",)))
    assert [cells for _, cells in await on(store, find(every, "cells"))] == [b"3"] * len(every)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await on(store, insert(every[:1], b"4"))
    assert {cells for _, cells in await on(store, find(every, "cells"))} == {b"3"}


async def test_only_the_rows_of_the_keys_are_removed(store: Store) -> None:
    """Of this account; keys without a row change nothing."""
    every = keys(70, LONG + "a", LONG + "b")
    for account in (ACME, OTHER):
        await on(store, insert(every, b"1"), account)
    gone = [*every[:3], every[-1], (9, 9, 9, "", "", "", "none")]
    await on(store, lambda bulk: bulk.delete(counters, KEY, gone))
    assert sorted(place for place, *_ in await on(store, find(every, "cells"))) == list(range(3, len(every) - 1))
    assert len(await on(store, find(every, "cells"), OTHER)) == len(every)
    for nothing in (lambda bulk: bulk.delete(counters, KEY, []), insert([], b"1"), find([])):
        await on(store, nothing)
    assert len(await on(store, find(every, "cells"))) == len(every) - 4
