"""Spools, and a producer with one as a program of its own that can be killed: what it prints was added.

python -m tests.client.spooling KIND ADDRESS SPOOL FIRST
"""

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from itertools import count
from pathlib import Path
from typing import Any

from telwerk import AsyncEventSender, AsyncTelwerk, EventSender, Telwerk
from telwerk.outbox import Limits
from telwerk.spool_file import SpoolFile
from telwerk.v1 import event_pb2 as pb
from tests.client.senders import Kind, Sender, action, sending

LIMITS = Limits(batch_events=20, linger_seconds=0.01, buffer_events=40)
AT_ONCE = 5
AWAY = "127.0.0.1:1"
"""Where no server is."""
BYTES = 2**23
SMALL = Limits(batch_events=10, linger_seconds=0.01, buffer_events=50)


@asynccontextmanager
async def spooling(kind: Kind, address: str, spool: Path, **options: Any) -> AsyncIterator[Sender]:
    async with sending(kind, address, **{"limits": SMALL, "spool": spool, **options}) as sender:
        yield sender


async def add_all(sender: Sender, *numbers: int) -> None:
    for number in numbers:
        await sender.add(action(number))


def numbers_in(spool: Path) -> list[int]:
    """The events of the file, as any program reads it."""
    with closing(sqlite3.connect(spool)) as connection:
        rows = connection.execute("SELECT event FROM events ORDER BY number").fetchall()
    return [int(pb.Event.FromString(row[0]).event_id.removeprefix("e")) for row in rows]


def bytes_on_disk(spool: Path) -> int:
    return sum(path.stat().st_size for path in spool.parent.glob(f"{spool.name}*"))


def large(number: int, size: int = 60_000) -> pb.Event:
    """An event of about that size; for servers that look at nothing."""
    event = action(number)
    event.event_retracted.retracted_event_id = "x" * size
    return event


def opened(client: Telwerk, spool: Path, account: str = "acme") -> EventSender:
    """A sender that leaves everything in its spool."""
    return EventSender(client, account, spool=spool, close_seconds=0)


def names_in(spool: Path) -> list[str | None]:
    """The ids of its events in their order, None for one that is damaged; while no sender has it."""
    file = SpoolFile(spool, "acme", BYTES)
    try:
        return [event and event.event_id for _, event in file.read(0, 10_000, BYTES)]
    finally:
        file.close()


def run(program: str) -> "subprocess.CompletedProcess[str]":
    """A Python program, to its end."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def added(number: int) -> None:
    os.write(1, f"{number}\n".encode())


def threads(address: str, spool: str, first: int) -> None:
    with (
        Telwerk(address, timeout_seconds=5.0) as telwerk,
        EventSender(telwerk, "acme", limits=LIMITS, spool=spool) as sender,
    ):
        for number in count(first):
            sender.add(action(number))
            added(number)


async def tasks(address: str, spool: str, first: int) -> None:
    async with (
        AsyncTelwerk(address, timeout_seconds=5.0) as telwerk,
        AsyncEventSender(telwerk, "acme", limits=LIMITS, spool=spool) as sender,
    ):

        async def add(number: int) -> None:
            await sender.add(action(number))
            added(number)

        for number in count(first, AT_ONCE):
            await asyncio.gather(*(add(number + place) for place in range(AT_ONCE)))


def main(kind: Kind, address: str, spool: str, first: int) -> None:
    if kind == "threads":
        threads(address, spool, first)
    else:
        asyncio.run(tasks(address, spool, first))


if __name__ == "__main__":
    main("threads" if sys.argv[1] == "threads" else "tasks", sys.argv[2], sys.argv[3], int(sys.argv[4]))
