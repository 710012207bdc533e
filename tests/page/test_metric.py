"""One KPI: its course, its steps, its values and its week, each number gRPC's; beside it what it means."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, Page

from telwerk import Telwerk
from tests.page import shown
from tests.page.browser import DESKTOP, PHONE, Reader, Scheme, Size, drawn, violations, wait_until
from tests.page.served import ACCOUNT, ZONE, Served, today

DRAWN: Final = "metric"
METRICS: Final = ("satisfaction_score", "unanswered_live_conversations", "first_response_time", "live_answer_rate")
"""One of each kind of number."""


def _fortnight() -> tuple[date, date]:
    return today() - timedelta(days=14), today()


def _asked(metric: str, **more: Any) -> dict[str, Any]:
    start, end = _fortnight()
    return {
        "account": ACCOUNT,
        "view": "metric",
        "metric": metric,
        "from": start,
        "to": end - timedelta(days=1),
        **more,
    }


@pytest.fixture
def telwerk(served: Served) -> Iterator[Telwerk]:
    """The same numbers over gRPC."""
    with Telwerk(served.address) as client:
        yield client


def _slice() -> dict[str, Any]:
    start, end = _fortnight()
    return {"start": start, "end": end, "time_zone": ZONE}


def _column(rows: Locator, place: int) -> list[str]:
    return [shown.plain(row.locator("td").nth(place).inner_text()) for row in rows.all()]


@pytest.mark.parametrize("metric_id", METRICS)
def test_the_number_and_every_step_are_grpcs(reader: Reader, telwerk: Telwerk, metric_id: str) -> None:
    """Day by day."""
    page = drawn(reader.open(_asked(metric_id, chart="table")), DRAWN)
    metric = shown.metrics_of(telwerk.catalogue())[metric_id]
    percentiles = shown.percentiles_of(metric)
    (total,) = telwerk.totals(ACCOUNT, metric_id, **_slice(), compare_to="previous", percentiles=percentiles).totals
    assert shown.plain(page.locator(".figure.big .number").inner_text()) == shown.plain(shown.figure(metric, total))
    answer = telwerk.series(ACCOUNT, metric_id, **_slice(), granularity="day", percentiles=percentiles)
    expected = [shown.plain(text) for text in shown.figures(metric, answer.series[0])]
    assert len(expected) == 14
    assert _column(page.locator("table.numbers tbody tr"), 0) == expected


def test_values_are_grpcs(reader: Reader, telwerk: Telwerk) -> None:
    """How many ratings of each number of stars."""
    page = drawn(reader.open(_asked("satisfaction_score", chart="values")), DRAWN)
    answer = telwerk.totals(ACCOUNT, "satisfaction_score", **_slice(), group_by=["value"])
    wait_until(lambda: page.locator("table.bar-rows tbody tr").count() > 0, "the values are shown", page)
    counts = {
        text for row in page.locator("table.bar-rows tbody tr").all() for text in row.locator("td").all_inner_texts()
    }
    assert {shown.plain(f"{total.count:,}") for total in answer.totals} <= {shown.plain(text) for text in counts}


def test_the_weekdays_are_grpcs(reader: Reader, telwerk: Telwerk) -> None:
    """Which answers "was it the Monday?"."""
    page = drawn(reader.open(_asked("first_response_time", chart="week")), DRAWN)
    metric = shown.metrics_of(telwerk.catalogue())["first_response_time"]
    answer = telwerk.totals(
        ACCOUNT, "first_response_time", **_slice(), group_by=["weekday"], percentiles=shown.percentiles_of(metric)
    )
    wait_until(lambda: page.locator("table.bar-rows tbody tr").count() > 0, "the weekdays are shown", page)
    rows = {shown.plain(row.locator("th").inner_text()): row for row in page.locator("table.bar-rows tbody tr").all()}
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    for total in answer.totals:
        texts = [shown.plain(text) for text in rows[days[total.key.weekday - 1]].locator("td").all_inner_texts()]
        assert shown.plain(shown.figure(metric, total)) in texts


def test_the_help_beside_it_is_the_catalogues(reader: Reader, telwerk: Telwerk) -> None:
    """In the reader's language."""
    page = drawn(reader.open(_asked("first_response_time", language="nl")), DRAWN)
    (kpi,) = [kpi for kpi in telwerk.kpis(language="nl") if kpi.kpi_id == "first_response_time"]
    text = shown.plain(page.locator("main").inner_text())
    for said in (kpi.what, kpi.when, kpi.why, kpi.example):
        assert shown.plain(said) in text


def test_a_step_leads_to_the_conversations_behind_it(reader: Reader) -> None:
    """Of that day alone."""
    page = drawn(reader.open(_asked("conversations_started", chart="table")), DRAWN)
    links = page.locator("table.numbers tbody td:first-of-type a")
    place = next(at for at, text in enumerate(links.all_inner_texts()) if text != "0")
    number = shown.plain(links.nth(place).inner_text())
    links.nth(place).click()
    drawn(page, "explained")
    assert shown.plain(page.locator("h1 .number").inner_text()) == number


def test_a_chart_is_handed_out_as_a_picture_and_as_a_table(reader: Reader) -> None:
    """PNG and CSV."""
    page = drawn(reader.open(_asked("first_response_time")), DRAWN)
    for name, begins in (("CSV", b"\xef\xbb\xbf"), ("PNG", b"\x89PNG")):
        with page.expect_download() as downloading:
            page.get_by_role("button", name=name).first.click()
        path = downloading.value.path()
        assert path.read_bytes().startswith(begins)


@pytest.mark.parametrize("chart", ["line", "bar", "table", "values", "week", "percentiles"])
@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_nothing_serious_is_in_the_way(reader: Reader, size: Size, scheme: Scheme, chart: str) -> None:
    """By axe, however it is shown; nothing is wider than the screen."""
    metric = "satisfaction_score" if chart == "values" else "first_response_time"
    page: Page = drawn(reader.open(_asked(metric, chart=chart), size=size, scheme=scheme), DRAWN)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size.width
