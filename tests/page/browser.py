"""A browser as a reader has it: of a size, a language, light or dark; and what must not happen on the page is told."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

ROOT: Final = Path(__file__).parents[2]
AXE: Final = ROOT / "clients" / "page" / "node_modules" / "axe-core" / "axe.min.js"
WAIT_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.05


class Size(NamedTuple):
    """Of a window, in CSS pixels."""

    width: int
    height: int


DESKTOP, PHONE, WALL = Size(1280, 800), Size(390, 844), Size(1920, 1080)
Scheme = Literal["light", "dark"]
SCHEMES: Final[tuple[Scheme, Scheme]] = ("light", "dark")


class Reader:
    """Opens pages of one server, and knows what went wrong on them."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self.url = url
        """Of the page, with the slash at its end."""
        self._open = ExitStack()
        self.faults: list[str] = []
        """Errors in the console, exceptions, requests to other hosts, and what the policy forbade."""

    def open(
        self,
        query: dict[str, Any] | str | None = None,
        *,
        size: Size = DESKTOP,
        scheme: Scheme = "light",
        language: str = "en",
        key: str | None = None,
        tolerated: Sequence[str] = (),
        **context: Any,
    ) -> Page:
        """The page at an address (`query` without the `?`), in a session of its own.

        `tolerated` are parts of what a test provokes in the console; `context` goes to Playwright's `new_context`.
        """
        opened = self._browser.new_context(
            viewport={"width": size.width, "height": size.height},
            color_scheme=scheme,
            locale=language,
            has_touch=size is PHONE,
            is_mobile=size is PHONE,
            **context,
        )
        self._open.callback(opened.close)
        if key is not None:
            opened.add_init_script(f"sessionStorage.setItem('telwerk.key', {json.dumps(key)})")
        page = opened.new_page()
        self._watch(page, tolerated)
        text = query if isinstance(query, str) else urlencode(query or {}, doseq=True)
        page.goto(f"{self.url}?{text}" if text else self.url)
        return page

    def close(self) -> None:
        """Closes all of it."""
        self._open.close()

    def _watch(self, page: Page, tolerated: Sequence[str]) -> None:
        host = urlsplit(self.url).netloc

        def told(text: str) -> None:
            if not any(part in text for part in tolerated):
                self.faults.append(text)

        def on_console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                told(f"console {message.type}: {message.text}")

        def on_request(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in {"data", "blob"} and parts.netloc != host:
                told(f"a request to another host: {request.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: told(f"exception: {error}"))
        page.on("request", on_request)


def drawn(page: Page, view: str = "overview", *, times: int = 1) -> Page:
    """Returns when the view was painted so often since the page was loaded."""
    wait_until(lambda: len(marks(page, view)) >= times, f"{view} was drawn {times} times", page)
    return page


def marks(page: Page, view: str) -> list[float]:
    """When the view was painted, in milliseconds since the page was loaded."""
    found: list[float] = page.evaluate(
        "view => performance.getEntriesByName('view-drawn').filter(m => m.detail === view).map(m => m.startTime)", view
    )
    return found


def wait_until(condition: Callable[[], object], what: str, page: Page, *, seconds: float = WAIT_SECONDS) -> None:
    """Waits for what a page comes to; the time is for machines that are busy, and no test is about it.

    Playwright's own `wait_for_function` needs `unsafe-eval`, which the page's policy does not have.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"never: {what}. The page says:\n{page.inner_text('body')[:2_000]}"
        page.wait_for_timeout(_LOOK_SECONDS * 1_000)


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


def violations(page: Page, *, impacts: Sequence[str] = ("serious", "critical")) -> list[str]:
    """What axe finds on the page as it stands, a line each."""
    page.evaluate(_axe())
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{found['impact']} {found['id']}: {found['help']}: {node['html'][:200]}"
        for found in result["violations"]
        if found["impact"] in impacts
        for node in found["nodes"]
    ]
