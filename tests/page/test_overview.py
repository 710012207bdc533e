"""The overview: of every KPI, service time and rate the number that gRPC gives, and how it changed."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page

from telwerk import Telwerk
from telwerk.v1.kpi_service_pb2 import Total
from tests.page import shown
from tests.page.browser import DESKTOP, PHONE, WALL, Reader, Scheme, Size, drawn, violations
from tests.page.served import ACCOUNT, ZONE, Served, today


def _totals(served: Served, **asked: Any) -> dict[str, Total]:
    found: dict[str, Total] = {}
    with Telwerk(served.address) as telwerk:
        for metric_id, metric in shown.metrics_of(telwerk.catalogue()).items():
            answer = telwerk.totals(
                ACCOUNT, metric_id, time_zone=ZONE, percentiles=shown.percentiles_of(metric), **asked
            )
            found |= {total.kpi_id: total for total in answer.totals}
    return found


def _assert_shows(page: Page, served: Served, totals: dict[str, Total]) -> None:
    with Telwerk(served.address) as telwerk:
        metrics = shown.metrics_of(telwerk.catalogue())
    cards = {card.get_attribute("data-metric"): card for card in page.locator("[data-metric]").all()}
    assert set(cards) == set(metrics)
    for metric_id, metric in metrics.items():
        texts = [shown.without_verdict(text) for text in cards[metric_id].locator(".number, .change").all_inner_texts()]
        expected = shown.figure(metric, totals[metric_id]), shown.change(metric, totals[metric_id])
        assert texts == [shown.plain(text) for text in expected if text], metric_id


def test_every_number_and_every_change_is_grpcs(reader: Reader, served: Served) -> None:
    """Two weeks that are over, beside the two before."""
    end = today()
    start = end - timedelta(days=14)
    page = drawn(reader.open({"account": ACCOUNT, "from": start, "to": end - timedelta(days=1)}))
    _assert_shows(page, served, _totals(served, start=start, end=end, compare_to="previous"))


def test_a_period_that_runs_is_compared_up_to_the_same_time_of_the_same_day_before(
    reader: Reader, served: Served
) -> None:
    """Else every number of a morning would be a loss."""
    page = drawn(reader.open({"account": ACCOUNT, "period": "7d"}))
    now = datetime.now(UTC)
    start = today() - timedelta(days=6)
    asked = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0).astimezone(ZoneInfo(ZONE))
    same_time = datetime.combine(asked.date() - timedelta(days=7), asked.time(), ZoneInfo(ZONE))
    before = _midnight(start - timedelta(days=7)), same_time
    _assert_shows(page, served, _totals(served, start=start, end=today() + timedelta(days=1), compare_to=before))


def test_it_says_how_many_numbers_are_better_than_before_and_how_many_worse(reader: Reader) -> None:
    """As many as there are cards that say so of themselves."""
    end = today()
    page = drawn(reader.open({"account": ACCOUNT, "from": end - timedelta(days=14), "to": end - timedelta(days=1)}))
    cards = [page.locator(f"[data-metric] .change.{verdict}").count() for verdict in ("better", "worse")]
    assert sum(cards) > 0
    assert page.locator(".tally strong").all_inner_texts() == [str(count) for count in cards]


def test_beside_a_period_with_nothing_no_number_is_better_or_worse(reader: Reader) -> None:
    """As in the first weeks of an account: its numbers are no rise; the page says what they are compared with."""
    page = drawn(reader.open({"account": ACCOUNT, "from": today() - timedelta(days=28), "to": today()}))
    assert page.locator(".number").count() > 20
    assert page.locator(".change").count() == 0
    assert "Nothing was counted in the period before" in page.inner_text("main")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(ZONE))


@pytest.mark.parametrize("size", [DESKTOP, PHONE, WALL], ids=["desktop", "phone", "wall"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_in_the_way_and_nothing_is_wider_than_the_screen(
    reader: Reader, size: Size, scheme: Scheme
) -> None:
    """By axe; in every width, light and dark."""
    page = drawn(reader.open({"account": ACCOUNT, "period": "28d"}, size=size, scheme=scheme))
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size.width


def test_a_metric_that_lacks_a_filters_dimension_says_so_and_the_others_are_narrowed(reader: Reader) -> None:
    """By topic: only what has topics has numbers."""
    end = today()
    start = end - timedelta(days=14)
    asked = {"account": ACCOUNT, "from": start, "to": end - timedelta(days=1)}
    page = drawn(reader.open({**asked, "topic": "sim-delivery"}))
    assert "Cannot be filtered by: Topic" in page.locator("[data-metric=messages]").inner_text()
    assert page.locator("[data-metric=conversation_topics] .number").count() == 1
