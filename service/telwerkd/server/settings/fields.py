"""Every setting of the server: name, default, validation and description."""

from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from telwerkd.application.batches import IngestLimits
from telwerkd.application.display_names import NAMES_PER_ACCOUNT_MAX
from telwerkd.application.query.question import QueryLimits
from telwerkd.process.log_format import LogFormat, LogLevel
from telwerkd.server.settings.own_limits import OwnLimits
from telwerkd.server.settings.parsing import (
    Address,
    AddressOrNone,
    Database,
    HostNames,
    KeySetLocation,
    OptionalAddress,
    Origins,
    of_json,
)
from telwerkd.storage.location import SqliteFile
from telwerkd.transport.codec.account.display_names import NameLimits
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.endpoint.address import DEFAULT_HTTP_LISTEN, DEFAULT_LISTEN
from telwerkd.transport.grpc.requests import RequestLimits

# The defaults of limits stand beside what they limit.
_EVENTS, _INGEST, _QUERIES, _REQUESTS = EventLimits(), IngestLimits(), QueryLimits(), RequestLimits()
_NAMES = NameLimits()


class SettingsFields(BaseModel):
    """Every setting, with its default and validation. Its name is in the text of every error that it causes."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=True, allow_inf_nan=False
    )

    database: Database = Field(
        SqliteFile(Path("telwerk.db")),
        description="The SQLite file, created if missing, or `postgresql://user@host/database`.",
        json_schema_extra={"default": "telwerk.db"},
    )
    listen: Address = Field(
        DEFAULT_LISTEN,
        description="The gRPC address: `host:port`, `[IPv6]:port` or `unix:path`; port 0 picks a free port.",
    )
    http_listen: AddressOrNone = Field(
        DEFAULT_HTTP_LISTEN,
        description="The HTTP address, for the Connect protocol and the probes; empty disables HTTP.",
    )
    probe_listen: OptionalAddress = Field(
        None,
        description="A separate address for `/healthz`, `/readyz` and `/metrics`, in plain text and without keys.",
    )
    workers: int = Field(
        1, gt=0, description="Number of server processes on one port; more than one requires PostgreSQL."
    )
    tls_cert: Path | None = Field(None, description="PEM file with the server's certificate chain.")
    tls_key: Path | None = Field(None, description="PEM file with the private key of `tls_cert`.")
    tls_client_ca: Path | None = Field(
        None, description="PEM file of a certificate authority; clients must present a certificate that it issued."
    )
    keys_file: Path | None = Field(
        None, description="File of API keys, see `telwerkd keys`. Without it, no key is required."
    )
    jwt_issuer: str | None = Field(
        None,
        min_length=1,
        description="Accept tokens (JWT) with this `iss` claim. See docs/security.md.",
    )
    jwt_audience: str | None = Field(
        None, min_length=1, description="The audience that the `aud` claim of a token must contain."
    )
    jwt_jwks: KeySetLocation = Field(
        None, min_length=1, description="The issuer's JWK set: an `https://` URL, or the path of a file."
    )
    jwt_accounts_claim: str = Field(
        "telwerk_accounts", min_length=1, description="The claim of a token that lists its accounts; `*` means all."
    )
    jwt_roles_claim: str = Field(
        "telwerk_roles", min_length=1, description="The claim of a token that lists its roles: ingest, query, admin."
    )
    jwt_leeway_seconds: float = Field(
        30.0, ge=0, le=600, description="Largest accepted difference between the issuer's clock and the server's."
    )
    jwt_refresh_seconds: float = Field(
        300.0, gt=0, description="Interval at which the JWK set is fetched from its URL."
    )
    jwt_cooldown_seconds: float = Field(
        10.0, gt=0, description="Shortest time between two fetches, also when a token names an unknown key."
    )
    insecure_plaintext: bool = Field(default=False, description="Allow plain text beyond loopback.")
    insecure_no_auth: bool = Field(default=False, description="Allow calls without a key beyond loopback.")
    http_hosts: HostNames = Field(
        None,
        description="Host names by which HTTP clients may call, besides loopback and the address; separated by commas.",
    )
    http_origins: Origins = Field(
        None, description="Origins whose web pages may call over HTTP, such as `https://host`; separated by commas."
    )
    http_page: bool = Field(default=True, description="Serve the web page at `/` on the HTTP port.")
    grace_seconds: float = Field(10.0, ge=0, description="Time that running calls have to finish after SIGTERM.")
    writer_stall_seconds: float = Field(
        10.0, gt=0, description="Time without a reply after which the writer of a SQLite file counts as stalled."
    )
    worker_stall_seconds: float = Field(
        30.0, ge=1, description="Time without a reply after which a worker is killed and replaced."
    )

    batch_events_max: int = Field(_EVENTS.batch_events_max, gt=0, description="Most events in one IngestEvents call.")
    id_bytes_max: int = Field(
        _EVENTS.id_bytes_max, gt=0, le=16_384, description="Most UTF-8 bytes of an id; 16,384 at most."
    )
    url_bytes_max: int = Field(_EVENTS.url_bytes_max, gt=0, description="Most UTF-8 bytes of a URL.")
    answers_max: int = Field(_EVENTS.answers_max, gt=0, description="Most answers in one survey event.")
    future_skew_seconds_max: int = Field(
        _EVENTS.future_skew_seconds_max,
        ge=0,
        description="How far in the future, by the server's clock, an event time may lie.",
    )
    stream_unacked_events_max: int = Field(
        _EVENTS.stream_unacked_events_max,
        gt=0,
        description="Most events of a stream that are read but not acknowledged.",
    )
    stream_unacked_bytes_max: int = Field(
        _EVENTS.stream_unacked_bytes_max,
        gt=0,
        description="Most bytes, as sent, of the events of a stream that are read but not acknowledged.",
    )
    event_bytes_max: int | None = Field(
        _EVENTS.event_bytes_max,
        gt=0,
        description="Most bytes of one event as sent; unset, as many as the limits on ids, answers and URLs allow.",
    )
    retention_days: int | None = Field(
        None, gt=0, description="Age at which events are purged; their counts stay. Unset, nothing is purged."
    )
    names_max: int = Field(
        _INGEST.names_max,
        gt=0,
        description="Most distinct operators, groups, widgets, and values of each KPI, per account.",
    )
    widget_settings_bytes_max: int = Field(
        8 * 2**20,
        gt=0,
        description="Most bytes of all versions of an account's widget settings and opening hours, plus 400 for "
        "each version.",
    )
    display_names_max: int = Field(
        NAMES_PER_ACCOUNT_MAX, gt=0, description="Most display names of one account, all kinds together."
    )
    display_name_characters_max: int = Field(
        _NAMES.display_name_characters_max, gt=0, description="Most characters of a display name."
    )
    display_name_bytes_max: int = Field(
        _NAMES.display_name_bytes_max, gt=0, description="Most UTF-8 bytes of a display name."
    )
    display_names_per_request_max: int = Field(
        _NAMES.display_names_per_request_max, gt=0, description="Most display names in one SetDisplayNames call."
    )
    waiting_events_max: int = Field(
        _INGEST.waiting_events_max,
        gt=0,
        description="Most events that wait to be stored, weighed as for transaction_events_max; more are refused.",
    )
    waiting_account_percent_max: int = Field(
        _INGEST.waiting_account_percent_max,
        gt=0,
        le=100,
        description="Share of waiting_events_max that one account may use, in percent.",
    )
    transaction_events_max: int = Field(
        _INGEST.transaction_events_max,
        gt=0,
        description="Most events in one transaction. Every 4 answers, and every 256 characters of URL, topics or "
        "answers, count as one more.",
    )
    transaction_shared_events_max: int = Field(
        _INGEST.transaction_shared_events_max,
        gt=0,
        description="Most events in one transaction while several accounts send events, weighed in the same way.",
    )
    transaction_shared_seconds_max: float = Field(
        _INGEST.transaction_shared_seconds_max,
        gt=0,
        description="Target duration of a transaction while several accounts send events: after a longer one the "
        "next gets fewer events, and after four times as long it stops and leaves the rest to the next. SQLite only.",
    )
    account_shared_events_max: int = Field(
        _INGEST.account_shared_events_max,
        gt=0,
        description="Most events in running calls of one account while others call too; its further calls wait.",
    )
    account_shared_queries_max: int = Field(
        1,
        gt=0,
        description="Most running calls without events of one account while others call; watches count during updates.",
    )
    conversation_events_max: int = Field(
        _INGEST.conversation_events_max, gt=0, description="Most events in the log of one conversation."
    )
    conversation_pending_max: int = Field(
        _INGEST.conversation_pending_max,
        gt=0,
        description="Most pre-chat answers held back, and most retracted events not yet there, per conversation.",
    )
    buckets_max: int = Field(_QUERIES.buckets_max, gt=0, description="Most buckets of a time series.")
    points_max: int = Field(
        _QUERIES.points_max, gt=0, description="Most numbers in an answer: series times buckets times values."
    )
    groups_max: int = Field(_QUERIES.groups_max, gt=0, description="Most groups in an answer without paging.")
    as_of_events_max: int = Field(
        _QUERIES.as_of_events_max,
        gt=0,
        description="Most events that a query or batch with `as_of` may fold, plus one for each conversation.",
    )
    rows_max: int = Field(
        _QUERIES.rows_max,
        gt=0,
        description="Most rows that a query may read: combinations of ids in 32 days, for each KPI and period.",
    )
    waiting_queries_per_account_max: int = Field(
        200, gt=0, description="Most queries of an account that wait for a reading thread; more are refused."
    )
    rollup_cache_bytes_max: int = Field(
        64 * 2**20,
        ge=0,
        description="Bytes of the cache of rollups: counts summed by quarter-hour, hour and day; 0 disables it.",
    )
    answer_cache_bytes_max: int = Field(
        64 * 2**20, ge=0, description="Bytes of the cache of encoded answers; 0 disables it."
    )
    account_calls_per_second_max: float | None = Field(
        None,
        gt=0,
        description="Rate limit: calls of one account per second; queries of a batch and requests of a stream count.",
    )
    account_events_per_second_max: float | None = Field(
        None, gt=0, description="Rate limit: events of one account per second, refused ones included."
    )
    account_query_ms_per_second_max: float | None = Field(
        None,
        gt=0,
        description="Rate limit: estimated computing time of one account's queries per second, in milliseconds.",
    )
    account_burst_seconds: float = Field(
        10.0, gt=0, description="Size of the token buckets of the three rate limits above, in seconds."
    )
    account_limits: Annotated[dict[str, OwnLimits], BeforeValidator(of_json)] = Field(
        {},
        description="The three rate limits, `waiting_account_percent_max` and `watches_per_account_max` of single "
        "accounts: tables `[account_limits.ID]` in the configuration file.",
    )
    watches_max: int = Field(1_000, gt=0, description="Most open WatchTimeSeries calls.")
    watches_per_account_max: int = Field(500, gt=0, description="Most open WatchTimeSeries calls of one account.")
    watch_stall_seconds: float = Field(
        30.0, gt=0, description="Time for which a client may read nothing of a watch before the watch is ended."
    )
    health_watches_max: int = Field(1_000, gt=0, description="Most open Watch calls of the health service.")
    health_watches_per_peer_max: int = Field(
        100, gt=0, description="Most open Watch calls of the health service from one address."
    )
    connections_max: int | None = Field(
        None,
        gt=0,
        description="Most open gRPC connections; unset, the limit of open files less 128 and HTTP's, at most 10,000.",
    )
    http_connections_max: int | None = Field(
        None, gt=0, description="Most open HTTP connections, and as many for probes; unset, a fifth of all connections."
    )
    handshake_seconds: float = Field(
        10.0,
        gt=0,
        description="Time for the HTTP/2 preface of a new connection, and for the head of an HTTP request.",
    )
    http_header_bytes_max: int = Field(16_384, gt=0, description="Most bytes in the head of an HTTP request.")
    connection_idle_seconds: float = Field(
        300.0, gt=0, description="Time without an open call after which a connection is closed."
    )
    connection_age_seconds: float = Field(
        3_600.0,
        gt=0,
        description="Age, give or take a tenth, from which a connection accepts no new calls; its client reconnects.",
    )
    connection_grace_seconds: float | None = Field(
        None,
        gt=0,
        description="Time after that at which a connection is cut, with its running calls; unset, the same as the age.",
    )
    calls_max: int = Field(4_000, gt=0, description="Most open calls, streams and watches included.")
    calls_per_peer_max: int = Field(
        2_000, ge=0, description="Most open calls from one address; 0 disables this limit, for servers behind a proxy."
    )
    first_message_seconds: float = Field(
        30.0, gt=0, description="Time within which a call must send its first request."
    )
    refused_calls_max: int = Field(
        60, ge=0, description="Refused calls of one address per minute after which its refusals are delayed."
    )
    refused_delay_seconds: float = Field(1.0, ge=0, description="Delay of these refusals.")
    log_format: LogFormat = Field("text", description="Format of the log: `text` or `json`.")
    log_level: LogLevel = Field(
        "info",
        description="Lowest level that is logged: `debug`, `info`, `warning` or `error`; the audit log always is.",
    )
    access_log: bool = Field(
        default=False, description="Log every call: method, code, time, bytes, peer, key, account."
    )
    slow_query_seconds: float = Field(
        1.0, ge=0, description="Duration from which a query is logged, with its cost; 0 disables this."
    )
    log_lines_max: int = Field(
        60, gt=0, description="Most lines per minute from one place in the code; further lines are only counted."
    )
    metrics_accounts_max: int = Field(
        0, ge=0, description="Most accounts with metrics of their own, per process; the others share one label."
    )
    message_bytes_max: int = Field(16 * 2**20, gt=0, description="Most bytes of one request.")
    request_bytes_max: int = Field(
        _REQUESTS.request_bytes_max,
        gt=0,
        description="Most bytes of one request without events, and of each query of a batch.",
    )
    open_request_bytes_max: int = Field(
        _REQUESTS.open_request_bytes_max,
        gt=0,
        description="Most bytes of one request that needs no key: health and reflection.",
    )
    reply_stall_seconds: float = Field(
        30.0, gt=0, description="Time for which a client may read nothing of an answer before its call is reset."
    )
    memory_bytes_max: int = Field(
        512 * 2**20,
        gt=0,
        description="Most memory that all calls hold together: requests, waiting events, answers in progress, "
        "replies, watches.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuses booleans for numbers: `names_max = true` would mean 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and bool not in (kind, *get_args(kind)):
            raise ValueError(f"must not be true or false, is {str(value).lower()}")
        return value
