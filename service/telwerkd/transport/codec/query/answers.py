"""From the application's answers to `telwerk.v1` replies, encoded.

Replies are returned as bytes: their columns are appended to the rest (`wire`), and a cached reply gets `complete_until`
at the end, the one field that changes while the account's version does not.

Each row is encoded by itself: a call of the library holds the interpreter, in whatever thread.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.ports import AnswerVersion
from telwerkd.application.query.result import Answer, AnswerRow, KpiRows, Numbers
from telwerkd.application.watch.watches import Changes
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.ratios import OF_COLUMNS, OF_NUMBERS
from telwerkd.domain.errors import TelwerkError
from telwerkd.domain.ids import EPOCH, Micros
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS, Buckets
from telwerkd.process.tracing import stage
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.account.display_names import encode_names
from telwerkd.transport.codec.errors import described
from telwerkd.transport.codec.fields import encode_instant
from telwerkd.transport.codec.query import durations
from telwerkd.transport.codec.query.kpi_answers import encode_key, encode_kpi_answer
from telwerkd.transport.codec.query.queries import QueryRequest
from telwerkd.transport.codec.query.week_hours import WeekHours
from telwerkd.transport.codec.values import encode_value
from telwerkd.transport.codec.wire import encoding

_QUARTER_SECONDS = QUARTER_HOUR_MICROS // 1_000_000

_BUCKET_STARTS = pb.QueryTimeSeriesResponse.BUCKET_START_SECONDS_FIELD_NUMBER
_SERIES = pb.QueryTimeSeriesResponse.SERIES_FIELD_NUMBER
_COUNTS = pb.Series.COUNTS_FIELD_NUMBER
_SUMS = pb.Series.SUMS_FIELD_NUMBER
_INDEXES = pb.Series.BUCKET_INDEXES_FIELD_NUMBER


class Reply(NamedTuple):
    """An encoded answer without its field `complete_until`."""

    kind: type[pb.QueryTimeSeriesResponse | pb.QueryTotalsResponse]
    body: bytes
    answer_version: AnswerVersion
    lasting: bool = True
    """False where the answer depends on the present in more than `complete_until`."""

    def finished(self, now: Micros) -> bytes:
        """Returns the whole message, complete as at `now`."""
        return (
            self.body
            + self.kind(complete_until=encode_instant(self.answer_version.complete_until(now))).SerializeToString()
        )


class Finished(NamedTuple):
    """A reply, and its whole message, which is joined in the thread that encoded it: it may have megabytes."""

    reply: Reply
    whole: bytes


def encode_finished(request: QueryRequest, now: Micros, answer: Answer) -> Finished:
    """Returns the reply to a request, and its whole message as at `now`."""
    with stage("encode"):
        reply = encode_answer(request, answer, now)
        return Finished(reply, reply.finished(now))


def encode_answer(request: QueryRequest, answer: Answer, now: Micros) -> Reply:
    """Returns the reply to a request, as at `now`."""
    if isinstance(request, pb.QueryTotalsRequest):
        body = _totals(request, answer, now)
        return Reply(pb.QueryTotalsResponse, body, answer.answer_version, lasting=not answer.week)
    return Reply(pb.QueryTimeSeriesResponse, _time_series(request, answer), answer.answer_version)


def encode_batched(reply: Reply | TelwerkError, now: Micros) -> bytes:
    """Returns the reply to one query of a batch, or its error, as bytes of `BatchedAnswer`."""
    if isinstance(reply, TelwerkError):
        about = described(reply)
        error = pb.QueryError(reason=about.reason, field=about.field, message=about.message)
        return pb.BatchedAnswer(error=error).SerializeToString()
    is_series = reply.kind is pb.QueryTimeSeriesResponse
    number = pb.BatchedAnswer.TIME_SERIES_FIELD_NUMBER if is_series else pb.BatchedAnswer.TOTALS_FIELD_NUMBER
    return encoding.nested(number, reply.finished(now))


def encode_changes(
    request: pb.QueryTimeSeriesRequest, changes: Changes, before: Answer, answer: Answer, now: Micros
) -> bytes:
    """Returns the changes of a time series, as bytes of `TimeSeriesChanges`."""
    message = pb.TimeSeriesChanges(
        answers=[encode_kpi_answer(rows) for rows in answer.kpis],
        complete_until=encode_instant(answer.answer_version.complete_until(now)),
    )
    number = pb.TimeSeriesChanges.SERIES_FIELD_NUMBER
    lines = (
        encoding.nested(number, _line(info, row, shown, distribution=request.include_distribution))
        for info, row, shown in changes
    )
    gone = dict.fromkeys(before.names.keys() - answer.names.keys(), "")
    new = {key: name for key, name in answer.names.items() if before.names.get(key) != name}
    names = encode_names(pb.TimeSeriesChanges.NAMES_FIELD_NUMBER, new | gone)
    return b"".join(lines) + message.SerializeToString() + names


def _time_series(request: pb.QueryTimeSeriesRequest, answer: Answer) -> bytes:
    starts = answer.buckets.edges * _QUARTER_SECONDS
    message = pb.QueryTimeSeriesResponse(
        end_seconds=int(starts[-1]),
        first_bucket_clipped=answer.buckets.first_clipped,
        last_bucket_clipped=answer.buckets.last_clipped,
        answers=[encode_kpi_answer(rows) for rows in answer.kpis],
        time_zone=answer.time_zone,
        next_page_token=page_tokens.encode(request, answer.next) if answer.next else "",
        granularity=_chosen(request, answer),
    )
    parts = [message.SerializeToString(), encoding.packed(_BUCKET_STARTS, starts[:-1])]
    if answer.compared is not None:
        number = pb.QueryTimeSeriesResponse.COMPARED_PERIOD_FIELD_NUMBER
        parts.append(encoding.nested(number, _compared_period(answer.compared)))
    for rows in answer.kpis:
        lines = (_sparse_lines if request.sparse else _lines)(rows, distribution=request.include_distribution)
        parts += (encoding.nested(_SERIES, line) for line in lines)
    parts.append(encode_names(pb.QueryTimeSeriesResponse.NAMES_FIELD_NUMBER, answer.names))
    return b"".join(parts)


def _chosen(request: pb.QueryTimeSeriesRequest, answer: Answer) -> pb.Granularity.ValueType:
    """Returns the granularity of an answer, where the request left it open."""
    if request.granularity != pb.GRANULARITY_AUTO or answer.granularity is None:
        return pb.GRANULARITY_UNSPECIFIED
    return pb.Granularity.ValueType(answer.granularity)


def _lines(rows: KpiRows, *, distribution: bool) -> Iterator[bytes]:
    """Yields the lines of a KPI with all their buckets, each as bytes of `Series`."""
    if not rows.rows:
        return
    counts = encoding.packed_lines(_COUNTS, np.array([row.counts for row in rows.rows]))
    sums = [b""] * len(counts)
    if rows.info.has_mean:
        sums = encoding.packed_lines(_SUMS, np.array([row.sums for row in rows.rows]))
    for row, of_counts, of_sums in zip(rows.rows, counts, sums, strict=True):
        head = _head(rows.info, row, slice(None), distribution=distribution)
        yield head + of_counts + of_sums + _rate_columns(row, slice(None))


def _sparse_lines(rows: KpiRows, *, distribution: bool) -> Iterator[bytes]:
    """Yields the encoded lines with only the buckets that have facts."""
    for row in rows.rows:
        counted = row.counts if row.below is None else row.counts + row.below
        yield _line(rows.info, row, np.flatnonzero(counted), distribution=distribution)


def _line(info: KpiInfo, row: AnswerRow, shown: IntArray, *, distribution: bool) -> bytes:
    """Returns a line with only the buckets `shown`."""
    columns = [_head(info, row, shown, distribution=distribution), encoding.packed(_COUNTS, row.counts[shown])]
    columns.append(encoding.packed(_INDEXES, shown))
    if row.sums is not None:
        columns.append(encoding.packed(_SUMS, row.sums[shown]))
    columns.append(_rate_columns(row, shown))
    return b"".join(columns)


def _rate_columns(row: AnswerRow, shown: IntArray | slice) -> bytes:
    """Returns the columns of denominators and rates (R-RATE-1); empty bytes for a KPI that is no rate."""
    if row.below is None:
        return b""
    below = row.below[shown]
    rates = encoding.packed_doubles(pb.Series.RATES_FIELD_NUMBER, OF_COLUMNS.rate(row.counts[shown], below))
    return encoding.packed(pb.Series.BELOW_COUNTS_FIELD_NUMBER, below) + rates


def _head(info: KpiInfo, row: AnswerRow, shown: IntArray | slice, *, distribution: bool) -> bytes:
    """Returns the fields of a line before its columns of counts and sums."""
    parts = [pb.Series(kpi_id=info.id, key=encode_key(info, row.key), rest=row.rest).SerializeToString()]
    if row.compared is not None:
        parts.append(encoding.nested(pb.Series.COMPARISON_FIELD_NUMBER, _series_comparison(row, row.compared)))
    if distribution and row.distribution is not None:
        for known, counts in zip(info.values, row.distribution, strict=True):
            value = pb.Distribution(value=encode_value(info.value_kind, known.value)).SerializeToString()
            columns = encoding.packed(pb.Distribution.COUNTS_FIELD_NUMBER, counts[shown])
            parts.append(encoding.nested(pb.Series.DISTRIBUTION_FIELD_NUMBER, value + columns))
    if row.durations is not None:
        parts += durations.of_series(row.durations, shown)
    return b"".join(parts)


def _series_comparison(row: AnswerRow, compared: Numbers) -> bytes:
    """Returns the comparison of a line as bytes of `SeriesComparison`."""
    both = min(len(row.counts), len(compared.counts))
    counts, before = row.counts[:both], compared.counts[:both]
    kind = pb.SeriesComparison
    parts = [
        encoding.packed(kind.COUNTS_FIELD_NUMBER, compared.counts),
        encoding.packed_signed(kind.COUNT_DELTAS_FIELD_NUMBER, counts - before),
        encoding.packed_doubles(kind.COUNT_CHANGES_FIELD_NUMBER, OF_COLUMNS.change(counts, before)),
    ]
    if row.sums is not None and compared.sums is not None:
        mean_deltas = OF_COLUMNS.mean(row.sums[:both], counts) - OF_COLUMNS.mean(compared.sums[:both], before)
        parts.append(encoding.packed(kind.SUMS_FIELD_NUMBER, compared.sums))
        parts.append(encoding.packed_doubles(kind.MEAN_DELTAS_FIELD_NUMBER, mean_deltas))
    if row.below is not None and compared.below is not None:
        rate_deltas = OF_COLUMNS.rate(counts, row.below[:both]) - OF_COLUMNS.rate(before, compared.below[:both])
        parts.append(encoding.packed(kind.BELOW_COUNTS_FIELD_NUMBER, compared.below))
        parts.append(encoding.packed_doubles(kind.RATE_DELTAS_FIELD_NUMBER, rate_deltas))
    if compared.durations is not None:
        parts += durations.of_compared(compared.durations)
    return b"".join(parts)


def _totals(request: pb.QueryTotalsRequest, answer: Answer, now: Micros) -> bytes:
    start, end = (answer.buckets.edges * _QUARTER_SECONDS).tolist()
    until = answer.answer_version.complete_until(now)
    hours = [WeekHours.of(answer.week, rows.known_from, until if rows.is_counted else EPOCH) for rows in answer.kpis]
    message = pb.QueryTotalsResponse(
        answers=[encode_kpi_answer(rows, of) for rows, of in zip(answer.kpis, hours, strict=True)],
        time_zone=answer.time_zone,
        next_page_token=page_tokens.encode(request, answer.next) if answer.next else "",
        start_seconds=start,
        end_seconds=end,
    )
    number = pb.QueryTotalsResponse.TOTALS_FIELD_NUMBER
    parts = [
        encoding.nested(number, _total(rows.info, row, of).SerializeToString())
        for rows, of in zip(answer.kpis, hours, strict=True)
        for row in rows.rows
    ]
    if answer.compared is not None:
        period = _compared_period(answer.compared)
        parts.append(encoding.nested(pb.QueryTotalsResponse.COMPARED_PERIOD_FIELD_NUMBER, period))
    parts.append(encode_names(pb.QueryTotalsResponse.NAMES_FIELD_NUMBER, answer.names))
    return message.SerializeToString() + b"".join(parts)


def _total(info: KpiInfo, row: AnswerRow, hours: WeekHours | None) -> pb.Total:
    in_cell = hours.in_cell(row.key) if hours is not None and not row.rest else None
    total = pb.Total(
        kpi_id=info.id,
        key=encode_key(info, row.key),
        count=int(row.counts[0]),
        sum=_stars(row),
        mean=_mean(row),
        rest=row.rest,
        share=row.share,
        percentiles=durations.percentiles(row.durations),
        histogram=durations.histogram(row.durations),
        hours=None if in_cell is None else in_cell[0],
        below_count=_below(row),
        rate=_rate(row),
    )
    if row.distribution is not None:
        for known, counts in zip(info.values, row.distribution, strict=True):
            total.distribution.append(
                pb.ValueCount(value=encode_value(info.value_kind, known.value), count=int(counts[0]))
            )
    if row.compared is not None:
        total.comparison.CopyFrom(_total_comparison(row, row.compared))
        if in_cell is not None:
            total.comparison.hours = in_cell[1]
    return total


def _total_comparison(row: AnswerRow, compared: Numbers) -> pb.TotalComparison:
    count, before_count = int(row.counts[0]), int(compared.counts[0])
    mean, before = _mean(row), _mean(compared)
    rate, rate_before = _rate(row), _rate(compared)
    return pb.TotalComparison(
        count=before_count,
        sum=_stars(compared),
        mean=before,
        count_delta=count - before_count,
        count_change=OF_NUMBERS.change(count, before_count),
        mean_delta=None if mean is None or before is None else mean - before,
        below_count=_below(compared),
        rate=rate_before,
        rate_delta=None if rate is None or rate_before is None else rate - rate_before,
        percentiles=durations.percentiles(compared.durations),
    )


def _stars(numbers: AnswerRow | Numbers) -> int:
    return 0 if numbers.sums is None else int(numbers.sums[0])


def _mean(numbers: AnswerRow | Numbers) -> float | None:
    """Returns the mean; None without ratings (R-NUM-1) or durations (R-DUR-4)."""
    return None if numbers.sums is None else OF_NUMBERS.mean(int(numbers.sums[0]), int(numbers.counts[0]))


def _below(numbers: AnswerRow | Numbers) -> int | None:
    """Returns the denominator of a rate; None for a KPI that is no rate."""
    return None if numbers.below is None else int(numbers.below[0])


def _rate(numbers: AnswerRow | Numbers) -> float | None:
    """Returns the rate; None where the denominator is 0 (R-RATE-2), and for a KPI that is no rate."""
    below = _below(numbers)
    return None if below is None else OF_NUMBERS.rate(int(numbers.counts[0]), below)


def _compared_period(buckets: Buckets) -> bytes:
    """Returns the buckets of the compared period as bytes of `ComparedPeriod`."""
    starts = buckets.edges * _QUARTER_SECONDS
    message = pb.ComparedPeriod(
        end_seconds=int(starts[-1]),
        first_bucket_clipped=buckets.first_clipped,
        last_bucket_clipped=buckets.last_clipped,
    )
    return (
        encoding.packed(pb.ComparedPeriod.BUCKET_START_SECONDS_FIELD_NUMBER, starts[:-1]) + message.SerializeToString()
    )
