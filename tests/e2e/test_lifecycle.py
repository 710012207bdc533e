"""A server's life: it starts or says why not, tells how it is, and stops or is killed without losing what it said."""

import asyncio
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from typer.testing import CliRunner

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from telwerkd.cli.app import app
from telwerkd.server import wiring
from telwerkd.server.settings.settings import Settings
from telwerkd.server.upkeep_tasks import Periods
from tests.chats import at
from tests.conftest import (
    CALL_SECONDS,
    Server,
    connected,
    eventually,
    locked,
    rows,
    serving,
    started,
    timestamp,
    wired,
)
from tests.effort import rounds

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = {
    "telwerk.v1.IngestionService",
    "telwerk.v1.KpiService",
    "telwerk.v1.SettingsService",
}

# --- stopping, and being killed --------------------------------------------------------------------------------------


class Producers:
    """Some who send without pause, until the server is gone, and remember what it acknowledged."""

    def __init__(self) -> None:
        self.sent: list[pb.Event] = []
        self.acknowledged: list[pb.Event] = []
        self._numbers = count()

    async def send_until_it_is_gone(self, server: Server) -> None:
        """Batches of ten, from six at once."""
        await asyncio.gather(*(self._send(server) for _ in range(6)))

    async def _send(self, server: Server) -> None:
        while True:
            batch = [self._event(next(self._numbers)) for _ in range(10)]
            self.sent += batch
            request = ingestion.IngestEventsRequest(account_id="a", events=batch)
            try:
                response = await server.ingestion.IngestEvents(request, timeout=CALL_SECONDS)
            except grpc.aio.AioRpcError:
                return
            assert response.accepted_count == 10
            self.acknowledged += batch

    def _event(self, number: int) -> pb.Event:
        return pb.Event(
            event_id=f"e{number}",
            conversation_id=f"c{number % 97}",
            widget_id="web",
            occur_time=timestamp(at(f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}")),
            inactivity_action_performed=pb.InactivityActionPerformed(action=1 + number % 8),
        )

    async def find_all(self, server: Server) -> None:
        """What was acknowledged is there and counted; what was not can be sent again, and nothing counts twice."""
        stored = await server.total("a", "inactivity_actions")
        assert len(self.acknowledged) <= stored <= len(self.sent)
        response = await server.ingest("a", self.acknowledged[:5_000])
        assert response.duplicate_count == len(self.acknowledged[:5_000])
        for start in range(0, len(self.sent), 5_000):
            await server.ingest("a", self.sent[start : start + 5_000])
        assert await server.total("a", "inactivity_actions") == len(self.sent)


async def stop_under_load(producers: Producers, path: Path, how: signal.Signals) -> int:
    """The exit code of a server that meets a signal while producers send."""
    with serving(path) as running:
        async with connected(running.address) as server:
            sending = asyncio.create_task(producers.send_until_it_is_gone(server))
            enough = len(producers.acknowledged) + 150

            async def busy() -> bool:
                return len(producers.acknowledged) >= enough

            await eventually(busy)
            running.process.send_signal(how)
            await sending
        return await asyncio.to_thread(running.process.wait, 30)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_server_has_stored_what_it_acknowledged(tmp_path, how):
    """SIGTERM or Ctrl-C under load: exit code 0, and after a restart everything acknowledged is there."""
    path, producers = tmp_path / "telwerk.db", Producers()
    assert await stop_under_load(producers, path, how) == 0
    assert not path.with_name("telwerk.db-wal").exists(), "the log was not brought home"
    async with started(path) as server:
        await producers.find_all(server)


async def test_a_killed_server_has_stored_what_it_acknowledged(tmp_path):
    """kill -9 under load, in full five times: nothing acknowledged is lost, and the next server starts without help."""
    path, producers = tmp_path / "telwerk.db", Producers()
    for _ in range(rounds(5)):
        assert await stop_under_load(producers, path, signal.SIGKILL) == -signal.SIGKILL
    async with started(path) as server:
        await producers.find_all(server)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


async def outliving(client: AsyncExitStack, life: AsyncExitStack, path: Path, **settings: float) -> Server:
    """A client that stays when its server goes."""
    running = await life.enter_async_context(wiring.running(Settings(database=path, listen="127.0.0.1:0", **settings)))
    return await client.enter_async_context(connected(running.address))


async def test_a_call_that_runs_is_answered_before_the_server_stops(tmp_path, submitted):
    """Its commit waits when the server is told to stop; its answer still comes."""
    path = tmp_path / "telwerk.db"
    async with AsyncExitStack() as client, AsyncExitStack() as life:
        server = await outliving(client, life, path)
        await server.ingest("warm-up", wired("09:00:00 contact: message"))
        with locked(path):
            call = asyncio.create_task(server.ingest("a", wired("09:00:00 action inactivity_message_sent")))
            await submitted(2)
            stopping = asyncio.create_task(life.aclose())
            await asyncio.sleep(0.3)
            assert not call.done()
            assert not stopping.done()
        assert (await call).accepted_count == 1
        await stopping
    async with started(path) as server:
        assert await server.total("a", "inactivity_actions") == 1


# --- health and reflection -------------------------------------------------------------------------------------------


async def status_of(server: Server, service: str) -> int:
    return (await server.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=CALL_SECONDS)).status


