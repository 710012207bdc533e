"""Times of the week: what was read by hours is put into the cells of a week."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.application.query.budgets import RowBudget
from telwerkd.application.query.question import Query
from telwerkd.application.query.slices.slices import CellRow, Reading
from telwerkd.application.query.slices.week import into_cells
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.errors import LimitExceededError
from tests.application.query.reading import Some, asking, reading

law = settings(deadline=None, max_examples=40)
BY_BOTH = Dimension.WEEKDAY, Dimension.HOUR_OF_DAY


@st.composite
def facts(draw: st.DrawFn) -> Some:
    """Facts of two operators that meet in some hours of a week."""
    day, hour = draw(st.integers(0, 6)), draw(st.sampled_from([0, 8, 9, 23]))
    return Some(draw(st.sampled_from("ab")), draw(st.integers(1, 3)), day, hour=hour)


def in_cells(query: Query, *of: Some, rows_max: int = 1_000) -> tuple[Reading, RowBudget]:
    rows = RowBudget(rows_max)
    return into_cells(reading(query, *of), rows), rows


def cell_of(fact: Some, group_by: tuple[Dimension, ...]) -> tuple[str, str]:
    """Weekday and hour, as a clock on the wall shows them."""
    at = datetime.fromtimestamp(fact.quarter_hour * 900, UTC)
    by_day, by_hour = (dimension in group_by for dimension in BY_BOTH)
    return str(at.isoweekday()) if by_day else "", f"{at.hour:02}" if by_hour else ""


@law
@given(st.lists(facts(), max_size=10), st.sampled_from([BY_BOTH[:1], BY_BOTH[1:], BY_BOTH]))
def test_each_row_is_put_once_into_each_of_its_cells(of: list[Some], group_by: tuple[Dimension, ...]) -> None:
    """With what was counted of it there, in one bucket; a cell in which nothing was counted has no row."""
    wanted = Counter[tuple[str, str, str]]()
    for fact in of:
        wanted[fact.operator, *cell_of(fact, group_by)] += fact.n
    found, _ = in_cells(asking(group_by=(Dimension.OPERATOR, *group_by)), *of)
    [cells] = found.kpis[0].slices
    rows = [(row.operator, row.weekday, row.hour_of_day) for row in cells.rows if isinstance(row, CellRow)]
    assert cells.width == 1
    assert dict(zip(rows, cells.totals()[:, 0].tolist(), strict=True)) == wanted
    assert len(set(rows)) == len(rows)


def test_cells_count_as_rows() -> None:
    """One of each row in each cell: a few operators may be many rows by hour of the week."""
    of = [Some("anna", 1, day) for day in range(5)]
    query = asking(group_by=(Dimension.OPERATOR, *BY_BOTH))
    found, rows = in_cells(query, *of, rows_max=5)
    assert (found.rows, rows.left) == (5, 0)
    with pytest.raises(LimitExceededError, match="cell of the week"):
        in_cells(query, *of, rows_max=4)


def test_what_was_read_before_is_not_counted_again() -> None:
    """A batch shares one budget: the rows of a query are its own."""
    rows = RowBudget(10)
    rows.take(7)
    assert into_cells(reading(asking(group_by=BY_BOTH), Some("", 2)), rows).rows == 1


def test_the_period_is_one_bucket_from_its_first_edge_to_its_last() -> None:
    """From then on a cell is a part of a row's key, and the answer one of totals."""
    found, _ = in_cells(asking(group_by=BY_BOTH), Some("", 2))
    [period] = found.periods
    assert (period.start, period.end, period.width) == (*found.outline.spans[0], 1)
