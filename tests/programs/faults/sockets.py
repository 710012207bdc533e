"""A network between the callers and the server that breaks off, waits, or gives one byte at a time (SQLite)."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tests.line import Line, Way, line_to
from tests.programs.faults.stage import sqlite_program, staged
from tests.programs.faults.trial import OUT_OF_TIME, Fault, Found, Readiness

FAMILY = "Between callers and server"


async def run(found: list[Found]) -> None:
    """All of them. Readiness is asked for beside that network."""
    with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name:
        program, database = sqlite_program(Path(name))
        async with (
            line_to(program.address) as (address, line),
            staged(FAMILY, program, database, found, address=address) as trials,
        ):
            for fault in (
                _fault("connections are reset", line, Way.RESET),
                _fault("connections break off in the middle of a message", line, Way.HALF),
                _fault("nothing comes through, and comes later", line, Way.STALL, *OUT_OF_TIME),
                _fault("what is sent is lost, and nobody is told", line, Way.VANISH, *OUT_OF_TIME),
                _fault("one byte at a time", line, Way.BYTEWISE),
            ):
                await trials.trial(fault)


def _fault(name: str, line: Line, way: Way, *codes: str) -> Fault:
    return Fault(
        name,
        injected(line, way),
        readiness=Readiness.STAYS,
        writes=frozenset({"OK", "UNAVAILABLE", *codes}),
        asks=frozenset({"OK", "UNAVAILABLE", *codes}),
        seconds=5.0,
    )


def injected(line: Line, way: Way) -> Callable[[], AbstractAsyncContextManager[None]]:
    """The line is that way meanwhile."""

    @asynccontextmanager
    async def being() -> AsyncIterator[None]:
        with line.being(way):
            yield

    return being
