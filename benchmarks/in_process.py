"""The service's own steps in one process, without gRPC: a store, the calls of a workload, and what is asked."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.questions import ZONES, YearByDay, quarter_hours
from benchmarks.workload import ACCOUNT, GOAL_URL, LIVE_LIMIT_SECONDS, START_SECONDS, WIDGETS
from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.ports import Command, Transaction
from telwerkd.application.upkeep.upkeep import COMPACTED_MAX
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import SECOND, AccountId, GoalId, Micros, WidgetId
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.transport.codec.fields import FieldReader

T = TypeVar("T")

ACCOUNT_ID = AccountId(ACCOUNT)
FIELDS = FieldReader(id_bytes_max=128, url_bytes_max=2_048)
NOW = Micros(START_SECONDS * SECOND + 10**15)
"""After all events."""
ROLLUPS_BYTES_MAX = 64 * 2**20
"""The default of `rollup_cache_bytes_max`."""
ASKED_DAYS = 730
"""The days over which the events are spread that questions ask about, so that every year asked about is full."""
QUESTIONS: dict[str, Callable[[int], bytes]] = {
    "year by day, total": lambda day: YearByDay(ZONES[0], day).request(),
    "year by day, by 50 operators": lambda day: YearByDay(ZONES[0], day, by_operator=True).request(),
    "2,880 points": lambda day: quarter_hours(96 * day),
}
"""Requests by what they ask, each for the data from a given day on."""


@dataclass(frozen=True)
class Do(Command[T]):
    """A command that runs a function."""

    function: Callable[[Transaction], T]

    def run(self, tx: Transaction) -> T:
        return self.function(tx)


@asynccontextmanager
async def opened(database: Path) -> AsyncIterator[SqliteStore]:
    """A store on this file, with the settings of the workload's widgets."""
    prepare(database)
    store = SqliteStore(database)
    try:
        await store.write([(ACCOUNT_ID, Do(_put_settings))])
        yield store
    finally:
        await store.close()


async def compact_all(store: SqliteStore) -> None:
    """Moves all delta entries into chunks."""

    def compacted(measure: Measure) -> Do[int]:
        return Do(lambda tx: compact(tx, measure, COMPACTED_MAX))

    for _, measure, _ in await store.compactable():
        while (await store.write([(ACCOUNT_ID, compacted(measure))]))[0]:
            pass


def _put_settings(tx: Transaction) -> None:
    goals = (Goal(GoalId("order"), GOAL_URL),)
    for widget in WIDGETS:
        tx.put_widget_version(
            WidgetId(widget), WidgetVersion(Micros(0), Micros(LIVE_LIMIT_SECONDS * SECOND), goals, ())
        )
