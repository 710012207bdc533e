"""The page in a real browser: `make test-page` runs this folder, and `make test-clients`; `make test` does not.

What a test needs and is not there is named, and the test skipped; with CI set, it fails.
"""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from support.browser import executable, launched
from telwerkd.transport.http.page import BUILT, is_built
from tests.page.browser import Reader
from tests.page.served import Served, fill, page_server
from tests.tools.conftest import make, needs


@pytest.fixture(scope="session")
def built_page() -> None:
    """The page as its sources are now."""
    if shutil.which("npm") is None and is_built(BUILT):
        return
    needs("node", "npm")
    make("page")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for all tests; each has a session of its own in it."""
    found = executable()
    if found is None:
        needs("chromium")
        return
    with launched(found) as running:
        yield running


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, built_page: None) -> Iterator[Served]:  # noqa: ARG001  # comes before
    """A server whose account `demo` has four weeks of chats. Tests that change it use an account of their own."""
    with page_server(tmp_path_factory.mktemp("page")) as running:
        fill(running.address)
        yield running


@pytest.fixture
def reader(browser: Browser, served: Served) -> Iterator[Reader]:
    """Opens pages of that server; what goes wrong on one of them fails the test."""
    one = Reader(browser, served.url)
    yield one
    one.close()
    assert one.faults == []
