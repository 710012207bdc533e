"""ghz, as people put load on a server: bounded, by reflection, and nothing is lost or counted twice."""

import json
from datetime import date
from typing import Any

import pytest

from telwerk import Telwerk
from tests.tools.conftest import Endpoint, run

CALLS, CALLERS = 400, 8
ENDED = {
    "event_id": "1",
    "conversation_id": "chat-{{.RequestNumber}}",
    "widget_id": "web",
    "occur_time": "2026-01-05T09:00:00Z",
    "conversation_ended": {},
}
TOTALS = {
    "account_id": "acme",
    "kpi_ids": ["unanswered_ended_conversations"],
    "range": {
        "dates": {
            "start_date": {"year": 2026, "month": 1, "day": 5},
            "end_date": {"year": 2026, "month": 1, "day": 6},
        }
    },
}


@pytest.fixture
def ghz(tools):
    """Calls a method many times; gives the report."""

    def running(endpoint: Endpoint, method: str, request: object, calls: int = CALLS) -> dict[str, Any]:
        trust = ("--insecure",) if endpoint.ca is None else ("--cacert", endpoint.ca)
        key = ("-m", json.dumps({"authorization": f"Bearer {endpoint.key}"})) if endpoint.key else ()
        bounds = ("-n", str(calls), "-c", str(CALLERS), "--timeout", "30s")
        command = ("--call", method, "-d", json.dumps(request), "--format", "json", endpoint.address)
        done = run(tools / "ghz", *trust, *key, *bounds, *command)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return running


def test_every_event_of_a_load_is_counted_once(ghz, endpoint):
    """Sent by many callers at once, and then all of it again."""
    for _ in range(2):
        sent = ghz(endpoint, "telwerk.v1.IngestionService.IngestEvents", {"account_id": "acme", "events": [ENDED]})
        assert sent["statusCodeDistribution"] == {"OK": CALLS}
    counted = ghz(endpoint, "telwerk.v1.KpiService.QueryTotals", TOTALS)
    assert counted["statusCodeDistribution"] == {"OK": CALLS}
    assert count_of(endpoint) == CALLS


def count_of(endpoint: Endpoint) -> int:
    """What the server says is counted."""
    tls = False if endpoint.ca is None else endpoint.ca
    with Telwerk(endpoint.address, tls=tls, api_key=endpoint.key or None) as telwerk:
        answer = telwerk.totals("acme", TOTALS["kpi_ids"], start=date(2026, 1, 5), end=date(2026, 1, 6))
    return answer.totals[0].count
