"""Every view is its address: bookmarked, sent, gone back to; what an address says wrongly is the default."""

from tests.page.browser import Reader, drawn, wait_until
from tests.page.served import ACCOUNT


def test_what_is_chosen_stands_in_the_address_and_back_takes_it_back(reader: Reader) -> None:
    """The period, here, and the view."""
    page = drawn(reader.open({"account": ACCOUNT, "period": "7d"}))
    page.select_option("select[name=period]", "28d")
    wait_until(lambda: "period=28d" in page.url, "the address says so", page)
    page.get_by_role("link", name="Compare").click()
    wait_until(lambda: "view=compare" in page.url, "the address says so", page)
    page.go_back()
    page.go_back()
    wait_until(lambda: page.input_value("select[name=period]") == "7d", "the period is back", page)
    drawn(page)


def test_an_address_that_was_sent_shows_the_same(reader: Reader) -> None:
    """To somebody whose browser speaks another language, too."""
    first = drawn(reader.open({"account": ACCOUNT, "period": "last-week"}, language="nl"))
    assert "Overzicht" in first.inner_text("nav")
    sent = first.url.split("?")[1]
    other = drawn(reader.open(f"{sent}&language=nl", language="de"))
    numbers = ".number"
    assert other.locator(numbers).all_inner_texts() == first.locator(numbers).all_inner_texts()


def test_an_address_with_nonsense_shows_the_default(reader: Reader) -> None:
    """Nothing of it reaches a call that would be refused."""
    page = drawn(
        reader.open(
            f"account={ACCOUNT}&view=nothing&period=9d&from=2026-13-40&to=x&granularity=eon&top=-1&floor=x&chart=pie"
            "&at=5-3&language=xx&live=yes&ascending=maybe"
        )
    )
    assert page.input_value("select[name=period]") == "7d"
    assert page.input_value("select[name=granularity]") == "auto"


def test_without_an_account_it_is_asked_for(reader: Reader) -> None:
    """And opens that account's overview."""
    page = reader.open()
    page.fill("input[name=account]", ACCOUNT)
    page.keyboard.press("Enter")
    drawn(page)
    assert f"account={ACCOUNT}" in page.url
