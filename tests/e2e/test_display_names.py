"""Display names: set, listed, erased, carried by answers; and what a filter can choose from. On both databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
import pytest_asyncio

from telwerk.v1 import (
    display_name_pb2 as names_pb,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerk.v1.display_name_pb2 import DisplayName
from tests.conftest import ALL_TIME, CALL_SECONDS, Refusal, Server, compacted, refusal, rows, started, wired
from tests.e2e.test_watch import hourly

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR, GROUP, WIDGET, GOAL, TOPIC, QUESTION, OPTION = range(1, 8)

D = kpi.Dimension

CHAT = """
09:00:00 contact: message
09:00:00 anna assigned in sales
09:01:00 contact rates 4
09:02:00 contact reaches order
09:03:00 topics price tone
09:04:00 post-chat survey nps=9
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(either: Any) -> AsyncIterator[Server]:
    """One for all tests that need no limits of their own, each with an account of its own."""
    async with started(either) as server:
        yield server


def name(kind: int, id_: str, text: str, question: str = "") -> DisplayName:
    return DisplayName(kind=names_pb.NameKind.ValueType(kind), id=id_, name=text, question_id=question)


async def put(server: Server, account: str, *names: DisplayName, **fields: Any) -> settings.SetDisplayNamesResponse:
    request = settings.SetDisplayNamesRequest(account_id=account, names=names, **fields)
    return await server.settings.SetDisplayNames(request, timeout=CALL_SECONDS)


async def refused(server: Server, account: str, *names: DisplayName, **fields: Any) -> Refusal:
    return await refusal(put(server, account, *names, **fields))


async def listed(server: Server, account: str, kind: int, **fields: Any) -> list[DisplayName]:
    """All pages."""
    request = settings.ListDisplayNamesRequest(account_id=account, kind=names_pb.NameKind.ValueType(kind), **fields)
    found: list[DisplayName] = []
    while True:
        page = await server.settings.ListDisplayNames(request, timeout=CALL_SECONDS)
        found += page.names
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def values(server: Server, account: str, dimension: int, **fields: Any) -> list[kpi.DimensionValue]:
    """All pages."""
    request = kpi.ListDimensionValuesRequest(account_id=account, dimension=kpi.Dimension.ValueType(dimension), **fields)
    found: list[kpi.DimensionValue] = []
    while True:
        page = await server.kpis.ListDimensionValues(request, timeout=CALL_SECONDS)
        assert len(page.values) <= (request.page_size or 100)
        found += page.values
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def ids(server: Server, account: str, dimension: int, **fields: Any) -> list[str]:
    return [value.id for value in await values(server, account, dimension, **fields)]


def flat(names: Sequence[DisplayName]) -> list[tuple[Any, ...]]:
    return [(each.kind, *filter(None, (each.question_id, each.id)), each.name) for each in names]


# --- setting, listing, erasing ---------------------------------------------------------------------------------------


async def test_names_are_set_changed_listed_by_pages_and_removed(server, account):
    """Before the first event of what they name, too; what is set equal again changes nothing."""
    first = [name(OPERATOR, f"o{n}", f"Name {n}") for n in range(7)]
    option = [name(OPTION, "9", "Nine", "nps"), name(OPTION, "9", "Neun", "other")]
    done = await put(server, account, *first, *option)
    assert (done.set_count, done.removed_count) == (9, 0)
    assert flat(await listed(server, account, OPERATOR, page_size=3)) == flat(first)
    assert flat(await listed(server, account, OPTION)) == [(OPTION, "nps", "9", "Nine"), (OPTION, "other", "9", "Neun")]
    assert flat(await listed(server, account, OPTION, question_id="other")) == [(OPTION, "other", "9", "Neun")]
    done = await put(server, account, first[0], name(OPERATOR, "o1", "Änne"), name(OPERATOR, "o2", ""))
    assert (done.set_count, done.removed_count) == (1, 1)
    assert [each.id for each in await listed(server, account, OPERATOR)] == ["o0", "o1", "o3", "o4", "o5", "o6"]
    assert (await put(server, account, name(OPERATOR, "never", ""))).removed_count == 0
    # By the beginning of the id, or of the name in any case of letters, composed or not.
    assert [each.id for each in await listed(server, account, OPERATOR, prefix="o3")] == ["o3"]
    assert [each.id for each in await listed(server, account, OPERATOR, prefix="NAME 4")] == ["o4"]
    assert [each.id for each in await listed(server, account, OPERATOR, prefix="a\u0308N")] == ["o1"]
    assert await listed(server, account, GROUP) == []


