"""On SQLite a process of its own writes. It may die, its server may die, and both may be told to stop at once."""

import asyncio
import gc
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest

from telwerkd.application.ports import StoreFigures
from telwerkd.domain.errors import UnavailableError
from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import SqliteFile
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.sqlite.schema import prepare as prepare_file
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.storage.sqlite.writer.launch import launched
from telwerkd.storage.sqlite.writer.process import WriterDefectError, WriterProcess
from tests.commands import Do
from tests.conftest import Server, connected, eventually, locked, refusal, serving, started, wired, writer_of
from tests.e2e.test_lifecycle import Producers
from tests.e2e.test_readiness import standard_error
from tests.e2e.works import bumped, exiting, failing, remembering, starving, unpicklable
from tests.effort import rounds

RATED = """
    09:00:00 anna assigned in sales
    09:01:00 contact rates 4
"""
ACME, OTHER = AccountId("acme"), AccountId("other")


async def gone(process: psutil.Process) -> None:
    async def is_gone() -> bool:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    await eventually(is_gone)


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    """A server's store."""
    database = SqliteFile(tmp_path / "telwerk.db")
    await prepare(database)
    async with opened(database, serving=True) as store:
        yield store


async def test_replies_belong_to_what_was_asked(store):
    """Writes that are asked for at once happen in their order, and each gets what it gave."""
    versions = await asyncio.gather(*(store.write([(ACME, Do(bumped))]) for _ in range(50)))
    assert versions == [[n] for n in range(1, 51)]


async def test_who_goes_away_takes_no_ones_reply(store):
    """Its own write happens, and the replies to the others are theirs."""
    for n in range(20):
        leaving = asyncio.create_task(store.write([(ACME, Do(bumped))]))
        staying = asyncio.create_task(store.write([(ACME, Do(bumped))]))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == [2 * n + 2]


async def test_a_defect_stores_nothing_and_tells_where_it_was(store):
    """Of the works of one transaction none has happened; the next transaction is not concerned."""
    with pytest.raises(WriterDefectError, match=r"works.py(.|\n)*ValueError$"):
        await store.write([(ACME, Do(bumped)), (OTHER, Do(failing))])
    assert await store.write([(ACME, Do(bumped))]) == [1]


async def test_a_lack_of_memory_is_a_matter_of_now(store):
    """Nothing was stored, the caller may send it again, and the next transaction is not concerned."""
    with pytest.raises(UnavailableError):
        await store.write([(ACME, Do(bumped)), (OTHER, Do(starving))])
    assert await store.write([(ACME, Do(bumped))]) == [1]


@pytest.mark.parametrize("work", [unpicklable, exiting])
async def test_what_cannot_be_told_is_an_error_too(store, work):
    """A work's result that cannot travel, or one that ends the process: an error, and the next write goes on."""
    with pytest.raises((WriterDefectError, UnavailableError)):
        await store.write([(ACME, Do(work))])
    [version] = await store.write([(ACME, Do(bumped))])
    assert version >= 1


async def test_only_what_is_committed_is_remembered(store):
    """What a transaction leaves for the next one is of its account, and gone if it fails."""

    async def remembers(account: AccountId, kept: str) -> str | None:
        [before] = await store.write([(account, Do(partial(remembering, kept)))])
        return before

    assert await remembers(ACME, "first") is None
    with pytest.raises(WriterDefectError):
        await remembers(ACME, "fails")
    assert await remembers(OTHER, "another's") is None
    assert await remembers(ACME, "second") == "first"
    works = [(ACME, Do(partial(remembering, "third"))), (OTHER, Do(partial(remembering, "another's third")))]
    assert await store.write(works) == ["second", "another's"]
    assert await remembers(ACME, "fourth") == "third"
    assert await remembers(OTHER, "another's fourth") == "another's third"


