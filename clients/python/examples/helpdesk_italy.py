"""Turns the log of an Italian help desk into events that `telwerk import` takes.

    python helpdesk_italy.py helpdesk-italy.csv > events.jsonl
    telwerk import --account helpdesk events.jsonl

The log (doi 10.4121/uuid:0c60edf1-6f83-4e75-9367-4c63b3e9d5bb) has one row for each thing done to a ticket. What it
does not tell is not invented: there are no ratings, no feedback, no surveys, no goals, no live chats and, above all, no
messages by operators. **Every ticket that ends is therefore counted as unanswered (KPI 4)**; that says something about
the source, not about the help desk. For the same reason it gives **no response times and no durations** (KPI 13 to 17):
a wait ends with an operator's message, a conversation lasts where an operator wrote in it, and nothing is live. Taking
a ticket in charge is no answer. Tickets begun, ended, handed on and received (KPI 11, 12, 19 and 20) are those of the
log. Needs the standard library only, and reads one case at a time.

What becomes of a row, each event with the row's number in its case, from 1, as its `sequence`:

| row | events |
| --- | --- |
| the first of its case | the contact's first message |
| the first, and each whose product or service type is another than before | the topics: product and service type |
| `Take in charge ticket` | if the case is ended: resumed; then assigned to the row's resource and work group |
| `Resolve ticket` | ended, unless the case is ended already and nobody has taken it in charge since |
| `Closed` | ended likewise, but only in a case without any `Resolve ticket` |
| any other activity | none of its own |

Ids are those of the log, made readable: case `Case 7` is the conversation `case-7`, resource `Value 2` the operator
`resource-2`, work group `Value 1` the group `workgroup-1`, product `Value 3` with service type `Value 2` the topics
`product:Value 3` and `service_type:Value 2`. An empty field is nobody, or no topic. An event's id is its row and what
happened, `4-ended`. The same log gives the same bytes.

Timestamps are local, taken as Europe/Rome. When the clocks go back, an hour occurs twice: it is taken as the first of
the two (summer time). When they go forward, an hour is left out: a time in it is read by the clock of before (02:30
becomes 03:30 summer time). The published log has neither.
"""
# ruff: noqa: INP001 -- a script of its own, in no package

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

WIDGET_ID = "helpdesk"
ROME = ZoneInfo("Europe/Rome")

Row: TypeAlias = dict[str, str]
Json: TypeAlias = dict[str, object]

_NEEDED = {"Case ID", "Activity", "Resource", "Complete Timestamp", "product", "service_type", "workgroup"}