async def test_all_names_of_an_account_are_replaced_or_erased_in_one_step(server, account, either):
    """Nothing of them is left in the table, and another account's stay."""
    await put(server, account, *(name(kind, "x", f"secret {kind}") for kind in range(1, 7)))
    await put(server, f"{account}2", name(OPERATOR, "x", "stays"))
    done = await put(server, account, name(WIDGET, "x", "Shop"), name(GOAL, "y", "New"), replace_all=True)
    assert (done.set_count, done.removed_count) == (2, 5)
    assert [each.name for each in await listed(server, account, WIDGET)] == ["Shop"]
    assert await listed(server, account, OPERATOR) == []
    done = await put(server, account, replace_all=True)
    assert (done.set_count, done.removed_count) == (0, 2)
    left = rows(either, "SELECT account_id, name FROM display_names ORDER BY account_id")
    assert [each[1] for each in left if each[0].startswith(account)] == ["stays"]


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        (name(OPERATOR, "x", "a\tb"), "names[1].name", "INVALID_REQUEST"),
        (name(OPERATOR, "x", "é" * 101), "names[1].name", "LIMIT_EXCEEDED"),
    ],
)
async def test_a_wrong_name_is_refused_and_none_beside_it_is_stored(server, account, wrong, field, reason):
    """What is wrong with a name: tests/transport/codec/account/test_display_names.py."""
    said = await refused(server, account, name(WIDGET, "right", "Right"), wrong)
    assert (said.code, said.reason, said.fields) == (grpc.StatusCode.INVALID_ARGUMENT, reason, [field])
    assert wrong.name not in said.text
    assert await listed(server, account, WIDGET) == []


async def test_a_name_may_be_as_long_as_the_limits_say(server, account):
    """In characters and in bytes."""
    assert (await put(server, account, name(OPERATOR, "x", "\U0001f600" * 100))).set_count == 1


async def test_the_limits_are_settings_and_named(tmp_path):
    """Of a request, of a name, and of an account, whose earlier names can still be changed and removed."""
    limits = {"display_names_max": 3, "display_name_bytes_max": 5, "display_names_per_request_max": 2}
    async with started(tmp_path / "telwerk.db", **limits) as server:
        said = await refused(server, "a", name(OPERATOR, "x", "éÉé"))
        assert (said.fields, said.reason) == (["names[0].name"], "LIMIT_EXCEEDED")
        assert "6 bytes, at most 5 (display_name_bytes_max)" in said.text
        said = await refused(server, "a", *(name(OPERATOR, f"o{n}", "x") for n in range(3)))
        assert (said.fields, said.reason) == (["names"], "LIMIT_EXCEEDED")
        assert "at most 2 (display_names_per_request_max)" in said.text
        await put(server, "a", name(OPERATOR, "o1", "x"), name(GROUP, "o1", "x"))
        said = await refused(server, "a", name(OPERATOR, "o2", "x"), name(OPERATOR, "o3", "x"))
        assert (said.fields, said.reason) == (["names"], "LIMIT_EXCEEDED")
        assert "would have 4 display names, at most 3 (display_names_max)" in said.text
        assert [each.id for each in await listed(server, "a", OPERATOR)] == ["o1"]
        await put(server, "a", name(OPERATOR, "o1", "y"), name(OPERATOR, "o2", "x"))
        await put(server, "a", name(OPERATOR, "o1", ""), name(OPERATOR, "o3", "x"))
        assert [each.id for each in await listed(server, "a", OPERATOR)] == ["o2", "o3"]
    async with started(tmp_path / "telwerk.db", display_names_max=1) as server:
        await put(server, "a", name(OPERATOR, "o2", "z"))
        said = await refused(server, "a", name(OPERATOR, "o4", "x"))
        assert "would have 4 display names, at most 1 (display_names_max)" in said.text


