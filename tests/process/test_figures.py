"""What components count in: ranges, capped names, and limits by what errors say."""

import pytest

from telwerkd.process.figures import CappedCounts, Histogram, LimitCounts


def test_a_value_lies_in_the_first_range_whose_bound_it_does_not_exceed() -> None:
    """As Prometheus has it: less or equal."""
    histogram = Histogram((1.0, 2.0))
    for value in (0, 1, 1.001, 2, 2.001, 1e9):
        histogram.observe(value)
    assert histogram.read().counts == (2, 2, 2)


@pytest.mark.parametrize(
    ("names_max", "counts"),
    [
        (0, {}),
        (1, {("a", "x"): 4, ("other", "x"): 6}),
        (3, {("a", "x"): 4, ("b", "x"): 2, ("c", "x"): 4}),
    ],
)
def test_names_beyond_the_cap_share_one(names_max: int, counts: dict[tuple[str, ...], int]) -> None:
    """Who has one keeps it; without a cap above 0 nothing is counted at all."""
    capped = CappedCounts(names_max)
    for name, count in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        capped.add(name, "x", count)
    assert capped.counts == counts


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("5 events wait, at most 10 (waiting_events_max) may", "waiting_events_max"),
        ("50 % (rows_max) of 10 (waiting_events_max)", "rows_max"),
        ("conversation 'x (rows_max)' has 10 (waiting_events_max)", "waiting_events_max"),
        ("10 (nothing_max) and no limit (of ours)", None),
        ("'rows_max", None),
        ("", None),
    ],
)
def test_a_limit_is_counted_where_a_text_names_it(text: str, met: str | None) -> None:
    """The first that is one; what callers sent stands in quotes, and names none."""
    limits = LimitCounts(["rows_max", "waiting_events_max"])
    limits.met(text)
    assert {name for (name,), count in limits.counts.items() if count} == ({met} if met else set())
    assert len(limits.counts) == 2
