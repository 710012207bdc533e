"""A purge goes through an account some conversations at a time; no count changes."""

from telwerkd.application.commands.purge import Purge
from telwerkd.domain.ids import ConversationId, Micros
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCOUNT, START, assert_clean, event, put


async def test_a_purge_reads_a_bounded_number_of_events_at_a_time(store: SqliteStore) -> None:
    """And goes on until all is purged."""
    await put(store, *(event(f"e{n}", n, conversation=f"c{n % 6}") for n in range(30)))
    purged: list[int] = []
    after: ConversationId | None = ConversationId("")
    while after is not None:
        [step] = await store.write([(ACCOUNT, Purge(Micros(START + 100), after, events_max=7))])
        purged.append(step.events)
        after = step.last
        await assert_clean(store)
    assert purged == [5] * 6 + [0]
