"""The server's settings: from flags, then environment (`TELWERK_...`), then a TOML file, then the defaults here."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from telwerkd.application.ingest import IngestLimits
from telwerkd.application.query import QueryLimits
from telwerkd.storage.location import Location, SqliteFile, located
from telwerkd.transport.event_codec import EventLimits
from telwerkd.transport.tls import StartupError, TlsFiles


class ConfigurationError(Exception):
    """The settings cannot be right; the text names the setting."""


class Settings(BaseSettings):
    """How a server runs. Every limit's name is in the text of the error that it causes."""

    model_config = SettingsConfigDict(env_prefix="TELWERK_", frozen=True, extra="forbid", arbitrary_types_allowed=True)

    database: Annotated[Location, BeforeValidator(located)] = Field(
        SqliteFile(Path("telwerk.db")),
        description="A SQLite file, made if it is not there, or `postgresql://user@host/database`.",
    )
    listen: str = Field("127.0.0.1:50051", description="Host and port; port 0 takes a free one.")
    workers: int = Field(1, gt=0, description="Server processes on one port; more than one need PostgreSQL.")
    tls_cert: Path | None = Field(None, description="The server's certificate chain, PEM.")
    tls_key: Path | None = Field(None, description="Its key, PEM.")
    tls_client_ca: Path | None = Field(None, description="Clients must show a certificate of this authority, PEM.")
    keys_file: Path | None = Field(None, description="API keys, see `telwerkd keys`. Without it, everyone may do all.")
    insecure_plaintext: bool = Field(default=False, description="Allow plain text beyond loopback.")
    insecure_no_auth: bool = Field(default=False, description="Allow everyone everything beyond loopback.")
    grace_seconds: float = Field(10.0, ge=0, description="How long running calls may take to end on SIGTERM.")

    batch_events_max: int = Field(5_000, gt=0, description="Events in one IngestEvents call.")
    id_bytes_max: int = Field(128, gt=0, description="UTF-8 bytes of an id.")
    url_bytes_max: int = Field(2_048, gt=0, description="UTF-8 bytes of a URL.")
    answers_max: int = Field(100, gt=0, description="Answers of one survey event.")
    future_skew_seconds_max: int = Field(
        300, ge=0, description="How far ahead of this clock an event may have happened."
    )
    stream_unacked_events_max: int = Field(20_000, gt=0, description="Events of a stream read but not yet answered.")
    retention_days: int | None = Field(None, gt=0, description="Events older than this are purged; counts stay.")
    names_max: int = Field(
        10_000, gt=0, description="Distinct operators, groups, widgets, and values of each KPI, per account."
    )
    waiting_events_max: int = Field(
        200_000, gt=0, description="Events waiting to be stored before calls are turned away."
    )
    transaction_events_max: int = Field(
        10_000, gt=0, description="Events after which a transaction takes no further batch."
    )
    buckets_max: int = Field(40_000, gt=0, description="Buckets of a time series.")
    points_max: int = Field(2_000_000, gt=0, description="Numbers of an answer: series times buckets times values.")
    groups_max: int = Field(10_000, gt=0, description="Groups of an answer that is not asked for by pages.")
    rows_max: int = Field(
        150_000,
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
    watches_max: int = Field(1_000, gt=0, description="Open WatchTimeSeries calls.")
    watches_per_account_max: int = Field(500, gt=0, description="Open WatchTimeSeries calls of one account.")
    watch_stall_seconds: float = Field(30.0, gt=0, description="How long a watch may go unread before it is cut off.")
    message_bytes_max: int = Field(16 * 2**20, gt=0, description="Bytes of one request.")
    memory_bytes_max: int = Field(
        512 * 2**20, gt=0, description="Memory for what calls hold at one time: requests, replies, open watches."
    )

    @property
    def tls_files(self) -> TlsFiles | None:
        """Where the certificates are; None for plain text.

        Raises:
            StartupError: some are named, but not both certificate and key.
        """
        if self.tls_cert is None and self.tls_key is None and self.tls_client_ca is None:
            return None
        if self.tls_cert is None or self.tls_key is None:
            raise StartupError("TLS needs both --tls-cert and --tls-key")
        return TlsFiles(self.tls_cert, self.tls_key, self.tls_client_ca)

    @property
    def event_limits(self) -> EventLimits:
        """How large an event, or a batch of them, may be."""
        return EventLimits(
            self.batch_events_max,
            self.id_bytes_max,
            self.url_bytes_max,
            self.answers_max,
            self.future_skew_seconds_max,
            self.stream_unacked_events_max,
        )

    @property
    def ingest_limits(self) -> IngestLimits:
        """What an account and a transaction may hold."""
        return IngestLimits(self.names_max, self.transaction_events_max, self.waiting_events_max)

    @property
    def query_limits(self) -> QueryLimits:
        """What a query may ask for."""
        return QueryLimits(self.buckets_max, self.points_max, self.groups_max, self.rows_max)


def load(config_file: Path | None, flags: dict[str, Any]) -> Settings:
    """The settings of flags (those that are not None), environment and file.

    Raises:
        ConfigurationError: a setting is unknown or wrong, or the file cannot be read.
    """
    if config_file is not None and not config_file.is_file():
        raise ConfigurationError(f"--config {config_file}: there is no such file")

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the signature is the library's
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file)

    try:
        return FromFile(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(wrong) from None
    except ValueError as error:  # the file is not TOML
        raise ConfigurationError(f"--config {config_file}: {error}") from None
