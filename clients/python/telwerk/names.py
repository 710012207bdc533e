"""Display names: what people call the operators, groups, widgets, goals, topics, questions and options of ids.

from telwerk import Telwerk, names

with Telwerk() as telwerk:
    telwerk.set_display_names("acme", [names.display_name("operator", "u-17", "Anna Smith")])
    answer = telwerk.totals("acme", "feedback_count", start=today, end=tomorrow, group_by=["operator"],
                            include_names=True)
    known = names.Names(answer.names)
    print([known.of("operator", row.key.operator_id) or row.key.operator_id for row in answer.totals])
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from telwerk.v1.display_name_pb2 import DisplayName, NameKind

KindName: TypeAlias = Literal["operator", "operator_group", "widget", "goal", "topic", "question", "option"]
"""What kind of thing has a display name."""

KINDS: Final[Mapping[KindName, "NameKind.ValueType"]] = {
    "operator": NameKind.NAME_KIND_OPERATOR,
    "operator_group": NameKind.NAME_KIND_OPERATOR_GROUP,
    "widget": NameKind.NAME_KIND_WIDGET,
    "goal": NameKind.NAME_KIND_GOAL,
    "topic": NameKind.NAME_KIND_TOPIC,
    "question": NameKind.NAME_KIND_QUESTION,
    "option": NameKind.NAME_KIND_OPTION,
}
"""The contract's constants."""


def display_name(kind: KindName, id_: str, name: str, *, question: str = "") -> DisplayName:
    """A name to set; an empty one removes it. An option is one of a question."""
    return DisplayName(kind=KINDS[kind], id=id_, name=name, question_id=question)


class Names:
    """The display names that an answer carries, to be looked up."""

    def __init__(self, names: Iterable[DisplayName] = ()) -> None:
        self._names = {(one.kind, one.question_id, one.id): one.name for one in names if one.name}

    def of(self, kind: KindName, id_: str, question: str = "") -> str:
        """The name of a thing; empty if it has none."""
        return self._names.get((KINDS[kind], question, id_), "")

    def has(self, kind: KindName) -> bool:
        """Whether any thing of the kind has a name."""
        return any(known == KINDS[kind] for known, _, _ in self._names)

    def __or__(self, other: "Names") -> "Names":
        """The names of both; where they differ, the other's."""
        both = Names()
        both._names = self._names | other._names
        return both
