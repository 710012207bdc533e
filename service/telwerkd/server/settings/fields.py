"""Every setting of the server: name, default, validation and description."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from telwerkd.application.batches import IngestLimits
from telwerkd.application.display_names import NAMES_PER_ACCOUNT_MAX
from telwerkd.application.query.question import QueryLimits
from telwerkd.process.log_format import LogFormat, LogLevel
from telwerkd.server.settings.own_limits import OwnLimits
from telwerkd.storage.location import Location, SqliteFile, located
from telwerkd.transport.codec.account.display_names import NameLimits
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.endpoint.address import DEFAULT_HTTP_LISTEN, DEFAULT_LISTEN, normal, normal_or_none
from telwerkd.transport.grpc.requests import RequestLimits
from telwerkd.transport.http.origins import host_name, origin
from telwerkd.transport.security.access import checked_location

# The defaults of limits stand beside what they limit.
_EVENTS, _INGEST, _QUERIES, _REQUESTS = EventLimits(), IngestLimits(), QueryLimits(), RequestLimits()
_NAMES = NameLimits()


def _several(one: Callable[[str], str], given: object) -> tuple[str, ...] | None:
    """Returns the parts of a text with commas, or of a list. Raises ValueError."""
    if given is None:
        return None
    if not isinstance(given, str | list | tuple):
        raise ValueError("must be a text, or a list of texts")  # noqa: TRY004  # what pydantic tells of
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(one(str(part)) for part in parts if str(part).strip()) or None


_TEXTS_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}, {"type": "null"}]}
)


def _of_json(given: object) -> object:
    """Parses a value from the environment as JSON; other values are unchanged. Raises ValueError."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except RecursionError:
        raise ValueError("is nested too deeply") from None


