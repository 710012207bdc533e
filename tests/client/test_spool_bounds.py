"""A spool is bounded on disk and in memory, and a disk that is full loses nothing: the same laws for both senders."""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from telwerk import EventSender, Telwerk
from telwerk.outbox import Limits
from telwerk.sending import BufferFullError, SenderClosedError, SpoolError
from telwerk.spool_file import BYTES_MIN, SpoolFile
from tests.client.senders import Kind, Sender
from tests.client.spooling import AWAY, add_all, bytes_on_disk, large, numbers_in, spooling
from tests.client.test_sender import Answer, Scripted, scripted
from tests.disks import FULLNESS, Fullness, disk


@pytest.fixture(params=["threads", "tasks"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


async def filled(spool: Path) -> int:
    """Makes it full; how many events are in it then."""
    async with spooling("tasks", AWAY, spool, spool_bytes_max=BYTES_MIN, when_full="raise") as sender:
        with pytest.raises(BufferFullError, match=rf"{spool} is full \(spool_bytes_max = {BYTES_MIN:,}\)"):
            await add_large(sender, *range(1_000))
        return sender.held_count


async def add_large(sender: Sender, *numbers: int) -> None:
    for number in numbers:
        await sender.add(large(number))


async def test_a_full_spool_refuses_what_does_not_fit_and_holds_no_more_in_memory_than_the_limits_say(
    kind: Kind, spool: Path
) -> None:
    limits = Limits(batch_bytes=2**17, buffer_bytes=2**18)
    async with spooling(kind, AWAY, spool, spool_bytes_max=BYTES_MIN, when_full="raise", limits=limits) as sender:
        with pytest.raises(BufferFullError, match=rf"{spool} is full \(spool_bytes_max = {BYTES_MIN:,}\)"):
            await add_large(sender, *range(1_000))
        assert sender.held_count > 40
        assert sender._sender._outbox.held_count <= 5
        assert numbers_in(spool) == list(range(sender.held_count))


async def test_without_room_adding_waits_until_the_server_has_answered_something(
    kind: Kind, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count, gate = await filled(spool), asyncio.Event()

    async def held(server: Scripted, request: Any, _context: Any) -> Answer:
        await gate.wait()
        return server.take(list(request.events))

    servicer = Scripted(held, held)
    async with (
        scripted(servicer, max_receive_message_length=2**24) as address,
        spooling(kind, address, spool, spool_bytes_max=BYTES_MIN) as sender,
    ):
        adding = asyncio.create_task(sender.add(large(count)))
        done, _ = await asyncio.wait([adding], timeout=0.3)
        assert not done
        gate.set()
        await adding
        assert await sender.flush(60)
    assert servicer.stored == Counter(f"e{number}" for number in range(count + 1))
    assert f"the spool {spool} is full (spool_bytes_max = {BYTES_MIN:,}): adding waits" in caplog.text


async def test_closing_ends_the_wait_for_room(kind: Kind, spool: Path) -> None:
    await filled(spool)
    async with spooling(kind, AWAY, spool, spool_bytes_max=BYTES_MIN) as sender:
        adding = asyncio.create_task(sender.add(large(1_000)))
        await asyncio.wait([adding], timeout=0.1)
        await sender.close(0)
        with pytest.raises(SenderClosedError):
            await adding


async def test_an_add_that_is_cancelled_while_it_waits_is_not_stored_later(spool: Path) -> None:
    count, servicer = await filled(spool), Scripted()
    async with spooling("tasks", AWAY, spool, spool_bytes_max=BYTES_MIN) as sender:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sender.add(large(count)), 0.05)
    async with (
        scripted(servicer, max_receive_message_length=2**24) as address,
        spooling("tasks", address, spool) as sender,
    ):
        assert await sender.flush(60)
    assert servicer.stored == Counter(f"e{number}" for number in range(count))


async def test_the_files_never_take_more_than_was_set_and_become_small_again(kind: Kind, spool: Path) -> None:
    chance, servicer = random.Random(3), Scripted()  # noqa: S311 - to be repeatable
    async with scripted(servicer, max_receive_message_length=2**24) as address:
        for where in (AWAY, address):
            async with spooling(
                kind, where, spool, spool_bytes_max=BYTES_MIN, when_full="raise", close_seconds=0
            ) as sender:
                for number in range(300):
                    with suppress(BufferFullError):
                        await sender.add(large(number, chance.choice([1, 100, 2_100, 4_062, 8_100, 131_000])))
                    assert bytes_on_disk(spool) <= BYTES_MIN
        async with spooling(kind, address, spool) as sender:
            assert await sender.flush(60)
    assert bytes_on_disk(spool) < BYTES_MIN / 3


def test_the_log_keeps_to_its_quarter_while_the_file_becomes_small_again(spool: Path) -> None:
    """All is answered at once after an outage: then every page of the file is free, more than SQLite caches."""
    file = SpoolFile(spool, "acme", BYTES_MIN)
    event = large(0).SerializeToString()
    count = 0
    while file.fitting([event]):
        file.append([event])
        count += 1
    assert bytes_on_disk(spool) > BYTES_MIN / 2
    file.remove(range(1, count + 1))
    assert spool.stat().st_size < BYTES_MIN / 32
    assert spool.with_name(f"{spool.name}-wal").stat().st_size <= BYTES_MIN / 4
    file.close()


def test_the_log_keeps_to_its_quarter_by_whatever_name_the_file_is_opened(spool: Path) -> None:
    """It lies beside the file, not beside a link; while another program reads, it cannot be copied, and would grow."""
    folder = spool.with_name("folder")
    folder.mkdir()
    spool.symlink_to(folder / "really.db")
    file = SpoolFile(spool, "acme", BYTES_MIN)

    def fill() -> None:
        for number in range(1_000):
            file.append([large(number).SerializeToString()])

    with closing(sqlite3.connect(spool, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        with pytest.raises(SpoolError, match="cannot be written: another program reads it"):
            fill()
        assert (folder / "really.db-wal").stat().st_size <= BYTES_MIN / 4
    file.close()


async def test_an_event_that_never_fits_is_refused_at_once_and_names_the_limit(kind: Kind, spool: Path) -> None:
    async with spooling(kind, AWAY, spool, spool_bytes_max=BYTES_MIN) as sender:
        with pytest.raises(SpoolError, match=r"at most 131,072 \(spool_bytes_max / 32\)"):
            await sender.add(large(1, 140_000))
        await sender.add(large(1, 130_000))
        assert sender.held_count == 1


def test_a_spool_that_is_too_small_for_its_files_is_refused(spool: Path) -> None:
    with Telwerk(AWAY) as client, pytest.raises(ValueError, match="spool_bytes_max is at least 4,194,304"):
        EventSender(client, "acme", spool=spool, spool_bytes_max=BYTES_MIN - 1)
    assert not spool.exists()


@pytest.mark.parametrize("fullness", FULLNESS)
async def test_a_full_disk_refuses_an_add_loses_nothing_and_is_over_by_itself(
    kind: Kind, fullness: Fullness, tmp_path: Path
) -> None:
    servicer = Scripted()
    with disk(fullness, tmp_path, 2**20) as place:
        spool = place.folder / "spool.db"
        async with spooling(kind, AWAY, spool) as sender:
            await add_all(sender, 0)
            place.fill()
            with pytest.raises(SpoolError, match=f"the spool {spool} cannot be written: .*disk"):
                await add_all(sender, *range(1, 2_000))
            place.free()
            added = sender.held_count
            await add_all(sender, added)
        assert numbers_in(spool) == list(range(added + 1))
        async with scripted(servicer) as address, spooling(kind, address, spool) as sender:
            # The server's answers need no room, and are remembered until there is some.
            place.fill()
            assert await sender.flush(30)
            place.free()
        assert numbers_in(spool) == []
    assert servicer.stored.total() == added + 1
