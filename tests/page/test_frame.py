"""The page as it arrives: from this server alone, under its policy, and nothing is said in the console."""

from tests.page.browser import PHONE, Reader, drawn, violations
from tests.page.served import Served


def test_it_loads_and_asks_no_other_host_and_says_nothing_in_the_console(reader: Reader, served: Served) -> None:
    """Its policy is in force: what it forbids would be told in the console."""
    page = drawn(reader.open({"account": "demo"}))
    answer = page.request.get(served.url)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert page.evaluate("document.cookie") == ""


def test_what_the_policy_forbids_is_found_by_these_tests(reader: Reader) -> None:
    """Foreign scripts, foreign requests and errors, each: a test of nothing would else look like a test of all."""
    page = drawn(reader.open({"account": "demo"}))
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'x()'}))")
    page.evaluate("fetch('https://elsewhere.example/').catch(() => undefined)")
    page.evaluate("console.error('wrong')")
    page.evaluate("new Promise(done => setTimeout(done))")
    told, reader.faults = "\n".join(reader.faults), []
    assert "inline script" in told
    assert "elsewhere.example" in told
    assert "wrong" in told
    page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: 'data:,'}))")
    assert [found for found in violations(page) if "image-alt" in found]


def test_a_reader_without_a_mouse_or_eyes_finds_nothing_serious_in_the_way(reader: Reader) -> None:
    """By axe, on a desk and on a phone, in the light and in the dark."""
    for options in ({}, {"size": PHONE, "scheme": "dark"}):
        assert violations(drawn(reader.open({"account": "demo"}, **options))) == []


def test_paper_says_whose_numbers_it_has_and_what_they_are_compared_with(reader: Reader) -> None:
    """And has nothing on it to be pressed."""
    page = drawn(reader.open({"account": "demo", "period": "last-week", "operator": "sim-anna"}))
    page.emulate_media(media="print")
    shown = page.locator("body").inner_text()
    for said in ("demo", "sim-anna", "Compared with"):
        assert said in shown
    pressed = page.get_by_role("button").filter(visible=True).all_inner_texts()
    assert pressed == ["demo"]


def test_a_link_to_what_is_seen_names_the_days_of_a_period_that_is_over(reader: Reader) -> None:
    """Last week will be another one; this week goes on for whoever opens it."""
    for period, part in (("last-week", "&from="), ("this-week", "&period=this-week")):
        allowed = ["clipboard-read", "clipboard-write"]
        page = drawn(reader.open({"account": "demo", "period": period}, language="de", permissions=allowed))
        page.get_by_role("button", name="Link kopieren").click()
        page.get_by_text("Link kopiert").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert part in copied
        assert copied.endswith("language=de")
