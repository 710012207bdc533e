"""ExplainCount: a number leads to its conversations and events, and to those that a rule left out."""

import asyncio
import datetime as dt
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import msgspec
import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from telwerk.v1 import admin_service_pb2 as admin, admin_service_pb2_grpc as admin_grpc, kpi_service_pb2 as kpi
from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.explain import Cursor, Explained, explain
from telwerkd.application.ports import Snapshot
from telwerkd.application.query.question import Filter, Ids, Query, QueryLimits, Topics
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.application.retention.removal import erase, purge
from telwerkd.application.upkeep.upkeep import Compaction, settle_due
from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo
from telwerkd.domain.catalogue.specs import Kpi, ValueKind
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.conversation.events import Event, WentLive
from telwerkd.domain.conversation.facts import (
    Fact,
)
from telwerkd.domain.conversation.state import EMPTY
from telwerkd.domain.ids import NO_GROUP, NOBODY, AccountId, ConversationId, Micros
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.storage.sql.records import state_blob
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.transport.services import kpi as kpi_service
from tests.conftest import ALL_TIME, CALL_SECONDS, KPI_IDS, Refusal, Server, empty_database, line_of, refusal, started
from tests.effort import examples
from tests.generate import ANNA, BRAM, DELIVERY, GRID, PRICE, SALES, START, SUPPORT, WIDGETS, Batch, deliveries
from tests.oracle import oracle_facts, oracle_held

over_the_wire = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(either) -> AsyncIterator[Server]:
    """One for all tests that do not stop it: each uses an account of its own."""
    async with started(either) as server:
        yield server


@pytest.fixture
def account(request) -> str:
    """An account of the test's own."""
    return request.node.name


async def page(server: Server, account: str, kpi_id: str, **fields: Any) -> kpi.ExplainCountResponse:
    request = kpi.ExplainCountRequest(**{"account_id": account, "kpi_id": kpi_id, "range": ALL_TIME, **fields})
    return await server.kpis.ExplainCount(request, timeout=CALL_SECONDS)


async def pages(server: Server, account: str, kpi_id: str, **fields: Any) -> list[kpi.ExplainCountResponse]:
    """All pages, one after the other."""
    found = [await page(server, account, kpi_id, **fields)]
    while found[-1].next_page_token:
        found.append(await page(server, account, kpi_id, page_token=found[-1].next_page_token, **fields))
    return found


def clock(instant: Any) -> str:
    return f"{instant.ToDatetime(tzinfo=dt.UTC):%H:%M:%S}"


def fact_lines(kpi_id: str, facts: Any) -> list[str]:
    """What is counted or held back, as people read it: "#rating 09:01:00 4 anna/sales web"."""
    return [
        f"#{fact.event_id} {clock(fact.instant)} "
        + line_of(
            kpi.Total(
                kpi_id=kpi_id,
                key=kpi.Key(
                    operator_id=fact.operator_id,
                    operator_group_id=fact.operator_group_id,
                    widget_id=fact.widget_id,
                    value=fact.value,
                ),
            )
        ).removeprefix(f"{kpi_id} ")
        for fact in facts
    ]


# --- a chat for each KPI ---------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """A chat, and how its numbers are explained."""

    kpi_id: str
    chat: str
    counted: Sequence[str] = ()
    held_back: Sequence[str] = ()
    left_out: Sequence[str] = ()


