"""What is deployed belongs together: dashboard, alarms, compositions, units and the chart name what there is."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from telwerkd.cli.shared import settings_of
from telwerkd.server.settings.settings import Settings
from tests.promql import GIVEN, told, unknown
from tests.test_docs import anchors, read, section

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "telwerk"
OPERATING = ROOT / "docs" / "operating.md"
DASHBOARD = json.loads(read(DEPLOY / "grafana" / "dashboards" / "telwerk.json"))
GROUPS = yaml.safe_load(read(DEPLOY / "prometheus" / "alerts.yaml"))["groups"]
ALARMS = [rule for group in GROUPS for rule in group["rules"]]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
STOP_SECONDS = 20
"""What a stop takes at most beside grace_seconds (docs/reliability.md)."""


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """Everything that is asked of Prometheus, with who asks."""
    found = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    found += [(alarm["alert"], alarm["expr"]) for alarm in ALARMS]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            name = re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"])
            assert name
            found.append((variable["name"], name[1]))
    return found


def series() -> dict[str, set[str]]:
    """What servers and bridges tell, and what Prometheus says of them."""
    app = read(ROOT / "clients" / "bridges" / "telwerk_bridges" / "app.py")
    of_bridges = {
        name: {*re.findall(r"(\w+)=\"", re.findall(rf"{name}{{{{(.*?)}}}}", app)[0] if f"{name}{{{{" in app else "")}
        for name in re.findall(r"# TYPE (\w+)", app)
    }
    assert len(of_bridges) >= 5
    return {**told(), **{name: labels | GIVEN for name, labels in of_bridges.items()}, "up": GIVEN}


@pytest.mark.parametrize(("asker", "query"), queries())
def test_every_query_names_only_metrics_and_labels_that_there_are(asker: str, query: str):
    assert unknown(query, series()) == set(), asker


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("rate(telwerk_event_total[5m]) > 0", "telwerk_event_total"),
        ("telwerk_transaction_seconds", "telwerk_transaction_seconds"),
        ("sum by (le, kind) (rate(telwerk_transaction_seconds_bucket[5m]))", "kind"),
        ('up == 0 or telwerk_events_total{verdict="x", account="y"}', "telwerk_events_total{account}"),
        ("vector(1)", "vector(1)"),
    ],
)
def test_a_query_of_what_is_not_told_is_found(query: str, wrong: str):
    """A misspelt name, a histogram without an ending, a label that another metric has, and nothing at all."""
    assert unknown(query, series()) == {wrong}


def test_every_panel_says_what_it_shows_and_none_hides_another():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_every_alarm_is_explained_where_it_says_and_no_other_is():
    page = read(OPERATING)
    explained = re.findall(r"^### (Telwerk\w+)$", section(page, "The most likely alarms, and what to do"), re.MULTILINE)
    assert sorted(explained) == sorted(alarm["alert"] for alarm in ALARMS)
    assert len(GROUPS[0]["rules"]) == 10
    for alarm in ALARMS:
        path, _, heading = alarm["annotations"]["runbook"].partition("#")
        assert (ROOT / path) == OPERATING
        assert heading in anchors(page)
        assert alarm["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "description"} <= alarm["annotations"].keys()


def test_every_alarm_that_a_panel_names_is_one():
    named = {name for panel in panels() for name in re.findall(r"\bTelwerk[A-Z]\w+", panel["description"])}
    assert named <= {alarm["alert"] for alarm in ALARMS}


def composition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(read(DEPLOY / "compose.yaml"))
    return found


def test_the_composition_publishes_on_loopback_only_and_mounts_what_is_there():
    services = composition()["services"]
    assert {"telwerkd", "bridge", "postgres", "prometheus", "grafana"} == services.keys()
    mounted = [volume for service in services.values() for volume in service.get("volumes", ())]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert "no-new-privileges:true" in service["security_opt"]
        assert "build" in service or re.fullmatch(r"[\w/-]+:v?\d[\w.]*", service["image"]), service["image"]
    for volume in mounted:
        source = volume.partition(":")[0]
        assert source in composition()["volumes"] or (DEPLOY / source).is_dir(), volume


def test_the_server_of_the_composition_is_scraped_where_it_listens():
    """Its variables are settings, and it has the time to stop that it may take."""
    server = composition()["services"]["telwerkd"]
    settings = {name.removeprefix("TELWERK_").lower() for name in server["environment"] if name.startswith("TELWERK_")}
    assert settings <= Settings.model_fields.keys()
    port = server["environment"]["TELWERK_PROBE_LISTEN"].rpartition(":")[2]
    jobs = yaml.safe_load(read(DEPLOY / "prometheus" / "prometheus.yaml"))["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert targets == {"telwerk": [f"telwerkd:{port}"], "telwerk-bridge": ["bridge:8000"]}
    [grace] = re.findall(r"TELWERK_GRACE_SECONDS=(\d+)", read(ROOT / "Dockerfile"))
    assert int(server["stop_grace_period"].removesuffix("s")) >= int(grace) + STOP_SECONDS


def test_grafana_finds_its_prometheus_and_its_dashboards():
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load(read(provisioning / "datasources" / "prometheus.yaml"))["datasources"]
    [provider] = yaml.safe_load(read(provisioning / "dashboards" / "telwerk.yaml"))["providers"]
    grafana = composition()["services"]["grafana"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (DEPLOY / "grafana" / "dashboards" / home.name).exists()


def test_the_unit_gives_the_server_the_time_that_a_stop_may_take():
    unit = read(DEPLOY / "systemd" / "telwerkd.service")
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert int(seconds) >= Settings.model_fields["grace_seconds"].default + STOP_SECONDS
    # The server does not notify, so systemd must not wait for it to.
    assert "\nType=exec\n" in unit


@pytest.mark.parametrize("also", [False, True], ids=["as it is", "with what is commented"])
def test_the_settings_of_the_unit_are_settings(tmp_path: Path, *, also: bool):
    text = read(DEPLOY / "systemd" / "telwerkd.toml")
    if also:
        names = set(re.findall(r"^# (\w+) = ", text, re.MULTILINE))
        kept = [line for line in text.splitlines() if line.partition(" = ")[0] not in names]
        text = re.sub(r"^# (?=\w+ = )", "", "\n".join(kept), flags=re.MULTILINE)
    path = tmp_path / "telwerkd.toml"
    path.write_text(text, encoding="utf-8")
    settings = settings_of(path, {})
    assert settings.retention_days == (730 if also else None)
    assert {*tomllib.loads(text)} <= Settings.model_fields.keys()


def test_the_chart_sets_settings_that_there_are_and_leaves_nobody_to_set_them_twice():
    texts = "".join(read(path) for path in sorted((CHART / "templates").iterdir()))
    names = {
        name.removesuffix("_FILE").lower() for name in re.findall(r"\bTELWERK_([A-Z_]*[A-Z])$", texts, re.MULTILINE)
    }
    # A setting whose own name ends so: the path of the keys.
    names = {"keys_file" if name == "keys" else name for name in names}
    assert names <= Settings.model_fields.keys()
    [own] = re.findall(r"range \$name := list (.*) -}}", texts)
    assert names <= set(re.findall(r"\w+", own)) <= Settings.model_fields.keys()


def test_nothing_that_the_chart_gives_by_a_file_is_in_the_image_already():
    """A server refuses a setting that it is given both ways."""
    texts = "".join(read(path) for path in sorted((CHART / "templates").iterdir()))
    by_file = {name for name in re.findall(r"\bTELWERK_([A-Z_]+)_FILE$", texts, re.MULTILINE) if name != "KEYS"}
    assert by_file == {"DATABASE"}
    assert not [name for name in by_file if re.search(rf"\bTELWERK_{name}=", read(ROOT / "Dockerfile"))]
    assert "\nWORKDIR /data\n" in read(ROOT / "Dockerfile").rpartition("FROM ")[2]


def test_the_chart_carries_the_alarms_and_the_dashboards_themselves():
    assert (CHART / "files" / "alerts.yaml").resolve() == DEPLOY / "prometheus" / "alerts.yaml"
    monitoring = read(CHART / "templates" / "monitoring.yaml")
    for dashboard in sorted((DEPLOY / "grafana" / "dashboards").iterdir()):
        assert (CHART / "files" / dashboard.name).resolve() == dashboard
        assert f'.Files.Get "files/{dashboard.name}"' in monitoring


def test_there_is_one_version_and_both_histories_know_it():
    version = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]["version"]
    chart = yaml.safe_load(read(CHART / "Chart.yaml"))
    found = {
        "telwerk": tomllib.loads(read(ROOT / "clients/python/pyproject.toml"))["project"]["version"],
        "telwerk-bridges": tomllib.loads(read(ROOT / "clients/bridges/pyproject.toml"))["project"]["version"],
        "npm": json.loads(read(ROOT / "clients/typescript/package.json"))["version"],
        "npm lock": json.loads(read(ROOT / "clients/typescript/package-lock.json"))["version"],
        "maven": re.findall(r"<version>(.*?)</version>", read(ROOT / "clients/java/pom.xml"))[0],
        "chart": chart["version"],
        "image of the chart": chart["appVersion"],
    }
    assert found == dict.fromkeys(found, version)
    for history in ("CHANGELOG.md", "UPGRADING.md"):
        assert re.search(rf"^## \[?{re.escape(version)}\b", read(ROOT / history), re.MULTILINE), history