class SettingsFields(BaseModel):
    """Every setting, with its default and validation. Its name is in the text of every error that it causes."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=True, allow_inf_nan=False
    )

    database: Annotated[
        Location, BeforeValidator(located), PlainSerializer(str), WithJsonSchema({"type": "string"})
    ] = Field(
        SqliteFile(Path("telwerk.db")),
        description="A SQLite file, made if it is not there, or `postgresql://user@host/database`.",
        json_schema_extra={"default": "telwerk.db"},
    )
    listen: Annotated[str, AfterValidator(normal)] = Field(
        DEFAULT_LISTEN,
        description="Its address: `host:port`, `[IPv6]:port` or `unix:path`; port 0 takes a free one.",
    )
    http_listen: Annotated[str, AfterValidator(normal_or_none)] = Field(
        DEFAULT_HTTP_LISTEN,
        description="The address of HTTP: calls by the Connect protocol, and the probes; empty switches it off.",
    )
    probe_listen: Annotated[str | None, AfterValidator(lambda text: text and normal(text))] = Field(
        None,
        description="An address for `/healthz`, `/readyz` and `/metrics` alone, in plain text and without keys.",
    )
    workers: int = Field(1, gt=0, description="Server processes on one port; more than one need PostgreSQL.")
    tls_cert: Path | None = Field(None, description="The server's certificate chain, PEM.")
    tls_key: Path | None = Field(None, description="Its key, PEM.")
    tls_client_ca: Path | None = Field(None, description="Clients must show a certificate of this authority, PEM.")
    keys_file: Path | None = Field(None, description="API keys, see `telwerkd keys`. Without it, everyone may do all.")
    jwt_issuer: str | None = Field(
        None,
        min_length=1,
        description="Accept tokens (JWT) of this issuer, as their `iss` says it. See docs/security.md.",
    )
    jwt_audience: str | None = Field(None, min_length=1, description="What their `aud` must name.")
    jwt_jwks: Annotated[str | None, AfterValidator(lambda location: location and checked_location(location))] = Field(
        None, min_length=1, description="The issuer's keys, a JWK set: a URL (`https://`), or a file's path."
    )
    jwt_accounts_claim: str = Field(
        "telwerk_accounts", min_length=1, description="Their claim that names accounts; `*` in it is every one."
    )
    jwt_roles_claim: str = Field(
        "telwerk_roles", min_length=1, description="Their claim that names roles: ingest, query, admin."
    )
    jwt_leeway_seconds: float = Field(
        30.0, ge=0, le=600, description="How far the issuer's clock may be from this one."
    )
    jwt_refresh_seconds: float = Field(300.0, gt=0, description="How often keys are fetched from a URL.")
    jwt_cooldown_seconds: float = Field(
        10.0, gt=0, description="Within this they are fetched once at most, whichever keys tokens name."
    )
    insecure_plaintext: bool = Field(default=False, description="Allow plain text beyond loopback.")
    insecure_no_auth: bool = Field(default=False, description="Allow everyone everything beyond loopback.")
    http_hosts: Annotated[tuple[str, ...] | None, BeforeValidator(partial(_several, host_name)), _TEXTS_SCHEMA] = Field(
        None,
        description="Names that HTTP clients call this server by, beside loopback and its address; commas between.",
    )
    http_origins: Annotated[tuple[str, ...] | None, BeforeValidator(partial(_several, origin)), _TEXTS_SCHEMA] = Field(
        None, description="Origins whose web pages may call by HTTP, as `https://host`; commas between."
    )
    http_page: bool = Field(default=True, description="Serve the web page on the port of HTTP, at `/`.")
    grace_seconds: float = Field(10.0, ge=0, description="How long running calls may take to end on SIGTERM.")
    writer_stall_seconds: float = Field(
        10.0, gt=0, description="Without a reply for so long, what writes to a SQLite file counts as stalled."
    )
    worker_stall_seconds: float = Field(
        30.0, ge=1, description="A worker that replies to nothing for so long is killed, and another started."
    )

    batch_events_max: int = Field(_EVENTS.batch_events_max, gt=0, description="Events in one IngestEvents call.")
    id_bytes_max: int = Field(
        _EVENTS.id_bytes_max, gt=0, le=16_384, description="UTF-8 bytes of an id, at most 16,384."
    )
    url_bytes_max: int = Field(_EVENTS.url_bytes_max, gt=0, description="UTF-8 bytes of a URL.")
    answers_max: int = Field(_EVENTS.answers_max, gt=0, description="Answers of one survey event.")
    future_skew_seconds_max: int = Field(
        _EVENTS.future_skew_seconds_max, ge=0, description="How far ahead of this clock an event may have happened."
    )
    stream_unacked_events_max: int = Field(
        _EVENTS.stream_unacked_events_max, gt=0, description="Events of a stream read but not yet answered."
    )
    stream_unacked_bytes_max: int = Field(
        _EVENTS.stream_unacked_bytes_max, gt=0, description="Bytes of these events, as they were sent."
    )
    event_bytes_max: int | None = Field(
        _EVENTS.event_bytes_max,
        gt=0,
        description="Bytes of one event as sent. Absent: room for what ids, answers and URL may have.",
    )
    retention_days: int | None = Field(None, gt=0, description="Events older than this are purged; counts stay.")
    names_max: int = Field(
        _INGEST.names_max, gt=0, description="Distinct operators, groups, widgets, and values of each KPI, per account."
    )
    widget_settings_bytes_max: int = Field(
        8 * 2**20,
        gt=0,
        description="Bytes of an account's widget settings and opening hours, of all versions, and 400 for each "
        "version; beyond it none is added.",
    )
    display_names_max: int = Field(
        NAMES_PER_ACCOUNT_MAX, gt=0, description="Display names of one account, of all kinds together."
    )
    display_name_characters_max: int = Field(
        _NAMES.display_name_characters_max, gt=0, description="Characters of a display name."
    )
    display_name_bytes_max: int = Field(
        _NAMES.display_name_bytes_max, gt=0, description="UTF-8 bytes of a display name."
    )
    display_names_per_request_max: int = Field(
        _NAMES.display_names_per_request_max, gt=0, description="Display names in one SetDisplayNames call."
    )
    waiting_events_max: int = Field(
        _INGEST.waiting_events_max,
        gt=0,
        description="Events waiting to be stored before calls are turned away; weighed as by transaction_events_max.",
    )
    waiting_account_percent_max: int = Field(
        _INGEST.waiting_account_percent_max,
        gt=0,
        le=100,
        description="How much of waiting_events_max one account may use.",
    )
    transaction_events_max: int = Field(
        _INGEST.transaction_events_max,
        gt=0,
        description="Events in one transaction. Each 4 answers, and each 256 characters of URL, topics or answers, "
        "weigh as one more.",
    )
    transaction_shared_events_max: int = Field(
        _INGEST.transaction_shared_events_max,
        gt=0,
        description="The same while several accounts send events, which wait for one another.",
    )
    transaction_shared_seconds_max: float = Field(
        _INGEST.transaction_shared_seconds_max,
        gt=0,
        description="How long such a transaction should take: after a longer one fewer events go into the next, and "
        "one that counts for four times as long leaves the rest to it. SQLite only.",
    )
    account_shared_events_max: int = Field(
        _INGEST.account_shared_events_max,
        gt=0,
        description="Events of one account's calls in work while other accounts call too; its further calls wait.",
    )
    account_shared_queries_max: int = Field(
        1, gt=0, description="The same, of its calls that bring no events; watches count while they make an update."
    )
    conversation_events_max: int = Field(
        _INGEST.conversation_events_max, gt=0, description="Events in the log of one conversation."
    )
    conversation_pending_max: int = Field(
        _INGEST.conversation_pending_max,
        gt=0,
        description="Pre-chat answers held back, and retracted events that have not arrived, each, per conversation.",
    )
    buckets_max: int = Field(_QUERIES.buckets_max, gt=0, description="Buckets of a time series.")
    points_max: int = Field(
        _QUERIES.points_max, gt=0, description="Numbers of an answer: series times buckets times values."
    )
    groups_max: int = Field(
        _QUERIES.groups_max, gt=0, description="Groups of an answer that is not asked for by pages."
    )
    as_of_events_max: int = Field(
        _QUERIES.as_of_events_max,
        gt=0,
        description="Events that are folded for a question as of an instant, or for a batch of them, with one more for "
        "each conversation.",
    )
    rows_max: int = Field(
        _QUERIES.rows_max,
        gt=0,
        description="Rows that an answer is made of: combinations of ids in 32 days, of each KPI and period.",
    )
    waiting_queries_per_account_max: int = Field(
        200, gt=0, description="Questions of an account that wait for a reader, of which an account has half at most."
    )
    rollup_cache_bytes_max: int = Field(
        64 * 2**20,
        ge=0,
        description="Memory for quarter-hours, hours and days that are summed up already; 0 keeps none.",
    )
    answer_cache_bytes_max: int = Field(
        64 * 2**20, ge=0, description="Memory for answers that are still true; 0 keeps none."
    )
    account_calls_per_second_max: float | None = Field(
        None,
        gt=0,
        description="Calls of one account a second; each query of a batch and each request of a stream is one.",
    )
    account_events_per_second_max: float | None = Field(
        None, gt=0, description="Events of one account a second, refused ones included."
    )
    account_query_ms_per_second_max: float | None = Field(
        None, gt=0, description="What queries of one account may compute in a second, in estimated milliseconds."
    )
    account_burst_seconds: float = Field(
        10.0, gt=0, description="How long an account may save up what it does not use of these three."
    )
    account_limits: Annotated[dict[str, OwnLimits], BeforeValidator(_of_json)] = Field(
        {},
        description="These limits, `waiting_account_percent_max` and `watches_per_account_max`, of single accounts: "
        "tables `[account_limits.ID]` in the configuration file.",
    )
    watches_max: int = Field(1_000, gt=0, description="Open WatchTimeSeries calls.")
    watches_per_account_max: int = Field(500, gt=0, description="Open WatchTimeSeries calls of one account.")
    watch_stall_seconds: float = Field(30.0, gt=0, description="How long a watch may go unread before it is cut off.")
    health_watches_max: int = Field(1_000, gt=0, description="Open Watch calls of the health service.")
    health_watches_per_peer_max: int = Field(100, gt=0, description="The same, of one address.")
    connections_max: int | None = Field(
        None,
        gt=0,
        description="Open connections; unless set, the limit of open files less 128, at most 10,000, less HTTP's.",
    )
    http_connections_max: int | None = Field(
        None, gt=0, description="The same of HTTP, and of its probes each; unless set, a fifth of what there may be."
    )
    handshake_seconds: float = Field(
        10.0,
        gt=0,
        description="How long a connection may take to say that it is HTTP/2, and over HTTP the head of a request.",
    )
    http_header_bytes_max: int = Field(16_384, gt=0, description="Bytes of the head of an HTTP request.")
    connection_idle_seconds: float = Field(300.0, gt=0, description="How long a connection may have no open call.")
    connection_age_seconds: float = Field(
        3_600.0,
        gt=0,
        description="After this, give or take a tenth, a connection takes no new calls: its client opens another.",
    )
    connection_grace_seconds: float | None = Field(
        None, gt=0, description="After so long again it is cut, with what runs on it; unless set, the same as its age."
    )
    calls_max: int = Field(4_000, gt=0, description="Open calls, streams and watches included.")
    calls_per_peer_max: int = Field(
        2_000, ge=0, description="The same, of one address; 0 leaves this away, for a proxy that all come through."
    )
    first_message_seconds: float = Field(30.0, gt=0, description="How long a call may take to send its first request.")
    refused_calls_max: int = Field(
        60, ge=0, description="Refused calls of one address in a minute, after which its refusals are delayed."
    )
    refused_delay_seconds: float = Field(1.0, ge=0, description="How long they are delayed.")
    log_format: LogFormat = Field("text", description="How the log is written: `text` or `json`.")
    log_level: LogLevel = Field(
        "info", description="The least that is logged: `debug`, `info`, `warning` or `error`; the audit log always is."
    )
    access_log: bool = Field(
        default=False, description="Log every call: method, code, time, bytes, peer, key, account."
    )
    slow_query_seconds: float = Field(
        1.0, ge=0, description="Queries that take longer are logged with what they cost; 0 logs none."
    )
    log_lines_max: int = Field(
        60, gt=0, description="Lines that one place in the program logs within a minute; the rest are counted."
    )
    metrics_accounts_max: int = Field(
        0, ge=0, description="Accounts that have metrics of their own, in each process; those beyond it share one."
    )
    message_bytes_max: int = Field(16 * 2**20, gt=0, description="Bytes of one request.")
    request_bytes_max: int = Field(
        _REQUESTS.request_bytes_max,
        gt=0,
        description="Bytes of one request that brings no events, and of each query of a batch.",
    )
    open_request_bytes_max: int = Field(
        _REQUESTS.open_request_bytes_max,
        gt=0,
        description="Bytes of one request that needs no key: health and reflection.",
    )
    reply_stall_seconds: float = Field(
        30.0, gt=0, description="How long an answer may go unread before its call is reset."
    )
    memory_bytes_max: int = Field(
        512 * 2**20,
        gt=0,
        description="Memory for what calls hold at one time: requests, waiting events, answers being made, replies, "
        "watches.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuses booleans for numbers: `names_max = true` would mean 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and bool not in (kind, *get_args(kind)):
            raise ValueError(f"must not be true or false, is {str(value).lower()}")
        return value
