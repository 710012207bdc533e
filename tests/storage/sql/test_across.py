"""What is asked across accounts: the same class for both databases, on a connection of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from telwerkd.application.ports import Store
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import Location, SqliteFile
from telwerkd.storage.open_store import opened, prepare
from tests.commands import Do
from tests.e2e.works import bumped

ACME = AccountId("acme")


@pytest.fixture
async def store(databases: Callable[[], AbstractContextManager[Location]]) -> AsyncIterator[Store]:
    with databases() as database:
        await prepare(database)
        async with opened(database) as store:
            yield store


@pytest.mark.parametrize("count", [1, 2, 3, 2_000, 2_001])
async def test_versions_are_those_of_the_accounts_that_are_asked_for(store: Store, count: int) -> None:
    """However many they are: also more than fit into one statement, and those that nothing is stored of."""
    for account in (ACME, AccountId("zeta"), AccountId("other")):
        await store.write([(account, Do(bumped))])
    asked = [ACME, *(AccountId(f"n{n}") for n in range(count - 2)), AccountId("zeta")][-count:]
    assert await store.versions(asked) == {account: 1 for account in (ACME, AccountId("zeta")) if account in asked}
    assert await store.versions([]) == {}


async def test_looks_take_turns(store: Store) -> None:
    """All that are asked for at once are answered, by the one connection that there is for them."""
    await store.write([(ACME, Do(bumped))])
    looks = [look for _ in range(25) for look in (store.accounts(), store.versions([ACME]), store.compactable())]
    assert await asyncio.gather(*looks) == [[ACME], {ACME: 1}, []] * 25


async def test_a_look_whose_caller_goes_away_does_not_disturb_the_next(store: Store) -> None:
    """Whenever it goes: the next look is answered, and the store can be closed."""
    await store.write([(ACME, Do(bumped))])
    for turns in range(12):
        leaving = asyncio.create_task(store.accounts())
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving.cancel()
        assert await store.accounts() == [ACME]


async def test_no_thread_outlives_a_store(tmp_path: Path) -> None:
    """On SQLite a look has a thread; it ends with the store, before the event loop does."""
    database, before = SqliteFile(tmp_path / "telwerk.db"), set(threading.enumerate())
    await prepare(database)
    async with opened(database) as store:
        assert await store.accounts() == []
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive() or thread.name.startswith("asyncio_")


def remove_files(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


async def test_a_file_that_is_gone_is_unavailable_and_none_is_made(tmp_path: Path) -> None:
    """As for every other way to the file: an error of now, and no empty database in its place."""
    database = SqliteFile(tmp_path / "telwerk.db")
    await prepare(database)
    async with opened(database) as store:
        remove_files(tmp_path)
        with pytest.raises(UnavailableError) as error:
            await store.accounts()
        assert error.value.reason is Reason.DATABASE_UNAVAILABLE
        assert not database.path.exists()
