"""Compare: rows of operators, groups and widgets, each number gRPC's, in gRPC's order; overlaid, and explained."""

import csv
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page

from telwerk import Telwerk
from telwerk.v1.kpi_service_pb2 import Filter, IdFilter, Total
from tests.page import shown
from tests.page.browser import DESKTOP, PHONE, Reader, Scheme, Size, drawn, violations, wait_until
from tests.page.served import ACCOUNT, ZONE, Served, today

DRAWN: Final = "compared"


def _fortnight() -> tuple[date, date]:
    return today() - timedelta(days=14), today()


def _asked(**more: Any) -> dict[str, Any]:
    start, end = _fortnight()
    return {"account": ACCOUNT, "view": "compare", "from": start, "to": end - timedelta(days=1), **more}


def _id_of(total: Total) -> str:
    return total.key.operator_id or total.key.operator_group_id or total.key.widget_id


def _cell(row: Locator, metric_id: str) -> tuple[str, str]:
    """The number, and how it changed."""
    cell = row.locator(f"td[data-metric={metric_id}]")
    change = cell.locator(".change")
    return shown.plain(cell.locator(".value").inner_text()), (
        shown.without_verdict(change.inner_text()) if change.count() else ""
    )


@pytest.mark.parametrize("by", ["operator", "group", "widget"])
def test_every_number_is_grpcs(reader: Reader, served: Served, by: str) -> None:
    """Of every row and column, with how it changed."""
    start, end = _fortnight()
    page = drawn(reader.open(_asked(by=by)), DRAWN)
    columns = [cell.get_attribute("data-metric") or "" for cell in page.locator("tr.whole td").all()]
    assert len(columns) > 5
    with Telwerk(served.address) as telwerk:
        metrics = shown.metrics_of(telwerk.catalogue())
        for column in columns:
            answer = telwerk.totals(
                ACCOUNT,
                column,
                start=start,
                end=end,
                time_zone=ZONE,
                compare_to="previous",
                percentiles=shown.percentiles_of(metrics[column]),
                group_by=["operator_group" if by == "group" else by],
            )
            for total in answer.totals:
                expected = shown.figure(metrics[column], total), shown.change(metrics[column], total)
                row = page.locator(f'tr[data-id="{_id_of(total)}"]')
                assert _cell(row, column) == tuple(map(shown.plain, expected)), (column, _id_of(total))


def test_a_column_sorts_the_rows_as_the_server_orders_them(reader: Reader, served: Served) -> None:
    """By the median, here: the slowest first, then the fastest; with a floor no row of a few."""
    start, end = _fortnight()
    page = drawn(reader.open(_asked(sort="response_time")), DRAWN)
    with Telwerk(served.address) as telwerk:
        for order_by in ("-percentile", "percentile"):
            answer = telwerk.totals(
                ACCOUNT,
                "response_time",
                start=start,
                end=end,
                time_zone=ZONE,
                group_by=["operator"],
                order_by=order_by,
                order_percentile=0.5,
                percentiles=[0.5],
            )
            expected = [_id_of(total) for total in answer.totals]

            _wait_for_rows(page, expected)
            page.locator("thead").get_by_role("button", name="Response time", exact=True).click()


def _wait_for_rows(page: Page, ids: list[str]) -> None:
    """The rows begin with these."""
    rows = page.locator("tbody tr[data-id]")
    wait_until(
        lambda: [row.get_attribute("data-id") for row in rows.all()][: len(ids)] == ids,
        f"the rows begin with {ids}",
        page,
    )


def test_the_first_few_and_all_others_add_up_to_the_whole(reader: Reader) -> None:
    """Of a count: each fact is in one row."""
    page = drawn(reader.open(_asked(top=3, sort="messages", column=["messages"])), DRAWN)
    wait_until(lambda: page.locator("tbody tr[data-id]").count() == 3, "three rows are shown", page)
    rows = [_cell(row, "messages")[0] for row in page.locator("tbody tr[data-id], tr.rest").all()]
    whole = _cell(page.locator("tr.whole"), "messages")[0]
    assert sum(_number(text) for text in rows) == _number(whole)


@pytest.mark.parametrize(
    "asked", [{"sort": "response_time"}, {"sort": "live_answer_rate", "floor": 25}, {"sort": "name"}], ids=str
)
def test_all_others_are_whoever_has_no_row_of_their_own(reader: Reader, served: Served, asked: dict[str, Any]) -> None:
    """In every column, also where counts and durations are asked for apart: whichever of them decided the rows."""
    page = drawn(reader.open(_asked(top=3, **asked)), DRAWN)
    _assert_rest_is_of_all_others(page, served, *_fortnight())


