"""What tests of the application share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An empty database."""
    prepare(tmp_path / "telwerk.db")
    opened = SqliteStore(tmp_path / "telwerk.db")
    yield opened
    await opened.close()
