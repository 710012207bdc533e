# ruff: noqa: T201  # a program that prints
"""Throws cases at everything that reads what others wrote.

    python -m tests.fuzz [--target NAME]... [--cases N] [--seed N] [--seconds N]

Without a target, all of them; without a seed, one by chance, which is printed: the same seed gives the same cases. With
seconds, each target goes on with new seeds for so long. What was found is printed with its seed and its bytes; the exit
code is 1 then.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from telwerkd.storage.location import SqliteFile, located
from tests.fuzz import bridges, decoders, files, http, rpcs, stored
from tests.fuzz.finding import Run
from tests.postgres import fresh_database, some_postgres

CASES: Final = 2_000


def _on_a_file(run: Run, cases: int) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(rpcs.fuzz(SqliteFile(Path(folder) / "telwerk.db"), run, cases))


def _on_postgres(run: Run, cases: int) -> None:
    with some_postgres() as server, fresh_database(server) as url:
        asyncio.run(rpcs.fuzz(located(url), run, cases))


def _over_http(run: Run, cases: int) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(http.fuzz(SqliteFile(Path(folder) / "telwerk.db"), run, cases))


def _stored_in_a_file(run: Run, cases: int) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(stored.fuzz(SqliteFile(Path(folder) / "telwerk.db"), run, cases))


def _stored_in_postgres(run: Run, cases: int) -> None:
    with some_postgres() as server, fresh_database(server) as url:
        asyncio.run(stored.fuzz(located(url), run, cases))


TARGETS: Final[Mapping[str, Callable[[Run, int], None]]] = {
    "requests": decoders.requests,
    "json": decoders.json_requests,
    "tokens": decoders.tokens,
    "headers": decoders.headers,
    "files": files.files,
    "texts": files.texts,
    "imports": files.imports,
    "bridges": bridges.bridges,
    "rpcs": _on_a_file,
    "rpcs-postgres": _on_postgres,
    "http": _over_http,
    "stored": _stored_in_a_file,
    "stored-postgres": _stored_in_postgres,
}


def tried(name: str, seed: int, cases: int) -> Run:
    """A target, so many times."""
    run = Run(name, seed)
    TARGETS[name](run, cases)
    return run


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--target", action="append", choices=list(TARGETS))
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--outcomes", action="store_true", help="also how the cases ended")
    wanted = parser.parse_args()
    found = 0
    for name in wanted.target or TARGETS:
        begun, seed, cases = time.monotonic(), wanted.seed, 0
        while True:
            run = tried(name, seed, wanted.cases)
            cases, found = cases + run.cases, found + len(run.findings)
            for finding in run.findings[:20]:
                print(finding)
            if wanted.outcomes:
                print("".join(f"  {count:>9,}  {outcome}\n" for outcome, count in sorted(run.outcomes.items())), end="")
            if time.monotonic() - begun >= wanted.seconds:
                break
            seed += 1
        rate = cases / (time.monotonic() - begun)
        print(f"{name}: seeds {wanted.seed} to {seed}, {cases:,} cases, {rate:,.0f} a second", flush=True)
    print(f"{found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
