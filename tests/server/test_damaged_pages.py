"""`telwerkd verify` on a file with a page that is not what it should be."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from telwerkd.server import maintenance
from telwerkd.storage.location import SqliteFile
from tests.conftest import started, wired

CHAT = "09:00:00 anna assigned in sales"


def test_a_damaged_page_is_named_with_its_account_and_the_others_are_examined(tmp_path: Path, capsys):
    """It is no database that does not answer, which would be the end of the whole command."""
    path = tmp_path / "telwerk.db"
    asyncio.run(_filled(path))
    _spoil(path, b"chat-a-0150")
    assert not asyncio.run(maintenance.verify(SqliteFile(path)))
    told = capsys.readouterr().out
    assert "a could not be examined: " in told
    assert "database disk image is malformed" in told
    assert "b: 300 events of 300 conversations: clean" in told


async def _filled(path: Path) -> None:
    async with started(path) as server:
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
