"""`telwerkd rebuild` counts anew what is stored, beside a server that takes events, past accounts it cannot touch."""

import asyncio
import sqlite3
from datetime import timedelta
from itertools import count
from pathlib import Path

from typer.testing import CliRunner, Result

from telwerk.queries import time_range
from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.cli.app import app
from telwerkd.domain.ids import SECOND, Micros
from tests.chats import DAY, at
from tests.conftest import ALL_TIME, Server, refusal, started, timestamp

CENTURY = 100 * 366 * 86_400 * SECOND
ANSWERED = "09:00:00 contact: message\n09:00:10 anna assigned in sales\n09:00:30 anna: message\n09:20:00 ends"


async def rebuild(path: Path, *arguments: str) -> Result:
    command = ["rebuild", "--database", str(path), *arguments]
    return await asyncio.to_thread(CliRunner().invoke, app, command, catch_exceptions=False)


async def known(server: Server, account: str, kpi_id: str) -> tuple[str, int]:
    """Whether a KPI is counted, and how many there are."""
    [answer] = (await server.totals(account, kpi_id)).answers
    return kpi.Availability.Name(answer.availability).removeprefix("AVAILABILITY_"), answer.count


async def test_an_account_leaves_part_two_and_comes_back_while_events_keep_coming(tmp_path):
    """Each event that is accepted meanwhile is counted, once (R-ANEW-3, R-ANEW-10)."""
    path, numbers = tmp_path / "telwerk.db", count()
    async with started(path) as server:
        for _ in range(30):
            await server.ingest_chat("a", ANSWERED, f"c{next(numbers)}")
        stopped = asyncio.Event()

        async def chatting() -> None:
            while not stopped.is_set():
                await server.ingest_chat("a", ANSWERED, f"c{next(numbers)}")

        sending = asyncio.create_task(chatting())
        try:
            off = await rebuild(path, "--account", "a", "--kpis", "ten")
            assert await known(server, "a", "messages") == ("NOT_YET_COUNTED", 0)
            on = await rebuild(path, "--account", "a", "--kpis", "all")
        finally:
            stopped.set()
            await sending
        chats = next(numbers)
        assert await known(server, "a", "messages") == ("AVAILABLE", 2 * chats)
    for done in (off, on):
        assert done.exit_code == 0, done.output
        assert "a: conversations counted anew: " in done.output
        assert "Every counter equals the log." in done.output


async def test_rebuild_says_which_account_it_cannot_touch(tmp_path):
    """One is counted by rules of a newer program; the other is done all the same (R-ANEW-8)."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        for account in ("a", "b"):
            await server.ingest_chat(account, ANSWERED, "c")
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE accounts SET rules_version = 7, rules_target = 7 WHERE account_id = 'a'")
        connection.close()
        refused = await refusal(server.ingest_chat("a", ANSWERED, "d"))
        assert (refused.code.name, refused.reason) == ("UNAVAILABLE", "RULES_UNKNOWN")
        assert (await known(server, "a", "feedback_count")) == ("AVAILABLE", 0)
        await server.ingest_chat("b", ANSWERED, "d")
    done = await rebuild(path)
    assert done.exit_code == 1
    assert "account 'a' is counted by version 7 of the rules, and this server knows 2" in done.output
    assert "b: 8 events of 2 conversations: clean" in done.output
    assert "Not all could be counted anew: see above." in done.output
    wrong = await rebuild(path, "--kpis", "ten")
    assert wrong.exit_code == 1
    assert "name it with --account" in wrong.output


async def test_a_question_as_of_an_instant_says_what_is_wrong_with_it(tmp_path):
    """Its field is named."""
    async with started(tmp_path / "telwerk.db") as server:
        await server.ingest_chat("a", ANSWERED, "c")
        refused = await refusal(server.totals("a", "messages", as_of=timestamp(Micros(at("23:00:00") + CENTURY))))
        assert (refused.code.name, refused.fields) == ("INVALID_ARGUMENT", ["as_of"])
        refused = await refusal(server.totals("a", "messages", as_of=timestamp(at("09:00:00"))))
        assert (refused.reason, refused.fields) == ("AS_OF_UNKNOWN", ["as_of"])
        query = kpi.QueryTimeSeriesRequest(as_of=timestamp(at("09:00:00")), granularity=kpi.GRANULARITY_DAY)
        query.kpi_ids.append("messages")
        query.range.CopyFrom(ALL_TIME)
        watch = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="a", query=query))
        assert (await refusal(watch.read())).fields == ["query.as_of"]


async def test_a_rate_lacks_its_numbers_as_long_as_any_of_its_kpis_does(tmp_path):
    """What is below the line is no number either, though one of its KPIs is counted; nor are there hours of a week."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        await server.ingest_chat("a", "09:00:00 goes live, sends limit 60s\n09:00:00 contact: message", "c")
        await server.complete("a")
        assert await known(server, "a", "live_answer_rate") == ("AVAILABLE", 0)
        assert (await rebuild(path, "--account", "a", "--kpis", "ten")).exit_code == 0
        both, by_week = ("live_answer_rate", "unanswered_live_conversations"), [kpi.DIMENSION_WEEKDAY]
        week = time_range(DAY.date(), DAY.date() + timedelta(7))
        response = await server.totals("a", *both, group_by=by_week, range=week)
        rate, unanswered = response.answers
        assert (rate.availability, rate.below_count) == (kpi.AVAILABILITY_NOT_YET_COUNTED, 0)
        assert (len(rate.week_cells), len(unanswered.week_cells), unanswered.count) == (0, 7, 1)
        assert [row.kpi_id for row in response.totals] == ["unanswered_live_conversations"]


async def test_hours_of_the_week_begin_where_a_kpi_is_known(tmp_path):
    """A mean per hour is of the time of which all is known; KPIs of part one are known of all times (R-WEEK-3)."""
    path, tuesday = tmp_path / "telwerk.db", DAY + timedelta(1)
    async with started(path) as server:
        await server.ingest_chat("a", ANSWERED, "c")
        with sqlite3.connect(path) as connection:
            known_from = int((tuesday + timedelta(hours=6)).timestamp()) * SECOND
            connection.execute("UPDATE accounts SET known_from = ?, version = version + 1", [known_from])
        connection.close()
        week = time_range(DAY.date(), DAY.date() + timedelta(2))
        kpi_ids = ("messages", "feedback_count", "live_answer_rate", "offline_reassignment_rate")
        response = await server.totals("a", *kpi_ids, group_by=[kpi.DIMENSION_WEEKDAY], range=week)
        hours = {answer.kpi_id: [cell.hours for cell in answer.week_cells] for answer in response.answers}
        assert hours == dict(zip(kpi_ids, ([18], [24, 24], [18], [24, 24]), strict=True))
        assert [answer.HasField("known_from") for answer in response.answers] == [True, False, True, False]
        [monday, *_] = response.totals
        assert (monday.kpi_id, monday.key.weekday, monday.hours) == ("messages", 1, 0)
