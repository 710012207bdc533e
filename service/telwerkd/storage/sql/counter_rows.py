"""The counters: chunks, the deltas that are not in them yet, and the facts that no event explains any more."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from telwerkd.application.ports import StoredChunk
from telwerkd.domain.counting.counters import ChunkKey, KeyParts
from telwerkd.domain.counting.deltas import DeltaEntries, Deltas
from telwerkd.domain.counting.measures import Measure
from telwerkd.storage.schema.tables import base_counters, chunk_versions, counters, deltas
from telwerkd.storage.sql import records
from telwerkd.storage.sql.account_part import AccountPart, Statement, check_types, whole_cells

_CHUNK_KEY = ("measure", "grouping", "chunk", "operator_id", "group_id", "widget_id", "value")
_DELTA_COLUMNS = ("measure", "version", "size", "leaves")
"""`leaves` holds the entries; the name is from before they were called so."""

_OF_MEASURE = (deltas.c.account_id == sa.bindparam("account"), deltas.c.measure == sa.bindparam("measure"))
_SIZES = Statement(
    sa.select(deltas.c.version, deltas.c.size)
    .where(*_OF_MEASURE)
    .order_by(deltas.c.version)
    .limit(sa.bindparam("rows_max"))
)
_ENTRIES_UNTIL = Statement(sa.select(deltas.c.leaves).where(*_OF_MEASURE, deltas.c.version <= sa.bindparam("version")))


class CounterRows(AccountPart):
    """Reads and writes counters by their keys."""

    def add_deltas(self, changes: Deltas) -> None:
        """Files delta entries under the account's version. Queries add them; compaction moves them into chunks.

        This transaction must have raised the version: with the measure, it is the key of a row.
        """
        version = self.account().version
        rows = [
            (measure, version, len(entries), records.entries_blob(entries))
            for measure, entries in changes.unsorted().items()
        ]
        self._bulk.insert(deltas, _DELTA_COLUMNS, rows)

    def delta_sizes(self, measure: Measure, rows_max: int) -> list[tuple[int, int]]:
        """Returns version and number of entries of the oldest delta rows of a measure.

        Raises:
            DamagedRowError: one of them is no number.
        """
        sizes: list[tuple[int, int]] = []
        for version, size in _SIZES.on(self._connection, account=self._account, measure=measure, rows_max=rows_max):
            check_types(deltas.name, (measure, version), (version, size), (int, int))
            sizes.append((version, size))
        return sizes

    def deltas_until(self, measure: Measure, version: int) -> DeltaEntries:
        """Returns the delta entries of a measure that are filed under versions up to this one."""
        rows = _ENTRIES_UNTIL.on(self._connection, account=self._account, measure=measure, version=version)
        return records.entries_of([blob for [blob] in rows])

    def replace_deltas(self, measure: Measure, version: int, pieces: Sequence[DeltaEntries]) -> None:
        """Replaces the rows of `deltas_until` by pieces, filed under versions from this one down, which become free."""
        self._connection.execute(sa.delete(deltas).where(*self._deltas_until(measure, version)))
        rows = [
            (measure, version - index, len(piece), records.entries_blob(piece)) for index, piece in enumerate(pieces)
        ]
        self._bulk.insert(deltas, _DELTA_COLUMNS, rows)

    def _deltas_until(self, measure: Measure, version: int) -> tuple[sa.ColumnElement[bool], ...]:
        c = deltas.c
        return c.account_id == self._account, c.measure == measure, c.version <= version

    def remove_deltas(self) -> None:
        """Removes all deltas of all measures."""
        self._connection.execute(sa.delete(deltas).where(deltas.c.account_id == self._account))

    def chunk_bytes(self, keys: Sequence[KeyParts]) -> list[int]:
        """Returns the size in bytes of the cells of each chunk."""
        return self._chunk_bytes(counters, keys)

    def chunks(self, keys: Sequence[KeyParts]) -> list[bytes]:
        """Returns the cells of chunks, whose keys are sorted; empty bytes for a chunk that is not stored."""
        return self._chunks(counters, keys)

    def put_chunks(self, keys: Sequence[KeyParts], cells: Sequence[bytes]) -> None:
        """Stores whole chunks, whose keys are sorted; removes those that are empty."""
        self._put_chunks(counters, keys, cells)

    def base_chunk_bytes(self, keys: Sequence[KeyParts]) -> list[int]:
        """Returns the sizes of chunks of base facts, as `chunk_bytes` does."""
        return self._chunk_bytes(base_counters, keys)

    def base_chunks(self, keys: Sequence[KeyParts]) -> list[bytes]:
        """Returns the cells of chunks of base facts, as `chunks` does."""
        return self._chunks(base_counters, keys)

    def put_base_chunks(self, keys: Sequence[KeyParts], cells: Sequence[bytes]) -> None:
        """Stores chunks of base facts, as `put_chunks` does."""
        self._put_chunks(base_counters, keys, cells)

    def take_base_chunks(self, measures: Collection[Measure], limit: int) -> list[tuple[Measure, StoredChunk]]:
        """Removes at most `limit` chunks of the facts of measures that no event explains any more."""
        c = base_counters.c
        key = [column for column in base_counters.primary_key if column.name != "account_id"]
        query = sa.select(*key, c.cells).where(c.account_id == self._account, c.measure.in_(sorted(measures)))
        found: Sequence[Any] = self._connection.execute(query.order_by(*key).limit(limit)).all()
        taken = [(Measure(row[0]), StoredChunk(*row[1:])) for row in found]
        keys = [ChunkKey(measure, 0, *chunk[:-1]) for measure, chunk in taken]
        self.put_base_chunks(keys, [b""] * len(keys))
        return taken

    def _chunk_bytes(self, table: sa.Table, keys: Sequence[KeyParts]) -> list[int]:
        columns, values = _key_in(table, keys)
        found = [0] * len(keys)
        for index, size in self._bulk.lengths(table, columns, values, "cells"):
            found[index] = size
        return found

    def _chunks(self, table: sa.Table, keys: Sequence[KeyParts]) -> list[bytes]:
        columns, values = _key_in(table, keys)
        found = [b""] * len(keys)
        for index, cells in self._bulk.find(table, columns, values, ("cells",)):
            found[index] = whole_cells(table.name, values[index], cells)
        return found

    def _put_chunks(self, table: sa.Table, keys: Sequence[KeyParts], cells: Sequence[bytes]) -> None:
        columns, values = _key_in(table, keys)
        changed = [(*key, of_key) for key, of_key in zip(values, cells, strict=True) if of_key]
        self._bulk.insert(table, (*columns, "cells"), changed, replacing=("cells",))
        self._bulk.delete(table, columns, [key for key, of_key in zip(values, cells, strict=True) if not of_key])

    def bump_chunk_versions(self, changed: Iterable[KeyParts]) -> None:
        """Raises the versions of changed chunks, so that cached rollups of them expire."""
        keys = sorted({(measure, chunk) for measure, _, chunk, *_ in changed})
        found: dict[int, int] = dict(self._bulk.find(chunk_versions, ("measure", "chunk"), keys, ("version",)))
        rows = [(*key, found.get(index, 0) + 1) for index, key in enumerate(keys)]
        self._bulk.insert(chunk_versions, ("measure", "chunk", "version"), rows, replacing=("version",))


def _key_in(table: sa.Table, keys: Sequence[KeyParts]) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
    """Returns the key columns of a table of chunks, and the keys reduced to them."""
    columns = tuple(name for name in _CHUNK_KEY if name in table.c)
    if columns == _CHUNK_KEY:
        return columns, keys
    indexes = [index for index, name in enumerate(_CHUNK_KEY) if name in columns]
    return columns, [tuple([key[index] for index in indexes]) for key in keys]
