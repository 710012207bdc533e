"""The bridge as its users run it: over HTTP, to a real server."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from telwerk import Telwerk
from telwerk.queries import DimensionName
from telwerk_bridges.app import BODY_BYTES_MAX, ConfigurationError, from_environment
from tests.bridges.test_chatwoot import FIXTURES, signed
from tests.conftest import ServerProcess, line_of, serving

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


@contextmanager
def bridge(address: str, **settings: str) -> Iterator[str]:
    """The app under uvicorn, on a free port; its URL."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    given = {"TELWERK_ADDRESS": address, "TELWERK_ACCOUNT": "acme", "TELWERK_BRIDGE_CHATWOOT_SECRET": "secret"}
    command = ["-m", "uvicorn", "--factory", "telwerk_bridges.app:from_environment", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, *command], stderr=subprocess.PIPE, text=True, env=inherited | given | settings
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"running on (http://[\d.:]+)", line):
                yield found[1]
                break
        else:
            pytest.fail("the bridge did not start")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def deliver(url: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Sends as Chatwoot does; the status and the answer."""
    proof = signed(body, f"{time.time():.0f}") if headers is None else headers
    request = urllib.request.Request(f"{url}/chatwoot", body, {"content-type": "application/json", **proof})  # noqa: S310 - of loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - of loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def counted(address: str) -> list[str]:
    by: list[DimensionName] = ["operator", "operator_group", "widget"]
    with Telwerk(address) as client:
        rows = []
        for kpi in client.kpis():
            group_by: list[DimensionName] = [*by, "value"] if kpi.value_kind != 1 else by
            rows += client.totals("acme", kpi.kpi_id, **DAY, group_by=group_by).totals
    return sorted(line_of(row) for row in rows for _ in range(row.count))


def test_a_story_is_counted_once_however_often_and_in_whatever_order_it_is_delivered(server: ServerProcess) -> None:
    with bridge(server.address) as url:
        shuffled = STORY * 2
        random.Random(3).shuffle(shuffled)  # noqa: S311 - to be repeatable
        for body in (*STORY, *shuffled):
            status, answer = deliver(url, body)
            assert status == 200, answer
    assert counted(server.address) == COUNTED


def test_an_answer_of_200_says_that_the_events_are_there(server: ServerProcess) -> None:
    with bridge(server.address) as url, Telwerk(server.address) as client:
        for body in STORY[:10]:
            assert deliver(url, body)[0] == 200
        assert client.totals("acme", "satisfaction_score", **DAY).totals[0].count == 1


def test_what_is_not_signed_or_cannot_be_read_is_refused_and_counts_nothing(server: ServerProcess) -> None:
    survey = STORY[9]
    broken = json.dumps({"event": "message_created", "message_type": "incoming", "id": 1, "created_at": 1}).encode()
    with bridge(server.address) as url:
        assert deliver(url, survey, {})[0] == 401
        assert deliver(url, survey, signed(survey, "1"))[0] == 401
        assert deliver(url, b"{")[0] == 400
        assert deliver(url, b"[" * 100_000)[0] == 400
        assert deliver(url, b"[]")[0] == 422
        status, answer = deliver(url, broken)
        assert (status, answer["error"]) == (422, "conversation.id is missing")
        assert deliver(url, b" " * (BODY_BYTES_MAX + 1))[0] == 413
        assert deliver(url, b'{"event": "contact_updated", "id": 1}') == (200, {"events": 0})
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


def test_a_body_is_bounded_before_it_is_known_who_sends_it(server: ServerProcess) -> None:
    """By what it says of its size, before a byte of it; by what comes, in chunks; and in time."""
    head = b"POST /chatwoot HTTP/1.1\r\nhost: x\r\n"
    with bridge(server.address) as url:
        said = raw(url, head + b"content-length: 99999999999\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"BODY_BYTES_MAX" in said
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        assert raw(url, head + b"transfer-encoding: chunked\r\n\r\n" + chunk * 17).startswith(b"HTTP/1.1 413 ")
        slow = raw(url, head + b"content-length: 10\r\n\r\n{")
        assert slow.startswith(b"HTTP/1.1 408 ")
        assert b"BODY_SECONDS" in slow
        assert deliver(url, STORY[0])[0] == 200


def test_while_telwerk_is_away_a_delivery_is_not_acknowledged_and_counts_once_it_is_back(tmp_path: Path) -> None:
    database = tmp_path / "telwerk.db"
    with serving(database) as server:
        pass
    with bridge(server.address) as url:
        for body in STORY[1:4]:
            status, answer = deliver(url, body)
            assert (status, answer["error"]) == (503, "Telwerk has not answered yet")
        with serving(database, "--listen", server.address):
            for body in STORY:
                for _ in range(30):
                    if deliver(url, body)[0] == 200:
                        break
                else:
                    pytest.fail("it was never acknowledged")
            assert counted(server.address) == COUNTED


def test_a_key_that_is_refused_is_answered_with_503(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    command = ["keys", "create", "-f", keys, "--account", "acme", "--role", "ingest"]
    subprocess.run([sys.executable, "-m", "telwerkd.cli", *command], check=True, capture_output=True)
    with (
        serving(tmp_path / "telwerk.db", "--keys-file", str(keys)) as server,
        bridge(server.address, TELWERK_API_KEY="tw_old_expired") as url,
    ):
        assert [deliver(url, body)[0] for body in STORY[1:3]] == [503, 503]


def test_the_health_says_how_many_events_wait(server: ServerProcess) -> None:
    with bridge(server.address) as url, urllib.request.urlopen(f"{url}/health", timeout=30) as answer:  # noqa: S310 - of loopback
        assert json.load(answer) == {"waiting_events": 0}


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({}, "TELWERK_ACCOUNT"),
        ({"TELWERK_ACCOUNT": "acme"}, "TELWERK_BRIDGE_CHATWOOT_SECRET"),
        ({"TELWERK_ACCOUNT": "acme", "TELWERK_BRIDGE_CHATWOOT_SECRET": ""}, "TELWERK_BRIDGE_CHATWOOT_SECRET"),
    ],
)
def test_without_what_it_needs_the_bridge_does_not_start_and_names_the_variable(
    environment: dict[str, str], variable: str
) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        from_environment(environment)
