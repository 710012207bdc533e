"""Backup and restore as programs, beside a server at work. `make backups` does the first twenty times."""

import asyncio
from pathlib import Path

from telwerkd.server.maintenance import backups
from telwerkd.storage.location import SqliteFile
from tests.conftest import rows, started
from tests.e2e.test_server_command import telwerkd
from tests.programs.backups import Rounds

CHAT = "09:00:00 anna assigned\n09:00:05 contact rates 4"


def kept_of(database: Path) -> list[Path]:
    return list(database.parent.glob(f"{database.name}.before-*"))


async def test_a_backup_under_load_is_whole_or_not_there_also_when_it_or_its_server_is_killed(tmp_path: Path):
    """It passes `verify` elsewhere, and every event acknowledged before it was started is in it."""
    rounds = Rounds(tmp_path, seed=1)
    await rounds.round(0, kills_server=True)
    assert rounds.violations == []


async def test_a_restored_database_is_served_with_what_the_backup_had_and_the_old_one_is_kept(tmp_path: Path):
    database, backup = tmp_path / "telwerk.db", tmp_path / "backup.db"
    async with started(database) as server:
        await server.ingest_chat("acme", CHAT)
        await asyncio.to_thread(backups.backup, SqliteFile(database), backup, force=False)
        await server.ingest_chat("acme", CHAT, conversation="after the backup")
    restored = telwerkd("restore", "--from", backup, "--database", database, "--force")
    assert restored.returncode == 0, restored.stderr
    async with started(database) as server:
        assert await server.total("acme", "satisfaction_score") == 1
    [kept] = kept_of(database)
    assert rows(kept, "SELECT count(*) FROM events") == [(4,)]
