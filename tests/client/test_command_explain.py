"""`telwerk explain`, `erase` and `purge`, the real command against the real server."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from telwerk import Telwerk, events
from tests.client.command import ACCOUNT, telwerk
from tests.conftest import serving

AT = datetime(2026, 1, 12, 9, tzinfo=UTC)
DAY = ("--from", "2026-01-12", "--to", "2026-01-13")
SUM = "that no event explains any more"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all; its account is only read."""
    with serving(tmp_path_factory.mktemp("explain") / "telwerk.db") as server:
        fill(server.address, ACCOUNT)
        yield server.address


@pytest.fixture
def own(address: str) -> dict[str, str]:
    """An account to take data out of, as what `telwerk` is to be given."""
    account = f"of-{uuid.uuid4()}"
    fill(address, account)
    return {"address": address, "TELWERK_ACCOUNT": account}


def fill(address: str, account: str) -> None:
    """chat-1: rated before anna came, then with 5 and 4 stars; chat-2: rated, of ben's; chat-3: topics, no message."""
    first, second = {"widget": "web"}, {"widget": "shop"}
    with Telwerk(address) as client:
        answer = client.ingest(
            account,
            [
                events.rated("chat-1", **first, at=AT, stars=1, event_id="early"),
                events.operator_assigned("chat-1", **first, at=minute(1), operator="anna", group="sales"),
                events.rated("chat-1", **first, at=minute(2), stars=5, event_id="five"),
                events.rated("chat-1", **first, at=minute(3), stars=4, event_id="four"),
                events.operator_assigned("chat-2", **second, at=minute(4), operator="ben"),
                events.rated("chat-2", **second, at=minute(5), stars=3, event_id="three"),
                events.topics_set("chat-3", **second, at=minute(6), topics=["[red]x", "billing"], event_id="topics"),
            ],
        )
    assert not answer.rejections


def minute(number: int) -> datetime:
    return AT + timedelta(minutes=number)


def explained(*arguments: str, **given: str) -> str:
    """Of KPI 1 on that day."""
    done = telwerk("explain", "satisfaction_score", *DAY, *arguments, **given)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def counted(**given: str) -> int:
    done = telwerk("totals", "satisfaction_score", *DAY, "-o", "json", **given)
    return int(json.loads(done.stdout)["totals"][0]["count"])


def test_a_table_shows_what_was_counted_and_what_was_not_by_time(address: str) -> None:
    lines = explained("--zone", "Europe/Amsterdam", address=address).splitlines()
    assert lines[0].startswith("Satisfaction score · ")
    rows = [" ".join(line.split()) for line in lines if "2026-01-12 10:" in line]
    assert rows == [
        "chat-1 2026-01-12 10:00:00 left out no operator was assigned early",
        "2026-01-12 10:02:00 counted 5 anna · sales · web five",
        "2026-01-12 10:03:00 counted 4 anna · sales · web four",
        "chat-2 2026-01-12 10:05:00 counted 3 ben · nobody · shop three",
    ]
    assert lines[-1] == f"counted 3 in 2 conversations, 0 {SUM}"


def test_json_adds_up_and_has_everything(address: str) -> None:
    answer = json.loads(explained("-o", "json", address=address))
    assert answer["conversations"][0] == {
        "conversation": "chat-1",
        "counted": [
            {
                "event": event,
                "time": f"2026-01-12T09:0{number}:00+00:00",
                "operator": "anna",
                "operator_group": "sales",
                "widget": "web",
                "value": stars,
            }
            for event, number, stars in (("five", 2, "5"), ("four", 3, "4"))
        ],
        "held_back": [],
        "left_out": [
            {
                "event": "early",
                "time": "2026-01-12T09:00:00+00:00",
                "rule": "NO_OPERATOR",
                "description": "no operator was assigned",
            }
        ],
    }
    assert answer["counted"] + answer["unexplainable"] == counted(address=address) == 3
    assert (answer["more"], answer["time_zone"]) == (False, "UTC")