over_the_wire = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all tests that only ask how it is."""
    async with started(tmp_path_factory.mktemp("running") / "telwerk.db") as server:
        yield server


@over_the_wire
@pytest.mark.parametrize("service", ["", "liveness", "readiness", *sorted(SERVICES)])
async def test_health_tells_that_everything_is_serving(running, service):
    """The server as a whole, each service, and the names for probes."""
    assert await status_of(running, service) == SERVING


@over_the_wire
async def test_health_of_an_unknown_service_is_not_found(running):
    """As the health protocol has it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await status_of(running, "telwerk.v1.Nothing")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_who_watches_health_learns_that_the_server_drains(tmp_path):
    """NOT_SERVING, before the connection goes."""
    async with AsyncExitStack() as client, AsyncExitStack() as life:
        server = await outliving(client, life, tmp_path / "telwerk.db", grace_seconds=1)
        watch = server.health.Watch(health_pb2.HealthCheckRequest(service="readiness"))
        assert (await watch.read()).status == SERVING
        stopping = asyncio.create_task(life.aclose())
        assert (await watch.read()).status == NOT_SERVING
        await stopping


async def test_readiness_follows_the_database_and_liveness_does_not(tmp_path):
    """A server that cannot reach its data says so and lives on; when the data is back, so is it."""
    path = tmp_path / "telwerk.db"
    async with started(path, periods=Periods(ping_every_seconds=0.1)) as server:
        for renaming, expected in (
            ("accounts RENAME TO away", NOT_SERVING),
            ("away RENAME TO accounts", SERVING),
        ):
            connection = sqlite3.connect(path)
            with connection:
                connection.execute(f"ALTER TABLE {renaming}")
            connection.close()

            async def told(expected: int = expected) -> bool:
                return await status_of(server, "readiness") == expected

            await eventually(told)
            assert await status_of(server, "telwerk.v1.KpiService") == expected
            assert await status_of(server, "liveness") == SERVING


