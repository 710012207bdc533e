"""What every test may use: real servers on port 0."""

import asyncio
import logging
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import grpc.aio
import psutil
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # it has stubs, but no py.typed
from grpc_health.v1 import health_pb2_grpc
from grpc_status import rpc_status

from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion_pb,
    ingestion_service_pb2_grpc as ingestion_grpc,
    kpi_service_pb2 as kpi,
    kpi_service_pb2_grpc as kpi_grpc,
    settings_service_pb2_grpc as settings_grpc,
)
from telwerkd.application.batches import Verdicts
from telwerkd.application.clock import Clock
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.conversation import events
from telwerkd.domain.ids import SECOND, Micros
from telwerkd.server.settings.settings import Settings
from telwerkd.server.upkeep_tasks import PERIODS, Periods
from telwerkd.server.wiring import running
from telwerkd.storage.location import Location, PostgresUrl, SqliteFile, located
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.storage.sqlite.writer.launch import PROGRAM as WRITER
from tests import fork_server
from tests.chats import END_OF_DAY, chat
from tests.postgres import execute, fresh_database, some_postgres, template_database

NAMED_ONLY = (Path(__file__).parent / "tools", Path(__file__).parent / "page")

if "TELWERK_TEST_EXEC" not in os.environ:
    setattr(subprocess, "Popen", fork_server.Popen)  # noqa: B010  # a class, which is not assigned to

# Servers of tests have no HTTP port unless one asks for it: its default is one and the same for all that run at a time.
os.environ["TELWERK_HTTP_LISTEN"] = ""


def of_this_test(record: logging.LogRecord) -> bool:
    """Whether a line of asyncio's log concerns the test that runs.

    grpc's poller is one thread for all loops: it goes on telling those of earlier tests, which are closed, and a
    test that asserts what was logged would take that for its own.
    """
    return not ("PollerCompletionQueue" in record.getMessage() and "Event loop is closed" in str(record.exc_info))


logging.getLogger("asyncio").addFilter(of_this_test)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What needs toolchains beside Python, or a browser, is run only by those who name it: `make test-clients` does."""
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    is_named = any(path.is_relative_to(collection_path) for path in named)
    return True if collection_path in NAMED_ONLY and not is_named else None


LONGEST = (
    *("laws/test_service_laws.py", "e2e/test_readiness.py", "e2e/test_queries.py", "client/test_dashboard.py"),
    *("laws/test_slice_laws.py", "laws/test_query_laws.py", "e2e/test_admin.py", "e2e/test_ingest.py"),
    *("client/test_sender.py", "golden/test_golden.py", "e2e/test_lifecycle.py", "e2e/test_writer_process.py"),
    *("e2e/test_stopping.py", "e2e/test_stream.py", "bridges/test_inbox.py", "client/test_unreachable.py"),
    *("e2e/test_addresses.py", "e2e/test_limits.py", "bridges/test_import.py", "bridges/test_bridge.py"),
    *("laws/test_removal_laws.py", "e2e/test_connections.py", "e2e/test_backup.py", "e2e/test_doubted_clock.py"),
    *("e2e/test_replicas.py", "e2e/test_watch.py", "e2e/test_adding_a_kpi.py"),
)
"""Files that take longest. They begin first, so that at the end no worker is alone with one of them."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order is kept by `--no-loadscope-reorder`; what is in one file stays together, as it was."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """In the background of a script SIGINT is ignored, under nohup SIGHUP, and so it is by all that is started."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


class ServerProcess(NamedTuple):
    """A `telwerkd serve` of its own."""

    address: str
    process: "subprocess.Popen[str]"


@cache
def empty_database() -> bytes:
    """A SQLite file with empty tables: a copy is made more quickly than the tables."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder) / "empty.db")
        return (Path(folder) / "empty.db").read_bytes()


