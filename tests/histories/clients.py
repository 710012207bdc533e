"""Clients that write, take back, ask and watch, and note what they did and saw."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any, Final

import grpc.aio

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from tests.conftest import ALL_TIME, CALL_SECONDS, Server
from tests.histories.checker import NEVER, History, Read, Write

START: Final = 1_767_600_000
GOALS, RATINGS = "goals_reached", "satisfaction_score"
ROWS_MAX: Final = 900
"""Of one account; more than fit on a page nobody asks for."""
AGAIN_SECONDS: Final = 0.1

UNSURE: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED})
"""What tells nothing of what became of a call: connections break on purpose."""


def batch(name: str, size: int) -> list[pb.Event]:
    """Conversations of which each reaches the goal `name` and is rated: two KPIs that must agree."""
    events: list[pb.Event] = []
    for number in range(size):
        for second, kind in enumerate(("assigned", "message", "goal", "rated")):
            event = pb.Event(event_id=kind, conversation_id=f"{name}-{number}", widget_id="w")
            event.occur_time.seconds = START + number * 10 + second
            match kind:
                case "assigned":
                    event.operator_assigned.operator_id = "anna"
                case "message":
                    event.message_sent.sender = pb.SENDER_CONTACT
                case "goal":
                    event.goal_reached.goal_id = name
                case _:
                    event.conversation_rated.stars = 4
            events.append(event)
    return events


def taking_back(name: str, size: int) -> list[pb.Event]:
    events: list[pb.Event] = []
    for number in range(size):
        for kind in ("goal", "rated"):
            event = pb.Event(event_id=f"{kind} back", conversation_id=f"{name}-{number}", widget_id="w")
            event.occur_time.seconds = START + 100
            event.event_retracted.retracted_event_id = kind
            events.append(event)
    return events


def goals_of(rows: Sequence[Any]) -> dict[str, int]:
    """What is counted under each name."""
    return {row.key.value.goal_id: row.count for row in rows if row.kpi_id == GOALS and row.count}


class Client:
    """One client of one account, which goes to any of the servers."""

    def __init__(self, account: str, name: str, servers: Sequence[Server], history: History, chance: Random) -> None:
        self._account = account
        self._name = name
        self._servers = servers
        self._history = history
        self._chance = chance
        self._numbers = iter(range(10**9))
        self.outcomes: dict[str, int] = {}
        self.wrong: list[str] = []

    async def run(self, until: float) -> None:
        """Does one thing after the other until then."""
        while time.monotonic() < until:
            match self._chance.randrange(10):
                case 0:
                    await self._take_back()
                case 1 | 2 | 3 | 4:
                    await self._write()
                case _:
                    await self.read()

    async def _write(self) -> None:
        if len(self._history.writes) < ROWS_MAX:
            name = f"{self._name}.{next(self._numbers)}"
            size = self._chance.randint(1, 5)
            await self._send(Write(name, size, time.monotonic()), batch(name, size))

    async def _take_back(self) -> None:
        known = [write for write in self._history.writes if write.answered < NEVER and not write.takes_back]
        if known:
            wanted = self._chance.choice(known)
            write = Write(f"{wanted.name} back", wanted.size, time.monotonic(), takes_back=wanted.name)
            await self._send(write, taking_back(wanted.name, wanted.size))

    async def _send(self, write: Write, events: list[pb.Event]) -> None:
        """Sends it; where the outcome is unknown, half of the time again until it is known, on any server."""
        place = len(self._history.writes)
        self._history.writes.append(write)
        while True:
            answer = await self._called(self._server().ingest(self._account, events), "write")
            if answer is not None:
                self._history.writes[place] = replace(write, answered=time.monotonic())
                self._judge(write, answer, len(events))
                return
            if self._chance.randrange(2):
                return
            await asyncio.sleep(AGAIN_SECONDS)

    def _judge(self, write: Write, answer: ingestion.IngestEventsResponse, count: int) -> None:
        """Sent again it is a repetition as a whole, or new as a whole; others may take the same back meanwhile."""
        if answer.rejections:
            self.wrong.append(f"{write.name} is refused: {answer.rejections[0]}")
        elif count not in {answer.accepted_count, answer.duplicate_count}:
            self.wrong.append(f"whole: of {write.name} {answer.accepted_count} of {count} events were new")

    async def read(self) -> Read | None:
        """Asks one of the servers, by one query or by several on one view."""
        called, by = time.monotonic(), self._chance.choice(("QueryTotals", "BatchQuery", "BatchQuery"))
        found = await (self._of_batch() if by == "BatchQuery" else self._of_query())
        if found is None:
            return None
        seen, agreeing = found
        read = Read(called, time.monotonic(), seen, agreeing, by)
        self._history.reads.append(read)
        return read

    async def _of_query(self) -> tuple[Mapping[str, int], Sequence[int]] | None:
        asked = self._server().totals(self._account, GOALS, group_by=[kpi.DIMENSION_VALUE])
        answer = await self._called(asked, "query")
        return None if answer is None else (goals_of(answer.totals), ())

    async def _of_batch(self) -> tuple[Mapping[str, int], Sequence[int]] | None:
        def totals(*kpi_ids: str, **fields: Any) -> kpi.BatchedQuery:
            return kpi.BatchedQuery(totals=kpi.QueryTotalsRequest(kpi_ids=kpi_ids, range=ALL_TIME, **fields))

        series = kpi.QueryTimeSeriesRequest(kpi_ids=[RATINGS], range=ALL_TIME, granularity=kpi.GRANULARITY_YEAR)
        queries = [
            totals(RATINGS),
            totals(GOALS, group_by=[kpi.DIMENSION_VALUE]),
            totals(GOALS, RATINGS),
            kpi.BatchedQuery(time_series=series),
        ]
        request = kpi.BatchQueryRequest(account_id=self._account, queries=queries)
        answer = await self._called(self._server().kpis.BatchQuery(request, timeout=CALL_SECONDS), "batch of queries")
        if answer is None:
            return None
        first, grouped, both, years = answer.answers
        sums = [sum(row.count for row in part.totals.totals) for part in (first, grouped)]
        sums += [row.count for row in both.totals.totals]
        sums.append(sum(sum(one.counts) for one in years.time_series.series))
        return goals_of(grouped.totals.totals), sums

    async def watch(self, until: float) -> None:
        """Watches one of the servers, and again where the connection breaks."""
        while time.monotonic() < until:
            states: list[Read] = []
            self._history.watches.append(states)
            with suppress(TimeoutError):
                async with asyncio.timeout(until - time.monotonic()):
                    await self._called(self._watched(states), "watch")

    async def _watched(self, states: list[Read]) -> None:
        query = kpi.QueryTimeSeriesRequest(
            kpi_ids=[GOALS], range=ALL_TIME, granularity=kpi.GRANULARITY_YEAR, group_by=[kpi.DIMENSION_VALUE]
        )
        called = time.monotonic()
        seen: dict[str, int] = {}
        calls: Any = self._server().kpis
        async for update in calls.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id=self._account, query=query)):
            changed = update.snapshot if update.HasField("snapshot") else update.changes
            seen = {} if update.HasField("snapshot") else dict(seen)
            for series in changed.series:
                seen[series.key.value.goal_id] = sum(series.counts)
            shown = {name: count for name, count in seen.items() if count}
            states.append(Read(called, time.monotonic(), shown, by="a watch"))

    async def _called(self, call: Any, what: str) -> Any:
        """The answer; None where the connection broke."""
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            if error.code() not in UNSURE:
                self.wrong.append(f"a {what} is answered {error.code().name}: {error.details()}")
            self._note(f"{what}: {error.code().name}")
            return None
        self._note(f"{what}: answered")
        return answer

    def _server(self) -> Server:
        return self._chance.choice(self._servers)

    def _note(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
