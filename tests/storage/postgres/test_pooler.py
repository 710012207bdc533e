"""Behind a pooler in transaction mode: nothing rests on what was set for a session, or prepared in it."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from telwerkd.application.batches import IngestLimits, Submitted, Verdict
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.schema.errors import SchemaError
from tests.chats import chat
from tests.commands import Do
from tests.postgres import execute, fresh_database
from tests.storage.pgbouncer import PROGRAM, bounced
from tests.storage.pooler import pooled

ACCOUNTS = [AccountId(f"account {n}") for n in range(4)]
STATED = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout", "jit")


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    """An empty database, which acknowledges before it writes."""
    with fresh_database(postgres) as url:
        execute(url, f"ALTER DATABASE {urlsplit(url).path[1:]} SET synchronous_commit = off")
        yield url


def _located(url: str) -> PostgresUrl:
    found = located(url)
    assert isinstance(found, PostgresUrl)
    return found


def stated(tx: Any) -> tuple[Any, ...]:
    """What holds in a transaction; the session that it has is the first."""
    tx.bump_version()
    shown = (tx._connection.exec_driver_sql(f"SHOW {name}").scalar() for name in STATED)
    return tx._connection.exec_driver_sql("SELECT pg_backend_pid()").scalar(), *shown


@pytest.mark.parametrize("value", ["off", "local", "remote_write", "on", "remote_apply"])
async def test_no_stronger_setting_is_lowered(url, value):
    """Only what does not wait for the disk is raised."""
    execute(url, f"ALTER DATABASE {urlsplit(url).path[1:]} SET synchronous_commit = {value}")
    await prepare(_located(url))
    async with opened(_located(url)) as store:
        [(_, synchronous_commit, *others)] = await store.write([(ACCOUNTS[0], Do(stated))])
    assert synchronous_commit == ("on" if value == "off" else value)
    assert others == ["10s", "30s", "off"]


async def test_a_setting_that_a_pooler_refuses_is_named(url):
    """And where it is to be allowed; it is nobody's defect."""
    async with pooled(url) as through:
        with pytest.raises(SchemaError, match=r"PgBouncer.*ignore_startup_parameters.*search_path"):
            await prepare(_located(f"{through}&search_path=public"))


async def test_statements_have_names_that_no_other_client_has(url):
    """Several clients share a session: a name that two had would execute what the other has prepared."""
    await prepare(_located(url))
    async with opened(_located(url)) as store:

        def prepared(tx: Any) -> list[str]:
            rows = tx._connection.exec_driver_sql("SELECT name FROM pg_prepared_statements").all()
            return [name for [name] in rows]

        [names] = await store.write([(ACCOUNTS[0], Do(prepared))])
    assert names
    assert all(name.startswith("telwerk_") and len(name) == 32 for name in names)


Pooled = Callable[[str], AbstractAsyncContextManager[str]]
REAL = pytest.param(bounced, id="PgBouncer", marks=pytest.mark.skipif(not PROGRAM, reason="there is no pgbouncer"))


@pytest.mark.parametrize("pooled_by", [pytest.param(pooled, id="ours"), REAL])
async def test_every_transaction_states_what_it_needs(url: str, pooled_by: Pooled) -> None:
    """Two servers write in whichever sessions, in which another client has left all otherwise; and again.

    What was stated once for a connection, or for a session, would be gone.
    """
    await prepare(_located(url))
    async with pooled_by(url) as through, opened(_located(through)) as one, opened(_located(through)) as two:
        for _ in range(2):
            otherwise = await _leave_otherwise(through)
            seen = await asyncio.gather(
                *(
                    store.write([(account, Do(stated))])
                    for _ in range(2)
                    for account in ACCOUNTS
                    for store in (one, two)
                )
            )
            assert {tuple(settings) for [(_, *settings)] in seen} == {("on", "10s", "30s", "off")}
        # In the first round a session goes with each statement that it does not know; then none is prepared any more.
        assert otherwise & {session for [(session, *_)] in seen}


async def _leave_otherwise(through: str) -> set[int]:
    """Sets in both sessions of a pooler, for good, what a server needs otherwise; gives the two."""
    sessions = set[int]()
    async with AsyncExitStack() as clients, AsyncExitStack() as transactions:
        for client in [await asyncpg.connect(through, statement_cache_size=0) for _ in range(2)]:
            clients.push_async_callback(client.close)
            # Until it ends no other client has its session.
            await transactions.enter_async_context(client.transaction())
            await client.execute("SET synchronous_commit = off; SET lock_timeout = 7; SET jit = on")
            await client.execute("SET idle_in_transaction_session_timeout = 0")
            sessions.add(await client.fetchval("SELECT pg_backend_pid()"))
    assert len(sessions) == 2
    return sessions


@pytest.mark.parametrize("pooled_by", [pytest.param(pooled, id="ours"), REAL])
async def test_where_statements_do_not_stay_prepared_all_is_stored_once_without_them(
    url: str, pooled_by: Pooled, caplog: pytest.LogCaptureFixture
) -> None:
    """In a session where nothing was prepared a transaction is run again: no caller sees it, the log says it once.

    One that was run again after its commit would find its events as duplicates.
    """
    await prepare(_located(url))
    events = [
        Submitted(ConversationId(f"c{n}"), event)
        for n in range(5)
        for event in chat("09:00:00 anna assigned in sales\n09:01:00 contact rates 4")
    ]
    caplog.set_level(logging.INFO, "telwerkd")
    async with pooled_by(url) as through, opened(_located(through)) as store:

        async def one(account: AccountId, place: int) -> list[Any]:
            [[outcomes]] = await store.write([(account, IngestBatch([events[place : place + 1]], IngestLimits()))])
            await store.answer_version(account)
            await store.read(account, lambda view: view.account())
            return outcomes

        for place in range(len(events)):
            assert await asyncio.gather(*(one(account, place) for account in ACCOUNTS)) == [[Verdict.ACCEPTED]] * 4
    said = [record for record in caplog.records if "does not keep prepared statements" in record.message]
    assert len(said) == 1
    assert caplog.records == said
    stored = execute(url, "SELECT (SELECT count(*) FROM events), (SELECT sum(version) FROM accounts)")
    assert [tuple(row) for row in stored] == [(len(events) * len(ACCOUNTS), len(events) * len(ACCOUNTS))]
