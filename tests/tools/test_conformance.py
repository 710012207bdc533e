"""One scenario, every language: see clients/conformance/README.md."""

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from telwerk.v1.event_pb2 import Event
from tests.conftest import serving
from tests.tools.conftest import CLIENTS, ROOT, RUN_SECONDS, Client, Endpoint, run

SCENARIO = CLIENTS / "conformance" / "scenario.json"
BATCH = {
    "accountId": "acme",
    "events": [
        {
            "eventId": "1",
            "conversationId": "chat-1",
            "widgetId": "web",
            "occurTime": "2026-01-05T09:00:00Z",
            "feedbackLeft": {},
        }
    ],
}


class Stage(ExitStack):
    """The server that a player calls, as the scenario stops and starts it."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._process = endpoint.process

    def does(self, what: str) -> None:
        """What a step `pause` asks for; `stop` is a death without a word, `restart` one in order."""
        assert self._process is not None
        if what in {"stop", "restart"}:
            self._process.send_signal(signal.SIGKILL if what == "stop" else signal.SIGTERM)
            self._process.wait(RUN_SECONDS)
        if what in {"start", "restart"}:
            flags = ("--listen", self._endpoint.address, *self._endpoint.flags)
            self._process = self.enter_context(serving(self._endpoint.database, *flags)).process


def play(client: Client, endpoint: Endpoint, scenario: Path, **environment: str) -> list[str]:
    """The lines that the player prints but for its pauses; fails if a step does."""
    command = [str(part) for part in (*client.player, scenario, *endpoint.arguments())]
    known = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    with (
        Stage(endpoint) as stage,
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            env={**known, **endpoint.environment(), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as played,
    ):
        watchdog = threading.Timer(RUN_SECONDS, played.kill)
        watchdog.start()
        lines = list(_lines(played, stage))
        code = played.wait()
        watchdog.cancel()
        errors.seek(0)
        assert code == 0, "\n".join([*lines, errors.read()])
    return lines


def _lines(played: "subprocess.Popen[str]", stage: Stage) -> Iterator[str]:
    assert played.stdin is not None
    assert played.stdout is not None
    for line in played.stdout:
        word, _, what = line.rstrip("\n").partition(" ")
        if word != "pause":
            yield line.rstrip("\n")
            continue
        stage.does(what)
        played.stdin.write("done\n")
        played.stdin.flush()


def lines_of(steps: list[dict[str, Any]]) -> Iterator[str]:
    """What a player prints if every step is as told; what lies between two answers of a stream comes first."""
    for step in steps:
        yield from lines_of(step.get("between", []))
        yield f"ok {step['name']}"


def test_every_step_of_the_scenario_goes_as_told(client, endpoint, capfd):
    """And the server, whose log is captured too, finds nothing wrong with it."""
    steps = json.loads(SCENARIO.read_text(encoding="utf-8"))["steps"]
    assert play(client, endpoint, SCENARIO) == list(lines_of(steps))
    assert " ERROR " not in capfd.readouterr().err


def test_the_scenario_has_every_kind_of_event_built():
    """So that no language can lack a builder."""
    steps = json.loads(SCENARIO.read_text(encoding="utf-8"))["steps"]
    built = {name for step in steps for event in step.get("events", ()) for name in event}
    assert built >= {field.json_name for field in Event.DESCRIPTOR.oneofs_by_name["kind"].fields}


def test_a_step_that_goes_otherwise_is_told_and_ends_the_run_with_1(client, plain, tmp_path):
    """Without this a player that compares nothing would pass."""
    opened = {"name": "opened", "sender": "open", "accountId": "acme"}
    wrong = [
        {"name": "count", "call": "IngestionService/IngestEvents", "request": BATCH, "response": {"acceptedCount": 2}},
        {"name": "refused", "call": "IngestionService/IngestEvents", "request": BATCH, "error": refused("INTERNAL")},
        {
            "name": "built",
            "build": [{"kind": "ended", "conversation": "c", "widget": "w", "at": "2026-01-05T09:00:00Z"}],
            "events": [{"conversationId": "c", "widgetId": "w", "occurTime": "2026-01-05T09:00:00Z"}],
        },
        {"name": "unsent", "sender": "close", "unsent": ["1"]},
        {"name": "taken", "call": "KpiService/QueryTotals", "request": {"accountId": "acme"}, "response": {}},
        {
            "name": "fewer",
            "call": "IngestionService/StreamEvents",
            "requests": [BATCH],
            "responses": [
                {"requestNumber": "1", "duplicateCount": 1, "verdicts": ["VERDICT_DUPLICATE"]},
                {"requestNumber": "2"},
            ],
        },
    ]
    played = run(*client.player, scenario_of(tmp_path, [opened, *wrong]), *plain.arguments())
    assert played.returncode == 1, played.stderr
    assert [line for line in played.stdout.splitlines() if line.startswith(("ok", "FAILED"))] == [
        "ok opened",
        *(f"FAILED {step['name']}" for step in wrong),
    ]


def refused(code: str, reason: str = "") -> Mapping[str, Any]:
    return {"code": code, "reason": reason, "fields": []}


def scenario_of(folder: Path, steps: list[dict[str, Any]]) -> Path:
    path = folder / "scenario.json"
    path.write_text(json.dumps({"volatile": ["completeUntil", "message"], "steps": steps}))
    return path


@pytest.mark.parametrize(
    ("account", "key", "code", "reason"),
    [
        ("acme", "", "UNAUTHENTICATED", "KEY_MISSING"),
        ("acme", "tw_crm_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "UNAUTHENTICATED", "KEY_UNKNOWN"),
        ("other", None, "PERMISSION_DENIED", "ACCOUNT_NOT_GRANTED"),
    ],
)
def test_who_may_not_is_told_why(client, tls, tmp_path, account, key, code, reason):
    step = {
        "name": "refused",
        "call": "IngestionService/IngestEvents",
        "request": {**BATCH, "accountId": account},
        "error": refused(code, reason),
    }
    endpoint = tls if key is None else tls._replace(key=key)
    assert play(client, endpoint, scenario_of(tmp_path, [step])) == ["ok refused"]


@pytest.mark.parametrize("client", ["typescript", "go", "java"], indirect=True)
def test_the_example_sends_once_and_asks(client, plain):
    for sent in ("2 accepted, 0 there already", "0 accepted, 2 there already"):
        shown = run(*client.example, plain.address)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.splitlines() == [sent, "1 rated, 5.0 stars on average"]


@pytest.mark.parametrize("copy", [*CLIENTS.glob("*/service_config.json")], ids=lambda path: path.parent.name)
def test_every_language_has_the_one_service_config(copy):
    assert copy.read_bytes() == (CLIENTS / "service_config.json").read_bytes(), f"{copy.relative_to(ROOT)}"
