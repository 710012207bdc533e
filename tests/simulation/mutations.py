# ruff: noqa: T201  # a program that prints
"""Breaks what runs at the same time, one defect after the other, and says which world finds each.

    python -m tests.simulation.mutations [NAME ...]

Each defect is put into a copy of the service, in which worlds are lived until one goes wrong; none may need more than
2,000.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SEEDS_MAX = 2_000


class Mutation(NamedTuple):
    """A defect: in a file of the service, one text in place of another."""

    file: str
    right: str
    wrong: str


MUTATIONS = {
    "drop a lock": Mutation(
        "storage/postgres/store.py",
        "first, recalled = locked_account(connection, account), self._memory.of(account)",
        "first, recalled = AccountTransaction(connection, account).account(), self._memory.of(account)",
    ),
    "acknowledge before the commit": Mutation(
        "application/ingest/group_commit.py",
        "        begun = monotonic()\n        with tracing",
        "        begun = monotonic()\n        for batch in {part.batch for part in parts}:\n"
        "            if not batch.verdicts.done():\n"
        "                batch.verdicts.set_result([_ACCEPTED] * len(batch._outcomes))\n        with tracing",
    ),
    "forget a retry": Mutation(
        "application/ingest/group_commit.py",
        "                    self._waiting.put_back(part.batch)",
        "                    pass",
    ),
    "leak a task": Mutation(
        "transport/services/draining.py",
        "        watching.cancel()",
        "        pass",
    ),
    "skip a flush": Mutation(
        "storage/sqlite/file.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
    ),
    "lose a wake-up": Mutation(
        "application/ingest/group_commit.py",
        "        parts = self._committing.pop(task)\n        self._wake.set()\n",
        "        parts = self._committing.pop(task)\n",
    ),
    "swap two replies": Mutation(
        "storage/sqlite/writer/process.py",
        "asked = self._asked.popleft()",
        "asked = self._asked.pop()",
    ),
    "keep a stale answer": Mutation(
        "transport/services/kpi.py",
        "if reply is None or reply.answer_version != answer_version:",
        "if reply is None:",
    ),
    "settle twice": Mutation(
        "application/commands/settle_timers.py",
        "        tx.bump_version()\n        tx.add_deltas(deltas)\n    return len(changed)",
        "        tx.bump_version()\n        tx.add_deltas(deltas)\n        tx.bump_version()\n"
        "        tx.add_deltas(deltas)\n    return len(changed)",
    ),
    "apply twice what is unknown": Mutation(
        "storage/sqlite/writer/process.py",
        "        return _result(await connection.ask(message, commands[0][1]))\n\n    async def prove",
        "        try:\n"
        "            return _result(await connection.ask(message, commands[0][1]))\n"
        "        except UnavailableError:\n            connection = await self._running()\n"
        "            return _result(await connection.ask(message, commands[0][1]))\n\n    async def prove",
    ),
}


def found(mutation: Mutation) -> str:
    """What the first world says that finds it; empty if none does."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT / "service", Path(folder) / "service", ignore=shutil.ignore_patterns("__pycache__", "page")
        )
        path = Path(folder) / "service/telwerkd" / mutation.file
        text = path.read_text()
        if text.count(mutation.right) != 1:
            raise SystemExit(f"{mutation.file} does not have once: {mutation.right}")
        path.write_text(text.replace(mutation.right, mutation.wrong))
        done = subprocess.run(  # this very program
            [sys.executable, "-m", "tests.simulation", "--first", str(SEEDS_MAX)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(Path(folder) / "service")},
            capture_output=True,
            text=True,
            check=False,
        )
    return next((line for line in done.stdout.splitlines() if line.startswith("world ")), "")


def main(names: list[str]) -> int:
    """Tries each; the exit code."""
    missed = 0
    for name in names or MUTATIONS:
        begun = time.monotonic()
        world = found(MUTATIONS[name])
        missed += not world
        print(f"{name}: {world or 'NOT FOUND'} ({time.monotonic() - begun:.0f} s)", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