async def test_a_killed_writer_is_followed_by_another(tmp_path):
    """Under load, again and again: who meets it may send again, others notice nothing, nothing acknowledged is lost."""
    path, producers, sending = tmp_path / "telwerk.db", Producers(), []
    with serving(path) as running:
        async with connected(running.address) as server:
            for _ in range(rounds(5)):
                sending.append(asyncio.create_task(producers.send_until_it_is_gone(server)))
                enough = len(producers.acknowledged) + 150

                async def busy(enough: int = enough) -> bool:
                    return len(producers.acknowledged) >= enough

                await eventually(busy)
                writer_of(running.process.pid).kill()

            async def stored() -> bool:
                try:
                    response = await server.ingest("b", wired(RATED))
                except grpc.aio.AioRpcError as met:
                    if met.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                    return False
                return response.accepted_count + response.duplicate_count == 2

            await eventually(stored)
            running.process.terminate()
            await asyncio.gather(*sending)
        assert await asyncio.to_thread(running.process.wait, 30) == 0
    async with started(path) as server:
        await producers.find_all(server)


async def test_calls_of_a_killed_writer_are_unavailable(tmp_path):
    """Whether they were stored is unknown, and sending them again is safe."""
    path = tmp_path / "telwerk.db"
    with serving(path) as running:
        async with connected(running.address) as server:
            await server.ingest("warm", wired(RATED))
            with locked(path):
                call = asyncio.create_task(server.ingest("acme", wired(RATED)))
                await asyncio.sleep(0.3)
                writer_of(running.process.pid).kill()
                refused = await refusal(call)
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
            assert refused.retry_seconds
            assert (await server.ingest("acme", wired(RATED))).accepted_count == 2
            assert await server.total("acme", "satisfaction_score") == 1


async def test_the_writer_of_a_killed_server_ends(tmp_path):
    """Nobody has to find and stop it."""
    with serving(tmp_path / "telwerk.db") as running:
        writer = writer_of(running.process.pid)
        running.process.kill()
        await gone(writer)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_for_all_processes_is_a_stop_of_the_server(tmp_path, how):
    """As a terminal's Ctrl-C and some supervisors do it: the writer goes on until its server has stored everything."""
    path, producers = tmp_path / "telwerk.db", Producers()
    command = ["-m", "telwerkd.cli", "serve", "--database", str(path), "--listen", "127.0.0.1:0"]
    said = (tmp_path / "said").open("w+")
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    async with connected(address) as server:
        sending = asyncio.create_task(producers.send_until_it_is_gone(server))

        async def busy() -> bool:
            return len(producers.acknowledged) >= 150

        await eventually(busy)
        os.killpg(process.pid, signal.SIGUSR1)  # that the clock is right is told the server alone
        os.killpg(process.pid, how)
        await sending
    assert await asyncio.to_thread(process.wait, 30) == 0
    process.stdout.close()
    with said:
        said.seek(0)
        assert "the writer's process" not in said.read(), "it did not live to the end"
    assert not path.with_name("telwerk.db-wal").exists(), "the log was not brought home"
    async with started(path) as server:
        await producers.find_all(server)


async def test_a_writer_that_cannot_start_is_a_server_that_cannot(tmp_path, monkeypatch, caplog):
    """It says so instead of waiting."""
    await prepare(SqliteFile(tmp_path / "telwerk.db"))
    (tmp_path / "sqlalchemy.py").write_text("raise SystemExit(1)")  # the writer imports from where its server does
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnavailableError):
        async with opened(SqliteFile(tmp_path / "telwerk.db"), serving=True):
            pass
    assert "the writer's process ended (exit code 1)" in caplog.text


@pytest.mark.parametrize("lacks", ["program", "descriptor"])
async def test_a_writer_that_cannot_be_run_is_unavailable_and_leaves_nothing_open(tmp_path, monkeypatch, caplog, lacks):
    """No program, no file descriptor left: the next call tries again; the log says it once, and when it is over."""
    await prepare(SqliteFile(tmp_path / "telwerk.db"))
    writer, open_files = WriterProcess(tmp_path / "telwerk.db"), psutil.Process().num_fds()
    with monkeypatch.context() as without, fewest_files() if lacks == "descriptor" else nullcontext():
        if lacks == "program":
            without.setattr(sys, "executable", str(tmp_path / "missing"))
        for _ in range(3):
            with pytest.raises(UnavailableError):
                await writer.write([(ACME, Do(bumped))])
    assert psutil.Process().num_fds() <= open_files
    assert await writer.write([(ACME, Do(bumped))]) == [1]
    await writer.close()
    said = [record for record in caplog.records if "starting the process that writes" in record.getMessage()]
    assert len(said) == 2, "once, and once when it was over"
    assert not any(record.exc_info for record in said)


