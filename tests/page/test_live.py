"""Live: the numbers move while one looks, and come back by themselves after the connection was gone."""

import signal
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from telwerk import Telwerk, events
from tests.conftest import free_address
from tests.page.browser import Reader, drawn, wait_until
from tests.page.served import page_server

REFUSED: Final = "ERR_CONNECTION_REFUSED"
GONE: Final = ("ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "503 (Service Unavailable)")


def _send(address: str) -> None:
    with Telwerk(address) as telwerk:
        begun = events.message_sent(uuid.uuid4().hex, widget="web", at=datetime.now(UTC), sender="contact")
        assert not telwerk.ingest("acme", [begun]).rejections


def _started(page: Page) -> str:
    return page.locator("[data-metric=conversations_started] .number").inner_text()


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    """Opens pages of a server that the test starts on a port of its own choice."""
    one = Reader(browser, f"http://{free_address()}/")
    yield one
    one.close()
    assert one.faults == []


def test_numbers_move_and_come_back_after_a_restart(reader: Reader, tmp_path: Path, built_page: None) -> None:  # noqa: ARG001  # comes before
    """While no server is there the numbers stay, and the page says that the connection is gone."""
    http = reader.url.removeprefix("http://").removesuffix("/")
    with page_server(tmp_path, http=http) as served:
        page = drawn(reader.open({"account": "acme", "period": "today", "live": 1}, tolerated=GONE))
        assert _started(page) == "0"
        wait_until(lambda: "Live: the numbers move" in page.inner_text(".live"), "the watch is open", page)
        _send(served.address)
        wait_until(lambda: _started(page) == "1", "the number moves", page)
        served.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "Connection lost" in page.inner_text(".live"), "the loss is said", page)
        assert _started(page) == "1"
    with page_server(tmp_path, http=http) as served:
        wait_until(lambda: "Live: the numbers move" in page.inner_text(".live"), "the watch is open again", page)
        _send(served.address)
        wait_until(lambda: _started(page) == "2", "the number moves again", page)


def test_a_watch_does_not_last_for_hours(reader: Reader, tmp_path: Path, built_page: None) -> None:  # noqa: ARG001  # comes before
    """It is opened anew after some hundred messages, of each of which something stays in memory; nobody notices."""
    with page_server(tmp_path, http=reader.url.removeprefix("http://").removesuffix("/")) as served:
        page = reader.open({"account": "acme", "period": "today", "live": 1})
        watches: list[str] = []
        page.on("request", lambda request: watches.append(request.url) if "Watch" in request.url else None)
        said: set[str] = set()
        drawn(page)

        def sent_and_said() -> bool:
            _send(served.address)
            said.add(page.inner_text(".live").strip())
            return len(watches) > 1

        wait_until(sent_and_said, "a second watch", page, seconds=120)
        count = _started(page)
        _send(served.address)
        wait_until(lambda: _started(page) != count, "the number moves again", page)
        assert not [text for text in said if "lost" in text]


def test_without_live_nothing_moves(reader: Reader, tmp_path: Path, built_page: None) -> None:  # noqa: ARG001  # comes before
    """And no watch is open: who only reads costs the server nothing."""
    with page_server(tmp_path, http=reader.url.removeprefix("http://").removesuffix("/")) as served:
        page = reader.open({"account": "acme", "period": "today"})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        drawn(page)
        _send(served.address)
        page.wait_for_timeout(1_500)
        assert _started(page) == "0"
        assert not [url for url in asked if "Watch" in url]
