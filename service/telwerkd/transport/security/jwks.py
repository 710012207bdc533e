"""The public keys of an identity provider, a JWK set (RFC 7517): from a file that is reloaded, or from a URL.

A set from a URL is fetched in a thread, every `jwt_refresh_seconds`, and earlier when a token names a key that it does
not have: but at most once within `jwt_cooldown_seconds`, whatever tokens are sent. While the URL does not answer, the
keys fetched last stay in force.
"""

import asyncio
import http.client
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from telwerkd.process.file_status import mode_others_may_write
from telwerkd.process.log_format import Event
from telwerkd.transport.security.access import is_local
from telwerkd.transport.security.followed_files import FollowedFiles

_log = logging.getLogger(__name__)

KeySet: TypeAlias = Mapping[tuple[str, str], Any]
"""Public keys by their id (`kid`) and an algorithm that they may be used with."""

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_KIND: Final[Mapping[tuple[str, str | None], tuple[str, ...]]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("OKP", "Ed448"): ("EdDSA",),
}
ALGORITHMS: Final = frozenset(name for names in _BY_KIND.values() for name in names)
"""The allowed signature algorithms of tokens: asymmetric ones only, so that a public key cannot sign."""

_RSA_BITS_MIN: Final = 2_048
_KEYS_MAX: Final = 100
_BYTES_MAX: Final = 2**20
_FETCH_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0
_CHUNK_BYTES: Final = 65_536


class JwksError(Exception):
    """A key set cannot be used. The text is for people, and names its location."""


class KeySource(Protocol):
    """A source of public keys."""

    def keys(self) -> KeySet:
        """Returns the keys in force; another object once they have changed."""
        ...

    async def renew(self) -> None:
        """Looks for new keys, unless that was done within the cooldown."""
        ...

    @property
    def is_answering(self) -> bool:
        """Whether the last look succeeded, so that what it did not find does not exist."""
        ...


def parse(raw: bytes, location: str) -> KeySet:
    """Returns the keys of a set that may verify signatures, ignoring others. Raises JwksError."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise JwksError(f"{location}: is no JSON") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise JwksError(f'{location}: is no JWK set, {{"keys": [...]}}')
    if len(listed) > _KEYS_MAX:
        raise JwksError(f"{location}: has {len(listed)} keys, at most {_KEYS_MAX} are read")
    keys = dict[tuple[str, str], Any]()
    for one in listed:
        if isinstance(one, dict):
            keys.update(_usable(one, location))
    if not keys:
        _log.warning("tokens: %s has no key that may verify signatures, so that every token is refused", location)
    return keys


def _usable(one: dict[str, Any], location: str) -> Iterator[tuple[tuple[str, str], Any]]:
    kind, curve, key_id = one.get("kty"), one.get("crv"), one.get("kid")
    if not (isinstance(kind, str) and isinstance(key_id, str) and isinstance(curve, str | None)):
        return
    names = _BY_KIND.get((kind, curve), ())
    if not names or one.get("use", "sig") != "sig":
        return
    if "d" in one:
        raise JwksError(f"{location}: has a private key in it, {key_id!a}: only public ones belong there")
    try:
        key = jwt.PyJWK(one, names[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        _log.warning("tokens: %s: the key %a cannot be used: %s", location, key_id, error)
        return
    if isinstance(key, RSAPublicKey) and key.key_size < _RSA_BITS_MIN:
        _log.warning("tokens: %s: the key %a is ignored: it has less than %d bits", location, key_id, _RSA_BITS_MIN)
        return
    for name in names:
        if one.get("alg", name) == name:
            yield (key_id, name), key


class FileKeys:
    """The keys in a file, which is checked for changes at most once a second. Raises JwksError."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = clock()
        self._file = FollowedFiles(
            [path], lambda: _read(path), JwksError, _unreadable, "tokens: %s; the keys read before stay in force"
        )

    is_answering = True

    def keys(self) -> KeySet:
        """Returns the keys in force, after a check of the file for changes."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            self._file.changed()
        return self._file.content

    async def renew(self) -> None:
        """Does nothing: `keys` checks the file."""


def _read(path: Path) -> KeySet:
    """Reads the key set of a file. Raises JwksError, also if others than the owner may write the file."""
    try:
        if mode := mode_others_may_write(path.stat()):
            raise JwksError(f"{path}: others than its owner may write it (mode {mode}): chmod go-w it")
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> JwksError:
    return JwksError(f"{path}: cannot be read: {error.strerror}")


class RemoteKeys:
    """The keys at a URL. Start with `run` in a task of its own."""

    def __init__(
        self,
        url: str,
        refresh_seconds: float,
        cooldown_seconds: float,
        fetch: "Callable[[str], bytes] | None" = None,
    ) -> None:
        self._url = url
        self._refresh_seconds = refresh_seconds
        self._cooldown_seconds = cooldown_seconds
        self._fetch = fetched if fetch is None else fetch
        self._keys: KeySet = {}
        self._fetched_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._has_complained = False
        self.is_answering = False

    def keys(self) -> KeySet:
        """Returns the keys in force."""
        return self._keys

    async def run(self) -> None:
        """Fetches the keys periodically, until cancelled."""
        try:
            while True:
                await self.renew()
                await asyncio.sleep(self._refresh_seconds if self.is_answering else self._cooldown_seconds)
        finally:
            if self._fetching is not None:
                self._fetching.cancel()

    async def renew(self) -> None:
        """Fetches the keys, unless that was done within the cooldown; concurrent callers wait for the same request."""
        if self._fetching is None:
            now = time.monotonic()
            if now - self._fetched_at < self._cooldown_seconds:
                return
            self._fetched_at = now
            self._fetching = asyncio.create_task(self._get(), name="keys of tokens")
        await asyncio.wait({self._fetching})

    async def _get(self) -> None:
        try:
            keys = parse(await asyncio.to_thread(self._fetch, self._url), self._url)
        except JwksError as error:
            self.is_answering = False
            if not self._has_complained:  # once for each time that it goes
                self._has_complained = True
                text = f"tokens: {error}; the keys fetched before stay in force"
                # The text says it all.
                _log.error(Event("token keys not fetched", {"url": self._url, "reason": str(error)}, text))
            return
        finally:
            self._fetching = None
        self.is_answering, self._has_complained = True, False
        if keys.keys() != self._keys.keys() or any(keys[name] != key for name, key in self._keys.items()):
            self._keys = keys
            ids = sorted({name for name, _ in keys})
            text = f"tokens: keys of {self._url}: {', '.join(map(ascii, ids))}"
            _log.info(Event("token keys fetched", {"url": self._url, "key_ids": ", ".join(ids)}, text))


def fetched(url: str, seconds: float = _FETCH_SECONDS) -> bytes:
    """Returns the content at a URL, blocking for `seconds` at most. Proxies are not used for this machine.

    Raises:
        JwksError: there is no answer in time, a redirect, or too large an answer.
    """
    until = time.monotonic() + seconds
    raw = b""
    try:
        direct = [urllib.request.ProxyHandler({})] if is_local(url) else []
        with urllib.request.build_opener(_NoRedirects, *direct).open(url, timeout=seconds) as response:
            while chunk := response.read1(_CHUNK_BYTES):
                raw += chunk
                if len(raw) > _BYTES_MAX:
                    raise JwksError(f"{url}: has more than {_BYTES_MAX:,} bytes")
                if time.monotonic() > until:
                    raise JwksError(f"{url}: was not read within {seconds:g} s")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise JwksError(f"{url}: cannot be fetched: {error}") from None
    return raw


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: they could lead to an untrusted host."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None
