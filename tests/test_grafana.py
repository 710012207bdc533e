"""Grafana's dashboard of the KPIs: each query is asked of a real server, and the answer has what its panel reads.

The queries are replayed as Grafana and its data source Infinity do it: variables are put into the text, the body is
sent, jq picks the rows (gojq there, jq here), and each column takes a field of them.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import jq
import pytest
import yaml

from telwerk import Telwerk
from telwerkd.domain.catalogue.kpis import CATALOGUE
from tests.conftest import serving
from tests.page.served import ACCOUNT, fill

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "telwerk-kpis.json").read_text(encoding="utf-8"))
SOURCE_TYPE = "yesoreyeram-infinity-datasource"
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
DAY_MS = 86_400_000
TYPES = {"number": (int, float, type(None)), "string": str, "timestamp_epoch": int}


def replaced(text: str, values: dict[str, str]) -> str:
    """The text with variables in it as Grafana puts them: those that it does not know stay as they are."""

    def value(found: re.Match[str]) -> str:
        known = values.get(found["name"])
        if known is None:
            return found[0]
        return '"' + known.replace('"', '\\"') + '"' if found["format"] == "doublequote" else known

    return re.sub(r"\$\{(?P<name>\w+)(?::(?P<format>\w+))?\}", value, text)


def variables(start_ms: int, end_ms: int, **chosen: str) -> dict[str, str]:
    """The dashboard's variables, its computed ones among them, for a range of time and what a reader chose."""
    values = {"__from": str(start_ms), "__to": str(end_ms)}
    for name, variable in VARIABLES.items():
        if variable["type"] == "textbox":
            values[name] = chosen.get(name, variable["query"])
        elif variable["type"] == "query":
            query = variable["query"]["infinityQuery"]
            [row] = rows(query, json.loads(replaced(query["data"], values)))
            [values[name]] = row.values()
    return values


def rows(query: dict[str, Any], answer: Any) -> list[dict[str, Any]]:
    """What Infinity makes of an answer."""
    [found] = jq.compile(query["root_selector"]).input_value(answer).all()
    return [{column["text"]: row.get(column["selector"]) for column in query["columns"]} for row in found]


class Asked(NamedTuple):
    """A server with chats, and what the dashboard asks it for."""

    client: httpx2.Client
    address: str
    values: dict[str, str]

    def rows(self, panel: dict[str, Any]) -> list[dict[str, Any]]:
        """Those of a panel."""
        [target] = panel["targets"]
        body = replaced(target["url_options"]["data"], self.values)
        assert "$" not in body
        answer = self.client.request(
            target["url_options"]["method"],
            target["url"],
            content=body,
            headers={"content-type": target["url_options"]["body_content_type"]},
        )
        assert answer.status_code == 200, answer.text
        return rows(target, answer.json())


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> Iterator[Asked]:
    """Three weeks up to now, of which the last hour is not on a quarter of an hour."""
    now_ms = int(time.time() * 1_000)
    with serving(tmp_path_factory.mktemp("grafana") / "telwerk.db", "--http-listen", "127.0.0.1:0") as server:
        http = server.process.stdout.readline().split()[-1]
        fill(server.address, conversations=200)
        with httpx2.Client(base_url=f"http://{http}", trust_env=False, timeout=30) as client:
            yield Asked(client, server.address, variables(now_ms - 21 * DAY_MS, now_ms))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_query_is_answered_with_the_columns_that_its_panel_reads(asked: Asked, panel: dict[str, Any]):
    """Every column has something in it, of the type that it says; times ascend, as a chart needs them."""
    [target] = panel["targets"]
    assert (target["type"], target["source"], target["parser"]) == ("json", "url", "jq-backend")
    found = asked.rows(panel)
    assert found
    for column in target["columns"]:
        values = [row[column["text"]] for row in found]
        assert any(value is not None for value in values), column["text"]
        assert all(isinstance(value, TYPES[column["type"]]) for value in values), column["text"]
        if column["type"] == "timestamp_epoch":
            assert values == sorted(set(values))
    named = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    named |= {panel["options"]["xField"]} if "xField" in panel["options"] else set()
    assert named <= {column["text"] for column in target["columns"]}


