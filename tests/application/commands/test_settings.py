"""Settings of widgets take a bounded number of bytes, and there is a way back for who has reached the bound."""

from telwerkd.application.commands.settings import SetWidgetSettings
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import GoalId, Micros, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCOUNT

WEB, SHOP = WidgetId("web"), WidgetId("shop")


def version(goals: int, at: int = 0) -> WidgetVersion:
    of = tuple(Goal(GoalId(f"g{n}"), "https://shop.example/") for n in range(goals))
    return WidgetVersion(Micros(at), None, of, ())


async def set_widget(store: SqliteStore, widget: WidgetId, of: WidgetVersion, bytes_max: int | None) -> int | None:
    """How many bytes the others take, if those are too many."""
    [others] = await store.write([(ACCOUNT, SetWidgetSettings(widget, of, bytes_max))])
    return others


async def goals_of(store: SqliteStore, widget: WidgetId) -> list[int]:
    """How many goals each of its versions has."""
    versions = await store.read(ACCOUNT, lambda view: view.widget_versions())
    return [len(each.goals) for each in versions.get(widget, ())]


async def test_what_counts_is_what_the_others_take(store: SqliteStore) -> None:
    """So any one version can be stored, however large; the next one is refused with what there is, and not stored."""
    assert await set_widget(store, WEB, version(100), bytes_max=1_000) is None
    taken = await set_widget(store, SHOP, version(1), bytes_max=1_000)
    assert taken is not None
    assert taken > 1_000
    assert await set_widget(store, WEB, version(1, at=5), bytes_max=1_000) == taken
    assert (await goals_of(store, WEB), await goals_of(store, SHOP)) == ([100], [])


async def test_a_version_that_is_not_larger_than_what_it_replaces_is_stored_in_any_case(store: SqliteStore) -> None:
    """The same again, and a smaller one: else nobody could get below the bound."""
    for widget in (WEB, SHOP):
        await set_widget(store, widget, version(50), bytes_max=None)
    assert await set_widget(store, WEB, version(50), bytes_max=10) is None
    assert await set_widget(store, WEB, version(51), bytes_max=10) is not None
    assert await set_widget(store, WEB, version(2), bytes_max=10) is None
    assert await goals_of(store, WEB) == [2]


async def test_a_version_of_the_same_time_takes_the_place_of_the_earlier(store: SqliteStore) -> None:
    """Of another time it stands beside it, in order (R-SET-2)."""
    for goals, at in ((1, 10), (2, 5), (3, 10)):
        await set_widget(store, WEB, version(goals, at), bytes_max=None)
    assert await goals_of(store, WEB) == [2, 3]
