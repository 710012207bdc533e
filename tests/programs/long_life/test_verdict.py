"""What a life must be like at its end, by how it began."""

from telwerkd.storage.sqlite.engine import WRITER_CACHE_KIB
from tests.programs.long_life.observing import Held, Interval
from tests.programs.long_life.verdict import compared

CACHE_MB = WRITER_CACHE_KIB * 1_024 / 1e6
LEAST = Interval(0, 950, 100, 50, 500, 100, 800, 700, 450, 243, 2, Held(150, 100, 34, 15, 20, 50, 50, 1_000, 60))


def life(writer_rss_mb: tuple[float, float], used_mb: float) -> list[Interval]:
    """One in which the memory of the process that writes grows evenly, and the file from so much by a megabyte each."""
    first, last = writer_rss_mb
    return [
        LEAST._replace(
            minutes=minute + 1,
            held=LEAST.held._replace(
                writer_rss_mb=first + (last - first) * minute / 99, used_mb=used_mb + minute, file_mb=used_mb + minute
            ),
        )
        for minute in range(100)
    ]


def wrong(writer_rss_mb: tuple[float, float], used_mb: float) -> list[str]:
    return compared(life(writer_rss_mb, used_mb))[1]


def test_a_life_that_stays_as_it_was_is_right():
    assert wrong((100, 105), used_mb=50) == []


def test_what_grows_though_the_page_cache_was_full_is_wrong():
    [told] = wrong((100, 130), used_mb=CACHE_MB)
    assert told.startswith("memory of the process that writes")


def test_a_page_cache_that_fills_is_no_growth():
    """It takes what is stated of it (`WRITER_CACHE_KIB`), less what it may have had in the beginning, and no more."""
    assert wrong((100, 130), used_mb=0) == []
    assert len(wrong((100, 150), used_mb=0)) == 1
