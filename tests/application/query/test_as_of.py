"""Questions as of an instant: what is refused, what they cost, and that they are questions as any other."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ports import Store
from telwerkd.application.query.question import Filter, PreviousPeriod, Query, QueryLimits
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.slices.slices import Reading
from telwerkd.application.query.stages import answer, read_all
from telwerkd.application.retention.removal import erase, purge
from telwerkd.application.upkeep.upkeep import settle_due
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.events import Event, WentLive
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError, Reason, RequestPart
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.storage.open_store import opened, prepare
from tests.chats import at, chat
from tests.commands import Do

ACME = AccountId("acme")
NINE = at("09:00:00")
NOON = at("12:00:00")
FIRST = """
    09:00:00 anna assigned in sales
    09:00:05 contact: message
    09:01:10 contact rates 4
"""
MORNING = QuarterHourRange(NINE // QUARTER_HOUR_MICROS, NOON // QUARTER_HOUR_MICROS)


@pytest.fixture
async def store(databases: Any) -> AsyncIterator[Store]:
    with databases() as database:
        await prepare(database)
        async with opened(database) as store:
            yield store


def with_limit(event: Event) -> Event:
    """A limit is sent along."""
    if not isinstance(event.kind, WentLive):
        return event
    return msgspec.structs.replace(event, kind=WentLive(event.kind.limit, event.kind.limit))


async def accept(store: Store, script: str, when: str, conversation: str = "c1") -> None:
    """The events of a chat are accepted at a time of the day."""
    events = [Submitted(ConversationId(conversation), with_limit(event)) for event in chat(script)]
    await store.write([(ACME, IngestBatch([events], IngestLimits(), now=at(when)))])


def question(when: str, kpi: Kpi = Kpi.SATISFACTION_SCORE, **fields: Any) -> Query:
    whole = {"range": MORNING, "granularity": None, "time_zone": "UTC", "filter": Filter(), "group_by": (), **fields}
    return Query(ACME, (CATALOGUE[kpi],), **whole, as_of=at(when))


async def asked(store: Store, query: Query, **limits: int) -> Answer:
    return await store.read(ACME, lambda view: answer(query, QueryLimits(**limits), RollupCache(0), view))


async def count(store: Store, when: str, kpi: Kpi = Kpi.SATISFACTION_SCORE) -> int:
    return (await asked(store, question(when, kpi))).kpis[0].summed.facts


async def refused(store: Store, when: str) -> InvalidArgumentError:
    with pytest.raises(InvalidArgumentError) as caught:
        await asked(store, question(when))
    assert caught.value.reason is Reason.AS_OF_UNKNOWN
    assert [violation.field for violation in caught.value.violations] == [RequestPart.AS_OF]
    return caught.value


async def test_late_events_and_what_is_taken_back_are_known_from_their_acceptance_on(store: Store) -> None:
    """Before it, the answer is what it was then (R-ASOF-2)."""
    await accept(store, FIRST, "10:00:00")
    await accept(store, "09:02:00 contact rates 1 #late", "10:30:00")
    await accept(store, "09:03:00 takes back 03 #back", "11:00:00")
    found = [await count(store, when) for when in ("10:00:00", "10:29:59", "10:30:00", "10:59:59", "11:00:00")]
    assert found == [1, 1, 2, 2, 1]


async def test_the_clock_stands_at_the_instant(store: Store) -> None:
    """A limit that was not due by then is not counted, whatever has been settled since (R-ASOF-2)."""
    chat_ = "09:00:00 goes live, limit 30s\n09:00:05 contact: message"
    await accept(store, chat_, "09:00:06")
    await settle_due(store, NOON)
    unanswered = Kpi.UNANSWERED_LIVE_CONVERSATIONS
    found = [await count(store, when, unanswered) for when in ("09:00:06", "09:00:34", "09:00:35", "11:00:00")]
    assert found == [0, 0, 1, 1]
    answered = await asked(store, question("09:00:34", unanswered))
    assert answered.answer_version.complete_until(NOON) == at("09:00:34")


async def test_an_instant_of_which_the_log_does_not_tell_is_refused(store: Store) -> None:
    """Before the first that says when it was accepted; and if something was removed since (R-ASOF-3, R-ASOF-4)."""
    assert "before the first event" in (await refused(store, "10:00:00")).message
    await accept(store, FIRST, "10:00:00")
    await accept(store, FIRST, "10:05:00", "c2")
    assert "before the first event" in (await refused(store, "09:59:59")).message
    await erase(store, ACME, ConversationId("c2"), keep_counts=True, now=at("10:30:00"))
    for when in ("10:05:00", "10:29:59"):
        assert "purged or a conversation was erased" in (await refused(store, when)).message
    assert await count(store, "10:30:00") == 2, "what stays anonymously was known"
    assert await purge(store, ACME, at("09:01:00"), now=at("11:00:00")) == 2
    assert "purged or" in (await refused(store, "10:30:00")).message
    assert await count(store, "11:00:00") == 2
    assert await purge(store, ACME, at("09:01:00"), now=at("11:30:00")) == 0, "which removes nothing"
    assert await count(store, "11:00:00") == 2


async def test_marks_never_run_backwards(store: Store) -> None:
    """A clock that is set back marks what it accepts with the latest mark there was, or settled instant (R-ASOF-1)."""
    await accept(store, FIRST, "10:00:00")
    await accept(store, "09:02:00 contact rates 1 #late", "09:30:00")
    assert "before the first event" in (await refused(store, "09:30:00")).message
    assert await count(store, "10:00:00") == 2
    await accept(store, "09:03:00 contact rates 2 #ahead", "11:00:00")
    await accept(store, "09:04:00 contact rates 3 #behind", "10:30:00")
    assert [await count(store, when) for when in ("10:30:00", "10:59:59", "11:00:00")] == [2, 2, 4]
    await accept(store, "11:10:00 goes live, limit 60s\n11:10:00 contact: message", "11:10:00", "c2")
    await settle_due(store, NOON)
    await accept(store, "09:05:00 contact rates 4 #after", "11:10:30")
    assert [await count(store, when) for when in ("11:10:59", "11:11:00")] == [4, 5]


async def test_events_of_before_there_were_marks_count_as_known(store: Store) -> None:
    """Of a database of an earlier schema they were all accepted before the first that has one (R-ASOF-2, R-ASOF-3)."""
    await accept(store, FIRST, "10:00:00")

    def unmark(tx: Any) -> None:
        tx._connection.execute(sa.text("UPDATE events SET accepted = NULL"))

    await store.write([(ACME, Do(unmark))])
    await accept(store, "09:02:00 contact rates 1 #late", "10:30:00")
    assert [await count(store, when) for when in ("10:00:00", "10:30:00")] == [1, 2]


async def test_it_is_bounded_by_the_events_of_the_range(store: Store) -> None:
    """The limit is named; a shorter range may do, and the questions of a batch share it."""
    await accept(store, FIRST, "10:00:00")
    await accept(store, FIRST.replace("09:", "11:"), "11:30:00", "c2")
    late = QuarterHourRange(at("11:00:00") // QUARTER_HOUR_MICROS, NOON // QUARTER_HOUR_MICROS)
    shorter = question("11:45:00", range=late)
    assert (await asked(store, shorter, as_of_events_max=4)).kpis[0].summed.facts == 1
    with pytest.raises(LimitExceededError, match="as_of_events_max") as caught:
        await asked(store, question("11:45:00"), as_of_events_max=7)
    assert [violation.field for violation in caught.value.violations] == [RequestPart.AS_OF]
    limits = QueryLimits(as_of_events_max=7)
    [first, second] = await store.read(ACME, lambda view: read_all([shorter, shorter], limits, RollupCache(0), view))
    assert isinstance(first, Reading)
    assert first.folded == 4
    assert isinstance(second, LimitExceededError)


async def test_it_is_grouped_and_compared_as_any_other(store: Store) -> None:
    """By operator, with the period before beside it."""
    await accept(store, FIRST, "10:00:00")
    await accept(store, FIRST.replace("09:", "10:").replace("anna", "ben"), "10:30:00", "c2")
    ten = QuarterHourRange(at("10:00:00") // QUARTER_HOUR_MICROS, at("11:00:00") // QUARTER_HOUR_MICROS)
    query = question("10:30:00", range=ten, group_by=(Dimension.OPERATOR,), compare_to=PreviousPeriod.PREVIOUS)
    [rows] = (await asked(store, query)).kpis
    compared = [(row, row.compared) for row in rows.rows if row.compared is not None]
    found = {row.key.operator: (int(row.counts[0]), int(before.counts[0])) for row, before in compared}
    assert found == {"anna": (0, 1), "ben": (1, 0)}
    [rows] = (await asked(store, query._replace(as_of=at("10:29:00")))).kpis
    assert [row.key.operator for row in rows.rows] == ["anna"]
