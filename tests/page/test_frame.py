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
