"""Chats that go on in real time, ten times as fast as people: producers, one who asks, and one who watches."""

import asyncio
import hashlib
import heapq
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import grpc.aio

from benchmarks.workload import GOAL_URL, WIDGETS, Workload
from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerk.watching import Watched
from telwerkd.domain.ids import SECOND, Micros
from tests.conftest import Server, timestamp
from tests.programs.long_life.watching import WatchEnd

CROWD, JUDGED, CALIBRATED, BESIDE = "crowd", "judged", "calibrated", "beside"
"""The accounts: nearly all chats, those that the oracle counts too, and two such by which the peak was measured."""
JUDGED_EVERY = 200
"""One of so many chats is of the judged account."""
HASTE = 10
"""How much shorter every wait of a chat is than people's."""
LIVE_LIMIT = Micros(12 * SECOND)
CALL_EVENTS = 50
LANES = 8
"""Producers; a conversation's events all go through one of them."""
ASK_EVERY_SECONDS = 1.0
PURGE_EVERY_SECONDS = 60.0
SETTINGS_EVERY_SECONDS = 300.0
DEADLINE_SECONDS = 60.0
_TICK_SECONDS = 0.02
_WAIT_SECONDS_MAX = 0.2
"""How long a producer waits until a call is full."""
_BEHIND_SECONDS_MAX = 5.0
"""So far the producers may fall behind: on a machine that has other work, chats begin later then."""
_CALIBRATION_CHATS = 3_000
_CALIBRATION_CALLERS = 16
_CALLS_BESIDE = 0.02
"""Share of the calls that are of the other account: who shares the server gets less of it than who is alone."""
KPIS = ("messages", "satisfaction_score", "conversations_ended", "first_response_time", "unanswered_live_conversations")


class Chats:
    """Chats one after the other, each begun when it is its turn; their events fall due in real time."""

    def __init__(self, events_per_second: float) -> None:
        self._workload = Workload(conversations_per_day=10**9)
        self._interval = self._workload.conversation_events / events_per_second
        self._begins = time.time()
        self._due: list[tuple[int, int, str, pb.Event]] = []
        self._order = itertools.count()
        self.begun = 0
        self.judged: list[pb.Event] = []

    def due(self, now: float, *, none_begins: bool) -> Iterator[tuple[str, pb.Event]]:
        """What has happened by now, with its account."""
        while self._begins <= now:
            if not none_begins:
                self._begin(int(self._begins * SECOND))
            self._begins += self._interval
        until = int(now * SECOND)
        while self._due and self._due[0][0] <= until:
            _, _, account, event = heapq.heappop(self._due)
            if account == JUDGED:
                self.judged.append(event)
            yield account, event

    def _begin(self, at: int) -> None:
        account = CROWD if self.begun % JUDGED_EVERY else JUDGED
        first = 0
        for event in self._workload.conversation(self.begun):
            instant = event.occur_time.seconds * SECOND + event.occur_time.nanos // 1_000
            first = first or instant
            instant = at + (instant - first) // HASTE
            event.occur_time.CopyFrom(timestamp(Micros(instant)))
            if account == JUDGED and event.HasField("went_live"):
                event.went_live.live_limit.FromMicroseconds(LIVE_LIMIT)
            heapq.heappush(self._due, (instant, next(self._order), account, event))
        self.begun += 1


