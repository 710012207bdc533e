"""Behind a pooler in transaction mode: nothing rests on what was set for a session, or prepared in it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.schema.errors import SchemaError
from tests.commands import Do
from tests.postgres import execute, fresh_database
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
