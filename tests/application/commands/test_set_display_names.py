"""Setting display names: all or none, and only what changes is told of."""

from typing import Any

from telwerkd.application.commands.set_display_names import NamesSet, SetDisplayNames
from telwerkd.domain.display_names import NameKey, NameKind
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import ACCOUNT

ANNA, BRAM = (NameKey(NameKind.OPERATOR, who) for who in ("anna", "bram"))
WEB = NameKey(NameKind.WIDGET, "web")


async def set_names(
    store: SqliteStore, names: dict[NameKey, str], names_max: int = 10, *, all_: bool = False
) -> NamesSet:
    [done] = await store.write([(ACCOUNT, SetDisplayNames(names, names_max, replaces_all=all_))])
    return done


async def names_of(store: SqliteStore) -> tuple[dict[NameKey, str], int]:
    """The names, and the account's version."""
    return await store.read(ACCOUNT, lambda view: (view.display_names_of([ANNA, BRAM, WEB]), view.account().version))


async def test_names_are_set_and_those_given_empty_removed(store: SqliteStore) -> None:
    """What is the same as before, or was not there, is no change."""
    assert await set_names(store, {ANNA: "Anna", WEB: "Web", BRAM: ""}) == NamesSet(2, 0)
    assert await set_names(store, {ANNA: "Anna de Vries", WEB: "Web", BRAM: "Bram"}) == NamesSet(2, 0)
    assert await set_names(store, {ANNA: "", BRAM: "Bram"}) == NamesSet(0, 1)
    names, _ = await names_of(store)
    assert names == {WEB: "Web", BRAM: "Bram"}


async def test_to_replace_all_removes_every_other_name(store: SqliteStore) -> None:
    """Of all kinds; with none given, all."""
    await set_names(store, {ANNA: "Anna", WEB: "Web"})
    assert await set_names(store, {BRAM: "Bram", WEB: "Web"}, all_=True) == NamesSet(1, 1)
    assert (await names_of(store))[0] == {BRAM: "Bram", WEB: "Web"}
    assert await set_names(store, {}, all_=True) == NamesSet(0, 2)
    assert (await names_of(store))[0] == {}


async def test_too_many_names_change_nothing(store: SqliteStore) -> None:
    """It is said how many they would have been; those that take others' places fit."""
    await set_names(store, {ANNA: "Anna", WEB: "Web"}, names_max=2)
    before = await names_of(store)
    assert await set_names(store, {ANNA: "Another", BRAM: "Bram"}, names_max=2) == NamesSet(0, 0, excess=3)
    assert await names_of(store) == before
    assert await set_names(store, {ANNA: "", BRAM: "Bram"}, names_max=2) == NamesSet(1, 1)
    assert await set_names(store, {ANNA: "Anna", BRAM: "Bram"}, names_max=2, all_=True) == NamesSet(1, 1)


async def test_who_has_too_many_already_can_change_and_remove_them(store: SqliteStore) -> None:
    """Where the bound was lowered: only to add is too much."""
    await set_names(store, {ANNA: "Anna", BRAM: "Bram", WEB: "Web"})
    assert await set_names(store, {ANNA: "Another", WEB: ""}, names_max=1) == NamesSet(1, 1)


async def test_a_change_makes_another_version_of_the_account(store: SqliteStore) -> None:
    """Watches and kept answers look at it; what changes nothing wakes nobody."""
    await set_names(store, {ANNA: "Anna"})
    _, version = await names_of(store)
    await set_names(store, {ANNA: "Anna", BRAM: ""})
    assert (await names_of(store))[1] == version
    await set_names(store, {ANNA: "Another"})
    assert (await names_of(store))[1] == version + 1


def test_no_text_that_shows_the_command_has_a_name() -> None:
    """It may come into a log."""
    command: Any = SetDisplayNames({ANNA: "Anna de Vries"}, 10)
    assert "Vries" not in f"{command} {command!r}"
