# ruff: noqa: T201  # a program that prints
"""Injects faults into the real server, one after the other, and says what came of each.

    python -m tests.programs.faults [FAMILY ...]

Callers send and ask without pause, with deadlines of 2 and 12 s; what is not acknowledged is sent again, with the same
ids. Of each fault: how calls ended, what readiness said, when all was over by itself, and that no acknowledged event is
lost and `telwerkd verify` is clean. Where all families ran, the tables go into docs/reliability.md.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

from tests.programs.faults import around_postgresql, disks, memory, postgresql, processes, sockets, syscalls
from tests.programs.faults.document import document
from tests.programs.faults.trial import Found

FAMILIES: dict[str, Callable[[list[Found]], Awaitable[None]]] = {
    "syscalls": syscalls.run,
    "disks": disks.run,
    "processes": processes.run,
    "memory": memory.run,
    "sockets": sockets.run,
    "postgresql": postgresql.run,
    "the-way-to-postgresql": postgresql.run_on_the_way,
    "around-postgresql": around_postgresql.run,
}
LANES = 2
"""Families that run at a time, each in a process of its own."""
_INTO = "--into="


async def main(names: list[str]) -> int:
    """Runs the families; the exit code."""
    begun = time.monotonic()
    lanes = asyncio.Semaphore(LANES)
    with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as folder:
        results = await asyncio.gather(*(_apart(name, Path(folder), lanes) for name in names or FAMILIES))
    found = [each for result in results for each in result]
    seconds = time.monotonic() - begun
    tried = [each for each in found if not each.skipped]
    wrong = [each for each in tried if each.violations]
    for each in wrong:
        print(f"VIOLATED {each.family}: {each.name}")
    print(f"{len(tried)} faults, {len(wrong)} with violations, {len(found) - len(tried)} not tried, {seconds:.0f} s")
    if not names:
        document(found, seconds)
    return 1 if wrong else 0


async def _apart(name: str, folder: Path, lanes: asyncio.Semaphore) -> list[Found]:
    into = folder / f"{name}.json"
    async with lanes:
        command = [sys.executable, "-m", "tests.programs.faults", f"{_INTO}{into}", name]
        process = await asyncio.create_subprocess_exec(*command)
        if await process.wait():
            raise SystemExit(f"{name} did not come to its end")
    return [Found(**each) for each in json.loads(await asyncio.to_thread(into.read_text))]


async def one(name: str, into: Path) -> None:
    """Runs one family in this process."""
    found = list[Found]()
    await FAMILIES[name](found)
    await asyncio.to_thread(into.write_text, json.dumps([asdict(each) for each in found]))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments and arguments[0].startswith(_INTO):
        asyncio.run(one(arguments[1], Path(arguments[0].removeprefix(_INTO))))
    else:
        sys.exit(asyncio.run(main(arguments)))
