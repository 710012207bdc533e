"""Many rows at once on SQLite: rows are added, and keys looked up, in pages of 64 and fewer.

A statement of 64 rows takes two thirds of the time of 64 executions: it is bound, stepped and reset once, and releases
the GIL once. Looking keys up took 1.6 times as long with all of them in one JSON parameter.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

import sqlalchemy as sa

from telwerkd.domain.ids import AccountId
from telwerkd.storage.sql.bulk import Values, delete_text, insert_text, pages

_PAGE_ROWS = 64
"""With ten columns far below the 32,766 parameters that a statement may have."""


class SqliteBulk:
    """`telwerkd.storage.sql.bulk.Bulk` on SQLite."""

    def __init__(self, connection: sa.Connection, account: AccountId) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101  # the engine has no other
        self._driver = driver
        self._account = account

    def insert(
        self,
        table: sa.Table,
        columns: tuple[str, ...],
        rows: Sequence[Values],
        replacing: tuple[str, ...] | None = None,
    ) -> None:
        """Adds rows."""
        for start, size in pages(len(rows), _PAGE_ROWS):
            values = chain.from_iterable(rows[start : start + size])
            self._driver.execute(_insert_text(table, columns, size, replacing), (self._account, *values))

    def delete(self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values]) -> None:
        """Removes the rows with these keys."""
        if keys:
            statement = delete_text(table, ("account_id = ?", *(f"{column} = ?" for column in key)))
            self._driver.executemany(statement, [(self._account, *values) for values in keys])

    def find(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], columns: tuple[str, ...]
    ) -> Iterable[Values]:
        """Returns the rows with these keys."""
        return chain.from_iterable(self._found(table, key, keys, tuple(f"{table.name}.{name}" for name in columns)))

    def lengths(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], column: str
    ) -> Iterable[tuple[int, int]]:
        """Returns how many bytes a column has."""
        return chain.from_iterable(self._found(table, key, keys, (f"length({table.name}.{column})",)))

    def _found(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], selected: tuple[str, ...]
    ) -> Iterator[Iterable[Any]]:
        for start, size in pages(len(keys), _PAGE_ROWS):
            wanted = chain.from_iterable((index, *keys[index]) for index in range(start, start + size))
            yield self._driver.execute(_find_text(table, key, selected, size), (self._account, *wanted)).fetchall()


@cache
def _insert_text(table: sa.Table, columns: tuple[str, ...], rows: int, replacing: tuple[str, ...] | None) -> str:
    """Returns an INSERT of so many rows. Each begins with the account, which is `?1` in all of them."""
    key = tuple(column.name for column in table.primary_key)
    return insert_text(table, columns, ", ".join([f"(?1{', ?' * len(columns)})"] * rows), key, replacing)


@cache
def _find_text(table: sa.Table, key: tuple[str, ...], selected: tuple[str, ...], keys: int) -> str:
    """Returns a SELECT with a cross join, so that SQLite looks up each key and never scans the table."""
    wanted = ", ".join(f"k{index}" for index in range(len(key)))
    marks = ", ".join(f"(?{', ?' * len(key)})" for _ in range(keys))
    same = " AND ".join(f"{table.name}.{column} = wanted.k{index}" for index, column in enumerate(key))
    # `?1` comes first in the text, so that the marks without a number count on from it.
    return (
        f"WITH account(id) AS (VALUES (?1)), wanted(place, {wanted}) AS (VALUES {marks}) "
        f"SELECT wanted.place, {', '.join(selected)} FROM account CROSS JOIN wanted "
        f"CROSS JOIN {table.name} ON {table.name}.account_id = account.id AND {same}"
    )
