"""Keys: asked for where the server wants one, kept for the session of the tab alone, and taken back at any moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import Role
from tests.page.browser import Reader, drawn, violations, wait_until
from tests.page.served import Served, page_server

UNAUTHORIZED: Final = "401 (Unauthorized)"
FORBIDDEN: Final = "403 (Forbidden)"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A keys file in which the test puts keys."""
    return tmp_path / "keys.toml"


@pytest.fixture
def token(keys: Path) -> str:
    """A key that may read the account."""
    return keys_file.create(keys, ["acme"], [Role.QUERY], "reader")


@pytest.fixture
def foreign(keys: Path) -> str:
    """A key that may read another account."""
    return keys_file.create(keys, ["other"], [Role.QUERY], "foreign")


@pytest.fixture
def locked(tmp_path: Path, built_page: None, keys: Path, token: str, foreign: str) -> Iterator[Served]:  # noqa: ARG001
    """A server that wants a key, and has read all there are."""
    with page_server(tmp_path, "--keys-file", str(keys)) as running:
        yield running


@pytest.fixture
def reader(browser: Browser, locked: Served) -> Iterator[Reader]:
    """Opens pages of it."""
    one = Reader(browser, locked.url)
    yield one
    one.close()
    assert one.faults == []


def _give(page: Page, key: str) -> None:
    page.fill("input[name=key]", key)
    page.click("button[type=submit]")


def test_a_key_is_asked_for_and_one_that_does_not_do_is_told_from_one_that_may_not(
    reader: Reader, token: str, foreign: str
) -> None:
    """In one sentence each; the right one opens the view that was asked for, and never stands in the address."""
    page = reader.open({"account": "acme", "view": "overview"}, tolerated=[UNAUTHORIZED, FORBIDDEN])
    wait_until(lambda: "This server asks for a key" in page.inner_text("body"), "the key is asked for", page)
    assert violations(page) == []
    _give(page, "tw_wrong")
    wait_until(lambda: "does not accept this key" in page.inner_text("body"), "the key is refused", page)
    _give(page, foreign)
    wait_until(lambda: "may not read this account" in page.inner_text("body"), "the account is refused", page)
    _give(page, token)
    drawn(page)
    assert token not in page.url
    assert page.evaluate("JSON.stringify(localStorage)") == "{}"


def test_a_key_lasts_for_a_reload_and_not_for_another_tab(reader: Reader, token: str) -> None:
    """It is the session's."""
    page = drawn(reader.open({"account": "acme"}, key=token))
    other = reader.open({"account": "acme"}, tolerated=[UNAUTHORIZED])
    wait_until(lambda: "This server asks for a key" in other.inner_text("body"), "another tab is asked", other)
    page.get_by_role("button", name="Forget the key").wait_for()


def test_a_key_that_is_revoked_while_one_looks_closes_the_view(reader: Reader, keys: Path, token: str) -> None:
    """Live: without a touch; no number stays."""
    page = drawn(reader.open({"account": "acme", "live": 1}, key=token, tolerated=[UNAUTHORIZED]))
    keys_file.revoke(keys, "reader")
    wait_until(lambda: "does not accept this key" in page.inner_text("body"), "the key is refused", page)
    assert page.locator("[data-metric]").count() == 0


def test_what_can_be_no_key_is_asked_for_again(reader: Reader) -> None:
    """A dash from a text program, or a whole letter: no header takes it, and it is not held against the reader."""
    page = reader.open({"account": "acme"}, key="tw_\N{EN DASH}pasted", tolerated=[UNAUTHORIZED])
    wait_until(lambda: "does not accept this key" in page.inner_text("body"), "the key is asked for", page)
    page.click("button.quiet")
    assert page.locator("input[name=account]").count() == 1
