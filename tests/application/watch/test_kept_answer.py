"""What a watch keeps of its last answer: enough to tell what changed, and little."""

from datetime import date
from random import Random

import numpy as np
import pytest

from telwerkd.application.ports import AnswerVersion
from telwerkd.application.query.question import Filter, PreviousPeriod, Query
from telwerkd.application.query.result import Answer, AnswerRow, GrandTotal, GroupKey, KpiRows, Numbers
from telwerkd.application.watch.kept_answer import KeptAnswer
from telwerkd.application.watch.watches import about_differs, changes
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.ids import AccountId
from telwerkd.domain.time.calendar import Buckets, Granularity
from telwerkd.domain.time.ranges import DateRange

SCORE = CATALOGUE[Kpi.SATISFACTION_SCORE]
QUERY = Query(
    AccountId("acme"),
    (SCORE,),
    DateRange(date(2025, 1, 1), date(2026, 1, 1)),
    Granularity.DAY,
    "UTC",
    Filter(),
    (Dimension.OPERATOR,),
)
QUARTERS = 35_040


def numbers(random: Random, width: int, facts: int) -> Numbers:
    """Ratings in random buckets, some of them many."""
    stars = np.zeros((5, width), np.int64)
    for _ in range(facts):
        stars[random.randrange(5), random.randrange(width)] += random.choice([1, 1, 1, 300, 70_000])
    return Numbers(stars.sum(axis=0), np.arange(1, 6) @ stars, stars)


def answered(random: Random, width: int, *, rows: int, facts: int, compared: bool = False) -> Answer:
    """An answer to a time series of KPI 1."""
    made = [
        AnswerRow(
            GroupKey(operator=f"o{n}"),
            *numbers(random, width, facts)[:3],
            numbers(random, width, facts) if compared else None,
            rest=compared and n == rows - 1,
        )
        for n in range(rows)
    ]
    of_kpi = KpiRows(SCORE, made, 0, True, [], False, GrandTotal(facts, facts), GrandTotal(), rows)  # noqa: FBT003  # its fields
    buckets = Buckets(np.arange(width + 1), first_clipped=False, last_clipped=False)
    return Answer(buckets, None, [of_kpi], "UTC", AnswerVersion(7, None), None)


def told(query: Query, before: Answer, after: Answer) -> object:
    """What `changes` says, comparable."""
    found = changes(query, before, after)
    shown = [(info, row.key, places.tolist(), row.counts[places].tolist()) for info, row, places in found or []]
    return found is None, shown, about_differs(before, after)


@pytest.mark.parametrize("compared", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_the_same_has_changed_since_what_was_kept(seed: int, compared: bool) -> None:  # noqa: FBT001  # pytest's
    """As since the whole answer: lines that come and go, numbers of every size, both periods."""
    random = Random(seed)  # noqa: S311  # any will do
    query = QUERY._replace(compare_to=PreviousPeriod.PREVIOUS) if compared else QUERY
    before, after = (
        answered(random, 40, rows=random.randrange(4), facts=random.choice([0, 1, 30]), compared=compared)
        for _ in range(2)
    )
    kept = KeptAnswer(before)
    assert kept.version == 7
    assert told(query, kept.answer(), after) == told(query, before, after)
    assert told(query, kept.answer(), before) == told(query, before, before)


def test_what_has_no_facts_takes_next_to_no_memory() -> None:
    """A year by quarter-hour of nine KPIs, of which nothing is counted, took megabytes."""
    empty = answered(Random(1), QUARTERS, rows=1, facts=0, compared=True)  # noqa: S311
    assert KeptAnswer(empty._replace(kpis=empty.kpis * 9)).nbytes < 50_000


def test_the_memory_that_is_counted_is_that_of_the_numbers() -> None:
    """Those that are not 0, with their places; or all, in the smallest type, where most are not."""
    sparse = KeptAnswer(answered(Random(1), QUARTERS, rows=1, facts=100))  # noqa: S311
    dense = answered(Random(1), QUARTERS, rows=1, facts=0)  # noqa: S311
    [of_kpi] = dense.kpis
    full = of_kpi.rows[0]._replace(counts=np.full(QUARTERS, 3), distribution=np.full((5, QUARTERS), 3))
    whole = KeptAnswer(dense._replace(kpis=[of_kpi._replace(rows=[full])]))
    assert 2 * 100 * 5 < sparse.nbytes < 2 * 100 * 8 + 5_000
    assert QUARTERS * 6 <= whole.nbytes < QUARTERS * 6 + 5_000