class Traffic:
    """All the callers of a server."""

    def __init__(self, server: Server, events_per_second: float, keep_seconds: float) -> None:
        """Events older than `keep_seconds` are purged."""
        self.chats = Chats(events_per_second)
        self.call_seconds: list[float] = []
        self.query_seconds: list[float] = []
        self.sent = Counter[str]()
        """Events that were acknowledged: all, and by account and what counts each as one."""
        self.updates = 0
        self.shown: kpi.QueryTimeSeriesResponse | None = None
        """What the watch shows."""
        self.watch_ends: list[WatchEnd] = []
        self.failures = Counter[str]()
        self._waiting_max = int(events_per_second * _BEHIND_SECONDS_MAX)
        self._ingestion, self._kpis, self._settings = server.ingestion, server.kpis, server.settings
        self._admin = admin_grpc.AdminServiceStub(server.channel)
        self._keep_seconds = keep_seconds
        self._lanes: list[deque[tuple[str, pb.Event]]] = [deque() for _ in range(LANES)]
        self._stopping = False
        self._working: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Events that have happened and were not acknowledged yet."""
        return sum(map(len, self._lanes))

    async def start(self) -> None:
        """Begins all of it."""
        for account in (CROWD, JUDGED):
            await self._set_widgets(account)
        works = [self._happen(), self._ask(), self._purge(), self._change_settings(), *map(self._produce, self._lanes)]
        self._working = [asyncio.create_task(work) for work in works]
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Returns when all that has happened is acknowledged; the watch goes on."""
        self._stopping = True
        await asyncio.gather(*self._working)

    async def end(self) -> None:
        """Ends the watch."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _happen(self) -> None:
        while not self._stopping:
            behind = self.waiting > self._waiting_max
            for account, event in self.chats.due(time.time(), none_begins=behind):
                lane = hashlib.blake2b(event.conversation_id.encode(), digest_size=1).digest()[0] % LANES
                self._lanes[lane].append((account, event))
            await asyncio.sleep(_TICK_SECONDS)

    async def _produce(self, lane: deque[tuple[str, pb.Event]]) -> None:
        waits_since = time.monotonic()
        while lane or not self._stopping:
            late = time.monotonic() - waits_since >= _WAIT_SECONDS_MAX
            if len(lane) < CALL_EVENTS and not late and not self._stopping:
                await asyncio.sleep(_TICK_SECONDS)
                continue
            some = [lane[place] for place in range(min(CALL_EVENTS, len(lane)))]
            for account in sorted({account for account, _ in some}):
                await self._send(account, [event for of, event in some if of == account])
            for _ in some:
                lane.popleft()
            waits_since = time.monotonic()

    async def _send(self, account: str, events: list[pb.Event]) -> None:
        """Until it is acknowledged."""
        while True:
            begun = time.perf_counter()
            try:
                answer = await self._ingestion.IngestEvents(
                    ingestion.IngestEventsRequest(account_id=account, events=events), timeout=DEADLINE_SECONDS
                )
            except grpc.aio.AioRpcError as error:
                self.failures[f"IngestEvents: {error.code().name}"] += 1
                await asyncio.sleep(1)
                continue
            self.call_seconds.append(time.perf_counter() - begun)
            break
        self.failures.update(f"refused: {rejection.reason}" for rejection in answer.rejections)
        self.sent["events"] += len(events)
        self.sent[account] += len(events)
        for event in events:
            self.sent[f"{account}/{event.WhichOneof('kind')}"] += 1

    async def _ask(self) -> None:
        for turn in itertools.count():
            if self._stopping:
                return
            by = [kpi.DIMENSION_OPERATOR] if turn % 2 else []
            await self._asked(
                self._kpis.QueryTotals,
                kpi.QueryTotalsRequest(account_id=CROWD, kpi_ids=KPIS, range=_today(), group_by=by),
            )
            await self._asked(self._kpis.QueryTimeSeries, series())
            await asyncio.sleep(ASK_EVERY_SECONDS)

    async def _asked(self, method: Any, request: Any) -> None:
        begun = time.perf_counter()
        try:
            await method(request, timeout=DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            self.failures[f"{type(request).__name__}: {error.code().name}"] += 1
            return
        self.query_seconds.append(time.perf_counter() - begun)

    async def _watch(self) -> None:
        """Again whenever it ends."""
        while True:
            watched, opened = Watched(sparse=False), time.monotonic()
            request = kpi.WatchTimeSeriesRequest(account_id=CROWD, query=series())
            try:
                async for update in self._kpis.WatchTimeSeries(request):
                    self.shown = watched.update(update)
                    self.updates += 1
                ended = "OK", ""
            except grpc.aio.AioRpcError as error:
                ended = error.code().name, error.details() or ""
            self.watch_ends.append(WatchEnd(time.time(), time.monotonic() - opened, *ended))
            await asyncio.sleep(1)

    async def _purge(self) -> None:
        async for _ in self._every(min(PURGE_EVERY_SECONDS, self._keep_seconds)):
            before = timestamp(Micros(int((time.time() - self._keep_seconds) * SECOND)))
            for account in (CROWD, JUDGED):
                request = admin.PurgeEventsRequest(account_id=account, before_time=before)
                try:
                    await self._admin.PurgeEvents(request, timeout=10 * DEADLINE_SECONDS)
                except grpc.aio.AioRpcError as error:
                    self.failures[f"PurgeEvents: {error.code().name}"] += 1

    async def _change_settings(self) -> None:
        async for _ in self._every(SETTINGS_EVERY_SECONDS):
            await self._set_widgets(CROWD)

    async def _every(self, seconds: float) -> Any:
        due = time.monotonic() + seconds
        while not self._stopping:
            if time.monotonic() >= due:
                due += seconds
                yield
            await asyncio.sleep(_TICK_SECONDS)

    async def _set_widgets(self, account: str) -> None:
        for widget in WIDGETS:
            version = settings.WidgetSettings(
                widget_id=widget, effective_time=timestamp(Micros(int(time.time()) * SECOND))
            )
            version.live_limit.FromMicroseconds(LIVE_LIMIT)
            version.goals.add(goal_id="order", url=GOAL_URL)
            await self._settings.SetWidgetSettings(
                settings.SetWidgetSettingsRequest(account_id=account, settings=version)
            )


async def peak(server: Server) -> float:
    """Events per second, as fast as they are taken in calls as the traffic's, of two accounts, made before."""
    workload = Workload(conversations_per_day=1_000_000, random_ids=True)
    requests = list(_calls(workload))
    waiting, ingestion_stub = iter(requests), server.ingestion

    async def send() -> int:
        sent = 0
        for request in waiting:
            answer = await ingestion_stub.IngestEvents(request, timeout=DEADLINE_SECONDS)
            sent += answer.accepted_count
        return sent

    begun = time.perf_counter()
    sent = sum(await asyncio.gather(*(send() for _ in range(_CALIBRATION_CALLERS))))
    return sent / (time.perf_counter() - begun)


