"""Work on a PostgreSQL connection in a thread, with each of its statements in the event loop.

Two reasons. Computations between statements may take long, and would block every other call. And those of a query must
not run in the greenlets in which SQLAlchemy suspends a statement: in arithmetic on large temporary arrays numpy unwinds
the stack, which is not possible beyond a greenlet's first frame, and the process crashes.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

_ROWS_AT_ONCE = 1_000


class StatementsInLoop:
    """The part of `sqlalchemy.Connection` that transactions use, for a thread; the loop waits for the database."""

    def __init__(self, connection: AsyncConnection, loop: asyncio.AbstractEventLoop) -> None:
        self._async = connection
        self._loop = loop
        self.dialect = connection.dialect
        self.connection = cast("sa.Connection", connection.sync_connection).connection

    def execute(self, query: Any, values: Any = None, *, execution_options: Any = None) -> Any:
        """Returns the result with all rows; with `yield_per`, an iterator that fetches a thousand rows at a time."""
        options = execution_options or {}
        result = self._run(lambda connection: connection.execute(query, values, execution_options=options))
        return self._streamed(result) if "yield_per" in options else result

    def scalar(self, query: Any, values: Any = None) -> Any:
        """Returns the first column of the first row."""
        return self._run(lambda connection: connection.scalar(query, values))

    def scalars(self, query: Any, values: Any = None) -> Any:
        """Returns the first column of every row."""
        return self._run(lambda connection: connection.scalars(query, values))

    def exec_driver_sql(self, text: str, values: Any = None) -> Any:
        """Returns the result of a statement in the driver's own words."""
        return self._run(lambda connection: connection.exec_driver_sql(text, values))

    def _streamed(self, result: Any) -> Iterator[Any]:
        while rows := self._run(lambda _connection: result.fetchmany(_ROWS_AT_ONCE)):
            yield from rows

    def _run(self, statement: Callable[[sa.Connection], T]) -> T:
        return asyncio.run_coroutine_threadsafe(self._async.run_sync(statement), self._loop).result()
