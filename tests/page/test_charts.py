"""Charts of one KPI: what they hand out, and that they are used without a mouse."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page

from telwerk import Telwerk
from telwerk.cli.answers import series_text, totals_text
from telwerk.cli.options import Output
from telwerk.queries import DimensionName
from tests.page import shown
from tests.page.browser import PHONE, Reader, drawn, wait_until
from tests.page.served import ACCOUNT, ZONE, Served, today

DRAWN: Final = "metric"
PERCENTILES: Final = (0.5, 0.75, 0.9, 0.95)


def _days() -> tuple[date, date]:
    """Two weeks that are over."""
    return today() - timedelta(days=14), today()


def _open(reader: Reader, metric: str, **more: Any) -> Page:
    start, end = _days()
    asked = {"account": ACCOUNT, "view": "metric", "metric": metric, "from": start, "to": end - timedelta(days=1)}
    size = {"size": more.pop("size")} if "size" in more else {}
    return drawn(reader.open({**asked, **more}, **size), DRAWN)


@pytest.fixture
def telwerk(served: Served) -> Iterator[Telwerk]:
    """The same numbers over gRPC."""
    with Telwerk(served.address) as client:
        yield client


def _csv_of(telwerk: Telwerk, metric: str, group_by: list[DimensionName]) -> str:
    """What the command line writes about it."""
    start, end = _days()
    catalogue = shown.metrics_of(telwerk.catalogue())
    percentiles = PERCENTILES if shown.is_duration(catalogue[metric]) else ()
    asked: dict[str, Any] = {
        "start": start,
        "end": end,
        "time_zone": ZONE,
        "compare_to": "previous",
        "percentiles": percentiles,
    }
    if not group_by:
        return series_text(telwerk.series(ACCOUNT, metric, **asked, granularity="day"), Output.CSV)
    names = group_by[0] != "weekday"
    return totals_text(telwerk.totals(ACCOUNT, metric, **asked, group_by=group_by, include_names=names), Output.CSV)


def _rows(text: str) -> list[Mapping[str, object]]:
    """With numbers as numbers: two languages write the same one differently."""
    return [
        {column: _number(cell) for column, cell in row.items() if not column.startswith("compared_p")}
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def _number(cell: str) -> object:
    try:
        return float(cell)
    except ValueError:
        return cell


@pytest.mark.parametrize(
    ("metric", "chart", "group_by"),
    [
        ("first_response_time", "line", []),
        ("live_answer_rate", "table", []),
        ("satisfaction_score", "values", ["value"]),
        ("conversations_started", "week", ["weekday", "hour_of_day"]),
        ("first_response_time", "week", ["weekday", "hour_of_day"]),
    ],
)
def test_a_csv_is_the_command_lines(
    reader: Reader, telwerk: Telwerk, metric: str, chart: str, group_by: list[DimensionName]
) -> None:
    """The same columns, rows and numbers; ended as RFC 4180 has it."""
    page = _open(reader, metric, chart=chart)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="CSV").first.click()
    found = downloading.value.path().read_bytes().decode("utf-8-sig")
    assert found.count("\r\n") == found.count("\n") > 1
    assert _rows(found) == _rows(_csv_of(telwerk, metric, group_by))


def test_a_chart_is_walked_through_by_keys(reader: Reader) -> None:
    """Step by step, each said; Enter asks why it is so."""
    page = _open(reader, "first_response_time")
    chart = page.get_by_role("slider")
    chart.focus()
    for key in ("End", "Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    said = shown.plain(chart.get_attribute("aria-valuetext") or "")
    page.get_by_text("As a table").click()
    name, number, *_ = page.locator(".as-table tbody tr").nth(2).locator("th, td").all_inner_texts()
    assert said.startswith(f"{shown.plain(name)}: {shown.plain(number)}")
    chart.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    drawn(page, "explained")
    start, _ = parse_qs(urlsplit(page.url).query)["at"][0].split("-")
    assert datetime.fromtimestamp(int(start), ZoneInfo(ZONE)).date() == _days()[0] + timedelta(days=1)


def test_a_line_is_hidden_and_shown_again(reader: Reader) -> None:
    """By its name in the legend; the last one stays."""
    page = _open(reader, "first_response_time", chart="percentiles")
    buttons = page.locator(".time-legend button")

    def states() -> list[str | None]:
        return [button.get_attribute("aria-pressed") for button in buttons.all()]

    assert states() == ["true"] * 4
    for button in buttons.all():
        button.press("Enter")
    assert states() == ["false", "false", "false", "true"]
    page.locator(".u-over").hover()
    wait_until(lambda: page.locator(".readout tr").count() == 1, "the readout has the last line alone", page)
    buttons.first.press("Enter")
    assert states() == ["true", "false", "false", "true"]


def test_a_finger_reads_a_step_before_it_asks_why(reader: Reader) -> None:
    """A tap cannot hover: it opens what it is at, with a button that asks; a tap elsewhere closes it."""
    page = _open(reader, "conversations_started", chart="bar", size=PHONE)
    page.locator(".u-over").scroll_into_view_if_needed()
    page.locator(".u-over").tap()
    readout = page.locator(".readout")
    readout.wait_for()
    assert parse_qs(urlsplit(page.url).query)["view"] == ["metric"]
    page.locator("h1").tap()
    wait_until(lambda: readout.count() == 0, "the readout is closed", page)
    page.locator(".u-over").tap()
    readout.get_by_role("button").tap()
    drawn(page, "explained")
