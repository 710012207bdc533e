"""A server with its load, for one family of faults, from its start to its orderly end."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from telwerkd.storage.location import Location, PostgresUrl, located
from tests.programs.faults.load import Load
from tests.programs.faults.program import Program
from tests.programs.faults.trial import Found, Trials


@asynccontextmanager
async def staged(
    family: str,
    program: Program,
    database: Location,
    found: list[Found],
    *,
    address: str | None = None,
) -> AsyncIterator[Trials]:
    """The trials at a server that is started; `found` gets what they find. The load may go by another `address`."""
    load = Load(address or program.address, program.address)
    trials = Trials(family, program, database, load)
    await program.start()
    try:
        load.start()
        yield trials
        await load.stop()
        await trials.end()
    finally:
        await load.cancel()
        if program.is_running:
            await program.stop()
        found += trials.found


def sqlite_program(folder: Path, environment: Mapping[str, str] = {}, *flags: str) -> tuple[Program, Location]:
    """A server on a SQLite file of its own."""
    path = folder / "telwerk.db"
    return Program(str(path), folder, environment, *flags), located(str(path))


def postgres_program(url: str, folder: Path) -> tuple[Program, Location]:
    """A server on PostgreSQL."""
    database = located(url)
    assert isinstance(database, PostgresUrl)
    return Program(url, folder), database
