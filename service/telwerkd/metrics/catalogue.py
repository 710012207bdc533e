"""Every metric: its name, type, labels and meaning. `docs/metrics.md` adds what to do when it rises.

The number of series does not grow with callers' input: unknown methods and limits have no series of their own;
accounts have one only up to `metrics_accounts_max`.
"""

import enum
from collections.abc import Mapping
from typing import Final, NamedTuple


class Kind(enum.Enum):
    """The Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merge(enum.Enum):
    """How the values of one series from several processes are merged."""

    SUM = "each process counts its own part"
    MAX = "each sees the same, or the largest matters"
    MIN = "the smallest matters"


class Metric(NamedTuple):
    """The definition of a metric."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    text: str
    """Its meaning, with its unit; Prometheus shows it as the metric's help."""
    merge: Merge = Merge.SUM


_METHOD = ("grpc_type", "grpc_service", "grpc_method")

_CALLS = (
    Metric("grpc_server_started_total", Kind.COUNTER, _METHOD, "Calls that began."),
    Metric(
        "grpc_server_handled_total",
        Kind.COUNTER,
        (*_METHOD, "grpc_code"),
        "Calls that ended, by status; cancelled ones, and those refused before their key was checked, included.",
    ),
    Metric(
        "grpc_server_handling_seconds",
        Kind.HISTOGRAM,
        _METHOD,
        "Seconds from a call's headers to its end; for streams and watches, how long they were open.",
    ),
    Metric("grpc_server_msg_received_total", Kind.COUNTER, _METHOD, "Requests read; a stream has many."),
    Metric("grpc_server_msg_sent_total", Kind.COUNTER, _METHOD, "Replies given to gRPC; a stream has many."),
    Metric("telwerk_calls_open", Kind.GAUGE, (), "Calls that are open, streams and watches included (calls_max)."),
    Metric(
        "telwerk_limit_rejections_total",
        Kind.COUNTER,
        ("limit",),
        "Calls, batches of a stream, queries of a batch and events refused because of a limit, by its setting.",
    ),
    Metric(
        "telwerk_memory_reserved_bytes",
        Kind.GAUGE,
        (),
        "Bytes reserved for requests, replies and watches (memory_bytes_max).",
    ),
)

_EVENTS = (
    Metric(
        "telwerk_events_total",
        Kind.COUNTER,
        ("verdict", "reason"),
        "Events by verdict: accepted, duplicate, or rejected with its reason.",
    ),
    Metric(
        "telwerk_account_events_total",
        Kind.COUNTER,
        ("account", "verdict"),
        "The same by account, where metrics_accounts_max allows; accounts beyond it are `other`.",
    ),
    Metric("telwerk_events_waiting", Kind.GAUGE, (), "Events submitted and not stored yet (waiting_events_max)."),
    Metric(
        "telwerk_events_waiting_age_seconds",
        Kind.GAUGE,
        (),
        "Age in seconds of the oldest unanswered batch; 0 if there is none.",
        Merge.MAX,
    ),
    Metric(
        "telwerk_transaction_events",
        Kind.HISTOGRAM,
        (),
        "Events in one transaction of ingestion (transaction_events_max).",
    ),
    Metric(
        "telwerk_transaction_seconds",
        Kind.HISTOGRAM,
        ("command",),
        "Seconds of a committed transaction, by what it did; on PostgreSQL with its retries and waits for locks.",
    ),
    Metric(
        "telwerk_transaction_retries_total",
        Kind.COUNTER,
        ("work",),
        "Transactions run again, by what the connection is for. PostgreSQL only.",
    ),
    Metric(
        "telwerk_refold_events",
        Kind.HISTOGRAM,
        (),
        "Logged events of a conversation that was folded again for a late or retracted event; the count is of refolds.",
    ),
)