async def test_a_wrong_listing_is_refused(server, account):
    """By its field; a token belongs to its own listing."""
    said = await refusal(listed(server, account, 0))
    assert (said.code, said.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["kind"])
    await put(server, account, *(name(OPERATOR, f"o{n}", "x") for n in range(3)))
    request = settings.ListDisplayNamesRequest(account_id=account, kind=OPERATOR, page_size=1)
    request.page_token = (await server.settings.ListDisplayNames(request, timeout=CALL_SECONDS)).next_page_token
    request.prefix = "o"
    said = await refusal(server.settings.ListDisplayNames(request, timeout=CALL_SECONDS))
    assert said.reason == "PAGE_TOKEN_INVALID"


# --- in answers ------------------------------------------------------------------------------------------------------

NAMES = [
    name(OPERATOR, "anna", "Anna Smith"),
    name(OPERATOR, "bert", "Bert Jones"),
    name(GROUP, "sales", "Sales"),
    name(WIDGET, "web", "Web shop"),
    name(GOAL, "order", "Order placed"),
    name(TOPIC, "price", "Price"),
    name(TOPIC, "other", "Other"),
    name(QUESTION, "nps", "Would you recommend us?"),
    name(OPTION, "9", "Nine", "nps"),
    name(OPTION, "9", "Neun", "other"),
]


async def test_answers_carry_the_names_of_the_ids_that_occur_in_them_and_no_others(server, account):
    """By kind and id; nobody and what has no name have none; without being asked, an answer has none."""
    await server.ingest_chat(account, CHAT)
    await put(server, account, *NAMES)
    for kpi_id, by, wanted in (
        ("satisfaction_score", [D.DIMENSION_OPERATOR, D.DIMENSION_WIDGET], {"Anna Smith", "Web shop"}),
        ("satisfaction_score", [D.DIMENSION_OPERATOR_GROUP, D.DIMENSION_VALUE], {"Sales"}),
        ("goals_reached", [D.DIMENSION_VALUE], {"Order placed"}),
        ("conversation_topics", [D.DIMENSION_VALUE], {"Price"}),
        ("conversation_topics", [D.DIMENSION_TOPIC], {"Price"}),
        ("post_chat_survey_results", [D.DIMENSION_VALUE], {"Would you recommend us?", "Nine"}),
        ("post_chat_survey_results", [D.DIMENSION_QUESTION], {"Would you recommend us?"}),
        ("satisfaction_score", [], set()),
    ):
        totals = await server.totals(account, kpi_id, group_by=by, include_names=True)
        assert {each.name for each in totals.names} == wanted
        assert totals.names == sorted(totals.names, key=lambda each: (each.kind, each.question_id, each.id))
        request = hourly(account_id=account, kpi_ids=[kpi_id], group_by=by, include_names=True)
        series = await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)
        assert series.names == totals.names
        plain = await server.totals(account, kpi_id, group_by=by)
        assert not plain.names
        totals.ClearField("names")
        plain.ClearField("complete_until")
        totals.ClearField("complete_until")
        assert plain == totals


async def test_a_name_that_changes_is_in_the_next_answer(server, account):
    """Also where an answer is kept; an erased one is in none any more."""
    await server.ingest_chat(account, CHAT)
    by = [kpi.DIMENSION_OPERATOR]
    for text in ("Anna", "Anna Smith", ""):
        await put(server, account, name(OPERATOR, "anna", text))
        for _ in range(2):
            answer = await server.totals(account, "satisfaction_score", group_by=by, include_names=True)
            assert [each.name for each in answer.names] == [text] * bool(text)


async def test_only_the_page_s_and_the_largest_rows_have_names(server, account):
    """Not those of rows that were left out."""
    for n in range(4):
        chat = f"09:00:00 o{n} assigned in sales\n" + "".join(f"09:0{m}:00 contact rates 4\n" for m in range(1, n + 2))
        await server.ingest_chat(account, chat, f"c{n}")
    await put(server, account, *(name(OPERATOR, f"o{n}", f"N{n}") for n in range(4)))
    by = [kpi.DIMENSION_OPERATOR]
    top = await server.totals(
        account, "satisfaction_score", group_by=by, include_names=True, top=kpi.Top(count=1, include_rest=True)
    )
    assert [each.name for each in top.names] == ["N3"]
    page = await server.totals(account, "satisfaction_score", group_by=by, include_names=True, page_size=2)
    assert [each.name for each in page.names] == ["N0", "N1"]


