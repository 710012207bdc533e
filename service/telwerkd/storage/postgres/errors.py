"""Classifies errors of PostgreSQL and of connections to it: whether the failed transaction is retried."""

import enum

import asyncpg
import sqlalchemy as sa


class RetryDecision(enum.Enum):
    """What to do with a transaction that failed before its commit was sent."""

    AGAIN = "it was in another's way, or its connection broke: run it again"
    LATER = "the database cannot take it now: tell the client to come back"
    DEFECT = "the error is its own: running it again would change nothing"


DATABASE_ERRORS = (
    sa.exc.SQLAlchemyError,
    # The driver's own come through where no connection was made.
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""Whatever a transaction may meet."""

_AGAIN = {
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "25006",  # read_only_sql_transaction: this server has become a standby
    "25P03",  # idle_in_transaction_session_timeout
    "57P01",  # admin_shutdown
    "57P02",  # crash_shutdown
    "57P03",  # cannot_connect_now: it is starting
    "57P05",  # idle_session_timeout
}
_LATER = {
    "3D000",  # invalid_catalog_name: the database is not there, perhaps not yet
    "3F000",  # invalid_schema_name
    "42501",  # insufficient_privilege: somebody took a right away
    "42P01",  # undefined_table: it is not where this session looks (search_path), or was renamed
}
_STATEMENT_STATES = {
    "26000",  # invalid_sql_statement_name: prepared in another session than this
    "42P05",  # duplicate_prepared_statement: prepared in this session by somebody else
}
_CONNECTION_CLASS = "08"
_OUT_OF_STEP = ("another operation is in progress", "in a manually started transaction")
"""In the texts of asyncpg's `InterfaceError`, which it has for mistakes of its callers too."""
_LATER_CLASSES = (
    "28",  # invalid authorization
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "55",  # not in the state for it: a lock is not available, the database takes no connections
    "57",  # an operator's intervention: a statement was cancelled, the database dropped
    "58",  # the system: I/O error
    "F0",  # a file of PostgreSQL's configuration
    "XX",  # an error inside PostgreSQL: damaged data, a defect
)


def retry_decision(error: Exception) -> RetryDecision:
    """Returns whether a transaction that failed with `error` before its commit was sent is retried."""
    if _lost(error) or _is_out_of_step(error):
        return RetryDecision.AGAIN
    state = sqlstate(error)
    if state is not None:
        if state in _AGAIN or state in _STATEMENT_STATES or state.startswith(_CONNECTION_CLASS):
            return RetryDecision.AGAIN
        return RetryDecision.LATER if state in _LATER or state.startswith(_LATER_CLASSES) else RetryDecision.DEFECT
    if isinstance(error, asyncpg.InterfaceError):
        return RetryDecision.DEFECT  # of the connection's settings: it was never made
    if isinstance(error, TimeoutError | OSError | sa.exc.TimeoutError):
        return RetryDecision.LATER
    return RetryDecision.DEFECT


def sqlstate(error: Exception) -> str | None:
    """Returns PostgreSQL's code of an error (SQLSTATE); None for an error of another source."""
    state = getattr(_cause(error), "sqlstate", None)
    return state if isinstance(state, str) else None


def aborted_for_sure(error: Exception) -> bool:
    """Whether a commit that failed so has certainly not happened."""
    return sqlstate(error) in {"40001", "40P01"}


def is_standby(error: Exception) -> bool:
    """Whether the connection leads to a server that takes no writes."""
    return sqlstate(error) == "25006"


def lost_its_statements(error: Exception) -> bool:
    """Whether the session is not the one in which the statement was prepared: a pooler gave another."""
    return sqlstate(error) in _STATEMENT_STATES


def one_line(error: Exception) -> str:
    """Returns an error as one line for the log: in an outage, a traceback per transaction would hide all else."""
    cause = _cause(error)
    return f"{type(cause).__name__}: {cause}".partition("\n")[0]


def _cause(error: Exception) -> BaseException:
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error


def _lost(error: Exception) -> bool:
    """Whether the connection, or what it had prepared, is gone, and a new one may do."""
    if isinstance(error, sa.exc.DBAPIError):
        # A migration makes prepared statements stale; they are prepared anew.
        stale = isinstance(_cause(error).__cause__, asyncpg.exceptions.InvalidCachedStatementError)
        return error.connection_invalidated or stale
    return isinstance(error, ConnectionError)


def _is_out_of_step(error: Exception) -> bool:
    """Whether the driver is out of step with its connection, as where that breaks while it is set up or rolled back.

    It then takes the connection to be in the middle of something else, and not to be closed.
    """
    of_driver = _cause(error).__cause__ if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(of_driver, asyncpg.InterfaceError):
        return any(text in str(of_driver) for text in _OUT_OF_STEP)
    return isinstance(of_driver, asyncpg.InternalClientError)
