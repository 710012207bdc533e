"""`telwerk explain`: the conversations and events behind a number, and those that were left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich import box
from rich.table import Table
from rich.text import Text

from telwerk.cli.answers import Json, json_text, names_json
from telwerk.cli.durations import duration_text, has_durations
from telwerk.cli.guide import complete_kpis
from telwerk.cli.labels import Labels
from telwerk.cli.noticing import say_if_no_data
from telwerk.cli.options import Account, Output, OutputOption, connect, out, say
from telwerk.cli.query_options import From, Groups, Operators, Questions, To, Topics, Values, Widgets, Zone
from telwerk.cli.querying import where_of
from telwerk.cli.slicing import readable_id
from telwerk.cli.spreadsheets import csv_text
from telwerk.cli.times import Clock, parse_range
from telwerk.cli.values import NOBODY, text_of
from telwerk.names import KindName, Names
from telwerk.v1.display_name_pb2 import DisplayName
from telwerk.v1.kpi_service_pb2 import ConversationExplanation, ExplainedFact, Kpi, LeftOutEvent, ValueKind

_TABLE_CONVERSATIONS = 50
_PAGE_CONVERSATIONS_MAX = 1_000
_WHOSE: Sequence[KindName] = ("operator", "operator_group", "widget")


@dataclass(frozen=True)
class Answer:
    """What there is to show."""

    kpi: str
    conversations: Sequence[ConversationExplanation]
    more: bool
    """There are further conversations, beyond the limit."""
    unexplainable: int
    complete_until: Timestamp
    zone: ZoneInfo
    names: Sequence[DisplayName]

    @property
    def counted(self) -> int:
        """Facts counted in the conversations shown."""
        return sum(len(one.counted) for one in self.conversations)

    def at(self, instant: Timestamp) -> datetime:
        """An instant on the clock of the query's time zone."""
        return instant.ToDatetime(UTC).astimezone(self.zone)


