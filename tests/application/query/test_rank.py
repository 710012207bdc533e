"""Rank: the order of keys, and which of them a query asks for."""

from datetime import timedelta

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.application.query.question import Order, OrderMeasure, Page, PreviousPeriod, RowPosition, Top
from telwerkd.application.query.rank import _in_order
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.errors import LimitExceededError
from tests.application.query.reading import MONDAY, WEEK, Some, asking, order_of, ranked, spread

law = settings(deadline=None, max_examples=40)
BY_OPERATOR = {"group_by": (Dimension.OPERATOR,)}
MOST = Order(OrderMeasure.COUNT, descending=True)
FACTS = spread(("dora", 2), ("anna", 5), ("carl", 2), ("bram", 9))


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        (Order(), "anna bram carl dora"),
        (Order(descending=True), "dora carl bram anna"),
        (Order(OrderMeasure.COUNT), "carl dora anna bram"),
        (MOST, "bram anna carl dora"),
    ],
    ids=["by key", "by key, descending", "fewest", "most"],
)
def test_ties_come_by_key_whichever_way_the_numbers_go(order: Order, keys: str) -> None:
    """Only an order by key itself is turned around."""
    assert order_of(ranked(asking(order=order, **BY_OPERATOR), *FACTS)) == keys.split()


@pytest.mark.parametrize("descending", [False, True])
def test_keys_without_the_number_come_last_either_way(*, descending: bool) -> None:
    """A change of nothing is no number: it is neither the smallest nor the largest."""
    order = Order(OrderMeasure.COUNT_CHANGE, descending)
    query = asking(order=order, compare_to=PreviousPeriod.PREVIOUS, **BY_OPERATOR)
    facts = spread(("new", 4), ("more", 4), ("more", 2, -7), ("less", 1), ("less", 2, -7), ("gone", 2, -7))
    rising = ["gone", "less", "more"]
    assert order_of(ranked(query, *facts)) == [*(rising[::-1] if descending else rising), "new"]


def test_what_was_taken_back_is_no_row() -> None:
    """It leaves a key without facts, until it is compacted; a whole answer is a row all the same."""
    assert order_of(ranked(asking(**BY_OPERATOR), *FACTS, Some("anna", -5))) == ["bram", "carl", "dora"]
    assert order_of(ranked(asking())) == [""]


@pytest.mark.parametrize(("size", "rest"), [(1, True), (3, True), (4, False), (9, False)])
def test_the_largest_are_the_first_and_the_rest_is_what_remains(size: int, *, rest: bool) -> None:
    """Where none remains there is no rest, though it was asked for."""
    found = ranked(asking(order=MOST, top=Top(size, rest=True), **BY_OPERATOR), *FACTS)
    assert order_of(found) == ["bram", "anna", "carl", "dora"][:size]
    assert found.selection.rest is rest
    assert not ranked(asking(order=MOST, top=Top(size, rest=False), **BY_OPERATOR), *FACTS).selection.rest


def test_too_little_below_the_line_is_among_the_rest() -> None:
    """A rate of two conversations says little: `min_below` leaves it out of the largest, not out of the sums."""
    both = Kpi.LIVE_CONVERSATIONS_ANSWERED, Kpi.UNANSWERED_LIVE_CONVERSATIONS
    numbers = {"few": (2, 0), "good": (9, 1), "poor": (5, 5)}
    facts = [Some(who, n, kpi=kpi) for who, of in numbers.items() for kpi, n in zip(both, of, strict=True)]
    order, top = Order(OrderMeasure.RATE, descending=True), Top(2, rest=True, min_below=10)
    found = ranked(asking(RATES["live_answer_rate"], order=order, top=top, **BY_OPERATOR), *facts)
    assert (order_of(found), found.selection.rest) == (["good", "poor"], True)


@law
@given(
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 3)), max_size=12),
    st.sampled_from([OrderMeasure.KEY, OrderMeasure.COUNT]),
    st.data(),
)
def test_pages_are_the_whole_order_cut(of: list[tuple[str, int]], measure: OrderMeasure, data: st.DataObject) -> None:
    """Each key on one page, none twice, also among ties; the last page says that it is the last."""
    descending, size = data.draw(st.booleans()), data.draw(st.integers(1, 4))
    query = asking(order=Order(measure, descending), **BY_OPERATOR)
    whole = order_of(ranked(query, *spread(*of)))
    pages: list[str] = []
    after: RowPosition | None = None
    for _ in range(len(whole) + 1):
        found = ranked(query._replace(page=Page(size, after)), *spread(*of))
        assert len(found.selection.indexes) <= size
        pages += order_of(found)
        after = found.selection.next
        if after is None:
            break
        assert len(pages) < len(whole), "no page is empty that another announced"
    assert pages == whole


def test_a_page_begins_after_a_place_also_where_that_has_gone() -> None:
    """Who turns a page meanwhile loses no row: what is after the place by number or by key comes."""
    query = asking(order=MOST, **BY_OPERATOR)
    [first] = order_of(half := ranked(query._replace(page=Page(1)), *FACTS))
    after = half.selection.next
    assert (first, after) == ("bram", RowPosition(absent=False, number=-9.0, key=("bram",)))
    left = [fact for fact in FACTS if fact.operator != "bram"]
    assert order_of(ranked(query._replace(page=Page(9, after)), *left)) == ["anna", "carl", "dora"]


def test_more_groups_than_are_answered_at_once_are_refused_but_not_cut() -> None:
    """Unless pages, or the largest, are asked for."""
    with pytest.raises(LimitExceededError, match=r"4 groups, at most 3 \(groups_max\)"):
        ranked(asking(**BY_OPERATOR), *FACTS, groups_max=3)
    for fields in ({"page": Page(4)}, {"top": Top(4, rest=False)}):
        assert len(order_of(ranked(asking(**BY_OPERATOR, **fields), *FACTS, groups_max=3))) == 4
    assert len(order_of(ranked(asking(**BY_OPERATOR), *FACTS, groups_max=4))) == 4


def test_rows_are_ordered_by_the_whole_range() -> None:
    """Not by a bucket of it, nor by what lies outside."""
    facts = spread(("anna", 3, 0), ("bram", 2, 0), ("bram", 2, 6), ("carl", 9, 7))
    from_day_to_day = asking(order=MOST, granularity=None, range=WEEK, **BY_OPERATOR)
    assert order_of(ranked(from_day_to_day, *facts)) == ["bram", "anna"]
    longer = WEEK._replace(end=MONDAY + timedelta(8))
    assert order_of(ranked(from_day_to_day._replace(range=longer), *facts)) == ["carl", "bram", "anna"]


def test_many_keys_come_in_their_order() -> None:
    """Sorted in runs, that are merged."""
    keys = [(f"{n * 7919 % 10_007}",) for n in range(10_007)]
    assert [keys[place] for place in _in_order(keys)] == sorted(keys)
    assert _in_order([]) == []
