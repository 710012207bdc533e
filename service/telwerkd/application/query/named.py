"""The display names of the ids that occur in an answer."""

from collections.abc import Iterable, Iterator

from telwerkd.application.memory_budget import AnswerMemory
from telwerkd.application.ports import Snapshot
from telwerkd.application.query.result import Answer, GroupKey
from telwerkd.domain.catalogue.specs import ValueKind
from telwerkd.domain.display_names import NameKey, NameKind, keys_of_ids, keys_of_value

_KEY_BYTES = 300
"""About what a key takes in memory, with its name."""


def named(answer: Answer, view: Snapshot, memory: AnswerMemory | None = None) -> Answer:
    """The answer with the names of its ids, as they are on the view that it was read on.

    Raises:
        UnavailableError: memory has no room for them.
    """
    keys = {key for rows in answer.kpis for row in rows.rows for key in _of_row(rows.info.value_kind, row.key)}
    keys.update(
        keys_of_ids((), (), (widget for rows in answer.kpis for widget in (*rows.not_enabled, *rows.unscheduled)))
    )
    if memory is not None:
        memory.take(_KEY_BYTES * len(keys))
    return answer._replace(names=view.display_names_of(keys))


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
