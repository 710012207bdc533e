"""How far it is through the code: the files that a call crosses, traced while a real server answers it."""

import ast
import asyncio
import importlib
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import telwerkd
from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.compact import Compact
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.watch.watches import Watches
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.server import upkeep_tasks
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.chats import chat
from tests.conftest import eventually, started, wired, writer_of
from tests.test_docs import ARCHITECTURE, read, section

SERVICE = Path(telwerkd.__file__).parent
PREFIX = f"{SERVICE}{os.sep}"
FILES_MAX = 15
ALL_FILES_MAX = 55
"""Helpers and domain included. Two more than on a calm machine: what came to its end late may run meanwhile."""

STALL_SECONDS = 600
"""Ten times in it the server looks whether its writer replies."""

CHAT = """
    09:00:00 anna assigned in sales
    09:00:05 contact: message
    09:01:00 anna: message
    09:02:00 contact rates 4
"""

JANUARY = kpi.DateRange(
    start_date=kpi.CalendarDate(year=2026, month=1, day=1), end_date=kpi.CalendarDate(year=2026, month=2, day=1)
)

LAYERS = ("application/", "storage/", "transport/codec/", "transport/services/")
"""A call's way begins at the method of its service. The interceptors before it are the same for every call, and the
domain beneath it is functions of values: neither counts."""

INTERCEPTORS = ("transport/grpc/", "transport/calls.py")
"""Their files, and what observes calls for the ports."""

HELPERS = {
    "application/sharing/account_turns.py": "counts what is in work of an account",
    "application/batches.py": "events and verdicts as values",
    "application/commands/account_cache.py": "what a transaction caches, as a value",
    "application/commands/hot_conversations.py": "conversations as values",
    "application/clock.py": "what the present is",
    "application/ingest/pending.py": "a batch as a value, until it is answered",
    "application/sharing/memory_budget.py": "counts bytes",
    "application/names.py": "the names that an event brings",
    "application/ports/figures.py": "counts transactions for the metrics",
    "application/ports/rows.py": "rows as values",
    "application/query/budgets.py": "counts rows and numbers",
    "application/query/cost.py": "what a query costs",
    "application/query/keys.py": "keys, and what is counted under each, as values",
    "application/query/question.py": "a query as a value, and what is checked of it",
    "application/query/rollup_cache.py": "a cache",
    "application/query/slices/outlines.py": "the slices of a KPI as values",
    "application/query/slices/slices.py": "rows as a value",
    "application/query/slow_queries.py": "times a query",
    "application/sharing/quotas.py": "counts what an account asks for",
    "application/sharing/throttling.py": "counts how long an account worked",
    "application/watch/watches.py": "notes which account was committed",
    "storage/sql/bulk.py": "statements of many rows",
    "storage/sql/bulk_sqlite.py": "statements of many rows",
    "storage/sql/memory.py": "what is remembered of an account",
    "storage/sql/records.py": "values as columns",
    "storage/sqlite/engine.py": "connections, and what their errors mean",
    "storage/sqlite/file.py": "whether the file is in its place",
    "storage/sqlite/writer/messages.py": "commands and results as bytes",
    "transport/codec/account/display_names.py": "names as bytes",
    "transport/codec/query/durations.py": "percentiles and bins as messages",
    "transport/codec/ingest/event_batch.py": "a request as a value, made by the interceptors",
    "transport/codec/fields.py": "a field as a value",
    "transport/codec/query/kpi_answers.py": "keys, and what is said of a KPI as a whole, as messages",
    "transport/codec/wire/encoding.py": "numbers as bytes, and a reply as a value",
    "transport/services/callers.py": "whose request it is, counted",
    "transport/services/decoding_turns.py": "counts what is decoded in a turn of the loop",
}
"""What computes a value for those who call it, and leads nowhere: it calls no file of the way."""

_IN_WRITER = """
import os, signal, sys
if "telwerkd.storage.sqlite.writer.main" in sys.orig_argv:
    service = os.environ["TELWERK_TEST_SERVICE"]
    told = os.open(os.environ["TELWERK_TEST_CALLS"], os.O_WRONLY | os.O_APPEND)
    def watch(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(service):
            before = "" if frame.f_back is None else frame.f_back.f_code.co_filename
            if before != frame.f_code.co_filename:
                os.write(told, f"{before}\\t{frame.f_code.co_filename}\\n".encode())
    def begin(*_):
        sys.setprofile(watch)
        os.write(told, b"\\n")
    signal.signal(signal.SIGUSR2, begin)
"""
"""Is run by Python's start in the writer's process: the same as `Calls.watch`, from a signal on."""

