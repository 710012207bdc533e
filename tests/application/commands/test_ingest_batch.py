"""A conversation may be long: an event in order costs the same, only a late one reads the log.

And what cannot be folded within the bounds is refused, or left to the next transaction.
"""

import pytest
import sqlalchemy as sa

from telwerkd.application.batches import IngestLimits, Submitted, Verdict
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    Event,
    Message,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Rated,
    Retracted,
    Sender,
)
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCEPTED, ACCOUNT, START, answers, assert_clean, event, put, reasons
from tests.conftest import writing_driver

CONVERSATION = ConversationId("long")


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


async def accept(store: SqliteStore, *events: Submitted) -> None:
    [outcomes] = await store.write([(ACCOUNT, IngestBatch([events], IngestLimits()))])
    assert outcomes == [[Verdict.ACCEPTED] * len(events)]


async def state_size(store: SqliteStore) -> int:
    with store._reader.begin() as connection:
        return int(connection.scalar(sa.text("SELECT length(state) FROM conversations")) or 0)


async def test_an_event_in_order_costs_the_same_however_long_the_conversation_is(store: SqliteStore) -> None:
    """It reads the snapshot and never the log, executes as many statements, and the snapshot does not grow."""
    await accept(store, *(nth(n) for n in range(100)))
    size = await state_size(store)
    early = Statements(store)
    await accept(store, nth(100))
    spent = len(early.texts)
    await accept(store, *(nth(n) for n in range(101, 4_000)))
    late = Statements(store)
    await accept(store, nth(4_000))
    assert (late.logs_read(), len(late.texts)) == (0, spent)
    assert await state_size(store) == size


async def test_a_late_event_reads_the_log_once(store: SqliteStore) -> None:
    """Once per transaction, however many events of it are late."""
    await accept(store, *(nth(n) for n in range(1_000)))
    statements = Statements(store)
    await accept(store, nth(1_001, late=True), nth(1_002, late=True))
    assert statements.logs_read() == 1


# --- Bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True], ids=["in order", "late"])
async def test_answers_held_back_are_bounded(store: SqliteStore, late: bool) -> None:  # noqa: FBT001  # pytest's
    """Those that fit are held; what does not is refused, and names the setting; a message releases what is held."""
    surveys = [event(f"s{n}", 10 + n, PreChatSurveyCompleted(answers(2, f"q{n}-"))) for n in range(4)]
    outcomes = await put(store, *surveys[::-1])
    assert reasons(outcomes) == [Reason.CONVERSATION_FULL] * 2 + [ACCEPTED] * 2
    outcomes = await put(store, event("s9", 0 if late else 90, surveys[0].event.kind))
    assert reasons(outcomes) == [Reason.CONVERSATION_FULL]
    assert "conversation_pending_max" in outcomes[0].message
    await assert_clean(store)
    assert await put(store, event("hello", 100)) == [ACCEPTED]
    entries = await store.read(ACCOUNT, lambda view: view.deltas(COUNTED[Kpi.PRE_CHAT_SURVEY_RESULTS]))
    assert sum(n for *_, n in entries) == 4
    await assert_clean(store)


async def test_a_retraction_that_would_hold_back_too_much_is_refused(store: SqliteStore) -> None:
    """Taking back the first message would make every answer since then wait."""
    await put(store, event("hello", 0), event("s", 1, PreChatSurveyCompleted(answers(6))))
    assert reasons(await put(store, event("r", 2, Retracted(EventId("hello"))))) == [Reason.CONVERSATION_FULL]
    await assert_clean(store)


async def test_retracted_events_that_have_not_arrived_are_bounded(store: SqliteStore) -> None:
    """Those within the bound take back what arrives later; the others are refused."""
    outcomes = await put(store, *(event(f"r{n}", 50 + n, Retracted(EventId(f"gone{n}"))) for n in range(7)))
    assert reasons(outcomes) == [ACCEPTED] * 5 + [Reason.CONVERSATION_FULL] * 2
    assert await put(store, event("gone0", 1)) == [ACCEPTED]
    await assert_clean(store)


async def test_late_events_of_several_long_conversations_are_postponed(store: SqliteStore) -> None:
    """A transaction folds a bounded number of logged events again, but always one conversation."""
    names = ["a", "b", "c"]
    await put(store, *(event(f"e{n}", 10 + n, conversation=name) for name in names for n in range(8)))
    late = [event(f"l{n}", n, conversation=name) for n in range(2) for name in names]
    for conversations_left in (2, 1, 0):
        outcomes = await put(store, *late, refolded_events_max=12)
        late = [each for each, outcome in zip(late, outcomes, strict=True) if outcome is None]
        assert len(late) == 2 * conversations_left
        await assert_clean(store)


async def test_a_transaction_that_lasts_too_long_leaves_the_rest_to_the_next(store: SqliteStore) -> None:
    """It finishes one conversation however long it has taken; nothing is lost, and nothing is counted twice."""
    events = [event(f"e{n}", n, PostChatSurveyAnswered(answers(2)), f"c{n % 3}") for n in range(9)]
    stored: list[int] = []
    while events:
        work = IngestBatch([events], IngestLimits(), seconds_max=0.0)
        [[outcomes]] = await store.write([(ACCOUNT, work)])
        stored.append(outcomes.count(ACCEPTED))
        events = [each for each, outcome in zip(events, outcomes, strict=True) if outcome is None]
        await assert_clean(store)
    assert stored == [3, 3, 3]
