"""An answer as it is told: what is left out, what is told as NaN or not at all, and in which order."""

import math
from collections.abc import Iterable
from typing import Any

import pytest

from telwerk.v1 import kpi_service_pb2 as pb
from telwerk.v1.display_name_pb2 import NAME_KIND_OPERATOR, DisplayName
from telwerkd.application.query.question import RowPosition
from telwerkd.application.query.result import Answer, AnswerRow, GroupKey, KpiRows
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.display_names import NameKey, NameKind
from telwerkd.domain.ids import Micros
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.week import WeekDivision
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.fields import encode_instant
from telwerkd.transport.codec.query.answers import encode_answer, encode_batched, encode_changes, encode_finished
from tests.transport.codec.query.answers_made import (
    FEEDBACK,
    FIRST_QUARTER,
    NOW,
    SCORE,
    answer,
    buckets,
    column,
    durations,
    numbers,
    of_kpi,
    row,
)
from tests.transport.codec.query.test_week_hours import span

RATE = RATES["goal_rate"]
STARS = column(1, 2, 3, 4, 5)
SERIES, TOTALS = pb.QueryTimeSeriesRequest(account_id="acme"), pb.QueryTotalsRequest(account_id="acme")
ANNA, BRAM = GroupKey(operator="anna"), GroupKey(operator="bram")
MONDAY = FIRST_QUARTER * 900
LATER = Micros(NOW + 7_000_000)


def series(of: Answer, request: pb.QueryTimeSeriesRequest = SERIES) -> pb.QueryTimeSeriesResponse:
    return pb.QueryTimeSeriesResponse.FromString(encode_answer(request, of, NOW).body)


def line(made: AnswerRow, info: KpiRows | None = None, **asked: Any) -> pb.Series:
    """The only line of an answer in buckets."""
    rows = of_kpi(FEEDBACK, made) if info is None else info
    [found] = series(answer(rows, width=len(made.counts)), pb.QueryTimeSeriesRequest(**asked)).series
    return found


def totals(of: Answer) -> pb.QueryTotalsResponse:
    return pb.QueryTotalsResponse.FromString(encode_answer(TOTALS, of, NOW).body)


def rounded(found: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(one) else one for one in found]


# --- the whole reply -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [SERIES, TOTALS])
def test_a_kept_reply_says_until_when_it_is_complete_as_of_when_it_is_sent(
    request_: pb.QueryTimeSeriesRequest | pb.QueryTotalsRequest,
) -> None:
    """Nothing else in it changes; and it is never later than the first limit that is open (R-NUM-6)."""
    kept, whole = encode_finished(request_, NOW, answer(of_kpi(FEEDBACK, row(1))))
    first, second = kept.kind.FromString(whole), kept.kind.FromString(kept.finished(LATER))
    assert (first.complete_until, second.complete_until) == (encode_instant(NOW), encode_instant(LATER))
    for reply in (first, second):
        reply.ClearField("complete_until")
        assert reply == kept.kind.FromString(kept.body)
    due = encode_answer(request_, answer(of_kpi(FEEDBACK, row(1)), due=NOW), NOW)
    assert due.kind.FromString(due.finished(LATER)).complete_until == encode_instant(NOW)


def test_only_totals_by_time_of_the_week_depend_on_the_present_in_more() -> None:
    """Their hours go on: such a reply is not kept."""
    week = (span(WeekDivision(by_weekday=True, by_hour=False), 0, 4),)
    assert not encode_answer(TOTALS, answer(of_kpi(FEEDBACK), week=week), NOW).lasting
    assert encode_answer(TOTALS, answer(of_kpi(FEEDBACK)), NOW).lasting
    assert encode_answer(SERIES, answer(of_kpi(FEEDBACK)), NOW).lasting


def test_buckets_are_told_in_seconds_with_the_end_of_the_last() -> None:
    """Of the compared period too, which may have more of them."""
    of = answer(of_kpi(FEEDBACK), time_zone="Europe/Amsterdam")._replace(
        buckets=buckets(2, clipped=(True, False)), compared=buckets(3, FIRST_QUARTER - 3, clipped=(False, True))
    )
    told = series(of)
    assert (list(told.bucket_start_seconds), told.end_seconds) == ([MONDAY, MONDAY + 900], MONDAY + 1_800)
    assert (told.first_bucket_clipped, told.last_bucket_clipped, told.time_zone) == (True, False, "Europe/Amsterdam")
    period = pb.ComparedPeriod(
        bucket_start_seconds=[MONDAY - 2_700, MONDAY - 1_800, MONDAY - 900],
        end_seconds=MONDAY,
        last_bucket_clipped=True,
    )
    assert told.compared_period == period
    whole = of._replace(buckets=buckets(1))
    assert (totals(whole).start_seconds, totals(whole).end_seconds) == (MONDAY, MONDAY + 900)
    assert (totals(whole).compared_period, totals(whole).time_zone) == (period, "Europe/Amsterdam")
    assert not series(answer(of_kpi(FEEDBACK))).HasField("compared_period")


