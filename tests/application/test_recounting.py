"""Counting anew, on both databases: what is answered before, in the middle and after it."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.recount import AimAtRules, Recount
from telwerkd.application.explain import explain
from telwerkd.application.ports import Store
from telwerkd.application.query.question import Filter, Query, QueryLimits
from telwerkd.application.query.result import KpiRows
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.application.recounting import recount
from telwerkd.application.retention.removal import erase, purge
from telwerkd.application.settings import AccountSettings
from telwerkd.application.sharing.readers import Readers
from telwerkd.application.upkeep.upkeep import Compaction
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import SPECS, Kpi
from telwerkd.domain.conversation.events import WentLive
from telwerkd.domain.conversation.facts import Rule
from telwerkd.domain.conversation.state import CURRENT_RULES, PART_ONE
from telwerkd.domain.errors import InvalidArgumentError, Reason, UnavailableError
from telwerkd.domain.ids import AccountId, ConversationId, Micros
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS
from telwerkd.domain.time.opening_hours import OpenStretch, schedule_of
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.schema.tables import events
from tests.chats import END_OF_DAY, at, chat
from tests.commands import Do

ACME, OTHER = AccountId("acme"), AccountId("other")
ONE = ConversationId("c1")
DAY = QuarterHourRange(at("00:00:00") // QUARTER_HOUR_MICROS, END_OF_DAY // QUARTER_HOUR_MICROS + 1)
CHAT = """
    09:00:00 goes live, limit 60s
    09:00:05 contact: message
    09:00:20 anna assigned in sales
    09:00:30 anna: message
    09:01:10 contact rates 4
    09:10:00 ends
    10:00:00 contact resumes
    10:00:05 contact: message
    10:00:30 ben assigned in sales
    10:01:00 ben: message
    10:20:00 ends
