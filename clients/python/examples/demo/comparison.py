"""What the script says that must be counted, beside what the server counted."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from script import MEASURED, Chat, Fact
from telwerk import Telwerk
from telwerk.queries import DimensionName
from telwerk.v1.event_pb2 import InactivityAction, Sender
from telwerk.v1.kpi_service_pb2 import DIMENSION_VALUE, ConversationEnd, Kpi, OfflineAssignment, Value


class Answers(NamedTuple):
    """What the server counted of the script, by the KPI's number."""

    facts: Counter[Fact]
    held_back: Counter[int]
    durations_ms: Counter[Fact]
    """Their sums."""


def by_hand(chats: list[Chat]) -> Answers:
    """What the script says that must be counted."""
    lines = [line for chat in chats for line in chat.lines]
    durations_ms: Counter[Fact] = Counter()
    for line in lines:
        if line.fact:
            durations_ms[line.fact] += line.duration_ms
    facts = Counter(line.fact for line in lines if line.fact)
    return Answers(facts, Counter(line.held_back for line in lines if line.held_back), durations_ms)


def by_server(telwerk: Telwerk, account_id: str, catalogue: Sequence[Kpi], day: datetime) -> Answers:
    """What the server counted."""
    answers = Answers(Counter(), Counter(), Counter())
    for kpi in catalogue:
        facts, held_back, durations_ms = _facts_of_day(telwerk, account_id, kpi, day)
        answers.facts.update(facts)
        answers.durations_ms.update(durations_ms)
        answers.held_back[kpi.number] += held_back
    return answers


def _facts_of_day(
    telwerk: Telwerk, account_id: str, kpi: Kpi, day: datetime
) -> tuple[Counter[Fact], int, Counter[Fact]]:
    """Everything the server counted of a KPI on a day, hour by hour, how much it holds back, and sums of durations."""
    group_by: list[DimensionName] = ["operator", "operator_group"]
    if DIMENSION_VALUE in kpi.dimensions:
        group_by.append("value")
    answer = telwerk.series(
        account_id,
        kpi.kpi_id,
        start=day,
        end=day + timedelta(days=1),
        granularity="hour",
        group_by=group_by,
        sparse=True,
    )
    facts: Counter[Fact] = Counter()
    durations_ms: Counter[Fact] = Counter()
    for series in answer.series:
        value = value_text(series.key.value)
        sums = series.sums if kpi.number in MEASURED else [0] * len(series.counts)
        for index, count, sum_ms in zip(series.bucket_indexes, series.counts, sums, strict=True):
            hour = datetime.fromtimestamp(answer.bucket_start_seconds[index], UTC).hour
            fact = (kpi.number, hour, series.key.operator_id, series.key.operator_group_id, value)
            facts[fact] += count
            durations_ms[fact] += sum_ms
    return facts, answer.answers[0].held_back_count, durations_ms


def value_text(value: Value) -> str:
    """A value as the script writes it."""
    match value.WhichOneof("kind"):
        case "action":
            text = InactivityAction.Name(value.action).removeprefix("INACTIVITY_ACTION_").lower()
        case "offline_assignment":
            text = OfflineAssignment.Name(value.offline_assignment).removeprefix("OFFLINE_ASSIGNMENT_").lower()
        case "topics":
            text = "+".join(value.topics.topic_ids)
        case "sender":
            text = Sender.Name(value.sender).removeprefix("SENDER_").lower()
        case "conversation_end":
            text = ConversationEnd.Name(value.conversation_end).removeprefix("CONVERSATION_END_").lower()
        case "answer":
            text = f"{value.answer.question_id}={value.answer.option_id}"
        case "stars" | "goal_id" as kind:
            text = str(getattr(value, kind))
        case None:
            text = ""
    return text


def print_script(console: Console, chats: list[Chat], answers: Answers) -> None:
    """The script, with what is not answered so in red."""
    for chat in chats:
        console.print(f"\n[bold]{chat.title}[/]")
        for line in chat.lines:
            happening, arrow, fact = line.text.partition("=>")
            style = "green" if line.fact in answers.facts else "bold red"
            console.print(Text("  " + happening).append(arrow + fact, style))


def print_comparison(console: Console, catalogue: Sequence[Kpi], expected: Answers, answered: Answers) -> None:
    """KPI by KPI, and every single difference."""
    table = Table("", "KPI", "by hand", "the server", title="Counted by hand, and by the server")
    for kpi in catalogue:
        counts = []
        for side in (expected, answered):
            count = sum(n for fact, n in side.facts.items() if fact[0] == kpi.number)
            held_back = side.held_back[kpi.number]
            counts.append(f"{count} (+{held_back} held back)" if held_back else str(count))
        table.add_row(str(kpi.number), kpi.display_name, *counts)
    console.print("\n", table)
    for name, difference in (
        ("only by hand", expected.facts - answered.facts),
        ("only by the server", answered.facts - expected.facts),
        ("longer by hand, in ms", expected.durations_ms - answered.durations_ms),
        ("longer by the server, in ms", answered.durations_ms - expected.durations_ms),
    ):
        for fact, count in sorted(difference.items()):
            console.print(f"{name}: {count} x {fact}", style="bold red")
