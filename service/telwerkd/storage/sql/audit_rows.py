"""All of an account for the audit, also where it is damaged."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NoReturn

import sqlalchemy as sa

from telwerkd.application.ports import Conversation, Damage, DamagedRowError, Filed, Report, StoredChunk
from telwerkd.domain.counting.counters import ChunkKey
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import ConversationId
from telwerkd.storage.schema.tables import conversations, counters, deltas
from telwerkd.storage.sql.auditing import AccountReader
from telwerkd.storage.sql.conversation_rows import CONVERSATION, conversation_of
from telwerkd.storage.sql.part import AccountPart


class AuditRows(AccountPart):
    """Reads all of an account, as the cursor gives it, never in memory at once."""

    def every_conversation(self, damaged: Report | None = None) -> Iterator[Filed]:
        """All conversations with their events, one after the other."""
        return self._reader(damaged).filed(CONVERSATION)

    def check_settings(self, damaged: Report) -> None:
        """Reads every version of every widget's settings."""
        self._reader(damaged).check_settings()

    def every_chunk(self, damaged: Report | None = None) -> Iterator[tuple[ChunkKey, bytes]]:
        """All chunks, one after the other."""
        return self._reader(damaged).chunks()

    def every_base_chunk(self, damaged: Report | None = None) -> Iterator[tuple[Measure, StoredChunk]]:
        """All facts that no event explains any more."""
        return self._reader(damaged).base_chunks()

    def every_delta(self, damaged: Report | None = None) -> Iterator[tuple[Measure, DeltaEntry]]:
        """All that is counted but not yet in chunks."""
        return self._reader(damaged).deltas()

    def mendable(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations whose row is readable as far as their log does not give it."""
        reader, found = self._reader(lambda _damage: None), dict[ConversationId, Conversation]()
        for conversation in sorted(ids):
            c = conversations.c
            query = sa.select(*CONVERSATION).where(c.account_id == self._account, c.conversation_id == conversation)
            for row in self._connection.execute(query):
                if (readable := reader.mendable(row)) is not None:
                    found[conversation] = readable
        return found

    def discard(self, damages: Iterable[Damage]) -> None:
        """Removes damaged rows of the counters, and of what is not in them yet."""
        for damage in damages:
            for table in (counters, deltas):
                if table.name == damage.table and damage.is_row:
                    columns = [column for column in table.primary_key if column.name != "account_id"]
                    mine = [column == _bound(value) for column, value in zip(columns, damage.key, strict=True)]
                    self._connection.execute(sa.delete(table).where(table.c.account_id == self._account, *mine))

    def _reader(self, damaged: Report | None) -> AccountReader:
        rules = self.account().rules_target
        return AccountReader(self._connection, self._account, damaged or self._refuse, conversation_of, rules)

    def _refuse(self, damage: Damage) -> NoReturn:
        raise DamagedRowError(damage, self._account)


def _bound(value: object) -> Any:
    """A part of a damaged row's key, for a statement: a text that is none as SQLite has it."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return sa.cast(sa.literal(value.encode(errors="surrogateescape"), sa.LargeBinary), sa.Text)