async def test_batches_and_explanations_carry_names(server, account):
    """Each query of a batch its own; a page of an explanation those of its facts."""
    await server.ingest_chat(account, CHAT)
    await put(server, account, *NAMES)
    by_operator = kpi.QueryTotalsRequest(
        kpi_ids=["satisfaction_score"], range=ALL_TIME, group_by=[kpi.DIMENSION_OPERATOR], include_names=True
    )
    by_goal = hourly(kpi_ids=["goals_reached"], group_by=[kpi.DIMENSION_VALUE], include_names=True)
    plain = kpi.QueryTotalsRequest(kpi_ids=["satisfaction_score"], range=ALL_TIME, group_by=[kpi.DIMENSION_OPERATOR])
    wrong = kpi.QueryTotalsRequest(kpi_ids=["none"], range=ALL_TIME, include_names=True)
    request = kpi.BatchQueryRequest(
        account_id=account,
        queries=[
            kpi.BatchedQuery(totals=by_operator),
            kpi.BatchedQuery(time_series=by_goal),
            kpi.BatchedQuery(totals=plain),
            kpi.BatchedQuery(totals=wrong),
        ],
    )
    first, second, third, fourth = (await server.kpis.BatchQuery(request, timeout=CALL_SECONDS)).answers
    assert [each.name for each in first.totals.names] == ["Anna Smith"]
    assert [each.name for each in second.time_series.names] == ["Order placed"]
    assert not third.totals.names
    assert fourth.error.reason == "UNKNOWN_KPI"

    asked = kpi.ExplainCountRequest(account_id=account, kpi_id="post_chat_survey_results", range=ALL_TIME)
    assert not (await server.kpis.ExplainCount(asked, timeout=CALL_SECONDS)).names
    asked.include_names = True
    explained = await server.kpis.ExplainCount(asked, timeout=CALL_SECONDS)
    wanted = ["Anna Smith", "Sales", "Web shop", "Would you recommend us?", "Nine"]
    assert [each.name for each in explained.names] == wanted


async def test_a_watch_is_told_of_names_that_are_set_changed_and_erased(server, account):
    """Without any event; a watch that asked for none is told nothing of them."""
    await server.ingest_chat(account, CHAT)
    request = kpi.WatchTimeSeriesRequest(account_id=account, query=hourly(include_names=True))
    plain = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id=account, query=hourly()))
    call = server.kpis.WatchTimeSeries(request, timeout=CALL_SECONDS)

    async def update(of: Any) -> kpi.WatchTimeSeriesResponse:
        return await asyncio.wait_for(of.read(), CALL_SECONDS)

    assert not (await update(call)).snapshot.names
    await update(plain)
    for text in ("Anna", "Anna Smith", ""):
        await put(server, account, name(OPERATOR, "anna", text), name(OPERATOR, "bert", f"not here {text}"))
        changes = (await update(call)).changes
        assert flat(changes.names) == [(OPERATOR, "anna", text)]
        assert not changes.series
    await server.ingest_chat(account, "10:00:00 bert assigned in sales\n10:01:00 contact rates 5", "c2")
    changes = (await update(call)).changes
    assert flat(changes.names) == [(OPERATOR, "bert", "not here ")]
    assert [line.key.operator_id for line in changes.series] == ["bert"]
    told = (await update(plain)).changes
    assert not told.names
    assert told.series
    call.cancel()
    plain.cancel()


# --- what a filter can choose from -----------------------------------------------------------------------------------


async def test_the_ids_that_have_facts_are_listed_by_dimension(server, account, either):
    """And no others, before and after compaction: an operator that was only assigned, and one whose facts were taken
    back, have none."""
    await server.ingest_chat(account, CHAT)
    await server.ingest_chat(account, "09:00:00 idle assigned in lunch\n09:01:00 contact: message on other", "c2")
    await server.ingest_chat(account, "09:00:00 gone assigned in away\n09:01:00 contact rates 1 on gone #bad", "c3")
    await put(server, account, *NAMES, name(OPERATOR, "gone", "Gone"))
    scored = {"kpi_ids": ["satisfaction_score"]}

    async def check() -> None:
        found = await values(server, account, D.DIMENSION_OPERATOR, **scored)
        assert [(each.id, each.name) for each in found] == [("anna", "Anna Smith"), *here]
        assert await ids(server, account, D.DIMENSION_OPERATOR_GROUP, **scored) == [*(["away"] * len(here)), "sales"]
        assert await ids(server, account, D.DIMENSION_WIDGET, **scored) == [*(["gone"] * len(here)), "web"]
        assert [(each.id, each.name) for each in await values(server, account, D.DIMENSION_TOPIC)] == [
            ("price", "Price"),
            ("tone", ""),
        ]
        assert await ids(server, account, D.DIMENSION_QUESTION) == ["nps"]
        assert await ids(server, account, D.DIMENSION_VALUE, kpi_ids=["goals_reached"]) == ["order"]

    here = [("gone", "Gone")]
    await check()
    await compacted(either)
    await check()
    [retracted] = wired("10:00:00 takes back bad #back", "c3")
    assert (await server.ingest(account, [retracted])).accepted_count == 1
    here = []
    await check()
    await compacted(either)
    await check()


