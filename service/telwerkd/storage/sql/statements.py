"""Statements that are compiled once for each database, for what is read with every query.

SQLAlchemy makes a statement's text anew, or at least its cache key, for every execution; that took longer than SQLite
took to execute it. What it makes of a result took longer still: on SQLite the driver is asked directly, in a tenth of
the time. So a transaction must have begun already, and SQLAlchemy's events do not tell of these statements.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from telwerkd.storage.sql.bulk import Values


class Statement:
    """A query, made once. Its parameters are `bindparam`s; these and what comes back pass as the driver has them."""

    def __init__(self, query: sa.Select[*tuple[Any, ...]]) -> None:
        self._query = query
        self._texts: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {}

    def on(self, connection: sa.Connection, **values: Any) -> Sequence[Values]:
        """The rows that it gives on a connection."""
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