class Case:
    """One ticket on its way: whether it is ended, its topics so far, and what to tell about it."""

    def __init__(self, case_id: str, rows: list[Row], notes: Counter[str]) -> None:
        self.case_id = case_id
        self.rows = rows
        self.notes = notes
        self.ended = False
        self.topics: list[str] = []
        self.has_resolution = any(row["Activity"] == "Resolve ticket" for row in rows)

    def events(self) -> Iterator[Json]:
        """The case's events in ProtoJSON, row by row."""
        for number, row in enumerate(self.rows, 1):
            for what, kind, body in self._happenings(number, row):
                yield {
                    "eventId": f"{number}-{what}",
                    "conversationId": _readable("case", self.case_id, "Case "),
                    "widgetId": WIDGET_ID,
                    "occurTime": self._instant(row["Complete Timestamp"]),
                    "sequence": str(number),
                    kind: body,
                }
        if not self.ended:
            self.notes["case that is open after its last row"] += 1

    def _happenings(self, number: int, row: Row) -> Iterator[tuple[str, str, Json]]:
        if number == 1:
            yield "message", "messageSent", {"sender": "SENDER_CONTACT"}
        topics = [f"{column}:{row[column]}" for column in ("product", "service_type") if row[column]]
        if topics != self.topics:
            self.topics = topics
            yield "topics", "topicsSet", {"topicIds": topics}
        match row["Activity"]:
            case "Take in charge ticket":
                yield from self._taken_in_charge(row)
            case "Resolve ticket":
                yield from self._ended("Resolve ticket")
            case "Closed" if self.has_resolution:
                self.notes["row `Closed` of a case that has a `Resolve ticket`: no event"] += 1
            case "Closed":
                yield from self._ended("Closed")
            case other:
                self.notes[f"row `{other}`: no event of its own"] += 1

    def _taken_in_charge(self, row: Row) -> Iterator[tuple[str, str, Json]]:
        if self.ended:
            self.ended = False
            yield "resumed", "conversationResumed", {}
        assigned: Json = {}
        if row["Resource"]:
            assigned["operatorId"] = _readable("resource", row["Resource"], "Value ")
        if row["workgroup"]:
            assigned["operatorGroupId"] = _readable("workgroup", row["workgroup"], "Value ")
        if not row["Resource"] or not row["workgroup"]:
            self.notes["row `Take in charge ticket` without resource or work group: assigned to nobody there"] += 1
        yield "assigned", "operatorAssigned", assigned

    def _ended(self, activity: str) -> Iterator[tuple[str, str, Json]]:
        if self.ended:
            self.notes[f"row `{activity}` of a case that is ended already: no event"] += 1
            return
        self.ended = True
        yield "ended", "conversationEnded", {}

    def _instant(self, timestamp: str) -> str:
        local = datetime.strptime(timestamp, "%Y/%m/%d %H:%M:%S.%f").replace(tzinfo=ROME)
        instant = local.astimezone(UTC)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            left_out = instant.astimezone(ROME).replace(tzinfo=None) != local.replace(tzinfo=None)
            self.notes[
                f"row in an hour that the clock {'leaves out' if left_out else 'shows twice'}: see the help"
            ] += 1
        whole = instant.replace(microsecond=0, tzinfo=None).isoformat()
        millis = instant.microsecond // 1000
        return f"{whole}.{millis:03}Z" if millis else f"{whole}Z"


def convert(lines: Iterable[str], notes: Counter[str]) -> Iterator[Json]:
    """The events of the whole log, case by case. `notes` counts what could not be mapped, in words.

    Raises:
        ValueError: If a column is missing, a case is not in one piece, or a timestamp cannot be read. Half a case would
            be counted wrongly, so nothing is skipped.
    """
    # The column `Variant` occurs twice, and is not needed: the reader may keep either.
    reader = csv.DictReader(lines)
    if missing := _NEEDED - set(reader.fieldnames or ()):
        raise ValueError(f"columns are missing: {', '.join(sorted(missing))}")
    seen: set[str] = set()
    for case_id, rows in groupby(reader, key=itemgetter("Case ID")):
        if case_id in seen:
            raise ValueError(
                f"line {reader.line_num}: the rows of {case_id} are not in one piece; sort the log by case"
            )
        seen.add(case_id)
        yield from Case(case_id, list(rows), notes).events()


def _readable(prefix: str, value: str, anonymous: str) -> str:
    """`Value 2` of a resource is `resource-2`; a value of another form is kept whole."""
    return f"{prefix}-{value.removeprefix(anonymous)}"


def main() -> None:
    """Reads the log, writes the events to standard output and what could not be mapped to standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, help="the log")
    path: Path = parser.parse_args().csv
    notes: Counter[str] = Counter()
    written = 0
    with path.open(encoding="utf-8", newline="") as lines:
        try:
            for event in convert(lines, notes):
                sys.stdout.write(json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n")
                written += 1
        except ValueError as error:
            sys.exit(f"{path}: {error}")
    sys.stderr.write(f"{written} events written. Not mapped:\n")
    for note, count in sorted(notes.items(), key=lambda item: (-item[1], item[0])):
        sys.stderr.write(f"{count:8} x {note}\n")
    sys.stderr.write(
        "The log has no operator messages: every case that ends counts as unanswered (KPI 4), and there are no "
        "response times and no durations (KPI 13 to 17).\n"
    )


if __name__ == "__main__":
    main()
