"""A watch that ends in a long life is told with its reason, and counts as what it is."""

from telwerk.v1 import kpi_service_pb2 as kpi
from tests.conftest import Server, eventually, started
from tests.programs.long_life.traffic import BESIDE, Traffic, series
from tests.programs.long_life.watching import GRACE_SECONDS, WatchEnd


async def test_a_watch_that_ended_with_its_connection_was_meant_to_if_it_had_its_grace(tmp_path):
    """The server ends it as `UNAVAILABLE`; no other call fails."""
    settings = {"connection_age_seconds": 0.5, "connection_grace_seconds": 0.5}
    async with started(tmp_path / "telwerk.db", **settings) as server:
        end = await _first_end(server)
    assert (end.code, end.details) == ("UNAVAILABLE", "max connection age")
    assert end._replace(lasted_seconds=GRACE_SECONDS).is_meant
    assert not end.is_meant, "its server gave it less than a long life's server gives"


async def test_a_watch_that_ended_otherwise_was_not_meant_to(tmp_path):
    """However long it lasted; what the server said of it is told."""
    async with started(tmp_path / "telwerk.db", watches_max=1) as server:
        other = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id=BESIDE, query=_series_beside()))
        await other.read()
        end = await _first_end(server)
        other.cancel()
    assert not end._replace(lasted_seconds=GRACE_SECONDS).is_meant
    assert "UNAVAILABLE" in str(end)
    assert "watches_max" in str(end)


async def _first_end(server: Server) -> WatchEnd:
    traffic = Traffic(server, events_per_second=100, keep_seconds=60)

    async def has_ended() -> bool:
        return bool(traffic.watch_ends)

    await traffic.start()
    await eventually(has_ended)
    await traffic.stop()
    await traffic.end()
    assert not traffic.failures
    return traffic.watch_ends[0]


def _series_beside() -> kpi.QueryTimeSeriesRequest:
    query = series()
    query.account_id = ""
    return query