def test_the_width_is_told_only_where_it_was_left_open() -> None:
    of = answer(of_kpi(FEEDBACK), granularity=Granularity.MONTH)
    assert series(of, pb.QueryTimeSeriesRequest(granularity=pb.GRANULARITY_AUTO)).granularity == pb.GRANULARITY_MONTH
    asked = pb.QueryTimeSeriesRequest(granularity=pb.GRANULARITY_MONTH)
    assert series(of, asked).granularity == pb.GRANULARITY_UNSPECIFIED


def test_the_next_page_begins_after_the_last_row() -> None:
    """The last page has no token."""
    after = RowPosition(absent=True, number=1.5, key=("anna",))
    of = answer(of_kpi(FEEDBACK), next=after)
    for request, told in ((SERIES, series(of)), (TOTALS, totals(of))):
        assert page_tokens.decode(request, told.next_page_token, RowPosition) == after
    assert series(of._replace(next=None)).next_page_token == totals(of._replace(next=None)).next_page_token == ""


def test_rows_and_names_keep_their_orders() -> None:
    """Rows that of the KPIs and of the answer; names by kind and id."""
    names = {NameKey(NameKind.WIDGET, "a"): "Shop", NameKey(NameKind.OPERATOR, "b"): "Anna"}
    of = answer(of_kpi(SCORE, row(2, key=BRAM, sums=column(9))), of_kpi(FEEDBACK, row(1, key=BRAM), row(3, key=ANNA)))
    wanted = [("satisfaction_score", "bram"), ("feedback_count", "bram"), ("feedback_count", "anna")]
    told = series(of._replace(names=names)), totals(of._replace(names=names))
    assert [(each.kpi_id, each.key.operator_id) for each in told[0].series] == wanted
    assert [(each.kpi_id, each.key.operator_id) for each in told[1].totals] == wanted
    for reply in told:
        assert [about.kpi_id for about in reply.answers] == ["satisfaction_score", "feedback_count"]
        assert [each.name for each in reply.names] == ["Anna", "Shop"]


def test_an_answer_of_a_batch_is_whole_and_in_the_field_of_its_kind() -> None:
    of = answer(of_kpi(FEEDBACK, row(1)), width=1)
    told = pb.BatchedAnswer.FromString(encode_batched(encode_answer(SERIES, of, NOW), LATER))
    assert told.time_series.complete_until == encode_instant(LATER)
    assert list(told.time_series.series[0].counts) == [1]
    told = pb.BatchedAnswer.FromString(encode_batched(encode_answer(TOTALS, of, NOW), LATER))
    assert told.totals.complete_until == encode_instant(LATER)
    assert told.totals.totals[0].count == 1


# --- lines -----------------------------------------------------------------------------------------------------------


def test_a_line_has_every_bucket_and_sums_only_where_there_is_a_mean() -> None:
    told = line(row(0, 300, 0))
    assert (list(told.counts), list(told.sums), list(told.bucket_indexes)) == ([0, 300, 0], [], [])
    rated = row(0, 2, sums=column(0, 9))
    assert list(line(rated, of_kpi(SCORE, rated)).sums) == [0, 9]


def test_a_sparse_line_has_only_the_buckets_with_facts_and_names_them() -> None:
    """Its other columns are cut as its counts are."""
    distribution = STARS[:, None] * column(0, 1, 0, 2)
    made = row(0, 1, 0, 2, sums=column(0, 5, 0, 7), distribution=distribution)
    told = line(made, of_kpi(SCORE, made), sparse=True, include_distribution=True)
    assert (list(told.bucket_indexes), list(told.counts), list(told.sums)) == ([1, 3], [1, 2], [5, 7])
    assert [list(each.counts) for each in told.distribution] == [[n, 2 * n] for n in range(1, 6)]


def test_a_sparse_line_of_a_rate_has_the_buckets_with_something_below_too() -> None:
    """Nothing above it is a rate of 0, which is not nothing."""
    made = row(0, 0, 2, below=column(0, 4, 4))
    told = line(made, of_kpi(RATE, made), sparse=True)
    assert (list(told.bucket_indexes), list(told.below_counts), list(told.rates)) == ([1, 2], [4, 4], [0.0, 0.5])


def test_a_rate_is_nan_where_nothing_is_below() -> None:
    """R-RATE-2; of a KPI that is no rate there is none."""
    made = row(1, 0, below=column(2, 0))
    told = line(made, of_kpi(RATE, made))
    assert (list(told.below_counts), rounded(told.rates)) == ([2, 0], [0.5, None])
    assert not line(row(1)).rates


