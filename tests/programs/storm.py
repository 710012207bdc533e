# ruff: noqa: T201, S311  # a program that prints, and whose chance is to be repeatable
"""Four server processes on one PostgreSQL take in what overlaps as much as it can, and nobody gets in another's way.

    python -m tests.programs.storm [SECONDS] [SEED]

Two `telwerkd serve --workers 2` share a database. Producers send to 200 accounts through all four; they share their
conversations, their batches are shuffled, many come late, and some are sent twice, to two servers at the same time.
At the end: no call failed, PostgreSQL saw no deadlock, every event is stored once, and `telwerkd verify` is clean.
"""

import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack, ExitStack

import grpc.aio

from telwerk.v1 import event_pb2 as pb
from telwerkd.domain.ids import SECOND, Micros
from telwerkd.server.maintenance import audits
from telwerkd.storage.location import PostgresUrl, located
from tests.conftest import Server, connected, serving, timestamp
from tests.postgres import PostgresServer, execute

SECONDS = 60
ACCOUNTS = [f"account-{n}" for n in range(200)]
CONVERSATIONS = 4
"""Of each account: so few that producers meet in them all the time."""
PRODUCERS = 24
BATCH_EVENTS_MAX = 30
START = 1_767_600_000 * SECOND


class Storm:
    """What is sent, and what comes back."""

    def __init__(self, servers: list[Server], seed: int) -> None:
        self._servers = servers
        self._chance = random.Random(seed)
        self._numbers = iter(range(10**9))
        self.sent: set[tuple[str, str]] = set()
        self.accepted = 0
        self.calls = 0
        self.failures: list[str] = []

    def batch(self) -> tuple[str, list[pb.Event]]:
        """An account, and new events of several of its conversations, in no order."""
        chance = self._chance
        account = chance.choice(ACCOUNTS)
        events = [self._event(chance) for _ in range(chance.randint(1, BATCH_EVENTS_MAX))]
        self.sent |= {(account, event.event_id) for event in events}
        return account, events

    def _event(self, chance: random.Random) -> pb.Event:
        number = next(self._numbers)
        event = pb.Event(
            event_id=f"e{number}",
            conversation_id=f"c{chance.randrange(CONVERSATIONS)}",
            widget_id=f"w{chance.randrange(3)}",
            occur_time=timestamp(Micros(START + chance.randrange(100_000) * SECOND)),
        )
        match chance.randrange(7):
            case 0:
                event.operator_assigned.operator_id = f"o{chance.randrange(20)}"
            case 1:
                event.conversation_rated.stars = chance.randint(1, 5)
            case 2:
                event.topics_set.topic_ids.append(f"t{chance.randrange(5)}")
            case 3:
                event.went_live.SetInParent()
            case 4:
                event.event_retracted.retracted_event_id = f"e{chance.randrange(number) if number else 'x'}"
            case 5:
                event.feedback_left.SetInParent()
            case _:
                event.message_sent.sender = chance.choice((pb.SENDER_CONTACT, pb.SENDER_OPERATOR))
        return event

    async def produce(self, until: float) -> None:
        """Sends until then; one batch in five to two servers at once."""
        while time.monotonic() < until:
            account, events = self.batch()
            times = 2 if self._chance.random() < 0.2 else 1
            servers = self._chance.sample(self._servers, times)
            await asyncio.gather(*(self._send(server, account, events) for server in servers))

    async def _send(self, server: Server, account: str, events: list[pb.Event]) -> None:
        self.calls += 1
        try:
            answer = await server.ingest(account, events)
        except grpc.aio.AioRpcError as error:
            self.failures.append(f"{error.code()}: {error.details()}")
            return
        self.accepted += answer.accepted_count
        self.failures += [f"{rejection.reason}: {rejection.message}" for rejection in answer.rejections]


async def storm(database: PostgresUrl, seconds: float, seed: int) -> list[str]:
    """Runs it; gives what went wrong."""
    with ExitStack() as processes:
        addresses = [processes.enter_context(serving(database, "--workers", "2")).address for _ in range(2)]
        async with AsyncExitStack() as connections:
            # Several connections to each port, so that the system gives some to each of its workers.
            servers = [await connections.enter_async_context(connected(address)) for address in addresses * 6]
            begun = Storm(servers, seed)
            until = time.monotonic() + seconds
            await asyncio.gather(*(begun.produce(until) for _ in range(PRODUCERS)))
    [[deadlocks]] = execute(database.dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    stored = {tuple(row) for row in execute(database.dsn, "SELECT account_id, event_id FROM events")}
    print(
        f"{begun.calls:,} calls, {len(begun.sent):,} events sent to {len(ACCOUNTS)} accounts, "
        f"{begun.accepted:,} accepted, {len(stored):,} stored, {deadlocks} deadlocks, {len(begun.failures)} failures"
    )
    wrong = begun.failures[:10] + ([f"{deadlocks} deadlocks"] if deadlocks else [])
    if begun.accepted != len(stored) or stored != begun.sent:
        wrong.append(f"{len(begun.sent - stored)} sent and not stored, {begun.accepted} accepted, {len(stored)} stored")
    if not await audits.verify(database):
        wrong.append("verify is not clean")
    return wrong


def main(seconds: float, seed: int) -> int:
    """Runs it on a PostgreSQL of its own; the exit code."""
    postgres = PostgresServer("max_connections=200")
    try:
        postgres.start()
        database = located(postgres.url)
        assert isinstance(database, PostgresUrl)
        wrong = asyncio.run(storm(database, seconds, seed))
    finally:
        postgres.remove()
    for each in wrong:
        print(f"VIOLATION {each}")
    print(f"{seconds:.0f} s, seed {seed}: {len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    seed_ = arguments[1] if len(arguments) > 1 else random.SystemRandom().randrange(10**6)
    sys.exit(main(arguments[0] if arguments else SECONDS, seed_))
