"""The reads of queries: counters, delta entries, versions, and the instant up to which counters are complete."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from telwerkd.application.names import GROUPS, OPERATORS, WIDGETS
from telwerkd.application.ports import ChunkSelector, StoredChunk
from telwerkd.domain.counting.cells import are_cells
from telwerkd.domain.counting.counters import BY_GROUP, BY_OPERATOR, BY_VALUE, BY_WIDGET
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.measures import Measure, kpi_of
from telwerkd.domain.ids import Micros
from telwerkd.storage.schema.tables import base_counters, chunk_versions, conversations, counters, deltas
from telwerkd.storage.sql import records
from telwerkd.storage.sql.account_part import AccountPart, Statement, check_types, whole_cells


def _cells_of(table: sa.Table) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in ("chunk", "operator_id", "group_id", "widget_id", "value", "cells")))


def _within(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    """Returns the condition for an account's rows of a measure in a range of chunks."""
    c = table.c
    return (
        c.account_id == sa.bindparam("account", type_=c.account_id.type),
        c.measure == sa.bindparam("measure", type_=c.measure.type),
        c.chunk.between(sa.bindparam("first", type_=c.chunk.type), sa.bindparam("last", type_=c.chunk.type)),
    )


_CELLS = Statement(
    _cells_of(counters)
    .where(*_within(counters), counters.c.grouping == sa.bindparam("grouping", type_=sa.SmallInteger))
    .limit(sa.bindparam("rows_max", type_=sa.BigInteger))
)

_CHUNK_VERSIONS = Statement(sa.select(chunk_versions.c.chunk, chunk_versions.c.version).where(*_within(chunk_versions)))

_DELTAS = Statement(
    sa.select(deltas.c.leaves).where(
        deltas.c.account_id == sa.bindparam("account"), deltas.c.measure == sa.bindparam("measure")
    )
)

_FILED = Statement(
    sa.select(sa.func.count(), sa.func.sum(deltas.c.size)).where(
        deltas.c.account_id == sa.bindparam("account"), deltas.c.measure == sa.bindparam("measure")
    )
)


_EARLIEST_DUE = Statement(
    sa.select(sa.func.min(conversations.c.due)).where(
        conversations.c.account_id == sa.bindparam("account"), conversations.c.due.is_not(None)
    )
)


class CounterQueries(AccountPart):
    """Reads counters for answers, and the earliest limit that is open."""

    def cells(self, selector: ChunkSelector) -> list[StoredChunk]:
        """Returns the stored chunks of a selector."""
        if not (selector.operators or selector.groups or selector.widgets or selector.values):
            found = _CELLS.on(
                self._connection,
                account=self._account,
                measure=selector.measure,
                grouping=selector.grouping,
                first=selector.first_chunk,
                last=selector.last_chunk,
                rows_max=selector.rows_max,
            )
        else:
            found = self._connection.execute(self._sought(selector)).all()
        # All at once, for there may be thousands; which one it is, is looked for only then.
        blobs = [row[-1] for row in found]
        if not are_cells(blobs):
            for *key, cells in found:
                whole_cells(counters.name, (selector.measure, selector.grouping, *key), cells)
        return [StoredChunk(*row) for row in found]

    def _sought(self, selector: ChunkSelector) -> sa.Select[*tuple[Any, ...]]:
        """Returns a SELECT that looks up the chunks of the named ids by their keys, so that no other chunk is read.

        The key is given up to the last named part; a part that the grouping leaves out is empty.
        """
        c = counters.c
        versions = self.chunk_versions(selector.measure, selector.first_chunk, selector.last_chunk)
        query = _cells_of(counters).where(
            c.account_id == self._account,
            c.measure == selector.measure,
            c.grouping == selector.grouping,
            c.chunk.in_(sorted(versions)),
        )
        for column, bit, ids in (
            (c.operator_id, BY_OPERATOR, selector.operators),
            (c.group_id, BY_GROUP, selector.groups),
            (c.widget_id, BY_WIDGET, selector.widgets),
            (c.value, BY_VALUE, selector.values),
        ):
            if not selector.grouping & bit:
                query = query.where(column == "")
            elif ids:
                query = query.where(column.in_(sorted(ids)))
        return query.limit(selector.rows_max)

    def chunk_versions(self, measure: Measure, first_chunk: int, last_chunk: int) -> dict[int, int]:
        """The chunks of a measure in a range that hold anything, each with a number that grows when it changes."""
        found = _CHUNK_VERSIONS.on(
            self._connection, account=self._account, measure=measure, first=first_chunk, last=last_chunk
        )
        return dict(found)

    def filed(self, measure: Measure) -> tuple[int, int]:
        """Returns the number of rows and of entries behind `deltas`."""
        [[rows, entry_count]] = _FILED.on(self._connection, account=self._account, measure=measure)
        return int(rows), int(entry_count or 0)

    def deltas(self, measure: Measure) -> DeltaEntries:
        """Returns the delta entries of a measure."""
        found = _DELTAS.on(self._connection, account=self._account, measure=measure)
        return records.entries_of([blob for [blob] in found])

    def earliest_due(self) -> Micros | None:
        """Returns the instant of the earliest limit that is not settled; None without any."""
        [[due]] = _EARLIEST_DUE.on(self._connection, account=self._account)
        check_types(conversations.name, (), (due,), (int,))
        return None if due is None else Micros(due)

    def base_cells(self, measure: Measure, first_chunk: int, last_chunk: int) -> list[StoredChunk]:
        """Returns the chunks of base facts of a measure, of the finest grouping."""
        c = base_counters.c
        query = _cells_of(base_counters).where(
            c.account_id == self._account, c.measure == measure, c.chunk.between(first_chunk, last_chunk)
        )
        return [StoredChunk(*row) for row in self._connection.execute(query)]

    def counted_names(self) -> Iterator[tuple[int, str]]:
        """Yields the distinct names in the counters' keys, each after its family."""
        c = counters.c
        for grouping, family, column in (
            (BY_OPERATOR, OPERATORS, c.operator_id),
            (BY_GROUP, GROUPS, c.group_id),
            (BY_WIDGET, WIDGETS, c.widget_id),
            (BY_VALUE, None, c.value),
        ):
            mine = (c.account_id == self._account, c.grouping == grouping)
            for measure, name in self._stream(sa.select(c.measure, column).where(*mine).distinct()):
                yield (kpi_of(measure) if family is None else family), name