Call = tuple[str, str]
"""From one file to another, as paths within the service; empty where it is none of these."""


def within(path: str) -> str:
    return path.removeprefix(PREFIX) if path.startswith(PREFIX) else ""


class Calls:
    """Calls from file to file, in all threads and in the writer's process, while somebody listens."""

    def __init__(self, of_writer: Path) -> None:
        self._of_writer = of_writer
        self._found: list[Call] | None = None

    def watch(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and self._found is not None and frame.f_code.co_filename.startswith(PREFIX):
            before = "" if frame.f_back is None else frame.f_back.f_code.co_filename
            if before != frame.f_code.co_filename:
                self._found.append((before, frame.f_code.co_filename))

    async def begin_in_writer(self) -> None:
        """Returns when the writer's process is heard too."""
        writer_of(os.getpid()).send_signal(signal.SIGUSR2)

        async def begun() -> bool:
            return bool(self._of_writer.read_text())

        await eventually(begun)

    @contextmanager
    def heard(self) -> Iterator[list[Call]]:
        """The calls of what happens meanwhile, once it is over; each once, in the order of the first."""
        self._of_writer.write_text("")
        calls: list[Call] = []
        before, self._found = sys.getprofile(), []
        sys.setprofile(self.watch)
        try:
            yield calls
        finally:
            sys.setprofile(before)
            found, self._found = self._found, None
            found += [(before, after) for before, _, after in map(_parted, self._of_writer.read_text().splitlines())]
            calls += dict.fromkeys((within(before), within(after)) for before, after in found)


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition("\t")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Before the server starts, so that its threads and its writer's process are heard too."""
    folder = tmp_path / "watching"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_IN_WRITER)
    (tmp_path / "calls").touch()
    monkeypatch.setenv("TELWERK_TEST_SERVICE", PREFIX)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("TELWERK_TEST_CALLS", str(tmp_path / "calls"))
    made = Calls(tmp_path / "calls")
    threading.setprofile(made.watch)
    yield made
    threading.setprofile(None)  # type: ignore[arg-type]  # none is what it takes, and what there was


def way_of(calls: list[Call]) -> list[str]:
    """The files that a call crosses."""
    files = dict.fromkeys(file for call in calls for file in call)
    return [file for file in files if file.startswith(LAYERS) and file not in HELPERS]


def everything_in(calls: list[Call]) -> set[str]:
    """Every file of which any function runs, but for the interceptors and what they alone call."""
    between = [call for call in calls if not any(file.startswith(INTERCEPTORS) for file in call)]
    return {file for call in between for file in call if file}


def check_way(name: str, calls: list[Call]) -> None:
    """Fails unless a way is short, never leads back, and is the one that docs/architecture.md shows."""
    way = way_of(calls)
    assert len(way) <= FILES_MAX, f"{name} crosses {len(way)} files: {way}"
    everything = everything_in(calls)
    assert len(everything) <= ALL_FILES_MAX, f"{name} runs in {len(everything)} files: {sorted(everything)}"
    led = {(before, after) for before, after in calls if after in way}
    assert not {before for before, _ in led} & HELPERS.keys(), "what is called a helper leads somewhere"
    before_each = {file: {before for before, after in led if after == file and before in way} for file in way}
    assert len([*TopologicalSorter(before_each).static_order()]) == len(way)  # raises CycleError
    assert set(way) == set(drawn(name)), f"docs/architecture.md shows another way of {name}"


STAGES = [f"application/query/{name}.py" for name in ("plan", "read", "group", "rank", "assemble")]


def check_stages(calls: list[Call]) -> None:
    """Fails unless each stage runs, and none leads to another: what one needs of another is in its value."""
    assert {after for _, after in calls} >= {*STAGES}
    assert [call for call in calls if call[0] in STAGES and call[1] in STAGES] == []


def test_a_stage_of_a_query_knows_no_more_of_another_than_the_types_of_its_values() -> None:
    """Whatever the query: no stage imports a function of another."""
    modules = {f"telwerkd.{path.removesuffix('.py').replace('/', '.')}" for path in STAGES}
    found = []
    for path in STAGES:
        for node in ast.walk(ast.parse(read(SERVICE / path))):
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                module = importlib.import_module(node.module)
                names = [name.name for name in node.names]
                found += [(path, name) for name in names if not isinstance(getattr(module, name), type)]
    assert found == []


