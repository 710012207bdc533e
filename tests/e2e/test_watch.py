"""WatchTimeSeries: a snapshot, then what changes; what a client has put together is always a true answer."""

import asyncio
import gc
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import grpc
import pytest
import pytest_asyncio

from telwerk.v1 import kpi_service_pb2 as kpi, settings_service_pb2 as settings_pb
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.transport.services import kpi as kpi_service
from telwerkd.transport.services.kpi import KpiService
from tests.chats import at
from tests.conftest import CALL_SECONDS, KPI_IDS, Server, connected, eventually, refusal, serving, started
from tests.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCORE = "satisfaction_score"
RATED = "09:00:00 anna assigned in sales\n09:01:10 contact rates 4"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all tests that need no limits of their own, each with an account of its own."""
    async with started(tmp_path_factory.mktemp("watch") / "telwerk.db") as server:
        yield server


def hourly(**fields: Any) -> kpi.QueryTimeSeriesRequest:
    """The day of the chats by hour."""
    span = kpi.InstantRange()
    span.start_time.FromMicroseconds(at("00:00:00"))
    span.end_time.FromMicroseconds(at("24:00:00"))
    wanted = {
        "kpi_ids": [SCORE],
        "range": kpi.TimeRange(instants=span),
        "granularity": kpi.GRANULARITY_HOUR,
        "group_by": [kpi.DIMENSION_OPERATOR],
        **fields,
    }
    return kpi.QueryTimeSeriesRequest(**wanted)


class Watch:
    """A client that puts a series together from what it is told."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.cells: dict[tuple[str, int], tuple[int, int]] = {}
        self.snapshots = 0

    async def update(self) -> kpi.WatchTimeSeriesResponse:
        """The next update, taken up."""
        update = await asyncio.wait_for(self.call.read(), CALL_SECONDS)
        assert update is not grpc.aio.EOF
        if update.HasField("snapshot"):
            self.snapshots += 1
            self.cells.clear()
            lines = update.snapshot.series
        else:
            lines = update.changes.series
        for line in lines:
            places = line.bucket_indexes or range(len(line.counts))
            for place, count, stars in zip(places, line.counts, line.sums or [0] * len(line.counts), strict=True):
                self.cells[line.key.operator_id, place] = (count, stars)
        return update

    async def until(self, **wanted: tuple[int, int]) -> None:
        """Takes updates until an operator's day sums up to so many ratings and stars."""
        while any(self.day(operator) != numbers for operator, numbers in wanted.items()):
            await self.update()

    def day(self, operator: str) -> tuple[int, int]:
        of_operator = [cell for (name, _), cell in self.cells.items() if name == operator]
        return sum(count for count, _ in of_operator), sum(stars for _, stars in of_operator)


@asynccontextmanager
async def watching(server: Server, account: str = "acme", **fields: Any) -> AsyncIterator[Watch]:
    call = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id=account, query=hourly(**fields)))
    try:
        yield Watch(call)
    finally:
        call.cancel()


async def test_first_a_snapshot_then_only_what_changes(server, account):
    """A rating changes one bucket of one line; a taken back one sets it to what is left."""
    await server.ingest_chat(account, RATED)
    async with watching(server, account) as watch:
        first = await watch.update()
        assert first.snapshot.series[0].counts[9] == 1
        await server.ingest_chat(account, "09:30:00 anna assigned\n09:31:00 contact rates 5 #r", "c2")
        second = await watch.update()
        [line] = second.changes.series
        assert (list(line.bucket_indexes), list(line.counts), list(line.sums)) == ([9], [2], [9])
        assert second.changes.answers[0].count == 2
        await server.ingest_chat(account, "09:32:00 takes back r #x", "c2")
        third = await watch.update()
        assert list(third.changes.series[0].counts) == [1]


async def test_a_line_that_is_new_or_empties_is_told(server, account):
    """A new operator's line begins at zero; one whose last rating is taken back is zeros."""
    async with watching(server, account) as watch:
        assert not (await watch.update()).snapshot.series
        await server.ingest_chat(account, "10:00:00 bram assigned\n10:01:00 contact rates 2 #r", "c1")
        await watch.until(bram=(1, 2))
        await server.ingest_chat(account, "10:02:00 takes back r #x", "c1")
        await watch.until(bram=(0, 0))


