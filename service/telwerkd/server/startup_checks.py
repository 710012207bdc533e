"""Checks of settings that prevent a start."""

from telwerkd.server.credentials import check_tokens
from telwerkd.server.settings.port_addresses import check_ports
from telwerkd.server.settings.settings import Settings
from telwerkd.storage.location import PostgresUrl
from telwerkd.transport.security.access import check_exposure
from telwerkd.transport.security.tls import StartupError

POSTGRES_ID_BYTES_MAX = 512
"""An entry of an index has at most 2,704 bytes there, and the longest key has four ids."""


def check(settings: Settings) -> None:
    """Raises StartupError if a server must not run so."""
    if isinstance(settings.database, PostgresUrl) and settings.id_bytes_max > POSTGRES_ID_BYTES_MAX:
        raise StartupError(
            f"id_bytes_max is {settings.id_bytes_max}, "
            f"and the keys of PostgreSQL take ids of {POSTGRES_ID_BYTES_MAX} bytes at most"
        )
    check_tokens(settings)
    check_ports(settings)
    for address in filter(None, (settings.listen, settings.http_listen)):
        check_exposure(
            address,
            tls=settings.tls_files is not None,
            auth=settings.asks_for_credentials,
            allow_plaintext=settings.insecure_plaintext,
            allow_no_auth=settings.insecure_no_auth,
        )
