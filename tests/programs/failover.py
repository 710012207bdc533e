# ruff: noqa: T201, S311  # a program that prints, and whose chance is to be repeatable
"""Kills PostgreSQL under a busy server, again and again, and looks whether the server kept its word.

    python -m tests.programs.failover [ROUNDS] [SEED]

Producers send without pause; what is answered UNAVAILABLE they send again, with the same ids. Each round stops
PostgreSQL by immediate shutdown, which is how a crash looks, at a random moment; waits until the server says that it is
not ready; starts PostgreSQL again; and waits until the server is SERVING by itself. Then everything that was
acknowledged must be stored, and at the end each event once, with `telwerkd verify` clean. Nobody restarts the server.
"""

import asyncio
import random
import sys
import time

import grpc.aio
from grpc_health.v1 import health_pb2

from telwerkd.server.maintenance import audits
from telwerkd.storage.location import PostgresUrl, located
from tests.conftest import Server, connected, eventually, serving
from tests.postgres import PostgresServer, execute
from tests.programs.crash import ACCOUNTS, Producer

ROUNDS = 20
PRODUCERS = 6
BUSY_SECONDS_MAX = 2.0
RESEND_SECONDS = 0.2


class Failover:
    """The rounds, and what they found."""

    def __init__(self, postgres: PostgresServer, server: Server, seed: int) -> None:
        self._postgres = postgres
        self._server = server
        self._chance = random.Random(seed)
        self._stopping = False
        self._refused = 0
        self.producers = [
            Producer(f"p{n}", ACCOUNTS[n % len(ACCOUNTS)], random.Random(self._chance.random()))
            for n in range(PRODUCERS)
        ]
        self.violations: list[str] = []

    async def run(self, rounds: int) -> None:
        """All rounds under load, and then what is still unanswered."""
        sending = [asyncio.create_task(self._send(producer)) for producer in self.producers]
        for number in range(1, rounds + 1):
            await self._round(number)
        self._stopping = True
        await asyncio.gather(*sending)
        made, stored = sum(producer.sent for producer in self.producers), self._stored()
        if not made == self.acknowledged == len(stored):
            self.violations.append(f"{made} made, {self.acknowledged} acknowledged, {len(stored)} stored")

    async def _send(self, producer: Producer) -> None:
        while producer.unanswered or not self._stopping:
            if not producer.unanswered:
                producer.unanswered.append(producer.batch())
            try:
                producer.answered(await self._server.ingest(producer.account, producer.unanswered[0]))
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    self.violations.append(f"a producer was told {error.code()}: {error.details()}")
                self._refused += 1
                await asyncio.sleep(RESEND_SECONDS)

    async def _round(self, number: int) -> None:
        before, refused = self.acknowledged, self._refused
        await asyncio.sleep(self._chance.uniform(0, BUSY_SECONDS_MAX))
        await asyncio.to_thread(self._postgres.stop, "immediate")
        await eventually(lambda: self._is(health_pb2.HealthCheckResponse.NOT_SERVING), 60)
        started = time.monotonic()
        await asyncio.to_thread(self._postgres.start)
        await eventually(lambda: self._is(health_pb2.HealthCheckResponse.SERVING), 60)
        back = time.monotonic() - started
        acknowledged = {(p.account, event_id) for p in self.producers for event_id in p.acknowledged}
        lost = acknowledged - self._stored()
        if lost:
            self.violations.append(f"round {number}: {len(lost)} acknowledged, not stored: {sorted(lost)[:5]}")
        print(
            f"round {number}: {self.acknowledged - before:,} acknowledged since the last, "
            f"{self._refused - refused} calls UNAVAILABLE, {len(lost)} lost, SERVING {back:.1f} s after the start",
            flush=True,
        )

    async def _is(self, status: int) -> bool:
        request = health_pb2.HealthCheckRequest(service="readiness")
        return bool((await self._server.health.Check(request, timeout=30)).status == status)

    @property
    def acknowledged(self) -> int:
        """Events, of all producers."""
        return sum(len(producer.acknowledged) for producer in self.producers)

    def _stored(self) -> set[tuple[str, str]]:
        return {tuple(row) for row in execute(self._postgres.url, "SELECT account_id, event_id FROM events")}


async def failover(postgres: PostgresServer, rounds: int, seed: int) -> list[str]:
    """Runs the rounds; gives what went wrong."""
    database = located(postgres.url)
    assert isinstance(database, PostgresUrl)
    with serving(database) as running:
        async with connected(running.address) as server:
            rounds_ = Failover(postgres, server, seed)
            await rounds_.run(rounds)
        if running.process.poll() is not None:
            rounds_.violations.append("the server has ended")
    if not await audits.verify(database):
        rounds_.violations.append("verify is not clean")
    print(f"{rounds_.acknowledged:,} events acknowledged in all")
    return rounds_.violations


def main(rounds: int, seed: int) -> int:
    """Runs it on a PostgreSQL of its own; the exit code."""
    postgres = PostgresServer()
    try:
        postgres.start()
        violations = asyncio.run(failover(postgres, rounds, seed))
    finally:
        postgres.remove()
    for violation in violations:
        print(f"VIOLATION {violation}")
    print(f"{rounds} immediate shutdowns, seed {seed}: {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    seed_ = arguments[1] if len(arguments) > 1 else random.SystemRandom().randrange(10**6)
    sys.exit(main(arguments[0] if arguments else ROUNDS, seed_))