@over_the_wire
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_the_services_and_knows_symbols_of_every_kind(running, version):
    """So that tools like grpcurl and ghz need no files of the contract, whichever version they ask."""
    asked = reflection_pb2.ServerReflectionRequest
    own = f"grpc.reflection.{version}.ServerReflection"
    symbols = [
        "telwerk.v1.KpiService",
        "telwerk.v1.KpiService.QueryTotals",
        "telwerk.v1.Total",
        "telwerk.v1.Granularity",
        own,
        f"{own}.ServerReflectionInfo",
        f"{own}Request",
    ]
    requests = [asked(list_services=""), *(asked(file_containing_symbol=symbol) for symbol in [*symbols, "telwerk.No"])]
    info = running.channel.stream_stream(
        f"/{own}/ServerReflectionInfo",
        request_serializer=asked.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    listed, *found, missing = [reply async for reply in info(iter(requests))]
    names = {service.name for service in listed.list_services_response.service}
    assert names >= SERVICES | {"grpc.health.v1.Health", own}
    assert all(reply.file_descriptor_response.file_descriptor_proto for reply in found), found
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    described = FileDescriptorProto.FromString(found[4].file_descriptor_response.file_descriptor_proto[0])
    assert described.package == f"grpc.reflection.{version}"
    assert described.service[0].method[0].input_type == f".{own}Request"


# --- not starting ----------------------------------------------------------------------------------------------------


class Done(NamedTuple):
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str


WIDE = {"COLUMNS": "200", "NO_COLOR": "1"}
"""A terminal wide enough for every line."""


def in_process(*arguments: str | Path) -> Done:
    """The command in this process: what it says is the same, and importing it again takes a second."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=WIDE)
    return Done(done.exit_code, done.stdout, done.stderr)


def telwerkd(*arguments: str | Path) -> Done:
    """The command as its users run it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    command = [sys.executable, "-m", "telwerkd.cli", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, check=False, env=environment | WIDE
    )
    return Done(done.returncode, done.stdout, done.stderr)


def refused(*arguments: str | Path, run: Callable[..., Done] = in_process) -> str:
    """What a command says that refuses: exit code 1, nothing on standard output, no traceback."""
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (1, ""), done
    assert "Traceback" not in done.stderr
    # gRPC's core may log a line of its own before it.
    text = re.search(r"^telwerkd: .*", done.stderr, re.MULTILINE | re.DOTALL)
    assert text, done.stderr
    return text[0]


def tables(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


def unknown_schema(folder: Path) -> Path:
    return tables(
        folder / "newer.db",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('9999')",
    )


def foreign_tables(folder: Path) -> Path:
    return tables(folder / "other.db", "CREATE TABLE customers (id INTEGER)")


def no_database(folder: Path) -> Path:
    path = folder / "letter.txt"
    path.write_text("Dear customer,\n" * 200, encoding="utf-8")
    return path


def missing_folder(folder: Path) -> Path:
    return folder / "nowhere" / "telwerk.db"


REFUSALS = {
    unknown_schema: r"9999.*does not know.*newer.*upgrade",
    foreign_tables: r"tables of another program \(customers",
    no_database: r"letter\.txt cannot be opened as a SQLite database: file is not a database",
    missing_folder: r"cannot be opened.*does its folder exist\?",
}


@pytest.mark.parametrize(("make", "text"), REFUSALS.items(), ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("command", [("serve", "--listen", "127.0.0.1:0"), ("migrate",)], ids=lambda c: c[0])
def test_a_database_that_is_not_ours_is_refused_and_left_alone(tmp_path, make, text, command):
    """Exit code 1, with a text that says what it is and what to do; the file is as it was."""
    path = make(tmp_path)
    before = path.read_bytes() if path.exists() else None
    run = telwerkd if make is unknown_schema else in_process
    assert re.search(text, refused(command[0], "--database", path, *command[1:], run=run), re.DOTALL)
    assert (path.read_bytes() if path.exists() else None) == before
    assert not missing_folder(tmp_path).parent.exists()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_in_use_is_refused(tmp_path):
    """Exit code 1; the text names the address."""
    with taken_port() as port:
        command = ("serve", "--database", tmp_path / "telwerk.db", "--listen", f"127.0.0.1:{port}")
        text = refused(*command, run=telwerkd)
    assert f"127.0.0.1:{port}" in text
    assert "another program listens there" in text


def test_a_setting_that_cannot_be_is_refused(tmp_path):
    """From a file as from the environment: the text names the setting."""
    config = tmp_path / "telwerkd.toml"
    config.write_text('batch_events_max = "many"\ncolour = "blue"\n', encoding="utf-8")
    text = refused("serve", "--config", config)
    assert "batch_events_max" in text
    assert "colour" in text
    assert "no such file" in refused("settings", "--config", tmp_path / "missing.toml")


# --- the other commands ----------------------------------------------------------------------------------------------


def test_health_asks_a_running_server(server):
    """SERVING and exit code 0; for an unknown service, or where nobody listens, a sentence and exit code 1."""
    assert telwerkd("health", server.address) == (0, "SERVING\n", "")
    assert "does not answer for 'nothing'" in refused("health", server.address, "--service", "nothing")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert f"127.0.0.1:{port} does not answer" in refused("health", f"127.0.0.1:{port}")


def test_migrate_makes_a_database_and_can_be_repeated(tmp_path):
    """It says at which schema the file is; a server then starts on it."""
    path = tmp_path / "telwerk.db"
    for _ in range(2):
        done = in_process("migrate", "--database", path)
        assert done.exit_code == 0, done
        assert re.fullmatch(rf"{re.escape(str(path))} is at schema \w+\.\n", done.stdout)
    with serving(path) as running:
        assert running.address.startswith("127.0.0.1:")


def test_settings_lists_every_setting_with_its_value(tmp_path):
    """Each with a sentence, with the value that the file gives it, and where that comes from."""
    config = tmp_path / "telwerkd.toml"
    config.write_text("batch_events_max = 77\n", encoding="utf-8")
    done = telwerkd("settings", "--config", config)
    assert (done.exit_code, done.stderr) == (0, "")
    described = dict(re.findall(r"^(\w+) = .*\n    (.+)$", done.stdout, re.MULTILINE))
    assert described.keys() == Settings.model_fields.keys()
    assert "batch_events_max = 77\n" in done.stdout
    origins = re.findall(r"^(\w+) = .*\n    .+\n    from: (.+)$", done.stdout, re.MULTILINE)
    assert dict(origins) == dict.fromkeys(Settings.model_fields, "default") | {"batch_events_max": str(config)}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), ["serve", "migrate", "health", "settings", "keys"]),
        (("serve",), ["--database", "--listen", "--tls-cert", "--keys-file", "SIGTERM", "127.0.0.1:50051"]),
        (("migrate",), ["--database", "Safe to repeat"]),
        (("health",), ["--service", "readiness"]),
        (("settings",), ["TELWERK_"]),
    ],
    ids=lambda value: " ".join(value) or "telwerkd",
)
def test_help_reads_well(command, words):
    """Every command says what it does and names its options; none is left without a sentence."""
    done = in_process(*command, "--help")
    assert (done.exit_code, done.stderr) == (0, "")
    for word in words:
        assert word in done.stdout
    options = re.findall(r"^│ (--[\w-]+) +<\w+> +(.*?) *│$", done.stdout, re.MULTILINE)
    assert [option for option, sentence in options if not re.match(r"[A-Z].*\.", sentence)] == []
    assert "--help" in dict(options)
