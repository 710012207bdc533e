# ruff: noqa: T201, S311  # a program that prints, and whose chance is to be repeatable
"""Kills a server that is at work, again and again, and looks whether it kept its word.

    python -m tests.programs.crash [ROUNDS] [SEED]

Each round starts `telwerkd serve` on the same database and port, lets several producers send (some by single calls,
some by streams; each sends again, with the same ids, what was not answered), kills it with SIGKILL at a random moment,
in every other round the process that writes a little before, and then checks on the dead file: everything that was
acknowledged is stored, and `telwerkd verify` finds every counter equal to the log. At the end all is sent again once
more: everything is there, and nothing is counted twice.
"""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from telwerkd.domain.ids import SECOND, Micros
from tests.conftest import Server, connected, free_address, serving, timestamp, writer_of

ROUNDS = 50
ACCOUNTS = ("acme", "other")
UNARY, STREAMS = 3, 3
ALIVE_SECONDS_MAX = 1.0
BATCH_EVENTS_MAX = 40
IN_FLIGHT_MAX = 8

Batch = list[pb.Event]


class Producer:
    """Makes batches, sends each until it is answered, and remembers what was."""

    def __init__(self, name: str, account: str, chance: random.Random) -> None:
        self.account = account
        self.unanswered: list[Batch] = []
        self.acknowledged: set[str] = set()
        self.sent = 0
        self._name = name
        self._chance = chance

    def batch(self, events_max: int = BATCH_EVENTS_MAX) -> Batch:
        """New events of a few conversations, of every kind that counts in its own way; some of them late."""
        return [self._event() for _ in range(self._chance.randint(1, events_max))]

    def _event(self) -> pb.Event:
        chance, number = self._chance, self.sent
        self.sent += 1
        late = chance.choice([0, 0, 0, 30, 3_600])
        event = pb.Event(
            event_id=f"{self._name}-{number}",
            conversation_id=f"c{number // 30 % 50}",
            widget_id=chance.choice(["web", "shop"]),
            # In the past: short limits are due at once.
            occur_time=timestamp(Micros((int(time.time()) - 10_000 + number // 10 - late) * SECOND)),
        )
        match chance.randrange(9):
            case 0:
                event.went_live.live_limit.CopyFrom(Duration(seconds=chance.choice([1, 60, 20_000])))
            case 1:
                event.message_sent.sender = chance.choice([pb.SENDER_CONTACT, pb.SENDER_CONTACT, pb.SENDER_OPERATOR])
            case 2:
                event.operator_assigned.operator_id = chance.choice(["anna", "bram"])
            case 3:
                event.conversation_rated.stars = chance.randint(1, 5)
            case 4:
                event.topics_set.topic_ids.extend(chance.sample(["price", "delivery", "returns"], chance.randint(0, 3)))
            case 5:
                event.conversation_ended.SetInParent()
            case 6:
                event.pre_chat_survey_completed.answers.add(question_id="reason", option_id=chance.choice("ab"))
            case 7:
                # One just sent, or one that is still to come.
                named = number + chance.choice([-20, -3, -1, 1, 5])
                event.event_retracted.retracted_event_id = f"{self._name}-{named}"
            case _:
                event.inactivity_action_performed.action = chance.randint(1, 8)
        return event

    def answered(self, response: ingestion.IngestEventsResponse | ingestion.StreamEventsResponse) -> None:
        """The oldest batch is answered; nothing of it may be refused."""
        batch = self.unanswered.pop(0)
        if response.rejections or len(response.verdicts) != len(batch):
            raise SystemExit(f"a batch was not taken: {response}")
        self.acknowledged.update(event.event_id for event in batch)

    async def call(self, server: Server) -> None:
        """Sends by single calls, until the server is gone."""
        while True:
            if not self.unanswered:
                self.unanswered.append(self.batch())
            self.answered(await server.ingest(self.account, self.unanswered[0]))

    async def stream(self, server: Server) -> None:
        """Sends by a stream, until the server is gone."""
        stream = server.ingestion.StreamEvents()
        room = asyncio.Semaphore(IN_FLIGHT_MAX)

        async def write() -> None:
            # What an earlier stream left unanswered comes first, in its order.
            waiting = list(self.unanswered)
            while True:
                await room.acquire()
                if waiting:
                    batch = waiting.pop(0)
                else:
                    batch = self.batch()
                    self.unanswered.append(batch)
                await stream.write(ingestion.StreamEventsRequest(account_id=self.account, events=batch))

        writing = asyncio.create_task(write())
        try:
            while (response := await stream.read()) is not grpc.aio.EOF:
                if response.HasField("error"):
                    raise NotTakenError(response.error.message)
                self.answered(response)
                room.release()
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await writing


class NotTakenError(Exception):
    """A batch of a stream was not taken."""


class Crash:
    """The rounds, and what they found."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.database = folder / "telwerk.db"
        self.listen = free_address()
        self.producers = [
            Producer(f"p{n}", ACCOUNTS[n % len(ACCOUNTS)], random.Random(self.chance.random()))
            for n in range(UNARY + STREAMS)
        ]
        self.violations: list[str] = []

    async def round(self, number: int) -> None:
        """A server's life, its death, and the look at what it left."""
        begun = time.monotonic()
        alive = self.chance.uniform(0, ALIVE_SECONDS_MAX)
        before = self.acknowledged
        resent = sum(len(batch) for producer in self.producers for batch in producer.unanswered)
        with serving(self.database, "--listen", self.listen) as running:
            async with connected(running.address) as server:
                sending = [
                    asyncio.create_task(producer.call(server) if n < UNARY else producer.stream(server))
                    for n, producer in enumerate(self.producers)
                ]
                await asyncio.sleep(alive)
                ends: tuple[type[Exception], ...] = (grpc.aio.AioRpcError,)
                if number % 2 == 0:
                    ends = (grpc.aio.AioRpcError, NotTakenError)
                    writer_of(running.process.pid).kill()
                    await asyncio.sleep(self.chance.choice([0.0, 0.05, 1.0]))
                running.process.send_signal(signal.SIGKILL)
                for outcome in await asyncio.gather(*sending, return_exceptions=True):
                    if not isinstance(outcome, ends):
                        self.violations.append(f"round {number}: a producer ended with {outcome!r}")
        # Verify first: it starts on the file as the crash left it.
        clean, said = self.verify()
        missing = self.missing()
        if not clean:
            self.violations.append(f"round {number}: verify: {said}")
        if missing:
            self.violations.append(f"round {number}: {len(missing)} acknowledged, not stored: {sorted(missing)[:5]}")
        print(
            f"round {number}: killed after {alive:.2f} s, {self.acknowledged - before} acknowledged, {resent} resent; "
            f"{self.stored()} stored, {len(missing)} lost, verify {'clean' if clean else 'NOT CLEAN'} "
            f"({time.monotonic() - begun:.1f} s)",
            flush=True,
        )

    @property
    def acknowledged(self) -> int:
        """Events, of all producers."""
        return sum(len(producer.acknowledged) for producer in self.producers)

    def ids(self) -> set[tuple[str, str]]:
        """What is stored, by account and event."""
        connection = sqlite3.connect(self.database)
        try:
            return set(connection.execute("SELECT account_id, event_id FROM events"))
        finally:
            connection.close()

    def stored(self) -> int:
        """How many events are stored."""
        return len(self.ids())

    def missing(self) -> set[tuple[str, str]]:
        """What was acknowledged and is not stored."""
        return {(p.account, name) for p in self.producers for name in p.acknowledged} - self.ids()

    def verify(self) -> tuple[bool, str]:
        """What `telwerkd verify` says."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
        command = [sys.executable, "-m", "telwerkd.cli", "verify", "--database", str(self.database)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.returncode == 0, done.stdout + done.stderr

    async def finish(self) -> None:
        """What is still unanswered is sent again: afterwards all that was ever made is stored, each event once."""
        with serving(self.database, "--listen", self.listen) as running:
            async with connected(running.address) as server:
                for producer in self.producers:
                    while producer.unanswered:
                        producer.answered(await server.ingest(producer.account, producer.unanswered[0]))
        made = sum(producer.sent for producer in self.producers)
        clean, said = self.verify()
        if not clean:
            self.violations.append(f"at the end: verify: {said}")
        if not made == self.acknowledged == self.stored():
            self.violations.append(f"at the end: {made} made, {self.acknowledged} acknowledged, {self.stored()} stored")


async def main(rounds: int, seed: int) -> int:
    """Runs the rounds; the exit code."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="telwerk-crash-") as folder:
        crash = Crash(Path(folder), seed)
        for number in range(1, rounds + 1):
            await crash.round(number)
        await crash.finish()
        acknowledged, stored = crash.acknowledged, crash.stored()
    for violation in crash.violations:
        print(f"VIOLATION {violation}")
    print(
        f"{rounds} kills, seed {seed}: {acknowledged:,} events acknowledged, {stored:,} stored, "
        f"{len(crash.violations)} violations, {time.monotonic() - begun:.0f} s"
    )
    return 1 if crash.violations else 0


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    rounds_ = arguments[0] if arguments else ROUNDS
    sys.exit(asyncio.run(main(rounds_, arguments[1] if len(arguments) > 1 else random.SystemRandom().randrange(10**6))))
