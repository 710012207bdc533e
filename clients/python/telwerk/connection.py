"""How a client reaches its server: address, credentials, deadlines, and what grpc is told about the connection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeAlias

import grpc
import grpc.aio

from telwerk.proxies import Proxy, proxy_of
from telwerk.targets import addresses_of, balanced, is_balanced, target_of

MESSAGE_BYTES_MAX: Final = 64 * 2**20
"""The largest answer that is taken: a million points of a series are some megabytes, beyond grpc's default of four."""

KEEPALIVE_SECONDS: Final = 30
"""How often a connection with a running call is tried out; a server that closed without a word is noticed so."""

SERVICE_CONFIG: Final = files("telwerk").joinpath("service_config.json").read_text(encoding="utf-8")
"""Which calls are repeated, and when: the file that the clients of all languages share (`clients/service_config.json`).

It holds no time limits: grpc would take the smaller of those and the caller's, so that nobody could wait longer.
"""

_RECONNECT_SECONDS_FIRST: Final = 0.2
_RECONNECT_SECONDS_MAX: Final = 5.0

ApiKey: TypeAlias = str | Callable[[], str] | None
"""A key, or what gives it before each call, such as a token that is renewed before it expires. It must not block."""

Metadata: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Connection:
    """A server and how to talk to it; makes the channels of both clients.

    `address` is `host:port`, `unix:path`, or `dns:///name:port` for all servers that a name leads to; or several IP
    addresses with commas between (`10.0.0.1:50051,10.0.0.2:50051`). Several servers are called in turn, and one that is
    away is left out. They are reached without a proxy; with TLS their certificates must name the first address.

    `tls`: False for plain text, True for TLS that trusts the well-known authorities, or the path of a PEM file with the
    certificates to trust. `client_certificate`: the paths of a certificate chain and its key, PEM, for a server that
    asks its clients for one (`tls_client_ca`). `timeout_seconds` is the deadline of one call, retries included.

    Raises:
        ValueError: a client certificate without TLS, which nobody would ever ask for; or several addresses, and not all
            of them IP addresses.
    """

    address: str = "127.0.0.1:50051"
    api_key: ApiKey = field(default=None, repr=False)
    tls: bool | str | Path = False
    client_certificate: tuple[str | Path, str | Path] | None = None
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.client_certificate and self.tls is False:
            raise ValueError("a client certificate goes with TLS only: give tls=True, or the authority to trust")
        target_of(self.address)

    @property
    def metadata(self) -> Metadata:
        """What goes with every call."""
        key = self.api_key() if callable(self.api_key) else self.api_key
        return (("authorization", f"Bearer {key}"),) if key else ()

    @cached_property
    def proxy(self) -> Proxy | None:
        """The HTTP proxy that the environment prescribes for this server; loopback is never reached through one."""
        return None if len(addresses_of(self.address)) > 1 else proxy_of(self.address)

    def channel(self) -> grpc.Channel:
        """A channel; nothing is sent yet."""
        credentials = self._credentials()
        if credentials is None:
            return grpc.insecure_channel(target_of(self.address), self._options())
        return grpc.secure_channel(target_of(self.address), credentials, self._options())

    def aio_channel(self) -> grpc.aio.Channel:
        """The same for asyncio; belongs to the running event loop."""
        credentials = self._credentials()
        if credentials is None:
            return grpc.aio.insecure_channel(target_of(self.address), self._options())
        return grpc.aio.secure_channel(target_of(self.address), credentials, self._options())

    def _credentials(self) -> grpc.ChannelCredentials | None:
        if self.tls is False:
            return None
        trusted = None if self.tls is True else Path(self.tls).read_bytes()
        if self.client_certificate is None:
            return grpc.ssl_channel_credentials(trusted)
        chain, key = (Path(path).read_bytes() for path in self.client_certificate)
        return grpc.ssl_channel_credentials(trusted, key, chain)

    def _options(self) -> Sequence[tuple[str, str | int]]:
        first, *others = addresses_of(self.address)
        return [
            *([("grpc.default_authority", first)] if others else []),
            ("grpc.service_config", balanced(SERVICE_CONFIG) if is_balanced(self.address) else SERVICE_CONFIG),
            ("grpc.enable_http_proxy", int(self.proxy is not None)),
            # Connections of its own: by default grpc shares them within the process and with the processes forked from
            # it, which would then speak at random on one socket.
            ("grpc.use_local_subchannel_pool", 1),
            # A call whose request is larger than this is silently never retried; grpc's default is 256 KiB.
            ("grpc.per_rpc_retry_buffer_size", MESSAGE_BYTES_MAX),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1_000),
            # By default grpc tries a server that is away less and less often, down to every two minutes.
            ("grpc.initial_reconnect_backoff_ms", int(_RECONNECT_SECONDS_FIRST * 1_000)),
            ("grpc.min_reconnect_backoff_ms", int(_RECONNECT_SECONDS_FIRST * 1_000)),
            ("grpc.max_reconnect_backoff_ms", int(_RECONNECT_SECONDS_MAX * 1_000)),
            ("grpc.primary_user_agent", "telwerk-python"),
        ]