CHATS = {
    "stars need an operator": Told(
        "satisfaction_score",
        """
        09:00:00 contact rates 2 #early
        09:00:10 anna assigned in sales
        09:01:00 contact rates 4 #rating
        09:02:00 contact rates 5 on shop #again
        09:03:00 contact rates 1 #slip
        09:03:30 takes back slip
        """,
        counted=["#rating 09:01:00 4 anna/sales web", "#again 09:02:00 5 anna/sales shop"],
        left_out=["#early 09:00:00 NO_OPERATOR", "#slip 09:03:00 RETRACTED"],
    ),
    "feedback needs an operator": Told(
        "feedback_count",
        """
        09:00:00 anna assigned
        09:01:00 contact leaves feedback #there
        09:02:00 unassigned, stays in sales
        09:03:00 contact leaves feedback #gone
        """,
        counted=["#there 09:01:00 anna/- web"],
        left_out=["#gone 09:03:00 NO_OPERATOR"],
    ),
    "a limit is reached once": Told(
        "unanswered_live_conversations",
        """
        09:00:00 goes live, sends limit 60s #live
        09:00:05 contact: message
        09:00:10 anna assigned in sales
        09:05:00 leaves live
        09:06:00 goes live, sends limit 60s #again
        """,
        counted=["#live 09:01:05 anna/sales web"],
        left_out=["#again 09:06:00 ONCE_PER_CONVERSATION"],
    ),
    "a limit is answered in time": Told(
        "unanswered_live_conversations",
        """
        09:00:00 goes live #limitless
        09:00:30 leaves live
        09:01:00 goes live, sends limit 60s #live
        09:01:05 contact: message
        09:02:05 anna: message
        09:03:00 leaves live
        09:04:00 goes live, sends limit 60s #later
        """,
        left_out=[
            "#later 09:04:00 OPERATOR_HAD_ANSWERED",
            "#limitless 09:00:00 NO_LIMIT_KNOWN",
            "#live 09:01:00 ANSWERED_IN_TIME",
        ],
    ),
    "a limit is cut short": Told(
        "unanswered_live_conversations",
        """
        09:00:00 goes live, sends limit 60s #silent
        09:00:30 leaves live
        09:01:00 contact: message
        09:02:00 goes live, sends limit 60s #left
        09:02:30 leaves live
        09:03:00 goes live, sends limit 60s #ended
        09:03:30 ends
        """,
        left_out=[
            "#ended 09:03:00 ENDED_IN_TIME",
            "#left 09:02:00 LEFT_LIVE_IN_TIME",
            "#silent 09:00:00 CONTACT_HAD_NOT_WRITTEN",
        ],
    ),
    "it ends unanswered once": Told(
        "unanswered_ended_conversations",
        """
        09:00:00 contact: message
        09:01:00 ends #end
        09:02:00 contact resumes
        09:03:00 ends #again
        09:04:00 anna: message
        09:05:00 ends #answered
        """,
        counted=["#end 09:01:00 nobody/- web"],
        left_out=["#again 09:03:00 ONCE_PER_CONVERSATION", "#answered 09:05:00 OPERATOR_HAD_ANSWERED"],
    ),
    "every action": Told(
        "inactivity_actions",
        """
        09:00:00 action new_conversation_unassigned #first
        09:01:00 anna assigned in sales
        09:02:00 action resumed_conversation_reassigned #second
        09:03:00 action inactivity_message_sent #wrong
        09:04:00 takes back wrong
        """,
        counted=[
            "#first 09:00:00 new_conversation_unassigned nobody/- web",
            "#second 09:02:00 resumed_conversation_reassigned anna/sales web",
        ],
        left_out=["#wrong 09:03:00 RETRACTED"],
    ),
    "two actions of eight": Told(
        "offline_assignments",
        """
        09:00:00 action new_conversation_unassigned
        09:02:00 action resumed_conversation_reassigned #seven
        09:03:00 action resumed_conversation_not_reassigned #eight
        """,
        counted=["#seven 09:02:00 assigned nobody/- web", "#eight 09:03:00 no_operator_available nobody/- web"],
    ),
    "a goal in a conversation": Told(
        "goals_reached",
        """
        09:00:00 contact reaches order #unserved
        09:01:00 anna assigned in sales
        09:02:00 contact reaches order #silent
        09:03:00 bot: message
        09:04:00 contact reaches order #goal
        09:05:00 contact visits https://shop.example/ #page
        09:06:00 ends
        09:07:00 contact reaches order #over
        09:08:00 contact resumes
        09:09:00 contact reaches quote #second
        """,
        counted=["#goal 09:04:00 order anna/sales web", "#second 09:09:00 quote anna/sales web"],
        left_out=[
            "#over 09:07:00 BETWEEN_END_AND_RESUMPTION",
            "#page 09:05:00 NO_GOAL_MATCHED",
            "#silent 09:02:00 NO_MESSAGE",
            "#unserved 09:00:00 NO_OPERATOR",
        ],
    ),
    "topics that stand": Told(
        "conversation_topics",
        """
        09:00:00 no topics #none
        09:01:00 topics price #first
        09:02:00 contact: message
        09:03:00 topics delivery price #second
        09:04:00 topics price delivery #same
        """,
        counted=["#second 09:03:00 delivery+price nobody/- web"],
        left_out=["#first 09:01:00 REPLACED", "#none 09:00:00 NO_TOPICS", "#same 09:04:00 EQUAL_SET"],
    ),
    "topics that wait": Told(
        "conversation_topics",
        """
        09:01:00 topics price #first
        09:03:00 topics delivery #second
        """,
        held_back=["#second 09:03:00 delivery nobody/- web"],
        left_out=["#first 09:01:00 REPLACED"],
    ),
    "topics that waited": Told(
        "conversation_topics",
        """
        09:01:00 topics price #first
        09:03:00 topics delivery #second
        09:05:00 contact: message
        """,
        counted=["#second 09:03:00 delivery nobody/- web"],
        left_out=["#first 09:01:00 REPLACED"],
    ),
    "a survey that waits": Told(
        "pre_chat_survey_results",
        """
        09:00:00 pre-chat survey reason=order age=30 #survey
        """,
        held_back=["#survey 09:00:00 age=30 nobody/- web", "#survey 09:00:00 reason=order nobody/- web"],
    ),
    "a survey that waited": Told(
        "pre_chat_survey_results",
        """
        09:00:00 pre-chat survey reason=order #survey
        09:01:00 contact: message
        09:02:00 pre-chat survey reason=other #slip
        09:03:00 takes back slip
        """,
        counted=["#survey 09:00:00 reason=order nobody/- web"],
        left_out=["#slip 09:02:00 RETRACTED"],
    ),
    "a survey afterwards": Told(
        "post_chat_survey_results",
        """
        09:00:00 anna assigned in sales
        09:01:00 post-chat survey helped=yes again=no #survey
        """,
        counted=["#survey 09:01:00 again=no anna/sales web", "#survey 09:01:00 helped=yes anna/sales web"],
    ),
}


