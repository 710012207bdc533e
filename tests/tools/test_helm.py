"""The chart: helm lints and renders it, kubeconform knows every field that comes out, and nothing of it is careless."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.conftest import ROOT, TOOLS, make, needs, run

CHART = ROOT / "deploy" / "helm" / "telwerk"
CLUSTER = ("--kube-version", "1.37.0")
"""Helm asks no cluster here, so it has to be told of which version it would be."""

SAFE = {"tls.secret": "telwerk-tls", "keys.secret": "telwerk-keys"}
POSTGRES = {"database.secret": "telwerk-database", **SAFE}
SQLITE = {"database.sqlite.enabled": "true", "replicas": "1", **SAFE}
EVERYTHING = {
    **POSTGRES,
    "tls.clientCaKey": "ca.crt",
    "serviceMonitor.enabled": "true",
    "prometheusRule.enabled": "true",
    "grafanaDashboard.enabled": "true",
    "networkPolicy.enabled": "true",
    "networkPolicy.clients[0].namespaceSelector.matchLabels.kind": "app",
    "settings.retention_days": "730",
    "settings.memory_bytes_max": "1073741824",
    "settings.writer_stall_seconds": "2.5",
    "httpHosts[0]": "kpi.example",
    "image.digest": "sha256:" + "0" * 64,
    "topologySpreadConstraints[0].maxSkew": "1",
    "topologySpreadConstraints[0].topologyKey": "zone",
    "topologySpreadConstraints[0].whenUnsatisfiable": "ScheduleAnyway",
}
OPEN = {"database.secret": "telwerk-database", "insecure.plaintext": "true", "insecure.noAuth": "true"}
WAYS = {"PostgreSQL": POSTGRES, "SQLite": SQLITE, "everything": EVERYTHING, "without TLS and keys": OPEN}


@pytest.fixture(scope="module")
def helm() -> Path:
    needs("go")
    make("cluster-tools")
    return TOOLS / "helm"


def flags(values: dict[str, str]) -> list[str]:
    """As on a command line, where a number with a point has to be said to be one."""
    how = {
        name: "--set-json" if "." in value and value.replace(".", "").isdigit() else "--set"
        for name, value in values.items()
    }
    return [part for name, value in values.items() for part in (how[name], f"{name}={value}")]


def template(helm: Path, values: dict[str, str]):
    return run(helm, "template", "kpi", CHART, "--namespace", "care", *CLUSTER, *flags(values))


def rendered(helm: Path, values: dict[str, str]) -> dict[str, Any]:
    """What the chart makes, by kind and the end of its name."""
    done = template(helm, values)
    assert done.returncode == 0, done.stderr
    found = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {f"{one['kind']} {one['metadata']['name'].removeprefix('kpi-telwerk')}".strip(): one for one in found}


@pytest.mark.parametrize("way", WAYS)
def test_the_chart_is_linted_and_all_that_it_renders_is_known(helm: Path, way: str, tmp_path: Path) -> None:
    """No field that Kubernetes, or the operator of Prometheus, does not have; none missing that they need."""
    linted = run(helm, "lint", "--strict", *CLUSTER, *flags(WAYS[way]), CHART)
    assert linted.returncode == 0, linted.stdout
    path = tmp_path / "rendered.yaml"
    path.write_text(template(helm, WAYS[way]).stdout, encoding="utf-8")
    schemas = f"{TOOLS}/schemas/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    known = run(TOOLS / "kubeconform", "-strict", "-summary", "-schema-location", schemas, path)
    assert known.returncode == 0, known.stdout
    documents = len(rendered(helm, WAYS[way]))
    assert (
        f"{documents} resources found in 1 file - Valid: {documents}, Invalid: 0, Errors: 0, Skipped: 0" in known.stdout
    )


@pytest.mark.parametrize(("before", "after"), [("startupProbe:", "startProbe:"), ("selector:\n", "selectors:\n")])
def test_a_field_that_there_is_not_is_found(helm: Path, tmp_path: Path, before: str, after: str) -> None:
    """The check above can fail."""
    text = template(helm, POSTGRES).stdout
    assert before in text
    path = tmp_path / "rendered.yaml"
    path.write_text(text.replace(before, after), encoding="utf-8")
    schemas = f"{TOOLS}/schemas/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    assert run(TOOLS / "kubeconform", "-strict", "-schema-location", schemas, path).returncode == 1


def pods(documents: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in documents.values() if "template" in one.get("spec", {})]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


@pytest.mark.parametrize("way", WAYS)
def test_every_container_is_confined_and_gets_secrets_as_files_only(helm: Path, way: str) -> None:
    """Also those that migrate. Each mount has its volume, and each volume of a pod is mounted."""
    for pod in pods(rendered(helm, WAYS[way])):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        claimed = {"data"} if "SQLite" in way else set()
        mounted = {mount["name"] for one in containers(pod) for mount in one["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= container["resources"].keys()
            assert not [entry for entry in container["env"] if "valueFrom" in entry]


@pytest.mark.parametrize("way", ["PostgreSQL", "SQLite"])
def test_the_server_is_watched_and_has_the_time_that_its_stop_may_take(helm: Path, way: str) -> None:
    documents = rendered(helm, {**WAYS[way], "graceSeconds": "12.5", "preStopSeconds": "30"})
    [pod] = [pod for pod in pods(documents) if pod["containers"][0]["name"] == "telwerkd"]
    [server] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    environment = {entry["name"]: entry["value"] for entry in server["env"]}
    assert environment["TELWERK_PROBE_LISTEN"] == f"0.0.0.0:{ports['probe']}"
    for probe, path in {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}.items():
        assert server[probe]["httpGet"] == {"path": path, "port": "probe"}
    assert pod["terminationGracePeriodSeconds"] >= 30 + 12.5 + 20
    assert environment["TELWERK_GRACE_SECONDS"] == "12.5"


def test_services_budget_and_monitor_select_the_servers_pods_and_nothing_else(helm: Path) -> None:
    documents = rendered(helm, EVERYTHING)
    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"]
    of_migration = documents["Job -migrate"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        documents["Service"]["spec"]["selector"],
        documents["Service -pods"]["spec"]["selector"],
        documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        documents["Deployment"]["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= of_migration.items()
    monitor = documents["ServiceMonitor"]["spec"]
    scraped = [name for name in ("Service", "Service -pods") if matches(monitor, documents[name])]
    assert scraped == ["Service -pods"]
    named = {port["name"] for port in documents["Service -pods"]["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["endpoints"]} <= named
    # What the alarms ask for.
    assert documents["Service -pods"]["metadata"]["labels"][monitor["jobLabel"]] == "telwerk"


def matches(monitor: dict[str, Any], service: dict[str, Any]) -> bool:
    return bool(monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items())


def test_a_job_migrates_before_new_pods_start_and_a_sqlite_pod_does_so_itself(helm: Path) -> None:
    job = rendered(helm, POSTGRES)["Job -migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate"]
    alone = rendered(helm, SQLITE)
    assert "Job -migrate" not in alone
    [init] = alone["StatefulSet"]["spec"]["template"]["spec"]["initContainers"]
    assert init["args"] == ["migrate"]


def test_settings_reach_the_server_as_they_were_written(helm: Path) -> None:
    """A large number is not written with an exponent."""
    [server] = rendered(helm, EVERYTHING)["Deployment"]["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in server["env"]}
    assert environment["TELWERK_MEMORY_BYTES_MAX"] == "1073741824"
    assert environment["TELWERK_WRITER_STALL_SECONDS"] == "2.5"
    assert environment["TELWERK_TLS_CLIENT_CA"].endswith("/ca.crt")
    hosts = environment["TELWERK_HTTP_HOSTS"].split(",")
    assert {"kpi-telwerk", "kpi-telwerk.care.svc", "kpi-telwerk-pods.care.svc.cluster.local", "kpi.example"} <= {*hosts}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "database.secret"),
        (SAFE, "database.secret"),
        ({**SQLITE, "database.secret": "x"}, "exclude each other"),
        ({**SQLITE, "replicas": "2"}, "a SQLite file has one server"),
        ({"database.secret": "x", "keys.secret": "k"}, "tls.secret"),
        ({"database.secret": "x", "tls.secret": "t"}, "keys.secret"),
        ({**POSTGRES, "insecure.plaintext": "true"}, "exclude each other"),
        ({**POSTGRES, "insecure.noAuth": "true"}, "exclude each other"),
        ({**OPEN, "tls.clientCaKey": "ca.crt"}, "needs tls.secret"),
        ({**POSTGRES, "replica": "2"}, "replica"),
        ({**POSTGRES, "settings.listen": "0.0.0.0:1"}, "settings.listen: the chart sets this itself"),
        ({**POSTGRES, "settings.Names": "1"}, "'Names' not allowed"),
        ({**POSTGRES, "podDisruptionBudget.maxUnavailable": "0"}, "maxUnavailable"),
        ({**POSTGRES, "image.digest": "sha256:12"}, "digest"),
        ({**POSTGRES, "keys.secret": "Not A Name"}, "secret"),
    ],
)
def test_values_that_cannot_be_right_are_refused_and_named(helm: Path, values: dict[str, str], said: str) -> None:
    """What is not decided, what contradicts itself, what is misspelt."""
    done = template(helm, values)
    assert done.returncode != 0
    assert said in done.stderr
