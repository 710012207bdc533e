"""Timers that have passed are counted in bounded transactions; at every commit the counters are those of the log."""

from operator import methodcaller

from telwerkd.application.upkeep.upkeep import settle_due
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    Message,
    Sender,
    WentLive,
)
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.ids import Micros
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCEPTED, ACCOUNT, HELLO, START, assert_clean, event, put


async def test_limits_at_one_instant_are_counted_at_once_and_written_in_steps(store: SqliteStore) -> None:
    """At every commit the counters are those of the log at the high-water mark; a late answer still takes one back."""
    limit = Micros(1_000)
    for n in range(10):
        await put(store, event("live", 0, WentLive(limit, limit), f"c{n}"), event("m", 0, HELLO, f"c{n}"))
    now, steps = Micros(START + 1_000_000), 0
    while await settle_due(store, now, 3, ties_max=4):
        steps += 1
        await assert_clean(store)
        entries = await store.read(ACCOUNT, lambda view: view.deltas(COUNTED[Kpi.UNANSWERED_LIVE_CONVERSATIONS]))
        if steps == 1:
            assert sum(n for *_, n in entries) == 10
            answered = event("answer", 10, Message(Sender.OPERATOR), "c9")
            assert await put(store, answered, event("more", 20, HELLO, "c8")) == [ACCEPTED] * 2
            await assert_clean(store)
    assert steps >= 3
    entries = await store.read(ACCOUNT, lambda view: view.deltas(COUNTED[Kpi.UNANSWERED_LIVE_CONVERSATIONS]))
    assert sum(n for *_, n in entries) == 9
    assert await store.accounts_due(now) == []
    await assert_clean(store)


async def test_a_server_whose_clock_is_behind_writes_what_another_has_counted(store: SqliteStore) -> None:
    """Counted is counted, by whichever clock: else it could write the same rows until its own is there."""
    early, late = Micros(500), Micros(1_000)
    for n, limit in enumerate([late] * 10 + [early] * 2):
        await put(store, event("live", 0, WentLive(limit, limit), f"c{n}"), event("m", 0, HELLO, f"c{n}"))
    assert await settle_due(store, Micros(START + 1_000_000), 3, ties_max=4)
    assert await settle_due(store, Micros(START + 700), 3, ties_max=4)
    assert (await store.read(ACCOUNT, methodcaller("due_count", Micros(START + 1_000), 100)))[1] == 9
    await assert_clean(store)
