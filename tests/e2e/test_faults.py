"""Two of the faults that `make faults` injects (tests/programs/faults), which nothing else here tries."""

from telwerkd.storage.location import SqliteFile
from tests.programs.faults.memory import control_group, without_processes
from tests.programs.faults.preload import COMPILER, Preload
from tests.programs.faults.stage import sqlite_program, staged
from tests.programs.faults.syscalls import faults
from tests.programs.faults.trial import Found

HELD = "the server ended with 1"
"""Where gRPC could not start a thread, it may wait for it for ever at the stop, with the interpreter held: then the
server is ended in bounded time (`telwerkd.server.stopping`)."""


async def test_a_disk_that_does_not_sync_and_a_limit_of_processes_are_told_and_survived(tmp_path):
    """Calls end UNAVAILABLE and no other way, readiness follows, all goes on by itself, nothing acknowledged is lost.

    The second kills what writes where nothing can be started in its place: the server lives, and answers.
    """
    preload, found = Preload(tmp_path) if COMPILER else None, list[Found]()
    allowed: tuple[str, str] | None = None
    program, database = sqlite_program(tmp_path, preload.environment if preload else {})
    assert isinstance(database, SqliteFile)
    async with staged("SQLite", program, database, found) as trials:
        if preload:
            [fault] = [each for each in faults(preload, program, database.path) if each.name == "every fsync: EIO"]
            await trials.trial(fault)
        with control_group("pids") as group:
            if group:  # none may be made otherwise
                limited = without_processes(program, group)
                allowed = (limited.name, HELD)
                await trials.trial(limited)
    wrong = [(each.name, violation) for each in found for violation in each.violations]
    assert [each for each in wrong if each != allowed] == []
