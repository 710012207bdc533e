"""Many rows at once on SQLite: a statement is executed once per row, and keys travel as one JSON parameter."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from telwerkd.domain.ids import AccountId
from telwerkd.storage.bulk import Values, delete_text, insert_text


class SqliteBulk:
    """`telwerkd.storage.bulk.Bulk` on SQLite."""

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
        """Adds rows, one execution each: calls into SQLite cost little, and long statements are parsed anew."""
        if rows:
            marks = "(" + ", ".join("?" * (len(columns) + 1)) + ")"
            key = tuple(column.name for column in table.primary_key)
            self._many(insert_text(table, columns, marks, key, replacing), rows)

    def delete(self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values]) -> None:
        """Removes the rows with these keys."""
        if keys:
            self._many(delete_text(table, ("account_id = ?", *(f"{column} = ?" for column in key))), keys)

    def find(
        self, table: sa.Table, key: tuple[str, ...], keys: Sequence[Values], columns: tuple[str, ...]
    ) -> Iterable[sa.Row[Any]]:
        """The rows with these keys."""
        wanted = msgspec.json.encode(keys).decode()
        rows = self._connection.exec_driver_sql(_find_text(table, key, columns), (self._account, wanted))
        return (row for row in rows if row[1] is not None)

    def _many(self, statement: str, rows: Sequence[Values]) -> None:
        self._connection.exec_driver_sql(statement, [(self._account, *row) for row in rows])


@cache
def _find_text(table: sa.Table, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    """A left join, so that SQLite goes through the keys and looks each up, never through the table."""
    selected = ", ".join(f"{table.name}.{column}" for column in columns)
    same = " AND ".join(
        f"{table.name}.{column} = json_extract(wanted.value, '$[{place}]')" for place, column in enumerate(key)
    )
    return (
        f"SELECT wanted.key, {selected} FROM json_each(?2) AS wanted "
        f"LEFT JOIN {table.name} ON {table.name}.account_id = ?1 AND {same}"
    )
