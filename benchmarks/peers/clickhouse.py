"""A column store: chDB, which is ClickHouse in this very process, over raw events in its own files.

Given to the peer: no network, no server; the table is sorted for just these questions, its repeated texts are
dictionaries, its times whole seconds (twice as fast here as microseconds), all parts are merged; and the answer is left
in ClickHouse's own format, unsorted. Functions here run in the client's process.
"""

import csv
import time
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import chdb

from benchmarks.questions import Numbers, YearByDay
from benchmarks.workload import ACCOUNT, Workload, raw_events

_TABLE = """
CREATE OR REPLACE TABLE raw_events (
    account_id LowCardinality(String), conversation_id String, kind LowCardinality(String), occur_time DateTime('UTC'),
    operator_id LowCardinality(String), group_id LowCardinality(String), widget_id LowCardinality(String), stars UInt8
) ENGINE = MergeTree ORDER BY (account_id, kind, occur_time)
"""
_YEAR_BY_DAY = """
SELECT toDate(occur_time, '{zone}') AS day, {operator} AS operator, count(), sum(stars)
FROM raw_events
WHERE account_id = '{account}' AND kind = 'conversation_rated' AND operator_id <> ''
  AND occur_time >= toDateTime('{start} 00:00:00', '{zone}') AND occur_time < toDateTime('{end} 00:00:00', '{zone}')
GROUP BY day, operator
"""


def load(folder: str, workload: Workload, conversations: int) -> None:
    """Fills the table anew."""
    connection = _connection(folder)
    connection.query("CREATE DATABASE IF NOT EXISTS default ENGINE = Atomic")
    connection.query(_TABLE)
    file = Path(folder) / "raw.csv"
    with file.open("w", newline="") as text:
        writer = csv.writer(text)
        for raw in raw_events(workload, 0, conversations):
            row = (raw.conversation_id, raw.kind, raw.occur_micros // 1_000_000)
            writer.writerow((ACCOUNT, *row, raw.operator_id, raw.group_id, raw.widget_id, raw.stars))
    connection.query(f"INSERT INTO raw_events SELECT * FROM file('{file}', CSV)")
    connection.query("OPTIMIZE TABLE raw_events FINAL")
    file.unlink()


def answer(folder: str, question: YearByDay) -> Numbers:
    """The answer to a question."""
    text = _connection(folder).query(_sql(question), "CSV").bytes().decode()
    return {
        (date.fromisoformat(day), operator): (int(n), int(stars))
        for day, operator, n, stars in csv.reader(text.splitlines())
    }


def times_seconds(folder: str, questions: Sequence[YearByDay]) -> list[float]:
    """How long each question takes."""
    connection = _connection(folder)
    times = []
    for question in questions:
        begun = time.perf_counter()
        connection.query(_sql(question), "Native").bytes()
        times.append(time.perf_counter() - begun)
    return times


@lru_cache(maxsize=1)
def _connection(folder: str) -> Any:
    return chdb.connect(str(Path(folder) / "chdb"))


def _sql(question: YearByDay) -> str:
    return _YEAR_BY_DAY.format(
        account=ACCOUNT,
        zone=question.zone,
        operator="operator_id" if question.by_operator else "''",
        start=question.start,
        end=question.end,
    )