def _calls(workload: Workload) -> Iterator[ingestion.IngestEventsRequest]:
    """Calls with events of many chats each, as live traffic has them."""
    chance = random.Random(1)  # noqa: S311  # to be repeatable
    window: list[deque[pb.Event]] = []
    numbers = iter(range(_CALIBRATION_CHATS))
    some: list[pb.Event] = []
    while True:
        while len(window) < 500 and (number := next(numbers, None)) is not None:
            window.append(deque(workload.conversation(number)))
        if not window:
            break
        place = chance.randrange(len(window))
        some.append(window[place].popleft())
        if not window[place]:
            window[place] = window[-1]
            window.pop()
        if len(some) == CALL_EVENTS or not window:
            account = BESIDE if chance.random() < _CALLS_BESIDE else CALIBRATED
            yield ingestion.IngestEventsRequest(account_id=account, events=some)
            some = []


def series() -> kpi.QueryTimeSeriesRequest:
    """A question about the crowd, over time."""
    return kpi.QueryTimeSeriesRequest(
        account_id=CROWD, kpi_ids=KPIS[:4], range=_today(), granularity=kpi.GRANULARITY_QUARTER_HOUR
    )


def _today() -> kpi.TimeRange:
    """From the beginning of yesterday to the end of tomorrow."""
    day = 86_400 * SECOND
    today = int(time.time()) * SECOND // day * day
    start, end = timestamp(Micros(today - day)), timestamp(Micros(today + 2 * day))
    return kpi.TimeRange(instants=kpi.InstantRange(start_time=start, end_time=end))
