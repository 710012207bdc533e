"""Nothing that is stored makes a transaction long: conversations, ties, compaction and purges are bounded."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits, Rejected, Submitted, Verdict
from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.retention.removal import purge
from telwerkd.application.upkeep.upkeep import settle_due
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    Event,
    Kind,
    Message,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Retracted,
    Sender,
    SurveyAnswer,
    WentLive,
)
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do

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


async def put(store: SqliteStore, *events: Submitted, limits: IngestLimits = LIMITS, **bounds: int) -> list[Any]:
    [[outcomes]] = await store.write([(ACCOUNT, IngestBatch([events], limits, **bounds))])
    return outcomes


async def assert_clean(store: SqliteStore) -> None:
    """The counters and states are what the log makes them."""
    audit = await store.read(ACCOUNT, partial(examine, lambda _done, _total: None))
    assert audit.clean, audit


def reasons(outcomes: Iterable[Any]) -> list[Any]:
    return [outcome.reason if isinstance(outcome, Rejected) else outcome for outcome in outcomes]


async def test_a_conversation_has_a_bounded_number_of_events(store):
    """What is beyond is refused alone, with the setting's name, in order or late; other conversations go on."""
    assert await put(store, *(event(f"e{n}", n + 1) for n in range(9))) == [ACCEPTED] * 9
    outcomes = await put(store, event("e9", 20), event("late", 0), event("e1", 2), event("x", 0, conversation="d"))
    assert reasons(outcomes) == [ACCEPTED, Reason.CONVERSATION_FULL, Verdict.DUPLICATE, ACCEPTED]
    assert "conversation_events_max" in outcomes[1].message
    await assert_clean(store)


async def test_a_purge_makes_room_in_a_conversation(store):
    """The bound is on what a late event has to be folded with."""
    await put(store, *(event(f"e{n}", n) for n in range(10)))
    assert reasons(await put(store, event("more", 50))) == [Reason.CONVERSATION_FULL]
    await purge(store, ACCOUNT, Micros(START + 6))
    assert reasons(await put(store, *(event(f"n{n}", 60 + n) for n in range(7)))) == [ACCEPTED] * 6 + [
        Reason.CONVERSATION_FULL
    ]
    await assert_clean(store)


@pytest.mark.parametrize("late", [False, True], ids=["in order", "late"])
async def test_answers_held_back_are_bounded(store, late):
    """Those that fit are held; what does not is refused, and names the setting; a message releases what is held."""
    surveys = [event(f"s{n}", 10 + n, PreChatSurveyCompleted(answers(2, f"q{n}-"))) for n in range(4)]
    outcomes = await put(store, *surveys[::-1])
    assert reasons(outcomes) == [Reason.CONVERSATION_FULL] * 2 + [ACCEPTED] * 2
    outcomes = await put(store, event("s9", 0 if late else 90, surveys[0].event.kind))
    assert reasons(outcomes) == [Reason.CONVERSATION_FULL]
    assert "conversation_pending_max" in outcomes[0].message
    await assert_clean(store)
    assert await put(store, event("hello", 100)) == [ACCEPTED]
    entries = await store.read(ACCOUNT, lambda view: view.deltas(Kpi.PRE_CHAT_SURVEY_RESULTS))
    assert sum(n for *_, n in entries) == 4
    await assert_clean(store)


async def test_a_retraction_that_would_hold_back_too_much_is_refused(store):
    """Taking back the first message would make every answer since then wait."""
    await put(store, event("hello", 0), event("s", 1, PreChatSurveyCompleted(answers(6))))
    assert reasons(await put(store, event("r", 2, Retracted(EventId("hello"))))) == [Reason.CONVERSATION_FULL]
    await assert_clean(store)


async def test_retracted_events_that_have_not_arrived_are_bounded(store):
    """Those within the bound take back what arrives later; the others are refused."""
    outcomes = await put(store, *(event(f"r{n}", 50 + n, Retracted(EventId(f"gone{n}"))) for n in range(7)))
    assert reasons(outcomes) == [ACCEPTED] * 5 + [Reason.CONVERSATION_FULL] * 2
    assert await put(store, event("gone0", 1)) == [ACCEPTED]
    await assert_clean(store)


async def test_late_events_of_several_long_conversations_are_postponed(store):
    """A transaction folds a bounded number of logged events again, but always one conversation."""
    names = ["a", "b", "c"]
    await put(store, *(event(f"e{n}", 10 + n, conversation=name) for name in names for n in range(8)))
    late = [event(f"l{n}", n, conversation=name) for n in range(2) for name in names]
    for conversations_left in (2, 1, 0):
        outcomes = await put(store, *late, refolded_events_max=12)
        late = [each for each, outcome in zip(late, outcomes, strict=True) if outcome is None]
        assert len(late) == 2 * conversations_left
        await assert_clean(store)


