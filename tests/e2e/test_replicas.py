"""Several servers on one PostgreSQL, and a PostgreSQL that comes and goes under them."""

import asyncio
import os
import re
import resource
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from telwerkd.server.maintenance import audits
from telwerkd.server.upkeep_tasks import Periods
from telwerkd.storage.location import PostgresUrl, SqliteFile, located
from telwerkd.storage.open_store import prepare
from tests.conftest import (
    CALL_SECONDS,
    Server,
    connected,
    eventually,
    refusal,
    rows,
    serving,
    started,
    wired,
    writer_of,
)
from tests.e2e.test_lifecycle import in_process, refused, status_of
from tests.e2e.test_watch import watching
from tests.postgres import PostgresServer, execute, fresh_database
from tests.storage.proxy import wired_to

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING

RATED = """
    09:00:00 anna assigned
    09:10:00 contact rates 4
"""


@pytest.fixture
def database(postgres: str) -> Iterator[PostgresUrl]:
    """An empty database."""
    with fresh_database(postgres) as url:
        yield postgres_at(url)


def postgres_at(url: str) -> PostgresUrl:
    found = located(url)
    assert isinstance(found, PostgresUrl)
    return found


@asynccontextmanager
async def replicas(database: PostgresUrl, **settings: Any) -> AsyncIterator[tuple[Server, Server]]:
    """Two servers on one database."""
    async with started(database, **settings) as one, started(database, **settings) as two:
        yield one, two


# --- replicas --------------------------------------------------------------------------------------------------------


async def test_whoever_is_asked_counts_the_same(database):
    """Batches of overlapping conversations to either server, at the same time, some to both: one count."""
    async with replicas(database) as both:
        chats = [f"09:00:00 anna assigned\n09:0{n % 9}:01 contact rates {n % 5 + 1} #r{n}" for n in range(40)]
        calls = [
            server.ingest("acme", wired(script, f"c{n % 7}"))
            for n, script in enumerate(chats)
            for server in (both if n % 3 == 0 else (both[n % 2],))
        ]
        answers = await asyncio.gather(*calls)
        events = {(f"c{n % 7}", event.event_id) for n, script in enumerate(chats) for event in wired(script)}
        assert sum(answer.accepted_count for answer in answers) == len(events)
        counted = [await server.counted("acme") for server in both]
        assert counted[0] == counted[1]
        assert len(counted[0]) == len(chats)
    assert await audits.verify(database)


async def test_a_limit_that_passes_is_counted_once_by_all_servers_together(database):
    """KPI 3, with both looking at the same time."""
    async with replicas(database) as (one, two):
        for n in range(5):
            await one.ingest("acme", wired("09:00:00 goes live, sends limit 60s\n09:00:01 contact: message", f"c{n}"))
        await two.complete("acme")
        assert await two.total("acme", "unanswered_live_conversations") == 5
        assert await one.total("acme", "unanswered_live_conversations") == 5


async def test_a_watch_is_fed_from_any_server(database):
    """What one server takes in, the watches of the other tell."""
    async with replicas(database) as (one, two), watching(two) as watch:
        assert not (await watch.update()).snapshot.series
        await one.ingest_chat("acme", RATED)
        await watch.until(anna=(1, 4))


async def test_the_limit_on_names_is_of_all_servers_together(database):
    """A name that would be one too many is refused, whichever servers brought those before."""
    async with replicas(database, names_max=2) as (one, two):
        assert (await one.ingest("acme", wired("09:00:00 anna assigned", "c1"))).accepted_count == 1
        assert (await two.ingest("acme", wired("09:00:01 bram assigned", "c2"))).accepted_count == 1
        refused_ = await one.ingest("acme", wired("09:00:02 cees assigned", "c3"))
        assert refused_.rejections[0].reason == "TOO_MANY_VALUES"


# --- moving there ----------------------------------------------------------------------------------------------------


def test_a_service_moves_from_sqlite_to_postgresql(database, tmp_path):
    """Stop, copy, start there: the same answers, and what is sent again is a duplicate."""
    path = tmp_path / "telwerk.db"

    async def use(where: Path | PostgresUrl, accepted: int) -> list[str]:
        async with started(where) as server:
            assert (await server.ingest("acme", wired(RATED))).accepted_count == accepted
            return await server.counted("acme")

    before = asyncio.run(use(path, 2))
    done = in_process("copy", "--from", f"sqlite:///{path}", "--to", database.dsn)
    assert done.exit_code == 0, done
    assert "acme: " in done.stdout
    assert "All is in " in done.stdout
    assert asyncio.run(use(database, 0)) == before
    assert in_process("verify", "--database", database.dsn).exit_code == 0
    assert "holds accounts already" in refused("copy", "--from", path, "--to", database.dsn)
    assert "a copy goes from a SQLite file to PostgreSQL" in refused("copy", "--from", database.dsn, "--to", path)
    assert "is not a database that Telwerk can use" in refused("copy", "--from", path, "--to", "mysql://me:secret@db/x")


