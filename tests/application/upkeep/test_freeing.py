"""The keeper frees names where something was taken away, and looks at nothing else: on both databases."""

from telwerkd.application.commands.compact import Compact
from telwerkd.application.names import WIDGETS
from telwerkd.application.ports import Store
from telwerkd.application.retention.removal import erase
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.domain.ids import ConversationId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.test_free_names import ACCOUNT, database, event, names, put, store

__all__ = ["database", "store"]  # fixtures


async def test_the_keeper_frees_what_was_noticed_once_it_changed(store: SqliteStore) -> None:
    """An account that nothing was taken out of since it was looked at is not looked at again."""
    keeper = NameKeeper(store)
    await put(store, event("e", conversation="c1", widget="w"))
    keeper.notice(ACCOUNT)
    await keeper.run_once()
    assert (await names(store))[WIDGETS] == {"w"}
    await erase(store, ACCOUNT, ConversationId("c1"), keep_counts=False)
    keeper.notice(ACCOUNT)
    keeper._looked.clear()  # it rests for a moment otherwise
    await keeper.run_once()
    assert await names(store) == {}


async def test_the_keeper_frees_what_compaction_took_out_of_the_counters(store: SqliteStore) -> None:
    """Until then the counters have the name, though neither version nor horizon of the account changes any more."""
    keeper = NameKeeper(store)
    await put(store, event("e", conversation="c1", widget="w"))
    await compacted(store)
    await erase(store, ACCOUNT, ConversationId("c1"), keep_counts=False)
    keeper.notice(ACCOUNT)
    await keeper.run_once()
    assert (await names(store))[WIDGETS] == {"w"}
    await compacted(store)
    keeper.notice(ACCOUNT)
    keeper._looked.update({ACCOUNT: keeper._looked[ACCOUNT]._replace(rests_until=0)})
    await keeper.run_once()
    assert await names(store) == {}


async def compacted(store: Store) -> None:
    for account, measure, size in await store.compactable():
        await store.write([(account, Compact(measure, size, 1_000))])
