"""Names that nothing uses are freed, those in use never are, and the bound stays exact: on both databases."""

from collections.abc import AsyncIterator
from itertools import combinations
from typing import Any

import pytest

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits, Rejected, Submitted, Verdict
from telwerkd.application.commands.free_names import FreeNames, unused_names
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.settings import SetNamesMax, SetWidgetSettings
from telwerkd.application.names import GROUPS, OPERATORS, WIDGETS
from telwerkd.application.ports import Store
from telwerkd.application.retention.removal import erase, purge
from telwerkd.application.upkeep.freeing import free_names
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    Assigned,
    Event,
    Kind,
    Message,
    PageVisited,
    PreChatSurveyCompleted,
    Rated,
    Sender,
    SurveyAnswer,
    TopicsSet,
)
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import (
    AccountId,
    ConversationId,
    EventId,
    Micros,
    OperatorGroupId,
    OperatorId,
    TopicId,
    WidgetId,
)
from telwerkd.domain.time.opening_hours import OpenStretch, schedule_of
from telwerkd.storage.location import Location
from telwerkd.storage.open_store import opened, prepare

ACCOUNT = AccountId("acme")
START = 1_767_225_600_000_000
HELLO = Message(Sender.CONTACT)


@pytest.fixture
async def database(databases: Any) -> AsyncIterator[Location]:
    """With its tables, and nothing in them."""
    with databases() as database:
        await prepare(database)
        yield database


@pytest.fixture
async def store(database: Location) -> AsyncIterator[Store]:
    async with opened(database) as store:
        yield store


def event(event_id: str, kind: Kind = HELLO, conversation: str = "c", widget: str = "web", at: int = 0) -> Submitted:
    return Submitted(
        ConversationId(conversation), Event(EventId(event_id), Micros(START + at), 0, WidgetId(widget), kind)
    )


async def put(store: Store, *events: Submitted, names_max: int = 3) -> list[Any]:
    [[outcomes]] = await store.write([(ACCOUNT, IngestBatch([events], IngestLimits(names_max=names_max)))])
    return [outcome.reason.name if isinstance(outcome, Rejected) else outcome for outcome in outcomes]


async def names(store: Store) -> dict[int, set[str]]:
    return await store.read(ACCOUNT, lambda view: view.names())


async def test_an_account_full_of_widgets_recovers_when_they_are_erased(store: Store) -> None:
    """What is refused as one too many is taken once nothing uses the others; the bound then counts what is left."""
    await put(store, *(event(f"e{n}", conversation=f"c{n}", widget=f"w{n}") for n in range(3)))
    assert await put(store, event("new", widget="new")) == ["TOO_MANY_VALUES"]
    assert await free_names(store, ACCOUNT) == 0
    for n in range(2):
        await erase(store, ACCOUNT, ConversationId(f"c{n}"), keep_counts=False)
    assert await free_names(store, ACCOUNT) == 2
    assert await put(store, event("a", widget="a"), event("b", widget="b"), event("d", widget="d")) == [
        Verdict.ACCEPTED,
        Verdict.ACCEPTED,
        "TOO_MANY_VALUES",
    ]
    assert (await names(store))[WIDGETS] == {"w2", "a", "b"}


async def test_an_account_full_of_topics_in_threes_recovers_when_they_are_erased(store: Store) -> None:
    """A few labels make thousands of sets, each of which is a name. What another conversation has stays."""
    sets = [TopicsSet(tuple(map(TopicId, three))) for three in combinations("abcdef", 3)]
    bound = {"names_max": len(sets)}
    assert set(await put(store, *(event(f"e{n}", each, "c", at=n) for n, each in enumerate(sets)), **bound)) == {
        Verdict.ACCEPTED
    }
    await put(store, event("kept", sets[0], "kept"), **bound)
    one_more = TopicsSet((TopicId("delivery"),))
    assert await put(store, event("new", one_more, "new"), **bound) == ["TOO_MANY_VALUES"]
    await erase(store, ACCOUNT, ConversationId("c"), keep_counts=False)
    assert await free_names(store, ACCOUNT) == len(sets) - 1
    assert await put(store, event("new", one_more, "new"), **bound) == [Verdict.ACCEPTED]
    assert len((await names(store))[Kpi.CONVERSATION_TOPICS]) == 2