def test_csv_has_a_row_for_each_fact_and_each_event_left_out(address: str) -> None:
    rows = list(csv.DictReader(io.StringIO(explained("-o", "csv", address=address))))
    assert [(row["conversation"], row["outcome"], row["event"], row["value"], row["rule"]) for row in rows] == [
        ("chat-1", "counted", "five", "5", ""),
        ("chat-1", "counted", "four", "4", ""),
        ("chat-1", "left_out", "early", "", "NO_OPERATOR"),
        ("chat-2", "counted", "three", "3", ""),
    ]


def test_what_is_held_back_is_shown_as_such_and_its_ids_are_no_markup(address: str) -> None:
    done = telwerk("explain", "conversation_topics", *DAY, address=address)
    (row,) = [line for line in done.stdout.splitlines() if "chat-3" in line]
    assert "held back" in row
    assert "[red]x,billing" in row
    assert "1 held back until their conversation's first message" in done.stdout
    assert done.stdout.splitlines()[-1] == f"counted 0 in 0 conversations, 0 {SUM}"


@pytest.mark.parametrize(
    ("filters", "events_counted"),
    [
        (("--operator", "anna"), ["five", "four"]),
        (("--group", "nobody"), ["three"]),
        (("--widget", "shop"), ["three"]),
        (("--value", "4", "--value", "3"), ["four", "three"]),
        (("--from", "2026-01-11", "--to", "2026-01-12"), []),
    ],
)
def test_the_filters_are_those_of_the_number(address: str, filters: tuple[str, ...], events_counted: list[str]) -> None:
    conversations = json.loads(explained(*filters, "-o", "json", address=address))["conversations"]
    assert [fact["event"] for one in conversations for fact in one["counted"]] == events_counted


def test_a_limit_says_that_there_is_more(address: str) -> None:
    last = explained("--limit", "1", address=address).splitlines()[-1]
    assert last == f"counted 2 in 1 conversation of the first 1, more with --limit, 0 {SUM}"
    assert json.loads(explained("--limit", "1", "-o", "json", address=address))["more"]
    assert not json.loads(explained("--limit", "2", "-o", "json", address=address))["more"]
    short = telwerk("explain", "satisfaction_score", *DAY, "--limit", "1", "-o", "csv", address=address)
    assert "more with --limit" in short.stderr


def test_where_nothing_happened_the_sum_says_so(address: str) -> None:
    lines = explained("--from", "2026-01-10", "--to", "2026-01-11", address=address).splitlines()
    assert (len(lines), lines[-1]) == (3, f"counted 0 in 0 conversations, 0 {SUM}")


def test_an_erased_conversation_takes_its_counts_with_it(own: dict[str, str]) -> None:
    done = telwerk("erase", "chat-1", "--yes", **own)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "erased conversation 'chat-1': 4 events, and 2 facts taken out of the counts\n"
    assert "chat-1" not in explained(**own)
    assert counted(**own) == 1


def test_kept_counts_of_an_erased_conversation_are_explained_by_no_event(own: dict[str, str]) -> None:
    done = telwerk("erase", "chat-1", "--keep-counts", "-y", **own)
    assert done.stdout == "erased conversation 'chat-1': 4 events, and 2 facts kept, which no event explains any more\n"
    assert counted(**own) == 3
    assert explained(**own).splitlines()[-1] == f"counted 1 in 1 conversation, 2 {SUM}"
    as_csv = telwerk("explain", "satisfaction_score", *DAY, "-o", "csv", **own)
    assert as_csv.stderr == f"counted 1 in 1 conversation, 2 {SUM}\n"


def test_purged_events_leave_their_counts(own: dict[str, str]) -> None:
    done = telwerk("purge", "--before", "2026-01-12T10:03", "--zone", "Europe/Amsterdam", "--yes", **own)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "purged 3 events before 2026-01-12 10:03:00 Europe/Amsterdam\n"
    assert counted(**own) == 3
    assert explained(**own).splitlines()[-1] == f"counted 2 in 2 conversations, 1 {SUM}"