async def test_other_stars_of_as_many_ratings_are_a_change(server, account):
    """The count stays, the mean does not."""
    await server.ingest_chat(account, "09:00:00 anna assigned\n09:01:00 contact rates 1 #r")
    async with watching(server, account) as watch:
        await watch.update()
        await server.ingest_chat(account, "09:02:00 takes back r #x\n09:03:00 contact rates 5 #s")
        await watch.until(anna=(1, 5))


async def test_nothing_is_told_of_what_the_watch_does_not_show(server, account):
    """Another account, another KPI: the next update is that of the rating after them."""
    async with watching(server, account) as watch:
        await watch.update()
        await server.ingest_chat("other", RATED)
        await server.ingest_chat(account, "09:00:00 anna assigned\n09:01:00 contact leaves feedback", "c8")
        await server.ingest_chat(account, RATED, "c9")
        await watch.update()
        assert watch.day("anna") == (1, 4)


async def test_changes_that_come_fast_are_told_together(server, account):
    """Two hundred commits while nobody reads: far fewer updates, and the last is true."""
    async with watching(server, account) as watch:
        await watch.update()
        for n in range(200):
            await server.ingest_chat(account, RATED, f"c{n}")
        updates = 0
        while watch.day("anna") != (200, 800):
            await watch.update()
            updates += 1
    assert updates < 100


@pytest.mark.parametrize(
    "fields",
    [
        {"compare_to": kpi.Comparison(previous_period=True)},
        {"top": kpi.Top(count=1, include_rest=True)},
        {"order_by": kpi.OrderBy(measure=kpi.ORDER_MEASURE_COUNT, descending=True)},
    ],
    ids=["compared", "top", "ordered"],
)
async def test_where_lines_can_move_every_update_is_a_snapshot(server, fields, account):
    """Compared, ordered by a number, or cut to the largest."""
    await server.ingest_chat(account, RATED)
    async with watching(server, account, **fields) as watch:
        await watch.update()
        await server.ingest_chat(
            account, "11:00:00 cees assigned\n11:01:00 contact rates 3\n11:02:00 contact rates 3", "c2"
        )
        update = await watch.update()
        assert update.HasField("snapshot")
        assert update.snapshot.answers[0].count == 3


async def test_where_lines_can_move_what_is_said_beside_them_is_a_snapshot_too(server, account):
    """A topic that is held back changes no line."""
    topics = {"kpi_ids": ["conversation_topics"], "group_by": [], "top": kpi.Top(count=1)}
    async with watching(server, account, **topics) as watch:
        await watch.update()
        await server.ingest_chat(account, "09:00:00 topics price")
        update = await watch.update()
        assert update.HasField("snapshot")
        assert update.snapshot.answers[0].held_back_count == 1


@pytest.mark.parametrize("fields", [{}, {"compare_to": kpi.Comparison(previous_period=True)}], ids=["", "compared"])
async def test_another_time_zone_of_the_account_is_told(server, account, fields):
    """Also where the buckets begin at the same instants, and nothing was counted: they may be clipped elsewhere."""
    whole_day = {"granularity": kpi.GRANULARITY_DAY, **fields}
    async with watching(server, account, **whole_day) as watch:
        first = (await watch.update()).snapshot
        assert (first.time_zone, first.first_bucket_clipped) == ("UTC", False)
        await set_zone(server, account, "Africa/Abidjan")
        assert (await watch.update()).snapshot.time_zone == "Africa/Abidjan"
        await set_zone(server, account, "Asia/Kathmandu")
        last = (await watch.update()).snapshot
        assert (last.time_zone, last.first_bucket_clipped) == ("Asia/Kathmandu", True)


async def set_zone(server: Server, account: str, time_zone: str) -> None:
    settings = settings_pb.AccountSettings(time_zone=time_zone)
    request = settings_pb.SetAccountSettingsRequest(account_id=account, settings=settings)
    await server.settings.SetAccountSettings(request, timeout=CALL_SECONDS)


async def test_a_watch_ends_when_the_server_drains(tmp_path):
    """UNAVAILABLE: go to another server. The stop does not wait for it."""
    with serving(tmp_path / "telwerk.db") as process:
        async with connected(process.address) as server:
            call = server.kpis.WatchTimeSeries(
                kpi.WatchTimeSeriesRequest(account_id="acme", query=hourly()), timeout=CALL_SECONDS
            )
            await call.read()
            process.process.send_signal(signal.SIGTERM)
            refused = await refusal(call.read())
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


