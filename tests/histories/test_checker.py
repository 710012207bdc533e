"""The checker of histories lets nothing through that no order explains, and refuses nothing that one does."""

from dataclasses import replace

import pytest

from tests.histories.checker import History, Read, Write, violations

A, B = Write("a", 3, 1.0, 2.0), Write("b", 2, 3.0, 4.0)
UNKNOWN = Write("u", 5, 3.0)
BACK = Write("a back", 3, 5.0, 6.0, takes_back="a")


def query(called: float, answered: float, *agreeing: int, **seen: int) -> Read:
    return Read(called, answered, seen, agreeing)


GOOD = {
    "nothing": History(),
    "what is acknowledged is seen": History(
        [A, B], [query(2.5, 2.6, 3, 3, a=3), query(4.5, 5, 5, a=3, b=2)], [], {"a": 3, "b": 2}
    ),
    "what is on its way is seen or not": History([A], [query(1.5, 3, a=3), query(1.0, 3)], [], {"a": 3}),
    "unknown, and it happened": History([UNKNOWN], [query(4, 5), query(6, 7, 5, u=5)], [], {"u": 5}),
    "unknown, and it did not": History([UNKNOWN], [query(4, 5), query(6, 7, 0)], [], {}),
    "taken back": History([A, BACK], [query(5.1, 5.2, a=3), query(5.3, 5.4), query(7, 8)], [], {}),
    "taken back, and nobody knows": History(
        [A, replace(BACK, answered=float("inf"))], [query(7, 8, a=3)], [], {"a": 3}
    ),
    "reads at the same time, in any order": History([UNKNOWN], [query(4, 6, u=5), query(5, 7)], [], {"u": 5}),
    "a long read that began before": History(
        [UNKNOWN], [query(4, 9), query(5, 6, u=5), query(10, 11, u=5)], [], {"u": 5}
    ),
    "a watch is late": History(
        [A, B], [], [[query(2.5, 2.6, a=3), query(2.6, 9, a=3), query(9, 9.1, a=3, b=2)]], {"a": 3, "b": 2}
    ),
}

BAD = {
    "stale: an acknowledged write is not in a later read": (
        "acknowledged",
        History([A], [query(2.5, 3)], [], {"a": 3}),
    ),
    "lost at the end": ("acknowledged", History([A], [], [], {})),
    "half a write": ("whole", History([A], [query(2.5, 3, a=2)], [], {"a": 3})),
    "counted twice": ("whole", History([A], [query(2.5, 3, a=6)], [], {"a": 3})),
    "half of an unknown write": ("whole", History([UNKNOWN], [], [], {"u": 4})),
    "an unknown write, seen and gone": ("never back", History([UNKNOWN], [query(4, 5, u=5), query(6, 7)], [], {})),
    "from the future": ("not before", History([B], [query(1, 2, b=2)], [], {"b": 2})),
    "from nowhere": ("nobody wrote", History([], [query(1, 2, x=1)], [], {})),
    "two views in one answer": ("one view", History([A, B], [query(3.5, 3.9, 3, 5, a=3)], [], {"a": 3, "b": 2})),
    "taken back, and still there": ("taken back", History([A, BACK], [query(7, 8, a=3)], [], {})),
    "taken back, and there at the end": ("taken back", History([A, BACK], [], [], {"a": 3})),
    "taken back, gone and there again": (
        "never back",
        History([A, replace(BACK, answered=9.0)], [query(5.5, 6, a=3), query(6.1, 6.2), query(6.3, 6.4, a=3)], [], {}),
    ),
    "one server behind the other": (
        "never back",
        History([replace(A, answered=9.0)], [query(2, 3, a=3), query(4, 5)], [], {"a": 3}),
    ),
    "a watch that goes back": (
        "never back",
        History([A, B], [], [[query(4.5, 5, a=3, b=2), query(5, 6, b=2)]], {"a": 3, "b": 2}),
    ),
    "a watch that begins in the past": ("acknowledged", History([A], [], [[query(2.5, 3)]], {"a": 3})),
    "a watch with half a write": ("whole", History([A], [], [[query(2.5, 3, a=3), query(3, 4, a=1)]], {"a": 3})),
    "a watch that tells again what it took back": (
        "never back",
        History([A, BACK], [], [[query(3, 4, a=3), query(4, 5.5), query(5.5, 5.8, a=3)]], {}),
    ),
}


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD)
def test_what_an_order_explains_is_let_through(history: History) -> None:
    assert list(violations(history)) == []


@pytest.mark.parametrize(("law", "history"), BAD.values(), ids=BAD)
def test_what_no_order_explains_is_refused_by_its_law(law: str, history: History) -> None:
    assert any(law in found for found in violations(history))
