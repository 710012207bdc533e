"""What was summed up and kept is never older than the counters."""

from typing import Any

from telwerk.v1 import kpi_service_pb2 as kpi
from tests.conftest import CALL_SECONDS, Server, compacted, started, wired

BY_DAY = {"granularity": kpi.GRANULARITY_DAY, "group_by": [kpi.DIMENSION_OPERATOR]}


def january() -> kpi.TimeRange:
    first, last = kpi.CalendarDate(year=2026, month=1, day=1), kpi.CalendarDate(year=2026, month=2, day=1)
    return kpi.TimeRange(dates=kpi.DateRange(start_date=first, end_date=last))


async def fifth_of_january(server: Server, *nobodies: str, **fields: Any) -> dict[str, int]:
    """Ratings of the chats' day by operator. Each set of ids that nobody has makes it a new query."""
    request = kpi.QueryTimeSeriesRequest(
        account_id="acme",
        kpi_ids=["satisfaction_score"],
        range=january(),
        filter=kpi.Filter(operators=kpi.IdFilter(none_of=nobodies)),
        **{**BY_DAY, **fields},
    )
    response = await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)
    return {line.key.operator_id: line.counts[4] for line in response.series}


async def test_a_chunk_that_changes_is_summed_up_anew(tmp_path):
    """By compaction of new facts, in an old operator's row and in a new one's; and after one is taken back."""
    database = tmp_path / "telwerk.db"
    async with started(database) as server:
        await server.ingest_chat("acme", "09:00:00 anna assigned\n09:01:00 contact rates 4 #r", "c1")
        await compacted(database)
        assert await fifth_of_january(server, "x1") == {"anna": 1}
        assert await fifth_of_january(server, "x2") == {"anna": 1}
        await server.ingest_chat("acme", "09:00:00 anna assigned\n09:01:00 contact rates 5", "c2")
        await server.ingest_chat("acme", "09:00:00 bram assigned\n09:01:00 contact rates 5", "c3")
        assert await fifth_of_january(server, "x3") == {"anna": 2, "bram": 1}
        await compacted(database)
        assert await fifth_of_january(server, "x4") == {"anna": 2, "bram": 1}
        await server.ingest_chat("acme", "09:02:00 takes back r #x", "c1")
        await compacted(database)
        assert await fifth_of_january(server, "x5") == {"anna": 1, "bram": 1}


async def test_zones_and_widths_are_kept_apart(tmp_path):
    """Five to midnight in UTC is the next day in Kathmandu."""
    database = tmp_path / "telwerk.db"
    async with started(database) as server:
        await server.ingest_chat("acme", "23:00:00 anna assigned\n23:55:00 contact rates 4", "c1")
        await compacted(database)
        for _ in range(2):
            for n, (zone, count) in enumerate([("UTC", 1), ("Asia/Kathmandu", 0), ("America/St_Johns", 1)]):
                assert await fifth_of_january(server, f"x{n}", time_zone=zone) == {"anna": count}


async def test_months_are_joined_anew_when_one_of_them_changes(tmp_path):
    """The sums of a long range are kept as one: a fact in its first, a middle or its last chunk makes another."""
    database = tmp_path / "telwerk.db"

    async def rated(name: str, days_before: int) -> None:
        events = wired("09:00:00 anna assigned\n09:01:00 contact rates 4", name)
        for each in events:
            each.occur_time.seconds -= days_before * 86_400
        await server.ingest("acme", events)
        await compacted(database)

    async def by_month(nobody: str) -> list[int]:
        first, last = kpi.CalendarDate(year=2025, month=9, day=1), kpi.CalendarDate(year=2026, month=2, day=1)
        request = kpi.QueryTimeSeriesRequest(
            account_id="acme",
            kpi_ids=["satisfaction_score"],
            range=kpi.TimeRange(dates=kpi.DateRange(start_date=first, end_date=last)),
            granularity=kpi.GRANULARITY_MONTH,
            filter=kpi.Filter(operators=kpi.IdFilter(none_of=[nobody])),
            group_by=[kpi.DIMENSION_OPERATOR],
        )
        [line] = (await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)).series
        return list(line.counts)

    async with started(database) as server:
        for days_before in (0, 40, 80, 120):
            await rated(f"c{days_before}", days_before)
        wanted = [1, 1, 1, 0, 1]
        for n, (days_before, month) in enumerate([(0, 4), (40, 2), (120, 0), (70, 1)]):
            for again in range(3):
                assert await by_month(f"x{n}-{again}") == wanted
            await rated(f"more{n}", days_before)
            wanted[month] += 1
        assert await by_month("x") == wanted