def test_there_is_a_chat_for_each_kpi():
    """None of the ten is left out of the table."""
    assert {told.kpi_id for told in CHATS.values()} == {*KPI_IDS}


@pytest.mark.parametrize("told", CHATS.values(), ids=CHATS)
@over_the_wire
async def test_a_number_is_told_with_its_facts_and_what_was_left_out(server, account, told):
    """Each fact with its event, instant, operator, group, widget and value; each event left out with its rule."""
    await server.ingest_chat(account, told.chat)
    await server.complete(account)
    totals = await server.totals(account, told.kpi_id)
    explained = await page(server, account, told.kpi_id)
    assert explained.next_page_token == ""
    [conversation] = explained.conversations
    assert conversation.conversation_id == "c1"
    assert fact_lines(told.kpi_id, conversation.counted) == list(told.counted)
    assert fact_lines(told.kpi_id, conversation.held_back) == list(told.held_back)
    left_out = [f"#{event.event_id} {clock(event.occur_time)} {event.rule}" for event in conversation.left_out]
    assert sorted(left_out) == list(told.left_out)
    assert all(event.description for event in conversation.left_out)
    assert len(told.counted) == totals.totals[0].count
    assert len(told.held_back) == totals.answers[0].held_back_count
    assert explained.unexplainable_count == 0


@over_the_wire
async def test_a_slice_is_explained_as_it_is_counted(server, account):
    """Range and filter leave facts out; but that nobody was assigned is told whatever operator is asked for."""
    await server.ingest_chat(
        account,
        """
        09:00:00 contact rates 1 #nobody
        09:00:10 anna assigned in sales
        09:01:00 contact rates 4 #anna
        09:02:00 bram assigned in support
        09:03:00 contact rates 4 on shop #bram
        10:00:00 contact rates 5 on shop #late
        """,
    )

    async def told(**fields: Any) -> tuple[list[str], list[str]]:
        found = (await page(server, account, "satisfaction_score", **fields)).conversations
        counted = [fact.event_id for conversation in found for fact in conversation.counted]
        return counted, [event.event_id for conversation in found for event in conversation.left_out]

    def hour(start: int) -> kpi.TimeRange:
        found = kpi.TimeRange()
        found.instants.start_time.FromJsonString(f"2026-01-05T{start:02}:00:00Z")
        found.instants.end_time.FromJsonString(f"2026-01-05T{start + 1:02}:00:00Z")
        return found

    anna, four = kpi.IdFilter(any_of=["anna"]), kpi.ValueFilter(any_of=[kpi.Value(stars=4)])
    assert await told() == (["anna", "bram", "late"], ["nobody"])
    assert await told(range=hour(9)) == (["anna", "bram"], ["nobody"])
    assert await told(range=hour(10)) == (["late"], [])
    assert await told(range=hour(11)) == ([], [])
    assert await told(filter=kpi.Filter(operators=anna)) == (["anna"], ["nobody"])
    assert await told(filter=kpi.Filter(values=four)) == (["anna", "bram"], ["nobody"])
    assert await told(filter=kpi.Filter(widgets=kpi.IdFilter(any_of=["shop"]))) == (["bram", "late"], [])
    assert await told(filter=kpi.Filter(operator_groups=kpi.IdFilter(none_of=["sales"]))) == (
        ["bram", "late"],
        ["nobody"],
    )