def test_the_distribution_of_a_line_is_told_only_if_asked_for() -> None:
    """In the catalogue's order."""
    made = row(3, sums=column(5), distribution=STARS[:, None])
    assert not line(made, of_kpi(SCORE, made)).distribution
    told = line(made, of_kpi(SCORE, made), include_distribution=True).distribution
    assert [(each.value.stars, list(each.counts)) for each in told] == [(n, [n]) for n in range(1, 6)]


def test_a_line_has_the_durations_that_were_asked_for() -> None:
    """Sparse, those of its buckets."""
    made = row(0, 1, durations=durations({0.5: [math.nan, 7]}))
    assert rounded(line(made).percentiles[0].values) == [None, 7]
    assert list(line(made, sparse=True).percentiles[0].values) == [7]


def test_a_line_is_compared_bucket_by_bucket_as_far_as_both_periods_go() -> None:
    """All of the compared numbers are told; a part of nothing is NaN."""
    made = row(3, 1, 0, sums=column(12, 5, 0), compared=numbers(2, 0, 0, 4, sums=column(6, 0, 0, 9)))
    told = line(made, of_kpi(SCORE, made)).comparison
    assert (list(told.counts), list(told.sums)) == ([2, 0, 0, 4], [6, 0, 0, 9])
    assert list(told.count_deltas) == [1, 1, 0]
    assert rounded(told.count_changes) == [0.5, None, None]
    assert rounded(told.mean_deltas) == [1.0, None, None]
    assert not told.rate_deltas
    longer = line(row(5, 6, compared=numbers(5))).comparison
    assert (list(longer.counts), list(longer.count_deltas), list(longer.mean_deltas)) == ([5], [0], [])


def test_a_line_of_a_rate_is_compared_by_the_difference_of_its_rates() -> None:
    """NaN where one of them is none."""
    made = row(1, 1, 0, below=column(2, 1, 0), compared=numbers(0, 1, 1, 1, below=column(4, 0, 1, 1)))
    told = line(made, of_kpi(RATE, made)).comparison
    assert list(told.below_counts) == [4, 0, 1, 1]
    assert rounded(told.rate_deltas) == [0.5, None, None]


def test_a_compared_line_has_its_own_percentiles() -> None:
    made = row(1, compared=numbers(1, 1, durations=durations({0.5: [4, 5]})))
    assert list(line(made).comparison.percentiles[0].values) == [4, 5]


# --- totals ----------------------------------------------------------------------------------------------------------


def total(made: AnswerRow, kpi: KpiRows | None = None) -> pb.Total:
    [found] = totals(answer(of_kpi(FEEDBACK, made) if kpi is None else kpi)).totals
    return found


def test_a_total_without_facts_has_no_mean_and_no_rate() -> None:
    """Never 0 (R-NUM-1, R-RATE-2); what is below the line is told as 0."""
    made = row(0, sums=column(0))
    told = total(made, of_kpi(SCORE, made))
    assert (told.count, told.sum, told.HasField("mean"), told.HasField("below_count")) == (0, 0, False, False)
    made = row(0, below=column(0))
    told = total(made, of_kpi(RATE, made))
    assert (told.HasField("rate"), told.HasField("below_count")) == (False, True)
    assert total(row(2)) == pb.Total(kpi_id="feedback_count", key=pb.Key(), count=2)


def test_a_total_has_mean_rate_share_and_distribution() -> None:
    """The distribution unasked, in the catalogue's order."""
    made = row(4, sums=column(18), distribution=STARS[:, None], share=0.25)
    told = total(made, of_kpi(SCORE, made))
    assert (told.count, told.sum, told.mean, told.share) == (4, 18, 4.5, 0.25)
    assert [(each.value.stars, each.count) for each in told.distribution] == [(n, n) for n in range(1, 6)]
    made = row(1, below=column(4))
    told = total(made, of_kpi(RATE, made))
    assert (told.rate, told.below_count, told.HasField("share")) == (0.25, 4, False)


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        ((4, 18), (2, 6), pb.TotalComparison(count=2, sum=6, mean=3, count_delta=2, count_change=1, mean_delta=1.5)),
        ((4, 18), (0, 0), pb.TotalComparison(count_delta=4)),
        ((0, 0), (2, 6), pb.TotalComparison(count=2, sum=6, mean=3, count_delta=-2, count_change=-1)),
    ],
)
def test_means_are_compared_where_both_periods_have_one(
    now: tuple[int, int], before: tuple[int, int], told: pb.TotalComparison
) -> None:
    """And a growth where there was something to grow."""
    made = row(now[0], sums=column(now[1]), compared=numbers(before[0], sums=column(before[1])))
    assert total(made, of_kpi(SCORE, made)).comparison == told


