"""The lock that serialises the writing transactions of an account, on PostgreSQL.

It is a write to the account's row, not `SELECT ... FOR UPDATE`. On one PostgreSQL both wait for each other alike. On a
cluster that is sharded by account they do not: when Citus moves a shard, the move waits for transactions that have
written there, and not for those that have only read or locked rows. A row lock stays behind on the old node, and
another server would run on the new one at the same time (docs/decisions/0012-the-account-lock-is-a-write.md).
"""

import sqlalchemy as sa

from telwerkd.application.ports import Account
from telwerkd.domain.ids import AccountId
from telwerkd.storage.schema.tables import accounts
from telwerkd.storage.sql.account_part import ACCOUNT, NEW_ACCOUNT
from telwerkd.storage.sql.bulk_postgres import PostgresBulk

_RETURNED = ", ".join(column.name for column in ACCOUNT)
_LOCK = f"UPDATE accounts SET version = version WHERE account_id = $1 RETURNING {_RETURNED}"  # noqa: S608  # names alone


def lock_account(connection: sa.Connection, account: AccountId) -> Account | None:
    """Locks the account's row until this transaction ends, and returns it; None if there is no such row.

    The first statement of every transaction that writes. Also where there is no row, the shard that would have it
    does not move until the transaction ends.
    """
    row = connection.exec_driver_sql(_LOCK, (account,)).one_or_none()
    return None if row is None else Account(*row)


def locked_account(connection: sa.Connection, account: AccountId) -> Account:
    """Locks and returns the account's row as `lock_account` does, and inserts it first if there is none."""
    row = lock_account(connection, account)
    if row is None:
        PostgresBulk(connection, account).insert(accounts, *NEW_ACCOUNT, replacing=())
        row = lock_account(connection, account)
    if row is None:
        raise AssertionError("rows of accounts are never removed")
    return row
