"""The bridge as its users run it: over HTTP, to a real server."""

import json
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from telwerk import Telwerk
from telwerk.queries import DimensionName
from telwerk.v1.kpi_service_pb2 import Dimension
from telwerk_bridges.app import from_environment
from telwerk_bridges.config import ConfigurationError
from telwerk_bridges.receiving import BODY_BYTES_MAX
from tests.bridges.bridging import FIXTURES, bridge, deliver, eventually_true, settled, signed, text_of
from tests.bridges.days import some_day
from tests.conftest import KPI_IDS, ServerProcess, line_of, serving

DAY: dict[str, Any] = {"start": date(2026, 11, 2), "end": date(2026, 11, 3)}
STORY = [path.read_bytes() for path in FIXTURES]

COUNTED = [
    "conversation_topics billing+vip agent-7/team-3 inbox-1",
    "conversation_topics returns nobody/team-3 inbox-1",
    "feedback_count agent-7/team-3 inbox-1",
    "satisfaction_score 5 agent-7/team-3 inbox-1",
    "unanswered_ended_conversations nobody/team-3 inbox-1",
]
"""What the fixtures' story counts."""


def counted(address: str) -> list[str]:
    by: list[DimensionName] = ["operator", "operator_group", "widget"]
    with Telwerk(address) as client:
        rows = []
        for kpi in client.kpis():
            if kpi.kpi_id not in KPI_IDS:
                continue
            group_by: list[DimensionName] = [*by, "value"] if Dimension.DIMENSION_VALUE in kpi.dimensions else by
            rows += client.totals("acme", kpi.kpi_id, **DAY, group_by=group_by).totals
    return sorted(line_of(row) for row in rows for _ in range(row.count))


def test_a_story_is_counted_once_however_often_and_in_whatever_order_it_is_delivered(
    server: ServerProcess, tmp_path: Path
) -> None:
    with bridge(server.address, tmp_path / "bridge.db") as started:
        shuffled = STORY * 2
        random.Random(3).shuffle(shuffled)  # noqa: S311 - to be repeatable
        for body in (*shuffled, *STORY):
            status, answer = deliver(started.url, body)
            assert status == 200, answer
        settled(started.url)
    assert counted(server.address) == COUNTED


def test_a_day_shuffled_late_and_repeated_counts_as_its_stories_say(server: ServerProcess, tmp_path: Path) -> None:
    """Ratings with their stars, and conversations that ended without an operator: counted from the stories alone."""
    stories, bodies = some_day(7, 40, lag=4)
    ratings, unanswered = dict[int, int](), 0
    for story in stories:
        answers = [one for one in story if one.what == "answer"]
        if answers and (stars := answers[-1].value[0]):
            since = next(
                number
                for number in range(len(answers) - 1, -1, -1)
                if number == 0 or answers[number - 1].value[0] != stars
            )
            assigned = [one.value for one in story if one.what == "assignee_id" and one.at < answers[since].at]
            if assigned and assigned[-1]:
                ratings[stars] = ratings.get(stars, 0) + 1
        ends = [one.at for one in story if one.what == "status" and one.value == "resolved"]
        replies = [one.at for one in story if one.what == "agent"]
        unanswered += any(all(reply > end for reply in replies) for end in ends)
    assert ratings
    assert unanswered
    with bridge(server.address, tmp_path / "bridge.db") as started:
        with ThreadPoolExecutor(4) as senders:
            assert {status for status, _ in senders.map(lambda body: deliver(started.url, body), bodies)} == {200}
        settled(started.url)
    with Telwerk(server.address) as client:
        rows = client.totals("acme", "satisfaction_score", **DAY, group_by=["value"]).totals
        assert {row.key.value.stars: row.count for row in rows if row.count} == ratings
        assert client.totals("acme", "unanswered_ended_conversations", **DAY).totals[0].count == unanswered


def test_what_is_not_signed_or_cannot_be_read_is_refused_logged_and_counts_nothing(
    server: ServerProcess, tmp_path: Path
) -> None:
    survey = STORY[9]
    broken = json.dumps({"event": "message_created", "message_type": "incoming", "id": 1, "created_at": 1}).encode()
    with bridge(server.address, tmp_path / "bridge.db") as started:
        url = started.url
        assert deliver(url, survey, {})[0] == 401
        assert deliver(url, survey, signed(survey, "1"))[0] == 401
        assert deliver(url, b"{")[0] == 400
        assert deliver(url, b"[" * 100_000)[0] == 400
        assert deliver(url, b"[]")[0] == 422
        status, answer = deliver(url, broken)
        assert (status, answer["error"]) == (422, "conversation.id is missing")
        assert deliver(url, b" " * (BODY_BYTES_MAX + 1))[0] == 413
        assert deliver(url, b'{"event": "contact_updated", "id": 1}') == (200, {"events": 0})
        log = started.log()
        assert "/chatwoot: a delivery is refused with 401: x-chatwoot-timestamp is more than 300 s from now" in log
        assert "/chatwoot: a delivery is refused with 422: conversation.id is missing" in log
        assert "/chatwoot: a delivery is refused with 413: " in log
        status, metrics = text_of(url, "/metrics")
        assert 'telwerk_bridge_deliveries_total{path="/chatwoot",status="401"} 2\n' in metrics
        assert "telwerk_bridge_events_waiting 0\n" in metrics
        assert text_of(url, "/readyz") == (200, "ready")
    assert counted(server.address) == []


