"""A tour of Telwerk on a server of its own, which leaves nothing behind: `make demo`.

First a handful of chats written by hand, small enough to count by hand. Each line of their script says what it counts
as and for whom; the server's answers must be exactly these lines, or the demonstration fails. Then a few hundred
invented chats, and what the KPIs say about them.
"""
# ruff: noqa: INP001 -- a script of its own, in no package

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from google.protobuf.json_format import ParseDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from telwerk import Telwerk
from telwerk.queries import DimensionName
from telwerk.simulation import simulate, widget_settings
from telwerk.v1.event_pb2 import Event, InactivityAction, Sender
from telwerk.v1.kpi_service_pb2 import DIMENSION_VALUE, ConversationEnd, Kpi, OfflineAssignment, Total, Value
from telwerk.v1.settings_service_pb2 import WidgetSettings

SCRIPT = """
# Two ratings of one chat both count; one without an operator does not, nor one taken back.
09:00:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
09:00:10 contact rates 1                    -- nobody is assigned
09:00:20 anna assigned in sales             => 20 anna/sales
09:00:40 operator: message                  => 18 anna/sales operator
                                            => 15 anna/sales 40s
09:05:00 contact rates 5                    => 1 anna/sales 5
09:05:30 contact rates 4                    => 1 anna/sales 4
09:05:40 contact rates 1                    -- taken back below
09:05:50 taken back: 09:05:40 contact rates 1
09:06:00 contact leaves feedback            => 2 anna/sales
09:06:30 ended                              -- an operator has answered
                                            => 12 anna/sales first
                                            => 17 anna/sales 390s

# Nobody answers within the widget's two minutes; the limit itself is the instant that counts.
10:00:00 live
10:00:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
10:00:05 bram assigned in sales             => 20 bram/sales
10:01:30 inactivity_message_sent            => 5 bram/sales inactivity_message_sent
10:02:00 (the limit)                        => 3 bram/sales
10:02:01 live_conversation_reassigned       => 5 bram/sales live_conversation_reassigned
10:02:02 chloe assigned in support          => 19 bram/sales
10:02:30 operator: message                  => 18 chloe/support operator
                                            => 15 chloe/support 150s
                                            => 14 chloe/support 150s
10:09:00 left live                          => 16 chloe/support 540s
10:10:00 ended                              -- answered, if late
                                            => 12 chloe/support first
                                            => 17 chloe/support 600s
10:11:00 contact rates 2                    => 1 chloe/support 2

# An answer at the limit is in time. Every reach of a goal counts, but not between an end and its resumption.
11:00:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
11:00:00 anna assigned in sales             => 20 anna/sales
11:00:00 live
11:02:00 operator: message                  -- in time
                                            => 18 anna/sales operator
                                            => 13 anna/sales
                                            => 15 anna/sales 120s
                                            => 14 anna/sales 120s
11:03:00 visit https://shop.example/thanks  => 7 anna/sales order
11:03:10 visit https://shop.example/jackets -- no goal
11:03:30 visit https://SHOP.example/thanks/ => 7 anna/sales order
11:04:00 ended                              => 16 anna/sales 240s
                                            => 12 anna/sales first
                                            => 17 anna/sales 240s
11:04:10 visit https://shop.example/thanks  -- ended
11:30:00 resumed
11:30:05 resumed_conversation_reassigned    => 5 anna/sales resumed_conversation_reassigned
                                            => 6 anna/sales assigned
11:30:06 bram assigned in sales             => 19 anna/sales
11:31:00 visit https://shop.example/thanks  => 7 bram/sales order

# The third that is live, and the second that begins in this hour; most questions of a manager are about both.
11:15:00 live
11:15:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
11:15:10 bram assigned in sales             => 20 bram/sales
11:15:30 operator: message                  => 18 bram/sales operator
                                            => 13 bram/sales
                                            => 15 bram/sales 30s
                                            => 14 bram/sales 30s
11:20:00 left live                          => 16 bram/sales 300s

# Surveys and topics wait for the first message; newer topics replace the older ones.
13:00:00 pre-chat subject=order, new=yes    => 9 nobody/nobody subject=order
                                            => 9 nobody/nobody new=yes
13:00:05 topics delivery                    -- counted with the first message, taken back by the next topics
13:00:30 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
13:01:00 anna assigned in sales             => 20 anna/sales
13:02:00 topics returns, delivery           => 8 anna/sales delivery+returns
13:03:00 topics delivery, returns           -- the same set
13:05:00 ended                              => 4 anna/sales
                                            => 12 anna/sales first
13:06:00 post-chat solved=no                => 10 anna/sales solved=no

# A survey, but never a message: it stays held back.
14:00:00 pre-chat subject=other             ~> 9 nobody/nobody subject=other

# A bot alone: ended without an answer, counted once; a resumption that finds nobody.
15:00:00 nobody assigned in support
15:00:01 contact: message                   => 18 nobody/support contact
                                            => 11 nobody/support contact
15:00:05 bot: message                       => 18 nobody/support bot
15:01:00 contact leaves feedback            -- a bot is no operator
15:02:00 ended                              => 4 nobody/support
                                            => 12 nobody/support first
16:00:00 resumed
16:00:05 resumed_conversation_not_reassigned
                                            => 5 nobody/support resumed_conversation_not_reassigned
                                            => 6 nobody/support no_operator_available
16:10:00 ended                              -- at most once
                                            => 12 nobody/support again
"""
"""`=>` is what a line counts as: the KPI's number, operator/group, value. `~>` is held back. `--` says why not.

A line that counts as more has lines of its own below it.
"""

