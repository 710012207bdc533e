"""Erasing a conversation: its events go, its counts as is asked, and nothing of it comes again."""

import pytest

from telwerkd.application.commands.erase import Erased
from telwerkd.application.retention.removal import erase
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import PostChatSurveyAnswered, PreChatSurveyCompleted
from telwerkd.domain.counting.measures import COUNTED, HELD_BACK, Measure
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import ConversationId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCOUNT, answers, assert_clean, event, put, reasons

C, D = ConversationId("c"), ConversationId("d")
COUNTS, HELD = COUNTED[Kpi.POST_CHAT_SURVEY_RESULTS], HELD_BACK[Kpi.PRE_CHAT_SURVEY_RESULTS]


async def waiting(store: SqliteStore, measure: Measure) -> int:
    """What is counted of a measure and not in chunks yet."""
    return await store.read(ACCOUNT, lambda view: sum(n for *_, n in view.deltas(measure)))


async def fill(store: SqliteStore) -> None:
    """Two conversations with three answers that count, and two that are held back, each."""
    for name in ("c", "d"):
        after, before = PostChatSurveyAnswered(answers(3)), PreChatSurveyCompleted(answers(2))
        await put(store, event("after", 2, after, name), event("before", 1, before, name))


@pytest.mark.parametrize(("keep_counts", "left"), [(True, 0), (False, -3)])
async def test_counts_go_or_stay_without_their_conversation(
    store: SqliteStore, *, keep_counts: bool, left: int
) -> None:
    """Those that stay are explained by no event any more; of the other conversation nothing changes (R-KEEP-4)."""
    await fill(store)
    before = await waiting(store, COUNTS)
    assert await erase(store, ACCOUNT, C, keep_counts=keep_counts) == Erased(events=2, facts=5)
    assert await waiting(store, COUNTS) - before == left
    assert await store.read(ACCOUNT, lambda view: len(view.log(C))) == 0
    assert await store.read(ACCOUNT, lambda view: len(view.log(D))) == 2
    assert bool(await store.read(ACCOUNT, lambda view: [*view.every_base_chunk()])) is keep_counts
    await assert_clean(store)


@pytest.mark.parametrize("keep_counts", [True, False])
async def test_what_is_held_back_goes_in_either_case(store: SqliteStore, *, keep_counts: bool) -> None:
    """Nothing can release it any more (R-KEEP-5)."""
    await fill(store)
    await erase(store, ACCOUNT, C, keep_counts=keep_counts)
    assert await waiting(store, HELD) == 2


async def test_its_events_are_refused_from_then_on_also_where_none_had_come(store: SqliteStore) -> None:
    """A producer may be late; to erase twice erases nothing more (R-KEEP-6)."""
    await fill(store)
    assert await erase(store, ACCOUNT, ConversationId("not yet"), keep_counts=False) == Erased(0, 0)
    await erase(store, ACCOUNT, C, keep_counts=False)
    assert await erase(store, ACCOUNT, C, keep_counts=False) == Erased(0, 0)
    again = [event("after", 2), event("new", 9), event("e", 9, conversation="not yet")]
    assert reasons(await put(store, *again)) == [Reason.CONVERSATION_ERASED] * 3
    await assert_clean(store)
