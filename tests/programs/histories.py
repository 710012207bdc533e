# ruff: noqa: T201, S311  # a program that prints, and whose chance is to be repeatable
"""Clients of two servers on one PostgreSQL note what they do and see, while connections break; a checker judges it.

    python -m tests.programs.histories [SECONDS] [SEED]

Several clients write, take back, ask and watch in a few accounts, each call on whichever of two `telwerkd serve`.
Meanwhile connections of PostgreSQL are ended (pg_terminate_backend), commits of one server are cut off so that it
never learns whether they happened, lines between clients and servers break, and in a longer run a server is killed
(SIGKILL) and another started in its place. `tests/histories/checker.py` says what must hold of what was seen.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, ExitStack, suppress
from typing import NamedTuple

import asyncpg

from telwerkd.server.maintenance import audits
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.storage.open_store import prepare
from tests.conftest import ServerProcess, connected, serving
from tests.histories.checker import NEVER, History, violations
from tests.histories.clients import Client
from tests.line import Line, line_to, reaching
from tests.postgres import PostgresServer
from tests.storage.proxy import Wire, wired_to

SECONDS = 120
ACCOUNTS = 3
CLIENTS = 4
"""Of each account; one more watches."""
PAUSE_SECONDS_MAX = 0.8
"""Between two breaks."""
KILL_EVERY_SECONDS = 15.0
STARTS_MAX = 5
QUIET_SECONDS_MAX = 30.0
"""What answers may take to come again once nothing breaks any more."""

_END_SOME = """
SELECT count(pg_terminate_backend(pid)) FROM (
  SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
  ORDER BY random() LIMIT {}
) AS chosen
"""


class Round:
    """What runs, and how it is broken."""

    def __init__(self, database: PostgresUrl, through: PostgresUrl, wire: Wire, chance: random.Random) -> None:
        self._database = database
        self._databases = (through, database)
        self._wire = wire
        self._chance = chance
        self._processes: list[tuple[ExitStack, ServerProcess]] = []
        self._lines: list[tuple[str, Line]] = []
        """The addresses at which clients find the servers, and how they lead to them."""
        self.broken: Counter[str] = Counter()
        self.histories = [History() for _ in range(ACCOUNTS)]
        self.clients: list[Client] = []

    async def run(self, seconds: float) -> list[str]:
        """Runs it; gives what went wrong."""
        async with AsyncExitStack() as stack:
            for place in range(2):
                self._processes.append(await asyncio.to_thread(self._start, place))
                self._lines.append(await stack.enter_async_context(line_to(self._processes[place][1].address)))
            try:
                await self._busy(stack, seconds)
                await self._end(stack)
            finally:
                for process, _ in self._processes:
                    await asyncio.to_thread(process.close)
        wrong = [found for client in self.clients for found in client.wrong]
        for account, history in enumerate(self.histories):
            wrong += [f"account-{account}: {found}" for found in violations(history)]
        if not await audits.verify(self._database):
            wrong.append("verify is not clean")
        return wrong

    def _start(self, place: int) -> tuple[ExitStack, ServerProcess]:
        """One whose commit is cut off as it starts says so and ends; whoever runs it starts it again."""
        for _ in range(STARTS_MAX):
            self._wire.cuts_commits = 0
            stack = ExitStack()
            with suppress(AssertionError):
                return stack, stack.enter_context(serving(self._databases[place]))
        raise AssertionError(f"a server did not start {STARTS_MAX} times")

    async def _busy(self, stack: AsyncExitStack, seconds: float) -> None:
        until = time.monotonic() + seconds
        running: list[asyncio.Task[None]] = []
        for account, history in enumerate(self.histories):
            for number in range(CLIENTS + 1):
                servers = [await stack.enter_async_context(connected(address)) for address, _ in self._lines]
                own = random.Random(self._chance.random())
                client = Client(f"account-{account}", f"{account}.{number}", servers, history, own)
                self.clients.append(client)
                running.append(asyncio.create_task(client.watch(until) if number == CLIENTS else client.run(until)))
        running.append(asyncio.create_task(self._break(until)))
        await asyncio.gather(*running)

    async def _break(self, until: float) -> None:
        """Breaks one thing after the other."""
        admin = await asyncpg.connect(self._database.dsn)
        killed = time.monotonic()
        try:
            while time.monotonic() < until:
                await asyncio.sleep(self._chance.uniform(0, PAUSE_SECONDS_MAX))
                if time.monotonic() - killed > KILL_EVERY_SECONDS:
                    killed = time.monotonic()
                    await self._kill()
                    continue
                match self._chance.randrange(3):
                    case 0:
                        ended = await admin.fetchval(_END_SOME.format(self._chance.randint(1, 4)))
                        self.broken["connections of PostgreSQL ended"] += ended
                    case 1:
                        self._chance.choice(self._lines)[1].cut()
                        self.broken["lines to a server cut"] += 1
                    case _:
                        self._wire.cuts_commits += 1
                        self.broken["commits cut off"] += 1
        finally:
            self._wire.cuts_commits = 0
            await admin.close()

    async def _kill(self) -> None:
        place = self._chance.randrange(2)
        stack, process = self._processes[place]
        process.process.kill()
        self.broken["servers killed"] += 1
        await asyncio.to_thread(stack.close)
        self._processes[place] = await asyncio.to_thread(self._start, place)
        self._lines[place][1].connect = reaching(self._processes[place][1].address)

    async def _end(self, stack: AsyncExitStack) -> None:
        """Asks once more when nothing breaks any more."""
        for account, history in enumerate(self.histories):
            servers = [await stack.enter_async_context(connected(address)) for address, _ in self._lines]
            client = Client(f"account-{account}", "end", servers, history, self._chance)
            deadline = time.monotonic() + QUIET_SECONDS_MAX
            read = await client.read()
            while read is None and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
                read = await client.read()
            if read is None:
                client.wrong.append("nothing is answered any more")
            else:
                history.final = read.seen
            self.clients.append(client)

    def played(self, wrong: list[str]) -> "Played":
        """What was done, and what came of it."""
        done: Counter[str] = Counter()
        for client in self.clients:
            done.update(client.outcomes)
        writes = [write for history in self.histories for write in history.writes]
        return Played(
            wrong,
            len(writes),
            sum(write.answered == NEVER for write in writes),
            sum(len(history.reads) for history in self.histories),
            sum(len(watch) for history in self.histories for watch in history.watches),
            self.broken,
            done,
        )


class Played(NamedTuple):
    """A round, as figures."""

    wrong: list[str]
    writes: int
    unknown: int
    """Writes of which nobody knows what became."""
    reads: int
    updates: int
    """Of watches."""
    broken: Counter[str]
    done: Counter[str]

    def __str__(self) -> str:
        head = f"{self.writes:,} writes ({self.unknown:,} of unknown outcome), {self.reads:,} reads, "
        return f"{head}{self.updates:,} updates of watches\n{_listed(self.broken)}\n{_listed(self.done)}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in sorted(counts.items()))


def rounds_of(url: str, seconds: float, seed: int) -> Played:
    """One round on an empty database."""
    return asyncio.run(_round(url, seconds, seed))


async def _round(url: str, seconds: float, seed: int) -> Played:
    database = located(url)
    assert isinstance(database, PostgresUrl)
    await prepare(database)
    async with wired_to(url) as (through, wire):
        led = located(through)
        assert isinstance(led, PostgresUrl)
        one = Round(database, led, wire, random.Random(seed))
        return one.played(await one.run(seconds))


def main(seconds: float, seed: int) -> int:
    """Runs it on a PostgreSQL of its own; the exit code."""
    postgres = PostgresServer("max_connections=200")
    try:
        postgres.start()
        played = rounds_of(postgres.url, seconds, seed)
    finally:
        postgres.remove()
    print(played)
    for each in played.wrong[:50]:
        print(f"VIOLATION {each}")
    print(f"{seconds:.0f} s, seed {seed}: {len(played.wrong)} violations")
    return 1 if played.wrong else 0


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    seed_ = arguments[1] if len(arguments) > 1 else random.SystemRandom().randrange(10**6)
    sys.exit(main(arguments[0] if arguments else SECONDS, seed_))