SHOP: Final = {
    "widgetId": "shop",
    "liveLimit": "120s",
    "goals": [{"goalId": "order", "url": "https://shop.example/thanks"}],
    "enabledActions": [
        "INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT",
        "INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED",
        "INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED",
        "INACTIVITY_ACTION_RESUMED_CONVERSATION_NOT_REASSIGNED",
    ],
}
"""The settings of the script's widget."""

BY_HAND: Final = "demo"
INVENTED: Final = "demo-simulated"
DAYS: Final = 28
CHATS: Final = 600

NEXT: Final = """
To try next, the first in a terminal of its own:

  .venv/bin/telwerkd serve
  .venv/bin/telwerk simulate --conversations 300
  .venv/bin/telwerk dashboard --account demo
"""

Fact: TypeAlias = tuple[int, int, str, str, str]
"""The KPI's number, the hour of the day, operator, group, value; a duration is no value, but summed up."""

MEASURED: Final = range(14, 18)
"""The KPIs whose values are durations."""

console = Console(highlight=False)


class Line(NamedTuple):
    """A line of the script: what happens, and what it counts as."""

    text: str
    event: Event | None
    fact: Fact | None
    held_back: int | None
    """The number of the KPI that holds it back."""
    duration_ms: int


class Chat(NamedTuple):
    """A conversation of the script."""

    title: str
    lines: list[Line]


# The script.

_HAPPENINGS: Final[tuple[tuple[str, Callable[[re.Match[str]], dict[str, object]]], ...]] = (
    (r"(contact|operator|bot): message", lambda m: {"messageSent": {"sender": f"SENDER_{m[1].upper()}"}}),
    (r"nobody assigned in (\w+)", lambda m: {"operatorAssigned": {"operatorGroupId": m[1]}}),
    (r"(\w+) assigned in (\w+)", lambda m: {"operatorAssigned": {"operatorId": m[1], "operatorGroupId": m[2]}}),
    (r"live", lambda _: {"wentLive": {}}),
    (r"left live", lambda _: {"leftLive": {}}),
    (r"ended", lambda _: {"conversationEnded": {}}),
    (r"resumed", lambda _: {"conversationResumed": {}}),
    (r"contact rates (\d)", lambda m: {"conversationRated": {"stars": int(m[1])}}),
    (r"contact leaves feedback", lambda _: {"feedbackLeft": {}}),
    (r"visit (\S+)", lambda m: {"pageVisited": {"url": m[1]}}),
    (r"topics (.+)", lambda m: {"topicsSet": {"topicIds": m[1].split(", ")}}),
    (r"pre-chat (.+)", lambda m: {"preChatSurveyCompleted": {"answers": _answers(m[1])}}),
    (r"post-chat (.+)", lambda m: {"postChatSurveyAnswered": {"answers": _answers(m[1])}}),
    (r"taken back: (.+)", lambda m: {"eventRetracted": {"retractedEventId": m[1]}}),
    (r"(\w+_\w+)", lambda m: {"inactivityActionPerformed": {"action": f"INACTIVITY_ACTION_{m[1].upper()}"}}),
)
"""How a line becomes the event's kind, in ProtoJSON."""