async def test_changes_by_another_process_are_told_too(postgres):
    """What counts is the database: two servers on it, one is written to, the other is watched."""
    with fresh_database(postgres) as database:
        location = located(database)
        assert isinstance(location, PostgresUrl)
        async with started(location) as watched:
            with serving(location) as process:
                async with connected(process.address) as writer, watching(watched) as watch:
                    await watch.update()
                    await writer.ingest_chat("acme", RATED)
                    await watch.until(anna=(1, 4))


async def test_a_reader_that_reads_nothing_is_cut_off(tmp_path):
    """Its updates do not pile up, and its place is free again."""
    async with started(tmp_path / "telwerk.db", watch_stall_seconds=0.2, watches_max=1) as server:
        # Ordered by a number, every update is a snapshot: some hundred kilobytes.
        by_count = kpi.OrderBy(measure=kpi.ORDER_MEASURE_COUNT)
        query = hourly(granularity=kpi.GRANULARITY_QUARTER_HOUR, range=year(), group_by=[], order_by=by_count)
        call = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="acme", query=query))
        await call.wait_for_connection()
        async with asyncio.timeout(CALL_SECONDS):
            n = 0
            while True:
                n += 1
                await server.ingest_chat("acme", RATED, f"c{n}")
                if not await taken(server):
                    break
        call.cancel()


async def test_a_reader_that_goes_while_its_update_waits_leaves_nothing_behind(tmp_path, monkeypatch):
    """No error that nobody looks at, and its place is free again."""
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: lost.append(context))
    original, writes = KpiService._write, []

    async def write(self: KpiService, context: Any, update: bytes) -> None:
        writes.append(len(update))
        await original(self, context, update)

    async with started(tmp_path / "telwerk.db", watches_max=1) as server:
        monkeypatch.setattr(KpiService, "_write", write)
        by_count = kpi.OrderBy(measure=kpi.ORDER_MEASURE_COUNT)
        wide = {"granularity": kpi.GRANULARITY_QUARTER_HOUR, "range": year(), "group_by": [], "kpi_ids": KPI_IDS}
        query = hourly(**wide, order_by=by_count)
        call = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="acme", query=query))
        await call.wait_for_connection()
        # As long as updates are taken, each is followed by the next.
        with suppress(TimeoutError):
            for n in range(1_000):
                await server.ingest_chat("acme", RATED, f"c{n}")
                await eventually(more(writes, n + 1), seconds=2.0)
        call.cancel()

        async def free() -> bool:
            return not await taken(server)

        await eventually(free)
        gc.collect()
    # grpc polls for the whole process: what comes for the loop of an earlier test, which is closed, is told here.
    assert [context for context in lost if "PollerCompletionQueue" not in context["message"]] == []


def more(found: Sequence[object], than: int) -> Callable[[], Awaitable[bool]]:
    async def so_many() -> bool:
        return len(found) > than

    return so_many


async def taken(server: Server) -> bool:
    """Whether the one place for a watch is taken."""
    async with watching(server) as watch:
        with suppress(grpc.aio.AioRpcError):
            await watch.update()
            return False
        return "watches_max" in (await watch.call.details() or "")


def year() -> kpi.TimeRange:
    first, last = kpi.CalendarDate(year=2026, month=1, day=1), kpi.CalendarDate(year=2027, month=1, day=1)
    return kpi.TimeRange(dates=kpi.DateRange(start_date=first, end_date=last))


async def test_a_watch_of_another_account_inside_is_refused(server, account):
    """Only the account at the top is checked against the key."""
    call = server.kpis.WatchTimeSeries(
        kpi.WatchTimeSeriesRequest(account_id=account, query=hourly(account_id="other")), timeout=CALL_SECONDS
    )
    refused = await refusal(call.read())
    assert refused.fields == ["account_id"]


async def test_a_watch_has_no_pages(server, account):
    """It shows all lines, or the largest."""
    call = server.kpis.WatchTimeSeries(
        kpi.WatchTimeSeriesRequest(account_id=account, query=hourly(page_size=3)), timeout=CALL_SECONDS
    )
    refused = await refusal(call.read())
    assert refused.fields == ["query.page_size"]


