"""`telwerkd serve` with a meter on its event loop, which is started and read over standard input.

The meter knows these figures, all in milliseconds. A *turn* is what one callback kept the loop from everything else, in
CPU time of the loop's thread, which does not depend on what else the machine does; and in wall time, in which the
thread also waited for a core, or for another thread that held the interpreter. *Lag* is how much later than asked a
timer of the loop came, in wall time: it also sees what another thread did while it held the interpreter, and it sees
the other processes of a busy machine.
"""

import asyncio
import json
import sys
import threading
import time
from array import array
from asyncio import events
from collections.abc import Callable

from telwerkd.cli import app

_LOOK_SECONDS = 0.002
_SAMPLE_SECONDS = 0.0005
"""How old a reading of CPU time may be where a turn begins: so much of the turns before may count in the longest. To
read it in each turn took a quarter of a loop that is busy with calls."""

_RUN = "_run"
"""What asyncio calls for every callback; there is no public way in."""


class LoopMeter:
    """Measures the loop of this process from `start` to `stop`."""

    def __init__(self) -> None:
        self.longest_turn_seconds = 0.0
        self.longest_wall_seconds = 0.0
        self.longest_turn = ""
        self.lags_seconds = array("d")
        self._running = False
        self._sampled_at = self._sampled_cpu = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Measures every callback of whatever loop runs in this process."""
        run: Callable[[events.Handle], None] = getattr(events.Handle, _RUN)

        def measured(handle: events.Handle) -> None:
            if not self._running:
                if self._loop is None:
                    self._loop = asyncio.get_running_loop()
                run(handle)
                return
            since = time.perf_counter()
            if since - self._sampled_at > _SAMPLE_SECONDS:
                self._sampled_at, self._sampled_cpu = since, time.thread_time()
            run(handle)
            seconds = time.perf_counter() - since
            if seconds > self.longest_turn_seconds:  # CPU time, which is costly to read, is at most that
                self._note(handle, seconds)

        setattr(events.Handle, _RUN, measured)

    def _note(self, handle: events.Handle, wall_seconds: float) -> None:
        cpu = time.thread_time()
        seconds = min(wall_seconds, cpu - self._sampled_cpu)
        self._sampled_at, self._sampled_cpu = time.perf_counter(), cpu
        self.longest_wall_seconds = max(self.longest_wall_seconds, wall_seconds)
        if seconds > self.longest_turn_seconds:
            self.longest_turn_seconds, self.longest_turn = seconds, repr(handle)[:300]

    def start(self) -> None:
        """Begins anew."""
        self.longest_turn_seconds, self.longest_turn, self.lags_seconds = 0.0, "", array("d")
        self.longest_wall_seconds = 0.0
        self._running = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._look, time.perf_counter())

    def stop(self) -> dict[str, object]:
        """What was measured."""
        self._running = False
        lags = sorted(self.lags_seconds) or [0.0]
        return {
            "turn_max_ms": self.longest_turn_seconds * 1_000,
            "turn_wall_max_ms": self.longest_wall_seconds * 1_000,
            "turn": self.longest_turn,
            "lag_p99_ms": lags[int(0.99 * len(lags))] * 1_000,
            "lag_max_ms": lags[-1] * 1_000,
        }

    def _look(self, due: float) -> None:
        now = time.perf_counter()
        self.lags_seconds.append(max(0.0, now - due))
        if self._running and self._loop is not None:
            self._loop.call_later(_LOOK_SECONDS, self._look, now + _LOOK_SECONDS)


def _obey(meter: LoopMeter) -> None:
    for line in sys.stdin:
        if line.strip() == "start":
            meter.start()
            answer: dict[str, object] = {}
        else:
            answer = meter.stop()
        print(json.dumps(answer), flush=True)


def main() -> None:
    """Runs the server with the arguments of `telwerkd`."""
    meter = LoopMeter()
    meter.attach()
    threading.Thread(target=_obey, args=(meter,), daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()
