"""The log of slow queries: each above a threshold, with its plan and the times of its stages.

Ids that a query filters by are not logged: a filter is shown by its dimensions and numbers of ids.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter

from telwerkd.application.query.budgets import RowBudget
from telwerkd.application.query.plan import ByChunk, CachedWhole, QueryPlan, SlicePlan
from telwerkd.application.query.question import Query
from telwerkd.domain.ids import AccountId
from telwerkd.process import tracing
from telwerkd.process.log_format import Event
from telwerkd.process.tracing import Timed

log = logging.getLogger(__name__)


class SlowQueries:
    """Logs queries that take longer than `threshold_seconds`; 0 disables log and timing."""

    def __init__(self, threshold_seconds: float) -> None:
        self.threshold_seconds = threshold_seconds

    def watched(self, method: str, account: AccountId) -> AbstractContextManager[None]:
        """Returns a context manager that times a query or a batch, and logs it if slow."""
        return _Watched(method, account, self.threshold_seconds) if self.threshold_seconds else nullcontext()


class _Watched:
    __slots__ = ("_account", "_begun", "_method", "_query", "_threshold_seconds", "_token")

    def __init__(self, method: str, account: AccountId, threshold_seconds: float) -> None:
        self._method = method
        self._account = account
        self._threshold_seconds = threshold_seconds

    def __enter__(self) -> None:
        self._query = Timed()
        self._token = tracing.timed.set(self._query)
        self._begun = perf_counter()

    def __exit__(self, _kind: object, _raised: object, _trace: object) -> None:
        seconds = perf_counter() - self._begun
        tracing.timed.reset(self._token)
        if seconds > self._threshold_seconds:
            _tell(self._method, self._account, seconds, self._query)


def _tell(method: str, account: AccountId, seconds: float, query: Timed) -> None:
    fields: dict[str, object] = {"method": method, "account": account, "ms": _ms(seconds)}
    plans = [found for found in query.noted if isinstance(found, QueryPlan)]
    if plans:
        fields |= _of_plans(plans, {found for found in query.noted if isinstance(found, RowBudget)})
    log.warning(Event("slow query", fields | {f"{name}_ms": _ms(spent) for name, spent in query.seconds.items()}))


def _of_plans(plans: Sequence[QueryPlan], budgets: Collection[RowBudget]) -> dict[str, object]:
    slices = [of for plan in plans for of in plan.slices()]
    queries = [plan.outline.query for plan in plans]
    widths = [plan.outline.granularity for plan in plans]
    return {
        "queries": len(plans),
        "kpis": _listed(info.id for query in queries for info in query.kpis),
        "granularity": _listed("total" if width is None else width.name.lower() for width in widths),
        "group_by": _listed(dimension.name.lower() for query in queries for dimension in query.group_by) or None,
        "filter": _listed(name for query in queries for name in _conditions(query)) or None,
        "buckets": sum(sum(plan.outline.bucket_counts) for plan in plans),
        "cost": sum(plan.outline.cost for plan in plans),
        "rows": sum(budget.taken for budget in budgets),
        "chunks": sum(_chunks(of) for of in slices),
        "cached": all(plan.is_cached_whole for plan in plans),
    }


def _conditions(query: Query) -> list[str]:
    """Returns the conditions of a filter as texts such as `operators:3`, with the number of ids."""
    ids = {"operators": query.filter.operators, "groups": query.filter.groups, "widgets": query.filter.widgets}
    ids |= {"values": query.filter.values, "questions": query.filter.questions}
    counted = {name: sum(map(len, of)) for name, of in ids.items()} | {
        "topics": sum(map(len, query.filter.topics)),
    }
    return [f"{name}:{count}" for name, count in counted.items() if count]


def _chunks(of: SlicePlan) -> int:
    match of.source:
        case CachedWhole(versions=versions):
            return len(versions)
        case ByChunk(chunks=chunks):
            return len(chunks)
        case _:
            return of.outline.selector.last_chunk - of.outline.selector.first_chunk + 1


def _listed(names: Iterator[str]) -> str:
    return ",".join(dict.fromkeys(names))


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