def test_rows_of_another_period_are_that_periods_own(reader: Reader, served: Served) -> None:
    """Though they are first taken to be the same: day after day others are in front, and all others are the rest."""
    asked = _asked(top=3, sort="messages")
    page = drawn(reader.open(asked), DRAWN)
    fronts = set()
    for times, days in enumerate(range(2, 9), start=2):
        day = today() - timedelta(days=days)
        page.evaluate(
            "query => { history.pushState(null, '', query); dispatchEvent(new PopStateEvent('popstate')); }",
            f"?{urlencode(asked | {'from': day, 'to': day})}",
        )
        drawn(page, DRAWN, times=times)
        fronts.add(frozenset(_assert_rest_is_of_all_others(page, served, day, day + timedelta(days=1))))
    assert len(fronts) > 1


def _assert_rest_is_of_all_others(page: Page, served: Served, start: date, end: date) -> list[str]:
    """The rest is what gRPC counts of whoever has no row; gives who has one."""
    ids = [row.get_attribute("data-id") or "" for row in page.locator("tbody tr[data-id]").all()]
    assert 0 < len(ids) <= 3
    rest = page.locator("tr.rest")
    with Telwerk(served.address) as telwerk:
        metrics = shown.metrics_of(telwerk.catalogue())
        for column in [cell.get_attribute("data-metric") or "" for cell in rest.locator("td").all()]:
            answer = telwerk.totals(
                ACCOUNT,
                column,
                start=start,
                end=end,
                time_zone=ZONE,
                compare_to="previous",
                percentiles=shown.percentiles_of(metrics[column]),
                where=Filter(operators=IdFilter(none_of=ids)),
            )
            [total] = answer.totals
            expected = shown.figure(metrics[column], total), shown.change(metrics[column], total)
            assert _cell(rest, column) == tuple(map(shown.plain, expected)), column
    return ids


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def test_another_period_is_one_question_where_all_rows_are_shown(reader: Reader) -> None:
    """Counts and durations of the same rows in one call, once it is known that no row is left out; in one state."""
    page = drawn(reader.open(_asked()), DRAWN)
    page.get_by_label("Period").select_option("28d")
    drawn(page, DRAWN, times=2)
    assert _questions(page) == 3, "two questions for the first picture, one for the next"


def test_the_same_rows_are_one_question_where_others_are_left_out(reader: Reader) -> None:
    """As in a live view, whose numbers move and whose rows stay; in one state."""
    page = drawn(reader.open(_asked(top=3)), DRAWN)
    before = _questions(page)
    page.locator("details.columns > summary").click()
    page.get_by_label("Reassignments").check()
    drawn(page, DRAWN, times=2)
    assert _cell(page.locator("tr.rest"), "reassignments")[0]
    assert _questions(page) == before + 1


def _questions(page: Page) -> int:
    asked: list[str] = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    return sum("BatchQuery" in name for name in asked)


def test_the_table_goes_into_a_spreadsheet(reader: Reader, served: Served) -> None:
    """A line for each row, in the same order, with the plain numbers."""
    page = drawn(reader.open(_asked(sort="messages", column=["messages", "satisfaction_score"])), DRAWN)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="CSV").first.click()
    with downloading.value.path().open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    shown_ids = [row.get_attribute("data-id") for row in page.locator("tbody tr[data-id]").all()]
    assert [row["operator"] for row in rows] == shown_ids
    start, end = _fortnight()
    with Telwerk(served.address) as telwerk:
        answer = telwerk.totals(
            ACCOUNT, "satisfaction_score", start=start, end=end, time_zone=ZONE, group_by=["operator"]
        )
    means = {total.key.operator_id: total.mean for total in answer.totals}
    assert {
        row["operator"]: float(row["satisfaction_score_mean"]) for row in rows if row["satisfaction_score_mean"]
    } == means


def test_rows_that_are_picked_lie_over_each_other_in_a_chart(reader: Reader) -> None:
    """With one line each, and a table that says the same; the address keeps them."""
    page = drawn(reader.open(_asked()), DRAWN)
    for place in (0, 1):
        page.locator("tbody tr[data-id] input[type=checkbox]").nth(place).check()
        drawn(page, "overlaid", times=place + 1)
        name = page.locator("tbody tr[data-id] .name").first.inner_text()
        assert name in page.inner_text(".overlay h2" if place == 0 else ".overlay .time-legend")
    assert page.locator(".compare .chart canvas").count() >= 1
    assert page.url.count("pick=") == 2
    assert violations(page) == []


def test_a_number_leads_to_the_conversations_behind_it(reader: Reader) -> None:
    """Of that row alone."""
    page = drawn(reader.open(_asked(column=["unanswered_live_conversations"])), DRAWN)
    row = page.locator("tbody tr[data-id]").first
    number, operator = _cell(row, "unanswered_live_conversations")[0], row.get_attribute("data-id")
    row.locator("td a").first.click()
    drawn(page, "explained")
    assert f"operator={operator}" in page.url
    assert shown.plain(page.locator("h1 .number").inner_text()) == number


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_in_the_way(reader: Reader, size: Size, scheme: Scheme) -> None:
    """By axe; a table that is wider than a phone scrolls by itself, the page does not."""
    page = drawn(reader.open(_asked(), size=size, scheme=scheme), DRAWN)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size.width
