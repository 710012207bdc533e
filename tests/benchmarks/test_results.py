"""What the benchmarks make of their figures."""

import pytest

from benchmarks.results import Bar, Missing, Row, percentile, table


def row(pairs: list[tuple[float, float]], bar: Bar | None) -> Row:
    return Row("R1", "taking in", "bare pipe", "events/s", pairs, bar)


def test_the_ratio_is_the_median_of_the_pairs_ratios_not_the_ratio_of_medians():
    assert row([(1, 10), (5, 10), (8, 20)], None).ratio == 0.4


@pytest.mark.parametrize(
    ("bar", "met"), [(Bar("≥", 0.5), True), (Bar("≥", 0.51), False), (Bar("≤", 0.5), True), (Bar("≤", 0.49), False)]
)
def test_a_bar_is_met_from_its_own_side_on_and_exactly_at_it(bar: Bar, *, met: bool):
    assert row([(1, 2)], bar).met is met


def test_a_row_without_a_bar_is_neither_met_nor_missed():
    assert row([(1, 2)], None).met is None


def test_the_table_shows_every_line_a_missed_bar_and_why_something_is_missing():
    lines = [row([(20_000, 100_000), (30_000, 100_000)], Bar("≥", 0.5)), Missing("R9", "PostgreSQL", "no workers")]
    text = table([line.as_json() for line in lines])
    assert "25,000 events/s | bare pipe: 100,000 events/s | 0.25 | 0.2 to 0.3 | ≥ 0.5 | **no** |" in text
    assert "| R9 | PostgreSQL | – | – | – | – | – | not available: no workers |" in text


def test_what_was_measured_on_a_busy_machine_is_shown_but_not_judged():
    line = row([(3, 10)], Bar("≥", 0.5)).as_json()
    assert "**no**; no verdict: the machine was busy (1.6) |" in table([line | {"busy": 1.6}])
    assert "no verdict" not in table([line | {"busy": 1.1}])


def test_a_percentile_is_one_of_the_values_with_that_share_below_it():
    assert percentile([float(n) for n in range(100)], 0.99) == 99
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2
    assert percentile([7.0], 0.99) == 7
