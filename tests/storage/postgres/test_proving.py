"""Whether a write would be committed is asked beside all other work, and what is lost on the way there is noticed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import psutil
import pytest

from telwerkd.application.ports import Transaction
from telwerkd.domain.errors import UnavailableError
from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.storage.postgres.store import WRITERS, PostgresStore
from tests.commands import Do
from tests.conftest import eventually
from tests.line import Line, Way, line_to_postgres
from tests.postgres import execute, fresh_database
from tests.storage.pgbouncer import PROGRAM, bounced

ACCOUNTS = [AccountId(f"account {n}") for n in range(WRITERS)]
ACME = ACCOUNTS[0]


@pytest.fixture
def url(postgres: str, postgres_template: str) -> Iterator[str]:
    """A database with empty tables."""
    with fresh_database(postgres, postgres_template) as url:
        yield url


@asynccontextmanager
async def store_on(url: str) -> AsyncIterator[PostgresStore]:
    location = located(url)
    assert isinstance(location, PostgresUrl)
    store = PostgresStore(location)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def far(url: str) -> AsyncIterator[tuple[PostgresStore, Line]]:
    """A store with the accounts, and the line between it and the database."""
    async with AsyncExitStack() as stack:
        through, line = await stack.enter_async_context(line_to_postgres(url))
        store = await stack.enter_async_context(store_on(through))
        await asyncio.gather(*(store.write([(account, Do(bumped))]) for account in ACCOUNTS))
        stack.callback(line.cut)  # so that nothing waits when the store is closed
        yield store, line


def bumped(tx: Transaction) -> int:
    tx.bump_version()
    return tx.account().version


async def is_proven(store: PostgresStore) -> bool:
    try:
        await store.ping()
    except UnavailableError:
        return False
    return True


async def waiting(url: str, locks: int) -> None:
    """Returns when so many transactions wait for a lock."""

    async def so() -> bool:
        query = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
        return bool((await asyncio.to_thread(execute, url, query))[0][0] >= locks)

    await eventually(so)


def sessions(url: str) -> list[int]:
    """The processes of PostgreSQL that serve a store on this database."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'telwerkd' AND datname = current_database()"
    return [pid for [pid] in execute(url, query)]


async def test_slow_work_on_every_connection_that_writes_does_not_make_the_database_seem_away(url):
    """Each of them waits for somebody else, who lets go after the proof."""
    other = await asyncpg.connect(url)
    async with store_on(url) as store:
        await asyncio.gather(*(store.write([(account, Do(bumped))]) for account in ACCOUNTS))
        async with other.transaction():
            await other.execute("SELECT 1 FROM accounts FOR UPDATE")
            slow = [asyncio.create_task(store.write([(account, Do(bumped))])) for account in ACCOUNTS]
            await waiting(url, len(slow))
            await store.ping()
            assert not any(each.done() for each in slow)
        assert await asyncio.gather(*slow) == [[2]] * WRITERS
    await other.close()


@pytest.mark.parametrize("table", ["accounts", "events", "counters"])
async def test_a_table_that_somebody_keeps_from_writers_is_not_proven(url, table, caplog):
    """As `CREATE INDEX` does, or `ALTER TABLE` which waits for somebody who reads; the log names the table."""
    async with store_on(url) as store:
        await store.ping()
        reader, other = await asyncpg.connect(url), await asyncpg.connect(url)
        async with other.transaction():
            await other.execute(f"LOCK TABLE {table} IN SHARE MODE")
            assert not await is_proven(store)
        assert f"somebody keeps all others from writing to the tables {table}, by a lock" in caplog.text
        await store.ping()
        async with reader.transaction():
            await reader.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
            altering = asyncio.create_task(other.execute(f"ALTER TABLE {table} ADD COLUMN more integer"))
            await waiting(url, 1)
            assert not await is_proven(store)
        await altering
        await store.ping()
        for connection in (reader, other):
            await connection.close()


async def test_who_waits_for_a_row_keeps_nobody_from_its_table(url, caplog):
    """So that table is not named among those that somebody keeps."""
    async with store_on(url) as store:
        await store.write([(ACME, Do(bumped))])
        other, index = await asyncpg.connect(url), await asyncpg.connect(url)
        async with other.transaction():
            await other.execute("SELECT 1 FROM accounts FOR UPDATE")
            slow = asyncio.create_task(store.write([(ACME, Do(bumped))]))
            await waiting(url, 1)
            await store.ping()
            async with index.transaction():
                await index.execute("LOCK TABLE events IN SHARE MODE")
                assert not await is_proven(store)
        assert "writing to the tables events, by a lock" in caplog.text
        assert await slow == [2]
        for connection in (other, index):
            await connection.close()


