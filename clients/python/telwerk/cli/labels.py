"""What people read for an id: its display name, and the id behind it.

Anna Smith (u-17)       an operator that has a name
u-17                    one that has none
Price (p1), tone        a set of topics, of which one has a name
Service (s) = Good (3)  an option of a question
"""

from collections.abc import Iterable, Iterator, Mapping

from telwerk.cli.slicing import readable_id
from telwerk.cli.values import NOBODY, key_texts, text_of
from telwerk.names import KindName, Names
from telwerk.v1.display_name_pb2 import DisplayName
from telwerk.v1.kpi_service_pb2 import Key, Value

_KINDS_OF_VALUES: Mapping[str, KindName] = {"goal_id": "goal", "topics": "topic", "answer": "option"}


class Labels:
    """The names that an answer carries, as labels."""

    def __init__(self, names: Iterable[DisplayName] | Names = ()) -> None:
        self.names = names if isinstance(names, Names) else Names(names)

    def of(self, kind: KindName, id_: str, question: str = "") -> str:
        """The name with the id behind it, or the id alone; nothing in it steers a terminal."""
        name = self.names.of(kind, id_, question)
        return readable_id(f"{name} ({id_})" if name else id_)

    def person(self, kind: KindName, id_: str) -> str:
        """The same of an operator or a group, which may be nobody."""
        return self.of(kind, id_) if id_ else NOBODY

    def value(self, value: Value) -> str:
        """The same of a value; a set of topics without any name is written as it is filtered by."""
        match value.WhichOneof("kind"):
            case "goal_id":
                return self.of("goal", value.goal_id)
            case "topics" if self.names.has("topic"):
                return ", ".join(self.of("topic", topic) for topic in value.topics.topic_ids)
            case "answer" if self._is_named(value):
                question, option = value.answer.question_id, value.answer.option_id
                return f"{self.of('question', question)} = {self.of('option', option, question)}"
            case _:
                return readable_id(text_of(value))

    def _is_named(self, value: Value) -> bool:
        question, option = value.answer.question_id, value.answer.option_id
        return bool(self.names.of("question", question) or self.names.of("option", option, question))

    def key(self, key: Key) -> dict[str, str]:
        """The labels of what was grouped by, by the dimension's name."""
        labels = {dimension: readable_id(text) for dimension, text in key_texts(key).items()}
        if key.HasField("operator_id"):
            labels["operator"] = self.person("operator", key.operator_id)
        if key.HasField("operator_group_id"):
            labels["operator_group"] = self.person("operator_group", key.operator_group_id)
        if key.HasField("widget_id"):
            labels["widget"] = self.of("widget", key.widget_id)
        if key.HasField("value") and self._can_be_named(key.value):
            labels["value"] = self.value(key.value)
        if key.HasField("topic_id"):
            labels["topic"] = self.of("topic", key.topic_id)
        if key.HasField("question_id"):
            labels["question"] = self.of("question", key.question_id)
        return labels

    def _can_be_named(self, value: Value) -> bool:
        """Else a set of topics is written as it is filtered by."""
        kind = _KINDS_OF_VALUES.get(value.WhichOneof("kind") or "")
        return kind is not None and (self.names.has(kind) or self.names.has("question"))

    def columns(self, key: Key) -> dict[str, str]:
        """What was grouped by, as columns: the ids, and behind each the name, where the answer has any of its kind."""
        columns: dict[str, str] = {}
        names = dict(self._names_of(key))
        for dimension, text in key_texts(key).items():
            columns[dimension] = text
            if dimension in names:
                columns[f"{dimension}_name"] = names[dimension]
        return columns

    def _names_of(self, key: Key) -> Iterator[tuple[str, str]]:
        plain: tuple[tuple[KindName, str, str], ...] = (
            ("operator", "operator_id", key.operator_id),
            ("operator_group", "operator_group_id", key.operator_group_id),
            ("widget", "widget_id", key.widget_id),
            ("topic", "topic_id", key.topic_id),
            ("question", "question_id", key.question_id),
        )
        for kind, field, id_ in plain:
            if key.HasField(field) and self.names.has(kind):  # type: ignore[arg-type] # these are fields of a key
                yield kind, self.names.of(kind, id_)
        if key.HasField("value") and self._can_be_named(key.value):
            yield "value", self._name_of_value(key.value)

    def _name_of_value(self, value: Value) -> str:
        """The names of its parts, and the ids of those that have none; empty if none has one."""
        match value.WhichOneof("kind"):
            case "topics":
                names = [(self.names.of("topic", topic), topic) for topic in value.topics.topic_ids]
                return ", ".join(name or topic for name, topic in names) if any(name for name, _ in names) else ""
            case "answer" if self._is_named(value):
                question, option = value.answer.question_id, value.answer.option_id
                asked = self.names.of("question", question) or question
                return f"{asked} = {self.names.of('option', option, question) or option}"
            case "goal_id":
                return self.names.of("goal", value.goal_id)
            case _:
                return ""
