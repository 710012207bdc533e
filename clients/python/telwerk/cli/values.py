"""The values of facts, and the parts of a filter, as people write and read them.

    stars           5
    action          new_conversation_unassigned
    outcome         assigned
    sender          operator
    end             first
    goal            its id
    set of topics   its ids, with commas
    survey answer   question=option

`text_of` and `parse_value` are each other's inverse. Where an id itself has a comma or `=`, the text is the JSON of
telwerk.v1.Value. An operator or group that is nobody reads `nobody`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import typer
from google.protobuf import json_format

from telwerk.v1.event_pb2 import InactivityAction, Sender, SurveyAnswer
from telwerk.v1.kpi_service_pb2 import (
    ConversationEnd,
    Filter,
    IdFilter,
    Key,
    Kpi,
    OfflineAssignment,
    TopicFilter,
    TopicSet,
    Value,
    ValueFilter,
    ValueKind,
)

NOBODY: Final = "nobody"


class Members(Protocol):
    """An enumeration of the contract."""

    def Name(self, number: Any) -> str:  # noqa: N802  # protobuf's name for it
        """The name of a member."""


def member_text(enumeration: Members, number: int, prefix: str) -> str:
    """The name of a member without its prefix, in small letters; its number if only a newer server knows it."""
    try:
        return enumeration.Name(number).removeprefix(prefix).lower()
    except ValueError:
        return str(number)


def action_text(action: "InactivityAction.ValueType") -> str:
    """The action's id, `new_conversation_unassigned`."""
    return member_text(InactivityAction, action, "INACTIVITY_ACTION_")


def outcome_text(outcome: "OfflineAssignment.ValueType") -> str:
    """The outcome's id, `no_operator_available`."""
    return member_text(OfflineAssignment, outcome, "OFFLINE_ASSIGNMENT_")


def sender_text(sender: "Sender.ValueType") -> str:
    """Who sent a message, `operator`."""
    return member_text(Sender, sender, "SENDER_")


def end_text(end: "ConversationEnd.ValueType") -> str:
    """Which end of a conversation it is, `first` or `again`."""
    return member_text(ConversationEnd, end, "CONVERSATION_END_")


ACTIONS: Final = {action_text(action): action for action in InactivityAction.values() if action}
"""The inactivity actions by id, in the order of the rules."""

_OUTCOMES: Final = {outcome_text(outcome): outcome for outcome in OfflineAssignment.values() if outcome}
_SENDERS: Final = {sender_text(sender): sender for sender in Sender.values() if sender}
_ENDS: Final = {end_text(end): end for end in ConversationEnd.values() if end}


def parse_action(text: str) -> "InactivityAction.ValueType":
    """An inactivity action by its id.

    Raises:
        typer.BadParameter: there is none of that id.
    """
    if text not in ACTIONS:
        raise typer.BadParameter(f"{text!r} is not an inactivity action; they are {', '.join(ACTIONS)}")
    return ACTIONS[text]


def text_of(value: Value) -> str:
    """The value, as above."""
    text = None
    match value.WhichOneof("kind"):
        case "stars":
            text = str(value.stars)
        case "action":
            text = action_text(value.action)
        case "offline_assignment":
            text = outcome_text(value.offline_assignment)
        case "sender":
            text = sender_text(value.sender)
        case "conversation_end":
            text = end_text(value.conversation_end)
        case "goal_id":
            text = value.goal_id
        case "topics" if not any("," in topic for topic in value.topics.topic_ids):
            text = ",".join(value.topics.topic_ids)
        case "answer" if "=" not in value.answer.question_id:
            text = f"{value.answer.question_id}={value.answer.option_id}"
    if text is None or text.startswith("{"):
        return json_format.MessageToJson(value, indent=None, preserving_proto_field_name=True)
    return text


def parse_value(text: str, kind: "ValueKind.ValueType") -> Value:
    """The value of that kind.

    Raises:
        typer.BadParameter: it is none.
    """
    if text.startswith("{"):
        try:
            return json_format.Parse(text, Value())
        except json_format.Error as error:
            raise typer.BadParameter(f"{text}: {error}", param_hint="--value") from None
    try:
        return _PARSERS[kind](text)
    except (KeyError, ValueError):
        raise typer.BadParameter(
            f"{text!r} is no value of this KPI; {_FORMS.get(kind, _NO_VALUES)}", param_hint="--value"
        ) from None


