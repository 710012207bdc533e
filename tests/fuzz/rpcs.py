"""Every method of the contract, with requests that are nearly right: what is answered, and what is stored then."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.server.maintenance import audits
from telwerkd.storage.location import Location
from tests.conftest import ALL_TIME, KPI_IDS
from tests.fuzz.databases import asked
from tests.fuzz.finding import Run, ViolationError, complaints, told
from tests.fuzz.inside import Answer, Inside, inside, refused_field
from tests.fuzz.messages import JANUARY_5, Messages, methods, path_of

LANES: Final = 32
"""Calls that are on their way at the same time."""
LOOK_EVERY: Final = 1_000
"""After so many cases the account beside is asked whether its numbers are what they were."""
REFUSALS: Final = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND})
OFTEN: Final = ("IngestEvents", "StreamEvents", "Query", "Watch", "Explain")

Call = Callable[..., Any]


class Ledger:
    """What the server has said that it keeps."""

    def __init__(self) -> None:
        self.kept = 0
        self._good = 0
        self.purged = False

    def good_event(self) -> pb.Event:
        """One that is accepted whatever is around it."""
        self._good += 1
        event = pb.Event(event_id=f"good{self._good}", conversation_id=f"kept{self._good % 50}", widget_id="w1")
        event.occur_time.seconds = int(time.time()) - 60
        event.message_sent.sender = pb.SENDER_CONTACT
        return event

    def check(self, answer: Any, events: list[pb.Event] | None, stored: Counter[str]) -> None:
        """Holds the answer to a batch against itself and against the batch; `events` is None if that is unknown."""
        counts = Counter(answer.verdicts)
        said = answer.accepted_count, answer.duplicate_count, len(answer.rejections)
        found = tuple(
            counts[one] for one in (ingestion.VERDICT_ACCEPTED, ingestion.VERDICT_DUPLICATE, ingestion.VERDICT_REJECTED)
        )
        if said != found:
            raise ViolationError(f"counts {said} are not those of the verdicts {found}")
        for rejection in answer.rejections:
            if not rejection.message or (rejection.reason == "INVALID_EVENT" and not rejection.field):
                raise ViolationError(f"a rejection without a field or a text: {rejection}")
            stored[rejection.reason] += 1
        self.kept += answer.accepted_count
        if events is None:
            return
        if len(events) != len(answer.verdicts):
            raise ViolationError(f"{len(answer.verdicts)} verdicts of {len(events)} events")
        refused = {rejection.index: rejection for rejection in answer.rejections}
        for place, (event, verdict) in enumerate(zip(events, answer.verdicts, strict=True)):
            is_good = event.event_id.startswith("good") and event.conversation_id.startswith("kept")
            if is_good and verdict == ingestion.VERDICT_REJECTED and not self._may_be_purged(refused[place]):
                raise ViolationError(f"a good event is refused beside bad ones: {refused[place]}")

    def _may_be_purged(self, rejection: ingestion.Rejection) -> bool:
        return self.purged and rejection.reason == "BEFORE_HORIZON"


class Rpcs:
    """The cases of one server."""

    def __init__(self, server: Inside, run: Run, call: Call | None = None) -> None:
        self._server = server
        self._run = run
        self._call: Call = call or server.call
        self._chance = run.chance(0)
        self._messages = Messages(self._chance)
        weighed = [method for method in methods() for _ in range(4 if method.name.startswith(OFTEN) else 1)]
        self._methods = weighed
        self._ledger = Ledger()
        self._before: bytes | None = None

    async def run(self, cases: int, *, until: float | None = None) -> None:
        """Runs so many cases, or as many as there is time for."""
        await self._neighbour()
        numbers = iter(range(cases))

        async def lane() -> None:
            for number in numbers:
                if until is not None and time.monotonic() > until:
                    return
                await self._case(number)
                if number % LOOK_EVERY == LOOK_EVERY - 1:
                    await self._neighbour()

        await asyncio.gather(*(lane() for _ in range(LANES)))
        await self._neighbour()

    @property
    def kept(self) -> int:
        """How many events there must be."""
        return self._ledger.kept

    async def _case(self, number: int) -> None:
        method = self._chance.choice(self._methods)
        requests, batches = self._requests(method)
        self._run.cases += 1
        shown = (path_of(method), *requests)
        try:
            answer = await self._call(path_of(method), *requests)
            self._run.outcomes[f"{method.name} {answer.code.name}"] += 1
            self._judge(method, answer, batches)
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            self._run.found(number, told(error), shown)

    def _requests(self, method: MethodDescriptor) -> tuple[list[bytes], list[list[pb.Event] | None]]:
        """The bytes of the requests, and of batches their events as far as the bytes are still a message."""
        count = self._chance.choice((1, 1, 2, 3)) if method.client_streaming else 1
        requests: list[bytes] = []
        batches: list[list[pb.Event] | None] = []
        for _ in range(count):
            if not method.name.endswith("Events") or method.name == "PurgeEvents":
                requests.append(self._messages.raw(method.input_type))
            elif not self._chance.randrange(8):
                requests.append(self._messages.raw(method.input_type))
                batches.append(None)
            else:
                message = self._messages.made(method.input_type)
                for _ in range(self._chance.choice((0, 1, 1, 2))):
                    message.events.insert(self._chance.randint(0, len(message.events)), self._ledger.good_event())
                requests.append(message.SerializeToString())
                batches.append(list(message.events))
        return requests, batches

    def _judge(self, method: MethodDescriptor, answer: Answer, batches: list[list[pb.Event] | None]) -> None:
        if answer.code is not grpc.StatusCode.OK:
            if answer.code not in REFUSALS:
                raise ViolationError(f"answered {answer.code.name}: {answer.text}")
            if answer.code is grpc.StatusCode.INVALID_ARGUMENT and not refused_field(answer):
                raise ViolationError(f"a refusal names no field: {answer.text}")
        for place, reply in enumerate(answer.replies):
            self._learn(reply)
            if method.name == "PurgeEvents":
                self._ledger.purged = True
            if not batches:
                continue
            if method.name == "StreamEvents" and reply.HasField("error"):
                if not reply.error.reason or not reply.error.message:
                    raise ViolationError(f"a batch failed without a reason: {reply.error}")
                self._run.outcomes[f"StreamEvents, a batch: {reply.error.reason}"] += 1
            else:
                self._ledger.check(reply, batches[place] if place < len(batches) else None, self._run.outcomes)

    def _learn(self, reply: Any) -> None:
        self._ledger.kept -= getattr(reply, "erased_event_count", 0) + getattr(reply, "purged_event_count", 0)
        if (token := getattr(reply, "next_page_token", "")) and len(self._messages.tokens) < 500:
            self._messages.tokens.append(token)

    async def _neighbour(self) -> None:
        """An account beside that nobody touches: it takes a good batch, and its numbers are those of the first time."""
        event = pb.Event(event_id="n1", conversation_id="n", widget_id="w")
        event.occur_time.seconds = JANUARY_5
        event.conversation_rated.stars = 4
        batch = ingestion.IngestEventsRequest(account_id="neighbour", events=[event])
        stored = await self._call("/telwerk.v1.IngestionService/IngestEvents", batch.SerializeToString())
        asked = kpi.QueryTotalsRequest(account_id="neighbour", kpi_ids=KPI_IDS, range=ALL_TIME, time_zone="UTC")
        answer = await self._call("/telwerk.v1.KpiService/QueryTotals", asked.SerializeToString())
        if stored.code is not grpc.StatusCode.OK or answer.code is not grpc.StatusCode.OK:
            self._run.found("neighbour", f"is not served: {stored.text} {answer.text}", asked)
            return
        self._ledger.kept += stored.replies[0].accepted_count
        [reply] = answer.replies
        reply.ClearField("complete_until")
        numbers = reply.SerializeToString(deterministic=True)
        if self._before is not None and numbers != self._before:
            self._run.found("neighbour", "its numbers are others than before", reply)
        self._before = numbers


async def fuzz(database: Location, run: Run, cases: int, *, until: float | None = None) -> None:
    """Runs cases against a server of an empty database, and looks at the end whether everything is as was said."""
    with complaints("telwerkd", "asyncio", "uvicorn") as lines:
        async with inside(database) as server:
            rpcs = Rpcs(server, run)
            await rpcs.run(cases, until=until)
            await asyncio.sleep(0)
            if server.budget.bytes_reserved:
                run.found("end", f"{server.budget.bytes_reserved} bytes of memory are still reserved", server.budget)
    for line in lines[:20]:
        run.found("log", "an error is logged", line)
    await judge_stored(database, run, rpcs.kept)


async def judge_stored(database: Location, run: Run, kept: int) -> None:
    """Every event that was accepted and not taken out is there, and the counters are those of the log."""
    [[stored]] = asked(database, "SELECT count(*) FROM events")
    if stored != kept:
        run.found("end", f"{stored} events are stored, {kept} were said to be", database)
    if not await audits.verify(database):
        run.found("end", "verify is not clean", database)