@pytest.mark.parametrize(
    ("now", "before", "delta"), [((1, 2), (0, 4), 0.5), ((1, 2), (0, 0), None), ((0, 0), (1, 1), None)]
)
def test_rates_are_compared_where_both_periods_have_one(
    now: tuple[int, int], before: tuple[int, int], delta: float | None
) -> None:
    made = row(now[0], below=column(now[1]), compared=numbers(before[0], below=column(before[1])))
    told = total(made, of_kpi(RATE, made)).comparison
    assert told.below_count == before[1]
    assert told.HasField("rate") == bool(before[1])
    assert (told.rate_delta if told.HasField("rate_delta") else None) == delta


def test_a_total_has_the_durations_of_both_periods() -> None:
    """The histogram of the range alone."""
    compared = numbers(1, durations=durations({0.5: [4]}, [[(1, 1, 9)]]))
    told = total(row(1, durations=durations({0.5: [7]}, [[(7, 8, 1)]]), compared=compared))
    assert [(each.percentile, each.value) for each in told.percentiles] == [(0.5, 7)]
    assert [(each.lower, each.upper, each.count) for each in told.histogram] == [(7, 8, 1)]
    assert [(each.percentile, each.value) for each in told.comparison.percentiles] == [(0.5, 4)]


def test_a_row_by_time_of_the_week_has_the_hours_of_its_cell_and_the_rest_has_none() -> None:
    """The rest is of many cells. Hours end where the answer is complete."""
    week = WeekDivision(by_weekday=True, by_hour=False)
    monday = GroupKey(weekday="1")
    rows = of_kpi(FEEDBACK, row(1, key=monday, compared=numbers(1)), row(2, rest=True, compared=numbers(1)))
    of = answer(rows, week=(span(week, 0, 96), span(week, -7 * 96, -6 * 96 - 48)))
    now = Micros((FIRST_QUARTER + 6) * 900_000_000)
    told = pb.QueryTotalsResponse.FromString(encode_answer(TOTALS, of, now).body)
    [cell] = told.answers[0].week_cells
    first, rest = told.totals
    assert (cell.hours, cell.compared_hours, first.hours, first.comparison.hours) == (1.5, 12, 1.5, 12)
    assert not rest.HasField("hours")
    assert not rest.comparison.HasField("hours")


def test_a_kpi_that_is_not_counted_yet_has_no_hours() -> None:
    """Of others in the same answer there are."""
    week = (span(WeekDivision(by_weekday=True, by_hour=False), -4, 0),)
    told = totals(answer(of_kpi(FEEDBACK, is_counted=False), of_kpi(SCORE), week=week))
    assert [len(about.week_cells) for about in told.answers] == [0, 1]


# --- what a watch is told --------------------------------------------------------------------------------------------


def changes(before: Answer, after: Answer, *changed: tuple[AnswerRow, list[int]]) -> pb.TimeSeriesChanges:
    rows = [(FEEDBACK, made, column(*places)) for made, places in changed]
    return pb.TimeSeriesChanges.FromString(encode_changes(SERIES, rows, before, after, LATER))


def test_a_changed_line_names_its_changed_buckets_and_what_they_now_hold() -> None:
    """Also that they hold nothing any more."""
    after = answer(of_kpi(FEEDBACK, row(4, 0, 7, key=ANNA)), width=3)
    [told] = changes(after, after, (row(4, 0, 7, key=ANNA), [1, 2])).series
    assert (told.key.operator_id, list(told.bucket_indexes), list(told.counts)) == ("anna", [1, 2], [0, 7])


def test_changes_have_what_is_now_true_of_each_kpi_and_until_when() -> None:
    """Without a changed line too."""
    before = answer(of_kpi(FEEDBACK, held_back=1))
    told = changes(before, answer(of_kpi(FEEDBACK, held_back=2), due=NOW))
    assert (len(told.series), [about.held_back_count for about in told.answers]) == (0, [2])
    assert told.complete_until == encode_instant(NOW)


def test_changes_have_new_and_different_names_and_those_that_are_gone_as_empty() -> None:
    """What is as it was is not repeated."""
    keys = [NameKey(NameKind.OPERATOR, each) for each in "abcd"]
    before = answer(of_kpi(FEEDBACK), names=dict(zip(keys, ["Anna", "Bram", "Cora"], strict=False)))
    after = answer(of_kpi(FEEDBACK), names=dict(zip(keys[1:], ["Bram", "Carla", "Dirk"], strict=True)))
    assert list(changes(before, after).names) == [
        DisplayName(kind=NAME_KIND_OPERATOR, id=of, name=name)
        for of, name in (("a", ""), ("c", "Carla"), ("d", "Dirk"))
    ]