def _answers(text: str) -> list[dict[str, str]]:
    pairs = (answer.split("=") for answer in text.split(", "))
    return [{"questionId": question, "optionId": option} for question, option in pairs]


def read_script(script: str, day: datetime) -> list[Chat]:
    """The chats of the script, on the day that begins at `day`."""
    chats = []
    for number, block in enumerate(script.strip().split("\n\n"), 1):
        title, *texts = block.splitlines()
        lines: list[Line] = []
        hour = 0
        for text in texts:
            happening, mark, rest = (part.strip() for part in re.split(r"(=>|~>|--|$)", text, maxsplit=1))
            if happening:
                hour = int(happening[:2])
            lines.append(Line(text, _event(f"chat-{number}", happening, day), *_expected(mark, rest, hour)))
        chats.append(Chat(title.removeprefix("# "), lines))
    return chats


def _event(conversation_id: str, happening: str, day: datetime) -> Event | None:
    """The event of a line; its id is the line itself. None where nothing is sent, as at a limit."""
    clock, _, words = happening.partition(" ")
    for pattern, kind in _HAPPENINGS:
        if match := re.fullmatch(pattern, words):
            hours, minutes, seconds = (int(part) for part in clock.split(":"))
            event = ParseDict(kind(match), Event())
            event.event_id, event.conversation_id, event.widget_id = happening, conversation_id, "shop"
            event.occur_time.FromDatetime(day + timedelta(hours=hours, minutes=minutes, seconds=seconds))
            return event
    if words.startswith("(") or not words:
        return None
    raise ValueError(f"no such happening: {happening}")


def _expected(mark: str, rest: str, hour: int) -> tuple[Fact | None, int | None, int]:
    if mark not in {"=>", "~>"}:
        return None, None, 0
    number, who, value = (*rest.split(" ", 2), "")[:3]
    operator, group = ("" if name == "nobody" else name for name in who.split("/"))
    if mark == "~>":
        return None, int(number), 0
    if int(number) in MEASURED:
        return (int(number), hour, operator, group, ""), None, 1_000 * int(value.removesuffix("s"))
    return (int(number), hour, operator, group, value), None, 0


# The server.


@contextmanager
def server_of_its_own() -> Iterator[Telwerk]:
    """A real server on a free port and a database that is gone afterwards. It must stop cleanly."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK")}
    with tempfile.TemporaryDirectory(prefix="telwerk-demo-", ignore_cleanup_errors=False) as folder:
        with (Path(folder) / "log").open("w+") as log:
            command = [str(Path(sys.executable).with_name("telwerkd")), "serve", "--listen", "127.0.0.1:0"]
            command += ["--http-listen", "", "--database", f"{folder}/telwerk.db"]
            process = subprocess.Popen(  # noqa: S603 -- a fixed command
                command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder, env=environment
            )
            try:
                address = _address(process)
                console.print(f"A server of its own listens on {address}; its database will be gone afterwards.")
                with Telwerk(address) as telwerk:
                    yield telwerk
            finally:
                code = _stop(process)
                if code:
                    log.seek(0)
                    sys.stderr.write(log.read())
        if code:
            sys.exit(f"telwerkd stopped with {code}")


def _stop(process: subprocess.Popen[str]) -> int:
    """Asks it to end, and gives its exit code; one that does not end within half a minute is killed."""
    with process:
        process.terminate()
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it listens, as its first line says; killed if it says nothing for half a minute."""
    patience = threading.Timer(30, process.kill)
    patience.start()
    try:
        for line in process.stdout or ():
            if match := re.search(r"listens on (\S+)", line):
                return match[1]
    finally:
        patience.cancel()
    return sys.exit("telwerkd did not say where it listens")


# What the server answers.


def load(telwerk: Telwerk, account_id: str, settings: list[WidgetSettings], events: list[Event]) -> None:
    """Sets the widgets up and sends the events, none of which may be refused."""
    for version in settings:
        telwerk.set_widget_settings(account_id, version)
    for first in range(0, len(events), 1000):
        for rejection in telwerk.ingest(account_id, events[first : first + 1000]).rejections:
            sys.exit(f"event {rejection.event_id} was refused: {rejection.message}")