# --- pages -----------------------------------------------------------------------------------------------------------

SIX_CHATS = """
    09:00:00 anna assigned in sales
    09:0{n}:00 contact rates {stars} #rating
    09:0{n}:30 contact leaves feedback
"""


async def six_chats(server: Server, account: str) -> None:
    for n in range(1, 7):
        await server.ingest_chat(account, SIX_CHATS.format(n=n, stars=1 + n % 5), conversation=f"c{n}")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7])
@over_the_wire
async def test_pages_add_up_to_the_whole(server, account, size):
    """Every conversation is on one page, in order; no page is larger than asked for."""
    await six_chats(server, account)
    [whole] = await pages(server, account, "satisfaction_score")
    assert [conversation.conversation_id for conversation in whole.conversations] == [f"c{n}" for n in range(1, 7)]
    parts = await pages(server, account, "satisfaction_score", page_size=size)
    assert all(len(part.conversations) <= size for part in parts)
    assert [conversation for part in parts for conversation in part.conversations] == list(whole.conversations)


@over_the_wire
async def test_an_explanation_is_encoded_in_a_thread(server, account, monkeypatch):
    """However much it lists."""
    await six_chats(server, account)
    encoded_in = []
    encode = kpi_service.encode_explanation

    def spy(*arguments):
        encoded_in.append(threading.current_thread())
        return encode(*arguments)

    monkeypatch.setattr(kpi_service, "encode_explanation", spy)
    await pages(server, account, "satisfaction_score")
    assert encoded_in
    assert threading.main_thread() not in encoded_in


@over_the_wire
async def test_the_next_page_may_have_another_size(server, account):
    """The token continues the query, not the size."""
    await six_chats(server, account)
    first = await page(server, account, "satisfaction_score", page_size=2)
    rest = await page(server, account, "satisfaction_score", page_size=50, page_token=first.next_page_token)
    assert [conversation.conversation_id for conversation in rest.conversations] == ["c3", "c4", "c5", "c6"]
    assert not rest.next_page_token


def check_token_refused(refused: Refusal) -> None:
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
    assert refused.fields == ["page_token"]


OTHER_QUERIES: dict[str, dict[str, Any]] = {
    "account": {"account_id": "other"},
    "KPI": {"kpi_id": "feedback_count"},
    "range": {
        "range": kpi.TimeRange(
            dates=kpi.DateRange(
                start_date=kpi.CalendarDate(year=2026, month=1, day=1),
                end_date=kpi.CalendarDate(year=2026, month=2, day=1),
            )
        )
    },
    "zone": {"time_zone": "Europe/Amsterdam"},
    "filter": {"filter": kpi.Filter(operators=kpi.IdFilter(any_of=["anna"]))},
}


@pytest.mark.parametrize("other", OTHER_QUERIES.values(), ids=OTHER_QUERIES)
@over_the_wire
async def test_a_token_of_another_query_is_refused(server, account, other):
    """PAGE_TOKEN_INVALID: only the page may differ."""
    await six_chats(server, account)
    token = (await page(server, account, "satisfaction_score", page_size=2)).next_page_token
    asked = {"account_id": account, "kpi_id": "satisfaction_score", "range": ALL_TIME, "page_token": token, **other}
    check_token_refused(await refusal(server.kpis.ExplainCount(kpi.ExplainCountRequest(**asked), timeout=CALL_SECONDS)))


# --- the law: explained is what is counted ---------------------------------------------------------------------------

ACCOUNT = AccountId("acme")
DAY_QUARTER_HOURS = 96
FIRST_QUARTER_HOUR = START // QUARTER_HOUR_MICROS
EVER = QuarterHourRange(FIRST_QUARTER_HOUR - 50_000, FIRST_QUARTER_HOUR + 50_000)
# Conversations at the same time, over the end of a quarter-hour, of a chunk, before and after one another.
SHIFTS = [0, 0, QUARTER_HOUR_MICROS - 2 * GRID, -QUARTER_HOUR_MICROS, 40 * DAY_QUARTER_HOURS * QUARTER_HOUR_MICROS]


