"""The display names of an answer's ids, read on the same view as its counters, once its keys are known.

So a query that asks for names is grouped and ranked while its view is open, and no further: its numbers are made, and
encoded, after that. To read the names of all keys that it may have needs no ranking, but would read a hundred thousand
of them for the ten largest; and on a view of their own they might be of another state of the account than the numbers.
"""

from collections.abc import Iterable, Iterator

from telwerkd.application.ports import DisplayNamesView
from telwerkd.application.query.keys import Ranked, key_maker
from telwerkd.application.query.result import GroupKey
from telwerkd.application.sharing.memory_budget import AnswerMemory
from telwerkd.domain.catalogue.specs import ValueKind
from telwerkd.domain.display_names import NameKey, NameKind, keys_of_ids, keys_of_value

_KEY_BYTES = 300
"""About what a key takes in memory, with its name."""


def names_of(ranked: Ranked, view: DisplayNamesView, memory: AnswerMemory | None) -> Ranked:
    """Returns it with the names of the ids in its answer, as they are on the view that it was read on.

    Raises:
        UnavailableError: memory has no room for them.
    """
    keys = {*_of_rows(ranked)}
    for kpi in ranked.reading.kpis:
        keys.update(keys_of_ids((), (), (*kpi.not_enabled, *kpi.unscheduled)))
    if memory is not None:
        memory.take(_KEY_BYTES * len(keys))
    return ranked._replace(names=view.display_names_of(keys))


def _of_rows(ranked: Ranked) -> Iterator[NameKey]:
    """Yields the keys of the rows that are made (`assemble`): a KPI has none where nothing of it is under a key."""
    group_by = ranked.reading.outline.query.group_by
    if not group_by:
        return
    grouped, key_of = ranked.grouped, key_maker(group_by)
    indexes = ranked.selection.indexes
    for kpi, read in zip(grouped.kpis, ranked.reading.kpis, strict=True):
        if read.is_counted:
            for index in indexes[kpi.has_row[indexes]].tolist():
                yield from _of_row(kpi.info.value_kind, key_of(grouped.keys[index]))


def _of_row(kind: ValueKind, key: GroupKey) -> Iterator[NameKey]:
    yield from keys_of_ids(_some(key.operator), _some(key.group), _some(key.widget))
    if key.value is not None:
        yield from keys_of_value(kind, key.value)
    if key.topic is not None:
        yield NameKey(NameKind.TOPIC, key.topic)
    if key.question is not None:
        yield NameKey(NameKind.QUESTION, key.question)


def _some(each: str | None) -> Iterable[str]:
    return () if each is None else (each,)
