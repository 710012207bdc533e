"""Which failed transactions are run again."""

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection, dialect

from telwerkd.storage.postgres.errors import RetryDecision, retry_decision


def as_sqlalchemy_raises(error: Exception) -> Exception:
    """The driver's error, translated and wrapped as one of a statement is."""
    dbapi = dialect.import_dbapi()
    try:
        AsyncAdapt_asyncpg_connection._handle_exception_no_connection(dbapi, error)
    except dbapi.Error as translated:
        return sa.exc.DBAPIError.instance("SELECT 1", None, translated, dbapi.Error, dialect=dialect())
    raise AssertionError("it is translated")


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        asyncpg.InterfaceError("cannot use Connection.transaction() in a manually started transaction"),
    ],
)
def test_a_driver_that_is_out_of_step_with_its_connection_tries_another(error):
    """Whether it says so itself or SQLAlchemy does."""
    assert retry_decision(error) is RetryDecision.AGAIN
    assert retry_decision(as_sqlalchemy_raises(error)) is RetryDecision.AGAIN


def test_a_statement_that_the_driver_refuses_is_a_defect():
    error = asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed")
    assert retry_decision(as_sqlalchemy_raises(error)) is RetryDecision.DEFECT
