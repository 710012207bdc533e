"""One scenario, every language: see clients/conformance/README.md."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.tools.conftest import CLIENTS, ROOT, Client, Endpoint, run

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


def play(client: Client, endpoint: Endpoint, scenario: Path) -> list[str]:
    """The lines that the player prints; fails if a step does."""
    played = run(*client.player, scenario, *endpoint.arguments(), env=endpoint.environment())
    assert played.returncode == 0, f"{played.stdout}\n{played.stderr}"
    return played.stdout.splitlines()


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


def test_a_step_that_goes_otherwise_is_told_and_ends_the_run_with_1(client, plain, tmp_path):
    """Without this a player that compares nothing would pass."""
    wrong = [
        {"name": "count", "call": "IngestionService/IngestEvents", "request": BATCH, "response": {"acceptedCount": 2}},
        {"name": "refused", "call": "IngestionService/IngestEvents", "request": BATCH, "error": refused("INTERNAL")},
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
    played = run(*client.player, scenario_of(tmp_path, wrong), *plain.arguments())
    assert played.returncode == 1, played.stderr
    assert [line for line in played.stdout.splitlines() if line.startswith(("ok", "FAILED"))] == [
        f"FAILED {step['name']}" for step in wrong
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