class Whole(NamedTuple):
    """All pages of an explanation together."""

    conversations: list[Explained]
    unexplainable: int

    def facts(self, which: str) -> list[Fact]:
        return [fact for explained in self.conversations for fact in getattr(explained, which)]


def as_sent(event: Event) -> Event:
    """The event with its limit sent along: there are no settings here."""
    if isinstance(event.kind, WentLive) and event.kind.limit is not None:
        return msgspec.structs.replace(event, kind=WentLive(event.kind.limit, event.kind.limit))
    return event


class Numbers:
    """A store with everything that changes and asks it, but for the network."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(empty_database())
        self.runner = asyncio.Runner()
        self.store = SqliteStore(path)

    def end(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()

    def take(self, conversation: ConversationId, batch: Batch) -> None:
        """A batch arrives, then limits up to its instant pass."""
        submitted = [Submitted(conversation, as_sent(event)) for event in batch.events]
        work = IngestBatch([submitted], IngestLimits())
        self.runner.run(self.store.write([(ACCOUNT, work)]))
        while self.runner.run(settle_due(self.store, batch.now)):
            pass

    def pack(self) -> None:
        compaction = Compaction(self.store)
        for _ in range(2):
            self.runner.run(compaction.run_once())

    def high_water(self) -> Micros:
        def read(snapshot: Snapshot) -> Micros:
            return snapshot.account().high_water

        return self.runner.run(self.store.read(ACCOUNT, read))

    def counted(self, query: Query) -> tuple[int, int]:
        """QueryTotals' count, and what it says is held back."""
        found = self.runner.run(self.store.read(ACCOUNT, partial(answer, query, QueryLimits(), RollupCache(0))))
        [rows_] = found.kpis
        return int(rows_.rows[0].counts.sum()), rows_.held_back

    def explained(self, query: Query, size: int) -> Whole:
        conversations: list[Explained] = []
        after: Cursor | None = None
        while True:
            found = self.runner.run(self.store.read(ACCOUNT, partial(explain, query, after, size, Micros(0))))
            assert len(found.conversations) <= size
            conversations += found.conversations
            if found.next is None:
                return Whole(conversations, found.unexplainable)
            assert after is None or found.next > after
            after = found.next


@contextmanager
def numbers() -> Iterator[Numbers]:
    with tempfile.TemporaryDirectory(prefix="telwerk-explain-") as folder:
        found = Numbers(Path(folder) / "telwerk.db")
        try:
            yield found
        finally:
            found.end()


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[ConversationId, Batch]]:
    """Some conversations, their batches in turns; time never runs backwards."""
    coming: dict[ConversationId, list[Batch]] = {}
    for n in range(draw(st.integers(1, 4))):
        shift = draw(st.sampled_from(SHIFTS))
        coming[ConversationId(f"c{n}")] = [
            Batch(
                [msgspec.structs.replace(e, occur_time=Micros(e.occur_time + shift)) for e in batch.events],
                Micros(batch.now + shift),
            )
            for batch in draw(deliveries())
        ]
    order = draw(st.permutations([name for name, batches in coming.items() for _ in batches]))
    found, now = [], Micros(0)
    for name in order:
        batch = coming[name].pop(0)
        now = max(now, batch.now)
        found.append((name, Batch(batch.events, now)))
    return found


def ids(names: list[str]) -> st.SearchStrategy[Ids]:
    some = st.frozensets(st.sampled_from(names), max_size=2)
    return st.sampled_from([Ids()] * 3) | some.map(Ids) | some.map(lambda no: Ids(none_of=no))


VALUES = {
    ValueKind.STARS: ["1", "4", "5"],
    ValueKind.INACTIVITY_ACTION: [str(n) for n in range(1, 9)],
    ValueKind.OFFLINE_ASSIGNMENT: ["1", "2"],
    ValueKind.GOAL: ["order", "quote"],
    ValueKind.TOPIC_SET: [topics_value(topics) for topics in ([PRICE], [DELIVERY], [DELIVERY, PRICE])],
    ValueKind.SURVEY_ANSWER: [answer_value("q1", "yes"), answer_value("q1", "no")],
    ValueKind.SENDER: ["1", "2", "3"],
    ValueKind.CONVERSATION_END: ["1", "2"],
}


