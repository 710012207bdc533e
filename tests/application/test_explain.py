"""A page of an explanation is bounded by what is done for it, and pages add up to the whole."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.clock import Clock
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.explain import Cursor, Explanation, Explanations, PageBounds
from telwerkd.application.query.question import Filter, Query
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.domain.time.ranges import DateRange
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.chats import chat

ACCOUNT = AccountId("acme")
ALL_TIME = DateRange(date(2000, 1, 1), date(2199, 12, 31))
RATED = Query(ACCOUNT, (CATALOGUE[Kpi.SATISFACTION_SCORE],), ALL_TIME, None, "UTC", Filter(), ())
CONVERSATIONS = [f"c{n}" for n in range(1, 7)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Six conversations, one after the other, each with a rating."""
    prepare(tmp_path / "telwerk.db")
    opened = SqliteStore(tmp_path / "telwerk.db")
    sent = [
        Submitted(ConversationId(name), event)
        for n, name in enumerate(CONVERSATIONS)
        for event in chat(f"09:00:00 anna assigned in sales\n09:0{n}:00 contact rates 4")
    ]
    await opened.write([(ACCOUNT, IngestBatch([sent], IngestLimits()))])
    yield opened
    await opened.close()


async def pages(store: SqliteStore, bounds: PageBounds) -> list[list[str]]:
    """The conversations of each page."""
    explanations = Explanations(store, Readers(store, 1), Clock(), bounds=bounds)
    found: list[list[str]] = []
    after: Cursor | None = None
    while not found or after is not None:
        page: Explanation = await explanations.explain(RATED, after, 100, lambda made: made)
        found.append([one.conversation for one in page.conversations])
        after = page.next
    return found


@pytest.mark.parametrize(
    ("bounds", "most"),
    [
        (PageBounds(), 6),
        *((PageBounds(folded_max=folded), folded) for folded in (1, 4)),
        *((PageBounds(events_max=2 * whole - 1), whole) for whole in (1, 3)),
        *((PageBounds(listed_max=listed), listed) for listed in (1, 2)),
    ],
)
async def test_a_page_ends_where_it_has_taken_enough(store: SqliteStore, bounds: PageBounds, most: int) -> None:
    """Conversations folded, their events, and what is listed are bounded: pages are short, and add up to the whole."""
    found = await pages(store, bounds)
    assert [name for page in found for name in page] == CONVERSATIONS
    assert max(map(len, found)) == most
