"""How fast an `EventSender` is, measured against the same batches sent one after the other: bar 0.8.

    python benchmarks/sender.py [PAIRS]

Each pair sends the same number of events twice to one `telwerkd serve`, on SQLite with full durability: as plain
`Telwerk.ingest` calls of 1,000 events, and one by one through a sender that batches 1,000. Events are built before the
clock starts; each run has an account of its own, so that both find the same empty one. The order changes from pair to
pair. Printed are the ratio's median and range, and the rates as context.
"""

import asyncio
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from telwerk import AsyncEventSender, AsyncTelwerk, EventSender, Telwerk, events
from telwerk.outbox import Limits
from telwerk.v1.event_pb2 import Event

EVENTS = 20_000
BATCH = 1_000
CHAT_EVENTS = 13
PAIRS = 9
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


@contextmanager
def serving() -> Iterator[str]:
    """A server of its own on loopback; its address."""
    with tempfile.TemporaryDirectory(prefix="telwerk-bench-") as folder:
        flags = ["--database", str(Path(folder) / "telwerk.db"), "--listen", "127.0.0.1:0", "--http-listen", ""]
        command = [sys.executable, "-m", "telwerkd.cli", "serve", *flags]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            found = re.search(r"listens on (\S+)", process.stdout.readline())
            assert found
            yield found[1]
        finally:
            process.terminate()
            process.communicate(timeout=60)


def made() -> list[Event]:
    """Chats of 13 events: assigned, messages of both sides, a rating."""
    return [_event(number) for number in range(EVENTS)]


def _event(number: int) -> Event:
    chat, place = divmod(number, CHAT_EVENTS)
    name, at, event_id = f"c{chat}", AT + timedelta(seconds=60 * chat + place), str(place)
    if place == 0:
        who = f"op{chat % 50}"
        return events.operator_assigned(name, widget="web", at=at, event_id=event_id, operator=who, group="sales")
    if place == CHAT_EVENTS - 1:
        return events.rated(name, widget="web", at=at, event_id=event_id, stars=1 + chat % 5)
    sender: Literal["operator", "contact"] = "operator" if place % 2 else "contact"
    return events.message_sent(name, widget="web", at=at, event_id=event_id, sender=sender)


def by_calls(telwerk: Telwerk, account: str, batches: Sequence[Sequence[Event]]) -> None:
    """The floor: one call after the other."""
    for batch in batches:
        telwerk.ingest(account, batch)


def by_sender(telwerk: Telwerk, account: str, batches: Sequence[Sequence[Event]]) -> None:
    """One event after the other, through a sender as it is by default."""
    with EventSender(telwerk, account, limits=Limits(batch_events=BATCH)) as sender:
        for event in itertools.chain.from_iterable(batches):
            sender.add(event)


def by_async_sender(telwerk: Telwerk, account: str, batches: Sequence[Sequence[Event]]) -> None:
    """The same for asyncio, with an event loop and a connection of its own."""

    async def send() -> None:
        async with (
            AsyncTelwerk(telwerk.address) as client,
            AsyncEventSender(client, account, limits=Limits(batch_events=BATCH)) as sender,
        ):
            for event in itertools.chain.from_iterable(batches):
                await sender.add(event)

    asyncio.run(send())


def seconds(way: Callable[..., None], telwerk: Telwerk, account: str, batches: Sequence[Sequence[Event]]) -> float:
    """How long it takes until all is answered."""
    begin = time.perf_counter()
    way(telwerk, account, batches)
    return time.perf_counter() - begin


def main(pairs: int) -> None:
    """Measures and prints."""
    listed = made()
    batches = [listed[start : start + BATCH] for start in range(0, EVENTS, BATCH)]
    with serving() as address, Telwerk(address) as telwerk:
        seconds(by_calls, telwerk, "warm", batches)
        for name, way in (("EventSender", by_sender), ("AsyncEventSender", by_async_sender)):
            times: dict[Callable[..., None], list[float]] = {by_calls: [], way: []}
            for pair in range(pairs):
                for one in (by_calls, way) if pair % 2 else (way, by_calls):
                    times[one].append(seconds(one, telwerk, f"{name}-{one.__name__}-{pair}", batches))
            ratios = [raw / sent for raw, sent in zip(times[by_calls], times[way], strict=True)]
            rates = [f"{EVENTS / statistics.median(measured):,.0f}" for measured in times.values()]
            print(
                f"{name}: {statistics.median(ratios):.2f} of plain calls (bar 0.8; {min(ratios):.2f} to "
                f"{max(ratios):.2f} in {pairs} pairs); medians {rates[1]} and {rates[0]} events/s"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
