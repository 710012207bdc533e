"""Callers of one server: producers, one who asks, and one who looks at readiness; and what each call came to."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from tests.conftest import ALL_TIME, Server
from tests.programs.crash import Producer

ACCOUNTS = ("acme", "other")
PRODUCERS = 4
EVENTS_MAX, LARGE_EVENTS_MAX = 6, 2_000
"""Of a batch, and of one that needs memory."""
PAUSE_SECONDS = 0.1
"""Between two calls of one caller."""
PATIENT_SECONDS, HASTY_SECONDS = 12.0, 2.0
"""Deadlines. The patient wait longer than what holds a server up may take by its own limits, which are 10 s."""
LATE_SECONDS = 1.0
"""How much later than its deadline a call may end, on a busy machine."""
_LOOK_SECONDS = 0.1
_LOOK_DEADLINE_SECONDS = 2.0

Kind = Literal["writes", "asks"]
NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Call:
    """One that has ended."""

    kind: Kind
    account: str
    begun: float
    seconds: float
    deadline_seconds: float
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """What readiness was."""

    at: float
    status: str


def quick_channel(address: str) -> grpc.aio.Channel:
    """A connection of its own, which comes back quickly: it is a server that is measured, not a client's patience."""
    backoff = [(f"grpc.{name}_reconnect_backoff_ms", 200) for name in ("initial", "min", "max")]
    return grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1), *backoff])


class Load:
    """All the callers, from `start` to `stop`; what was not answered is sent again until it is."""

    def __init__(self, address: str, health_address: str | None = None, seed: int = 20) -> None:
        """Readiness may be looked at by another way than the calls take."""
        chance = random.Random(seed)  # noqa: S311  # to be repeatable
        self.producers = [
            Producer(f"p{n}", ACCOUNTS[n % len(ACCOUNTS)], random.Random(chance.random()))  # noqa: S311
            for n in range(PRODUCERS)
        ]
        self.events_max = EVENTS_MAX
        """Of a batch that is made from now on."""
        self.calls: list[Call] = []
        self.looks: list[Look] = []
        self._address = address
        self._health_address = health_address or address
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def acknowledged(self) -> set[tuple[str, str]]:
        """Account and id of every event that was."""
        return {(producer.account, name) for producer in self.producers for name in producer.acknowledged}

    def start(self) -> None:
        """Until `stop`."""
        deadlines = (PATIENT_SECONDS, HASTY_SECONDS)
        self._stopping = False
        self._tasks = [
            asyncio.create_task(self._produce(producer, deadlines[n // len(ACCOUNTS) % 2]))
            for n, producer in enumerate(self.producers)
        ]
        self._tasks += [asyncio.create_task(self._ask(ACCOUNTS[0])), asyncio.create_task(self._look())]

    async def stop(self) -> None:
        """Returns when all that was sent is acknowledged."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        """Whatever is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _produce(self, producer: Producer, deadline_seconds: float) -> None:
        async with quick_channel(self._address) as channel:
            server = Server(self._address, channel)
            while producer.unanswered or not self._stopping:
                if not producer.unanswered:
                    producer.unanswered.append(producer.batch(self.events_max))
                request = ingestion.IngestEventsRequest(account_id=producer.account, events=producer.unanswered[0])
                calling = server.ingestion.IngestEvents(request, timeout=deadline_seconds)
                answer = await self._ended("writes", producer.account, calling, deadline_seconds)
                if answer is not None:
                    producer.answered(answer)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self, account: str) -> None:
        async with quick_channel(self._address) as channel:
            kpis = Server(self._address, channel).kpis
            request = kpi.QueryTotalsRequest(account_id=account, kpi_ids=["satisfaction_score"], range=ALL_TIME)
            while not self._stopping:
                await self._ended("asks", account, kpis.QueryTotals(request, timeout=HASTY_SECONDS), HASTY_SECONDS)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _ended(self, kind: Kind, account: str, calling: Any, deadline_seconds: float) -> Any:
        begun, answer, code, text = time.monotonic(), None, "OK", ""
        try:
            answer = await calling
        except grpc.aio.AioRpcError as error:
            code, text = error.code().name, error.details() or ""
        took = time.monotonic() - begun
        self.calls.append(Call(kind, account, begun, took, deadline_seconds, code, text))
        return answer

    async def _look(self) -> None:
        async with quick_channel(self._health_address) as channel:
            health = Server(self._health_address, channel).health
            request = health_pb2.HealthCheckRequest(service="readiness")
            while not self._stopping:
                status = NO_ANSWER
                try:
                    reply = await health.Check(request, timeout=_LOOK_DEADLINE_SECONDS)
                    status = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
                except grpc.aio.AioRpcError:
                    pass
                self.looks.append(Look(time.monotonic(), status))
                await asyncio.sleep(_LOOK_SECONDS)


def told(calls: Iterable[Call]) -> str:
    """How many ended in which way, the most frequent first."""
    counted = Counter(call.code for call in calls).most_common()
    return ", ".join(f"{code} {count}" for code, count in counted) or "none"
