"""A cluster of two nodes on one PostgreSQL: an account's rows are on one of them, and can be moved to the other.

As Citus does it: a statement goes to the node where the shard is by then; a move waits for transactions that have
written there and keeps others from it until it is done, and waits for none that have only read, or locked rows so.
The nodes are schemas. What a statement is sent to is decided when it is sent, as a coordinator does.
"""

import re
from typing import Any

import asyncpg
import sqlalchemy as sa

from telwerkd.storage.postgres.store import PostgresStore
from telwerkd.storage.schema.tables import metadata

_TABLE = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)(\s+)({'|'.join(metadata.tables)})\b")
_CONFLICTS_WITH_WRITES_ONLY = "SHARE MODE"


class Cluster:
    """Which of its two nodes has the rows. The tables of a database become those of the first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._node = "public"

    async def add_node(self) -> None:
        """The second, with empty tables."""
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute("CREATE SCHEMA other")
            for table in metadata.tables:
                await connection.execute(f"CREATE TABLE other.{table} (LIKE public.{table} INCLUDING ALL)")
        finally:
            await connection.close()

    def serve(self, store: PostgresStore) -> None:
        """Lets a store's statements go where the rows are."""
        for engine in (store._writers, store._readers, store._upkeep):
            sa.event.listen(engine.sync_engine, "before_cursor_execute", self._routed, retval=True)

    async def move(self) -> None:
        """Moves all rows to the second node; returns when it is done."""
        connection = await asyncpg.connect(self._url)
        try:
            async with connection.transaction():
                for table in metadata.tables:
                    await connection.execute(f"LOCK TABLE public.{table} IN {_CONFLICTS_WITH_WRITES_ONLY}")
                    await connection.execute(f"INSERT INTO other.{table} TABLE public.{table}")
                # Nobody writes there just now, and whoever was about to finds the rows gone.
                self._node = "other"
        finally:
            await connection.close()

    def _routed(
        self, _connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, _many: Any
    ) -> tuple[str, Any]:
        return _TABLE.sub(rf"\1\2{self._node}.\3", text), parameters
