"""What is remembered of the conversations written last spares reading them, and never stands for what is stored."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from operator import methodcaller
from typing import Any

import pytest

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits, Rejected, Submitted, Verdict
from telwerkd.application.commands.hot_conversations import CONVERSATIONS_MAX, HotConversation, HotConversations
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ports import Conversation, Store
from telwerkd.application.retention.removal import erase, purge
from telwerkd.application.upkeep.upkeep import settle_due
from telwerkd.domain.conversation.events import Event, Kind, Message, Rated, Sender, WentLive
from telwerkd.domain.conversation.state import EMPTY
from telwerkd.domain.ids import SECOND, AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.test_ingest_batch import Statements
from tests.commands import Do

ACCOUNT, CONVERSATION = AccountId("acme"), ConversationId("c")
START = 1_767_225_600 * SECOND
LIMIT = Micros(60 * SECOND)
HELLO = Message(Sender.CONTACT)


def event(number: int, kind: Kind = HELLO, at: int | None = None, conversation: str = CONVERSATION) -> Submitted:
    """An event whose id is its number, so many seconds after the start."""
    instant = Micros(START + (number if at is None else at) * SECOND)
    return Submitted(ConversationId(conversation), Event(EventId(f"e{number}"), instant, 0, WidgetId("web"), kind))


async def put(store: Store, *events: Submitted) -> list[Any]:
    [[outcomes]] = await store.write([(ACCOUNT, IngestBatch([events], IngestLimits()))])
    return [outcome.reason.name if isinstance(outcome, Rejected) else outcome for outcome in outcomes]


async def check(store: Store) -> None:
    """The states, the counters, and how many events each conversation has, are those of the log."""
    audit = await store.read(ACCOUNT, lambda view: examine(lambda *_: None, view))
    assert not audit.states
    assert not audit.damages
    assert not audit.mendable_cells
    [row] = (await store.read(ACCOUNT, methodcaller("conversations", {CONVERSATION}))).values()
    assert row.events == len(await store.read(ACCOUNT, lambda view: view.log(CONVERSATION)))


def test_a_conversation_is_found_as_it_was_added_last_until_there_are_too_many() -> None:
    """Whatever is added in what portions; what was there before is as it was."""
    chance = random.Random(3)  # noqa: S311  # no secret
    hot, last = HotConversations(), dict[ConversationId, HotConversation]()
    for number in range(60):
        size = chance.choice([1, 3, 40, 900])
        ids = [ConversationId(str(each)) for each in chance.sample(range(2_000), size)]
        row = Conversation(EMPTY, EMPTY, Micros(number), Micros(number), number)
        before, known = hot, dict(last)
        hot = hot.with_(changed := {each: HotConversation(row, None) for each in ids})
        last |= changed
        assert hot.of(last.keys()) == last
        assert before.of(ids) == {each: known[each] for each in ids if each in known}
        assert len(hot) <= CONVERSATIONS_MAX
    for start in range(0, 3 * CONVERSATIONS_MAX, 700):
        ids = [ConversationId(f"more {each}") for each in range(start, start + 700)]
        hot = hot.with_({each: HotConversation(row, None) for each in ids})
        assert len(hot.of(ids)) == 700
        assert len(hot) <= CONVERSATIONS_MAX
    assert not hot.of(last.keys())


async def test_an_event_that_follows_reads_neither_its_conversation_nor_the_log(store: SqliteStore) -> None:
    """Nor does one that is sent again with an id that the conversation has not: that is new."""
    await put(store, event(1))
    statements = Statements(store)
    assert await put(store, event(2)) == [Verdict.ACCEPTED]
    assert not [text for text in statements.texts if "JOIN conversations" in text or "JOIN events" in text]
    await check(store)


async def test_an_event_after_timers_were_settled_reads_neither_conversation_nor_log(store: SqliteStore) -> None:
    """Whether its own timer was settled or another's: in live traffic one falls due all the time."""
    await put(store, event(0), event(1, WentLive(LIMIT, LIMIT)), event(2))
    await put(store, event(2, conversation="other"))
    await _settled(store)
    statements = Statements(store)
    assert await put(store, event(80), event(81, conversation="other")) == [Verdict.ACCEPTED] * 2
    assert await put(store, event(2)) == [Verdict.DUPLICATE]
    texts = [text for text in statements.texts if "JOIN conversations" in text or "JOIN events" in text]
    assert len(texts) == 1
    await check(store)


