"""The log of a whole server, all its processes: one shape, all that is to be known of a call, and nobody in it."""

import asyncio
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerk.v1.display_name_pb2 import DisplayName, NameKind
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import Role
from tests.conftest import ALL_TIME, CALL_SECONDS, Server, connected, eventually, serving, wired

MARK = "Anna0815"
"""In the id of every conversation, person and event, and in what is no id at all."""
TRACE = "0af7651916cd43dd8448eb211c80319c"
CHAT = f"""
09:00:00 goes live, limit 60s
09:00:00 {MARK} assigned in sales
09:01:10 contact rates 4 #{MARK}
"""


class Log(NamedTuple):
    """What a server wrote, and what must not be in it."""

    text: str
    secret: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["logger"] == logger]


@contextmanager
def stderr_to(path: Path) -> Iterator[None]:
    """Of this process and of those that it starts meanwhile."""
    before = os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


async def say_everything(address: str, token: str, database: Path) -> None:
    """What callers do, right and wrong, with ids that are marked; then a damaged row, and a file that is gone."""
    kept = {"timeout": CALL_SECONDS, "metadata": [("authorization", f"Bearer {token}"), ("traceparent", traced())]}
    async with connected(address) as server:
        admins = admin_grpc.AdminServiceStub(server.channel)
        await server.ingestion.IngestEvents(batch(*wired(CHAT, f"chat{MARK}")), **kept)
        await server.ingestion.IngestEvents(batch(pb.Event(event_id=MARK, conversation_id=MARK * 900)), **kept)
        await ask(server, kept)
        await admins.EraseConversation(
            admin.EraseConversationRequest(account_id="acme", conversation_id=f"{MARK}2"), **kept
        )
        await admins.PurgeEvents(
            admin.PurgeEventsRequest(account_id="acme", before_time=Timestamp(seconds=1_767_225_600)), **kept
        )
        await server.settings.SetWidgetSettings(
            settings.SetWidgetSettingsRequest(account_id="acme", settings=settings.WidgetSettings(widget_id="web")),
            **kept,
        )
        await name_somebody(server, kept)
        for unknown in (f"Bearer tw_{MARK}_{MARK}", MARK):
            with suppress(grpc.aio.AioRpcError):
                await server.kpis.ListKpis(kpi.ListKpisRequest(), metadata=[("authorization", unknown)])
        with suppress(grpc.aio.AioRpcError):
            await server.channel.unary_unary(f"/no.Service/{MARK[:4]}")(b"", **kept)
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE conversations SET state = x'c1', due = 1")
        connection.close()
        with pytest.raises(grpc.aio.AioRpcError, match="internal error"):
            await server.ingestion.IngestEvents(batch(*wired("10:00:00 contact: message", f"chat{MARK}")), **kept)
        await asyncio.to_thread(database.rename, database.with_suffix(".moved"))

        async def is_away() -> bool:
            try:
                await server.ingestion.IngestEvents(batch(*wired("09:00:00 contact: message", MARK)), **kept)
            except grpc.aio.AioRpcError as error:
                return error.code() is grpc.StatusCode.UNAVAILABLE
            return False

        await eventually(is_away)


async def name_somebody(server: Server, kept: dict[str, Any]) -> None:
    """Rightly and wrongly, and asks for it: no name may be in the log either."""
    anna = DisplayName(kind=NameKind.NAME_KIND_OPERATOR, id=MARK, name=MARK)
    for names in ([anna], [anna, anna], [DisplayName(kind=anna.kind, id=MARK, name=f"{MARK}\n")]):
        with suppress(grpc.aio.AioRpcError):
            await server.settings.SetDisplayNames(
                settings.SetDisplayNamesRequest(account_id="acme", names=names), **kept
            )
    listing = settings.ListDisplayNamesRequest(account_id="acme", kind=anna.kind, prefix=MARK)
    assert (await server.settings.ListDisplayNames(listing, **kept)).names == [anna]
    values = kpi.ListDimensionValuesRequest(account_id="acme", dimension=kpi.DIMENSION_OPERATOR, prefix=MARK)
    [value] = (await server.kpis.ListDimensionValues(values, **kept)).values
    assert value.name == MARK


async def ask(server: Server, kept: dict[str, Any]) -> None:
    by_operator = {
        "account_id": "acme",
        "kpi_ids": ["satisfaction_score"],
        "range": ALL_TIME,
        "filter": kpi.Filter(operators=kpi.IdFilter(any_of=[MARK])),
    }
    totals = kpi.QueryTotalsRequest(group_by=[kpi.DIMENSION_OPERATOR], include_names=True, **by_operator)
    await server.kpis.QueryTotals(totals, **kept)
    await server.kpis.BatchQuery(
        kpi.BatchQueryRequest(account_id="acme", queries=[kpi.BatchedQuery(totals=totals)] * 2), **kept
    )
    await server.kpis.ExplainCount(
        kpi.ExplainCountRequest(account_id="acme", kpi_id="satisfaction_score", range=ALL_TIME), **kept
    )
    with suppress(grpc.aio.AioRpcError):
        await server.kpis.QueryTotals(kpi.QueryTotalsRequest(account_id="acme", kpi_ids=[MARK]), **kept)


