"""A view of an account is closed before anything is made of what was read: no transaction waits for a reply's bytes."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import telwerkd
from telwerk.v1 import display_name_pb2 as display_names, kpi_service_pb2 as kpi, settings_service_pb2 as settings
from tests.chats import at
from tests.conftest import ALL_KPI_IDS, ALL_TIME, CALL_SECONDS, Server, started, timestamp
from tests.e2e.test_batch import CHAT
from tests.e2e.test_opening_hours import hours, weekly

PREFIX = f"{Path(telwerkd.__file__).parent}/"

ENCODERS = {
    "QueryTimeSeries": "encode_answer",
    "QueryTotals": "encode_answer",
    "BatchQuery": "encode_answer",
    "ListDimensionValues": "encode_values",
    "ExplainCount": "encode_explanation",
    "GetWidgetSettings": "encoded_version",
    "ListWidgetSettings": "encoded_version",
    "GetAccountSettings": "encode_account",
    "ListDisplayNames": "encode_page",
}
"""What makes the bytes of each reply."""

AFTER_READING = ("application/query/group.py", "application/query/rank.py", "application/query/assemble.py")
"""The stages that need no database."""


class Entered:
    """The functions of the transport and of the later stages that were called, and those called on an open view."""

    def __init__(self) -> None:
        self.functions: set[str] = set()
        self.on_view: set[str] = set()

    def clear(self) -> None:
        self.functions.clear()
        self.on_view.clear()

    def watch(self, frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename.removeprefix(PREFIX)
        if event != "call" or not path.startswith(("transport/", *AFTER_READING)):
            return
        self.functions.add(frame.f_code.co_name)
        caller = frame.f_back
        while caller is not None:
            if caller.f_code.co_filename.startswith(f"{PREFIX}storage/"):
                self.on_view.add(path)
                return
            caller = caller.f_back


@contextmanager
def watched() -> Iterator[Entered]:
    """All threads that are started meanwhile, and this one."""
    entered, before = Entered(), sys.getprofile()
    threading.setprofile(entered.watch)
    sys.setprofile(entered.watch)
    try:
        yield entered
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]  # none is what it takes


def totals(*, names: bool, **fields: Any) -> kpi.QueryTotalsRequest:
    wanted = {"kpi_ids": ALL_KPI_IDS, "range": ALL_TIME, "group_by": [kpi.DIMENSION_OPERATOR], "include_names": names}
    return kpi.QueryTotalsRequest(**wanted, **fields)


def series(*, names: bool) -> kpi.QueryTimeSeriesRequest:
    return kpi.QueryTimeSeriesRequest(
        account_id="acme",
        kpi_ids=["satisfaction_score"],
        range=ALL_TIME,
        granularity=kpi.GRANULARITY_MONTH,
        group_by=[kpi.DIMENSION_OPERATOR],
        include_names=names,
    )


def batch(*, names: bool) -> kpi.BatchQueryRequest:
    of_series = series(names=names)
    parts = [kpi.BatchedQuery(totals=totals(names=False)), kpi.BatchedQuery(time_series=of_series)]
    return kpi.BatchQueryRequest(account_id="acme", queries=parts)


async def stored(server: Server) -> None:
    """A chat, the name of its operator, settings and opening hours."""
    await server.ingest_chat("acme", CHAT)
    name = display_names.DisplayName(kind=display_names.NAME_KIND_OPERATOR, id="anna", name="Anna")
    await server.settings.SetDisplayNames(settings.SetDisplayNamesRequest(account_id="acme", names=[name]))
    version = settings.WidgetSettings(widget_id="web", effective_time=timestamp(at("09:00:00")))
    version.opening_hours.CopyFrom(hours(*weekly(1, 2)))
    await server.settings.SetWidgetSettings(settings.SetWidgetSettingsRequest(account_id="acme", settings=version))


def questions() -> Iterator[tuple[str, Any, set[str]]]:
    """Methods and requests, and which of the later stages may run on a view."""
    account = {"account_id": "acme"}
    for names in (False, True):
        on_view = set(AFTER_READING[:2]) if names else set()
        yield "QueryTimeSeries", series(names=names), on_view
        yield "QueryTotals", totals(names=names, account_id="acme"), on_view
        yield "BatchQuery", batch(names=names), on_view
    about = {"kpi_id": "satisfaction_score", "range": ALL_TIME, "include_names": True}
    yield "ExplainCount", kpi.ExplainCountRequest(**account, **about), set()
    yield "ListDimensionValues", kpi.ListDimensionValuesRequest(**account, dimension=kpi.DIMENSION_OPERATOR), set()
    yield "GetWidgetSettings", settings.GetWidgetSettingsRequest(**account, widget_id="web"), set()
    yield "ListWidgetSettings", settings.ListWidgetSettingsRequest(**account), set()
    yield "GetAccountSettings", settings.GetAccountSettingsRequest(**account), set()
    operators = settings.ListDisplayNamesRequest(**account, kind=display_names.NAME_KIND_OPERATOR)
    yield "ListDisplayNames", operators, set()


async def test_no_reply_is_made_on_an_open_view(either):
    """In the event loop or in a thread. Rows are grouped and ranked on one only to know whose names are to be read."""
    found, expected = {}, {}
    with watched() as entered:
        async with started(either, answer_cache_bytes_max=0) as server:
            await stored(server)
            for method, request, on_view in questions():
                entered.clear()
                service = server.kpis if hasattr(server.kpis, method) else server.settings
                reply = await getattr(service, method)(request, timeout=CALL_SECONDS)
                assert ENCODERS[method] in entered.functions
                names = "Anna" in str(reply)
                found[method, names], expected[method, names] = {*entered.on_view}, on_view
    assert found == expected
    assert {names for method, names in found if method == "BatchQuery"} == {False, True}
