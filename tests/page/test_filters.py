"""Filters: chosen by typing, shown by name, kept in the address, and held by every view."""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Locator, Page

from telwerk import Telwerk, names
from telwerk.v1.kpi_service_pb2 import Filter, IdFilter
from tests.page import shown
from tests.page.browser import PHONE, Reader, drawn, violations, wait_until
from tests.page.served import ACCOUNT, ZONE, Served, today

DIMENSIONS: Final = ("operator", "group", "widget", "value", "topic", "question")
MARKUP: Final = "<img src=x onerror=alert(1)>"
LONG: Final = " ".join(["Long name"] * 9)
RIGHT_TO_LEFT: Final = "דנה"


def _asked(**more: Any) -> dict[str, Any]:
    return {"account": ACCOUNT, "period": "28d", **more}


def _filters_of(page: Page) -> dict[str, list[str]]:
    """What the address filters by."""
    address = urlsplit(page.url)
    asked = parse_qs(address.fragment.removeprefix("?") or address.query, keep_blank_values=True)
    return {name: asked[name] for name in DIMENSIONS if name in asked}


def _opened(page: Page) -> Locator:
    """The field to type in, once the menu is open and has choices."""
    page.locator(".filter-menu > button").click()
    field = page.locator("input[role=combobox]")
    wait_until(lambda: _choices(page), "there are choices", page)
    return field


def _choices(page: Page) -> list[str]:
    return page.locator(".picker [role=option]").all_inner_texts()


def _type(page: Page, field: Locator, text: str, expected: str) -> None:
    field.fill(text)
    wait_until(lambda: len(found := _choices(page)) == 1 and expected in found[0], f"{expected} alone is offered", page)


def test_several_are_chosen_by_the_keyboard_alone(reader: Reader, served: Served) -> None:
    """By the beginning of the name or of the id; the numbers are of those; one Escape too many closes the menu."""
    page = drawn(reader.open(_asked()))
    field = _opened(page)
    _type(page, field, "CHLOE", "Chloe de Vries")
    field.press("Enter")
    _type(page, field, "sim-daa", "Daan de Vries")
    assert field.get_attribute("aria-activedescendant") == page.locator(".picker [role=option]").get_attribute("id")
    field.press("Enter")
    wait_until(lambda: _filters_of(page) == {"operator": ["sim-chloe", "sim-daan"]}, "both are filtered by", page)
    wait_until(lambda: page.locator("[aria-busy=true]").count() == 0, "the numbers are those of both", page)
    assert violations(page) == []
    field.press("Escape")
    assert field.input_value() == ""
    field.press("Escape")
    assert field.count() == 0
    assert page.evaluate("document.activeElement.textContent") == "+ Filter"
    assert page.locator(".chip .name").all_inner_texts() == ["Chloe de Vries", "Daan de Vries"]
    expected = _messages(served, ["sim-chloe", "sim-daan"])
    number = page.locator("[data-metric=messages] .figure .number")
    wait_until(lambda: shown.plain(number.inner_text()) == f"{expected:,}", f"{expected} messages are shown", page)


def _messages(served: Served, operators: list[str]) -> int:
    start, end = today() - timedelta(days=27), today() + timedelta(days=1)
    kept = Filter(operators=IdFilter(any_of=operators))
    with Telwerk(served.address) as telwerk:
        answer = telwerk.totals(ACCOUNT, "messages", start=start, end=end, time_zone=ZONE, where=kept)
    return answer.totals[0].count


def test_a_chip_removes_its_filter_and_back_brings_it_again(reader: Reader) -> None:
    """And the focus is not lost with it."""
    page = drawn(reader.open(_asked(operator=["sim-chloe", ""], widget="sim-shop")))
    page.get_by_role("button", name="Remove filter Operator: Nobody").click()
    wait_until(lambda: _filters_of(page) == {"operator": ["sim-chloe"], "widget": ["sim-shop"]}, "it is gone", page)
    assert page.evaluate("document.activeElement.textContent") == "+ Filter"
    page.go_back()
    wait_until(lambda: _filters_of(page)["operator"] == ["sim-chloe", ""], "it is back", page)
    page.get_by_role("button", name="Clear filters").click()
    wait_until(lambda: not _filters_of(page), "none is left", page)


def test_filters_stay_when_views_are_switched(reader: Reader) -> None:
    """As the address does."""
    page = drawn(reader.open(_asked(group="sim-sales")))
    for view in ("Compare", "One KPI", "Overview"):
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        assert _filters_of(page) == {"group": ["sim-sales"]}
        assert page.locator(".chip .name").all_inner_texts() == ["Sales"]


def test_values_are_offered_where_one_metric_is_looked_at(reader: Reader) -> None:
    """By the names that the catalogue has for them."""
    page = drawn(reader.open(_asked(view="why", metric="satisfaction_score")), "explained")
    _opened(page)
    page.locator("select[name=dimension]").select_option("value")
    wait_until(lambda: len(_choices(page)) == 5, "five values are offered", page)
    page.locator(".picker [role=option]").last.click()
    wait_until(lambda: _filters_of(page) == {"value": ['{"stars":5}']}, "five stars are filtered by", page)
    page.get_by_role("navigation").get_by_role("link", name="Overview").click()
    drawn(page)
    page.locator(".filter-menu > button").click()
    assert page.locator("select[name=dimension] option").all_inner_texts() == ["Operator", "Group", "Widget"]


def test_odd_ids_and_names_are_text_and_break_nothing(reader: Reader, served: Served) -> None:
    """On a phone, beside each other: markup, right to left, long, unknown."""
    account = "odd-filters"
    with Telwerk(served.address) as telwerk:
        telwerk.set_display_names(account, [names.display_name("operator", "rtl", RIGHT_TO_LEFT)])
        telwerk.set_display_names(account, [names.display_name("operator", "long", LONG)])
    ids = [MARKUP, "rtl", "long", "x" * 128]
    page = drawn(reader.open({"account": account, "operator": ids}, size=PHONE))
    chips = page.locator(".chip .name")
    wait_until(lambda: chips.nth(1).inner_text() == RIGHT_TO_LEFT, "the name is there", page)
    assert chips.first.inner_text() == MARKUP
    assert chips.nth(1).evaluate("element => element.tagName") == "BDI"
    assert page.locator(".chip .named").nth(2).get_attribute("title") == f"{LONG} (long)"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE.width
    assert violations(page) == []


def test_an_address_too_long_for_a_server_is_kept_and_opened_again(reader: Reader) -> None:
    """Hundreds of filters stand behind a "#", which no server has to take, and last for a reload."""
    ids = [f"operator-{number:04}" for number in range(400)]
    page = reader.open({"account": ACCOUNT, "operator": ids[0]})
    drawn(page)
    page.goto(f"{reader.url}#?{urlencode({'account': ACCOUNT, 'operator': ids}, doseq=True)}")
    page.reload()
    drawn(page)
    page.get_by_role("link", name="Compare").click()
    drawn(page, "compared")
    assert len(page.url) > 8_192
    page.reload()
    drawn(page, "compared")
    assert _filters_of(page)["operator"] == ids


def test_more_filters_than_a_question_takes_are_said(reader: Reader) -> None:
    """In the server's own sentence, which names the bound; no number stands beside it."""
    ids = [f"operator-{number:05}" for number in range(1_100)]
    page = reader.open(f"#?{urlencode({'account': ACCOUNT, 'operator': ids}, doseq=True)}")
    page.wait_for_selector(".note.failed")
    assert "at most 1000" in page.inner_text(".note.failed")
    assert page.locator("main .number").count() == 0
