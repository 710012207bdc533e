"""Reads all rows of an account for the audit, past damaged ones."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NoReturn

import sqlalchemy as sa

from telwerkd.application.ports import Conversation, Damage, DamagedRowError, Filed, Report, StoredChunk
from telwerkd.domain.counting.counters import ChunkKey
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import ConversationId
from telwerkd.storage.schema.tables import chunk_versions, conversations, counters, deltas, names
from telwerkd.storage.sql.account_part import AccountPart
from telwerkd.storage.sql.auditing import AccountReader
from telwerkd.storage.sql.bulk_postgres import with_digest
from telwerkd.storage.sql.conversation_rows import CONVERSATION, conversation_of

_DERIVED = {table.name: table for table in (counters, deltas, names, chunk_versions)}
"""What follows from other tables."""

_COMPACTIONS_MAX = 2**20
"""More than change a chunk for one version of its account."""


class AuditRows(AccountPart):
    """Reads all rows of an account by database cursors, never all in memory at once."""

    def every_conversation(self, damaged: Report | None = None) -> Iterator[Filed]:
        """Yields all conversations with their events."""
        return self._reader(damaged).filed(CONVERSATION)

    def check_settings(self, damaged: Report) -> None:
        """Reads every version of every widget's settings."""
        self._reader(damaged).check_settings()

    def check_rest(self, damaged: Report) -> None:
        """Reads display names, and what is left of erased conversations."""
        self._reader(damaged).check_rest()

    def every_name(self, damaged: Report) -> Iterator[tuple[int, str]]:
        """Yields all distinct names, each after its family."""
        return self._reader(damaged).names()

    def every_chunk_version(self, damaged: Report) -> Iterator[tuple[Measure, int]]:
        """Yields measure and number of every chunk that has a version."""
        return self._reader(damaged).chunk_versions()

    def every_chunk(self, damaged: Report | None = None) -> Iterator[tuple[ChunkKey, bytes]]:
        """Yields all chunks."""
        return self._reader(damaged).chunks()

    def every_base_chunk(self, damaged: Report | None = None) -> Iterator[tuple[Measure, StoredChunk]]:
        """Yields all chunks of base facts: of events that were purged or erased."""
        return self._reader(damaged).base_chunks()

    def every_delta(self, damaged: Report | None = None) -> Iterator[tuple[Measure, DeltaEntry]]:
        """Yields all delta entries that compaction has not moved into chunks."""
        return self._reader(damaged).deltas()

    def mendable(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Returns those conversations whose rows are readable in every column that their log cannot restore."""
        reader, found = self._reader(lambda _damage: None), dict[ConversationId, Conversation]()
        for conversation in sorted(ids):
            c = conversations.c
            query = sa.select(*CONVERSATION).where(c.account_id == self._account, c.conversation_id == conversation)
            for row in self._connection.execute(query):
                if (readable := reader.mendable(row)) is not None:
                    found[conversation] = readable
        return found

    def discard(self, damages: Iterable[Damage]) -> None:
        """Removes damaged rows of what follows from others."""
        for damage in damages:
            table = _DERIVED.get(damage.table)
            if table is None or not damage.is_row:
                continue
            columns = [column for column in table.primary_key if column.name != "account_id"]
            mine = [column == _bound(value) for column, value in zip(columns, damage.key, strict=True)]
            mine.append(with_digest(self._connection, table, str(damage.key[-1]), is_misfiled=damage.is_misfiled))
            self._connection.execute(sa.delete(table).where(table.c.account_id == self._account, *mine))

    def renew_chunk_versions(self, chunks: Iterable[tuple[Measure, int]]) -> None:
        """Gives chunks a version that none of them ever had, so that no cached rollup is used for them."""
        version = (self.account().version + 1) * _COMPACTIONS_MAX
        rows = [(*chunk, version) for chunk in sorted(chunks)]
        self._bulk.insert(chunk_versions, ("measure", "chunk", "version"), rows, replacing=("version",))

    def _reader(self, damaged: Report | None) -> AccountReader:
        row = self.account()
        return AccountReader(self._connection, self._account, damaged or self._refuse, conversation_of, row)

    def _refuse(self, damage: Damage) -> NoReturn:
        raise DamagedRowError(damage, self._account)


def _bound(value: object) -> Any:
    """Returns a part of a damaged row's key as a parameter: an invalid text as the bytes that SQLite has."""
    if not isinstance(value, str) or not any("\ud800" <= character <= "\udfff" for character in value):
        return value
    return sa.cast(sa.literal(value.encode(errors="surrogateescape"), sa.LargeBinary), sa.Text)
