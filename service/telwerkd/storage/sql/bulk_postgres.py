"""Many rows at once on PostgreSQL: statements of many rows, and keys as one array per column.

The account is one parameter of the statement, however many rows it has, so that a database that is sharded by account
sees at once to which shard it goes.

Values and names can be longer than an index entry may be. Where they are part of a key, the index has a digest of them
instead, in a column of its own; only this module and the migrations know of it.
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import chain
from typing import Any

import sqlalchemy as sa

from telwerkd.domain.ids import AccountId
from telwerkd.storage.sql.bulk import Values, delete_text, insert_text, pages

_PAGE_ROWS_MAX = 512
"""Rows of one INSERT; with ten columns far below the 32,767 parameters that a statement may have."""

_DIGESTED = {"counters": "value", "base_counters": "value", "names": "name"}
"""Which column of a key a table has the digest of: the last one."""

_ARRAY_TYPES = {sa.SmallInteger: "smallint[]", sa.BigInteger: "bigint[]", sa.Integer: "integer[]", sa.Text: "text[]"}


class PostgresBulk:
    """`telwerkd.storage.sql.bulk.Bulk` on PostgreSQL."""

    def __init__(self, connection: sa.Connection, account: AccountId) -> None:
        self._connection = connection
        self._account = account

    def insert(
        self,
        table: sa.Table,
        columns: tuple[str, ...],
        rows: Sequence[Values],
        replacing: tuple[str, ...] | None = None,
    ) -> None:
        """Adds rows in pages whose sizes are powers of two: so there are few statements, and they stay prepared."""
        key = tuple(column.name for column in table.primary_key)
        digested = _DIGESTED.get(table.name)
        if digested is not None:
            index = columns.index(digested)
            rows = [(*row, _digest(row[index])) for row in rows]
            columns, key = (*columns, f"{digested}_digest"), _in_index(table, key)
        for start, size in pages(len(rows), _PAGE_ROWS_MAX):
            statement = insert_text(table, columns, _marks(size, len(columns)), key, replacing)
            values = chain.from_iterable(rows[start : start + size])
            self._connection.exec_driver_sql(statement, (self._account, *values))

    def delete(self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values]) -> None:
        """Removes the rows with these keys."""
        if keys:
            indexed = _in_index(table, key)
            marked = (f"{column} = ${index}" for index, column in enumerate(("account_id", *indexed), start=1))
            rows = [(self._account, *values) for values in _for_index(table, key, keys)]
            self._connection.exec_driver_sql(delete_text(table, tuple(marked)), rows)

    def find(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], columns: tuple[str, ...]
    ) -> Iterable[Values]:
        """Returns the rows with these keys."""
        return self._found(table, key, keys, tuple(f"t.{name}" for name in columns))

    def lengths(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], column: str
    ) -> Iterable[tuple[int, int]]:
        """Returns how many bytes a column has."""
        return self._found(table, key, keys, (f"length(t.{column})",))

    def _found(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], selected: tuple[str, ...]
    ) -> Iterable[Any]:
        if not keys:
            return ()
        arrays = (list(column) for column in zip(*_for_index(table, key, keys), strict=True))
        statement = _find_text(table, _in_index(table, key), selected)
        return self._connection.exec_driver_sql(statement, (self._account, *arrays)).all()


def filed_by(connection: sa.Connection, table: sa.Table) -> sa.ColumnElement[Any]:
    """Returns the column of the digest under which each row of a table is filed; NULL where the database has none."""
    digested = _DIGESTED[table.name] if connection.dialect.name == "postgresql" else None
    column: sa.ColumnElement[Any] = sa.null() if digested is None else sa.literal_column(f"{digested}_digest")
    return column.label("filed_by")


def is_filed_by(digest: bytes | None, text: str) -> bool:
    """Whether a row with this text is found under this digest."""
    return digest is None or digest == _digest(text)


def with_digest(connection: sa.Connection, table: sa.Table, text: str, *, is_misfiled: bool) -> sa.ColumnElement[bool]:
    """Returns the condition for rows filed under this text's digest or, with `is_misfiled`, under another's."""
    if connection.dialect.name != "postgresql" or table.name not in _DIGESTED:
        return sa.true()
    column: sa.ColumnElement[bytes] = sa.literal_column(f"{_DIGESTED[table.name]}_digest", sa.LargeBinary)
    return column != _digest(text) if is_misfiled else column == _digest(text)


def _in_index(table: sa.Table, key: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the columns of a key as the index has them."""
    return (*key[:-1], f"{key[-1]}_digest") if _DIGESTED.get(table.name) == key[-1] else key


def _for_index(table: sa.Table, key: tuple[str, ...], keys: Sequence[Values]) -> Sequence[Values]:
    """Returns keys as the index has them: with digests of long texts."""
    if _DIGESTED.get(table.name) != key[-1]:
        return keys
    return [(*values[:-1], _digest(values[-1])) for values in keys]


@lru_cache(100_000)
def _digest(value: str) -> bytes:
    return blake2b(value.encode(), digest_size=16).digest()


@cache
def _marks(rows: int, columns: int) -> str:
    """Returns the list of rows: each begins with the account, which is `$1` in all of them."""
    return ", ".join(
        f"($1, {', '.join(f'${row * columns + column}' for column in range(2, columns + 2))})" for row in range(rows)
    )


@cache
def _find_text(table: sa.Table, key: tuple[str, ...], selected: tuple[str, ...]) -> str:
    """Returns a SELECT that looks up each key by itself: with OFFSET 0 the planner cannot make it a table scan.

    Without that, one statistic that is out of date is enough for a hash join with all rows of the account.
    """
    arrays = ", ".join(f"${index}::{_array_type(table, column)}" for index, column in enumerate(key, start=2))
    names = ", ".join(f"k{index}" for index in range(len(key)))
    same = " AND ".join(f"t.{column} = wanted.k{index}" for index, column in enumerate(key))
    return (
        f"SELECT wanted.place - 1, found.* FROM unnest({arrays}) WITH ORDINALITY AS wanted ({names}, place) "
        f"CROSS JOIN LATERAL (SELECT {', '.join(selected)} FROM {table.name} AS t "
        f"WHERE t.account_id = $1 AND {same} OFFSET 0) AS found"
    )


def _array_type(table: sa.Table, column: str) -> str:
    if column not in table.c:
        return "bytea[]"
    return next(text for type_, text in _ARRAY_TYPES.items() if isinstance(table.c[column].type, type_))