def wait_until_complete(telwerk: Telwerk, account_id: str, end: datetime) -> None:
    """The server notices within two seconds which limits have passed; until then an answer is not complete."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        answer = telwerk.totals(account_id, "unanswered_live_conversations", start=end - timedelta(days=1), end=end)
        if answer.complete_until.ToDatetime(UTC) >= end:
            return
        time.sleep(0.1)


WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def facts_of_day(telwerk: Telwerk, kpi: Kpi, day: datetime) -> tuple[Counter[Fact], int, Counter[Fact]]:
    """Everything the server counted of a KPI on a day, hour by hour, how much it holds back, and sums of durations."""
    group_by: list[DimensionName] = ["operator", "operator_group"]
    if DIMENSION_VALUE in kpi.dimensions:
        group_by.append("value")
    answer = telwerk.series(
        BY_HAND,
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


def by_server(telwerk: Telwerk, catalogue: Sequence[Kpi], day: datetime) -> Answers:
    """What the server counted."""
    answers = Answers(Counter(), Counter(), Counter())
    for kpi in catalogue:
        facts, held_back, durations_ms = facts_of_day(telwerk, kpi, day)
        answers.facts.update(facts)
        answers.durations_ms.update(durations_ms)
        answers.held_back[kpi.number] += held_back
    return answers


def print_script(chats: list[Chat], answers: Answers) -> None:
    """The script, with what is not answered so in red."""
    for chat in chats:
        console.print(f"\n[bold]{chat.title}[/]")
        for line in chat.lines:
            happening, arrow, fact = line.text.partition("=>")
            style = "green" if line.fact in answers.facts else "bold red"
            console.print(Text("  " + happening).append(arrow + fact, style))


def print_comparison(catalogue: Sequence[Kpi], expected: Answers, answered: Answers) -> None:
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


def invented(telwerk: Telwerk, catalogue: Sequence[Kpi], end: datetime) -> tuple[Table, Table]:
    """The KPIs of the invented chats: a line of days and the whole, and then what it is made of."""
    days_table = Table("", "KPI", title=f"SIMULATED: {CHATS} invented chats of the {DAYS} days before {end:%Y-%m-%d}")
    days_table.add_column("each day", no_wrap=True, min_width=DAYS)
    days_table.add_column("total", justify="right", no_wrap=True)
    days_table.add_column("mean", justify="right", no_wrap=True)
    parts_table = Table("", title="SIMULATED: what most of them are")
    for heading in ("value", "group"):
        parts_table.add_column(heading, no_wrap=True)
    start = end - timedelta(days=DAYS)
    for kpi in catalogue:
        days = telwerk.series(INVENTED, kpi.kpi_id, start=start, end=end).series[0].counts
        whole = telwerk.totals(INVENTED, kpi.kpi_id, start=start, end=end).totals[0]
        mean = _mean(kpi, whole)
        days_table.add_row(str(kpi.number), kpi.display_name, sparkline(days), str(whole.count), mean)
        most = largest(telwerk, kpi, "value", start, end) if DIMENSION_VALUE in kpi.dimensions else ""
        parts_table.add_row(str(kpi.number), most, largest(telwerk, kpi, "operator_group", start, end))
    return days_table, parts_table


def _mean(kpi: Kpi, whole: Total) -> str:
    """Of stars, or of durations."""
    if not whole.HasField("mean"):
        return ""
    return f"{whole.mean / 1_000:,.0f} s" if kpi.number in MEASURED else f"{whole.mean:.2f}"


def largest(telwerk: Telwerk, kpi: Kpi, dimension: DimensionName, start: datetime, end: datetime) -> str:
    """The four largest rows of a total, a line each."""
    rows = telwerk.totals(INVENTED, kpi.kpi_id, start=start, end=end, group_by=[dimension]).totals
    return "\n".join(
        f"{row.count:4} {value_text(row.key.value) or row.key.operator_group_id or 'nobody'}"
        for row in sorted(rows, key=lambda row: -row.count)[:4]
    )


class InShort(NamedTuple):
    """What a manager asks: of how many, how fast, and when in the week."""

    answered: int
    decided: int
    """Live conversations answered in time, and all whose limit was decided."""
    p50_ms: float
    p90_ms: float
    """Of the first response."""
    busiest: tuple[int, int]
    """Weekday, from 1 for Monday, and hour, in UTC."""
    an_hour: float
    """Conversations started then."""

    def rows(self) -> Iterator[tuple[str, str]]:
        """In words."""
        counts = f"{self.answered} of {self.decided}"
        share = f"{self.answered / self.decided:.1%} ({counts})" if self.decided else counts
        yield "live chats answered in time", share
        yield "first response, p50", f"{self.p50_ms / 1_000:.1f} s"
        yield "first response, p90", f"{self.p90_ms / 1_000:.1f} s"
        weekday, hour = self.busiest
        yield "busiest hour of the week (UTC)", f"{WEEKDAYS[weekday - 1]} {hour:02}:00, {self.an_hour:.1f}/hour"

    def agrees(self, other: "InShort") -> bool:
        """Whether they are the same; percentiles within one per cent."""
        near = abs(self.p50_ms - other.p50_ms) * 100 <= self.p50_ms and (
            abs(self.p90_ms - other.p90_ms) * 100 <= self.p90_ms
        )
        return near and self._replace(p50_ms=0, p90_ms=0) == other._replace(p50_ms=0, p90_ms=0)


def in_short_by_hand(day: datetime) -> InShort:
    """Of the script. Limits were decided at 10:02, 11:02 and 11:15:30; first responses took 150, 120 and 30 s.

    Of three, the second is the median and the third the ninetieth percentile. Two chats begin from eleven on.
    """
    return InShort(2, 3, 120_000, 150_000, (day.isoweekday(), 11), 2.0)


def in_short(telwerk: Telwerk, account_id: str, start: datetime, end: datetime) -> InShort:
    """As the server has it."""
    span = {"start": start, "end": end}
    [rate] = telwerk.totals(account_id, "live_answer_rate", **span).totals
    [first] = telwerk.totals(account_id, "first_response_time", **span, percentiles=[0.5, 0.9]).totals
    week = telwerk.totals(account_id, "conversations_started", **span, group_by=["weekday", "hour_of_day"]).totals
    busiest = max(week, key=lambda row: row.count / row.hours)
    at = busiest.key.weekday, busiest.key.hour_of_day
    p50, p90 = (one.value for one in first.percentiles)
    return InShort(rate.count, rate.below_count, p50, p90, at, busiest.count / busiest.hours)


def print_in_short(expected: InShort, answered: InShort) -> None:
    """Those of the script beside one another."""
    table = Table("", "by hand", "the server", title="Of how many, how fast, and when in the week")
    for (name, by_hand_text), (_, text) in zip(expected.rows(), answered.rows(), strict=True):
        table.add_row(name, by_hand_text, text)
    console.print(table)


def in_short_table(answered: InShort) -> Table:
    """Those of the invented chats."""
    table = Table("", "", title="SIMULATED: of how many, how fast, and when in the week", show_header=False)
    for row in answered.rows():
        table.add_row(*row)
    return table


def sparkline(counts: Sequence[int]) -> str:
    """A bar for each count, the highest for the largest."""
    bars = " ▁▂▃▄▅▆▇█"
    most = max(*counts, 1)
    return "".join(bars[-(-count * (len(bars) - 1) // most)] for count in counts)


def main() -> None:
    """Runs the demonstration. Exits with 1 if the server counts otherwise than by hand."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    chats = read_script(SCRIPT, yesterday)
    expected = by_hand(chats)
    with server_of_its_own() as telwerk:
        catalogue = telwerk.kpis()
        sent = [line.event for chat in chats for line in chat.lines if line.event]
        load(telwerk, BY_HAND, [ParseDict(SHOP, WidgetSettings())], sent)
        wait_until_complete(telwerk, BY_HAND, today)
        answered = by_server(telwerk, catalogue, yesterday)
        print_script(chats, answered)
        print_comparison(catalogue, expected, answered)
        short = in_short(telwerk, BY_HAND, yesterday, today)
        print_in_short(in_short_by_hand(yesterday), short)
        began = time.perf_counter()
        events = list(simulate(1, CHATS, today - timedelta(days=DAYS), today))
        load(telwerk, INVENTED, widget_settings(), events)
        console.print(f"\n{len(events)} events of invented chats sent in {time.perf_counter() - began:.1f} s.\n")
        wait_until_complete(telwerk, INVENTED, today)
        of_invented = in_short(telwerk, INVENTED, today - timedelta(days=DAYS), today)
        console.print(*invented(telwerk, catalogue, today), in_short_table(of_invented), sep="\n")
    console.print("The server has stopped, and its database is gone.")
    if answered != expected or not in_short_by_hand(yesterday).agrees(short):
        sys.exit("The server counts otherwise than by hand.")
    console.print("[green]All KPIs are counted as by hand.[/]")
    console.print(NEXT)


if __name__ == "__main__":
    main()