async def test_names_in_events_counters_and_states_stay(store: Store) -> None:
    """Counts that an erasure keeps, base states of purged conversations, and answers held back keep their names."""
    anna = Assigned(OperatorId("anna"), OperatorGroupId("sales"))
    await put(store, event("a", anna, "kept"), event("r", Rated(5), "kept", at=1), names_max=9)
    await erase(store, ACCOUNT, ConversationId("kept"), keep_counts=True)
    bram = Assigned(OperatorId("bram"), OperatorGroupId("help"))
    held = PreChatSurveyCompleted((SurveyAnswer("q", "o"),))
    await put(store, event("b", bram, "purged", "shop"), event("h", held, "purged", "shop"), names_max=9)
    await put(
        store,
        event("x", PageVisited(b"12345678"), "purged", "gone"),
        event("m", conversation="log", widget="seen", at=9),
    )
    await purge(store, ACCOUNT, Micros(START + 5))
    before = await names(store)
    await free_names(store, ACCOUNT)
    freed = {
        (family, name) for family, all_ in before.items() for name in all_ - (await names(store)).get(family, set())
    }
    assert freed == {(WIDGETS, "gone")}
    left = await names(store)
    assert (left[OPERATORS], left[GROUPS]) == ({"anna", "bram"}, {"sales", "help"})
    assert len(left[Kpi.PRE_CHAT_SURVEY_RESULTS]) == 1


async def test_opening_hours_stay_that_a_version_an_event_a_state_or_a_base_names_and_others_go(store: Store) -> None:
    """A version that is replaced leaves its own behind; so does an event that is erased."""

    async def open_from(hour: int) -> bytes:
        schedule = schedule_of("UTC", [(OpenStretch(60 * hour, 1440),)] * 7, [])
        version = WidgetVersion(Micros(START - 1), None, (), (), schedule.id)
        assert await store.write([(ACCOUNT, SetWidgetSettings(WidgetId("web"), version, schedule=schedule))]) == [None]
        return schedule.id

    async def there() -> set[bytes]:
        found: set[bytes] = await store.read(ACCOUNT, lambda view: view.schedule_ids())
        return found

    of_event = await open_from(1)
    await put(store, event("e", conversation="log"))
    of_state = await open_from(2)
    await put(store, event("e", conversation="purged"))
    of_erased = await open_from(3)
    await put(store, event("e", conversation="erased"))
    of_nothing, of_version = await open_from(4), await open_from(5)
    await put(store, event("later", Rated(5), conversation="log", at=9), event("late", conversation="log", at=10))
    await purge(store, ACCOUNT, Micros(START + 5))
    assert await there() == {of_event, of_state, of_erased, of_nothing, of_version}
    assert await free_names(store, ACCOUNT) == 1
    assert await there() == {of_event, of_state, of_erased, of_version}
    await erase(store, ACCOUNT, ConversationId("erased"), keep_counts=True)
    await put(store, event("answer", Message(Sender.OPERATOR), conversation="purged", at=60_000_000))
    assert await free_names(store, ACCOUNT) == 1
    assert await there() == {of_event, of_state, of_version}
    assert (await store.read(ACCOUNT, lambda view: examine(lambda _done, _total: None, view))).clean


async def test_nothing_is_freed_that_an_event_brought_after_the_look(store: Store) -> None:
    """The look is for one version of the account: what it found is dropped when the account has changed."""
    await put(store, event("e", conversation="c1", widget="w"))
    await erase(store, ACCOUNT, ConversationId("c1"), keep_counts=False)
    unused = await store.read(ACCOUNT, unused_names)
    assert unused.names == {WIDGETS: ["w"]}
    await put(store, event("again", conversation="c2", widget="w"))
    assert await store.write([(ACCOUNT, FreeNames(unused))]) == [None]
    assert await free_names(store, ACCOUNT) == 0
    assert (await names(store))[WIDGETS] == {"w"}


async def test_who_remembers_a_freed_name_adds_it_again(database: Location) -> None:
    """Another server's memory of names is out of date once one is freed: no event is stored with an uncounted name."""
    async with opened(database) as one, opened(database) as two:
        await put(one, event("e", conversation="c1", widget="w"))
        await put(one, event("f", conversation="c3", widget="w"))
        for conversation in ("c1", "c3"):
            await erase(two, ACCOUNT, ConversationId(conversation), keep_counts=False)
        assert await free_names(two, ACCOUNT) == 1
        assert await put(one, event("g", conversation="c2", widget="w")) == [Verdict.ACCEPTED]
        assert (await names(two))[WIDGETS] == {"w"}


async def test_an_account_has_its_own_bound_on_names(store: Store) -> None:
    """It goes before the setting, at once, and back."""
    for own, verdict in ((4, Verdict.ACCEPTED), (None, "TOO_MANY_VALUES")):
        await put(store, *(event(f"e{n}", widget=f"w{n}") for n in range(3)))
        await store.write([(ACCOUNT, SetNamesMax(own))])
        assert await put(store, event(f"own{own}", widget=f"own{own}")) == [verdict]
