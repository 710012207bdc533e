"""Compaction moves what is counted into chunks, some at a time; no count changes on the way."""

from telwerkd.application.batches import IngestLimits
from telwerkd.application.commands.chunk_merging import compact
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    PostChatSurveyAnswered,
)
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCOUNT, answers, assert_clean, event, put
from tests.commands import Do


async def test_a_compaction_changes_a_bounded_number_of_chunks(store: SqliteStore) -> None:
    """Also of one transaction's entries; no count changes on the way, and in the end all are in chunks."""
    events = [
        event(f"e{n}", n, PostChatSurveyAnswered(answers(3, f"q{n % 7}-")), f"c{n % 5}", f"w{n % 4}") for n in range(40)
    ]
    await put(store, *events, limits=IngestLimits())
    measure, steps = COUNTED[Kpi.POST_CHAT_SURVEY_RESULTS], 0
    _, before = await store.read(ACCOUNT, lambda view: view.filed(measure))
    while True:
        [moved] = await store.write([(ACCOUNT, Do(lambda tx: compact(tx, measure, 40_000, 60)))])
        _, left = await store.read(ACCOUNT, lambda view: view.filed(measure))
        assert before - left == moved
        await assert_clean(store)
        if not left:
            break
        before, steps = left, steps + 1
    assert steps > 3


async def test_what_a_compaction_leaves_is_read_in_parts(store: SqliteStore) -> None:
    """Half a million counter rows of one transaction are not gone through whole for the few thousand of each step."""
    for n in range(12):
        await put(store, event(f"m{n}", n, PostChatSurveyAnswered(answers(1))), limits=IngestLimits())
    wide = [event(f"e{n}", n, PostChatSurveyAnswered(answers(100, f"{n}-")), f"c{n}", f"w{n}") for n in range(50)]
    await put(store, *wide, limits=IngestLimits())
    measure = COUNTED[Kpi.POST_CHAT_SURVEY_RESULTS]
    await store.write([(ACCOUNT, Do(lambda tx: compact(tx, measure, 40_000, 60)))])
    rows, entries = await store.read(ACCOUNT, lambda view: view.filed(measure))
    assert rows >= 12  # rather small ones, since few entries fitted into so few chunks
    assert entries > 4_900
    [moved] = await store.write([(ACCOUNT, Do(lambda tx: compact(tx, measure, 1, 1_000_000)))])
    assert 0 < moved < 500
    await assert_clean(store)
