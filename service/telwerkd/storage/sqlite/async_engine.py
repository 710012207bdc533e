"""The async connection to a SQLite file, for reads that are a single statement.

Apart from `telwerkd.storage.sqlite.engine`, so that the process that writes need not import it.
"""

from functools import partial
from pathlib import Path

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from telwerkd.storage.sqlite.engine import configured

_ROWS_AT_ONCE = 64


def make_async_engine(path: Path, *, any_text: bool = False) -> AsyncEngine:
    """Returns an engine of one reading connection to an existing file; each statement is a hop to its thread."""
    return create_async_engine(
        "sqlite+aiosqlite://",
        # It is awaited by the engine. The connection is made in its thread, just as the others are.
        async_creator=lambda: aiosqlite.Connection(
            partial(configured, path, writes=False, any_text=any_text), _ROWS_AT_ONCE
        ),
        poolclass=sa.AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        # Nothing is begun, so there is nothing to end either.
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
    )
