"""Rollups that are still true: what was made of other versions of its chunks is not found."""

import numpy as np

from telwerkd.application.query.rollup_cache import RollupCache, RollupKey
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.counting.rollups import Rollup, SeriesKey
from telwerkd.domain.ids import AccountId
from telwerkd.domain.time.calendar import Granularity

KEY = RollupKey(AccountId("acme"), COUNTED[Kpi.FEEDBACK_COUNT], 1, 600, 611, Granularity.DAY, "Europe/Berlin")
VERSIONS = ((600, 3), (611, 1))


def rollup(counts: int = 1) -> Rollup:
    return Rollup([SeriesKey("anna", "", "", "")], np.arange(2), np.full((1, counts, 1), 1, np.int32), 2)


def test_a_rollup_is_found_while_no_chunk_of_it_has_changed() -> None:
    """Nor a new one came, nor one went."""
    cache, made = RollupCache(1 << 20), rollup()
    cache.put(KEY, VERSIONS, made)
    changed, more, fewer = ((600, 4), (611, 1)), (*VERSIONS, (605, 1)), VERSIONS[:1]
    found = cache.get([(KEY, VERSIONS), (KEY, changed), (KEY, more), (KEY, fewer)])
    assert found[0] is made
    assert found[1:] == [None] * 3


def test_a_rollup_is_of_one_account_grouping_width_and_zone() -> None:
    """The same chunks are summed up otherwise for another question."""
    cache = RollupCache(1 << 20)
    cache.put(KEY, VERSIONS, rollup())
    others = [
        KEY._replace(account=AccountId("other")),
        KEY._replace(grouping=2),
        KEY._replace(width=Granularity.HOUR),
        KEY._replace(zone="UTC"),
        KEY._replace(last_chunk=610),
    ]
    assert cache.get([(other, VERSIONS) for other in others]) == [None] * len(others)


def test_a_newer_rollup_takes_the_place_of_the_earlier() -> None:
    """Chunks have one state that is true."""
    cache, newer = RollupCache(1 << 20), rollup()
    cache.put(KEY, VERSIONS, rollup())
    cache.put(KEY, ((600, 4), (611, 1)), newer)
    assert cache.get([(KEY, VERSIONS), (KEY, ((600, 4), (611, 1)))]) == [None, newer]


def test_those_that_were_used_last_are_kept_within_the_bound() -> None:
    """To look for one under other versions is no use of it; 0 bytes keep none."""
    one, two, three = (KEY._replace(first_chunk=chunk) for chunk in (1, 2, 3))
    cache = RollupCache(2 * (rollup(1_000).nbytes + 1_000))
    cache.put(one, VERSIONS, rollup(1_000))
    cache.put(two, VERSIONS, rollup(1_000))
    cache.get([(one, VERSIONS), (two, VERSIONS[:1])])
    cache.put(three, VERSIONS, rollup(1_000))
    assert [found is not None for found in cache.get([(key, VERSIONS) for key in (one, two, three)])] == [
        True,
        False,
        True,
    ]
    nothing = RollupCache(0)
    nothing.put(KEY, VERSIONS, rollup())
    assert nothing.get([(KEY, VERSIONS)]) == [None]
