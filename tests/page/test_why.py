"""Why: the conversations and events behind a number, as ExplainCount names them, and those that were left out."""

from datetime import date, timedelta
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from telwerk import Telwerk
from telwerk.v1.kpi_service_pb2 import Filter, IdFilter
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


def test_what_was_left_out_is_listed_with_the_rule(reader: Reader, served: Served) -> None:
    """Each event that looked countable; what is counted is in the other list."""
    start, end = _fortnight()
    page = drawn(reader.open(_asked("unanswered_live_conversations")), DRAWN)
    _all(page)
    page.get_by_role("button", name="Left out", exact=True).click()
    text = _all(page)
    with Telwerk(served.address) as telwerk:
        pages = telwerk.explain(ACCOUNT, "unanswered_live_conversations", start=start, end=end, time_zone=ZONE)
        left_out = [event for one in pages for event in one.left_out]
    assert page.locator(".fact.left-out").count() == len(left_out) > 0
    for event in left_out:
        assert event.rule in text
        assert event.description in text


def test_ids_are_copied_and_it_is_said(reader: Reader) -> None:
    """One conversation's, one event's, and all conversations' on the page."""
    asked = _asked("unanswered_live_conversations")
    page = drawn(reader.open(asked, permissions=["clipboard-read", "clipboard-write"]), DRAWN)
    _all(page)
    first = page.locator(".conversation").first
    ids = page.locator(".conversation h2 .id").all_inner_texts()
    event = first.locator(".event .id").first.inner_text()

    def copied(text: str) -> str:
        wait_until(lambda: text in page.inner_text("main .said"), f"it says that {text} is copied", page)
        return str(page.evaluate("navigator.clipboard.readText()"))

    first.locator("h2 .copy").click()
    assert copied(ids[0]) == ids[0]
    first.locator(".event .copy").first.click()
    assert copied(f"Copied: {event}") == event
    page.get_by_role("button", name="Copy all").click()
    assert copied(f"{len(ids)} conversation ids").split("\n") == ids


def test_a_long_search_says_so_and_is_stopped_and_begun_again(reader: Reader) -> None:
    """Whoever asks about a year of many chats waits: the number is there, the search is said, and a button ends it."""
    page = reader.open(_asked("messages"))
    page.route("**/ExplainCount", lambda _: None)  # an answer that does not come
    page.reload()
    wait_until(lambda: "Looking through the conversations" in page.inner_text("main"), "the search is said", page)
    assert page.locator("h1 .number").inner_text() != "…"
    page.get_by_role("button", name="Stop").click()
    wait_until(lambda: "Stopped before anything was found" in page.inner_text("main"), "it is stopped", page)
    page.unroute("**/ExplainCount")
    page.get_by_role("button", name="List anew").click()
    page.wait_for_selector(".conversations > li")


def test_one_comes_back_to_where_one_was(reader: Reader) -> None:
    """With what was filtered and sorted there."""
    page = drawn(reader.open({**_asked(""), "view": "compare", "sort": "messages", "group": "sim-sales"}), "compared")
    page.locator("tbody tr[data-id] td a").first.click()
    drawn(page, DRAWN)
    page.get_by_role("link", name="Back to Compare").click()
    drawn(page, "compared", times=2)
    assert all(part in page.url for part in ("view=compare", "sort=messages", "group=sim-sales"))


def test_of_one_operator_all_is_named_though_only_the_hours_with_facts_are_asked_about(
    reader: Reader, served: Served
) -> None:
    """The counters know the hours of one operator among many; the conversations of all others are not searched."""
    start, end = _fortnight()
    page = drawn(reader.open(_asked("unanswered_live_conversations", operator="sim-chloe")), DRAWN)
    _all(page)
    with Telwerk(served.address) as telwerk:
        where = Filter(operators=IdFilter(any_of=["sim-chloe"]))
        pages = telwerk.explain(
            ACCOUNT, "unanswered_live_conversations", start=start, end=end, time_zone=ZONE, where=where
        )
        expected = {one.conversation_id for one in pages if one.counted}
    assert len(expected) > 1
    assert set(page.locator(".conversation h2 .id").all_inner_texts()) == expected


def test_what_happened_around_it_is_told_event_by_event(reader: Reader, served: Served) -> None:
    """What else was counted in the conversation, in the order of time; what is explained is marked."""
    page = drawn(reader.open(_asked("unanswered_live_conversations")), DRAWN)
    _all(page)
    first = page.locator(".conversation").first
    conversation, event = first.locator("h2 .id").inner_text(), first.locator(".fact .event .id").first.inner_text()
    first.locator(".course summary").click()
    rows = first.locator(".event-row")
    wait_until(lambda: rows.count() > 1, "the events are listed", page)
    assert first.locator(".event-row.marked .event .id").all_inner_texts() == [event]
    start, end = _fortnight()
    with Telwerk(served.address) as telwerk:
        pages = telwerk.explain(ACCOUNT, "messages", start=start, end=end, time_zone=ZONE)
        [messages] = [one.counted for one in pages if one.conversation_id == conversation]
    told = [row.locator(".event .id").inner_text() for row in rows.filter(has_text="Messages").all()]
    assert told == [fact.event_id for fact in messages]
    assert violations(page) == []


def test_the_row_of_a_number_does_not_narrow_what_is_looked_at_next(reader: Reader) -> None:
    """It is the explanation's; what was filtered before is filtered again."""
    page = drawn(reader.open({**_asked(""), "view": "compare", "group": "sim-sales"}), "compared")
    page.locator("tbody tr[data-id] td a").first.click()
    drawn(page, DRAWN)
    assert "operator=" in page.url
    page.get_by_role("navigation").get_by_role("link", name="Overview").click()
    drawn(page, "overview")
    assert "operator=" not in page.url
    assert "group=sim-sales" in page.url


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_nothing_serious_is_in_the_way(reader: Reader, size: Size, scheme: Scheme) -> None:
    """By axe; nothing is wider than the screen."""
    page = drawn(reader.open(_asked("unanswered_live_conversations"), size=size, scheme=scheme), DRAWN)
    _all(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size.width
