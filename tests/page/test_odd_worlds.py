"""What a reader cannot help: a wrong clock, a zone that the browser lacks, names like code, no data at all."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from telwerk import Telwerk, events, names
from tests.page import shown
from tests.page.browser import PHONE, Reader, drawn, violations, wait_until
from tests.page.served import ACCOUNT, ZONE, Served, today

HOSTILE: Final = (
    "<img src=x onerror=alert(1)>",
    "=HYPERLINK('http://elsewhere.example')",
    "\N{HEBREW LETTER ALEF}" * 40,
    "x" * 100,
)
CONTROL: Final = "\N{ESCAPE}[31mred\a"

_WITHOUT_ZONE: Final = f"""
const [Real, missing] = [Intl.DateTimeFormat, "{ZONE}"];
Intl.DateTimeFormat = function (locale, options) {{
  if (options?.timeZone === missing) throw new RangeError("no such zone");
  return new Real(locale, options);
}};
"""
"""Of a browser whose list of zones is older."""


def test_the_servers_clock_is_used_where_this_computers_is_wrong(reader: Reader) -> None:
    """Two years behind: "today" is the server's, and the reader is told."""
    page = reader.open()
    page.clock.set_fixed_time(datetime.now(UTC) - timedelta(days=730))
    page.goto(f"{reader.url}?account={ACCOUNT}&period=today")
    wait_until(lambda: "clock is wrong" in page.inner_text("main"), "the clock is told", page)
    assert str(today().year) in page.locator(".span").inner_text()


def test_times_are_in_utc_where_the_browser_lacks_the_zone_and_the_page_says_so(reader: Reader) -> None:
    """The days stay the account's: the server knows the zone."""
    page = reader.open()
    page.add_init_script(_WITHOUT_ZONE)
    page.goto(f"{reader.url}?account={ACCOUNT}&period=last-week")
    drawn(page)
    assert f"does not know the time zone {ZONE}" in page.inner_text("main")
    assert re.search(r"\d", page.locator("[data-metric=conversations_started] .number").inner_text())


def test_an_account_without_any_data_says_so_and_what_to_try(reader: Reader) -> None:
    """In each language."""
    for language, said in (("en", "Nothing was counted"), ("nl", "is niets geteld"), ("de", "nichts gezählt")):
        page = drawn(reader.open({"account": "nobody-ever", "language": language}))
        assert said in page.inner_text("main")


def test_names_and_ids_that_look_like_code_are_text(reader: Reader, served: Served) -> None:
    """In every view; nothing runs, nothing turns the line around, nothing is wider than a phone."""
    now = datetime.now(UTC)
    with Telwerk(served.address) as telwerk:
        telwerk.set_display_names(
            "hostile", [names.display_name("operator", f"op-{at}", name) for at, name in enumerate(HOSTILE)]
        )
        # A name with a direction mark is refused; an id is not.
        for operator in (*(f"op-{at}" for at in range(len(HOSTILE))), "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", CONTROL):
            chat = uuid.uuid4().hex
            telwerk.ingest(
                "hostile",
                [
                    events.message_sent(chat, widget="<b>web</b>", at=now - timedelta(minutes=9), sender="contact"),
                    events.operator_assigned(
                        chat, widget="<b>web</b>", at=now - timedelta(minutes=8), operator=operator, group="=1+1"
                    ),
                    events.rated(chat, widget="<b>web</b>", at=now - timedelta(minutes=7), stars=4),
                ],
            )
    asked = {"account": "hostile", "period": "7d", "metric": "satisfaction_score"}
    for view, mark in (("overview", "overview"), ("metric", "metric"), ("why", "explained"), ("compare", "compared")):
        page = drawn(reader.open(asked | {"view": view}, size=PHONE), mark)
        assert page.locator("main img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE.width
        assert violations(page) == []
    assert "<img src=x onerror=alert(1)>" in page.inner_text("main")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="CSV").first.click()
    assert "'=HYPERLINK" in downloading.value.path().read_text(encoding="utf-8")
    assert not {"\N{RIGHT-TO-LEFT OVERRIDE}", "\N{ESCAPE}", "\a"} & set(page.inner_text("main"))


def test_ten_thousand_operators_are_a_page_of_rows_and_a_rest(reader: Reader, served: Served) -> None:
    """Twenty rows and all others in one; a thousand at most; one of them is found by typing, and explained."""
    account, operators = "many", 10_000
    begun = datetime.now(UTC) - timedelta(days=6)
    with Telwerk(served.address) as telwerk:
        for start in range(0, operators, 500):
            sent = telwerk.ingest(
                account,
                [
                    event
                    for number in range(start, start + 500)
                    for at in [begun + timedelta(seconds=40 * number)]
                    for event in (
                        events.operator_assigned(f"chat-{number}", widget="web", at=at, operator=f"op-{number:05}"),
                        events.rated(
                            f"chat-{number}", widget="web", at=at + timedelta(minutes=1), stars=number % 5 + 1
                        ),
                    )
                ],
            )
            assert not sent.rejections
    asked = {"account": account, "period": "7d", "view": "compare", "sort": "name", "column": "satisfaction_score"}
    page = drawn(reader.open(asked), "compared")
    assert page.locator("tbody tr[data-id]").count() == 20
    assert "of 9,980" in shown.plain(page.locator("tr.rest").inner_text())
    page = drawn(reader.open(asked | {"top": 1_000}), "compared")
    assert page.locator("tbody tr[data-id]").count() <= 1_000
    page.click(".filter-menu > button")
    page.get_by_role("combobox", name="Operator").fill("op-0432")
    wait_until(lambda: page.locator("[role=option]").count() == 10, "those that begin so are offered", page)
    page = reader.open(
        {"account": account, "period": "7d", "view": "why", "metric": "satisfaction_score", "operator": "op-04321"}
    )
    wait_until(lambda: "chat-4321" in page.inner_text("main"), "its conversation is named", page)


def test_numbers_of_another_question_do_not_stay_under_one_that_failed(reader: Reader) -> None:
    """A period that cannot be answered has a note and no numbers; the next that can has them again."""
    page = drawn(reader.open({"account": ACCOUNT, "period": "7d"}, tolerated=["503"]))
    page.route("**/BatchQuery", lambda route: route.fulfill(status=503, content_type="text/html", body="<h1>No</h1>"))
    page.select_option("select[name=period]", "28d")
    page.wait_for_selector(".note.failed")
    assert page.locator(".number").count() == 0
    page.unroute("**/BatchQuery")
    page.click(".note.failed button")
    page.wait_for_selector(".number")


def test_periods_at_the_edges_of_time_and_filters_that_no_metric_has_are_shown(reader: Reader) -> None:
    """Nothing is before 2000 to compare with; topics and stars are of different metrics."""
    page = drawn(reader.open({"account": ACCOUNT, "from": "2000-01-01", "to": "2000-01-31"}))
    assert "Nothing was counted" in page.inner_text("main")
    page = drawn(reader.open({"account": ACCOUNT, "value": '{"stars":5}', "topic": "any"}))
    assert "Cannot be filtered by" in page.locator("[data-metric=satisfaction_score]").inner_text()


def test_another_account_is_not_filtered_by_ids_of_the_one_before(reader: Reader) -> None:
    """They mean nothing there: all would be empty."""
    page = drawn(reader.open({"account": ACCOUNT, "operator": "sim-anna", "period": "28d"}))
    page.click("button.account")
    page.fill("input[name=account]", "another")
    page.click("button[type=submit]")
    drawn(page)
    assert "operator=" not in page.url
    assert "period=28d" in page.url
