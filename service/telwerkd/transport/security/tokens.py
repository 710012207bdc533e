"""Tokens of an identity provider (JWT, RFC 7519), sent as metadata `authorization: Bearer <token>`.

A token is valid if it is signed with a key of the issuer by an asymmetric algorithm, has not expired, and has the
issuer and the audience of the settings. One claim has the accounts (`*` is every one), another the roles.

The audit log identifies a token by its client (`azp` or `client_id`) and its id (`jti`), by which the issuer's own log
shows its owner. Personal data is never read: not `sub`, no name and no address.
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
import msgspec

from telwerkd.domain.errors import PermissionDeniedError, Reason, UnauthenticatedError, UnavailableError
from telwerkd.transport.security.grants import Grant
from telwerkd.transport.security.jwks import ALGORITHMS, KeySet, KeySource
from telwerkd.transport.security.keys_file import EVERY_ACCOUNT, Role
from telwerkd.transport.security.refused_keys import RefusedKeys

_KNOWN_MAX: Final = 4_096
"""Tokens that were verified, and are not verified again as long as they and the keys are in force."""

_RETRY_SECONDS: Final = 5.0
_END_OF_TIME: Final = 2**53
"""A JSON number may be larger than what a float holds."""

_SAFE: Final = re.compile(r"[A-Za-z0-9._:/-]{1,100}")
"""Looks like the name of a client or a number; an address of mail does not."""

_WRONG: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ImmatureSignatureError, "is not valid yet (nbf or iat)"),
    (jwt.InvalidAudienceError, "is for another audience (aud) than jwt_audience"),
    (jwt.InvalidIssuerError, "is of another issuer (iss) than jwt_issuer"),
    (jwt.InvalidSignatureError, "has a signature that is not its key's"),
)


class TokenRules(msgspec.Struct, frozen=True):
    """Requirements of tokens, from the settings."""

    issuer: str
    audience: str
    accounts_claim: str
    roles_claim: str
    leeway_seconds: float


class TokenGrant(msgspec.Struct, frozen=True):
    """The grant of a token."""

    id: str
    accounts: frozenset[str]
    roles: frozenset[Role]
    ends_at: float
    """The end of validity, in seconds of Unix time, with the leeway added."""

    @property
    def called(self) -> str:
        """The token's name within a sentence."""
        return f"the token {self.id}"

    def grants_account(self, account_id: str) -> bool:
        """Whether the token grants an account."""
        return EVERY_ACCOUNT in self.accounts or account_id in self.accounts


class Tokens:
    """`Credentials` of tokens: verifies them, and caches their grants."""

    def __init__(self, rules: TokenRules, source: KeySource, clock: Callable[[], float] = time.time) -> None:
        self._rules = rules
        self._source = source
        self._clock = clock
        self._refused = RefusedKeys()
        self._keys: KeySet = source.keys()
        self._verified: dict[bytes, TokenGrant] = {}

    async def prepare(self, token: str) -> None:
        """Fetches the keys again if that of a token is not known."""
        if _digest(token) in self._verified:
            return
        try:
            key_id, _ = _signed_with(token)
        except UnauthenticatedError:
            return  # `key` says so
        if not _has(self._source.keys(), key_id):
            await self._source.renew()

    def key(self, token: str) -> TokenGrant:
        """Returns the grant of a token, after verification."""
        try:
            return self._granted(token)
        except UnauthenticatedError as error:
            self._refused.tell("-", error.reason)
            raise

    def refuse(self, grant: Grant, error: PermissionDeniedError) -> None:
        """Logs the refusal of a known token."""
        self._refused.tell(grant.id, error.reason, error.account)

    def _granted(self, token: str) -> TokenGrant:
        keys = self._source.keys()
        if keys is not self._keys:
            self._keys = keys
            self._verified.clear()
        digest = _digest(token)
        grant = self._verified.get(digest)
        if grant is None:
            grant = self._grant_of(self._claims(token, keys))
            if len(self._verified) >= _KNOWN_MAX:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = grant
        if self._clock() >= grant.ends_at:
            self._verified.pop(digest, None)
            raise UnauthenticatedError(Reason.TOKEN_EXPIRED, "the token has expired")
        return grant

    def _claims(self, token: str, keys: KeySet) -> Mapping[str, Any]:
        key_id, algorithm = _signed_with(token)
        key = keys.get((key_id, algorithm))
        if key is None and not _has(keys, key_id) and not self._source.is_answering:
            raise UnavailableError(
                Reason.TOKEN_KEYS_UNAVAILABLE, "the keys of the token's issuer cannot be fetched now", _RETRY_SECONDS
            )
        if key is None:
            raise _invalid("is signed with a key (kid) that is not its issuer's, or not for this algorithm")
        rules = self._rules
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=rules.audience,
                issuer=rules.issuer,
                leeway=rules.leeway_seconds,
                # Who the token is about is not read, and so may be anything.
                options={"require": ["exp", "iss", "aud"], "verify_sub": False, "verify_jti": False},
            )
        except jwt.ExpiredSignatureError:
            raise UnauthenticatedError(Reason.TOKEN_EXPIRED, "the token has expired") from None
        except jwt.MissingRequiredClaimError as error:
            raise _invalid(f"has no {error.claim}") from None
        except jwt.PyJWTError as error:
            text = next((text for kind, text in _WRONG if isinstance(error, kind)), "cannot be read")
            raise _invalid(text) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise _invalid("cannot be read") from None

    def _grant_of(self, claims: Mapping[str, Any]) -> TokenGrant:
        rules = self._rules
        accounts = _texts(claims, rules.accounts_claim)
        roles = _texts(claims, rules.roles_claim)
        known = {role.value: role for role in Role}
        return TokenGrant(
            _name(claims),
            frozenset([accounts] if isinstance(accounts, str) else accounts),
            # One text is written as OAuth's scope is. Identity providers name roles of other services too.
            frozenset(known[one] for one in (roles.split() if isinstance(roles, str) else roles) if one in known),
            min(int(claims["exp"]), _END_OF_TIME) + rules.leeway_seconds,
        )


def _has(keys: KeySet, key_id: str) -> bool:
    return any((key_id, algorithm) in keys for algorithm in ALGORITHMS)


def _signed_with(token: str) -> tuple[str, str]:
    """Returns the key id and the algorithm of a token's header, which is not verified."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _invalid("is no JWT") from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _invalid(f"is signed by an algorithm other than {', '.join(sorted(ALGORITHMS))}")
    if not isinstance(key_id, str):
        raise _invalid("does not say which key it is signed with (kid)")
    return key_id, algorithm


def _texts(claims: Mapping[str, Any], claim: str) -> str | list[str]:
    """Returns the text or texts of a claim; a name with dots may be a path into nested objects."""
    found: Any = claims
    for part in [claim] if claim in claims else claim.split("."):
        found = found.get(part, []) if isinstance(found, Mapping) else []
    if isinstance(found, str) or (isinstance(found, list) and all(isinstance(one, str) for one in found)):
        return found
    raise _invalid(f"has a claim {claim} that is neither a text nor a list of texts")


def _name(claims: Mapping[str, Any]) -> str:
    """Returns a token's id for the audit log: without personal data, or characters that could forge a log line."""
    client = next((claims[name] for name in ("azp", "client_id") if name in claims), None)
    parts = [one for one in (client, claims.get("jti")) if isinstance(one, str) and _SAFE.fullmatch(one)]
    return ":".join(["jwt", *parts])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _invalid(text: str) -> UnauthenticatedError:
    return UnauthenticatedError(Reason.TOKEN_INVALID, f"the token {text}")
