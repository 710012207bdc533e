"""The credentials that a server accepts, by its settings: API keys, tokens, both, or none."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from telwerkd.server.settings.settings import Settings
from telwerkd.transport.security.access import is_url
from telwerkd.transport.security.auth import Keyring
from telwerkd.transport.security.credentials import KeysAndTokens
from telwerkd.transport.security.grants import Credentials
from telwerkd.transport.security.tls import StartupError

_TOGETHER = ("jwt_issuer", "jwt_audience", "jwt_jwks")


class Accepted(NamedTuple):
    """Credentials, and the background task that refreshes them."""

    credentials: Credentials | None
    """None where no credentials are required."""
    upkeep: Callable[[], Coroutine[Any, Any, None]] | None = None
    """To be run as long as the server does."""


def check_tokens(settings: Settings) -> None:
    """Raises StartupError if only some of the settings of tokens are given."""
    if settings.jwt_issuer is None and settings.jwt_audience is None and settings.jwt_jwks is None:
        return
    absent = [name for name in _TOGETHER if getattr(settings, name) is None]
    if absent:
        raise StartupError(f"tokens need {', '.join(_TOGETHER)}: {' and '.join(absent)} not given")
    _import_jwt()


def accepted_credentials(settings: Settings) -> Accepted:
    """Returns the accepted credentials of settings that passed `check_tokens`.

    Raises:
        StartupError: a file cannot be used.
    """
    keyring = None if settings.keys_file is None else Keyring(settings.keys_file)
    if settings.jwt_issuer is None:
        return Accepted(keyring)
    tokens, upkeep = _tokens(settings)
    return Accepted(tokens if keyring is None else KeysAndTokens(keyring, tokens), upkeep)


def _tokens(settings: Settings) -> tuple[Credentials, Callable[[], Coroutine[Any, Any, None]] | None]:
    # Only where tokens are accepted: the library for them is an extra.
    from telwerkd.transport.security.jwks import FileKeys, JwksError, RemoteKeys  # noqa: PLC0415  # see above
    from telwerkd.transport.security.tokens import TokenRules, Tokens  # noqa: PLC0415  # see above

    rules = TokenRules(
        settings.jwt_issuer or "",
        settings.jwt_audience or "",
        settings.jwt_accounts_claim,
        settings.jwt_roles_claim,
        settings.jwt_leeway_seconds,
    )
    location = settings.jwt_jwks or ""
    if is_url(location):
        remote = RemoteKeys(location, settings.jwt_refresh_seconds, settings.jwt_cooldown_seconds)
        return Tokens(rules, remote), remote.run
    try:
        return Tokens(rules, FileKeys(Path(location))), None
    except JwksError as error:
        raise StartupError(f"jwt_jwks: {error}") from error


def _import_jwt() -> None:
    try:
        import cryptography  # noqa: F401, PLC0415  # whether it is there
        import jwt  # noqa: F401, PLC0415  # whether it is there
    except ImportError:
        raise StartupError("tokens (jwt_issuer) need what is not installed: pip install 'telwerkd[jwt]'") from None