@st.composite
def filters(draw: st.DrawFn, info: KpiInfo) -> Filter:
    found = Filter(
        draw(ids([ANNA, BRAM, NOBODY])), draw(ids([SALES, SUPPORT, NO_GROUP])), draw(ids([*WIDGETS, "nowhere"]))
    )
    if info.value_kind in VALUES:
        found = found._replace(values=draw(ids(VALUES[info.value_kind])), value_kinds=frozenset({info.value_kind}))
    if info.kpi is Kpi.CONVERSATION_TOPICS:
        topics = st.frozensets(st.sampled_from([PRICE, DELIVERY]), max_size=2)
        found = found._replace(
            topics=draw(st.just(Topics()) | st.builds(Topics, topics) | st.builds(Topics, all_of=topics))
        )
    return found


@st.composite
def queries(draw: st.DrawFn, info: KpiInfo) -> Query:
    near = st.builds(
        lambda first, width: QuarterHourRange(FIRST_QUARTER_HOUR + first, FIRST_QUARTER_HOUR + first + width),
        st.integers(-2, 2),
        st.integers(1, 3),
    )
    span = draw(st.just(EVER) | near)
    return Query(ACCOUNT, (info,), span, None, None, draw(filters(info)), ())


# Without shrinking: an example is a database, and the oracle makes a found one readable enough.
law = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check_explained(found: Numbers, data: st.DataObject) -> None:
    """The law, for each KPI in a range and slice of its own."""
    for info in CATALOGUE.values():
        query = data.draw(queries(info), label=info.id)
        count, held_back = found.counted(query)
        told = found.explained(query, data.draw(st.integers(1, 3), label="page size"))
        assert len(told.facts("counted")) + told.unexplainable == count
        assert len(told.facts("held_back")) == held_back
        names = [explained.conversation for explained in told.conversations]
        assert len(set(names)) == len(names), "a conversation on two pages"
        for explained in told.conversations:
            shown = {fact.event_id for fact in [*explained.counted, *explained.held_back]}
            assert shown.isdisjoint(event.event_id for event in explained.left_out), "counted and left out"


@law
@given(arrivals(), st.data())
def test_what_is_explained_is_what_is_counted(arriving, data):
    """In any range, slice and page size, the facts of all pages are as many as the count; those held back likewise.

    And in all there ever was, they are the oracle's, each with its instant, operator, group, widget and value.
    """
    with numbers() as found:
        for conversation, batch in arriving:
            found.take(conversation, batch)
            if data.draw(st.integers(0, 4)) == 0:
                found.pack()
        check_explained(found, data)
        wanted: Counter[Any] = Counter()
        waiting: Counter[Any] = Counter()
        for log in stored_logs(found).values():
            wanted.update(oracle_facts(log, found.high_water()))
            waiting.update(oracle_held(log, found.high_water()))
        for which, judged in (("counted", wanted), ("held_back", waiting)):
            shown: Counter[Any] = Counter()
            for info in CATALOGUE.values():
                query = Query(ACCOUNT, (info,), EVER, None, None, Filter(), ())
                shown.update(tuple(msgspec.structs.astuple(f))[:6] for f in found.explained(query, 2).facts(which))
            assert shown == judged


@law
@given(arrivals(), st.data())
def test_what_cannot_be_explained_any_more_is_counted_as_such(arriving, data):
    """Whatever was purged or erased meanwhile, counts kept or not: explained and unexplainable together are the count.

    Events go on arriving between; those before the horizon and of erased conversations are refused.
    """
    with numbers() as found:
        for conversation, batch in arriving:
            found.take(conversation, batch)
            match data.draw(st.integers(0, 3), label="what happens"):
                case 0:
                    horizon = Micros(START + data.draw(st.integers(0, 25)) * GRID)
                    found.runner.run(purge(found.store, ACCOUNT, horizon))
                case 1:
                    if conversation in stored_logs(found):
                        keep = data.draw(st.booleans(), label="keep counts")
                        found.runner.run(erase(found.store, ACCOUNT, conversation, keep_counts=keep))
                case _:
                    pass
        if data.draw(st.booleans(), label="pack"):
            found.pack()
        check_explained(found, data)


