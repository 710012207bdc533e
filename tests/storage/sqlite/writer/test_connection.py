"""The connection that writes: how long it is kept, and what it does beside writing."""

import gc
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.domain.conversation.events import Event, Message, Sender
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.writer.connection import SqliteWriter

LOG_BYTES_MAX = 2**18


def store(writer: SqliteWriter, number: int) -> None:
    """Stores 100 events of a conversation of their own."""
    events = [Event(EventId(f"e{n}"), Micros(n + 1), 0, WidgetId("web"), Message(Sender.CONTACT)) for n in range(100)]
    batch = [Submitted(ConversationId(f"c{number}"), event) for event in events]
    writer.write([(AccountId("acme"), IngestBatch([batch], IngestLimits()))])


@pytest.mark.parametrize("name", ["telwerk.db", "link.db"])
def test_a_log_that_grew_while_somebody_read_is_emptied_once_nobody_does(tmp_path: Path, name: str) -> None:
    """Also where the file is named by a link, and lies elsewhere."""
    database, log = tmp_path / "telwerk.db", tmp_path / "telwerk.db-wal"
    prepare(database)
    if name == "link.db":
        (tmp_path / name).symlink_to(database)
    writer, stored = SqliteWriter(tmp_path / name, log_bytes_max=LOG_BYTES_MAX), 0
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (0,)
        while not log.exists() or log.stat().st_size <= 4 * LOG_BYTES_MAX:
            store(writer, stored)
            stored += 1
        deadline = time.monotonic() + 30
        reader.execute("COMMIT")
        while log.stat().st_size > LOG_BYTES_MAX:
            assert time.monotonic() < deadline
            store(writer, stored)
            stored += 1
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (100 * stored,)
    writer.close()


def test_a_transaction_that_was_left_behind_closes_no_connection_but_its_own(tmp_path: Path) -> None:
    """So does one that memory failed as it began: it ends when its error is forgotten, in the midst of another."""
    prepare(tmp_path / "telwerk.db")
    writer = SqliteWriter(tmp_path / "telwerk.db")
    left = writer._begun()
    left.__enter__()
    with pytest.raises(sa.exc.InvalidRequestError, match="already"):
        store(writer, 0)
    with writer._begun() as connection:
        del left
        gc.collect()
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        assert driver.in_transaction
    store(writer, 1)
    writer.close()
