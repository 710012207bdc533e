"""Small cases of what real accounts send: deliveries, and the values that they must have; through a real server.

The project's own stand in `cases/`; those beside the repository (`TELWERK_BRIDGE_CASES`) are tried where they are.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from telwerk import Telwerk
from telwerk.v1.settings_service_pb2 import WidgetSettings
from tests.bridges.bridging import SECRET, BridgeProcess, Translator, bridge, deliver, expanded, settled
from tests.conftest import ServerProcess, serving

HERE = Path(__file__).parent / "cases"
BESIDE = Path(
    os.environ.get("TELWERK_BRIDGE_CASES", Path(__file__).parents[2].parent / "shared" / "cases" / "chatwoot")
)
CASES = sorted([*HERE.glob("*.json"), *BESIDE.glob("*.json")], key=lambda path: path.stem)
RANGE: dict[str, Any] = {"start": date(2026, 10, 1), "end": date(2026, 12, 1)}
KPIS = {
    "KPI1": "satisfaction_score",
    "KPI2": "feedback_count",
    "KPI3": "unanswered_live_conversations",
    "KPI4": "unanswered_ended_conversations",
    "KPI8": "conversation_topics",
}
OTHER = "other"
WAIT_SECONDS = 60.0


def loaded(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = expanded(json.loads(path.read_text()))
    return case


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, BridgeProcess]]:
    """One server and one bridge, with an account for each case."""
    folder = tmp_path_factory.mktemp("cases")
    sections = [
        f'[[chatwoot]]\nname = "c{number}"\nprefix = ""\naccount = "c{number}"\n'
        f'secrets = ["{SECRET}", "{OTHER}"]\n'
        f"bot_agents = {loaded(path).get('bot_agents', [])}\n"
        for number, path in enumerate(CASES)
    ]
    (folder / "bridge.toml").write_text("\n".join(sections))
    settings = {"TELWERK_BRIDGE_CONFIG": str(folder / "bridge.toml"), "TELWERK_BRIDGE_CHATWOOT_SECRET": ""}
    with (
        serving(folder / "telwerk.db") as server,
        bridge(server.address, folder / "bridge.db", **settings) as started,
    ):
        yield server, started


@pytest.mark.parametrize("number", range(len(CASES)), ids=[path.stem for path in CASES])
def test_a_case_has_its_expected_values(number: int, running: tuple[ServerProcess, BridgeProcess]) -> None:
    """In the order of the case, and in the opposite one: arrival does not matter."""
    case, (server, started) = loaded(CASES[number]), running
    account = f"c{number}"
    with Telwerk(server.address) as client:
        settings = WidgetSettings(widget_id="inbox-1")
        settings.live_limit.FromTimedelta(timedelta(seconds=60))
        client.set_widget_settings(account, settings)
        answers = delivered(started, account, case)
        settled(started.url)
        expected = case["expected"]
        assert [status for status, _ in answers] == expected.get("answers", [200] * len(answers))
        if "events" in expected:
            assert [answer["events"] for _, answer in answers] == expected["events"]
        if "totals" in expected:
            # When a limit that has passed counts depends on how long the server doubts its clock: two minutes at most.
            wanted = {kpi: expected["totals"].get(kpi, 0) for kpi in KPIS if kpi in expected["totals"] or kpi != "KPI3"}
            assert counted(client, account, wanted) == wanted
        check_facts(client, account, expected)


def delivered(started: BridgeProcess, account: str, case: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    slash = "/" if "slash" in case["name"] else ""
    secret = OTHER if "second-secret" in case["name"] else SECRET
    deliveries = case["deliveries"]
    if "outage" in case["name"]:
        # What is lost in an outage is the business of test_outage.
        deliveries = [{**deliveries[0], "id": number} for number in range(1, 101)]
    return [
        deliver(started.url, json.dumps(one).encode(), path=f"/chatwoot/{account}{slash}", secret=secret)
        for one in deliveries
    ]


def counted(client: Telwerk, account: str, wanted: dict[str, int]) -> dict[str, int]:
    """Waits for limits that pass by themselves."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = {}
        for short in wanted:
            found[short] = sum(row.count for row in client.totals(account, KPIS[short], **RANGE).totals)
        if found == wanted or time.monotonic() > deadline or found.get("KPI3", 0) >= wanted.get("KPI3", 0):
            return found
        time.sleep(0.05)


def check_facts(client: Telwerk, account: str, expected: dict[str, Any]) -> None:
    ratings = facts(client, account, "satisfaction_score")
    for name, found in {
        "operator": [fact.operator_id for fact in ratings],
        "rated_at": [instant(fact) for fact in ratings],
        "stars": [fact.value.stars for fact in ratings],
        "topics_at": [instant(fact) for fact in facts(client, account, "conversation_topics")],
    }.items():
        if name in expected:
            assert found == [expected[name]], name


def facts(client: Telwerk, account: str, kpi: str) -> Sequence[Any]:
    return [fact for one in client.explain(account, kpi, **RANGE) for fact in one.counted]


def instant(fact: Any) -> str:
    return fact.instant.ToDatetime().isoformat(timespec="milliseconds") + "Z"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_means_the_same_in_any_order(path: Path) -> None:
    """The events that stand in the end, whichever delivery comes first; and the expected kinds, in the case's order."""
    case = loaded(path)
    chatwoot_of = {"bot_agents": case.get("bot_agents", [])}
    forwards, backwards = Translator(**chatwoot_of), Translator(**chatwoot_of)
    answers = case["expected"].get("answers", [200] * len(case["deliveries"]))
    readable = [one for one, status in zip(case["deliveries"], answers, strict=False) if status == 200]
    told = [event for one in readable for event in forwards(one)]
    if kinds := case["expected"].get("kinds"):
        assert [event.WhichOneof("kind") for event in told] == kinds
    if resumed_at := case["expected"].get("resumed_at"):
        resumed = [event.occur_time.ToJsonString() for event in told if event.HasField("conversation_resumed")]
        assert [at.replace("Z", ".000Z") for at in resumed] == [resumed_at]
    for one in reversed(readable):
        backwards(one)
    assert backwards.standing() == forwards.standing()
