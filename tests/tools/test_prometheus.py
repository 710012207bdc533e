"""Prometheus's own tool accepts its configuration and every query, and each alarm rings for what it is named for."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.conftest import ROOT, TOOLS, make, needs, run

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "telwerk.json"
S = 'job="telwerk", instance="a"'
METHOD = f'{S}, grpc_type="unary", grpc_service="s", grpc_method="QueryTotals"'
BUCKET = f"grpc_server_handling_seconds_bucket{{{METHOD}, le="
STARTED = f'process_start_time_seconds{{{S}, process="server"}}'
REJECTED = f'telwerk_events_total{{{S}, verdict="rejected", reason="TOO_MANY_VALUES"}}'
UNAVAILABLE = f'grpc_server_handled_total{{{METHOD}, grpc_code="Unavailable"}}'
WELL = {
    f"up{{{S}}}": "1x60",
    f"telwerk_database_up{{{S}}}": "1x60",
    f"telwerk_events_waiting_age_seconds{{{S}}}": "0.1x60",
    f'grpc_server_handled_total{{{METHOD}, grpc_code="OK"}}': "0+600x60",
    f'grpc_server_handled_total{{{METHOD}, grpc_code="Internal"}}': "3x60",
    f'grpc_server_handled_total{{{METHOD}, grpc_code="InvalidArgument"}}': "0+600x60",
    UNAVAILABLE: "0+6x60",
    f'{BUCKET}"0.1"}}': "0+600x60",
    f'{BUCKET}"10.0"}}': "0+600x60",
    f'{BUCKET}"+Inf"}}': "0+600x60",
    f'telwerk_limit_rejections_total{{{S}, limit="names_max"}}': "5x60",
    f'telwerk_events_total{{{S}, verdict="accepted", reason=""}}': "0+6000x60",
    f'telwerk_events_total{{{S}, verdict="duplicate", reason=""}}': "0+6000x60",
    REJECTED: "0+6x60",
    f"telwerk_timers_late_seconds{{{S}}}": "1x60",
    f"telwerk_delta_entries{{{S}}}": "30000x60",
    f"telwerk_writer_restarts_total{{{S}}}": "1x60",
    f"telwerk_worker_restarts_total{{{S}}}": "0x60",
    STARTED: "1000x30 2000x30",
    'telwerk_bridge_forwarding_failing{job="telwerk-bridge", instance="b", account="acme"}': "0x60",
}
"""A server that does well, and was restarted once: no alarm."""

CASES: list[tuple[str | None, dict[str, str | None]]] = [
    (None, {}),
    ("TelwerkDown", {f"up{{{S}}}": "1x20 0x40"}),
    ("TelwerkDown", {f"up{{{S}}}": None}),
    ("TelwerkDatabaseDown", {f"telwerk_database_up{{{S}}}": "1x20 0x40"}),
    ("TelwerkEventsWaiting", {f"telwerk_events_waiting_age_seconds{{{S}}}": "1x20 11+1x40"}),
    ("TelwerkCallsFailing", {f'grpc_server_handled_total{{{METHOD}, grpc_code="Internal"}}': "0+1x60"}),
    ("TelwerkCallsUnavailable", {UNAVAILABLE: "0+120x60"}),
    ("TelwerkRestarting", {f"telwerk_writer_restarts_total{{{S}}}": "1x25 3x40"}),
    ("TelwerkRestarting", {f"telwerk_worker_restarts_total{{{S}}}": "1x25 3x40"}),
    ("TelwerkRestarting", {STARTED: "1000x22 2000x3 3000x3 4000x30"}),
    ("TelwerkCallsSlow", {f'{BUCKET}"0.1"}}': "0+500x60"}),
    ("TelwerkLimitReached", {f'telwerk_limit_rejections_total{{{S}, limit="names_max"}}': "0+1x60"}),
    ("TelwerkEventsRejected", {REJECTED: "0+600x60"}),
    ("TelwerkUpkeepLate", {f"telwerk_timers_late_seconds{{{S}}}": "0+60x60"}),
    ("TelwerkUpkeepLate", {f"telwerk_delta_entries{{{S}}}": "1000001x60"}),
    (
        "TelwerkBridgeFailing",
        {'telwerk_bridge_forwarding_failing{job="telwerk-bridge", instance="b", account="acme"}': "1x60"},
    ),
]


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        needs("apt-get", "dpkg-deb")
        make("promtool")
    return found or str(TOOLS / "promtool")


def test_the_configuration_and_the_alarms_are_accepted(promtool: str) -> None:
    checked = run(promtool, "check", "config", PROMETHEUS / "prometheus.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "11 rules found" in checked.stdout


def test_every_query_of_the_dashboard_is_accepted(promtool: str, tmp_path: Path) -> None:
    """Each as a rule, with what Grafana puts in place of its variables."""
    queries = [
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", ())
    ]
    filled = [re.sub(r"\$__rate_interval", "1m", query).replace("$instance", ".*") for query in queries]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(filled)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    checked = run(promtool, "check", "rules", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(queries)} rules found" in checked.stdout


def test_each_alarm_rings_for_what_it_is_named_for_and_for_nothing_else(promtool: str, tmp_path: Path) -> None:
    path = tmp_path / "alarms.yaml"
    cases = {"rule_files": [str(PROMETHEUS / "alerts.yaml")], "evaluation_interval": "1m", "tests": [*map(case, CASES)]}
    path.write_text(yaml.safe_dump(cases), encoding="utf-8")
    tested = run(promtool, "test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert {alarm for alarm, _ in CASES if alarm} == alarms()


def case(told: tuple[str | None, dict[str, str | None]]) -> dict[str, Any]:
    """What rings at the 36th minute."""
    alarm, changed = told
    assert not changed.keys() - WELL.keys()
    series = [{"series": name, "values": values} for name, values in {**WELL, **changed}.items() if values]
    ringing = [{"labels": f'{{alertname="{alarm}"}}', "value": 1}] if alarm else []
    asked = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "36m", "exp_samples": ringing}
    return {"name": alarm or "well", "interval": "1m", "input_series": series, "promql_expr_test": [asked]}


def alarms() -> set[str]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}
