"""A real log of 4,580 tickets, imported and counted, against a count of the log that knows nothing of Telwerk.

The log is not part of the project. It is looked for at `TELWERK_HELPDESK_CSV`, else beside the repository.
"""

import csv
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from telwerk import Telwerk
from telwerk.queries import DimensionName, GranularityName
from telwerk.v1.kpi_service_pb2 import CONVERSATION_END_AGAIN, CONVERSATION_END_FIRST, VALUE_KIND_DURATION, Key, Total
from tests.conftest import serving

ROOT = Path(__file__).parents[2]
LOG = Path(os.environ.get("TELWERK_HELPDESK_CSV", ROOT.parent / "shared" / "data" / "helpdesk-italy.csv"))
CONVERTER = ROOT / "clients" / "python" / "examples" / "helpdesk_italy.py"
ALL_YEARS = {"start": date(2010, 1, 1), "end": date(2015, 1, 1), "time_zone": "Europe/Rome"}

pytestmark = pytest.mark.skipif(not LOG.is_file(), reason=f"the help desk's log is not at {LOG} (TELWERK_HELPDESK_CSV)")


class Cell(NamedTuple):
    """What one number is about. Empty: nobody. The period is `2012` or `2012-10`, local."""

    operator: str
    group: str
    topics: tuple[str, ...]
    period: str


# The count without Telwerk: only this file's reading of the log.


class Tickets(NamedTuple):
    """The log counted: tickets that ended, where they first did, and tickets by their last topics, since when."""

    ended: Counter[Cell]
    topics: Counter[Cell]


def count_log(period_length: int) -> Tickets:
    """Counts row by row; `period_length` cuts the timestamp: 4 for years, 7 for months."""
    ended: Counter[Cell] = Counter()
    topics: Counter[Cell] = Counter()
    with LOG.open(encoding="utf-8", newline="") as lines:
        for _, case in groupby(csv.DictReader(lines), key=lambda row: row["Case ID"]):
            rows = list(case)
            if end := first_end(rows):
                ended[cell(rows, end, (), period_length)] += 1
            since = max((n for n in range(1, len(rows)) if topics_of(rows[n]) != topics_of(rows[n - 1])), default=0)
            topics[cell(rows, since + 1, topics_of(rows[since]), period_length)] += 1
    return Tickets(ended, topics)


def first_end(rows: list[dict[str, str]]) -> int | None:
    """The number of the row that ends the ticket first, from 1."""
    activities = [row["Activity"] for row in rows]
    for ending in ("Resolve ticket", "Closed"):
        if ending in activities:
            return activities.index(ending) + 1
    return None


def cell(rows: list[dict[str, str]], number: int, topics: tuple[str, ...], period_length: int) -> Cell:
    """Whoever took the ticket in charge last *before* the row is responsible, whoever the row itself names."""
    taken = [row for row in rows[: number - 1] if row["Activity"] == "Take in charge ticket"]
    operator, group = (taken[-1]["Resource"], taken[-1]["workgroup"]) if taken else ("", "")
    period = rows[number - 1]["Complete Timestamp"][:period_length].replace("/", "-")
    return Cell(operator.replace("Value ", "resource-"), group.replace("Value ", "workgroup-"), topics, period)


def topics_of(row: dict[str, str]) -> tuple[str, ...]:
    return (f"product:{row['product']}", f"service_type:{row['service_type']}")


# The count with Telwerk.


class Desk(NamedTuple):
    """A server with the log in it, by the real commands."""

    telwerk: Telwerk

    def import_events(self, events: Path) -> str:
        """What `telwerk import` reports."""
        command = [Path(sys.executable).with_name("telwerk"), "--address", self.telwerk.address]
        command += ["import", "--account", "helpdesk", events]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def series(self, kpi_id: str, granularity: GranularityName, *by_value: DimensionName) -> Counter[Cell]:
        """Every cell of the KPI that is not zero, from all the years."""
        answer = self.telwerk.series(
            "helpdesk",
            kpi_id,
            **ALL_YEARS,
            granularity=granularity,
            group_by=["operator", "operator_group", *by_value],
        )
        periods = [
            datetime.fromtimestamp(start, ZoneInfo("Europe/Rome")).strftime("%Y" if granularity == "year" else "%Y-%m")
            for start in answer.bucket_start_seconds
        ]
        cells: Counter[Cell] = Counter()
        for one in answer.series:
            key = one.key
            for period, count in zip(periods, one.counts, strict=True):
                cells[Cell(key.operator_id, key.operator_group_id, tuple(key.value.topics.topic_ids), period)] += count
        return +cells

    def tickets(self, granularity: GranularityName = "month") -> Tickets:
        """Both KPIs that the log feeds."""
        return Tickets(
            self.series("unanswered_ended_conversations", granularity),
            self.series("conversation_topics", granularity, "value"),
        )

    def totals(self, kpi_id: str, *dimension: DimensionName) -> dict[str, int]:
        """The KPI by one dimension, or as a whole under the empty name."""
        return {key_name(row.key): row.count for row in self.rows(kpi_id, *dimension)}

    def rows(self, kpi_id: str, *dimension: DimensionName) -> Sequence[Total]:
        """The same as answered."""
        return self.telwerk.totals("helpdesk", kpi_id, **ALL_YEARS, group_by=dimension).totals


