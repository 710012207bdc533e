"""A conversation may be long: an event in order costs the same, only a late one reads the log."""

import sqlalchemy as sa

from telwerkd.application.batches import IngestLimits, Submitted, Verdict
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.domain.conversation.events import Event, Message, Rated, Sender
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.conftest import writing_driver

ACCOUNT, CONVERSATION = AccountId("acme"), ConversationId("long")
START = 1_767_225_600_000_000


def nth(number: int, *, late: bool = False) -> Submitted:
    kind = Rated(3) if number % 10 == 0 else Message(Sender.CONTACT)
    instant = Micros(START + (1 if late else number * 1_000_000))
    return Submitted(CONVERSATION, Event(EventId(f"e{number:06}"), instant, 0, WidgetId("web"), kind))


class Statements:
    """What a store's writer executes from here on."""

    def __init__(self, store: SqliteStore) -> None:
        self.texts: list[str] = []
        writing_driver(store).set_trace_callback(self.texts.append)

    def logs_read(self) -> int:
        """Reads of a whole conversation's events."""
        return sum("FROM events" in text and "conversation_id = " in text for text in self.texts)


async def put(store: SqliteStore, *events: Submitted) -> None:
    [outcomes] = await store.write([(ACCOUNT, IngestBatch([events], IngestLimits()))])
    assert outcomes == [[Verdict.ACCEPTED] * len(events)]


async def state_size(store: SqliteStore) -> int:
    with store._reader.begin() as connection:
        return connection.scalar(sa.text("SELECT length(state) FROM conversations"))


async def test_an_event_in_order_costs_the_same_however_long_the_conversation_is(store):
    """It reads the snapshot and never the log, executes as many statements, and the snapshot does not grow."""
    await put(store, *(nth(n) for n in range(100)))
    size = await state_size(store)
    early = Statements(store)
    await put(store, nth(100))
    spent = len(early.texts)
    await put(store, *(nth(n) for n in range(101, 4_000)))
    late = Statements(store)
    await put(store, nth(4_000))
    assert (late.logs_read(), len(late.texts)) == (0, spent)
    assert await state_size(store) == size


async def test_a_late_event_reads_the_log_once(store):
    """Once per transaction, however many events of it are late."""
    await put(store, *(nth(n) for n in range(1_000)))
    statements = Statements(store)
    await put(store, nth(1_001, late=True), nth(1_002, late=True))
    assert statements.logs_read() == 1
