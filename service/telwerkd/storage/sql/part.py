"""What the parts of a transaction share."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.util import await_only

from telwerkd.application.ports import Account, Damage, DamagedRowError
from telwerkd.domain.counting.cells import are_cells
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.storage.schema.tables import accounts
from telwerkd.storage.sql.bulk import Bulk
from telwerkd.storage.sql.bulk_postgres import PostgresBulk
from telwerkd.storage.sql.bulk_sqlite import SqliteBulk
from telwerkd.storage.sql.statements import Statement

ACCOUNT = tuple(
    accounts.c[name] for name in ("version", "high_water", "time_zone", "horizon", "names_max", "names_freed")
)
"""The columns of `telwerkd.application.ports.Account`."""

_ACCOUNT_ROW = Statement(sa.select(*ACCOUNT).where(accounts.c.account_id == sa.bindparam("account")))

P = ParamSpec("P")
T = TypeVar("T")
Part = TypeVar("Part", bound="AccountPart")


def naming_the_account(read: Callable[Concatenate[Part, P], T]) -> Callable[Concatenate[Part, P], T]:
    """Says of which account a damaged row is."""

    @wraps(read)
    def reads(transaction: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(transaction, *args, **kwargs)
        except DamagedRowError as error:
            error.account = transaction.account_id
            raise

    return reads


class AccountPart:
    """What every part of a transaction of one account has: the connection, and the account's row."""

    def __init__(self, connection: sa.Connection, account: AccountId, row: Account | None = None) -> None:
        self._connection = connection
        self._account = self.account_id = account
        self._bulk = _bulk(connection, account)
        # Nobody else changes the account's row before this transaction ends, or this one does not see it.
        self._row = row

    def account(self) -> Account:
        """The account's row; version 0 if nothing was ever stored."""
        if self._row is None:
            rows = _ACCOUNT_ROW.on(self._connection, account=self._account)
            self._row = Account(*rows[0]) if rows else Account(0, Micros(0), None, Micros(0))
        return self._row

    def pause(self) -> None:
        """Lets the event loop go on, if the transaction runs there."""
        # In a thread, where nothing waits for it, `StatementsInLoop` stands for the connection (`postgres.threads`).
        if self._connection.dialect.is_async and isinstance(self._connection, sa.Connection):
            await_only(asyncio.sleep(0))

    def _stream(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[Any]:
        return iter(self._connection.execute(query, execution_options={"yield_per": 1_000}))


def _bulk(connection: sa.Connection, account: AccountId) -> Bulk:
    of_dialect = PostgresBulk if connection.dialect.name == "postgresql" else SqliteBulk
    return of_dialect(connection, account)


def whole_cells(table: str, key: Sequence[Any], cells: bytes) -> bytes:
    """The cells of a chunk. Raises DamagedRowError if they are none: nothing that is to follow could name the row."""
    if not are_cells([cells]):
        raise DamagedRowError(Damage(table, tuple(key), "these are no cells"))
    return cells