@contextmanager
def fewest_files() -> Iterator[None]:
    """No file can be opened any more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_cause_that_comes_again_is_told_again_though_much_was_stored_meanwhile(tmp_path):
    """What failed is not proven to be over by one transaction that came through: readiness tries, and says so."""
    database, log, aside = SqliteFile(tmp_path / "telwerk.db"), tmp_path / "telwerk.db-wal", tmp_path / "aside"
    await prepare(database)
    with standard_error(tmp_path / "said"):
        async with opened(database, serving=True) as store:
            await store.write([(ACME, Do(bumped))])
            for _ in range(2):
                log.rename(aside)
                for call in (store.write([(ACME, Do(bumped))]), store.ping()):
                    with pytest.raises(UnavailableError):
                        await call
                aside.rename(log)
                await store.write([(ACME, Do(bumped))])
                await store.ping()
    said = (tmp_path / "said").read_text()
    assert said.count("writing: the database did not answer") == 2
    assert said.count("writing: the database answers again") == 2


async def test_a_writer_that_dies_once_it_is_ready_keeps_nobody_waiting(tmp_path):
    """That it is ready and that it is gone are learned at once, with nothing under way that could fail."""
    writer = WriterProcess(tmp_path / "telwerk.db", launch=partial(launched, program="tests.e2e.dying_writer"))
    writing = asyncio.create_task(writer.write([(ACME, Do(bumped))]))
    await asyncio.sleep(0.05)
    time.sleep(1.0)  # noqa: ASYNC251  # the loop is to be busy until both are there
    async with asyncio.timeout(20):
        with pytest.raises(UnavailableError):
            await writing


async def test_who_goes_away_while_a_writer_starts_leaves_no_other(tmp_path):
    """The start that one caller began goes on, and the next caller finds it."""
    await prepare(SqliteFile(tmp_path / "telwerk.db"))
    writer = WriterProcess(tmp_path / "telwerk.db")
    for _ in range(5):
        leaving = asyncio.create_task(writer.write([(ACME, Do(bumped))]))
        await asyncio.sleep(0)
        leaving.cancel()
    assert await writer.write([(ACME, Do(bumped))]) == [1]
    process = writer_of(os.getpid())
    await writer.close()
    assert not process.is_running()


async def test_a_writer_that_dies_while_nobody_writes_is_noticed(store, caplog):
    """It leaves no zombie, and the log says it."""
    process = writer_of(os.getpid())
    process.kill()

    async def noticed() -> bool:
        return "the writer's process ended (exit code -9)" in caplog.text

    await eventually(noticed)
    assert not process.is_running()
    assert await store.write([(ACME, Do(bumped))]) == [1]


async def test_a_writer_that_hangs_does_not_keep_the_server_from_stopping(tmp_path):
    """It is killed after a while; who waits for it, and who stops the server, is told that nothing is known."""
    await prepare(SqliteFile(tmp_path / "telwerk.db"))
    life = AsyncExitStack()
    store = await life.enter_async_context(
        opened(SqliteFile(tmp_path / "telwerk.db"), serving=True, writer_stall_seconds=3.0)
    )
    await store.write([(ACME, Do(bumped))])
    process = writer_of(os.getpid())
    process.suspend()
    writing = asyncio.create_task(store.write([(ACME, Do(bumped))]))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError, match="may not be stored"):
        await life.aclose()
    with pytest.raises(UnavailableError):
        await writing
    assert not process.is_running()


async def test_a_stopped_writer_keeps_nobody_waiting_and_goes_on_when_it_runs_again(tmp_path, caplog):
    """Who waits is told after the stall, who comes then at once; readiness sees it; the log says it once."""
    await prepare(SqliteFile(tmp_path / "telwerk.db"))
    async with opened(SqliteFile(tmp_path / "telwerk.db"), serving=True, writer_stall_seconds=1.0) as store:
        await store.write([(ACME, Do(bumped))])
        process = writer_of(os.getpid())
        process.suspend()
        with pytest.raises(UnavailableError):
            await store.write([(ACME, Do(bumped))])
        for call in (*(store.write([(ACME, Do(bumped))]) for _ in range(20)), store.ping()):
            with pytest.raises(UnavailableError):
                await call
        assert caplog.text.count("has not replied for 1 s (writer_stall_seconds)") == 1
        process.resume()

        async def replies() -> bool:
            return "replies again" in caplog.text

        await eventually(replies)
        await store.ping()
        # What was on the way when it stopped was stored after all; what came later was not.
        assert await store.write([(ACME, Do(bumped))]) == [3]


async def test_a_server_that_stood_still_itself_does_not_say_that_of_its_writer(tmp_path, caplog):
    """The reply came meanwhile: it is read before anything is said."""
    await prepare(SqliteFile(tmp_path / "telwerk.db"))
    async with opened(SqliteFile(tmp_path / "telwerk.db"), serving=True, writer_stall_seconds=0.5) as store:
        await store.write([(ACME, Do(bumped))])
        writing = asyncio.create_task(store.write([(ACME, Do(bumped))]))
        await asyncio.sleep(0)
        time.sleep(1.0)  # noqa: ASYNC251  # it stands still
        assert await writing == [2]
    assert "has not replied" not in caplog.text


async def test_a_stopped_writer_that_had_nothing_to_store_loses_nothing_by_being_killed(tmp_path):
    """Only who asked whether it lives is left without an answer: the server's stop is as any other."""
    await prepare(SqliteFile(tmp_path / "telwerk.db"))
    async with opened(SqliteFile(tmp_path / "telwerk.db"), serving=True, writer_stall_seconds=0.5) as store:
        process = writer_of(os.getpid())
        process.suspend()
        with pytest.raises(UnavailableError):
            await store.ping()
    assert not process.is_running()