_UPKEEP = (
    Metric("telwerk_timers_open", Kind.GAUGE, (), "Response timers that run or are due.", Merge.MAX),
    Metric("telwerk_timers_due", Kind.GAUGE, (), "Response timers whose limit has passed, not settled yet.", Merge.MAX),
    Metric(
        "telwerk_timers_late_seconds",
        Kind.GAUGE,
        (),
        "Seconds since the earliest limit that is not settled; 0 where none is due.",
        Merge.MAX,
    ),
    Metric("telwerk_delta_entries", Kind.GAUGE, (), "Delta entries that are not in chunks yet.", Merge.MAX),
    Metric("telwerk_compaction_seconds", Kind.HISTOGRAM, (), "Seconds of one compaction of a measure."),
    Metric("telwerk_compacted_entries_total", Kind.COUNTER, (), "Delta entries moved into chunks."),
    Metric(
        "telwerk_database_up",
        Kind.GAUGE,
        (),
        "1 if the last ping found that a write would be committed, else 0.",
        Merge.MIN,
    ),
    Metric("telwerk_database_pings_total", Kind.COUNTER, ("outcome",), "Pings of the database: ok or failed."),
    Metric("telwerk_database_ping_seconds", Kind.HISTOGRAM, (), "Seconds of a ping, failed ones included."),
    Metric("telwerk_writer_restarts_total", Kind.COUNTER, (), "Restarts of the writer after it died. SQLite only."),
    Metric("telwerk_worker_restarts_total", Kind.COUNTER, (), "Restarts of a worker after one died."),
    Metric("telwerk_clock_doubted", Kind.GAUGE, (), "1 while the system's clock is doubted, else 0.", Merge.MAX),
)

_QUERIES = (
    Metric("telwerk_query_rows", Kind.HISTOGRAM, (), "Rows that an answer was made of (rows_max)."),
    Metric("telwerk_query_points", Kind.HISTOGRAM, (), "Numbers in an answer (points_max)."),
    Metric("telwerk_cache_bytes", Kind.GAUGE, ("cache",), "Bytes in the cache of answers, or of rollups."),
    Metric("telwerk_cache_hits_total", Kind.COUNTER, ("cache",), "Lookups that found a valid cached value."),
    Metric(
        "telwerk_cache_misses_total",
        Kind.COUNTER,
        ("cache",),
        "Lookups that found none; the value was computed, and cached.",
    ),
    Metric("telwerk_watches_open", Kind.GAUGE, (), "Open WatchTimeSeries calls (watches_max)."),
    Metric(
        "telwerk_watch_lag_seconds",
        Kind.HISTOGRAM,
        (),
        "Seconds from a commit to the update that tells a watch of it; from its notice, if another server committed.",
    ),
)

_PROCESS = ("process",)
_PROCESSES = (
    Metric(
        "telwerk_build_info",
        Kind.GAUGE,
        ("version", "schema", "database", "python"),
        "Always 1; its labels say what runs.",
        Merge.MAX,
    ),
    Metric("telwerk_workers", Kind.GAUGE, (), "Server processes in these figures; 1 without workers."),
    Metric("process_cpu_seconds_total", Kind.COUNTER, _PROCESS, "CPU seconds, of the server or the writer."),
    Metric(
        "process_resident_memory_bytes", Kind.GAUGE, _PROCESS, "Bytes of memory in RAM, of the server or the writer."
    ),
    Metric(
        "process_virtual_memory_bytes", Kind.GAUGE, _PROCESS, "Bytes of address space, of the server or the writer."
    ),
    Metric(
        "process_start_time_seconds",
        Kind.GAUGE,
        _PROCESS,
        "When the server or the writer started, in seconds since 1970.",
        Merge.MIN,
    ),
    Metric("process_open_fds", Kind.GAUGE, _PROCESS, "Open file descriptors, of the server or the writer."),
    Metric("process_max_fds", Kind.GAUGE, _PROCESS, "The limit on open file descriptors.", Merge.MIN),
)

CATALOGUE: Final[Mapping[str, Metric]] = {
    metric.name: metric for metric in (*_CALLS, *_EVENTS, *_UPKEEP, *_QUERIES, *_PROCESSES)
}
"""The metrics by name, in the order of the exposition."""

NAMES: Final = tuple(CATALOGUE)
"""The names, without the endings that Prometheus adds to those of histograms (`_bucket`, `_count`, `_sum`)."""
