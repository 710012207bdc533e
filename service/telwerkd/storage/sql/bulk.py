"""Many rows in one statement, at the driver's speed.

SQLAlchemy renders an IN list, and converts every parameter of every row, anew for each execution; with the thousands of
keys of a transaction that was two thirds of its time. Here statements are texts that are built once, and rows are
tuples that go to the driver unchanged. Only the number of rows per statement differs between the databases.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Protocol

import sqlalchemy as sa

Values = tuple[Any, ...]


class Bulk(Protocol):
    """Many rows of one account. The account is in none of the rows: it is the same in all of them."""

    def insert(
        self,
        table: sa.Table,
        columns: tuple[str, ...],
        rows: Sequence[Values],
        replacing: tuple[str, ...] | None = None,
    ) -> None:
        """Adds rows, which the caller has sorted by their keys: SQLite's tables are clustered by them.

        Where the key is there already, the `replacing` columns are replaced; with an empty tuple the old row stays as
        it is, and with None it is an error.
        """

    def delete(self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values]) -> None:
        """Removes the rows with these keys, which the caller has sorted."""

    def find(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], columns: tuple[str, ...]
    ) -> Iterable[Values]:
        """Returns the rows with these keys, each looked up by itself: the key's index in `keys`, then `columns`.

        A key without a row is left out. The result must be used up before anything else is written.
        """

    def lengths(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], column: str
    ) -> Iterable[tuple[int, int]]:
        """Returns the key's index and a column's size in bytes, which the database knows without reading the column."""


def pages(rows: int, page_rows_max: int) -> Iterator[tuple[int, int]]:
    """Yields the first row and the size of each page.

    Sizes are powers of two, as `page_rows_max` is: so there are few statements, and they stay prepared.
    """
    start, size = 0, page_rows_max
    while start < rows:
        while size > rows - start:
            size //= 2
        yield start, size
        start += size


@cache
def insert_text(
    table: sa.Table, columns: tuple[str, ...], values: str, key: tuple[str, ...], replacing: tuple[str, ...] | None
) -> str:
    """Returns an INSERT of account and columns; `values` is the list of rows in the driver's placeholders."""
    text = f"INSERT INTO {table.name} (account_id, {', '.join(columns)}) VALUES {values}"
    if replacing is None:
        return text
    changes = ", ".join(f"{column} = excluded.{column}" for column in replacing)
    return f"{text} ON CONFLICT ({', '.join(key)}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")


@cache
def delete_text(table: sa.Table, marked_key: tuple[str, ...]) -> str:
    """Returns a DELETE of one row by its key, given as conditions in the driver's placeholders."""
    return f"DELETE FROM {table.name} WHERE {' AND '.join(marked_key)}"