def _answer(text: str) -> Value:
    question, equals, option = text.partition("=")
    if not equals:
        raise ValueError(text)
    return Value(answer=SurveyAnswer(question_id=question, option_id=option))


_PARSERS: Final[Mapping["ValueKind.ValueType", Callable[[str], Value]]] = {
    ValueKind.VALUE_KIND_STARS: lambda text: Value(stars=int(text)),
    ValueKind.VALUE_KIND_INACTIVITY_ACTION: lambda text: Value(action=parse_action(text)),
    ValueKind.VALUE_KIND_OFFLINE_ASSIGNMENT: lambda text: Value(offline_assignment=_OUTCOMES[text]),
    ValueKind.VALUE_KIND_SENDER: lambda text: Value(sender=_SENDERS[text]),
    ValueKind.VALUE_KIND_CONVERSATION_END: lambda text: Value(conversation_end=_ENDS[text]),
    ValueKind.VALUE_KIND_GOAL: lambda text: Value(goal_id=text),
    ValueKind.VALUE_KIND_TOPIC_SET: lambda text: Value(topics=TopicSet(topic_ids=sorted(text.split(",")))),
    ValueKind.VALUE_KIND_SURVEY_ANSWER: _answer,
}
_NO_VALUES: Final = "it has no values"
_FORMS: Final[Mapping["ValueKind.ValueType", str]] = {
    ValueKind.VALUE_KIND_STARS: "it is a number of stars, 1 to 5",
    ValueKind.VALUE_KIND_OFFLINE_ASSIGNMENT: f"it is {' or '.join(_OUTCOMES)}",
    ValueKind.VALUE_KIND_SENDER: f"it is {' or '.join(_SENDERS)}",
    ValueKind.VALUE_KIND_CONVERSATION_END: f"it is {' or '.join(_ENDS)}",
    ValueKind.VALUE_KIND_SURVEY_ANSWER: "it is question=option",
}


def filter_of(
    *,
    operators: Sequence[str],
    groups: Sequence[str],
    widgets: Sequence[str],
    topics: Sequence[str],
    questions: Sequence[str],
    values: Sequence[str],
    kpis: Collection[Kpi],
) -> Filter:
    """The filter that keeps any of the operators, and any of the groups, and so on. `kpis` are those asked for.

    Raises:
        typer.BadParameter: a value is none, or the KPIs do not share one kind of value.
    """
    where = Filter()
    if operators:
        where.operators.CopyFrom(IdFilter(any_of=map(_id, operators)))
    if groups:
        where.operator_groups.CopyFrom(IdFilter(any_of=map(_id, groups)))
    if widgets:
        where.widgets.CopyFrom(IdFilter(any_of=widgets))
    if topics:
        where.topics.CopyFrom(TopicFilter(any_of=topics))
    if questions:
        where.questions.CopyFrom(IdFilter(any_of=questions))
    if values and kpis:
        kinds = {kpi.value_kind for kpi in kpis}
        if len(kinds) != 1:
            raise typer.BadParameter("the KPIs have different kinds of values: ask one by one", param_hint="--value")
        (kind,) = kinds
        where.values.CopyFrom(ValueFilter(any_of=[parse_value(value, kind) for value in values]))
    return where


def _id(text: str) -> str:
    return "" if text == NOBODY else text


def key_texts(key: Key) -> dict[str, str]:
    """What was grouped by, for people, by the dimension's name."""
    texts = {}
    if key.HasField("operator_id"):
        texts["operator"] = key.operator_id or NOBODY
    if key.HasField("operator_group_id"):
        texts["operator_group"] = key.operator_group_id or NOBODY
    if key.HasField("widget_id"):
        texts["widget"] = key.widget_id
    if key.HasField("value"):
        texts["value"] = text_of(key.value)
    if key.HasField("topic_id"):
        texts["topic"] = key.topic_id
    if key.HasField("question_id"):
        texts["question"] = key.question_id
    if key.HasField("weekday"):
        texts["weekday"] = str(key.weekday)
    if key.HasField("hour_of_day"):
        texts["hour_of_day"] = str(key.hour_of_day)
    return texts