def stored_logs(found: Numbers) -> dict[ConversationId, list[Event]]:
    def read(snapshot: Snapshot) -> dict[ConversationId, list[Event]]:
        return {filed.conversation: filed.log for filed in snapshot.every_conversation()}

    return found.runner.run(found.store.read(ACCOUNT, read))


@over_the_wire
async def test_what_was_purged_and_erased_is_told_through_the_server(server, account):
    """The count stays; what cannot be explained is told on every page, for the range and slice."""
    for n, time in enumerate(["09:00:00", "10:00:00", "11:00:00", "12:00:00"]):
        script = f"{time} action inactivity_message_sent\n{time} action live_conversation_reassigned on shop"
        await server.ingest_chat(account, script, conversation=f"c{n}")
    stub = admin_grpc.AdminServiceStub(server.channel)
    purging = admin.PurgeEventsRequest(account_id=account)
    purging.before_time.FromJsonString("2026-01-05T09:30:00Z")
    assert (await stub.PurgeEvents(purging)).purged_event_count == 2
    await stub.EraseConversation(
        admin.EraseConversationRequest(account_id=account, conversation_id="c1", keep_counts=True)
    )
    assert await server.total(account, "inactivity_actions") == 8
    found = await pages(server, account, "inactivity_actions", page_size=1)
    assert {part.unexplainable_count for part in found} == {4}
    assert sum(len(told.counted) for part in found for told in part.conversations) == 4
    shop = kpi.Filter(widgets=kpi.IdFilter(any_of=["shop"]))
    assert (await page(server, account, "inactivity_actions", filter=shop)).unexplainable_count == 2
    fours = kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(action=4)]))
    assert (await page(server, account, "inactivity_actions", filter=fours)).unexplainable_count == 2


# --- how its conversations are found ---------------------------------------------------------------------------------


def many_conversations(path: Path, count: int) -> None:
    """Conversations one second apart, as rows: only how they are found is asked."""
    path.write_bytes(empty_database())
    engine, state = sa.create_engine(f"sqlite:///{path}"), state_blob(EMPTY)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO accounts (account_id, version, high_water) VALUES ('acme', 1, 0)")
        connection.exec_driver_sql(
            "INSERT INTO conversations (account_id, conversation_id, first_time, last_time, state) "
            "VALUES (?, ?, ?, ?, ?)",
            [("acme", f"c{n:06}", START + n * 1_000_000, START + (n + 1) * 1_000_000, state) for n in range(count)],
        )
    engine.dispose()


def test_conversations_are_found_by_an_index(tmp_path):
    """The query plan searches `conversations_time`, on the first page and on later ones; nothing is scanned."""
    many_conversations(tmp_path / "telwerk.db", 10)
    store = SqliteStore(tmp_path / "telwerk.db")
    plans: list[str] = []

    def planned(snapshot: Any, after: Cursor | None) -> None:
        connection = snapshot._connection
        statements: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        sa.event.listen(connection, "before_cursor_execute", note)
        snapshot.conversations_in(START, Micros(START + 10**9), after, 5)
        sa.event.remove(connection, "before_cursor_execute", note)
        [(statement, parameters)] = statements
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.append(" | ".join(row[-1] for row in plan))

    try:
        for after in (None, (Micros(START + 3 * 10**6), ConversationId("c000002"))):
            asyncio.run(store.read(ACCOUNT, partial(planned, after=after)))
    finally:
        asyncio.run(store.close())
    for plan in plans:
        assert "SEARCH conversations USING INDEX conversations_time (account_id=? AND last_time>?)" in plan
        assert "SCAN" not in plan


def test_a_late_page_costs_no_more_than_the_first(tmp_path):
    """Paging does not read again what the pages before have read: counted in steps of the database."""
    many_conversations(tmp_path / "telwerk.db", 20_000)
    store = SqliteStore(tmp_path / "telwerk.db")

    def steps(snapshot: Any, after: Cursor | None) -> int:
        connection, count = snapshot._connection.connection.dbapi_connection, 0

        def step() -> None:
            nonlocal count
            count += 1

        connection.set_progress_handler(step, 10)
        found = snapshot.conversations_in(START, Micros(START + 10**12), after, 200)
        connection.set_progress_handler(None, 0)
        assert len(found) == 200
        return count

    try:
        first, late = (
            asyncio.run(store.read(ACCOUNT, partial(steps, after=after)))
            for after in (None, (Micros(START + 19_000 * 10**6), ConversationId("c018999")))
        )
    finally:
        asyncio.run(store.close())
    assert late < 3 * first