def test_a_date_begins_in_the_accounts_time_zone(own: dict[str, str]) -> None:
    telwerk("settings", "account", "--zone", "America/New_York", **own)
    done = telwerk("purge", "--before", "2026-01-12", "--yes", **own)
    assert done.stdout == "purged 0 events before 2026-01-12 00:00:00 America/New_York\n"


@pytest.mark.parametrize("arguments", [("erase", "chat-1"), ("purge", "--before", "2026-01-13")])
def test_in_a_pipe_nothing_is_taken_out_without_a_yes(address: str, arguments: tuple[str, ...]) -> None:
    done = telwerk(*arguments, address=address, stdin="y\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --yes" in done.stderr
    assert explained(address=address).splitlines()[-1] == f"counted 3 in 2 conversations, 0 {SUM}"


@pytest.mark.parametrize(("said", "code", "counted_then"), [("y\n", 0, 1), ("n\n", 1, 3)])
def test_on_a_terminal_it_is_asked_first(own: dict[str, str], said: str, code: int, counted_then: int) -> None:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TELWERK_ADDRESS": own["address"], "TELWERK_ACCOUNT": own["TELWERK_ACCOUNT"]}
    command = [sys.executable, "-m", "telwerk.cli", "erase", "chat-1"]
    try:
        with subprocess.Popen(
            command, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, env=environment
        ) as process:
            os.write(controller, said.encode())
            assert process.wait(timeout=60) == code
        asked = os.read(controller, 10_000).decode()
    finally:
        os.close(controller)
        os.close(terminal)
    assert f"Erase conversation 'chat-1' of {own['TELWERK_ACCOUNT']} and take its counts back?" in asked
    assert "Traceback" not in asked
    assert counted(**own) == counted_then


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("explain", "nope"), 4, "UNKNOWN_KPI"),
        (("explain", "nope", "--value", "5"), 4, "UNKNOWN_KPI"),
        (("explain", "satisfaction_score", "--topic", "billing"), 4, "UNKNOWN_DIMENSION"),
        (("explain", "satisfaction_score", "--value", "many"), 2, "number of stars"),
        (("explain", "satisfaction_score", "--limit", "0"), 2, "--limit"),
        (("explain", "satisfaction_score", "--zone", "Mars/Base"), 2, "Mars/Base"),
        (("explain",), 2, "KPI"),
        (("purge", "--yes"), 2, "--before"),
        (("purge", "--before", "yore", "--yes"), 2, "'yore' is not a time"),
        (("purge", "--before", "2199-01-01", "--yes"), 4, "must not lie in the future"),
    ],
)
def test_an_error_is_a_sentence_and_an_exit_code(
    address: str, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = telwerk(*arguments, address=address)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_duration_is_told_in_its_unit_and_in_milliseconds(address: str) -> None:
    """For people in the table; exact in JSON and CSV."""
    asked = ("explain", "response_time", *DAY, "--account", "of-durations")
    with Telwerk(address) as client:
        chat = {"widget": "web"}
        answered = [
            events.message_sent("chat-1", **chat, at=AT, sender="contact"),
            events.message_sent("chat-1", **chat, at=minute(2), sender="operator", operator="anna", event_id="reply"),
        ]
        client.ingest("of-durations", answered)
    table = [row.split() for row in telwerk(*asked, address=address).stdout.splitlines()]
    assert ["Response", "time"] in table
    assert [
        "chat-1",
        "2026-01-12",
        "09:02:00",
        "counted",
        "2.0",
        "min",
        "anna",
        "·",
        "nobody",
        "·",
        "web",
        "reply",
    ] in table
    [conversation] = json.loads(telwerk(*asked, "-o", "json", address=address).stdout)["conversations"]
    assert conversation["counted"][0]["duration_ms"] == 120_000
    [row] = csv.DictReader(io.StringIO(telwerk(*asked, "-o", "csv", address=address).stdout))
    assert row["duration_ms"] == "120000"
