"""What a life must be like at its end, by how it began."""

from telwerkd.storage.sqlite.engine import WRITER_CACHE_KIB
from tests.programs.long_life.observing import Held, Interval
from tests.programs.long_life.verdict import compared

CACHE_MB = WRITER_CACHE_KIB * 1_024 / 1e6
LEAST = Interval(0, 950, 100, 50, 500, 100, 800, 700, 450, 243, 2, Held(150, 100, 34, 15, 20, 50, 50, 1_000, 60))


def life(writer_rss_mb: tuple[float, float], used_mb: tuple[float, float]) -> list[Interval]:
    """One in which the memory of the process that writes grows evenly, and the used part of the file."""

    def at(minute: int, ends: tuple[float, float]) -> float:
        return ends[0] + (ends[1] - ends[0]) * minute / 99

    return [
        LEAST._replace(
            minutes=minute + 1,
            held=LEAST.held._replace(writer_rss_mb=at(minute, writer_rss_mb), used_mb=at(minute, used_mb)),
        )
        for minute in range(100)
    ]


def wrong(writer_rss_mb: tuple[float, float], used_mb: tuple[float, float]) -> list[str]:
    return compared(life(writer_rss_mb, used_mb))[1]


def test_a_life_that_stays_as_it_was_is_right():
    assert wrong((100, 105), used_mb=(50, 150)) == []


def test_what_grows_though_the_page_cache_was_full_is_wrong():
    [told] = wrong((100, 130), used_mb=(CACHE_MB, 4 * CACHE_MB))
    assert told.startswith("memory of the process that writes")


def test_a_page_cache_that_fills_is_no_growth():
    """It comes to what is stated of it (`WRITER_CACHE_KIB`), and to no more than the file has."""
    assert wrong((100, 130), used_mb=(0, 3 * CACHE_MB)) == []
    assert len(wrong((100, 150), used_mb=(0, 3 * CACHE_MB))) == 1
    assert len(wrong((100, 130), used_mb=(10, 12))) == 1