async def test_an_event_that_is_sent_again_is_a_duplicate_still(store: SqliteStore) -> None:
    """Or refused, if it says something else; of a long conversation too, whose ids are not remembered."""
    for number in range(1, 100):
        assert await put(store, event(number)) == [Verdict.ACCEPTED]
        assert await put(store, event(number), event(1 + number // 2)) == [Verdict.DUPLICATE] * 2
    assert await put(store, event(7, Rated(1)), event(70, Rated(1))) == ["EVENT_ID_REUSED"] * 2
    await check(store)


async def _late(other: Store) -> None:
    assert await put(other, event(5, Rated(4), at=-9)) == [Verdict.ACCEPTED]


async def _settled(other: Store) -> None:
    while await settle_due(other, Micros(START + LIMIT + SECOND)):
        pass


async def _purged(other: Store) -> None:
    assert await purge(other, ACCOUNT, Micros(START + SECOND), now=Micros(START + 90 * SECOND)) > 0


async def _purged_twice(other: Store) -> None:
    """With nothing between them but what was sent before, which changes nothing; both at the same instant."""
    await _purged(other)
    assert await put(other, event(2)) == [Verdict.DUPLICATE]
    assert await purge(other, ACCOUNT, Micros(START + 3 * SECOND), now=Micros(START + 90 * SECOND)) > 0


@pytest.mark.parametrize("changes", [_late, _settled, _purged, _purged_twice])
@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["the same server", "another server"])
async def test_what_was_changed_meanwhile_is_read_again(
    pair: tuple[Store, Store], changes: Callable[[Store], Awaitable[None]], *, is_elsewhere: bool
) -> None:
    """By whatever command, of this server or another: the next event steps on what is stored."""
    one, two = pair
    await put(one, event(0), event(1, WentLive(LIMIT, LIMIT)), event(2), event(4))
    await changes(two if is_elsewhere else one)
    assert await put(one, event(80)) == [Verdict.ACCEPTED]
    assert await put(two, event(81)) == [Verdict.ACCEPTED]
    assert await put(one, event(82)) == [Verdict.ACCEPTED]
    await check(one)


async def test_what_is_cached_stays_valid_while_timers_are_settled(pair: tuple[Store, Store]) -> None:
    """On either database."""
    one, _ = pair
    await put(one, event(0), event(1, WentLive(LIMIT, LIMIT)), event(2))
    await _settled(one)
    [(cached, stored)] = await one.write([(ACCOUNT, Do(lambda tx: (tx.recall().version, tx.account().version)))])
    assert cached == stored


async def test_settling_passes_on_no_cache_that_another_server_has_made_stale(pair: tuple[Store, Store]) -> None:
    """What is cached from before another server's events is as stale after timers were settled."""
    one, two = pair
    await put(one, event(0), event(1, WentLive(LIMIT, LIMIT)), event(2), event(9, Rated(4)))
    assert await put(two, event(5, Rated(3))) == [Verdict.ACCEPTED]
    await _settled(one)
    assert await put(one, event(5, Rated(3)), event(80, Rated(2))) == [Verdict.DUPLICATE, Verdict.ACCEPTED]
    await check(one)


async def test_events_from_before_it_was_remembered_are_duplicates(pair: tuple[Store, Store]) -> None:
    """Those that another server has stored, or that this one had forgotten."""
    one, two = pair
    await put(one, event(0), event(1))
    assert await put(two, event(2)) == [Verdict.ACCEPTED]
    assert await put(two, event(1), event(2), event(3)) == [Verdict.DUPLICATE, Verdict.DUPLICATE, Verdict.ACCEPTED]
    assert await put(two, event(0)) == [Verdict.DUPLICATE]
    await check(one)


async def test_a_conversation_that_was_erased_meanwhile_is_remembered_no_more(pair: tuple[Store, Store]) -> None:
    one, two = pair
    await put(one, event(0), event(1))
    await erase(two, ACCOUNT, CONVERSATION, keep_counts=False)
    assert await put(one, event(2)) == ["CONVERSATION_ERASED"]


@pytest.fixture
async def pair(databases: Any) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores of one database, as two servers have them."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(databases())
        await prepare(database)
        yield await stack.enter_async_context(opened(database)), await stack.enter_async_context(opened(database))
