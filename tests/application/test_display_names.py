"""Display names are listed by kind and beginning, a page at a time."""

import pytest

from telwerkd.application.commands.set_display_names import SetDisplayNames
from telwerkd.application.display_names import Listing, NamePage, begins, page
from telwerkd.domain.catalogue.values import SEPARATOR
from telwerkd.domain.display_names import NameKey, NameKind, option_key
from telwerkd.domain.ids import AccountId
from telwerkd.storage.sqlite.store import SqliteStore

ACCOUNT = AccountId("acme")
NAMES = {
    NameKey(NameKind.OPERATOR, "anna"): "Anna",
    NameKey(NameKind.OPERATOR, "o1"): "ÀNDRÉ",
    NameKey(NameKind.OPERATOR, "o2"): "Bram",
    NameKey(NameKind.WIDGET, "anna"): "A widget of that name",
    option_key("q", "yes"): "Yes",
    option_key("q1", "no"): "No",
    option_key("q1", "yes"): "Yes",
}


def operators(prefix: str = "", after: str = "", size: int = 100) -> Listing:
    return Listing(NameKind.OPERATOR, prefix, "", after, size)


async def listed(store: SqliteStore, asked: Listing) -> NamePage:
    await store.write([(ACCOUNT, SetDisplayNames(NAMES, 100))])
    return await store.read(ACCOUNT, lambda view: page(asked, view))


def ids(found: NamePage) -> list[str]:
    return [key.parts[1] for key, _ in found.names]


async def test_a_listing_is_of_one_kind_by_id(store: SqliteStore) -> None:
    """A widget of the same id is another thing."""
    found = await listed(store, operators())
    assert (ids(found), found.next, found.looked_at) == (["anna", "o1", "o2"], None, 3)


async def test_the_options_of_a_question_are_those_of_no_other(store: SqliteStore) -> None:
    """Though its id begins as the other's does; only they are looked at."""
    found = await listed(store, Listing(NameKind.OPTION, "", f"q1{SEPARATOR}", "", 100))
    assert ([key.parts for key, _ in found.names], found.looked_at) == ([("q1", "no"), ("q1", "yes")], 2)
    found = await listed(store, Listing(NameKind.OPTION, "", f"q{SEPARATOR}", "", 100))
    assert [key.parts for key, _ in found.names] == [("q", "yes")]


@pytest.mark.parametrize(
    ("prefix", "found"), [("", True), ("o", True), ("àn", True), ("ÀN", True), ("an", False), ("O", False)]
)
def test_a_thing_begins_as_its_id_or_its_name_does(prefix: str, *, found: bool) -> None:
    """The id as it is written, the name in any case of letters."""
    assert begins(prefix, NameKey(NameKind.OPERATOR, "o1"), "ÀNDRÉ") is found


def test_an_option_begins_as_itself_not_as_its_question() -> None:
    """Which stands before it in its key."""
    assert begins("y", option_key("q1", "yes"), "Ja")
    assert not begins("q", option_key("q1", "yes"), "Ja")


@pytest.mark.parametrize("prefix", ["", "a"])
async def test_pages_are_the_whole_list_cut(store: SqliteStore, prefix: str) -> None:
    """Each begins after the last that was looked at, also where that did not begin as asked for."""
    whole, pages, after = ids(await listed(store, operators(prefix=prefix))), list[str](), ""
    for _ in range(len(NAMES)):
        found = await listed(store, operators(prefix=prefix, size=1, after=after))
        pages += ids(found)
        if found.next is None:
            break
        after = found.next
    assert pages == whole