async def test_one_watch_too_many_is_turned_away(tmp_path):
    """UNAVAILABLE with RetryInfo; it names the limit."""
    async with started(tmp_path / "telwerk.db", watches_max=1) as server, watching(server) as first:
        await first.update()
        call = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="acme", query=hourly()))
        refused = await refusal(call.read())
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
        assert refused.retry_seconds
        assert "watches_max" in refused.text


async def test_an_account_has_its_share_of_the_watches(tmp_path):
    """Beyond `watches_per_account_max` it is refused by that name; others are not, and a closed one makes room."""
    async with started(tmp_path / "telwerk.db", watches_per_account_max=1) as server, watching(server) as first:
        await first.update()
        async with watching(server) as second:
            refused = await refusal(second.call.read())
            assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
            assert "watches_per_account_max" in refused.text
            assert refused.retry_seconds is not None
        async with watching(server, "other") as other:
            await other.update()
        first.call.cancel()

        async def is_open() -> bool:
            async with watching(server) as third:
                with suppress(grpc.aio.AioRpcError):
                    return (await third.update()).HasField("snapshot")
                return False

        await eventually(is_open)


async def test_what_watches_hold_is_counted_to_the_memory_of_all_calls(tmp_path):
    """A watch that does not fit beside the others is refused by the name of the bound; when they close, it fits."""
    async with started(tmp_path / "telwerk.db", memory_bytes_max=60_000) as server, watching(server) as first:
        await first.update()
        async with watching(server, "b") as second:
            await second.update()
            async with watching(server, "c") as third:
                refused = await refusal(third.call.read())
                assert refused.code is grpc.StatusCode.UNAVAILABLE
                assert "memory_bytes_max" in refused.text

        async def is_open() -> bool:
            async with watching(server, "c") as third:
                with suppress(grpc.aio.AioRpcError):
                    return (await third.update()).HasField("snapshot")
                return False

        await eventually(is_open)


async def test_a_watch_is_compared_and_encoded_in_a_thread(tmp_path, monkeypatch):
    """Its snapshot and its changes: neither may keep other calls waiting."""
    encoded_in = []

    def spied(name: str) -> None:
        original = getattr(kpi_service, name)

        def spy(*arguments: Any) -> Any:
            encoded_in.append((name, threading.current_thread() is threading.main_thread()))
            return original(*arguments)

        monkeypatch.setattr(kpi_service, name, spy)

    for name in ("encode_answer", "changes", "encode_changes"):
        spied(name)
    async with started(tmp_path / "telwerk.db") as server, watching(server) as watch:
        await watch.update()
        await server.ingest_chat("acme", RATED)
        await watch.until(anna=(1, 4))
    assert {name for name, _ in encoded_in} == {"encode_answer", "changes", "encode_changes"}
    assert not any(in_loop for _, in_loop in encoded_in)


async def test_watches_that_ask_the_same_are_answered_once(tmp_path, monkeypatch):
    """Each is told of each change; whoever comes later, and whoever asks something else, gets an answer of its own."""
    made = Counter[str]()
    for name in ("encode_answer", "encode_changes"):
        original = getattr(kpi_service, name)

        def spy(*arguments: Any, _name: str = name, _original: Callable[..., Any] = original) -> Any:
            made[_name] += 1
            return _original(*arguments)

        monkeypatch.setattr(kpi_service, name, spy)
    async with started(tmp_path / "telwerk.db") as server, AsyncExitStack() as opened:
        same = [await opened.enter_async_context(watching(server)) for _ in range(20)]
        other = await opened.enter_async_context(watching(server, granularity=kpi.GRANULARITY_DAY))
        await asyncio.gather(*(watch.update() for watch in (*same, other)))
        # One commit, so that no look comes between two.
        await server.ingest_chat("acme", RATED)
        await asyncio.gather(*(watch.until(anna=(1, 4)) for watch in (*same, other)))
        assert made["encode_changes"] == 2
        assert [watch.snapshots for watch in (*same, other)] == [1] * 21
        later = await opened.enter_async_context(watching(server))
        await later.update()
        assert later.day("anna") == (1, 4)
        same[0].call.cancel()
        await server.ingest_chat("acme", "09:30:00 anna assigned\n09:31:00 contact rates 5", "c2")
        await asyncio.gather(*(watch.until(anna=(2, 9)) for watch in (*same[1:], later, other)))
