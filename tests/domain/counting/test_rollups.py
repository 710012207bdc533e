"""Rollups: the same numbers as the cells they were made of, in whatever buckets they are asked for."""

from collections import Counter
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS, Cells
from telwerkd.domain.counting.rollups import SeriesKey, chunk_buckets, fits, joined, regrouped, resolution, roll_up
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import QuarterHourRange

ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"]
CHUNK = 480  # 2012-01-17 on; Apia had skipped a day shortly before
ROWS = [SeriesKey("anna", "", "", ""), SeriesKey("bram", "", "", "")]
VALUES = 5

Cell: TypeAlias = tuple[int, int, int, int]
"""Row, quarter-hour of the chunk, value and number."""

cells = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.one_of(
            st.integers(0, CHUNK_QUARTER_HOURS - 1),
            st.sampled_from([0, 20, CHUNK_QUARTER_HOURS - 20, CHUNK_QUARTER_HOURS - 1]),
        ),
        st.integers(1, VALUES),
        st.integers(1, 70_000),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(
    found=cells,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    chunk=st.integers(CHUNK - 2, CHUNK + 60),
    granularity=st.sampled_from([None, *Granularity]),
    first=st.integers(-40, 40),
    days=st.integers(1, 90),
)
def test_a_part_of_a_rollup_is_its_cells_counted(
    found: list[Cell], zone: ZoneInfo, chunk: int, granularity: Granularity | None, first: int, days: int
) -> None:
    """In every zone, by whatever granularity, wherever local days begin; None only where an edge cuts a bucket."""
    start = chunk * CHUNK_QUARTER_HOURS
    array = np.array([(row, start + quarter_hour, code, n) for row, quarter_hour, code, n in found], np.int64).reshape(
        -1, 4
    )
    width = resolution(granularity)
    rollup = roll_up(ROWS, Cells(*array.T), chunk_buckets(chunk, chunk, width, zone).edges, VALUES)
    days_edges = calendar.buckets(start - 50 * 96, start + 140 * 96, Granularity.DAY, zone).edges
    begin, end = (int(days_edges[50 + first + n]) for n in (0, days))
    edges = np.array([begin, end]) if granularity is None else calendar.buckets(begin, end, granularity, zone).edges
    part = regrouped(rollup, edges)
    wanted: Counter[tuple[int, int, int]] = Counter()
    for row, quarter_hour, code, n in array.tolist():
        if begin <= quarter_hour < end:
            wanted[row, int(np.searchsorted(edges, quarter_hour, side="right")) - 1, code - 1] += n
    if part is None:
        assert begin >= start + CHUNK_QUARTER_HOURS or end <= start
        assert not wanted
        return
    at, counts = part
    places = ((row, at + bucket, code) for row, bucket, code in zip(*np.nonzero(counts), strict=True))
    assert (
        Counter({tuple(map(int, place)): int(counts[place[0], place[1] - at, place[2]]) for place in places}) == wanted
    )


@settings(max_examples=100, deadline=None)
@given(
    of_chunks=st.lists(cells, min_size=1, max_size=4),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    width=st.sampled_from([Granularity.QUARTER_HOUR, Granularity.HOUR, Granularity.DAY]),
    wider=st.booleans(),
)
def test_joined_rollups_are_one_of_all_their_cells(
    of_chunks: list[list[Cell]],
    zone: ZoneInfo,
    width: Granularity,
    wider: bool,  # noqa: FBT001  # Hypothesis's
) -> None:
    """In days that two chunks share, with rows that only some have, with chunks between that have none."""
    rollups, arrays = [], []
    for place, found in enumerate(of_chunks):
        chunk = CHUNK + place * 2 - place // 2  # some side by side, some not
        array = np.array(
            [(0, chunk * CHUNK_QUARTER_HOURS + quarter_hour, *rest) for _, quarter_hour, *rest in found], np.int64
        )
        array = array.reshape(-1, 4)
        of_row = int(place in {1, 2})  # the two side by side
        rows = [ROWS[of_row]]
        rollups.append(roll_up(rows, Cells(*array.T), chunk_buckets(chunk, chunk, width, zone).edges, VALUES))
        arrays.append(array + np.array([of_row, 0, 0, 0]))
    edges = chunk_buckets(CHUNK - wider, chunk + wider, width, zone).edges
    whole = joined(rollups, edges)
    rows = ROWS[: min(2, len(of_chunks))]
    assert whole.rows == rows
    assert np.array_equal(whole.counts, roll_up(rows, Cells(*np.concatenate(arrays).T), edges, VALUES).counts)