def key_name(key: Key) -> str:
    """The one dimension that was grouped by; nobody is empty."""
    return key.operator_id or key.operator_group_id or key.widget_id or "+".join(key.value.topics.topic_ids)


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    """The log as `telwerk import` takes it, by the converter as its users run it."""
    path = tmp_path_factory.mktemp("helpdesk") / "events.jsonl"
    with path.open("wb") as out:
        subprocess.run([sys.executable, CONVERTER, LOG], stdout=out, stderr=subprocess.PIPE, check=True)
    return path


@pytest.fixture(scope="module")
def desk(events, tmp_path_factory) -> Iterator[Desk]:
    """One for all tests: none of them changes what it counts."""
    with serving(tmp_path_factory.mktemp("desk") / "telwerk.db") as server, Telwerk(server.address) as telwerk:
        desk = Desk(telwerk)
        assert reported(desk.import_events(events), "accepted") == event_count(events)
        yield desk


def event_count(events: Path) -> int:
    return len(events.read_bytes().splitlines())


def reported(report: str, verdict: str) -> int:
    """How many events the import says it found so."""
    found = re.search(rf"{verdict}\s+([\d,]+)", report)
    assert found, report
    return int(found[1].replace(",", ""))


# The two agree.


@pytest.mark.parametrize(("granularity", "period_length"), [("year", 4), ("month", 7)])
def test_every_cell_is_that_of_the_log(desk, granularity, period_length):
    """By operator, group and topics, year by year and month by month in Rome."""
    assert desk.tickets(granularity) == count_log(period_length)


def test_totals_are_those_of_the_log(desk):
    """The whole, and by each dimension; the rows add up, with nobody's."""
    log = count_log(4)
    for kpi_id, cells in (("unanswered_ended_conversations", log.ended), ("conversation_topics", log.topics)):
        assert desk.totals(kpi_id) == {"": cells.total()}
        assert desk.totals(kpi_id, "operator") == summed(cells, lambda cell: cell.operator)
        assert desk.totals(kpi_id, "operator_group") == summed(cells, lambda cell: cell.group)
        assert desk.totals(kpi_id, "widget") == {"helpdesk": cells.total()}
    assert desk.totals("conversation_topics", "value") == summed(log.topics, lambda cell: "+".join(cell.topics))


def test_tickets_begun_ended_received_and_handed_on_are_those_of_the_log(desk):
    """What part two of the rules reads from it, against a walk through the rows."""
    expected = Counter(walk())
    assert {kpi_id: desk.totals(kpi_id)[""] for kpi_id in expected} == expected
    ends = {row.key.value.conversation_end: row.count for row in desk.rows("conversations_ended", "value")}
    first = count_log(4).ended.total()
    assert ends == {CONVERSATION_END_FIRST: first, CONVERSATION_END_AGAIN: expected["conversations_ended"] - first}


def walk() -> Iterator[str]:
    """The KPI of each thing counted. The ticket itself is the only message; `Closed` is no second end."""
    with LOG.open(encoding="utf-8", newline="") as lines:
        for _, case in groupby(csv.DictReader(lines), key=lambda row: row["Case ID"]):
            rows = list(case)
            yield from ("conversations_started", "messages")
            taken = [row["Resource"] for row in rows if row["Activity"] == "Take in charge ticket"]
            if any(taken):
                yield "conversations_received"
            yield from ("reassignments" for one, other in pairwise(taken) if one and other and one != other)
            activities = [row["Activity"] for row in rows]
            ending = "Resolve ticket" if "Resolve ticket" in activities else "Closed"
            steps = [activity for activity in activities if activity in {ending, "Take in charge ticket"}]
            for place, step in enumerate(steps):
                if step == ending and (place == 0 or steps[place - 1] != ending):
                    yield "conversations_ended"


def test_nothing_is_counted_that_the_log_does_not_tell(desk):
    """No ratings, feedback, actions, goals, surveys or live chats, and hence no such counts.

    Nor how fast anybody answered, or how long it took: there are no operator messages.
    """
    told = {"unanswered_ended_conversations", "conversation_topics", *walk()}
    for kpi in desk.telwerk.kpis():
        if kpi.kpi_id not in told:
            assert desk.totals(kpi.kpi_id) == {"": 0}, kpi.kpi_id
    durations = {kpi.kpi_id for kpi in desk.telwerk.kpis() if kpi.value_kind == VALUE_KIND_DURATION}
    assert len(durations - told) == 4


def test_importing_again_in_another_order_changes_nothing(desk, events, tmp_path):
    """Every event is a duplicate; arrival never matters."""
    before = desk.tickets()
    report = desk.import_events(shuffled(events, tmp_path, seed=2014))
    assert (reported(report, "accepted"), reported(report, "duplicate")) == (0, event_count(events))
    assert desk.tickets() == before


def test_the_order_of_the_first_import_does_not_matter(server, events, tmp_path):
    """Late events correct the counts: a shuffled log gives those of the log in order."""
    with Telwerk(server.address) as telwerk:
        desk = Desk(telwerk)
        desk.import_events(shuffled(events, tmp_path, seed=2010))
        assert desk.tickets() == count_log(7)


def shuffled(events: Path, folder: Path, seed: int) -> Path:
    """The same lines in another order."""
    lines = events.read_bytes().splitlines(keepends=True)
    random.Random(seed).shuffle(lines)  # noqa: S311 -- an order, not a secret
    path = folder / "shuffled.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def summed(cells: Counter[Cell], name: Callable[[Cell], str]) -> dict[str, int]:
    by_name: Counter[str] = Counter()
    for one, count in cells.items():
        by_name[name(one)] += count
    return dict(by_name)