"""


@pytest.fixture
async def store(databases: Any) -> AsyncIterator[Store]:
    with databases() as database:
        await prepare(database)
        async with opened(database) as store:
            yield store


async def accept(store: Store, script: str, *conversations: str, account: AccountId = ACME) -> None:
    for conversation in conversations:
        events = [
            msgspec.structs.replace(event, kind=WentLive(event.kind.limit, event.kind.limit))
            if isinstance(event.kind, WentLive)
            else event
            for event in chat(script)
        ]
        batch = [Submitted(ConversationId(conversation), event) for event in events]
        await store.write([(account, IngestBatch([batch], IngestLimits()))])


async def by_part_one(store: Store, account: AccountId = ACME) -> None:
    """The account is as one of a database from before part two, that is brought to the present schema."""
    await recount(store, account, lambda _done, _total: None, "ten")
    await store.write([(account, Do(lambda tx: tx.put_rules(PART_ONE, PART_ONE, None, Micros(0))))])


async def counted_anew(store: Store, kpis: str | None = None) -> int:
    return await recount(store, ACME, lambda _done, _total: None, kpis)


async def answered(store: Store, account: AccountId = ACME) -> dict[Kpi, KpiRows]:
    query = Query(account, tuple(CATALOGUE.values()), DAY, None, "UTC", Filter(), ())
    asked = await store.read(account, lambda view: answer(query, QueryLimits(), RollupCache(0), view))
    assert (await store.read(account, lambda view: examine(lambda _done, _total: None, view))).clean
    return {rows.info.kpi: rows for rows in asked.kpis}


def numbers(answers: dict[Kpi, KpiRows], rules: int = CURRENT_RULES) -> dict[str, tuple[int, int]]:
    return {
        kpi.name.lower(): (rows.summed.facts, rows.summed.sum)
        for kpi, rows in answers.items()
        if SPECS[kpi].since_rules <= rules
    }


async def test_what_is_stored_is_counted_anew_and_the_ten_stay_what_they_were(store: Store) -> None:
    """Before it, there are no numbers of what is lacking, and afterwards all there are (R-ANEW-2, R-ANEW-3)."""
    await by_part_one(store)
    await accept(store, CHAT, "c1", "c2")
    await accept(store, CHAT, "c1", "c2", account=OTHER)
    before = await answered(store)
    lacking = [kpi for kpi in Kpi if SPECS[kpi].since_rules > PART_ONE]
    assert [kpi for kpi, rows in before.items() if not rows.is_counted] == lacking
    assert all(not before[kpi].rows and before[kpi].row_count == 0 for kpi in lacking)
    query = Query(ACME, (CATALOGUE[Kpi.MESSAGES],), DAY, None, "UTC", Filter(), ())
    with pytest.raises(InvalidArgumentError) as caught:
        await store.read(ACME, lambda view: explain(query, None, 10, END_OF_DAY, view))
    assert caught.value.reason is Reason.NOT_YET_COUNTED
    assert await counted_anew(store) == 2
    after = await answered(store)
    assert all(rows.is_counted and not rows.known_from for rows in after.values())
    assert numbers(after, PART_ONE) == numbers(before, PART_ONE)
    assert numbers(after) == numbers(await answered(store, OTHER))
    assert numbers(after)["messages"] == (8, 0)
    assert await counted_anew(store) == 0, "there is nothing left to do"


async def test_what_was_stopped_in_the_middle_goes_on(store: Store) -> None:
    """Events come in between: to what is counted anew, to what is not, and to new ones (R-ANEW-1, R-ANEW-4)."""
    await by_part_one(store)
    await accept(store, CHAT, "c1", "c2", "c3")
    await store.write([(ACME, AimAtRules())])
    [step] = await store.write([(ACME, Recount(ConversationId(""), conversations_max=1))])
    assert (step.conversations, step.last) == (1, "c1")
    assert not (await answered(store))[Kpi.MESSAGES].is_counted, "as long as any is left"
    more = "09:00:45 anna: message #late\n09:00:50 takes back 04 #back"
    await accept(store, more, "c1", "c2")
    await accept(store, CHAT, "c0", "c4")
    assert await counted_anew(store) == 2
    await accept(store, CHAT, "c0", "c1", "c2", "c3", "c4", account=OTHER)
    await accept(store, more, "c1", "c2", account=OTHER)
    assert numbers(await answered(store)) == numbers(await answered(store, OTHER))


async def test_older_events_get_opening_hours_once_as_they_are_counted_anew(store: Store) -> None:
    """Those accepted by an earlier program: it is not known when. Others keep what they were accepted with.

    So do those that have found some, whatever is set later (R-SERVICE-2).
    """
    await by_part_one(store)
    await accept(store, CHAT, "c1")
    await store.write([(ACME, Do(forget_when_accepted))])
    await accept(store, CHAT, "c2")
    await open_daily(store, 9)
    await accept(store, CHAT, "c3")
    await counted_anew(store)
    once = await service_times(store)
    responses = 25_000 + 55_000
    assert once["response_service_time"] == (2 * 2, 2 * responses)
    assert once["conversation_service_time"][0] == 2 * 2
    await open_daily(store, 20)
    await by_part_one(store)
    assert set((await service_times(store)).values()) == {(0, 0)}
    await counted_anew(store)
    assert await service_times(store) == once


def forget_when_accepted(tx: Any) -> None:
    tx._connection.execute(sa.update(events).values(accepted=None))  # as an earlier program left it


async def open_daily(store: Store, hour: int) -> None:
    """The account is open from that hour on."""
    schedule = schedule_of("UTC", [(OpenStretch(60 * hour, 1440),)] * 7, [])
    await AccountSettings(store, Readers(store, 1)).set_default_opening_hours(ACME, at("00:00:00"), schedule)


async def service_times(store: Store) -> dict[str, tuple[int, int]]:
    """Counts and sums; what was counted is what the log says."""
    query = Query(ACME, tuple(SERVICE_TIMES.values()), DAY, None, "UTC", Filter(), ())
    asked = await store.read(ACME, lambda view: answer(query, QueryLimits(), RollupCache(0), view))
    assert (await store.read(ACME, lambda view: examine(lambda _done, _total: None, view))).clean
    return {rows.info.id: (rows.summed.facts, rows.summed.sum) for rows in asked.kpis}


async def test_what_a_purge_removed_before_is_not_known(store: Store) -> None:
    """The answer says from when on a KPI is known, and an explanation what was left out (R-ANEW-6, R-ANEW-7)."""
    await by_part_one(store)
    await accept(store, CHAT, "c1")
    await accept(store, "09:16:00 contact: message\n09:17:00 anna: message\n09:40:00 ends", "c3")
    await purge(store, ACME, at("09:25:00"))
    await counted_anew(store)
    await accept(store, CHAT.replace("09:", "11:").replace("10:", "12:"), "c2")
    found = await answered(store)
    assert found[Kpi.SATISFACTION_SCORE].known_from == 0
    assert found[Kpi.MESSAGES].known_from == at("09:17:00.000001"), "after all that was purged, counted or not"
    assert numbers(found)["conversations_started"] == (1, 0)
    query = Query(ACME, (CATALOGUE[Kpi.CONVERSATIONS_ENDED],), DAY, None, "UTC", Filter(), ())
    explained = await store.read(ACME, lambda view: explain(query, None, 10, END_OF_DAY, view))
    [of_one] = [each for each in explained.conversations if each.conversation == ONE]
    assert [left.rule for left in of_one.left_out] == [Rule.PURGED]


async def test_a_purge_under_the_present_rules_loses_nothing(store: Store) -> None:
    """Counts are what they were, and the answer knows all (R-ANEW-7)."""
    await accept(store, CHAT, "c1")
    before = await answered(store)
    await purge(store, ACME, at("09:05:00"))
    after = await answered(store)
    assert numbers(after) == numbers(before)
    assert after[Kpi.MESSAGES].known_from == 0
    assert await counted_anew(store) == 0


async def test_counts_that_an_erased_conversation_left_have_no_part_two(store: Store) -> None:
    """Nobody knows its events any more; the answer says from when on all is known (R-ANEW-9)."""
    await by_part_one(store)
    await accept(store, CHAT, "c1")
    await erase(store, ACME, ONE, keep_counts=True)
    await counted_anew(store)
    found = await answered(store)
    assert numbers(found)["satisfaction_score"] == (1, 4)
    assert numbers(found)["messages"] == (0, 0)
    assert found[Kpi.MESSAGES].known_from == at("10:20:00.000001")


async def test_what_an_erasure_lost_is_not_known(store: Store) -> None:
    """Also where it left none of the ten: by earlier rules, or until part two was switched off (R-ANEW-7, R-ANEW-9)."""
    uncounted = "09:00:00 contact: message\n09:00:30 anna: message\n09:20:00 ends"
    await accept(store, uncounted, "c1")
    await erase(store, ACME, ONE, keep_counts=True)
    assert numbers(await answered(store))["messages"] == (2, 0)
    await counted_anew(store, "ten")
    await counted_anew(store, "all")
    found = await answered(store)
    assert (numbers(found)["messages"], found[Kpi.MESSAGES].known_from) == ((0, 0), at("09:30:00"))
    await by_part_one(store)
    await accept(store, uncounted.replace("09:", "11:"), "c2")
    await erase(store, ACME, ConversationId("c2"), keep_counts=True)
    await counted_anew(store)
    assert (await answered(store))[Kpi.MESSAGES].known_from == at("11:20:00.000001")
    await by_part_one(store)
    await accept(store, uncounted.replace("09:", "13:"), "c3", "c4")
    await purge(store, ACME, at("13:01:00"))
    for conversation in ("c3", "c4"):
        await erase(store, ACME, ConversationId(conversation), keep_counts=False)
    await counted_anew(store)
    assert (await answered(store))[Kpi.MESSAGES].known_from == at("13:00:30.000001"), "of the purged events"
    await by_part_one(store)
    await accept(store, uncounted.replace("09:", "14:"), "c5")
    await erase(store, ACME, ConversationId("c5"), keep_counts=False)
    await counted_anew(store)
    assert (await answered(store))[Kpi.MESSAGES].known_from == 0, "of nothing anything is missing"


async def test_part_two_is_switched_off_for_an_account_and_on_again(store: Store) -> None:
    """Off, its counts go, those of purged events too, and the ten stay. On again, what is stored counts (R-ANEW-10)."""
    await accept(store, CHAT, "c1", "c2")
    await purge(store, ACME, at("09:00:25"))
    compaction = Compaction(store)
    while await store.compactable():
        await compaction.run_once()
    before = await answered(store)
    assert await counted_anew(store, "ten") == 2
    off = await answered(store)
    assert not off[Kpi.MESSAGES].is_counted
    assert numbers(off, PART_ONE) == numbers(before, PART_ONE)
    measures = {key.measure for key, _ in await store.read(ACME, lambda view: list(view.every_chunk()))}
    measures |= {measure for measure, _ in await store.read(ACME, lambda view: list(view.every_base_chunk()))}
    assert max(measures) <= Kpi.POST_CHAT_SURVEY_RESULTS
    await accept(store, CHAT.replace("09:", "11:").replace("10:", "12:"), "c3")
    assert await counted_anew(store) == 0, "it is what the account wants"
    assert await counted_anew(store, "all") == 3
    on = await answered(store)
    assert numbers(on, PART_ONE)["satisfaction_score"] == (3, 12)
    assert numbers(on)["messages"] == (3 + 3 + 4, 0)
    assert at("09:00:20") < on[Kpi.MESSAGES].known_from <= at("09:15:00")


async def test_a_server_writes_nothing_to_an_account_of_newer_rules(store: Store) -> None:
    """It says so, and answers from the counts that are there; other accounts are served (R-ANEW-8)."""
    await accept(store, CHAT, "c1")

    def of_newer_rules(tx: Any) -> None:
        tx._connection.execute(sa.text("UPDATE accounts SET rules_target = 9 WHERE account_id = 'acme'"))

    await store.write([(ACME, Do(of_newer_rules))])
    with pytest.raises(UnavailableError, match="version 9 of the rules") as caught:
        await accept(store, CHAT, "c2")
    assert caught.value.reason is Reason.RULES_UNKNOWN
    assert caught.value.is_of_one_account
    await accept(store, CHAT, "c1", account=OTHER)
    assert numbers(await answered(store)) == numbers(await answered(store, OTHER))