def test_the_numbers_are_those_that_grpc_answers(asked: Asked):
    """Of all KPIs over the whole of the range, with the quarter-hours that it begins and ends in."""
    panel = next(panel for panel in PANELS if panel["title"] == "All KPIs")
    shown = {row["KPI"]: row["Count"] for row in asked.rows(panel)}
    start, end = (datetime.fromisoformat(asked.values[name]) for name in ("start", "end"))
    with Telwerk(asked.address) as telwerk:
        answer = telwerk.totals(ACCOUNT, list(shown), start=start, end=end)
    assert shown == {total.kpi_id: total.count for total in answer.totals}
    assert sum(shown.values()) > 1_000


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "start", "end"),
    [
        (1_795_824_000_000, 1_795_910_399_999, "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
        (1_795_824_000_000, 1_795_910_400_000, "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
        (1_795_824_060_000, 1_795_826_760_001, "2026-11-28T00:00:00Z", "2026-11-28T01:00:00Z"),
    ],
)
def test_a_range_is_widened_to_whole_quarters_of_an_hour(start_ms, end_ms, start, end):
    """Which the server wants; one that is on them already stays as it is."""
    values = variables(start_ms, end_ms)
    assert (values["start"], values["end"]) == (start, end)
    assert all(VARIABLES[name]["refresh"] == 2 for name in ("start", "end"))  # with every change of the range


def test_what_is_typed_is_sent_as_a_text():
    values = variables(0, DAY_MS, account='a"b', zone="Europe/Berlin")
    for panel in PANELS:
        body = json.loads(replaced(panel["targets"][0]["url_options"]["data"], values))
        assert (body["accountId"], body["timeZone"]) == ('a"b', "Europe/Berlin")


def test_every_kpi_is_on_the_dashboard_by_its_name():
    asked = [json.loads(replaced(panel["targets"][0]["url_options"]["data"], variables(0, DAY_MS))) for panel in PANELS]
    charted = {kpi for query in asked if len(query["kpiIds"]) < len(CATALOGUE) for kpi in query["kpiIds"]}
    assert {info.id for info in CATALOGUE.values()} <= charted
    texts = {info.id: info.texts["en"].name for info in CATALOGUE.values()}
    [table] = [panel for panel in PANELS if panel["title"] == "All KPIs"]
    [mappings] = [
        one["value"][0]["options"]
        for override in table["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "mappings"
    ]
    assert {kpi: shown["text"] for kpi, shown in mappings.items()} == texts


def test_every_panel_says_what_it_shows_and_none_hides_another():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["description"].endswith(".") for panel in PANELS)


def test_grafana_has_the_data_source_of_the_dashboard_with_its_key_as_a_secret():
    """In the composition: the plugin by its name, the server by a name that it lets itself be called, no other host."""
    [source] = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/telwerk.yaml").read_text())["datasources"]
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    server, grafana = services["telwerkd"]["environment"], services["grafana"]["environment"]
    assert {panel["datasource"]["type"] for panel in PANELS} == {VARIABLES["datasource"]["query"], source["type"]}
    assert grafana["GF_PLUGINS_PREINSTALL"].partition("@")[0] == source["type"] == SOURCE_TYPE
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Bearer $TELWERK_GRAFANA_KEY"}
    assert "TELWERK_GRAFANA_KEY" in grafana
    assert source["jsonData"]["allowedHosts"] == [source["url"]]
    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert host in server["TELWERK_HTTP_HOSTS"].split(",")
    assert server["TELWERK_HTTP_LISTEN"].endswith(f":{port}")
    assert re.search(VARIABLES["datasource"]["regex"].strip("/i"), source["name"], re.IGNORECASE)
