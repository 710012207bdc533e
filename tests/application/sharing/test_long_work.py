"""Long work is many transactions: each is short for those who wait, and long enough to pay."""

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.purge import Purge, PurgeStep
from telwerkd.application.commands.recount import AimAtRules, Recount, Recounted
from telwerkd.application.sharing.long_work import STEP_CONVERSATIONS_MAX, STEP_EVENTS_MIN
from telwerkd.domain.conversation.events import Event, Message, Sender
from telwerkd.domain.conversation.state import PART_ONE
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


async def purged(store: SqliteStore, seconds_max: float) -> list[PurgeStep]:
    """Of a purge of all, to its end."""
    found, after = list[PurgeStep](), ConversationId("")
    while True:
        command = Purge(Micros(START + 1_000_000), after, seconds_max=seconds_max)
        [step] = await store.write([(ACCOUNT, command)])
        if step.last is None:
            return found
        found.append(step)
        after = step.last


async def test_a_step_of_a_purge_without_time_still_does_what_pays_and_no_more(store: SqliteStore) -> None:
    """On a machine that is busy each would do one conversation else, and take ten times as long in all."""
    await stored(store, 60, 13)
    found = [step.events for step in await purged(store, 0.0)]
    assert sum(found) == 60 * 13
    assert found[0] == 13 * -(-STEP_EVENTS_MIN // 13)


async def test_a_step_of_a_purge_with_time_looks_at_so_many_conversations_and_no_more(store: SqliteStore) -> None:
    await stored(store, 60, 2)
    assert [step.events for step in await purged(store, 1_000.0)] == [
        2 * STEP_CONVERSATIONS_MAX,
        2 * (60 - STEP_CONVERSATIONS_MAX),
    ]


async def recounted(store: SqliteStore, seconds_max: float) -> list[Recounted]:
    """Steps of counting all anew, to its end."""
    await store.write([(ACCOUNT, AimAtRules(PART_ONE, is_wish=True))])
    found, after = list[Recounted](), ConversationId("")
    while True:
        [step] = await store.write([(ACCOUNT, Recount(after, seconds_max=seconds_max))])
        if step.last is None:
            return found
        found.append(step)
        after = step.last


async def test_a_step_of_counting_anew_without_time_still_does_what_pays_and_no_more(store: SqliteStore) -> None:
    await stored(store, 60, 13)
    found = [step.conversations for step in await recounted(store, 0.0)]
    assert sum(found) == 60
    assert found[0] == -(-STEP_EVENTS_MIN // 13)


async def test_a_step_of_counting_anew_with_time_looks_at_so_many_conversations_and_no_more(store: SqliteStore) -> None:
    await stored(store, 60, 2)
    found = [step.conversations for step in await recounted(store, 1_000.0)]
    assert found == [STEP_CONVERSATIONS_MAX, 60 - STEP_CONVERSATIONS_MAX]