@pytest.mark.parametrize("part", [slice(40), slice(40, None), slice(1, None), slice(-1), slice(None, None, 7)])
def test_rollups_are_joined_whole_or_not_at_all(part: slice) -> None:
    """Buckets that end before a rollup does, or begin after it, would lose counts."""
    zone = ZoneInfo("Asia/Kathmandu")
    no_cells = Cells(*np.zeros((4, 0), np.int64))
    rollups = [
        roll_up(ROWS, no_cells, chunk_buckets(chunk, chunk, Granularity.DAY, zone).edges, VALUES)
        for chunk in (CHUNK, CHUNK + 1)
    ]
    edges = chunk_buckets(CHUNK, CHUNK + 1, Granularity.DAY, zone).edges
    assert len(joined(rollups, edges).counts[0]) == len(edges) - 1
    with pytest.raises(ValueError, match="do not hold"):
        joined(rollups, edges[part])


@pytest.mark.parametrize("shift", [1, 5, 95])
def test_an_edge_within_a_day_fits_no_rollup_by_day(shift: int) -> None:
    """The caller then takes the cells."""
    zone = ZoneInfo("UTC")
    rollup = roll_up(
        ROWS, Cells(*np.zeros((4, 0), np.int64)), chunk_buckets(CHUNK, CHUNK, Granularity.DAY, zone).edges, 1
    )
    start = CHUNK * CHUNK_QUARTER_HOURS
    assert regrouped(rollup, np.array([start + shift, start + 960])) is None
    assert regrouped(rollup, np.array([start, start + 960 + shift])) is None
    assert regrouped(rollup, np.array([start + 96, start + 960])) is not None


@pytest.mark.parametrize("width", [Granularity.QUARTER_HOUR, Granularity.HOUR, Granularity.DAY])
@pytest.mark.parametrize("quarter_hour", [calendar.EARLIEST, calendar.LATEST - 1])
def test_the_chunks_in_which_the_calendar_begins_and_ends_have_rollups(width: Granularity, quarter_hour: int) -> None:
    """They begin before it, or end after it."""
    chunk = quarter_hour // CHUNK_QUARTER_HOURS
    edges = chunk_buckets(chunk, chunk, width, ZoneInfo("Asia/Kathmandu")).edges
    rollup = roll_up(ROWS[:1], Cells(*np.array([[0], [quarter_hour], [1], [7]], np.int64)), edges, VALUES)
    found = regrouped(rollup, np.array([calendar.EARLIEST, calendar.LATEST]))
    assert found is not None
    assert found[1][0, 0].tolist() == [7, 0, 0, 0, 0]


def test_a_span_fits_where_no_bucket_is_cut() -> None:
    """An end that lies outside, or on an edge, cuts none."""
    edges = calendar.buckets(0 + 20_000 * 96, 20_010 * 96, Granularity.DAY, calendar.zone("UTC")).edges
    start, end = int(edges[0]), int(edges[-1])
    for span in ((start, end), (start - 5, end + 5), (start + 96, end - 96), (start - 1, start + 96)):
        assert fits(edges, QuarterHourRange(*span))
    for span in ((start + 1, end), (start, end - 1), (start + 95, end + 5)):
        assert not fits(edges, QuarterHourRange(*span))