def raw(url: str, sent: bytes) -> bytes:
    """What the bridge answers to bytes that are no whole request, until it closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        answered = b""
        while part := connection.recv(65_536):
            answered += part
    return answered


def test_a_body_is_bounded_before_it_is_known_who_sends_it(server: ServerProcess, tmp_path: Path) -> None:
    """By what it says of its size, before a byte of it; by what comes, in chunks; and in time."""
    head = b"POST /chatwoot HTTP/1.1\r\nhost: x\r\n"
    with bridge(server.address, tmp_path / "bridge.db") as started:
        url = started.url
        said = raw(url, head + b"content-length: 99999999999\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"BODY_BYTES_MAX" in said
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        assert raw(url, head + b"transfer-encoding: chunked\r\n\r\n" + chunk * 17).startswith(b"HTTP/1.1 413 ")
        slow = raw(url, head + b"content-length: 10\r\n\r\n{")
        assert slow.startswith(b"HTTP/1.1 408 ")
        assert b"BODY_SECONDS" in slow
        assert deliver(url, STORY[0])[0] == 200


def test_a_key_that_is_refused_keeps_the_events_and_is_told_by_the_metrics_and_the_log(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    command = ["keys", "create", "-f", keys, "--account", "acme", "--role", "ingest"]
    subprocess.run([sys.executable, "-m", "telwerkd.cli", *command], check=True, capture_output=True)
    with (
        serving(tmp_path / "telwerk.db", "--keys-file", str(keys)) as server,
        bridge(server.address, tmp_path / "bridge.db", TELWERK_API_KEY="tw_old_expired") as started,
    ):
        assert [deliver(started.url, body)[0] for body in STORY[1:3]] == [200, 200]
        failing = 'telwerk_bridge_forwarding_failing{account="acme"} 1\n'
        eventually_true(lambda: failing in text_of(started.url, "/metrics")[1])
        assert "account acme: events wait, and are tried again: " in started.log()
        # Deliveries can be taken all the same.
        assert text_of(started.url, "/readyz")[0] == 200
        assert json.loads(text_of(started.url, "/health")[1]) == {"waiting_events": 2}


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({}, "TELWERK_ACCOUNT"),
        ({"TELWERK_ACCOUNT": "acme"}, "TELWERK_BRIDGE_CHATWOOT_SECRET"),
        ({"TELWERK_ACCOUNT": "acme", "TELWERK_BRIDGE_CHATWOOT_SECRET": " "}, "TELWERK_BRIDGE_CHATWOOT_SECRET"),
        (
            {
                "TELWERK_ACCOUNT": "acme",
                "TELWERK_BRIDGE_CHATWOOT_SECRET": "s",
                "TELWERK_BRIDGE_INBOX_MIB_MAX": "-1",
            },
            "TELWERK_BRIDGE_INBOX_MIB_MAX",
        ),
        (
            {
                "TELWERK_ACCOUNT": "acme",
                "TELWERK_BRIDGE_CHATWOOT_SECRET": "s",
                "TELWERK_BRIDGE_CHATWOOT_BOT_AGENTS": "7;9",
            },
            "TELWERK_BRIDGE_CHATWOOT_BOT_AGENTS",
        ),
    ],
)
def test_without_what_it_needs_the_bridge_does_not_start_and_names_the_variable(
    environment: dict[str, str], variable: str
) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        from_environment(environment)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chatwoot = 1", r"\[\[chatwoot\]\]"),
        ("[[chatwoot]]\naccount = 'a'", "secrets"),
        ("[[chatwoot]]\nsecrets = ['']\naccount = 'a'", "secrets"),
        ("[[chatwoot]]\nsecrets = ['s']", "account"),
        ("[[chatwoot]]\nsecrets = ['s']\naccount = 'a'\ninbox = 1", "`inbox`"),
        ("[[chatwoot]]\nsecrets = ['s']\naccount = 'a'\ninboxes = ['1']", "`inboxes`"),
        ("[[chatwoot]]\nsecrets = ['s']\naccount = 'a'\nname = 'A/b'", "`name`"),
        ("[[chatwoot]]\nsecrets = ['s']\naccount = 'a'\n" * 2, "two sources are received at /chatwoot"),
        ("not toml", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_is_refused_with_the_field_at_fault(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        from_environment({"TELWERK_BRIDGE_CONFIG": str(path)})


def test_a_delivery_that_is_replayed_counts_once_and_not_at_all_once_it_is_old(
    server: ServerProcess, tmp_path: Path
) -> None:
    """Byte by byte with its signature; old by minutes, by hours, or from a clock that is hours ahead."""
    survey, now = STORY[9], time.time()
    with bridge(server.address, tmp_path / "bridge.db") as started:
        proof = signed(survey, f"{now:.0f}")
        assert [deliver(started.url, survey, proof)[1]["events"] for _ in range(3)] == [1, 0, 0]
        for seconds in (-301, -7_200, 7_200):
            status, answer = deliver(started.url, survey, signed(survey, f"{now + seconds:.0f}"))
            assert status == 401
            assert "x-chatwoot-timestamp is more than 300 s from now" in answer["error"]
        # A signature is of one body and one time.
        assert deliver(started.url, survey + b" ", proof)[0] == 401
        assert deliver(started.url, survey, proof | {"x-chatwoot-timestamp": f"{now + 1:.0f}"})[0] == 401