def explain(
    ctx: typer.Context,
    kpi: Annotated[
        str,
        typer.Argument(metavar="KPI", help="The id of a KPI; `telwerk kpis` lists them.", autocompletion=complete_kpis),
    ],
    *,
    account: Account,
    start: From = "7d",
    end: To = None,
    zone: Zone = "",
    operator: Operators = None,
    group: Groups = None,
    widget: Widgets = None,
    topic: Topics = None,
    question: Questions = None,
    value: Values = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Show at most N conversations.",
            min=1,
            show_default=f"{_TABLE_CONVERSATIONS} in a table, otherwise all",
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the conversations and events behind a number.

    The command also shows the events that were left out, each with the rule. Give the same options as for the number;
    --operator, --group and --value do not filter the events that were left out.
    """
    if limit is None and output is Output.TABLE:
        limit = _TABLE_CONVERSATIONS
    with connect(ctx) as telwerk:
        catalogue = {known.kpi_id: known for known in telwerk.kpis()}
        clock = Clock(lambda: zone or telwerk.account_settings(account).time_zone)
        first, last = parse_range(start, end, clock)
        explanation = telwerk.explain(
            account,
            kpi,
            start=first,
            end=last,
            time_zone=clock.zone.key,
            where=where_of([kpi], catalogue, operator, group, widget, topic, question, value),
            # One more than is shown tells whether there are more.
            page_size=_PAGE_CONVERSATIONS_MAX if limit is None else min(limit + 1, _PAGE_CONVERSATIONS_MAX),
            include_names=True,
        )
        conversations = list(islice(explanation, None if limit is None else limit + 1))
        if not conversations:
            say_if_no_data(telwerk, account, list(catalogue))
    answer = Answer(
        kpi,
        conversations[:limit],
        limit is not None and len(conversations) > limit,
        explanation.unexplainable_count,
        explanation.complete_until,
        clock.zone,
        explanation.names,
    )
    _show(answer, catalogue[kpi], output)


def _show(answer: Answer, kpi: Kpi, output: Output) -> None:
    if output is Output.TABLE:
        _print(answer, kpi)
    elif output is Output.JSON:
        out.print(json_text(_json(answer)), soft_wrap=True)
    else:
        out.print(csv_text(_rows(answer), output), soft_wrap=True)
        if answer.more or answer.unexplainable:
            say(_sum(answer))  # which no row says


def _json(answer: Answer) -> Json:
    return {
        "kpi": answer.kpi,
        "conversations": [
            {
                "conversation": one.conversation_id,
                "counted": [_fact_texts(answer, fact) for fact in one.counted],
                "held_back": [_fact_texts(answer, fact) for fact in one.held_back],
                "left_out": [_left_out_texts(answer, event) for event in one.left_out],
            }
            for one in answer.conversations
        ],
        "counted": answer.counted,
        "unexplainable": answer.unexplainable,
        "more": answer.more,
        "time_zone": answer.zone.key,
        "complete_until": answer.at(answer.complete_until).isoformat(),
        **({"names": names} if (names := names_json(answer.names)) else {}),
    }


def _fact_texts(answer: Answer, fact: ExplainedFact) -> dict[str, str | int]:
    texts: dict[str, str | int] = {
        "event": fact.event_id,
        "time": answer.at(fact.instant).isoformat(),
        "operator": fact.operator_id or NOBODY,
        "operator_group": fact.operator_group_id or NOBODY,
        "widget": fact.widget_id,
    }
    known = Names(answer.names)
    for kind, id_ in zip(_WHOSE, (fact.operator_id, fact.operator_group_id, fact.widget_id), strict=True):
        if name := known.of(kind, id_):
            texts[f"{kind}_name"] = name
    if fact.HasField("value"):
        texts["value"] = text_of(fact.value)
    if fact.HasField("duration_ms"):
        texts["duration_ms"] = fact.duration_ms
    return texts


def _whose(answer: Answer) -> Iterator[str]:
    """The columns of ids, and behind each that of names, where there are any of its kind."""
    known = Names(answer.names)
    for kind in _WHOSE:
        yield kind
        if known.has(kind):
            yield f"{kind}_name"


def _left_out_texts(answer: Answer, event: LeftOutEvent) -> dict[str, str | int]:
    return {
        "event": event.event_id,
        "time": answer.at(event.occur_time).isoformat(),
        "rule": event.rule,
        "description": event.description,
    }


def _rows(answer: Answer) -> Iterator[Mapping[str, str | int]]:
    """A row per fact and per event left out, all with the same columns."""
    measured = any(fact.HasField("duration_ms") for one in answer.conversations for fact in one.counted)
    value = ("value", "duration_ms") if measured else ("value",)
    columns = ("event", "time", *_whose(answer), *value, "rule", "description")
    for one in answer.conversations:
        for outcome, listed in (
            ("counted", [_fact_texts(answer, fact) for fact in one.counted]),
            ("held_back", [_fact_texts(answer, fact) for fact in one.held_back]),
            ("left_out", [_left_out_texts(answer, event) for event in one.left_out]),
        ):
            for texts in listed:
                yield {
                    "conversation": one.conversation_id,
                    "outcome": outcome,
                    **{column: texts.get(column, "") for column in columns},
                }


def _print(answer: Answer, kpi: Kpi) -> None:
    out.print(Text.assemble((kpi.display_name, "bold"), "" if has_durations(kpi) else f" · {kpi.unit}"))
    if answer.conversations:
        out.print(_table(answer, has_value=kpi.value_kind != ValueKind.VALUE_KIND_NONE))
    if held := sum(len(one.held_back) for one in answer.conversations):
        out.print(f"{held:,} held back until their conversation's first message", style="yellow")
    out.print(f"complete until {answer.at(answer.complete_until):%Y-%m-%d %H:%M:%S} {answer.zone.key}", style="dim")
    out.print(_sum(answer))


def _table(answer: Answer, *, has_value: bool) -> Table:
    """A block of rows per conversation, by time, with its id on the first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Conversation", overflow="fold")
    table.add_column("Time", no_wrap=True)
    table.add_column("Outcome", no_wrap=True)
    if has_value:
        table.add_column("Value", overflow="fold")
    table.add_column("Operator · group · widget", overflow="fold")
    table.add_column("Event", overflow="fold")
    labels = Labels(answer.names)
    for one in answer.conversations:
        name = readable_id(one.conversation_id)
        for row in _block(one, labels):
            values = [row.value] if has_value else []
            ids = [row.why, readable_id(row.event_id)]
            table.add_row(name, f"{answer.at(row.at):%Y-%m-%d %H:%M:%S}", row.outcome, *values, *ids)
            name = ""
    return table


class _Row(NamedTuple):
    at: Timestamp
    outcome: Text
    value: str
    why: str
    event_id: str


def _block(one: ConversationExplanation, labels: Labels) -> list[_Row]:
    rows = [
        *(_fact_row(fact, Text("counted", "green"), labels) for fact in one.counted),
        *(_fact_row(fact, Text("held back", "yellow"), labels) for fact in one.held_back),
        *(
            _Row(e.occur_time, Text("left out", "yellow"), "", readable_id(e.description), e.event_id)
            for e in one.left_out
        ),
    ]
    return sorted(rows, key=lambda row: row.at.ToMicroseconds())


def _fact_row(fact: ExplainedFact, outcome: Text, labels: Labels) -> _Row:
    operator, group = (
        labels.person("operator", fact.operator_id),
        labels.person("operator_group", fact.operator_group_id),
    )
    whose = f"{operator} · {group} · {labels.of('widget', fact.widget_id)}"
    value = labels.value(fact.value) if fact.HasField("value") else ""
    if fact.HasField("duration_ms"):
        value = duration_text(fact.duration_ms)
    return _Row(fact.instant, outcome, value, whose, fact.event_id)


def _sum(answer: Answer) -> str:
    """What adds up to the number; with a limit, what is shown of it."""
    conversations = sum(bool(one.counted) for one in answer.conversations)
    text = f"counted {answer.counted:,} in {conversations:,} conversation{'' if conversations == 1 else 's'}"
    if answer.more:
        text += f" of the first {len(answer.conversations):,}, more with --limit"
    return f"{text}, {answer.unexplainable:,} that no event explains any more"
