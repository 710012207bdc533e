"""The base of the parts of a transaction."""

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.util import await_only

from telwerkd.application.ports import Account, Damage, DamagedRowError
from telwerkd.domain.conversation.state import CURRENT_RULES
from telwerkd.domain.counting.cells import are_cells
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.storage.schema.tables import accounts
from telwerkd.storage.sql.bulk import Bulk, Values
from telwerkd.storage.sql.bulk_postgres import PostgresBulk
from telwerkd.storage.sql.bulk_sqlite import SqliteBulk


class Statement:
    """A query that is compiled once for each database. Parameters (`bindparam`) and results are the driver's values.

    For statements of every query: SQLAlchemy builds a statement's text, or at least its cache key, for every execution,
    which took longer than SQLite took to execute it. Its conversion of results took longer still: on SQLite the driver
    is called directly, in a tenth of the time. So a transaction must have begun already, and SQLAlchemy's events do not
    cover these statements.
    """

    def __init__(self, query: sa.Select[*tuple[Any, ...]] | sa.TextClause) -> None:
        self._query = query
        self._texts: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {}

    def on(self, connection: sa.Connection, **values: Any) -> Sequence[Values]:
        """Executes the query on a connection and returns its rows."""
        made = self._texts.get(connection.dialect.name)
        if made is None:
            compiled = self._query.compile(dialect=connection.dialect)
            made = self._texts[connection.dialect.name] = (
                str(compiled),
                tuple(compiled.positiontup or ()),
                # SQLite's LIMIT comes with an OFFSET that nobody asked for.
                {name: value for name, value in compiled.params.items() if value is not None},
            )
        text, names, fixed = made
        parameters = tuple([values[name] if name in values else fixed[name] for name in names])
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            return driver.execute(text, parameters).fetchall()
        return connection.exec_driver_sql(text, parameters).all()


_RULES_RETRY_SECONDS = 10.0

ACCOUNT = tuple(accounts.c[name] for name in Account._fields)
"""The columns of `telwerkd.application.ports.Account`."""

_ACCOUNT_TYPES = tuple(str if name == "time_zone" else int for name in Account._fields)

NEW_ACCOUNT = (
    ("version", "high_water", "rules_version", "rules_target"),
    [(0, 0, CURRENT_RULES, CURRENT_RULES)],
)
"""Columns, and the row of an account that is not there yet."""

_ACCOUNT_ROW = Statement(sa.select(*ACCOUNT).where(accounts.c.account_id == sa.bindparam("account")))


class AccountPart:
    """Base of the parts of one account's transaction: the connection, the account's row, and what `remember` keeps.

    A context manager, in which an error about a damaged row gets the account's name.
    """

    def __init__(
        self, connection: sa.Connection, account: AccountId, row: Account | None = None, recalled: Any = None
    ) -> None:
        self._connection = connection
        self._account = self.account_id = account
        self._recalled = recalled
        self.remembered: tuple[Any, int] = (None, 0)
        """What is to be recalled once this transaction is committed, and its weight; None if nothing new is."""
        self.refolded: list[int] = []
        """The number of events of each conversation that was folded again."""
        # Nobody else changes the account's row before this transaction ends, or this one does not see it.
        self._row = row

    def account(self) -> Account:
        """Returns the account's row; version 0 if nothing was ever stored."""
        if self._row is None:
            rows = _ACCOUNT_ROW.on(self._connection, account=self._account)
            if rows:
                check_types("accounts", (), rows[0], _ACCOUNT_TYPES)
            self._row = Account(*rows[0]) if rows else Account(0, Micros(0), None, Micros(0))
        return self._row

    def check_rules(self) -> None:
        """Checks that this program may write to the account (R-ANEW-8).

        Raises:
            UnavailableError: a newer one counts it, by rules that this one does not know.
        """
        account = self.account()
        newest = max(account.rules_version, account.rules_target)
        if newest > CURRENT_RULES:
            raise UnavailableError(
                Reason.RULES_UNKNOWN,
                f"account {self.account_id!r} is counted by version {newest} of the rules, and this "
                f"server knows {CURRENT_RULES}: a newer one has to write to it",
                _RULES_RETRY_SECONDS,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Adds the account to the error of a damaged row."""
        if isinstance(error, DamagedRowError):
            error.account = self.account_id

    def recall(self) -> Any:
        """Returns what the account's last transaction passed to `remember`; None if it is not cached any more."""
        return self._recalled

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Keeps an object in memory for the account's next transaction, if this one is committed."""
        self.remembered = kept, weight

    def note_refold(self, events: int) -> None:
        """Records for the metrics that a conversation of so many events was folded again."""
        self.refolded.append(events)

    @cached_property
    def _bulk(self) -> Bulk:
        of_dialect = PostgresBulk if self._connection.dialect.name == "postgresql" else SqliteBulk
        return of_dialect(self._connection, self._account)

    def pause(self) -> None:
        """Yields to the event loop, if the transaction runs there."""
        # In a thread, where nothing waits for it, `StatementsInLoop` stands for the connection (`postgres.threads`).
        if self._connection.dialect.is_async and isinstance(self._connection, sa.Connection):
            await_only(asyncio.sleep(0))

    def _stream(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[Any]:
        return iter(self._connection.execute(query, execution_options={"yield_per": 1_000}))


def check_types(table: str, key: Sequence[Any], values: Iterable[Any], types: Iterable[type]) -> None:
    """Raises DamagedRowError where a value is of another type than its column, which SQLite lets be."""
    for value, kind in zip(values, types, strict=True):
        if type(value) is not kind and value is not None:
            belongs = "a text" if kind is str else "a number"
            raise DamagedRowError(Damage(table, tuple(key), f"{value!r:.40} where {belongs} belongs", is_source=True))


def whole_cells(table: str, key: Sequence[Any], cells: bytes) -> bytes:
    """Returns the cells of a chunk, checked. Raises DamagedRowError here, as later steps could not name the row."""
    if not are_cells([cells]):
        raise DamagedRowError(Damage(table, tuple(key), "these are no cells"))
    return cells
