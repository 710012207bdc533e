"""What a server holds and takes, looked at from outside."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.conftest import writer_of


class Held(NamedTuple):
    """What there is at one moment."""

    server_rss_mb: float
    writer_rss_mb: float
    descriptors: int
    """Of both processes."""
    threads: int
    wal_mb: float
    file_mb: float
    used_mb: float
    """Of the file, what is not free."""
    log_bytes: int
    cpu_seconds: float
    """So far, of both."""


def held(server_pid: int, database: Path, log: Path) -> Held:
    """Of a server and the process that writes for it."""
    server, writer = psutil.Process(server_pid), writer_of(server_pid)
    both = server, writer
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        [[page_bytes]] = connection.execute("PRAGMA page_size")
        [[pages]] = connection.execute("PRAGMA page_count")
        [[free]] = connection.execute("PRAGMA freelist_count")
    return Held(
        server.memory_info().rss / 1e6,
        writer.memory_info().rss / 1e6,
        sum(process.num_fds() for process in both),
        sum(process.num_threads() for process in both),
        Path(f"{database}-wal").stat().st_size / 1e6,
        pages * page_bytes / 1e6,
        (pages - free) * page_bytes / 1e6,
        log.stat().st_size,
        sum(sum(process.cpu_times()[:2]) for process in both),
    )


class Interval(NamedTuple):
    """Some seconds of a life."""

    minutes: float
    """Since the beginning of the load, at its end."""
    events_per_second: float
    waiting: int
    """Events that have happened and are not acknowledged."""
    call_p50_ms: float
    call_p99_ms: float
    query_p50_ms: float
    query_p99_ms: float
    cpu_micros_per_event: float
    bytes_per_chat: float
    """By how much the used part of the file grew, for each chat that began."""
    log_bytes_per_minute: float
    busy: float
    """The machine's load average over a minute."""
    held: Held
    """At its end."""
