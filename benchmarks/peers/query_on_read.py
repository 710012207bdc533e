"""Query on read: raw events in PostgreSQL, counted by GROUP BY whenever somebody asks, as Chatwoot's reports do.

Given to the peer: the operator stands beside each rating already; ids are integers, as Chatwoot's are; the indexes are
those that such a table has (account, kind and time; conversation; operator); it is vacuumed and analysed, and has the
statistics that let the planner use all cores; the statement is prepared, on a socket that is open.
Functions here run in the client's process.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg

from benchmarks.questions import Numbers, YearByDay
from benchmarks.workload import WIDGETS, Workload, raw_events
from telwerk.v1 import event_pb2

_SCHEMA = """
DROP TABLE IF EXISTS raw_events;
CREATE TABLE raw_events (
    account_id INTEGER NOT NULL, conversation_id INTEGER NOT NULL, kind SMALLINT NOT NULL,
    occur_time TIMESTAMPTZ NOT NULL, operator_id INTEGER, widget_id INTEGER NOT NULL, stars SMALLINT NOT NULL
);
"""
_INDEXES = """
CREATE INDEX ON raw_events (account_id, kind, occur_time);
CREATE INDEX ON raw_events (account_id, conversation_id);
CREATE INDEX ON raw_events (account_id, operator_id, occur_time);
CREATE STATISTICS raw_events_day ON ((occur_time AT TIME ZONE 'Europe/Berlin')::date) FROM raw_events;
"""
_KINDS = [field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["kind"].fields]
_COLUMNS = ("account_id", "conversation_id", "kind", "occur_time", "operator_id", "widget_id", "stars")

_YEAR_BY_DAY = """
SELECT (occur_time AT TIME ZONE '{zone}')::date, {operator}, count(*), sum(stars)
FROM raw_events
WHERE account_id = 1 AND kind = {kind} AND operator_id IS NOT NULL AND occur_time >= $1 AND occur_time < $2
GROUP BY 1, 2
"""


def load(url: str, workload: Workload, conversations: int) -> None:
    """Fills the table anew."""
    asyncio.run(_load(url, workload, conversations))


def answer(url: str, question: YearByDay) -> Numbers:
    """The answer to a question."""
    _, rows = asyncio.run(_ask(url, [question]))
    return {(day, "" if operator is None else f"op-{operator:04}"): (n, stars) for day, operator, n, stars in rows}


def times_seconds(url: str, questions: Sequence[YearByDay]) -> list[float]:
    """How long each question takes, rows fetched."""
    times, _ = asyncio.run(_ask(url, questions))
    return times


async def _load(url: str, workload: Workload, conversations: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_SCHEMA)
        records = _records(workload, conversations)
        await connection.copy_records_to_table("raw_events", records=records, columns=_COLUMNS)
        await connection.execute(_INDEXES)
        await connection.execute("VACUUM ANALYZE raw_events")
    finally:
        await connection.close()


def _records(workload: Workload, conversations: int) -> Iterator[tuple[Any, ...]]:
    for raw in raw_events(workload, 0, conversations):
        at = datetime.fromtimestamp(raw.occur_micros / 1_000_000, UTC)
        operator = int(raw.operator_id.removeprefix("op-")) if raw.operator_id else None
        yield (
            1,
            int(raw.conversation_id),
            _KINDS.index(raw.kind),
            at,
            operator,
            WIDGETS.index(raw.widget_id),
            raw.stars,
        )


async def _ask(url: str, questions: Sequence[YearByDay]) -> tuple[list[float], list[Any]]:
    times: list[float] = []
    rows: list[Any] = []
    connection = await asyncpg.connect(url)
    try:
        for question in questions:
            operator = "operator_id" if question.by_operator else "NULL::integer"
            kind = _KINDS.index("conversation_rated")
            text = _YEAR_BY_DAY.format(operator=operator, kind=kind, zone=question.zone)
            statement = await connection.prepare(text)
            begun = time.perf_counter()
            rows = await statement.fetch(*question.instants)
            times.append(time.perf_counter() - begun)
    finally:
        await connection.close()
    return times, rows