async def test_limits_at_one_instant_are_counted_at_once_and_written_in_steps(store):
    """At every commit the counters are those of the log at the high-water mark; a late answer still takes one back."""
    limit = Micros(1_000)
    for n in range(10):
        await put(store, event("live", 0, WentLive(limit, limit), f"c{n}"), event("m", 0, HELLO, f"c{n}"))
    now, steps = Micros(START + 1_000_000), 0
    while await settle_due(store, now, 3, ties_max=4):
        steps += 1
        await assert_clean(store)
        entries = await store.read(ACCOUNT, lambda view: view.deltas(Kpi.UNANSWERED_LIVE_CONVERSATIONS))
        if steps == 1:
            assert sum(n for *_, n in entries) == 10
            answered = event("answer", 10, Message(Sender.OPERATOR), "c9")
            assert await put(store, answered, event("more", 20, HELLO, "c8")) == [ACCEPTED] * 2
            await assert_clean(store)
    assert steps >= 3
    entries = await store.read(ACCOUNT, lambda view: view.deltas(Kpi.UNANSWERED_LIVE_CONVERSATIONS))
    assert sum(n for *_, n in entries) == 9
    assert await store.accounts_due(now) == []
    await assert_clean(store)


async def test_a_server_whose_clock_is_behind_writes_what_another_has_counted(store):
    """Counted is counted, by whichever clock: else it could write the same rows until its own is there."""
    early, late = Micros(500), Micros(1_000)
    for n, limit in enumerate([late] * 10 + [early] * 2):
        await put(store, event("live", 0, WentLive(limit, limit), f"c{n}"), event("m", 0, HELLO, f"c{n}"))
    assert await settle_due(store, Micros(START + 1_000_000), 3, ties_max=4)
    assert await settle_due(store, Micros(START + 700), 3, ties_max=4)
    assert (await store.read(ACCOUNT, lambda view: view.due_count(Micros(START + 1_000), 100)))[1] == 9
    await assert_clean(store)


async def test_a_compaction_changes_a_bounded_number_of_chunks(store):
    """Also of one transaction's entries; no count changes on the way, and in the end all are in chunks."""
    events = [
        event(f"e{n}", n, PostChatSurveyAnswered(answers(3, f"q{n % 7}-")), f"c{n % 5}", f"w{n % 4}") for n in range(40)
    ]
    await put(store, *events, limits=IngestLimits())
    kpi, steps = Kpi.POST_CHAT_SURVEY_RESULTS, 0
    _, before = await store.read(ACCOUNT, lambda view: view.filed(kpi))
    while True:
        [moved] = await store.write([(ACCOUNT, Do(lambda tx: compact(tx, kpi, 40_000, 60)))])
        _, left = await store.read(ACCOUNT, lambda view: view.filed(kpi))
        assert before - left == moved
        await assert_clean(store)
        if not left:
            break
        before, steps = left, steps + 1
    assert steps > 3


async def test_what_a_compaction_leaves_is_read_in_parts(store):
    """Half a million counter rows of one transaction are not gone through whole for the few thousand of each step."""
    for n in range(12):
        await put(store, event(f"m{n}", n, PostChatSurveyAnswered(answers(1))), limits=IngestLimits())
    wide = [event(f"e{n}", n, PostChatSurveyAnswered(answers(100, f"{n}-")), f"c{n}", f"w{n}") for n in range(50)]
    await put(store, *wide, limits=IngestLimits())
    kpi = Kpi.POST_CHAT_SURVEY_RESULTS
    await store.write([(ACCOUNT, Do(lambda tx: compact(tx, kpi, 40_000, 60)))])
    rows, entries = await store.read(ACCOUNT, lambda view: view.filed(kpi))
    assert rows >= 12  # rather small ones, since few entries fitted into so few chunks
    assert entries > 4_900
    [moved] = await store.write([(ACCOUNT, Do(lambda tx: compact(tx, kpi, 1, 1_000_000)))])
    assert 0 < moved < 500
    await assert_clean(store)


async def test_a_transaction_that_lasts_too_long_leaves_the_rest_to_the_next(store):
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


async def test_a_purge_reads_a_bounded_number_of_events_at_a_time(store, monkeypatch):
    """And goes on until all is purged."""
    await put(store, *(event(f"e{n}", n, conversation=f"c{n % 6}") for n in range(30)))
    writes = 0
    write = store.write

    async def counted(works: Any) -> Any:
        nonlocal writes
        writes += 1
        return await write(works)

    monkeypatch.setattr(store, "write", counted)
    assert await purge(store, ACCOUNT, Micros(START + 100), events_max=7) == 30
    assert writes == 7
    await assert_clean(store)
