"""Events that are put into a store, and what is to hold of it afterwards."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits, Rejected, Submitted, Verdict
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.domain.conversation.events import (
    Event,
    Kind,
    Message,
    Sender,
    SurveyAnswer,
)
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore

ACCOUNT = AccountId("acme")
START = 1_767_225_600_000_000
HELLO = Message(Sender.CONTACT)
LIMITS = IngestLimits(conversation_events_max=10, conversation_pending_max=5)
ACCEPTED = Verdict.ACCEPTED


def event(event_id: str, micros: int, kind: Kind = HELLO, conversation: str = "c", widget: str = "web") -> Submitted:
    return Submitted(
        ConversationId(conversation), Event(EventId(event_id), Micros(START + micros), 0, WidgetId(widget), kind)
    )


def answers(count: int, tag: str = "q") -> tuple[SurveyAnswer, ...]:
    return tuple(SurveyAnswer(f"{tag}{n}", "o") for n in range(count))


async def put(store: SqliteStore, *events: Submitted, limits: IngestLimits = LIMITS, **bounds: Any) -> list[Any]:
    [[outcomes]] = await store.write([(ACCOUNT, IngestBatch([events], limits, **bounds))])
    return outcomes


async def assert_clean(store: SqliteStore) -> None:
    """The counters and states are what the log makes them."""
    audit = await store.read(ACCOUNT, partial(examine, lambda _done, _total: None))
    assert audit.clean, audit


def reasons(outcomes: Iterable[Any]) -> list[Any]:
    return [outcome.reason if isinstance(outcome, Rejected) else outcome for outcome in outcomes]
