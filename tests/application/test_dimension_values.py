"""What a filter can choose from: the ids that have facts, wherever these are counted."""

from typing import Any

import pytest

from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.commands.set_display_names import SetDisplayNames
from telwerkd.application.dimension_values import Asked, ValuePage, page
from telwerkd.application.names import OPERATORS
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.display_names import NameKey, NameKind, option_key
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do

ACCOUNT = AccountId("acme")
FEEDBACK, TOPICS, SURVEY = Kpi.FEEDBACK_COUNT, Kpi.CONVERSATION_TOPICS, Kpi.POST_CHAT_SURVEY_RESULTS
DAY = 86_400_000_000


async def count(
    store: SqliteStore, kpi: Kpi, *of: tuple[str, str], times: int = 1, day: int = 20_000, compacted: bool = False
) -> None:
    """Facts, each of an operator and a value, with their names."""
    deltas = Deltas()
    for operator, value in of:
        ids = OperatorId(operator), OperatorGroupId(""), WidgetId("web")
        deltas.add(FactChange(Change.COUNTED, Fact(kpi, value, *ids, Micros(day * DAY), EventId("e"))), times)

    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_names({OPERATORS: {who for who, _ in of if who}, kpi: {value for _, value in of if value}})
        tx.add_deltas(deltas)
        if compacted:
            compact(tx, COUNTED[kpi], 1_000)

    await store.write([(ACCOUNT, Do(work))])


def asking(dimension: Dimension, *kpis: Kpi, prefix: str = "", question: str = "", **cut: Any) -> Asked:
    infos = tuple(CATALOGUE[kpi] for kpi in kpis)
    return Asked(dimension, infos, prefix, question, **{"after": None, "size": 100, **cut})


async def listed(store: SqliteStore, asked: Asked) -> ValuePage:
    return await store.read(ACCOUNT, lambda view: page(asked, view))


async def ids(store: SqliteStore, asked: Asked) -> list[str]:
    return [each.id for each in (await listed(store, asked)).found]


@pytest.mark.parametrize("compacted", [False, True])
async def test_what_was_taken_back_has_no_facts(store: SqliteStore, *, compacted: bool) -> None:
    """Compacted or not, and also where the fact is in a chunk and its opposite waits; the name outlives it."""
    await count(store, FEEDBACK, ("anna", ""), ("bram", ""), compacted=True)
    await count(store, FEEDBACK, ("anna", ""), times=-1, compacted=compacted)
    assert await ids(store, asking(Dimension.OPERATOR, FEEDBACK)) == ["bram"]


async def test_facts_of_any_time_and_of_any_of_the_kpis_count(store: SqliteStore) -> None:
    """In the newest chunk, in one of years ago, or waiting; of KPIs that were not asked for none does."""
    await count(store, FEEDBACK, ("old", ""), day=12_000, compacted=True)
    await count(store, FEEDBACK, ("new", ""), day=20_500, compacted=True)
    await count(store, FEEDBACK, ("waiting", ""))
    await count(store, Kpi.REASSIGNMENTS, ("other", ""), compacted=True)
    assert await ids(store, asking(Dimension.OPERATOR, FEEDBACK)) == ["new", "old", "waiting"]
    assert await ids(store, asking(Dimension.OPERATOR, FEEDBACK, Kpi.REASSIGNMENTS)) == [
        "new",
        "old",
        "other",
        "waiting",
    ]


async def test_nobody_comes_first_and_has_no_beginning(store: SqliteStore) -> None:
    """A filter can choose facts of nobody; a search by prefix does not find them."""
    await count(store, FEEDBACK, ("", ""), ("anna", ""))
    assert await ids(store, asking(Dimension.OPERATOR, FEEDBACK)) == ["", "anna"]
    assert await ids(store, asking(Dimension.OPERATOR, FEEDBACK, prefix="a")) == ["anna"]


async def test_a_topic_has_the_facts_of_each_set_that_it_is_in(store: SqliteStore) -> None:
    """Also where one of these sets was taken back."""
    await count(store, TOPICS, ("", topics_value(["a", "b"])), ("", topics_value(["b", "c"])), compacted=True)
    await count(store, TOPICS, ("", topics_value(["a", "b"])), times=-1)
    assert await ids(store, asking(Dimension.TOPIC, TOPICS)) == ["b", "c"]


async def test_answers_are_those_of_the_question_that_is_asked_for(store: SqliteStore) -> None:
    """A question has the facts of all of its answers."""
    values = [answer_value(question, option) for question, option in (("q1", "a"), ("q1", "b"), ("q2", "a"))]
    await count(store, SURVEY, *(("", value) for value in values))
    assert await ids(store, asking(Dimension.QUESTION, SURVEY)) == ["q1", "q2"]
    assert await ids(store, asking(Dimension.VALUE, SURVEY)) == values
    assert await ids(store, asking(Dimension.VALUE, SURVEY, question="q1")) == values[:2]


async def test_an_id_is_found_by_its_beginning_or_that_of_its_name(store: SqliteStore) -> None:
    """In any case of letters of the name; an answer by its option's, not by its question's."""
    await count(store, FEEDBACK, ("o1", ""), ("o2", ""), ("zed", ""))
    await count(store, SURVEY, ("", answer_value("q1", "yes")), ("", answer_value("q2", "no")))
    names = {
        NameKey(NameKind.OPERATOR, "o1"): "Zoë",
        NameKey(NameKind.QUESTION, "q1"): "Zufrieden?",
        option_key("q2", "no"): "Zu teuer",
    }
    await store.write([(ACCOUNT, SetDisplayNames(names, 10))])
    assert await ids(store, asking(Dimension.OPERATOR, FEEDBACK, prefix="z")) == ["o1", "zed"]
    assert await ids(store, asking(Dimension.VALUE, SURVEY, prefix="z")) == [answer_value("q2", "no")]
    assert await ids(store, asking(Dimension.VALUE, SURVEY, prefix="y")) == [answer_value("q1", "yes")]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_are_the_whole_list_cut(store: SqliteStore, size: int) -> None:
    """In the order of their bytes, none twice and none left out; the last says that it is the last."""
    await count(store, FEEDBACK, *((f"o{n}", "") for n in range(6)), ("", ""))
    whole, pages, after = await ids(store, asking(Dimension.OPERATOR, FEEDBACK)), list[str](), None
    for _ in range(len(whole) + 1):
        found = await listed(store, asking(Dimension.OPERATOR, FEEDBACK, size=size, after=after))
        pages += [each.id for each in found.found]
        after = found.next
        if after is None:
            break
    assert pages == whole == ["", *(f"o{n}" for n in range(6))]


async def test_durations_are_facts_and_their_milliseconds_are_not(store: SqliteStore) -> None:
    """A duration of a million is one fact: taken back, nothing is left of it."""
    kpi = Kpi.RESPONSE_TIME
    await count(store, kpi, ("anna", "1000000"), ("bram", "0"), compacted=True)
    await count(store, kpi, ("anna", "1000000"), times=-1)
    assert await ids(store, asking(Dimension.OPERATOR, kpi)) == ["bram"]
