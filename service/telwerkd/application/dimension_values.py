"""The values that a filter can choose from: the ids of a dimension that have facts.

An id has facts if what is counted of it, of any of the KPIs asked for and at any time, is more than nothing: in chunks
and in the delta entries that are not in them yet together, so that facts taken back do not count, whether they are
compacted or not. The candidates are the account's distinct names: no fact counts without its names being there, and
names outlive their facts until they are freed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from telwerkd.application.display_names import begins
from telwerkd.application.names import GROUPS, OPERATORS, WIDGETS
from telwerkd.application.ports import ChunkSelector, CountersView, DisplayNamesView, NamesView, Pausing
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.specs import Dimension, ValueKind
from telwerkd.domain.catalogue.values import value_answer, value_topics
from telwerkd.domain.counting.counters import BY_GROUP, BY_OPERATOR, BY_VALUE, BY_WIDGET
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.durations import SUM
from telwerkd.domain.counting.measures import Measure, has_durations, measure_of
from telwerkd.domain.counting.reading import unpacked
from telwerkd.domain.display_names import NameKey, NameKind, keys_of_value
from telwerkd.domain.ids import AccountId
from telwerkd.process.tracing import stage

T = TypeVar("T")

_AT_ONCE = 200
"""Candidates that are looked up together."""

_LOOKUPS_MAX = 200_000
"""Chunks that are looked for by one page, found or not, and the candidates that it looks at: then it ends early."""

_LOOKUP_MS = 0.002
"""About what one takes."""

_LAST_CHUNK = 2**31 - 1


class _Column(NamedTuple):
    """The columns of a dimension in the counters."""

    grouping: int
    in_deltas: int
    """Its index among the columns of delta entries."""
    in_chunks: str
    """The field of `StoredChunk`."""


_COLUMNS = {
    Dimension.OPERATOR: _Column(BY_OPERATOR, 1, "operator"),
    Dimension.OPERATOR_GROUP: _Column(BY_GROUP, 2, "group"),
    Dimension.WIDGET: _Column(BY_WIDGET, 3, "widget"),
}
_BY_VALUE = _Column(BY_VALUE, 0, "value")

_NAME_KINDS = {
    Dimension.OPERATOR: NameKind.OPERATOR,
    Dimension.OPERATOR_GROUP: NameKind.OPERATOR_GROUP,
    Dimension.WIDGET: NameKind.WIDGET,
    Dimension.TOPIC: NameKind.TOPIC,
    Dimension.QUESTION: NameKind.QUESTION,
}

_FAMILIES = {Dimension.OPERATOR: OPERATORS, Dimension.OPERATOR_GROUP: GROUPS, Dimension.WIDGET: WIDGETS}


LISTED = (*_NAME_KINDS, Dimension.VALUE)
"""The dimensions whose ids are listed."""


class Asked(NamedTuple):
    """A request for a page of the ids of a dimension."""

    dimension: Dimension
    kpis: tuple[KpiInfo, ...]
    """The KPIs whose facts count; each has the dimension. For values it is one."""
    prefix: str
    """A prefix of the id, or of the name, ignoring case."""
    question: str
    """Only answers to this question; empty: no condition."""
    after: str | None
    """The page begins after this id, or value; None: with the first."""
    size: int


class Found(NamedTuple):
    """An id that has facts; for values, the value of a fact."""

    id: str
    name: str
    """Its display name; empty if it has none."""


class ValuePage(NamedTuple):
    """A page of ids, and the cursor of the next; None on the last."""

    found: list[Found]
    next: str | None
    lookups: int


class DimensionValues:
    """Lists the ids of a store's accounts that have facts."""

    def __init__(
        self,
        readers: Readers,
        spent: Callable[[AccountId, float], None] = lambda _account, _milliseconds: None,
    ) -> None:
        """`spent` receives the cost of an account's requests, in estimated milliseconds."""
        self._readers = readers
        self._spent = spent

    async def page(self, account: AccountId, asked: Asked, then: Callable[[ValuePage], T]) -> T:
        """Reads a page of ids, ordered by their bytes, and returns what `then` makes of it in a thread.

        Raises:
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer.
        """

        def work(view: ValuesView) -> ValuePage:
            with stage("read"):
                return page(asked, view)

        def made(found: ValuePage) -> T:
            with stage("encode"):
                return then(found)

        return await self._readers.read(
            account, work, made, lambda found: self._spent(account, found.lookups * _LOOKUP_MS)
        )


class ValuesView(NamesView, DisplayNamesView, CountersView, Pausing, Protocol):
    """Reads the ids that an account has had, and which of them have facts."""


def page(asked: Asked, view: ValuesView) -> ValuePage:
    """Returns a page of ids that have facts, on a view of their account."""
    candidates = _candidates(asked, view)
    counting = _Counting(asked, view)
    found: list[Found] = []
    looked = 0
    for start in range(0, len(candidates), _AT_ONCE):
        some = candidates[start : start + _AT_ONCE]
        looked += len(some)
        named = _matching(asked, [each for each, _ in some], view)
        counted = counting.with_facts({raw for each, raws in some if each in named for raw in raws})
        for index, (each, raws) in enumerate(some, start + 1):
            if each in named and not counted.isdisjoint(raws):
                found.append(Found(each, named[each]))
                if len(found) == asked.size:
                    return ValuePage(found, each if index < len(candidates) else None, looked + counting.lookups)
        view.pause()
        if looked + counting.lookups > _LOOKUPS_MAX and start + _AT_ONCE < len(candidates):
            return ValuePage(found, some[-1][0], looked + counting.lookups)
    return ValuePage(found, None, looked + counting.lookups)


