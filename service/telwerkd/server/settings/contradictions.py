"""Checks for settings that are each valid but contradict each other."""

from collections.abc import Collection, Iterator
from typing import Final

from telwerkd.server.settings.port_addresses import collisions
from telwerkd.server.settings.settings import Settings
from telwerkd.storage.location import PostgresUrl
from telwerkd.transport.security.access import is_url

_PARTS: Final = (
    ("transaction_shared_events_max", "transaction_events_max"),
    ("watches_per_account_max", "watches_max"),
    ("health_watches_per_peer_max", "health_watches_max"),
    ("calls_per_peer_max", "calls_max"),
    ("event_bytes_max", "message_bytes_max"),
    ("request_bytes_max", "message_bytes_max"),
    ("open_request_bytes_max", "message_bytes_max"),
    ("message_bytes_max", "memory_bytes_max"),
)
"""A bound on a part, and the bound on the whole, which is met first if it is the smaller one."""


def contradictions(settings: Settings, given: Collection[str]) -> Iterator[str]:
    """Yields a sentence for each given setting that has no effect. A server starts nevertheless, and logs them."""
    for part, whole in _PARTS:
        limit, bound = getattr(settings, part), getattr(settings, whole)
        if part in given and limit is not None and limit > bound:
            yield f"{part} is {limit}, and never met: {whole} is {bound}"
    if settings.insecure_plaintext and settings.tls_cert is not None:
        yield "insecure_plaintext allows plain text, and tls_cert switches it off: leave one of them away"
    if settings.insecure_no_auth and settings.keys_file is not None:
        yield "insecure_no_auth allows everyone everything, and keys_file asks for keys: leave one of them away"
    yield from (f"{found.text}; there is no HTTP" for found in collisions(settings) if not found.is_fatal)
    if "http_page" in given and settings.http_page and not settings.http_listen:
        yield "http_page is served on the port of HTTP, and http_listen is empty: there is none"
    yield from _of_tokens(settings, given)
    for name in ("transaction_shared_seconds_max", "writer_stall_seconds"):
        if name in given and isinstance(settings.database, PostgresUrl):
            yield f"{name} is for SQLite only, and {settings.database} is PostgreSQL"


def _of_tokens(settings: Settings, given: Collection[str]) -> Iterator[str]:
    if settings.insecure_no_auth and settings.jwt_issuer is not None:
        yield "insecure_no_auth allows everyone everything, and jwt_issuer asks for tokens: leave one of them away"
    for name in ("jwt_accounts_claim", "jwt_roles_claim", "jwt_leeway_seconds"):
        if name in given and settings.jwt_issuer is None:
            yield f"{name} is for tokens, and without jwt_issuer none are accepted"
    for name in ("jwt_refresh_seconds", "jwt_cooldown_seconds"):
        if name in given and not is_url(settings.jwt_jwks or ""):
            yield f"{name} is for keys at a URL, and jwt_jwks is none"
