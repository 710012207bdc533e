"""Readiness says whether an event can be stored. Nothing is acknowledged into nothing, and every cause can be over."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from telwerkd.storage.location import PostgresUrl, SqliteFile, located
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite.file import OpenedFile
from tests.conftest import Server, connected, empty_database, eventually, refusal, serving, wired, writer_of
from tests.line import Way, line_to_postgres
from tests.postgres import PostgresServer, execute, fresh_database

RATED = """
    09:00:00 anna assigned in sales
    09:01:00 contact rates 4
"""
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def told(server: Server, status: int) -> None:
    """Returns when readiness is so."""

    async def so() -> bool:
        request = health_pb2.HealthCheckRequest(service="readiness")
        return bool((await server.health.Check(request, timeout=30)).status == status)

    await eventually(so, 60)


async def _is_refused(server: Server, conversation: str) -> None:
    refused = await refusal(server.ingest("acme", wired(RATED, conversation)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")


async def _comes_and_goes(server: Server, begin: Callable[[], object], end: Callable[[], object]) -> None:
    """A cause that keeps events from being stored begins and ends beside a server."""
    await server.ingest_chat("acme", RATED, "before")
    begin()
    await _is_refused(server, "c1")
    await told(server, NOT_SERVING)
    await _is_refused(server, "c1")
    end()
    await told(server, SERVING)
    response = await server.ingest("acme", wired(RATED, "c1"))
    assert response.accepted_count + response.duplicate_count == 2
    assert await server.total("acme", "satisfaction_score") == 2


@contextmanager
def standard_error(file: Path) -> Iterator[None]:
    """Goes into a file, of the processes that are started meanwhile."""
    before = os.dup(2)
    with file.open("w") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextmanager
def each_said_once(log: Path) -> Iterator[None]:
    """No line comes twice in the log of a server, but for its time, whoever else meets the same cause."""
    with standard_error(log):
        yield
    said = [line.partition(" ")[2] for line in log.read_text().splitlines()]
    assert any("the database did not answer" in line for line in said)
    assert [line for line, count in Counter(said).items() if count > 1] == []


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"], ids=["the database", "its log", "the log's index"])
async def test_nothing_is_acknowledged_into_a_file_that_was_moved_away(tmp_path, suffix):
    """Until it is back: then all goes on by itself. No empty file is made in its place."""
    path = tmp_path / "telwerk.db"
    part, aside = Path(f"{path}{suffix}"), tmp_path / "aside"
    with each_said_once(tmp_path / "log"):
        async with _served(path) as server:
            await _comes_and_goes(server, lambda: part.rename(aside), lambda: _back(aside, part))


def _back(aside: Path, part: Path) -> None:
    assert not part.exists()
    aside.rename(part)


@asynccontextmanager
async def _served(path: Path | PostgresUrl, *flags: str, by: Sequence[str] = ()) -> AsyncIterator[Server]:
    with serving(path, *flags, by=by) as running:
        async with connected(running.address) as server:
            yield server


async def test_nothing_is_acknowledged_into_a_file_that_was_replaced(tmp_path):
    """A copy in its place is another database, of which the server knows nothing."""
    path, aside = tmp_path / "telwerk.db", tmp_path / "aside"

    def replace() -> None:
        path.rename(aside)
        shutil.copy(aside, path)

    async with _served(path) as server:
        await _comes_and_goes(server, replace, lambda: aside.replace(path))


async def test_nothing_is_acknowledged_into_a_file_that_was_cut_short(tmp_path):
    """The log belongs to what was there: it would be played into what is left, and both be damaged."""
    path = tmp_path / "telwerk.db"
    async with _served(path) as server:
        whole = path.read_bytes()
        await _comes_and_goes(server, lambda: os.truncate(path, 4_096), lambda: path.write_bytes(whole))


async def test_nothing_is_acknowledged_into_a_file_that_was_emptied(tmp_path):
    """Who reads such a file deletes the log beside it, as SQLite does, so that the file alone is not all there was."""
    path = tmp_path / "telwerk.db"
    async with _served(path) as server:
        await server.ingest_chat("acme", RATED, "before")
        os.truncate(path, 0)
        await _is_refused(server, "c1")
        await told(server, NOT_SERVING)
        await _is_refused(server, "c1")


async def test_nothing_is_acknowledged_into_a_file_that_another_is_written_over(tmp_path):
    """As `cp` of an older backup does."""
    path, older = tmp_path / "telwerk.db", tmp_path / "older.db"
    older.write_bytes(empty_database())
    async with _served(path) as server:
        _other_program(path, *_FILLED)
        await server.ingest_chat("acme", RATED, "before")
        shutil.copy(older, path)
        await _is_refused(server, "after")
        await told(server, NOT_SERVING)


async def test_a_file_that_vacuum_makes_shorter_is_the_same(tmp_path):
    path = tmp_path / "telwerk.db"
    async with _served(path) as server:
        _other_program(path, *_FILLED)
        await server.ingest_chat("acme", RATED, "before")
        length = path.stat().st_size
        _other_program(path, "DROP TABLE filling", "VACUUM")
        assert path.stat().st_size < length
        await server.ingest_chat("acme", RATED, "after")
        await server.ingest_chat("acme", RATED, "and again")


_FILLED = ("CREATE TABLE filling (bytes BLOB)", "INSERT INTO filling VALUES (zeroblob(1000000))")


def _other_program(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*statements, "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.execute(statement).fetchall()


async def test_a_writer_that_starts_anew_does_not_take_a_replaced_file_for_its_own(tmp_path):
    """Which file it is was said when the server started, not when what writes did."""
    path, aside = tmp_path / "telwerk.db", tmp_path / "aside"
    with serving(path) as running:
        async with connected(running.address) as server:

            def replace() -> None:
                path.rename(aside)
                shutil.copy(aside, path)
                writer_of(running.process.pid).kill()

            await _comes_and_goes(server, replace, lambda: aside.replace(path))


async def test_a_stopped_writer_is_seen_and_goes_on(tmp_path):
    """Callers wait no longer than the setting says."""
    with serving(tmp_path / "telwerk.db", "--config", str(_config(tmp_path, "writer_stall_seconds = 1"))) as running:
        async with connected(running.address) as server:
            writer = writer_of(running.process.pid)
            await _comes_and_goes(server, writer.suspend, writer.resume)


def _config(folder: Path, text: str) -> Path:
    file = folder / "telwerk.toml"
    file.write_text(text)
    return file


@contextmanager
def _file_system(folder: Path, size: str) -> Iterator[Path]:
    """One of its own, where this may make one."""
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or not mount or not umount:
        pytest.skip("only root may make a file system")
    if subprocess.run([mount, "-t", "tmpfs", "-o", size, "tmpfs", folder], check=False).returncode:
        pytest.skip("no file system may be made here")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", folder], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    with _file_system(tmp_path / "disk", "size=8m") as disk:
        yield disk


def _fill(disk: Path) -> None:
    with (disk / "fill").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4_096)):
            pass
    assert shutil.disk_usage(disk).free == 0


async def test_a_full_disk_is_seen_and_is_over_when_there_is_room(small_disk, tmp_path):
    """Also where the log has room of its own for a small transaction; the log of the server says it once."""
    log = tmp_path / "log"
    with standard_error(log):
        async with _served(small_disk / "telwerk.db") as server:
            await server.ingest_chat("acme", RATED, "before")
            _fill(small_disk)
            await told(server, NOT_SERVING)
            await asyncio.sleep(5)  # several looks, and limits and compaction tried again and again
            (small_disk / "fill").unlink()
            await told(server, SERVING)
            await server.ingest_chat("acme", RATED, "after")
            assert await server.total("acme", "satisfaction_score") == 2
    said = log.read_text().splitlines()
    assert len(said) < 10, said
    assert sum("did not answer" in line for line in said) in {1, 2}


def _cannot_start(database: Path | PostgresUrl, *, by: Sequence[str] = ()) -> str:
    named = database.dsn if isinstance(database, PostgresUrl) else str(database)
    command = [*by, sys.executable, "-m", "telwerkd.cli", "serve", "--database", named, "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


def test_no_server_starts_on_a_full_disk(small_disk):
    _fill(small_disk)
    assert "its disk is full" in _cannot_start(small_disk / "telwerk.db")


async def test_no_server_starts_on_a_read_only_file_system(small_disk):
    """Neither on a database that is there, nor to make one."""
    await prepare(SqliteFile(small_disk / "there.db"))
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", small_disk], check=True)
    for name in ("there.db", "new.db"):
        assert "a file system that is not read-only" in _cannot_start(small_disk / name)


def test_no_server_starts_on_a_folder(tmp_path):
    assert "is a directory" in _cannot_start(tmp_path)


async def test_a_file_has_one_server(tmp_path):
    """A second is refused while the first lives, and not when it was killed; commands are no servers."""
    path = tmp_path / "telwerk.db"
    with serving(path) as running:
        assert f"another server serves {path}" in _cannot_start(path)
        async with connected(running.address) as server:
            await server.ingest_chat("acme", RATED)
        for command in ("verify", "rebuild"):
            arguments = [sys.executable, "-m", "telwerkd.cli", command, "--database", str(path)]
            await asyncio.to_thread(subprocess.run, arguments, check=True)
        running.process.kill()
        running.process.wait(30)
    async with opened(SqliteFile(path), serving=True):
        with pytest.raises(SchemaError, match="another server"):
            async with opened(SqliteFile(path), serving=True):
                pass


# Root may write to any file, by a capability: this takes it from the program that it becomes, and from its children.
_BY_MODES = (
    *(sys.executable, "-c"),
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])",
)


async def test_no_server_starts_on_a_file_that_may_not_be_written_to(tmp_path):
    path = tmp_path / "telwerk.db"
    await prepare(SqliteFile(path))
    path.chmod(0o400)
    text = await asyncio.to_thread(_cannot_start, path, by=_BY_MODES)
    assert "cannot be written: the file and its folder must belong to the user that runs this" in text


async def test_a_file_that_may_not_be_written_to_any_more_is_seen_and_is_over(tmp_path):
    """Who has it open could go on for a while, and who comes after it could not."""
    path = tmp_path / "telwerk.db"
    async with _served(path, by=_BY_MODES) as server:
        await server.ingest_chat("acme", RATED, "before")
        path.chmod(0o400)
        await told(server, NOT_SERVING)
        path.chmod(0o600)
        await told(server, SERVING)
        await server.ingest_chat("acme", RATED, "after")
        assert await server.total("acme", "satisfaction_score") == 2


def test_a_file_whose_log_may_not_be_written_to_is_not_writable(tmp_path):
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"telwerk.db{suffix}").touch()
    file = OpenedFile(tmp_path / "telwerk.db")
    file.check_writable()
    if os.geteuid() == 0:
        pytest.skip("root may write to anything")
    (tmp_path / "telwerk.db-wal").chmod(0o400)
    with pytest.raises(PermissionError):
        file.check_writable()


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def location(postgres: str, postgres_template: str) -> Iterator[PostgresUrl]:
    with fresh_database(postgres, postgres_template) as url:
        found = located(url)
        assert isinstance(found, PostgresUrl)
        yield found


def _set(location: PostgresUrl, what: str) -> None:
    name = execute(location.dsn, "SELECT current_database()")[0][0]
    execute(
        location.dsn,
        "SET default_transaction_read_only = off",
        f"ALTER DATABASE {name} {what}",
        # It holds for connections that are made from now on.
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'telwerkd'",
    )


async def test_a_database_that_was_turned_read_only_is_seen_and_is_over(location, tmp_path):
    with each_said_once(tmp_path / "log"):
        async with _served(location) as server:
            await _comes_and_goes(
                server,
                lambda: _set(location, "SET default_transaction_read_only = on"),
                lambda: _set(location, "RESET default_transaction_read_only"),
            )


def test_no_server_starts_on_a_read_only_database(location):
    _set(location, "SET default_transaction_read_only = on")
    assert "is read-only, perhaps a standby" in _cannot_start(location)


async def test_a_right_to_write_that_was_taken_away_is_seen_and_is_over(postgres, location):
    """Reading goes on meanwhile; nor does a server start for who may only read."""
    role = f"reader_{os.getpid()}"
    execute(location.dsn, f"CREATE ROLE {role} LOGIN", f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    theirs = located(location.dsn.replace("postgres@", f"{role}@", 1))
    assert isinstance(theirs, PostgresUrl)
    try:
        async with _served(theirs) as server:
            await _comes_and_goes(
                server,
                lambda: execute(location.dsn, f"REVOKE INSERT ON events FROM {role}"),
                lambda: execute(location.dsn, f"GRANT INSERT ON events TO {role}"),
            )
        execute(location.dsn, f"REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM {role}")
        assert "no right to write to the tables accounts, " in await asyncio.to_thread(_cannot_start, theirs)
    finally:
        execute(location.dsn, f"DROP OWNED BY {role}")
        execute(postgres, f"DROP ROLE {role}")


@pytest.fixture
def postgres_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PostgresUrl, Path]]:
    """A PostgreSQL of its own, and the small file system that has its data."""
    # Not the test's own folder: the path of a socket is a short one.
    with (
        tempfile.TemporaryDirectory(prefix="telwerk-") as folder,
        _file_system(Path(folder) / "disk", "size=400m") as disk,
    ):
        for each in (disk, disk.parent):
            each.chmod(0o755)  # PostgreSQL runs as another user
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(disk))
            server = PostgresServer()
        try:
            server.start()
            database = located(server.url)
            assert isinstance(database, PostgresUrl)
            yield database, disk
        finally:
            server.remove()


async def test_a_postgresql_without_room_is_seen_and_is_over_when_there_is(postgres_disk):
    """Before anything is sent that needs a new page: an empty message would be committed all the same."""
    database, disk = postgres_disk
    async with _served(database) as server:
        await server.ingest_chat("acme", RATED, "before")
        _fill(disk)
        await told(server, NOT_SERVING)
        assert "is full" in await asyncio.to_thread(_cannot_start, database)
        (disk / "fill").unlink()
        await told(server, SERVING)
        await server.ingest_chat("acme", RATED, "after")
        assert await server.total("acme", "satisfaction_score") == 2


@asynccontextmanager
async def _served_beside(through: PostgresUrl) -> AsyncIterator[Server]:
    """Its start and its end do not hold up this program, which passes on what it sends."""
    beside = serving(through)
    running = await asyncio.to_thread(beside.__enter__)
    try:
        async with connected(running.address) as server:
            yield server
    finally:
        await asyncio.to_thread(beside.__exit__, None, None, None)


@pytest.mark.parametrize("way", [Way.STALL, Way.VANISH], ids=["late", "lost"])
async def test_a_postgresql_that_falls_silent_while_events_are_stored_is_seen_and_is_over(location, way):
    """Whether what is on the way comes later or never: what was sent meanwhile is stored, once."""
    async with line_to_postgres(location.dsn) as (url, line):
        through = located(url)
        assert isinstance(through, PostgresUrl)
        async with _served_beside(through) as server:
            await server.ingest_chat("acme", RATED, "before")
            with line.being(way):
                sent = asyncio.create_task(server.ingest("acme", wired(RATED, "c1")))
                await told(server, NOT_SERVING)
                assert not sent.done()
            await told(server, SERVING)
            assert (await sent).accepted_count == 2
            assert await server.total("acme", "satisfaction_score") == 2
