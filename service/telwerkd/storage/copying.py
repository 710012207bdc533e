"""Copies a SQLite file into an empty PostgreSQL database, row by row, so that every answer stays the same.

Rows go in the order of their keys, and a portion is in the target whole or not at all. So an interrupted copy resumes
after the last row of the target. At the end both sides are read and compared, row by row. While a copy is not done, the
target has a marker table, and no server starts on it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.postgres.account_lock import lock_account
from telwerkd.storage.postgres.schema import COPYING, connected, is_copying, migrate
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.schema.tables import metadata
from telwerkd.storage.sql.bulk_postgres import PostgresBulk
from telwerkd.storage.sqlite import schema as sqlite_schema

Tell = Callable[[AccountId, int], None]
"""Told of each account that is copied and compared, and how many rows it has."""


async def copy(
    source: Path, target: PostgresUrl, tell: Tell, *, portion_rows: int = 2_000, lock_seconds: float = 15.0
) -> None:
    """Copies all accounts of a SQLite file into a PostgreSQL, and compares them. To be repeated if it is interrupted.

    The file takes no events meanwhile: a server on it answers that its database is unavailable. Another writer's lock
    is waited for, `lock_seconds` at most.

    Raises:
        SchemaError: a side cannot be used, the target holds something else, or the two differ at the end.
    """
    sqlite_schema.prepare(source, create=False)
    await migrate(target)
    file = sqlite3.connect(source, timeout=lock_seconds, isolation_level=None)
    try:
        file.execute("BEGIN IMMEDIATE")
        async with connected(target) as connection:
            await connection.run_sync(lambda to: _Copy(file, to, target, portion_rows).run(tell))
    except sqlite3.OperationalError as error:
        raise SchemaError(f"{source} cannot be read ({error}): stop the server that works on it") from error
    finally:
        file.close()


class _Copy:
    def __init__(self, source: sqlite3.Connection, target: sa.Connection, name: PostgresUrl, portion_rows: int) -> None:
        self._source = source
        self._target = target
        self._name = name
        self._portion_rows = portion_rows

    def run(self, tell: Tell) -> None:
        self._begin()
        for account in self._accounts():
            tell(account, sum(self._table(account, table) for table in metadata.tables.values()))
        self._target.exec_driver_sql(f"DROP TABLE {COPYING}")
        self._target.commit()

    def _begin(self) -> None:
        if not is_copying(self._target):
            tables = metadata.tables.values()
            if any(self._target.scalar(sa.select(sa.exists().select_from(table))) for table in tables):
                raise SchemaError(f"{self._name} holds accounts already: copy into an empty database")
            self._target.exec_driver_sql(f"CREATE TABLE {COPYING} (since timestamptz DEFAULT now())")
        self._target.commit()

    def _accounts(self) -> Iterator[AccountId]:
        """Yields every account that has rows in any table, in order; found by key, not by reading the tables."""
        account = ""
        while True:
            firsts = (
                self._source.execute(
                    f"SELECT account_id FROM {name} WHERE account_id > ? ORDER BY account_id LIMIT 1",  # noqa: S608
                    (account,),
                ).fetchone()
                for name in metadata.tables
            )
            found = [row[0] for row in firsts if row is not None]
            if not found:
                return
            account = min(found)
            yield AccountId(account)

    def _table(self, account: AccountId, table: sa.Table) -> int:
        """Copies the rows of an account that are still missing; returns the number of its rows in all."""
        self._append(account, table)
        rows = self._compared(account, table)
        if rows is None:
            # What was copied before an interruption has changed since.
            lock_account(self._target, account)
            self._target.execute(sa.delete(table).where(table.c.account_id == account))
            self._target.commit()
            self._append(account, table)
            rows = self._compared(account, table)
        if rows is None:
            raise SchemaError(
                f"{self._name} does not hold what was copied into {table.name}: is anybody else using it?"
            )
        return rows

    def _append(self, account: AccountId, table: sa.Table) -> None:
        columns, key = _columns(table), _key(table)
        bulk = PostgresBulk(self._target, account)
        lock_account(self._target, account)
        last = self._last_key(account, table)
        while True:
            after = f"AND ({', '.join(key)}) > ({', '.join('?' * len(key))})" if key and last else ""
            text = (
                f"SELECT {', '.join(columns)} FROM {table.name} WHERE account_id = ? {after} "  # noqa: S608
                f"ORDER BY {', '.join(key) or 'account_id'} LIMIT {self._portion_rows}"
            )
            rows = self._source.execute(text, (account, *(last or ()))).fetchall() if key or not last else []
            bulk.insert(table, columns, rows)
            self._target.commit()
            if len(rows) < self._portion_rows:
                return
            lock_account(self._target, account)
            last = tuple(rows[-1][columns.index(name)] for name in key)

    def _last_key(self, account: AccountId, table: sa.Table) -> tuple[Any, ...] | None:
        """Returns the key of the last row that is in the target; None if there is none."""
        key = [table.c[name] for name in _key(table)] or [table.c.account_id]
        query = sa.select(*key).where(table.c.account_id == account).order_by(*(part.desc() for part in key)).limit(1)
        row = self._target.execute(query).one_or_none()
        return None if row is None else tuple(row)

    def _compared(self, account: AccountId, table: sa.Table) -> int | None:
        """Returns the number of rows on both sides; None if any differs."""
        columns, key = _columns(table), _key(table)
        mine = self._source.execute(
            f"SELECT {', '.join(columns)} FROM {table.name} WHERE account_id = ? "  # noqa: S608
            f"ORDER BY {', '.join(key) or 'account_id'}",
            (account,),
        )
        query = sa.select(*(table.c[name] for name in columns)).where(table.c.account_id == account)
        query = query.order_by(*(table.c[name] for name in key))
        theirs = self._target.execute(query, execution_options={"yield_per": self._portion_rows})
        count = 0
        for row, other in zip_longest(mine, theirs):
            if other is None or row != tuple(other):
                theirs.close()
                self._target.rollback()
                return None
            count += 1
        self._target.rollback()
        return count


def _columns(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if column.name != "account_id")


def _key(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key if column.name != "account_id")
