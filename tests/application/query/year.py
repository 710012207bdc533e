"""A year of facts in chunks: two operators, each with one on every tenth day."""

from datetime import date
from typing import Any

from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.query.question import Filter, Query, QueryLimits
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do

ACCOUNT = AccountId("acme")
LIMITS = QueryLimits()
YEAR = DateRange(date(2025, 1, 1), date(2026, 1, 1))
FIRST_DAY = (date(2025, 1, 1) - date(1970, 1, 1)).days
DAYS = range(5, 360, 10)
CHUNKS = len({(FIRST_DAY + day) * 96 // CHUNK_QUARTER_HOURS for day in DAYS})
QUERY = Query(
    ACCOUNT, (CATALOGUE[Kpi.FEEDBACK_COUNT],), YEAR, Granularity.DAY, "Europe/Berlin", Filter(), (Dimension.OPERATOR,)
)


async def fill(store: SqliteStore) -> None:
    """Puts the year into a store, and all of it into chunks."""
    deltas = Deltas()
    for day in DAYS:
        for operator in ("a", "b"):
            ids = OperatorId(operator), OperatorGroupId(""), WidgetId("web")
            instant = Micros((FIRST_DAY + day) * 86_400_000_000 + 43_200_000_000)
            deltas.add(FactChange(Change.COUNTED, Fact(Kpi.FEEDBACK_COUNT, "", *ids, instant, EventId("e"))))

    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(deltas)
        compact(tx, COUNTED[Kpi.FEEDBACK_COUNT], 1_000_000)

    await store.write([(ACCOUNT, Do(work))])