def batch(*events: pb.Event) -> ingestion.IngestEventsRequest:
    return ingestion.IngestEventsRequest(account_id="acme", events=events)


def traced() -> str:
    return f"00-{TRACE}-b7ad6b7169203331-01"


def logged(folder: Path, log_format: str) -> Log:
    keys, written = folder / "keys.toml", folder / "log"
    token = keys_file.create(keys, ["acme"], list(Role), "crm")
    config = folder / "config.toml"
    config.write_text("access_log = true\nslow_query_seconds = 1e-6\n")
    flags = ("--log-format", log_format, "--log-level", "debug", "--keys-file", str(keys), "--config", str(config))
    with stderr_to(written), serving(folder / "telwerk.db", *flags) as server:
        asyncio.run(say_everything(server.address, token, folder / "telwerk.db"))
    return Log(written.read_text(), token.rpartition("_")[2])


@pytest.fixture(scope="module")
def in_json(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return logged(tmp_path_factory.mktemp("json"), "json")


@pytest.fixture(scope="module")
def in_text(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return logged(tmp_path_factory.mktemp("text"), "text")


@pytest.mark.parametrize("log_format", ["in_json", "in_text"])
def test_no_id_of_a_conversation_or_a_person_and_no_secret_is_in_the_log(log_format, request):
    """At the level of debugging, of the process that writes as well, whatever went wrong."""
    log: Log = request.getfixturevalue(log_format)
    assert "the database did not answer" in log.text
    assert "table conversations" in log.text
    assert MARK not in log.text
    assert log.secret not in log.text


def test_every_line_of_every_process_is_an_object(in_json):
    """Of the server and of the process that writes."""
    assert len({line["pid"] for line in in_json.lines}) == 2
    for line in in_json.lines:
        assert {"time", "level", "logger", "pid", "message"} <= line.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_every_line_of_text_begins_with_instant_and_level(in_text):
    for line in in_text.text.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ telwerkd\S*: |    ", line), line


def test_the_access_log_has_a_line_for_each_call(in_json):
    """Also for those that were refused before anything was known of them."""
    calls = in_json.of("telwerkd.access")
    assert [(call["method"].partition("/")[2], call["code"]) for call in calls[:4]] == [
        ("IngestEvents", "OK"),
        ("IngestEvents", "OK"),
        ("QueryTotals", "OK"),
        ("BatchQuery", "OK"),
    ]
    first = calls[0]
    assert first["peer"].startswith("ipv4:127.0.0.1:")
    assert (first["key"], first["account"], first["trace_id"]) == ("crm", "acme", TRACE)
    assert min(first["ms"], first["received_bytes"], first["sent_bytes"]) > 0
    [refused] = {
        tuple(call.get(name) for name in ("key", "account", "code")) for call in calls if "ListKpis" in call["method"]
    }
    assert refused == ("-", None, "UNAUTHENTICATED")
    assert {call["code"] for call in calls} >= {"UNIMPLEMENTED", "INTERNAL", "INVALID_ARGUMENT", "UNAVAILABLE"}


def test_a_slow_query_is_logged_with_its_plan_and_its_stages(in_json):
    slow = {line["method"]: line for line in in_json.of("telwerkd.application.query.slow_queries")}
    assert slow.keys() == {"QueryTotals", "BatchQuery", "ExplainCount", "ListDimensionValues"}
    of = slow["QueryTotals"]
    assert of["account"] == "acme"
    assert (of["kpis"], of["group_by"], of["granularity"], of["filter"]) == (
        "satisfaction_score",
        "operator",
        "total",
        "operators:1",
    )
    assert min(of["cost"], of["rows"], of["chunks"], of["buckets"]) > 0
    stages = [of["plan_ms"], of["read_ms"], of["assemble_ms"], of["encode_ms"]]
    assert 0 < sum(stages) <= of["ms"]
    assert of["trace_id"] == TRACE
    assert slow["BatchQuery"]["queries"] == 2


def test_the_audit_log_says_who_did_what_to_whom_and_when(in_json):
    acts = [(act["message"], act["key"], act["account"], act["what"]) for act in in_json.of("telwerkd.audit")]
    assert acts[:3] == [
        ("erase", "crm", "acme", "events=0 counts=removed"),
        ("purge", "crm", "acme", "before=2026-01-01T00:00:00Z events=0"),
        ("widget settings", "crm", "acme", "widget='web'"),
    ]
