"""`telwerkd verify` on a database with a page that is not what it should be."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from telwerkd.server.maintenance import audits
from telwerkd.storage.location import Location, SqliteFile, located
from tests.conftest import started, wired
from tests.postgres import PostgresServer, execute

CHAT = "09:00:00 anna assigned in sales"


def test_a_damaged_page_is_named_with_its_account_and_the_others_are_examined(tmp_path: Path, capsys):
    """It is no database that does not answer, which would be the end of the whole command."""
    path = tmp_path / "telwerk.db"
    asyncio.run(_filled(path))
    _spoil(path, b"chat-a-0150")
    assert not asyncio.run(audits.verify(SqliteFile(path)))
    told = capsys.readouterr().out
    assert "a could not be examined: " in told
    assert "database disk image is malformed" in told
    assert "b: 300 events of 300 conversations: clean" in told


def test_a_damaged_page_of_postgresql_is_named_with_its_account_and_the_others_are_examined(capsys):
    postgres = PostgresServer()
    try:
        postgres.start()
        database = located(postgres.url)
        asyncio.run(_filled(database))
        [[folder, name]] = execute(
            postgres.url, "SELECT current_setting('data_directory'), pg_relation_filepath('events')"
        )
        postgres.stop()
        with Path(folder, name).open("r+b") as table:
            table.seek(8_192)  # its second page, of the first account
            table.write(b"\xff" * 16)
        postgres.start()
        assert not asyncio.run(audits.verify(database))
    finally:
        postgres.remove()
    told = capsys.readouterr().out
    assert "a could not be examined: " in told
    assert "invalid page in block 1 of relation" in told
    assert "b: 300 events of 300 conversations: clean" in told


async def _filled(database: Path | Location) -> None:
    async with started(database) as server:
        for account in ("a", "b"):
            await server.ingest(account, [e for n in range(300) for e in wired(CHAT, f"chat-{account}-{n:04}")])


def _spoil(path: Path, marker: bytes) -> None:
    """Spoils what begins the page of events with a marker in it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        [page_bytes] = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    for begin in range(page_bytes, len(content), page_bytes):
        if marker in content[begin : begin + page_bytes]:
            content[begin : begin + 8] = b"\xff" * 8
    path.write_bytes(content)
