"""The server's settings, and the groups of limits that are passed to its parts.

`telwerkd.server.settings.fields` lists them; `telwerkd.server.settings.loading` says where they come from.
"""

from typing import TypeVar

import msgspec

from telwerkd.application.batches import IngestLimits
from telwerkd.application.query.question import QueryLimits
from telwerkd.application.sharing.quotas import RateLimits, Rates
from telwerkd.process.descriptors import connections_max
from telwerkd.process.log_format import LogStyle
from telwerkd.server.settings.fields import SettingsFields
from telwerkd.transport.codec.account.display_names import NameLimits
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.grpc.gate import GateLimits
from telwerkd.transport.grpc.requests import RequestLimits
from telwerkd.transport.http.connection import HttpLimits
from telwerkd.transport.security.tls import TlsFiles
from telwerkd.transport.server import ConnectionLimits
from telwerkd.transport.services.health import WatchLimits

_HTTP_PART = 5
"""Each HTTP port gets one part in so many of all connections: a fifth."""

INGEST_SETTINGS = frozenset(IngestLimits.__struct_fields__) - {"own_waiting_percents"}
"""Limits of ingestion that are settings by themselves."""

_Limits = TypeVar("_Limits", bound=msgspec.Struct)


class Settings(SettingsFields):
    """The settings of a server."""

    @property
    def tls_files(self) -> TlsFiles | None:
        """The files of TLS certificates; None for plain text.

        Raises:
            StartupError: some are named, but not both certificate and key.
        """
        return TlsFiles.of(self.tls_cert, self.tls_key, self.tls_client_ca)

    @property
    def log_style(self) -> LogStyle:
        """The log style of all processes."""
        return LogStyle(self.log_format, self.log_level)

    @property
    def asks_for_credentials(self) -> bool:
        """Whether callers must authenticate."""
        return self.keys_file is not None or self.jwt_issuer is not None

    @property
    def event_limits(self) -> EventLimits:
        """The limits of events and batches."""
        return self._named(EventLimits)

    @property
    def gate_limits(self) -> GateLimits:
        """The limits of open calls, which apply before authentication."""
        return self._named(GateLimits)

    @property
    def connection_limits(self) -> ConnectionLimits:
        """How many connections there may be, and for how long."""
        return ConnectionLimits(
            connections_max=self.connections_max or self._connections_left,
            handshake_seconds=self.handshake_seconds,
            idle_seconds=self.connection_idle_seconds,
            age_seconds=self.connection_age_seconds,
            grace_seconds=self.connection_grace_seconds or self.connection_age_seconds,
        )

    @property
    def http_limits(self) -> HttpLimits:
        """The limits of HTTP connections."""
        return HttpLimits(
            connections_max=self._http_connections,
            handshake_seconds=self.handshake_seconds,
            idle_seconds=self.connection_idle_seconds,
            age_seconds=self.connection_age_seconds,
            grace_seconds=self.connection_grace_seconds or self.connection_age_seconds,
            http_header_bytes_max=self.http_header_bytes_max,
        )

    @property
    def _http_connections(self) -> int:
        return self.http_connections_max or max(1, connections_max() // _HTTP_PART)

    @property
    def _connections_left(self) -> int:
        """The number of connections left for gRPC by the HTTP ports."""
        ports = bool(self.http_listen) + bool(self.probe_listen)
        return max(1, connections_max() - ports * self._http_connections)

    @property
    def watch_limits(self) -> WatchLimits:
        """How many may watch the health, and how long one may go unread."""
        return self._named(WatchLimits)

    @property
    def request_limits(self) -> RequestLimits:
        """How many bytes a request may have."""
        return self._named(RequestLimits)

    @property
    def ingest_limits(self) -> IngestLimits:
        """The limits of accounts and transactions in ingest."""
        own = {account: limits.waiting_account_percent_max for account, limits in self.account_limits.items()}
        named = {name: getattr(self, name) for name in INGEST_SETTINGS}
        return IngestLimits(**named, own_waiting_percents={account: most for account, most in own.items() if most})

    @property
    def own_watches(self) -> dict[str, int]:
        """How many watches single accounts may have open."""
        own = {account: limits.watches_per_account_max for account, limits in self.account_limits.items()}
        return {account: most for account, most in own.items() if most}

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits of accounts."""
        own = {account: limits.rates for account, limits in self.account_limits.items()}
        return RateLimits(self._named(Rates), own, self.account_burst_seconds)

    @property
    def name_limits(self) -> NameLimits:
        """The limits of display names."""
        return self._named(NameLimits)

    @property
    def query_limits(self) -> QueryLimits:
        """The limits of queries."""
        return self._named(QueryLimits)

    def _named(self, limits: type[_Limits]) -> _Limits:
        """Returns limits whose fields are settings of the same names."""
        return limits(**{name: getattr(self, name) for name in limits.__struct_fields__})