def test_ids_that_the_indexes_cannot_take_are_refused_at_the_start(database, monkeypatch):
    """Rather than when the first of them comes."""
    monkeypatch.setenv("TELWERK_ID_BYTES_MAX", "513")
    said = refused("serve", "--database", database.dsn, "--listen", "127.0.0.1:0")
    assert "id_bytes_max is 513, and the keys of PostgreSQL take ids of 512 bytes at most" in said


def test_no_command_shows_a_password(monkeypatch):
    """Neither the settings, nor the error of a database that is not there."""
    url = "postgresql://me:hush@127.0.0.1:1/telwerk?password=hush"
    monkeypatch.setenv("TELWERK_DATABASE", url)
    shown = in_process("settings")
    assert "database = postgresql://me@127.0.0.1:1/telwerk\n" in shown.stdout
    assert "hush" not in shown.stdout + refused("verify") + refused("migrate") + refused("serve")


# --- workers ---------------------------------------------------------------------------------------------------------


def workers_of(process: "subprocess.Popen[str]") -> set[int]:
    """The processes that a server has started to serve."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
            command = (entry.parent / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == process.pid and b"spawn_main" in command:
            found.add(int(entry.parent.name))
    return found


async def test_workers_serve_one_port_and_one_that_dies_is_replaced(database, capfd):
    """Every connection is answered, before and after; all stop when told to, and what was taken in is there.

    The log says what runs, and at its end that it stopped, as with one process.
    """
    with serving(database, "--workers", "2") as (address, process):
        before = workers_of(process)
        assert len(before) == 2
        for n in range(6):
            async with connected(address) as server:
                await server.ingest_chat("acme", RATED, f"c{n}")
        killed = min(before)
        os.kill(killed, signal.SIGKILL)

        async def replaced() -> bool:
            now = workers_of(process)
            return killed not in now and len(now) == 2

        await eventually(replaced)
        for n in range(6):
            async with connected(address) as server:
                await eventually(lambda server=server: _answers(server))
                assert await server.total("acme", "satisfaction_score") == 6 + n
                await server.ingest_chat("acme", RATED, f"d{n}")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0
        assert not workers_of(process)
    lines = capfd.readouterr().err.splitlines()
    assert [line.endswith(", 2 workers") for line in lines if " started: " in line] == [True]
    assert lines[-1].endswith(": stopped")
    assert await audits.verify(database)


async def test_a_worker_is_replaced_also_where_it_cannot_be_at_once(database, capfd):
    """While no descriptor is left for another, the log says why; as soon as there is one, both serve again."""
    with serving(database, "--workers", "2") as (address, process):
        before = workers_of(process)
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, hard))
        os.kill(min(before), signal.SIGKILL)
        said = ""

        async def told() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return said.count("a worker could not be started, and is tried again: ") > 1

        await eventually(told)
        assert workers_of(process) == {max(before)}
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))

        async def replaced() -> bool:
            return len(workers_of(process)) == 2

        await eventually(replaced)
        async with connected(address) as server:
            await eventually(lambda: _answers(server))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0
        assert not workers_of(process)


def stalls_after(seconds: int, folder: Path) -> tuple[str, ...]:
    config = folder / "telwerkd.toml"
    config.write_text(f"worker_stall_seconds = {seconds}\n", encoding="utf-8")
    return "--workers", "2", "--config", str(config)


async def test_a_worker_that_has_stalled_is_replaced(database, tmp_path, capfd):
    """The system gives it connections still. One that replies is left alone, and so is one that stops for a moment."""
    with serving(database, *stalls_after(6, tmp_path)) as (address, process):
        before = workers_of(process)
        paused, stalled = sorted(before)
        os.kill(paused, signal.SIGSTOP)
        await asyncio.sleep(0.5)
        os.kill(paused, signal.SIGCONT)
        os.kill(stalled, signal.SIGSTOP)

        async def replaced() -> bool:
            now = workers_of(process)
            return stalled not in now and len(now) == 2

        await eventually(replaced)
        assert paused in workers_of(process)
        for _ in range(6):
            async with connected(address) as server:
                await eventually(lambda server=server: _answers(server))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0
    said = capfd.readouterr().err
    assert f"worker {stalled} has not replied for 6 s (worker_stall_seconds): killed" in said
    assert said.count("worker_stall_seconds") == 1


async def test_workers_go_on_that_were_stopped_together_with_what_started_them(database, tmp_path, capfd):
    """As a machine does that is paused: replies are there by the time they are late, and no worker is killed."""
    with serving(database, *stalls_after(4, tmp_path)) as (address, process):
        workers = workers_of(process)
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        await asyncio.sleep(2)  # by now each was asked
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(5)
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(5)
        assert workers_of(process) == workers
        async with connected(address) as server:
            await server.ingest_chat("acme", RATED, "c1")
    assert "worker_stall_seconds" not in capfd.readouterr().err


async def _answers(server: Server) -> bool:
    try:
        return await status_of(server, "readiness") == SERVING
    except grpc.aio.AioRpcError:
        return False


async def test_a_stop_that_reaches_every_process_of_a_group_lets_workers_end_their_calls(database):
    """As a supervisor sends it, or `kill` to a group: each worker is told twice, and that is no second signal."""
    with serving(database, "--workers", "2") as (address, process):
        async with connected(address) as server:
            await server.ingest_chat("acme", RATED, "c1")
        for worker in workers_of(process):
            os.kill(worker, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_signals_that_ask_for_something_wait_while_a_server_starts(database, tmp_path, workers):
    """To read settings again (SIGHUP), or to confirm the clock (SIGUSR1): neither server nor workers end of it."""
    config = tmp_path / "telwerkd.toml"
    config.write_text("grace_seconds = 5\n", encoding="utf-8")
    with starting(database, "--config", str(config), "--workers", workers) as process:
        while not select.select([process.stdout], [], [], 0.02)[0]:
            for number in (signal.SIGHUP, signal.SIGUSR1):
                process.send_signal(number)
            for worker in workers_of(process):  # as Ctrl-C does, which reaches the whole group
                os.kill(worker, signal.SIGINT)
        assert process.stdout.readline().startswith("Telwerk listens on ")
        process.terminate()
        assert process.wait(60) == 0


def test_ctrl_c_while_a_server_starts_ends_it_without_a_traceback(database):
    with starting(database) as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == -signal.SIGINT


@contextmanager
def starting(database: PostgresUrl, *flags: str) -> Iterator["subprocess.Popen[str]"]:
    """A server that has just begun to start."""
    command = [sys.executable, "-m", "telwerkd.cli", "serve", "--database", database.dsn, "--listen", "127.0.0.1:0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    environment["TELWERK_HTTP_LISTEN"] = ""
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, *flags], stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        while not holds_signals(process.pid):
            time.sleep(0.01)
        yield process


def holds_signals(pid: int) -> bool:
    """Whether it has come so far that it lets them wait; Python itself begins without."""
    [blocked] = re.findall(r"^SigBlk:\s*([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(blocked, 16) & 1 << signal.SIGHUP - 1)


async def test_workers_end_with_the_process_that_started_them(database):
    """Also when it is killed, and can tell them nothing."""
    with serving(database, "--workers", "2") as (_, process):
        workers = workers_of(process)
        process.kill()

        async def gone() -> bool:
            return not any(os.path.exists(f"/proc/{worker}") for worker in workers)  # noqa: ASYNC240, PTH110

        await eventually(gone)


def test_workers_need_postgresql(tmp_path):
    """One process writes to a SQLite file; the text says how to go on."""
    said = refused("serve", "--database", tmp_path / "telwerk.db", "--workers", "2")
    assert "leave --workers away, or move to PostgreSQL with `telwerkd copy`" in said


def test_workers_share_their_ports_with_nobody_else(database):
    """A second server on a port does not start, though its own workers would share one; each answers on both ports."""
    with serving(database, "--workers", "2", "--http-listen", "127.0.0.1:0") as (address, process):
        http = process.stdout.readline().split()[-1]
        for _ in range(10):
            with urllib.request.urlopen(f"http://{http}/readyz", timeout=20) as answer:
                assert answer.read() == b'{"status":"SERVING"}'
        for flag, taken in (("--listen", address), ("--http-listen", http)):
            ports = ("--listen", "127.0.0.1:0", flag, taken)
            said = refused("serve", "--database", database.dsn, "--workers", "2", *ports)
            assert f"cannot listen on {taken}: another program listens there" in said
    said = refused("serve", "--database", database.dsn, "--workers", "2", "--listen", "unix:/nowhere/telwerk.sock")
    assert "workers share a port" in said


def test_a_worker_that_cannot_start_stops_them_all(database, tmp_path):
    """The process ends, and says that a worker did not start."""
    keys = tmp_path / "keys.toml"
    flags = ("--workers", "2", "--keys-file", keys, "--listen", "127.0.0.1:0")
    said = refused("serve", "--database", database.dsn, *flags)
    assert "a worker did not start" in said or str(keys) in said


# --- a database that comes and goes ----------------------------------------------------------------------------------


async def test_a_server_goes_and_comes_with_its_database():
    """Calls are UNAVAILABLE and say when to come back; readiness follows, and nobody restarts anything."""
    postgres = PostgresServer("fsync=off")
    try:
        postgres.start()
        async with started(postgres_at(postgres.url), periods=Periods(ping_every_seconds=0.1)) as server:
            await server.ingest_chat("acme", RATED, "c1")
            await asyncio.to_thread(postgres.stop, "immediate")
            for call in (server.ingest("acme", wired(RATED, "c2")), server.total("acme", "satisfaction_score")):
                away = await refusal(call)
                assert (away.code, away.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
                assert away.retry_seconds
            await eventually(lambda: _is(server, NOT_SERVING))
            assert await status_of(server, "liveness") == SERVING
            await asyncio.to_thread(postgres.start)
            await eventually(lambda: _is(server, SERVING))
            await server.ingest_chat("acme", RATED, "c2")
            assert await server.total("acme", "satisfaction_score") == 2
    finally:
        postgres.remove()


async def _is(server: Server, status: int) -> bool:
    return await status_of(server, "readiness") == status


async def test_a_resend_after_a_commit_of_unknown_outcome_is_a_duplicate(database):
    """The answer to the commit is lost on its way: UNAVAILABLE; the same batch again counts nothing twice."""
    await prepare(database)
    async with wired_to(database.dsn) as (url, wire), started(postgres_at(url)) as server:
        await server.ingest_chat("acme", RATED, "c0")
        wire.cuts_commits = 1_000  # those of upkeep too
        lost = await refusal(server.ingest("acme", wired(RATED)))
        wire.cuts_commits = 0
        assert (lost.code, lost.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        again = await server.ingest("acme", wired(RATED))
        assert (again.accepted_count, again.duplicate_count) == (0, 2)
        assert await server.total("acme", "satisfaction_score") == 2


async def test_a_full_disk_of_postgresql_is_for_the_client_to_wait_out(database):
    """PostgreSQL's own error for it, from a trigger: nothing is stored, and when there is room again all goes on."""
    async with started(database) as server:
        await server.ingest_chat("acme", RATED, "c0")
        execute(
            database.dsn,
            """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$""",
            "CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION full_disk()",
        )
        full = await refusal(server.ingest("acme", wired(RATED)))
        assert (full.code, full.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        assert full.retry_seconds
        execute(database.dsn, "DROP TRIGGER full_disk ON events")
        await server.ingest_chat("acme", RATED, "c1")
        assert await server.total("acme", "satisfaction_score") == 2


async def test_a_full_disk_of_sqlite_is_for_the_client_to_wait_out(tmp_path):
    """Here a limit on the size of files: nothing is stored, and when there is room all goes on."""
    async with started(SqliteFile(tmp_path / "telwerk.db")) as server:
        await server.ingest_chat("acme", RATED, "c0")
        writer = writer_of(os.getpid())
        size, unlimited = (tmp_path / "telwerk.db-wal").stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))
        many = [event for n in range(400) for event in wired(RATED, f"c{n}")]
        full = await refusal(server.ingest("acme", many))
        assert (full.code, full.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        assert rows(tmp_path / "telwerk.db", "SELECT count(*) FROM events")[0][0] == 2
        resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, unlimited)
        assert (await server.ingest("acme", many)).accepted_count == len(many) - 2
        assert await server.total("acme", "satisfaction_score") == 400


async def test_a_call_has_time_enough(database):
    """Retries inside end long before a caller's deadline: an answer comes, and it is UNAVAILABLE."""
    await prepare(database)
    async with wired_to(database.dsn) as (url, wire), started(postgres_at(url)) as server:
        await server.ingest_chat("acme", RATED, "c0")
        wire.cut()
        async with asyncio.timeout(CALL_SECONDS):
            assert (await refusal(server.ingest("acme", wired(RATED)))).code is grpc.StatusCode.UNAVAILABLE