@contextmanager
def serving(
    database: Path | PostgresUrl, *flags: str, service: Path | None = None, by: Sequence[str] = ()
) -> Iterator[ServerProcess]:
    """`telwerkd serve` as its users start it, on a free port of loopback; stopped by SIGTERM.

    `service` is the folder of another copy of the service, `by` a program that becomes the server.
    A file that is not there is made before, with its tables: a server that makes them imports what makes them, and
    takes a quarter longer to start.
    """
    if isinstance(database, Path) and not database.exists():
        database.touch(0o600)
        database.write_bytes(empty_database())
    named = database.dsn if isinstance(database, PostgresUrl) else str(database)
    command = [*by, sys.executable, "-m", "telwerkd.cli", "serve", "--database", named, "--listen", "127.0.0.1:0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    environment["TELWERK_HTTP_LISTEN"] = ""
    if service is not None:
        environment["PYTHONPATH"] = str(service)
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Telwerk listens on (\S+)\n", line)
        assert found, f"the server did not start: {line!r}"
        yield ServerProcess(found[1], process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


CHOSEN_PORTS = range(20_000, 32_000)
"""Below those that systems give to connections and to port 0, so that nobody takes one while its server is away."""


def free_address() -> str:
    """Where a server will be, or will be again: a port that nobody listens on."""
    while True:
        port = random.choice(CHOSEN_PORTS)  # noqa: S311 - no secret
        with socket.socket() as reserved, suppress(OSError):
            reserved.bind(("127.0.0.1", port))
            return f"127.0.0.1:{port}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server on an empty database, without keys, in plain text."""
    with serving(tmp_path / "telwerk.db") as running:
        yield running


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The same, one for all tests of a module that have an `account` of their own."""
    with serving(tmp_path_factory.mktemp("shared") / "telwerk.db") as running:
        yield running


@pytest.fixture
def account(request: pytest.FixtureRequest) -> str:
    """An account of the test's own."""
    return f"account-{crc32(request.node.nodeid.encode()):08x}"


# --- servers in this process, and what is said to them ---------------------------------------------------------------

ALL_KPI_IDS = [info.id for info in CATALOGUE.values()]
KPI_IDS = ALL_KPI_IDS[:10]
"""Those of part one, which the chats of most tests are about: part two counts in nearly every chat."""
WITHIN_VALUE = {Dimension.TOPIC, Dimension.QUESTION}
"""Dimensions that are a part of the value."""
CALL_SECONDS = 30.0
"""No call takes as long, however busy the machine is."""


class Server(NamedTuple):
    """A server with the stubs of one client."""

    address: str
    channel: grpc.aio.Channel

    @property
    def ingestion(self) -> "ingestion_grpc.IngestionServiceAsyncStub":
        return ingestion_grpc.IngestionServiceStub(self.channel)

    @property
    def kpis(self) -> "kpi_grpc.KpiServiceAsyncStub":
        return kpi_grpc.KpiServiceStub(self.channel)

    @property
    def settings(self) -> "settings_grpc.SettingsServiceAsyncStub":
        return settings_grpc.SettingsServiceStub(self.channel)

    @property
    def health(self) -> health_pb2_grpc.HealthStub:
        return health_pb2_grpc.HealthStub(self.channel)

    async def ingest(self, account: str, batch: Iterable[pb.Event]) -> ingestion_pb.IngestEventsResponse:
        request = ingestion_pb.IngestEventsRequest(account_id=account, events=batch)
        return await self.ingestion.IngestEvents(request, timeout=CALL_SECONDS)

    async def ingest_chat(self, account: str, script: str, conversation: str = "c1") -> None:
        """Sends a chat of `DAY` (see `tests.chats`) that is new in each of its events."""
        events = wired(script, conversation)
        response = await self.ingest(account, events)
        assert response.accepted_count == len(events), response

    async def total(self, account: str, kpi_id: str, **filters: Any) -> int:
        """All there ever was of a KPI."""
        return (await self.totals(account, kpi_id, filter=kpi.Filter(**filters))).totals[0].count

    async def totals(self, account: str, *kpi_ids: str, **fields: Any) -> kpi.QueryTotalsResponse:
        """Of all time, unless `range` says otherwise."""
        request = kpi.QueryTotalsRequest(**{"account_id": account, "kpi_ids": kpi_ids, "range": ALL_TIME, **fields})
        return await self.kpis.QueryTotals(request, timeout=CALL_SECONDS)

    async def counted(self, account: str, kpi_ids: Sequence[str] = KPI_IDS) -> list[str]:
        """What is counted, as people read it: "satisfaction_score 4 anna/sales web", a line for each fact, sorted."""
        lines: list[str] = []
        for info in (info for info in CATALOGUE.values() if info.id in kpi_ids):
            by = [dimension for dimension in info.dimensions if dimension not in WITHIN_VALUE]
            for row in (await self.totals(account, info.id, group_by=by)).totals:
                lines += [line_of(row)] * row.count
        return sorted(lines)

    async def complete(self, account: str, until: Micros = END_OF_DAY) -> None:
        """Returns when every limit due before `until` is settled."""

        async def done() -> bool:
            complete_until = (await self.totals(account, "unanswered_live_conversations")).complete_until
            return bool(complete_until.ToMicroseconds() >= until)

        await eventually(done)


ALL_TIME = kpi.TimeRange(
    dates=kpi.DateRange(
        start_date=kpi.CalendarDate(year=2000, month=1, day=1), end_date=kpi.CalendarDate(year=2199, month=12, day=31)
    )
)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Server]:
    """A client of a server that runs."""
    # Not the process's shared connection: each client is one of its own, also to a port that had another server before.
    async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield Server(address, channel)


class SureClock(Clock):
    """Never doubted at a start: most tests are of chats of long ago, and wait for no confirmation."""

    def resume(self, stored: Micros | None) -> None:
        pass


@asynccontextmanager
async def started(
    database: Path | Location, *, clock: Clock | None = None, periods: Periods = PERIODS, **settings: Any
) -> AsyncIterator[Server]:
    """A server in this process, from the root that `telwerkd serve` uses too, and a client of it.

    Fails if the server logs an error, for what it does by itself has no other way to tell.
    """
    wanted = {"database": database, "listen": "127.0.0.1:0", "http_listen": "", **settings}
    errors = Errors()
    logging.getLogger("telwerkd").addHandler(errors)
    try:
        async with (
            running(Settings(**wanted), clock=clock or SureClock(), periods=periods) as server,
            connected(server.address) as client,
        ):
            yield client
    finally:
        logging.getLogger("telwerkd").removeHandler(errors)
    assert errors.found == []


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server, one for all tests."""
    with some_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> Iterator[str]:
    """A database of it that has the tables and nothing in them, to be copied."""
    with template_database(postgres) as name:
        yield name


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[Location]]:
    """Makes databases with nothing in them, not even tables: SQLite files, and then the same on PostgreSQL."""

    @contextmanager
    def empty() -> Iterator[Location]:
        if request.param == "sqlite":
            yield SqliteFile(tmp_path_factory.mktemp("either") / "telwerk.db")
            return
        with fresh_database(request.getfixturevalue("postgres")) as url:
            yield located(url)

    return empty


@pytest.fixture(scope="module")
def either(databases: Callable[[], AbstractContextManager[Location]]) -> Iterator[Location]:
    """One such database."""
    with databases() as database:
        yield database


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Awaitable[None]]:
    """Awaited with a number: returns when so many batches of this test are taken in, stored or not."""
    original, taken_in = Ingest.submit, 0

    async def submit(self: Ingest, *arguments: Any) -> Verdicts:
        nonlocal taken_in
        taken_in += 1
        return await original(self, *arguments)

    async def until(count: int) -> None:
        async def so_many() -> bool:
            return taken_in >= count

        await eventually(so_many)

    monkeypatch.setattr(Ingest, "submit", submit)
    return until


async def committing() -> bool:
    """Whether a server of this process is in a transaction that stores batches."""
    return any(task.get_name() == "commit" for task in asyncio.all_tasks())


class Errors(logging.Handler):
    """What was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Asks until it holds; how long that may take is generous, so that a busy machine fails nothing."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 -- what it waits for is another program's
            await asyncio.sleep(0.05)


async def compacted(database: Path | Location) -> None:
    """Returns when all that is counted is in chunks."""

    async def empty() -> bool:
        return not rows(database, "SELECT count(*) FROM deltas")[0][0]

    await eventually(empty)


def rows(database: Path | Location, query: str) -> list[Any]:
    """What another program sees in the database."""
    if isinstance(database, PostgresUrl):
        return execute(database.dsn, query)
    connection = sqlite3.connect(str(database))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Nothing can be committed meanwhile; reading goes on."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close()


def writing_driver(store: SqliteStore) -> sqlite3.Connection:
    """The connection by which a store writes that does so in this process."""
    writer: Any = store._writer
    with writer._writer._driver() as driver:  # there is one
        kept: sqlite3.Connection = driver
    return kept


def writer_of(server_pid: int) -> psutil.Process:
    """The process that writes to a server's SQLite file."""
    children = psutil.Process(server_pid).children()
    [writer] = [child for child in children if child.name() == "writer.main" or WRITER in child.cmdline()]
    return writer


class Refusal(NamedTuple):
    """How a call was refused."""

    code: grpc.StatusCode
    text: str
    reason: str
    fields: list[str]
    retry_seconds: float | None


async def refusal(call: Awaitable[object]) -> Refusal:
    """The refusal of a call, with its details, which every one of the service's own has."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)
    assert status is not None, f"without details: {caught.value}"
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    has_retry = False
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        has_retry = detail.Unpack(retry) or has_retry
    assert info.domain == "telwerk"
    assert all(violation.description for violation in bad.field_violations)
    return Refusal(
        caught.value.code(),
        caught.value.details() or "",
        info.reason,
        [violation.field for violation in bad.field_violations],
        retry.retry_delay.ToTimedelta().total_seconds() if has_retry else None,
    )


# --- chats, on the wire and back -------------------------------------------------------------------------------------


def wired(script: str, conversation: str = "c1") -> list[pb.Event]:
    """The events of a chat as a producer sends them."""
    return [wire(conversation, event) for event in chat(script)]


def wire(conversation: str, event: events.Event) -> pb.Event:
    """An event of the domain as a producer sends it; the digest of a page is taken for its URL."""
    return pb.Event(
        event_id=event.event_id,
        conversation_id=conversation,
        widget_id=event.widget_id,
        occur_time=timestamp(event.occur_time),
        sequence=event.sequence,
        **_kind(event.kind),
    )


def timestamp(instant: Micros) -> Timestamp:
    seconds, micros = divmod(instant, SECOND)
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


def _kind(kind: events.Kind) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912 -- one case a kind
    match kind:
        case events.WentLive(sent_limit=sent):
            limit = None if sent is None else Duration(seconds=sent // SECOND, nanos=sent % SECOND * 1_000)
            return {"went_live": pb.WentLive(live_limit=limit)}
        case events.LeftLive():
            return {"left_live": pb.LeftLive()}
        case events.Message(sender=sender, operator=operator):
            return {"message_sent": pb.MessageSent(sender=pb.Sender.ValueType(sender), operator_id=operator)}
        case events.Assigned(operator=operator, group=group):
            return {"operator_assigned": pb.OperatorAssigned(operator_id=operator, operator_group_id=group)}
        case events.Unassigned(group=group):
            return {"operator_unassigned": pb.OperatorUnassigned(operator_group_id=group)}
        case events.Ended():
            return {"conversation_ended": pb.ConversationEnded()}
        case events.Resumed():
            return {"conversation_resumed": pb.ConversationResumed()}
        case events.Rated(stars=stars):
            return {"conversation_rated": pb.ConversationRated(stars=stars)}
        case events.FeedbackLeft():
            return {"feedback_left": pb.FeedbackLeft()}
        case events.ActionPerformed(action=action):
            return {
                "inactivity_action_performed": pb.InactivityActionPerformed(
                    action=pb.InactivityAction.ValueType(action)
                )
            }
        case events.PageVisited(url_digest=url):
            return {"page_visited": pb.PageVisited(url=url.decode())}
        case events.GoalReached(goal=goal):
            return {"goal_reached": pb.GoalReached(goal_id=goal)}
        case events.TopicsSet(topics=topics):
            return {"topics_set": pb.TopicsSet(topic_ids=topics)}
        case events.PreChatSurveyCompleted(answers=answers):
            return {"pre_chat_survey_completed": pb.PreChatSurveyCompleted(answers=_answers(answers))}
        case events.PostChatSurveyAnswered(answers=answers):
            return {"post_chat_survey_answered": pb.PostChatSurveyAnswered(answers=_answers(answers))}
        case events.Retracted(event_id=event_id):
            return {"event_retracted": pb.EventRetracted(retracted_event_id=event_id)}


def _answers(answers: Iterable[events.SurveyAnswer]) -> list[pb.SurveyAnswer]:
    return [pb.SurveyAnswer(question_id=a.question_id, option_id=a.option_id) for a in answers]


def line_of(row: kpi.Total | kpi.Series) -> str:
    """KPI, value if it has one, operator and group, widget; as in `tests.chats.readable`."""
    who = f"{row.key.operator_id or 'nobody'}/{row.key.operator_group_id or '-'}"
    return " ".join(part for part in (row.kpi_id, _value_text(row.key.value), who, row.key.widget_id) if part)


def _value_text(value: kpi.Value) -> str:  # noqa: PLR0911 -- one case a kind
    match value.WhichOneof("kind"):
        case "stars":
            return str(value.stars)
        case "action":
            return pb.InactivityAction.Name(value.action).removeprefix("INACTIVITY_ACTION_").lower()
        case "offline_assignment":
            return kpi.OfflineAssignment.Name(value.offline_assignment).removeprefix("OFFLINE_ASSIGNMENT_").lower()
        case "goal_id":
            return value.goal_id
        case "topics":
            return "+".join(value.topics.topic_ids)
        case "answer":
            return f"{value.answer.question_id}={value.answer.option_id}"
        case _:
            return ""