def drawn(name: str) -> list[str]:
    """The files in the picture of a way."""
    picture = re.search(r"```text\n(.*?)```", section(read(ARCHITECTURE), name), re.DOTALL)
    assert picture
    return re.findall(r"[\w/]+\.py", picture[1])


async def test_the_ways_of_an_event_and_of_a_query_are_short(
    tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 15 files each, none entered from what it led to, and as docs/architecture.md draws them."""
    asked = kpi.QueryTimeSeriesRequest(
        account_id="acme",
        kpi_ids=["satisfaction_score"],
        range=kpi.TimeRange(dates=JANUARY),
        granularity=kpi.GRANULARITY_DAY,
        time_zone="Europe/Berlin",
        group_by=[kpi.DIMENSION_OPERATOR],
    )
    prepare(tmp_path / "telwerk.db")
    store = SqliteStore(tmp_path / "telwerk.db")
    batch = [Submitted(ConversationId("c1"), event) for event in chat(CHAT)]
    await store.write([(AccountId("acme"), IngestBatch([batch], IngestLimits()))])
    await store.write([(AccountId("acme"), Compact(COUNTED[Kpi.SATISFACTION_SCORE], 1_000, 1_000))])
    await store.close()
    # A server that does nothing by itself, nor logs that a query took long, as one may that is traced.
    resumed = asyncio.Event()
    resumed.set()
    monkeypatch.setattr(upkeep_tasks, "start", lambda *_: resumed)
    for owner, name in ((upkeep_tasks, "watch_database"), (Watches, "run")):
        monkeypatch.setattr(owner, name, lambda *_: asyncio.Event().wait())
    async with started(tmp_path / "telwerk.db", writer_stall_seconds=STALL_SECONDS, slow_query_seconds=0) as server:
        send = server.ingestion.IngestEvents
        await send(ingestion.IngestEventsRequest(account_id="acme", events=wired(CHAT, "c2")))  # the writer runs
        await calls.begin_in_writer()
        with calls.heard() as of_event:
            stored = await send(ingestion.IngestEventsRequest(account_id="acme", events=wired(CHAT, "c3")))
        assert stored.accepted_count == len(stored.verdicts)
        with calls.heard() as in_thread:
            assert (await server.kpis.QueryTimeSeries(asked)).series
        asked.granularity = kpi.GRANULARITY_WEEK
        with calls.heard() as inline:
            assert (await server.kpis.QueryTimeSeries(asked)).series
    check_way("An event", of_event)
    check_way("A query", in_thread)
    check_stages(in_thread)
    assert {*way_of(in_thread)} - {*way_of(inline)} == {"application/sharing/readers.py"}


def spelled(tree: ast.AST) -> Iterator[str]:
    """The fields that are named by a text where an error is made."""
    makers = {"InvalidArgumentError", "LimitExceededError", "FieldViolation", "Rejected", "of"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            where = node.args[1 if name == "Rejected" else 0 :][:1] if name in makers else []
            for field in (inner for argument in where for inner in ast.walk(argument)):
                if isinstance(field, ast.Constant) and isinstance(field.value, str) and field.value:
                    yield field.value


def test_inner_layers_spell_no_field_of_a_request() -> None:
    """What is wrong is a `Part` in domain and application; the transport knows where a request says it."""
    files = [path for layer in ("domain", "application") for path in (SERVICE / layer).rglob("*.py")]
    found = {str(path.relative_to(SERVICE)): [*spelled(ast.parse(read(path)))] for path in files}
    assert {path: fields for path, fields in found.items() if fields} == {}


HANDS_ON = {"sharing/readers.py": "gives the store what its callers read, whatever they do"}
"""Modules of the application that name all that a store hands out, each with the reason."""


def test_who_reads_or_writes_names_the_roles_that_it_needs() -> None:
    """No part of the application takes a whole `Snapshot` or `Transaction`: what it may do stands in its signature."""
    whole = {"Snapshot", "Transaction"}
    application = SERVICE / "application"
    found = set()
    for path in application.rglob("*.py"):
        relative = path.relative_to(application)
        if relative.parts[0] != "ports" and whole & {*named(ast.parse(read(path)))}:
            found.add(str(relative))
    assert found == HANDS_ON.keys()


def named(tree: ast.AST) -> Iterator[str]:
    """What is named in a module, also in annotations that are texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias | ast.Attribute):
            yield node.name if isinstance(node, ast.alias) else node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg) and isinstance(node.annotation, ast.Constant):
            yield from re.findall(r"\w+", str(node.annotation.value))
