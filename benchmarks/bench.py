"""What every measure needs: two clients, sizes, and a feed of events that never come twice."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.calibration import Calibration
from benchmarks.client import HEALTH, SERIES, Client, Sent, ask, client, send
from benchmarks.scale import Scale
from benchmarks.servers import Server
from benchmarks.workload import Part, Workload

LANES = 4
"""Callers that send bulk calls beside one another."""
_CLIENT_SHARE_MAX = 0.9


@dataclass(frozen=True, slots=True)
class Bench:
    """One run."""

    scale: Scale
    sender: Client
    asker: Client
    only: frozenset[str]
    """The lines asked for; empty for all."""
    calibration: Calibration = field(default_factory=Calibration)

    def wants(self, *ids: str) -> bool:
        """Whether one of these lines is asked for."""
        return not self.only or not self.only.isdisjoint(ids)

    def pairs(self, what: str) -> Iterator[int]:
        """The number of each pair that is to be measured, from 0; says so, and how busy the machine is by itself."""
        for number in range(self.scale.pairs):
            self.say(f"{what}: pair {number + 1}")
            self.calibration.work()
            yield number
        self.calibration.work()

    def say(self, text: str) -> None:
        """Tells whoever waits what is going on."""
        print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)

    def load(self, server: Server, part: Part) -> Sent:
        """Stores a large part, and lets the server come to rest."""
        self.say(f"storing {part.events:,} events")
        sent = self.sender.run(send, server.address, part, made_before=False)
        server.finish()
        return sent

    def p50_seconds(self, server: Server, requests: Sequence[bytes]) -> float:
        """The median time of questions, one after the other."""
        return median(self.asker.run(ask, server.address, SERIES, requests).latencies_seconds)

    def no_op_seconds(self, server: Server) -> float:
        """The median time of calls that do nothing, one after the other, in the same server."""
        requests = [b""] * (4 * self.scale.queries)
        return median(self.asker.run(ask, server.address, HEALTH, requests).latencies_seconds)


@contextmanager
def bench(scale: Scale, only: Sequence[str]) -> Iterator[Bench]:
    """A run's clients, until the end of the block."""
    with client() as sender, client() as asker:
        yield Bench(scale, sender, asker, frozenset(only))


@dataclass(slots=True)
class Feed:
    """Parts of a workload, each new."""

    workload: Workload = field(default_factory=Workload)
    next_conversation: int = 0

    def take(self, conversations: int, lanes: int = LANES, *, call_events: int = 1_000, spread: bool = False) -> Part:
        """The next conversations, as bulk calls unless said otherwise."""
        part = Part(self.workload, self.next_conversation, conversations, lanes, call_events, spread)
        self.next_conversation = part.after
        return part


class Shares:
    """How busy both sides were over some samples, to show who was the limit, and what an event cost."""

    def __init__(self) -> None:
        self._client: list[float] = []
        self._server: list[float] = []
        self._micros: list[float] = []

    def add(self, sent: Sent, server_cpu_seconds: float, later_cpu_seconds: float = 0.0) -> None:
        """Notes a sample: the CPU time of the server during it, and after it."""
        self._client.append(sent.cpu_share)
        self._server.append(server_cpu_seconds / sent.seconds)
        self._micros.append((server_cpu_seconds + later_cpu_seconds) / sent.calls * 1e6)
        if sent.events:
            self._micros[-1] *= sent.calls / sent.events

    def __str__(self) -> str:
        busy = median(self._client)
        limit = ", the limit!" if busy > _CLIENT_SHARE_MAX else ""
        return f"{median(self._server):.2f} cores, {median(self._micros):.0f} µs of CPU each; client {busy:.2f}{limit}"
