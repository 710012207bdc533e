# ruff: noqa: T201, S311, ASYNC110, ASYNC240  # a program that prints, and whose chance is to be repeatable
"""Backs up a server that is at work, again and again, kills one of the two, and looks what there is afterwards.

    python tests/programs/backups.py [ROUNDS] [SEED]

Each round starts a server and producers, kills a backup with SIGKILL at a random moment, and makes one that ends; in
every other round the server is killed meanwhile. What then stands under a final name must be whole: it opens elsewhere,
`telwerkd verify` finds every counter equal to the log, and every event that was acknowledged before the backup was
started is in it. A backup that was not killed must be there, also if its server was.
"""

import asyncio
import os
import random
import signal
import sqlite3
import stat
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import grpc.aio

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.conftest import Server, connected, serving
from tests.programs.crash import ACCOUNTS, NotTakenError, Producer

ROUNDS = 20
PRODUCERS = 3
KILL_SECONDS_MAX = 0.15
"""A backup writes and checks for about as long."""
WARM_UP_EVENTS = 2_000


async def telwerkd(*arguments: str | Path) -> asyncio.subprocess.Process:
    """A command, started."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK")}
    output = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
    command = [sys.executable, "-m", "telwerkd", *map(str, arguments)]
    return await asyncio.create_subprocess_exec(*command, **output, env=environment)


class Rounds:
    """The rounds, and what they found."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.database = folder / "telwerk.db"
        self.violations: list[str] = []
        self.finished = 0
        self.producers = [
            Producer(f"p{n}", ACCOUNTS[n % len(ACCOUNTS)], random.Random(self.chance.random()))
            for n in range(PRODUCERS)
        ]

    async def round(self, number: int, *, kills_server: bool) -> None:
        """A server under load, a backup of it that is killed, and one that is not, though its server may be."""
        with serving(self.database) as running:
            async with connected(running.address) as server:
                sending = [asyncio.create_task(self.send(producer, server)) for producer in self.producers]
                await self.warmed_up()
                killed = self.folder / f"killed-{number}.db"
                backup = await self.backup_to(killed)
                await self.writing(backup, killed)
                seconds = self.chance.uniform(0, KILL_SECONDS_MAX)
                await asyncio.sleep(seconds)
                if backup.returncode is None:
                    backup.kill()
                await backup.communicate()
                part = Path(f"{killed}.part")
                left = f"{part.stat().st_size:,} bytes of a part" if part.exists() else "no part"
                print(f"round {number}: a backup killed {seconds * 1_000:.0f} ms after it began to write; ", end="")
                print("it had ended" if killed.exists() else f"it left {left}", flush=True)
                before = self.acknowledged
                to = self.folder / f"backup-{number}.db"
                begun = time.monotonic()
                backup = await self.backup_to(to)
                if kills_server:
                    await self.writing(backup, to)
                    await asyncio.sleep(self.chance.uniform(0, KILL_SECONDS_MAX))
                    running.process.send_signal(signal.SIGKILL)
                said = (await backup.communicate())[0].decode()
                took, during = time.monotonic() - begun, len(self.acknowledged - before)
                for task in sending:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)
        if killed.exists():
            await self.examine(number, killed, set())
        if to.exists():
            await self.examine(number, to, before)
        else:
            self.violations.append(f"round {number}: there is no backup: {said}")
        print(
            f"round {number}: a backup in {took:.1f} s, {during} events acknowledged meanwhile"
            f"{', its server killed' if kills_server else ''}",
            flush=True,
        )

    async def backup_to(self, to: Path) -> asyncio.subprocess.Process:
        """A backup, started."""
        return await telwerkd("backup", "--database", self.database, "--to", to)

    @property
    def acknowledged(self) -> set[tuple[str, str]]:
        """Account and id of all that was."""
        return {(p.account, name) for p in self.producers for name in p.acknowledged}

    async def writing(self, backup: asyncio.subprocess.Process, to: Path) -> None:
        """Returns when a backup has begun to write, or is over."""
        while backup.returncode is None and not (to.exists() or Path(f"{to}.part").exists()):
            await asyncio.sleep(0.001)

    async def send(self, producer: Producer, server: Server) -> None:
        """Until the server is gone, or we are."""
        try:
            await producer.call(server)
        except (grpc.aio.AioRpcError, NotTakenError):
            return

    async def warmed_up(self) -> None:
        """Returns when there is something to copy, and more of it comes."""
        async with asyncio.timeout(60):
            before = len(self.acknowledged)
            while len(self.acknowledged) < max(WARM_UP_EVENTS, before + 1):
                await asyncio.sleep(0.02)

    async def examine(self, number: int, to: Path, before: set[tuple[str, str]]) -> None:
        """What stands under the final name is whole, and has all that was acknowledged before."""
        self.finished += 1
        elsewhere = self.folder / f"elsewhere-{to.stem}"
        elsewhere.mkdir()
        copy = to.rename(elsewhere / "copy.db")
        if stat.S_IMODE(copy.stat().st_mode) != 0o600:
            self.violations.append(f"round {number}: others may read the backup")
        with closing(sqlite3.connect(copy)) as connection:
            stored = set(connection.execute("SELECT account_id, event_id FROM events"))
        if missing := before - stored:
            self.violations.append(f"round {number}: {len(missing)} acknowledged before, and not in the backup")
        verify = await telwerkd("verify", "--database", copy)
        found = (await verify.communicate())[0].decode()
        if verify.returncode != 0:
            self.violations.append(f"round {number}: verify: {found}")
        copy.rename(to)


async def main(rounds: int, seed: int) -> list[str]:
    """Runs the rounds; what they found wrong."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="telwerk-backups-") as folder:
        all_ = Rounds(Path(folder), seed)
        for number in range(rounds):
            await all_.round(number, kills_server=number % 2 == 0)
    for violation in all_.violations:
        print(f"VIOLATION {violation}")
    print(
        f"{rounds} backups, seed {seed}: {all_.finished} finished and verified, {len(all_.violations)} violations, "
        f"{time.monotonic() - begun:.0f} s"
    )
    return all_.violations


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    seed_ = arguments[1] if len(arguments) > 1 else random.SystemRandom().randrange(10**6)
    sys.exit(1 if asyncio.run(main(arguments[0] if arguments else ROUNDS, seed_)) else 0)