async def test_a_lock_that_is_let_go_at_once_is_waited_for(url):
    async with store_on(url) as store:
        await store.ping()
        other = await asyncpg.connect(url)
        async with other.transaction():
            await other.execute("LOCK TABLE events IN SHARE MODE")
            proof = asyncio.create_task(store.ping())
            await waiting(url, 1)
        await proof
        await other.close()


async def test_the_proof_keeps_one_connection(url):
    async with store_on(url) as store:
        await store.ping()
        kept = await asyncio.to_thread(sessions, url)
        assert len(kept) == 1
        await store.ping()
        assert await asyncio.to_thread(sessions, url) == kept


@pytest.mark.parametrize("way", [Way.STALL, Way.VANISH])
async def test_a_silent_database_is_noticed_before_other_work_gives_up_waiting_for_a_connection(far, way):
    """The proof waits for none but its own; and it is over by itself when the silence is."""
    store, line = far
    await asyncio.gather(store.ping(), store.accounts())
    with line.being(way):
        held = asyncio.create_task(store.accounts())
        waits = asyncio.create_task(store.accounts())
        proof = asyncio.create_task(is_proven(store))
        done, _ = await asyncio.wait({held, waits, proof}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {proof}
        assert not await proof
    await eventually(lambda: is_proven(store))
    assert await held == ACCOUNTS  # run again, where its answer was lost
    await asyncio.gather(waits, return_exceptions=True)


@pytest.mark.parametrize("proven", [True, False], ids=["on a kept connection", "on one that is made"])
async def test_what_was_lost_on_the_way_is_run_again_when_the_way_is_mended(far, proven):
    """Nobody tells of it: that a later proof comes through, and an earlier one has not, does."""
    store, line = far
    if proven:
        await store.ping()
    with line.being(Way.VANISH):
        lost = [asyncio.create_task(store.write([(account, Do(bumped))])) for account in ACCOUNTS]
        assert not await is_proven(store)
    await eventually(lambda: is_proven(store))
    assert await asyncio.gather(*lost) == [[2]] * WRITERS


async def test_what_is_late_is_not_cut(far):
    """Where a database stood still, all of it answers, the proof that waited too."""
    store, line = far
    await store.ping()
    with line.being(Way.STALL):
        late = [asyncio.create_task(store.write([(account, Do(bumped))])) for account in ACCOUNTS]
        assert not await is_proven(store)
        assert not await is_proven(store)
    assert await asyncio.gather(*late) == [[2]] * WRITERS
    await eventually(lambda: is_proven(store))
    assert store.figures.retries["writing",] == 0


@pytest.mark.skipif(not PROGRAM, reason="there is no pgbouncer")
async def test_what_waits_for_a_session_of_a_pooler_is_late(url):
    """No write would be committed meanwhile; nothing that has a session is cut when there is one again."""
    other = await asyncpg.connect(url)
    async with bounced(url, sessions=2) as through, store_on(through) as store:
        store._statements.learn()  # what else would be run again, and prove nothing
        await asyncio.gather(*(store.write([(account, Do(bumped))]) for account in ACCOUNTS))
        async with other.transaction():
            await other.execute("SELECT 1 FROM accounts FOR UPDATE")
            late = [asyncio.create_task(store.write([(account, Do(bumped))])) for account in ACCOUNTS[:2]]
            await waiting(url, len(late))
            assert not await is_proven(store)
        assert await asyncio.gather(*late) == [[2]] * 2
        await eventually(lambda: is_proven(store))
        assert store.figures.retries["writing",] == 0
    await other.close()


async def test_writing_that_comes_to_no_end_is_not_proven(url):
    """Though another connection would commit: whoever writes waits for those that stand still, and is sent away."""
    async with store_on(url) as store:
        await asyncio.gather(*(store.write([(account, Do(bumped))]) for account in ACCOUNTS))
        writing = [psutil.Process(pid) for pid in await asyncio.to_thread(sessions, url)]
        assert len(writing) == WRITERS
        await store.ping()
        for backend in writing:
            backend.suspend()
        try:
            writes = [asyncio.create_task(store.write([(account, Do(bumped))])) for account in ACCOUNTS]

            async def told() -> bool:
                return not await is_proven(store)

            await eventually(told)
            assert not any(each.done() for each in writes)
        finally:
            for backend in writing:
                backend.resume()
        assert await asyncio.gather(*writes) == [[2]] * WRITERS
        await store.ping()
