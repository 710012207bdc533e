"""`telwerkd backup` and `restore`: copies a SQLite file in use, and replaces a database by a backup."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from telwerkd.server.maintenance import audits
from telwerkd.storage.location import Location, PostgresUrl, SqliteFile
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite import schema
from telwerkd.storage.sqlite.backup import Tell, copy_file, damages
from telwerkd.storage.sqlite.file import lock_name
from telwerkd.storage.sqlite.placing import out_of_service, part_of, place, refuse_target

_TOOLS_OF_POSTGRES = (
    "{0} is PostgreSQL, which has tools of its own for this: `pg_dump --format=custom --file FILE URL` copies one "
    "database while servers use it, and `pg_restore --dbname URL FILE` fills an empty one; `pg_basebackup` with "
    "archived WAL copies a whole server up to any moment. Check what they made where it is restored: "
    "`telwerkd check --database postgresql://...`"
)


def backup(database: Location, to: Path, *, force: bool) -> None:
    """Copies the committed state to a new file, beside a running server, and checks the copy's structure.

    Raises:
        SchemaError: the backup failed; a file that existed under the name is unchanged.
    """
    source = _file_of(database)
    target = to.resolve()
    _refuse_own(source, target)
    schema.revision_of(source)
    refuse_target(target, force=force)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with out_of_service(target, makes_lock=False), part_of(target) as part:
        with _progress(console, f"{source} to {to}") as tell:
            copy_file(source, part, tell)
        _refuse_damaged(part, f"{source} is damaged, and nothing was written")
        revision = schema.revision_of(part)
        size = part.stat().st_size
        place(part, target, keeps=False)
    console.print(
        f"{source}: {size:,} bytes at schema {revision} are in {to}, and SQLite finds nothing wrong with them."
    )


def restore(source: Path, database: Location, *, force: bool) -> None:
    """Replaces a database by a copy of a backup that was checked, migrated and verified.

    Raises:
        SchemaError: the backup or the target cannot be used; the target is unchanged.
    """
    target = _file_of(database, restoring=True).resolve()
    if not source.is_file():
        raise SchemaError(f"there is no backup {source}")
    if source.resolve() == target:
        raise SchemaError(f"--from and --database are the same file, {source}")
    refuse_target(target, force=force)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with out_of_service(target, makes_lock=True), part_of(target) as part:
        with _progress(console, f"{source} to {target}") as tell:
            copy_file(source, part, tell)
        _refuse_damaged(part, f"the backup {source} is damaged, and was not restored")
        schema.revision_of(part)
        revision = schema.migrate(part)
        if not asyncio.run(audits.verify(SqliteFile(part))):
            raise SchemaError(
                f"the backup {source} does not verify, and was not restored: `telwerkd rebuild --database {source}` "
                "makes counters and states anew from its log; then restore it again"
            )
        kept = place(part, target, keeps=True)
    console.print(f"{target} is what {source} is, at schema {revision}.")
    if kept is not None:
        console.print(f"What was there before is {kept}: remove it when it is not needed any more.")


def _file_of(database: Location, *, restoring: bool = False) -> Path:
    if isinstance(database, PostgresUrl):
        raise SchemaError(_TOOLS_OF_POSTGRES.format(database))
    if not restoring and not database.path.is_file():
        raise SchemaError(f"there is no database {database}")
    return database.path


def _refuse_own(source: Path, target: Path) -> None:
    own = source.resolve()
    if target in {own, lock_name(own), *(Path(f"{own}{suffix}") for suffix in ("-wal", "-shm", "-journal"))} or (
        target.exists() and target.samefile(source)
    ):
        raise SchemaError(f"{target} is the database itself, or belongs to it: name another file")


def _refuse_damaged(file: Path, what: str) -> None:
    found = damages(file)
    if found:
        raise SchemaError(f"{what}: {'; '.join(found)}")


@contextmanager
def _progress(console: Console, what: str) -> Iterator[Tell]:
    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
