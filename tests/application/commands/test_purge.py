"""A purge is many transactions: each is short for those who wait, and long enough to pay."""

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.purge import PURGED_EVENTS_MIN, PURGED_MAX, Purge, PurgeStep
from telwerkd.domain.conversation.events import Event, Message, Sender
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore

ACCOUNT = AccountId("acme")
START = 1_767_225_600_000_000


async def stored(store: SqliteStore, conversations: int, events: int) -> None:
    for number in range(conversations):
        chat = [
            Submitted(
                ConversationId(f"c{number:03}"),
                Event(EventId(f"e{n}"), Micros(START + n), 0, WidgetId("web"), Message(Sender.CONTACT)),
            )
            for n in range(events)
        ]
        await store.write([(ACCOUNT, IngestBatch([chat], IngestLimits()))])


async def steps(store: SqliteStore, seconds_max: float) -> list[PurgeStep]:
    """Of a purge of all, to its end."""
    found, after = list[PurgeStep](), ConversationId("")
    while True:
        command = Purge(Micros(START + 1_000_000), after, seconds_max=seconds_max)
        [step] = await store.write([(ACCOUNT, command)])
        if step.last is None:
            return found
        found.append(step)
        after = step.last


async def test_a_step_without_time_still_does_what_pays_and_no_more(store):
    """On a machine that is busy each would do one conversation else, and take ten times as long in all."""
    await stored(store, 60, 13)
    found = [step.events for step in await steps(store, 0.0)]
    assert sum(found) == 60 * 13
    assert found[0] == 13 * -(-PURGED_EVENTS_MIN // 13)


async def test_a_step_with_time_looks_at_so_many_conversations_and_no_more(store):
    await stored(store, 60, 2)
    assert [step.events for step in await steps(store, 1_000.0)] == [2 * PURGED_MAX, 2 * (60 - PURGED_MAX)]
