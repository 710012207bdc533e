"""On PostgreSQL a digest of the last part of a long key stands in the index: a row whose text is not its digest's."""

from collections.abc import Iterator
from functools import partial

import pytest

from telwerkd.application.audit import Audit, examine, repair
from telwerkd.storage.location import Location, located
from telwerkd.storage.open_store import AnyStore, opened, prepare
from tests.fuzz.databases import Raw, everything, raw
from tests.postgres import apart, fresh_database
from tests.storage.stored_schemas import ACCOUNT, written


@pytest.fixture(scope="module")
def database(postgres: str) -> Iterator[Location]:
    """With an account that has something in every table, and all that it counts in chunks."""

    async def filled(location: Location) -> None:
        await prepare(location)
        async with opened(location) as store:
            await written(store)
            await repair(store, ACCOUNT, await examined(store))

    with fresh_database(postgres) as url:
        apart(filled(located(url)))
        yield located(url)


async def examined(store: AnyStore) -> Audit:
    found: Audit = await store.read(ACCOUNT, partial(examine, lambda _done, _total: None))
    return found


async def counted(connection: Raw) -> list[tuple[object, ...]]:
    return sorted(await connection.rows("SELECT measure, grouping, chunk, operator_id, value, cells FROM counters"))


DAMAGES = {
    "of another key": "UPDATE counters SET value = 'of nobody' WHERE measure = 8 AND grouping = 8",
    "of no key, and a whole row beside it": (
        "INSERT INTO counters SELECT account_id, measure, grouping, chunk, operator_id, group_id, widget_id, value, "
        "decode('00', 'hex'), cells FROM counters WHERE measure = 8 AND grouping = 8"
    ),
}


@pytest.mark.parametrize("statement", DAMAGES.values(), ids=DAMAGES)
async def test_a_chunk_that_stands_under_a_digest_that_is_not_its_own_is_named_and_counted_anew(
    database: Location, statement: str
) -> None:
    """`rebuild` ended by an error: it looked for what it was to correct, and found another row."""
    async with opened(database) as store, raw(database) as connection:
        whole, before = await everything(connection), await counted(connection)
        await connection.change(statement)
        audit = await examined(store)
        assert [(damage.table, damage.is_misfiled, damage.is_source) for damage in audit.damages] == [
            ("counters", True, False)
        ]
        await repair(store, ACCOUNT, audit)
        assert (await examined(store)).clean
        assert await counted(connection) == before
        await connection.restore(whole)


@pytest.mark.parametrize("table", ["names", "base_counters"])
async def test_so_is_a_name_and_what_no_event_explains_any_more(database: Location, table: str) -> None:
    """A name is made again; the other can come from a backup only, and no counter is made to follow it."""
    async with opened(database) as store, raw(database) as connection:
        whole, before = await everything(connection), await counted(connection)
        digest = "name_digest" if table == "names" else "value_digest"
        await connection.change(f"UPDATE {table} SET {digest} = decode('00', 'hex') WHERE {SOME[table]}")  # noqa: S608
        audit = await examined(store)
        assert {(damage.table, damage.is_misfiled) for damage in audit.damages} == {(table, True)}
        assert audit.sources_damaged == (table == "base_counters")
        await repair(store, ACCOUNT, audit)
        assert (await examined(store)).clean == (table == "names")
        assert await counted(connection) == before
        await connection.restore(whole)


SOME = {"names": "family = 101 AND name = 'anna'", "base_counters": "measure = 18"}
