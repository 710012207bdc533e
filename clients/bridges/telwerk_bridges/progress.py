"""Where an import is: a small SQLite file beside the inbox, so that it goes on after whatever stopped it.

It holds numbers, instants, stars and the numbers of agents; no text and nothing about a contact.
"""

import hashlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

FORMAT: Final = 1
"""Of the file; in SQLite's `user_version`."""

_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE places (step TEXT PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE conversations (number INTEGER PRIMARY KEY);
CREATE TABLE answers (conversation INTEGER, answer TEXT, PRIMARY KEY (conversation, answer)) WITHOUT ROWID;
PRAGMA user_version = {FORMAT};
COMMIT;
"""


class HistoryError(Exception):
    """An import cannot begin, or cannot go on; the text says why."""


class Progress:
    """See the module; made by `opened`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    @contextmanager
    def opened(cls, inbox: Path, of_what: str) -> Iterator[Self]:
        """That of this import. It is another import where `of_what` is another: each has a file of its own.

        Raises:
            HistoryError: the file is no such file, is of a newer version, or cannot be written.
        """
        path = inbox.with_name(f"{inbox.name}.import-{hashlib.sha256(of_what.encode()).hexdigest()[:12]}")
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise HistoryError(f"the progress of the import cannot be kept in {path}: {error.strerror}") from error
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                [version] = connection.execute("PRAGMA user_version").fetchone()
                if version > FORMAT:
                    raise HistoryError(f"{path} is of version {version}, and this bridge knows {FORMAT}: it is newer")
                if not version:
                    connection.executescript(_SCHEMA)
                yield cls(connection, path)
        except sqlite3.Error as error:
            raise HistoryError(f"the progress of the import cannot be kept in {path}: {error}") from error

    def place(self, step: str, first: int) -> int:
        """What comes next of that step; `first` where it has not begun."""
        found = self._connection.execute("SELECT place FROM places WHERE step = ?", (step,)).fetchone()
        return int(found[0]) if found else first

    def reached(self, step: str, place: int, counts: Mapping[str, int] | None = None) -> None:
        """This comes next of that step; what was counted on the way there."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (step, place))
            _count(connection, counts or {})

    def has(self, conversation: int) -> bool:
        """Whether that conversation is done."""
        query = "SELECT 1 FROM conversations WHERE number = ?"
        return self._connection.execute(query, (conversation,)).fetchone() is not None

    def done(self, conversation: int, counts: Mapping[str, int]) -> None:
        """That conversation is done; what was counted in it."""
        with self._transaction() as connection:
            connection.execute("INSERT INTO conversations VALUES (?)", (conversation,))
            _count(connection, counts)

    def keep_answers(self, step: str, place: int, answers: Iterable[tuple[int, object]]) -> None:
        """Keeps answers of surveys, each with its conversation, and what comes next of that step."""
        with self._transaction() as connection:
            texts = [(number, json.dumps(answer, sort_keys=True)) for number, answer in answers]
            connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", texts)
            connection.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (step, place))

    def answers(self, conversation: int) -> list[object]:
        """The answers that were kept of that conversation."""
        query = "SELECT answer FROM answers WHERE conversation = ? ORDER BY answer"
        return [json.loads(text) for (text,) in self._connection.execute(query, (conversation,))]

    def counts(self) -> Counter[str]:
        """What was counted up to here."""
        return Counter(dict(self._connection.execute("SELECT name, count FROM counts")))

    def end(self) -> None:
        """All is done: the next import begins anew."""
        self.path.unlink(missing_ok=True)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it is kept, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _count(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    statement = "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"
    connection.executemany(statement, counts.items())