def _candidates(asked: Asked, view: NamesView) -> list[tuple[str, Collection[str]]]:
    """Returns the candidate ids after the previous page, in order, each with its ids or values in the counters."""
    raws: dict[str, list[str]] = {}
    for each, raw in _known(asked, view):
        if asked.after is None or each > asked.after:
            raws.setdefault(each, []).append(raw)
    return sorted(raws.items())


def _known(asked: Asked, view: NamesView) -> Iterator[tuple[str, str]]:
    dimension = asked.dimension
    if dimension in _FAMILIES:
        if dimension is not Dimension.WIDGET:
            yield "", ""  # nobody
        yield from ((each, each) for each in view.names_of_family(_FAMILIES[dimension]))
        return
    for raw in {raw for info in asked.kpis for raw in view.names_of_family(info.kpi)}:
        if dimension is Dimension.TOPIC:
            yield from ((topic, raw) for topic in value_topics(raw))
        elif dimension is Dimension.QUESTION:
            yield value_answer(raw)[0], raw
        elif not asked.question or value_answer(raw)[0] == asked.question:
            yield raw, raw


def _matching(asked: Asked, ids: Sequence[str], view: DisplayNamesView) -> dict[str, str]:
    """Returns those ids that match the prefix by id or name, with their names."""
    keys = {each: _keys(asked, each) for each in ids}
    names = view.display_names_of({key for of in keys.values() for key in of})
    return {
        # A set of topics has no name of its own.
        each: names.get(of[0], "") if of and not _is_of_sets(asked) else ""
        for each, of in keys.items()
        if not asked.prefix or any(begins(asked.prefix, key, names.get(key, "")) for key in of)
    }


def _is_of_sets(asked: Asked) -> bool:
    return asked.dimension is Dimension.VALUE and asked.kpis[0].value_kind is ValueKind.TOPIC_SET


def _keys(asked: Asked, each: str) -> Sequence[NameKey]:
    """Returns the name keys of an id or value, each of which may match the prefix."""
    if not each:
        return ()
    if asked.dimension in _NAME_KINDS:
        return (NameKey(_NAME_KINDS[asked.dimension], each),)
    keys = keys_of_value(asked.kpis[0].value_kind, each)
    return [key for key in keys if key.kind is not NameKind.QUESTION]


class _Counting:
    """Finds in the counters which ids have facts."""

    def __init__(self, asked: Asked, view: CountersView) -> None:
        self._column = _COLUMNS.get(asked.dimension, _BY_VALUE)
        self._view = view
        self._measures = [measure_of(info) for info in asked.kpis]
        self._chunks: dict[Measure, list[int]] = {}
        self._deltas: dict[Measure, DeltaEntries] = {}
        self.lookups = 0
        """Chunks that were looked for."""

    def with_facts(self, raws: Iterable[str]) -> set[str]:
        """Returns those ids or values that have a fact of any of the KPIs."""
        left, found = set(raws), set[str]()
        for measure in self._measures:
            if not left:
                break
            here = self._counted(measure, left)
            found |= here
            left -= here
        return found

    def _counted(self, measure: Measure, raws: set[str]) -> set[str]:
        sums = dict.fromkeys(raws, 0) | self._waiting(measure, raws)
        counted = {raw for raw, n in sums.items() if n > 0}
        for first, last, count in self._stretches(measure):
            left = raws - counted
            if not left:
                break
            self.lookups += len(left) * count
            rows = self._view.cells(self._selector(measure, first, last, left))
            cells = unpacked(measure, [row.chunk for row in rows], [row.cells for row in rows])
            # The sum of durations is no count.
            ns = np.where(cells.code == SUM, 0, cells.n) if has_durations(measure) else cells.n
            facts = np.bincount(cells.row, ns, len(rows)) if rows else ()
            for row, n in zip(rows, facts, strict=True):
                raw = getattr(row, self._column.in_chunks)
                sums[raw] += int(n)
                if sums[raw] > 0:
                    counted.add(raw)
        return counted

    def _selector(self, measure: Measure, first: int, last: int, raws: Collection[str]) -> ChunkSelector:
        at = {self._column.grouping: raws}
        operators, groups, widgets, values = (at.get(bit, ()) for bit in (BY_OPERATOR, BY_GROUP, BY_WIDGET, BY_VALUE))
        return ChunkSelector(measure, self._column.grouping, first, last, operators, groups, widgets, values)

    def _waiting(self, measure: Measure, raws: Collection[str]) -> dict[str, int]:
        """Returns the sums of their delta entries; negative where more facts were taken back than counted."""
        if measure not in self._deltas:
            self._deltas[measure] = self._view.deltas(measure)
        entries = self._deltas[measure]
        self.lookups += len(entries)
        sums = np.bincount(entries.columns[self._column.in_deltas], entries.columns[-1], len(entries.ids))
        return {raw: int(n) for raw, n in zip(entries.ids, sums.tolist(), strict=True) if n and raw in raws}

    def _stretches(self, measure: Measure) -> Iterator[tuple[int, int, int]]:
        """Yields ranges of existing chunks from the newest on, each twice as long: first, last, number of chunks."""
        if measure not in self._chunks:
            self._chunks[measure] = sorted(self._view.chunk_versions(measure, 0, _LAST_CHUNK), reverse=True)
        chunks, start, count = self._chunks[measure], 0, 1
        while some := chunks[start : start + count]:
            yield some[-1], some[0], len(some)
            start, count = start + count, 2 * count
