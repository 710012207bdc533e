"""Under which keys the rows of a slice count, as a query groups them.

A row has one key, but: by single topic it counts under each of its topics, and by a packed value under one key a value.
So keys come in layers, each of which gives a row one key at most.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.application.query.question import RawKey
from telwerkd.application.query.result import Counts, Key
from telwerkd.application.query.slices import Layer
from telwerkd.domain.catalogue.kpis import Dimension, KpiInfo
from telwerkd.domain.conversation.facts import value_answer, value_topics
from telwerkd.domain.counting.counters import has_packed_values
from telwerkd.domain.counting.rollups import RowIds

_NONE = -1


class Keys:
    """The distinct keys of a query, over all its KPIs and periods, as they are found."""

    def __init__(self) -> None:
        self.raw: list[RawKey] = []
        """All of them, by place."""
        self._places: dict[RawKey, int] = {}

    def places(self, keys: Iterable[RawKey]) -> Counts:
        """The place of each key; those that are new get one."""
        found = [self._places.setdefault(key, len(self._places)) for key in keys]
        self.raw = list(self._places)
        return np.array(found, np.int64)


class Keyed(NamedTuple):
    """How rows count."""

    layers: list[Layer]
    overlaps: bool
    """A row may count under several keys with the same facts."""

    def selected(self, slots: Counts) -> list[Layer]:
        """The layers with slots in the keys' place; `slots` has one for each key, -1 where it is not selected."""
        return [layer._replace(key=_through(slots, layer.key)) for layer in self.layers]

    def left_over(self, slots: Counts) -> list[Layer]:
        """Slot 0 for every fact that counts under any key that is not selected: each once, whatever it overlaps."""
        left = [layer._replace(key=np.where(_is_left(slots, layer.key), 0, _NONE)) for layer in self.layers]
        if not self.overlaps or not left:
            return left
        return [Layer(np.max([layer.key for layer in left], axis=0))]


def _through(slots: Counts, key: Counts) -> Counts:
    return np.where(key == _NONE, _NONE, slots[key]) if len(slots) else key


def _is_left(slots: Counts, key: Counts) -> npt.NDArray[np.bool_]:
    left: npt.NDArray[np.bool_] = (key != _NONE) & (_through(slots, key) == _NONE)
    return left


def keyed(rows: Sequence[RowIds], dimensions: Sequence[Dimension], info: KpiInfo, keys: Keys) -> Keyed:
    """How the rows of a KPI count by some dimensions; new keys are added to `keys`."""
    if Dimension.TOPIC in dimensions:
        return _by_topic(rows, dimensions, keys)
    if Dimension.VALUE in dimensions and has_packed_values(info.kpi):
        # The value is the last of the dimensions that such a KPI has.
        get = _key_getter([d for d in dimensions if d is not Dimension.VALUE])
        raw = [get(row) for row in rows]
        return Keyed(
            [Layer(keys.places((*key, known.value) for key in raw), code) for code, known in enumerate(info.values)],
            overlaps=False,
        )
    if not dimensions:
        place = int(keys.places([()])[0])
        return Keyed([Layer(np.full(len(rows), place))], overlaps=False)
    return Keyed([Layer(keys.places(map(_key_getter(dimensions), rows)))], overlaps=False)


def _by_topic(rows: Sequence[RowIds], dimensions: Sequence[Dimension], keys: Keys) -> Keyed:
    """A layer for the first topic of each row, one for the second, and so on."""
    get = _key_getter(dimensions)
    topics = [value_topics(row.value) for row in rows]
    layers = []
    for n in range(max(map(len, topics), default=0)):
        key = np.full(len(rows), _NONE)
        having = [place for place, of_row in enumerate(topics) if len(of_row) > n]
        key[having] = keys.places(get(rows[place]._replace(value=topics[place][n])) for place in having)
        layers.append(Layer(key))
    return Keyed(layers, overlaps=True)


_FIELDS = {
    Dimension.OPERATOR: "operator",
    Dimension.OPERATOR_GROUP: "group",
    Dimension.WIDGET: "widget",
    Dimension.VALUE: "value",
    Dimension.TOPIC: "value",
    Dimension.QUESTION: "value",
}
"""Where a row has a dimension. By topic, each copy of a row has one topic as its value."""


def _key_getter(dimensions: Sequence[Dimension]) -> Callable[[RowIds], RawKey]:
    """Takes a row's key, in the order of `Key`."""
    places = [RowIds._fields.index(_FIELDS[dimension]) for dimension in sorted(dimensions)]
    if Dimension.QUESTION in dimensions:
        return lambda row: (*(row[place] for place in places[:-1]), value_answer(row.value)[0])
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple(row[place] for place in places)


def key_maker(dimensions: Sequence[Dimension]) -> Callable[[RawKey], Key]:
    """Makes keys of rows' ids."""
    fields = [_KEY_FIELDS[dimension] for dimension in sorted(dimensions)]
    return lambda raw: Key(**dict(zip(fields, raw, strict=True)))


_KEY_FIELDS = dict(zip(sorted(Dimension), Key._fields, strict=True))
