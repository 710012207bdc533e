"""A server whose clock is wrong at its start: limits in the gap wait (KPI 3), and all that the rules say of them."""

import asyncio
import signal
import time

import pytest

from telwerkd.application.clock import Clock
from telwerkd.domain.ids import SECOND, Micros
from tests.conftest import Server, connected, serving, started
from tests.e2e.test_limits import LIVE_KPI, goes_live_now, noticed

HOUR = 3_600


class Times:
    """The machine's clocks, as far off as a test wants."""

    def __init__(self, wall_off: float = 0) -> None:
        self.wall_off, self.passed = wall_off, 0.0
        """Seconds."""

    def clock(self) -> Clock:
        return Clock(
            lambda: time.time_ns() + round((self.wall_off + self.passed) * 1e9),
            lambda: time.monotonic_ns() + round(self.passed * 1e9),
        )


async def waits_beyond(server: Server, limit: Micros, *, noticed_count: int) -> None:
    """Limits before it are counted, it is not, and no answer claims to be complete beyond it."""
    await noticed(server, "a", noticed_count)
    await asyncio.sleep(1.2)  # the service has looked again
    answer = await server.totals("a", LIVE_KPI)
    assert answer.totals[0].count == noticed_count
    assert answer.complete_until.ToMicroseconds() <= limit


@pytest.mark.parametrize("wall_off", [HOUR, 400 * 24 * HOUR])
async def test_a_wrong_clock_at_the_start_counts_no_limit_that_has_not_passed(tmp_path, wall_off):
    """What has passed is counted meanwhile; an event near the clock would confirm it, one near the past does not.

    R-CLOCK-4, R-CLOCK-8.
    """
    path = tmp_path / "telwerk.db"
    first, _ = goes_live_now(60, "c1")
    second, limit = goes_live_now(600, "c2")
    async with started(path) as server:
        await server.ingest("a", [*first, *second])
    times = Times(wall_off)
    async with started(path, clock=times.clock()) as server:
        await waits_beyond(server, limit, noticed_count=0)
        times.passed = 61
        await waits_beyond(server, limit, noticed_count=1)
        times.passed = 110
        await server.ingest("a", goes_live_now(HOUR, "c3")[0])  # now, by a clock that is right
        times.passed = 121
        await waits_beyond(server, limit, noticed_count=1)


async def test_after_a_long_outage_limits_are_counted_once_an_event_or_two_minutes_confirm_the_clock(tmp_path):
    """The clock is right, and nothing was stored for hours: an event of now confirms it; without one, 120 s do.

    R-CLOCK-5, R-CLOCK-7.
    """
    path = tmp_path / "telwerk.db"
    events, limit = goes_live_now(1_000)
    async with started(path) as server:
        await server.ingest("a", events)
    for confirmed_by in ("event", "time"):
        copied = tmp_path / f"{confirmed_by}.db"
        copied.write_bytes(path.read_bytes())
        times = Times(5 * HOUR)
        async with started(copied, clock=times.clock()) as server:
            await waits_beyond(server, limit, noticed_count=0)
            if confirmed_by == "event":
                late = goes_live_now(0, "c2")[0][2]
                late.occur_time.seconds += 5 * HOUR - 60
                assert (await server.ingest("b", [late])).accepted_count == 1
            else:
                times.passed = 121
            await noticed(server, "a")


async def test_the_operator_of_the_service_confirms_the_clock_by_a_signal(tmp_path):
    """SIGUSR1 to `telwerkd serve`: limits in the gap are counted at once (R-CLOCK-6)."""
    path = tmp_path / "telwerk.db"
    began = Micros(time.time_ns() // 1_000 - HOUR * SECOND)
    events, _ = goes_live_now(600)
    for event in events:
        event.occur_time.FromMicroseconds(began)
    async with started(path, clock=Times(-HOUR).clock()) as server:
        await server.ingest("a", events)
    with serving(path) as process:
        async with connected(process.address) as server:
            await asyncio.sleep(1.2)
            assert await server.total("a", LIVE_KPI) == 0
            process.process.send_signal(signal.SIGUSR1)
            await noticed(server, "a")


@pytest.mark.parametrize("wall_off", [-HOUR, -400 * 24 * HOUR])
async def test_a_clock_that_goes_back_while_the_server_runs_refuses_no_event_of_now(tmp_path, wall_off):
    """Neither before it is believed, nor after; an event that is ahead of now is refused as ever (R-CLOCK-10)."""
    times = Times()
    async with started(tmp_path / "telwerk.db", clock=times.clock()) as server:
        for passed in (0, 31):
            times.wall_off, times.passed = wall_off, passed
            await asyncio.sleep(1.2)  # the service has looked at its clock
            now = goes_live_now(60, f"c{passed}")[0]
            for event in now:
                event.occur_time.seconds += passed
            assert (await server.ingest("a", now)).accepted_count == len(now)
        ahead = goes_live_now(60, "ahead")[0][0]
        ahead.occur_time.seconds += HOUR
        assert (await server.ingest("a", [ahead])).accepted_count == 0


@pytest.mark.parametrize("wall_off", [-HOUR, -24 * HOUR])
async def test_a_clock_that_is_a_day_behind_at_the_start_refuses_no_event_of_now(tmp_path, wall_off):
    """What is stored tells of it; an event that is ahead of that as well is refused as ever (R-CLOCK-10)."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        await server.ingest("a", goes_live_now(60, "c1")[0])
    async with started(path, clock=Times(wall_off).clock()) as server:
        now = goes_live_now(60, "c2")[0]
        assert (await server.ingest("a", now)).accepted_count == len(now)
        ahead = goes_live_now(60, "c3")[0][0]
        ahead.occur_time.seconds += HOUR
        assert (await server.ingest("a", [ahead])).accepted_count == 0
