"""No memory left, and no process: by a limit of the process, or of a control group as a container has one (SQLite)."""

import os
import resource
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.conftest import eventually
from tests.programs.faults.load import EVENTS_MAX, LARGE_EVENTS_MAX, Load
from tests.programs.faults.processes import limited
from tests.programs.faults.program import Program
from tests.programs.faults.stage import sqlite_program, staged
from tests.programs.faults.trial import OUT_OF_TIME, Fault, Found, Readiness, skipped

FAMILY = "SQLite: memory, under large batches"
_GROUPS = Path("/sys/fs/cgroup")
_GROUP_BYTES = 2**20
_KILLED_SECONDS = 20.0
_WRITES = frozenset({"OK", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}) | OUT_OF_TIME


async def run(found: list[Found]) -> None:
    """All of them."""
    with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name:
        program, database = sqlite_program(Path(name))
        async with staged(FAMILY, program, database, found) as trials:
            for whose in ("writer", "server"):
                await trials.trial(_without_memory(program, trials.load, whose))
            for controller in ("memory", "pids"):
                with control_group(controller) as group:
                    if group is None:
                        found.append(
                            skipped(FAMILY, "no control group may be made here", f"a control group of {controller}")
                        )
                        continue
                    is_memory = controller == "memory"
                    fault = _killed(program, trials.load, group) if is_memory else without_processes(program, group)
                    await trials.trial(fault)


def _without_memory(program: Program, load: Load, whose: str) -> Fault:
    @asynccontextmanager
    async def injected() -> AsyncIterator[None]:
        with _large(load):
            async with limited(
                lambda: program.pid if whose == "server" else program.writer.pid, resource.RLIMIT_AS, None
            ):
                yield

    return Fault(
        f"no memory left in the {whose} (RLIMIT_AS)",
        injected,
        readiness=Readiness.ANY,
        writes=_WRITES,
        seconds=5.0,
        ends_server=whose == "server",
        traces="asyncio",
    )


def _killed(program: Program, load: Load, group: Path) -> Fault:
    """The kernel kills what needs more."""

    @asynccontextmanager
    async def injected() -> AsyncIterator[None]:
        _join(program, group)
        (group / "memory.limit_in_bytes").write_text(str(_GROUP_BYTES))
        with _large(load), suppress(TimeoutError):
            await eventually(killed, _KILLED_SECONDS)
        yield

    async def killed() -> bool:
        return not program.is_running

    may = _WRITES
    return Fault(
        "a control group's memory is used up: the kernel kills",
        injected,
        readiness=Readiness.ANY,
        ends_server=True,
        writes=may,
        asks=may,
    )


def without_processes(program: Program, group: Path) -> Fault:
    """Neither a process nor a thread can be started, and the writer must be."""

    @asynccontextmanager
    async def injected() -> AsyncIterator[None]:
        _join(program, group)
        (group / "pids.max").write_text("1")
        program.writer.kill()
        try:
            yield
        finally:
            (group / "pids.max").write_text("max")

    return Fault("a control group's processes are used up, and the writer killed", injected)


def _join(program: Program, group: Path) -> None:
    for pid in (program.pid, program.writer.pid):
        (group / "cgroup.procs").write_text(str(pid))


@contextmanager
def _large(load: Load) -> Iterator[None]:
    load.events_max = LARGE_EVENTS_MAX
    try:
        yield
    finally:
        load.events_max = EVENTS_MAX


@contextmanager
def control_group(controller: str) -> Iterator[Path | None]:
    """A control group of this program's own; None where none may be made."""
    group = _GROUPS / controller / f"telwerk-faults-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        with suppress(OSError):
            for pid in (group / "cgroup.procs").read_text().split():
                (group.parent / "cgroup.procs").write_text(pid)
            group.rmdir()
