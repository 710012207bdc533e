"""What queries may use is counted before it is used, by a query or by a batch of them together."""

import pytest

from telwerkd.application.query.budgets import EventBudget, PointBudget, RowBudget, too_many_buckets
from telwerkd.domain.errors import LimitExceededError, RequestPart


def test_as_many_rows_as_are_allowed_are_and_not_one_more() -> None:
    """However they come; once there are too many, every other row is too many as well."""
    rows = RowBudget(5)
    rows.take(3)
    rows.take(2)
    assert rows.left == 0
    rows.take(0)
    for _ in range(2):
        with pytest.raises(LimitExceededError, match=r"more than 5 rows \(rows_max\)"):
            rows.take(1)
    with pytest.raises(LimitExceededError, match="rows_max"):
        rows.take(0)


def test_a_query_of_a_batch_that_does_not_fit_leaves_the_numbers_to_the_others() -> None:
    """None of its numbers is counted, and it is told how many those before it take."""
    points = PointBudget(100)
    assert points.take(series=5, buckets=4, values=[1, 2]) == 60
    with pytest.raises(LimitExceededError, match=r"would take 41 numbers .* queries before it take 60; at most 100"):
        points.take(series=1, buckets=41, values=[1])
    assert points.take(series=1, buckets=40, values=[1]) == 40


def test_the_first_query_is_not_told_of_others() -> None:
    """There are none before it."""
    with pytest.raises(LimitExceededError) as caught:
        PointBudget(1).take(series=1, buckets=2, values=[1])
    assert "before it" not in caught.value.message


def test_events_are_counted_over_a_batch() -> None:
    """The refusal names the part of the request that causes it."""
    events = EventBudget(3)
    events.take(3)
    with pytest.raises(LimitExceededError, match="as_of_events_max") as caught:
        events.take(1)
    assert caught.value.violations[0].field is RequestPart.AS_OF


@pytest.mark.parametrize(
    ("part", "advice"), [(RequestPart.GROUPING, "shorter range"), (RequestPart.GRANULARITY, "coarser")]
)
def test_too_many_buckets_are_told_with_what_helps(part: RequestPart, advice: str) -> None:
    """By time of the week there is no coarser granularity to choose."""
    message = too_many_buckets(50_000, 40_000, part).message
    assert advice in message
    assert "50000" in message
    assert "40000 (buckets_max)" in message
