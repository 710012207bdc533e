"""What becomes of the updates of a watched time series, and how long to wait after a break; nothing here waits."""

from collections.abc import Iterable

from telwerk.backoff import Backoff
from telwerk.errors import TelwerkError, is_transient
from telwerk.v1.display_name_pb2 import DisplayName
from telwerk.v1.kpi_service_pb2 import (
    Key,
    QueryTimeSeriesResponse,
    Series,
    TimeSeriesChanges,
    Value,
    WatchTimeSeriesResponse,
)


class Patience:
    """Whether, and after how long, a watch that broke is opened again.

    A server may be away for `patience_seconds`, counted from the loss of the connection: how long the watch was quiet
    before does not matter.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._backoff = Backoff()
        self._has_answered = False
        self._away_since: float | None = None

    def answered(self) -> None:
        """An update came."""
        self._has_answered = True
        self._away_since = None
        self._backoff.reset()

    def pause_seconds(self, error: TelwerkError | None, now: float) -> float:
        """After a break (an error), or an end that nobody asked for (None).

        Raises:
            TelwerkError: `error`, where opening again is of no use: it never worked, nothing would get better, or the
                server has been away for longer than the patience.
        """
        pause = self._backoff.failed(error)
        if error is None:
            return pause
        if not self._has_answered or not is_transient(error):
            raise error
        if self._away_since is None:
            self._away_since = now
        if now + pause > self._away_since + self._patience_seconds:
            raise error
        return pause


class Watched:
    """A time series as its updates say it is now."""

    def __init__(self, *, sparse: bool) -> None:
        self._sparse = sparse
        self._answer = QueryTimeSeriesResponse()

    def update(self, update: WatchTimeSeriesResponse) -> QueryTimeSeriesResponse:
        """The whole answer after this update, as a query would give it; a copy, which later updates leave alone."""
        if update.HasField("snapshot"):
            self._answer.CopyFrom(update.snapshot)
        else:
            self._change(update.changes)
        answer = QueryTimeSeriesResponse()
        answer.CopyFrom(self._answer)
        return answer

    def _change(self, changes: TimeSeriesChanges) -> None:
        answer = self._answer
        lines = {_identity(line): line for line in answer.series}
        for changed in changes.series:
            known = lines.get(_identity(changed))
            lines[_identity(changed)] = _merged(known, changed, len(answer.bucket_start_seconds), sparse=self._sparse)
        order = {told.kpi_id: place for place, told in enumerate(changes.answers or answer.answers)}
        kept = [line for line in lines.values() if any(line.counts) or not line.key.ByteSize()]
        kept.sort(key=lambda line: (order.get(line.kpi_id, 0), _sortable(line.key)))
        # Lines of the answer itself are among those kept: copies, before the field is emptied.
        copies = [_copy(line) for line in kept]
        del answer.series[:]
        answer.series.extend(copies)
        del answer.answers[:]
        answer.answers.extend(changes.answers)
        answer.complete_until.CopyFrom(changes.complete_until)
        names = {_named(one): one for one in answer.names} | {_named(one): one for one in changes.names}
        told = [_copy_name(names[key]) for key in sorted(names) if names[key].name]
        del answer.names[:]
        answer.names.extend(told)


def _identity(line: Series) -> tuple[str, bytes]:
    return line.kpi_id, line.key.SerializeToString(deterministic=True)


def _named(name: DisplayName) -> tuple[int, str, str]:
    return name.kind, name.question_id, name.id


def _copy_name(name: DisplayName) -> DisplayName:
    copy = DisplayName()
    copy.CopyFrom(name)
    return copy


def _copy(line: Series) -> Series:
    copy = Series()
    copy.CopyFrom(line)
    return copy


def _merged(known: Series | None, changed: Series, buckets: int, *, sparse: bool) -> Series:
    """The line with its changed buckets, dense or sparse as it was asked for."""
    before = known or Series()
    indexes = sorted({*_indexes(before), *changed.bucket_indexes}) if sparse else list(range(buckets))
    counts = _column(before, before.counts, changed, changed.counts)
    if sparse:
        indexes = [index for index in indexes if counts.get(index)]
    merged = Series(kpi_id=changed.kpi_id, key=changed.key, bucket_indexes=indexes if sparse else ())
    merged.counts.extend(counts.get(index, 0) for index in indexes)
    if before.sums or changed.sums:
        sums = _column(before, before.sums, changed, changed.sums)
        merged.sums.extend(sums.get(index, 0) for index in indexes)
    parts_before = {part.value.SerializeToString(deterministic=True): part for part in before.distribution}
    for part in changed.distribution or before.distribution:
        known_part = parts_before.get(part.value.SerializeToString(deterministic=True))
        new = part.counts if changed.distribution else ()
        column = _column(before, known_part.counts if known_part else (), changed, new)
        merged.distribution.add(value=part.value, counts=[column.get(index, 0) for index in indexes])
    return merged


def _indexes(line: Series) -> Iterable[int]:
    return line.bucket_indexes or range(len(line.counts))


def _column(before: Series, old: Iterable[int], changed: Series, new: Iterable[int]) -> dict[int, int]:
    """Numbers by bucket: the old ones, and over them the new."""
    return {**dict(zip(_indexes(before), old, strict=False)), **dict(zip(changed.bucket_indexes, new, strict=False))}


def _sortable(key: Key) -> tuple[object, ...]:
    """The order of rows by key: operator, group, widget, value, topic, question."""
    return (key.operator_id, key.operator_group_id, key.widget_id, *_value(key.value), key.topic_id, key.question_id)


def _value(value: Value) -> tuple[int, str, str]:
    """Rows of one KPI have values of one kind, so that these compare."""
    match value.WhichOneof("kind"):
        case "stars" | "action" | "offline_assignment" | "sender" | "conversation_end" as kind:
            return getattr(value, kind), "", ""
        case "goal_id":
            return 0, value.goal_id, ""
        case "topics":
            return 0, "\0".join(value.topics.topic_ids), ""
        case "answer":
            return 0, value.answer.question_id, value.answer.option_id
        case _:
            return 0, "", ""
