# ruff: noqa: T201  # a program that prints
"""A real server at half its peak for hours, with questions, a watch, and a purge every minute; then a verdict.

    python -m tests.programs.long_life [HOURS] [FOLDER]

The peak is measured first, by calls as the traffic's. Chats go on in real time, ten times as fast as people: their
limits fall due by the clock, their events are purged ten minutes after they happened, and widgets get new settings
every five. What the server holds and takes is noted every minute in `FOLDER/life.jsonl`, and compared at the end:
its last part must be like the first after the warm-up. `telwerkd verify` must be clean, one account's counters must be
what the oracle counts, and what was sent must be counted. The database is removed at the end.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import percentile
from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.server.maintenance import audits
from telwerkd.storage.location import SqliteFile
from tests.conftest import Server, connected
from tests.programs.faults.program import Program
from tests.programs.long_life.judging import judged
from tests.programs.long_life.observing import Held, Interval, held
from tests.programs.long_life.traffic import CROWD, JUDGED, LIVE_LIMIT, Traffic, peak, series
from tests.programs.long_life.verdict import compared

HOURS = 2.0
SHARE_OF_PEAK = 0.5
KEEP_SECONDS = 600.0
INTERVAL_SECONDS = 60.0
_PARTS_MIN = 20
_ENVIRONMENT = {"TELWERK_SLOW_QUERY_SECONDS": "60"}
"""On a machine that has other work any question is slow at times, and each would be a line in the log."""
_REST_SECONDS = LIVE_LIMIT / 1e6 + 3
"""After which every limit that began has passed and is noticed."""


class Life:
    """A server's, from its start to the verdict."""

    def __init__(self, folder: Path, seconds: float, notes: Path) -> None:
        self._notes = notes
        self._database = folder / "telwerk.db"
        self._seconds = seconds
        self._interval = min(INTERVAL_SECONDS, seconds / _PARTS_MIN)
        self._program = Program(str(self._database), folder, _ENVIRONMENT)
        self.intervals: list[Interval] = []

    async def live(self) -> list[str]:
        """All of it; gives what went wrong."""
        await self._program.start()
        try:
            async with connected(self._program.address) as server:
                highest = await peak(server)
                pace = highest * SHARE_OF_PEAK
                self._say(f"peak {highest:,.0f} events/s; {self._seconds / 3600:.2f} h at {pace:,.0f}")
                traffic = Traffic(server, pace, min(KEEP_SECONDS, self._seconds / 4))
                await traffic.start()
                await self._observe(traffic)
                wrong = await self._rest(server, traffic)
        finally:
            code = await self._program.stop()
        wrong += [f"the server ended with exit code {code}"] if code else []
        lines, differs = compared(self.intervals)
        self._say("\n".join(["", *lines]))
        return wrong + differs + await self._judge(traffic)

    async def _observe(self, traffic: Traffic) -> None:
        begun = time.monotonic()
        before, then, events, chats = self._held(), begun, traffic.sent["events"], traffic.chats.begun
        with self._notes.open("w") as file:
            while time.monotonic() - begun < self._seconds:
                await asyncio.sleep(self._interval)
                after, now = await asyncio.to_thread(self._held), time.monotonic()
                came, began = traffic.sent["events"] - events, traffic.chats.begun - chats
                interval = self._interval_of(traffic, before, after, now - then, came, began, (now - begun) / 60)
                before, then, events, chats = after, now, events + came, chats + began
                self.intervals.append(interval)
                print(json.dumps(_line(interval)), file=file, flush=True)
                traffic.call_seconds.clear()
                traffic.query_seconds.clear()

    def _held(self) -> Held:
        return held(self._program.pid, self._database, self._program.log)

    @staticmethod
    def _interval_of(
        traffic: Traffic, before: Held, after: Held, seconds: float, events: int, chats: int, minutes: float
    ) -> Interval:
        calls, queries = traffic.call_seconds or [0.0], traffic.query_seconds or [0.0]
        return Interval(
            minutes,
            events / seconds,
            traffic.waiting,
            *(percentile(some, share) * 1e3 for some in (calls, queries) for share in (0.5, 0.99)),
            (after.cpu_seconds - before.cpu_seconds) / max(1, events) * 1e6,
            (after.used_mb - before.used_mb) * 1e6 / max(1, chats),
            (after.log_bytes - before.log_bytes) / seconds * 60,
            os.getloadavg()[0],
            after,
        )

    async def _rest(self, server: Server, traffic: Traffic) -> list[str]:
        """Lets it come to rest, and asks what was counted."""
        await traffic.stop()
        await asyncio.sleep(_REST_SECONDS)
        answer = await server.kpis.QueryTimeSeries(series())
        shown, told = (_rows(one) for one in (traffic.shown, answer))
        await traffic.end()
        sent_count, chats = traffic.sent["events"], traffic.chats.begun
        self._say(f"{sent_count:,} events, {chats:,} chats, {traffic.updates:,} updates of the watch")
        for end in traffic.watch_ends:
            self._say(f"{end}{', as is meant' if end.is_meant else ''}")
        counts = {one.kpi_id: one.count for one in answer.answers}
        sent = {
            "messages": traffic.sent[f"{CROWD}/message_sent"],
            "satisfaction_score": traffic.sent[f"{CROWD}/conversation_rated"],
            "conversations_ended": traffic.sent[f"{CROWD}/conversation_ended"],
        }
        wrong = [f"{name}: {counts[name]:,} counted, {n:,} sent" for name, n in sent.items() if counts[name] != n]
        wrong += ["the watch does not show what a question is answered"] if shown != told else []
        wrong += [str(end) for end in traffic.watch_ends if not end.is_meant]
        return wrong + [f"{n} times {what}" for what, n in traffic.failures.items()]

    async def _judge(self, traffic: Traffic) -> list[str]:
        """The database without its server."""
        wrong = await asyncio.to_thread(judged, self._database, JUDGED, traffic.chats.judged)
        if not await audits.verify(SqliteFile(self._database)):
            wrong.append("verify is not clean")
        return wrong

    @staticmethod
    def _say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _line(interval: Interval) -> dict[str, float]:
    """As it is noted."""
    values = interval._asdict()
    values |= values.pop("held")._asdict()
    return {name: round(value, 2) for name, value in values.items()}


def _rows(answer: kpi.QueryTimeSeriesResponse | None) -> list[object]:
    """What it counts."""
    assert answer is not None, "the watch showed nothing"
    return [(one.kpi_id, one.key.SerializeToString(deterministic=True), list(one.counts)) for one in answer.series]


def main(hours: float, folder: Path) -> int:
    """Runs it; the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="life-", dir=folder) as inside:
        life = Life(Path(inside), hours * 3600, folder / "life.jsonl")
        wrong = asyncio.run(life.live())
    for each in wrong:
        print(f"VIOLATION {each}")
    print(f"{hours:g} h: {len(wrong)} violations", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    hours_ = float(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    sys.exit(main(hours_, Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="long-life-"))))