async def test_batches_of_an_account_are_judged_in_their_order(tmp_path, submitted):
    """Two large batches of the same events are on the way at once: the second finds duplicates, every time."""
    path = tmp_path / "telwerk.db"
    # Of accounts that share the server, one has calls in work with fewer events than these.
    async with started(path, account_shared_events_max=100_000) as server:
        many = [event for n in range(400) for event in wired(RATED, f"c{n}")]
        for n in range(3):
            account = f"account {n}"
            with locked(path):
                first = asyncio.create_task(server.ingest(account, many))
                await submitted(2 * n + 1)
                second = asyncio.create_task(server.ingest(account, many))
                await submitted(2 * n + 2)
            assert (await first).accepted_count == len(many)
            assert (await second).duplicate_count == len(many)
            assert await total_of(server, account) == 400


async def total_of(server: Server, account: str) -> int:
    return await server.total(account, "satisfaction_score")


async def test_a_store_in_one_process_and_one_in_two_agree(tmp_path):
    """Commands write in their own process, beside a server that writes in another: each sees what the other did."""
    path = tmp_path / "telwerk.db"
    await prepare(SqliteFile(path))
    async with opened(SqliteFile(path), serving=True) as served, opened(SqliteFile(path)) as command:
        assert isinstance(command, SqliteStore)
        for n in range(0, 10, 2):
            assert await served.write([(ACME, Do(bumped))]) == [n + 1]
            assert await command.write([(ACME, Do(bumped))]) == [n + 2]


async def test_a_death_is_no_error_of_a_caller_that_has_gone(tmp_path: Path) -> None:
    """Nobody waits for the reply any more, and nothing is logged as an error that nobody asked for."""
    prepare_file(tmp_path / "telwerk.db")
    unasked: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unasked.append(context))
    figures = StoreFigures()
    writer = WriterProcess(tmp_path / "telwerk.db", figures=figures)
    await writer.start()
    os.kill(figures.writer_pid, signal.SIGSTOP)
    asking = asyncio.create_task(writer.write([(ACME, Do(bumped))]))
    for _ in range(5):
        await asyncio.sleep(0)
    asking.cancel()
    os.kill(figures.writer_pid, signal.SIGKILL)
    while not await proven(writer):
        pass
    gc.collect()
    await writer.close()
    assert unasked == []


async def proven(writer: WriterProcess) -> bool:
    """Whether the process, started again, takes what is written."""
    try:
        await writer.prove()
    except UnavailableError:
        return False
    return True
