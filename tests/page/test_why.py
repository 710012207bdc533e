"""Why: the conversations and events behind a number, as ExplainCount names them, and those that were left out."""

from datetime import date, timedelta
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from telwerk import Telwerk
from tests.page.browser import DESKTOP, PHONE, Reader, Scheme, Size, drawn, violations, wait_until
from tests.page.served import ACCOUNT, ZONE, Served, today

DRAWN: Final = "explained"


def _fortnight() -> tuple[date, date]:
    return today() - timedelta(days=14), today()


def _asked(metric: str, **more: Any) -> dict[str, Any]:
    start, end = _fortnight()
    return {"account": ACCOUNT, "view": "why", "metric": metric, "from": start, "to": end - timedelta(days=1), **more}


def _all(page: Page) -> str:
    """What it says when all pages are there."""
    while True:
        wait_until(
            lambda: "Looking through" not in page.inner_text("main"), "the conversations are looked through", page
        )
        more = page.get_by_role("button", name="more")
        if more.count() == 0:
            return page.inner_text("main")
        more.first.click()


@pytest.mark.parametrize("metric", ["unanswered_live_conversations", "first_response_time", "satisfaction_score"])
def test_every_conversation_and_event_behind_it_is_named(reader: Reader, served: Served, metric: str) -> None:
    """And no other conversation."""
    start, end = _fortnight()
    page = drawn(reader.open(_asked(metric)), DRAWN)
    text = _all(page)
    with Telwerk(served.address) as telwerk:
        pages = telwerk.explain(ACCOUNT, metric, start=start, end=end, time_zone=ZONE)
        conversations = [one for one in pages if one.counted]
    assert conversations
    for conversation in conversations:
        assert conversation.conversation_id in text


def test_a_rate_is_explained_by_what_is_above_and_below_its_line(reader: Reader) -> None:
    """One of the two at a time."""
    page = drawn(reader.open(_asked("live_answer_rate")), DRAWN)
    parts = page.locator(".choice.wide button")
    assert parts.count() >= 2
    parts.last.click()
    wait_until(lambda: parts.last.get_attribute("aria-pressed") == "true", "the other part is shown", page)


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_nothing_serious_is_in_the_way(reader: Reader, size: Size, scheme: Scheme) -> None:
    """By axe; nothing is wider than the screen."""
    page = drawn(reader.open(_asked("unanswered_live_conversations"), size=size, scheme=scheme), DRAWN)
    _all(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size.width