async def test_values_are_listed_as_values(server, account):
    """Goals, topic sets and answers, with the names of what they are; of an answer, of its question too."""
    await server.ingest_chat(account, CHAT + "09:05:00 post-chat survey nps=8 mood=9\n")
    await put(server, account, *NAMES)
    [goal] = await values(server, account, D.DIMENSION_VALUE, kpi_ids=["goals_reached"])
    assert (goal.id, goal.name, goal.value.goal_id) == ("order", "Order placed", "order")
    [topics] = await values(server, account, D.DIMENSION_VALUE, kpi_ids=["conversation_topics"])
    assert (topics.id, topics.name, topics.value.topics.topic_ids) == ("", "", ["price", "tone"])
    results = {"kpi_ids": ["post_chat_survey_results"]}
    found = await values(server, account, D.DIMENSION_VALUE, **results)
    told = [(each.value.answer.question_id, each.id, each.name) for each in found]
    assert told == [("mood", "9", ""), ("nps", "8", ""), ("nps", "9", "Nine")]
    found = await values(server, account, D.DIMENSION_VALUE, **results, question_id="nps", prefix="ni")
    assert [each.id for each in found] == ["9"]


async def test_ids_are_found_by_the_beginning_of_id_or_name_and_by_pages(server, account):
    """Every page of any size gives the same list; nobody is listed where it has facts, and no prefix is given."""
    for n in range(5):
        await server.ingest_chat(account, f"09:00:00 o{n} assigned in sales\n09:01:00 contact rates 4", f"c{n}")
    await server.ingest_chat(account, "09:00:00 contact: message\n09:01:00 ends", "c9")
    await put(server, account, name(OPERATOR, "o3", "ÉVA"), name(OPERATOR, "o4", "o1"))
    for size in (1, 2, 100):
        found = await ids(server, account, D.DIMENSION_OPERATOR, page_size=size)
        assert found == ["", "o0", "o1", "o2", "o3", "o4"]
    assert await ids(server, account, D.DIMENSION_OPERATOR, prefix="év") == ["o3"]
    assert await ids(server, account, D.DIMENSION_OPERATOR, prefix="o1") == ["o1", "o4"]
    assert await ids(server, account, D.DIMENSION_OPERATOR, prefix="O1") == ["o4"]
    assert await ids(server, account, D.DIMENSION_OPERATOR, kpi_ids=["feedback_count"]) == []


async def test_a_wrong_question_for_ids_is_refused(server, account):
    """By its field."""
    said = await refusal(values(server, account, D.DIMENSION_TOPIC, kpi_ids=["goals_reached"]))
    assert (said.code, said.fields, said.reason) == (grpc.StatusCode.INVALID_ARGUMENT, ["kpi_ids"], "UNKNOWN_DIMENSION")


async def test_what_has_response_times_alone_is_listed_and_what_was_taken_back_of_it_is_not(server, account, either):
    """The counters of durations hold sums beside the counts: only the counts say whether there are facts."""
    times = {"kpi_ids": ["response_time"]}
    chat = "09:00:00 anna assigned in sales\n09:01:00 contact: message\n09:02:00 operator: message #answer"
    await server.ingest_chat(account, chat)
    assert await ids(server, account, D.DIMENSION_OPERATOR, **times) == ["anna"]
    await compacted(either)
    assert await ids(server, account, D.DIMENSION_OPERATOR, **times) == ["anna"]
    [retracted] = wired("10:00:00 takes back answer #back")
    assert (await server.ingest(account, [retracted])).accepted_count == 1
    assert await ids(server, account, D.DIMENSION_OPERATOR, **times) == []
