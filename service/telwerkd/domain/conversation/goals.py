"""Goals: which visited pages reach them (R-KPI7-7).

Two spellings of one address must match, as browsers rewrite what people type: scheme and host in any case, a host in
Unicode or in Punycode, the default port written or not, a character encoded or not where that makes no difference, a
trailing slash or none (R-KPI7-8). A query counts only where the goal's URL has one; a fragment never does.
"""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from telwerkd.domain.ids import GoalId

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# The URL standard's forbidden host code points; what delimits the host is gone by then.
_FORBIDDEN_IN_HOST = re.compile(r'[\x00-\x20\x7f"%<>\[\\\]^`{|}]')

# urlsplit would drop some of these without a word.
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")

_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_ENCODED = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")

# Delimiters keep the meaning they were written with; everything else is encoded as a browser would.
_KEPT = "%/?:@!$&'()*+,;="

# A page is visited again and again, and is looked at when its event is decoded and when it is matched.
_PAGES_MAX = 2_000

_HOST_MAX = 253
_LABEL_MAX = 63


class Goal(msgspec.Struct, frozen=True, array_like=True):
    """A page that a contact is hoped to visit."""

    goal_id: GoalId
    url: str


class NormalizedUrl(NamedTuple):
    """What of a URL takes part in matching. Equal for all spellings of one address."""

    scheme: str
    host: str
    port: int
    path: str
    """Without slashes at its end."""
    query: str
    """Empty if there is none."""


class GoalMatcher:
    """The goals of one version of a widget's settings, ready to be matched against many pages.

    A goal whose URL is not valid matches nothing: settings are refused when they are set, not when a page is visited.
    """

    def __init__(self, goals: Iterable[Goal]) -> None:
        self._goals: dict[NormalizedUrl, set[GoalId]] = {}
        for goal in goals:
            with suppress(ValueError):
                self._goals.setdefault(normalize(goal.url), set()).add(goal.goal_id)

    def match(self, url: str) -> tuple[GoalId, ...]:
        """Returns the goals that a visit of this page reaches, sorted, each once; none for a URL that is not valid."""
        if not self._goals:
            return ()
        try:
            page = normalize(url)
        except ValueError:
            return ()
        found = self._goals.get(page, set())
        if page.query:
            found = found | self._goals.get(page._replace(query=""), set())
        return tuple(sorted(found))


def matches(goal_url: str, url: str) -> bool:
    """Whether a visit of `url` reaches a goal with `goal_url`. Raises ValueError if either is not valid."""
    goal, page = normalize(goal_url), normalize(url)
    return goal in {page, page._replace(query="")}


def valid_url(url: str) -> str | None:
    """Returns why this is not an absolute http or https URL (R-KPI7-9), in words for the caller; None if it is one."""
    try:
        normalize(url)
    except ValueError as error:
        return str(error)
    return None


@lru_cache(_PAGES_MAX)
def normalize(url: str) -> NormalizedUrl:
    """Returns the URL as it is matched. Raises ValueError, with the reason, if it is no absolute http or https URL."""
    parts = _split(url)
    port = parts.port
    return NormalizedUrl(
        scheme=parts.scheme,
        host=_host(parts.hostname or ""),
        port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
        path=_encoded(parts.path).rstrip("/"),
        query=_encoded(parts.query),
    )


def url_digest(url: str) -> bytes:
    """Returns a digest of 16 bytes of a URL as sent: a resend is recognised without keeping the URL (R-KEEP-7)."""
    return blake2b(url.encode(), digest_size=16).digest()


def _split(url: str) -> SplitResult:
    if _BLANK_OR_CONTROL.search(url):
        raise ValueError("the URL contains a blank or a control character")
    try:
        parts = urlsplit(url)
    except ValueError:
        # Unpaired brackets, or characters that turn into delimiters when they are normalised.
        raise ValueError("the URL's host is malformed") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("the URL does not begin with http:// or https://")
    if not parts.hostname:
        raise ValueError("the URL names no host")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("the URL's port is not a number from 0 to 65535") from None
    return parts


def _host(host: str) -> str:
    if ":" in host:
        try:
            return IPv6Address(host).compressed
        except AddressValueError:
            raise ValueError("the URL's host is not an IPv6 address") from None
    folded = host.lower() if host.isascii() else _folded(host)
    # As DNS has it; and encoding a label takes time that grows with the square of its length.
    if len(folded) > _HOST_MAX or any(len(label) > _LABEL_MAX for label in folded.split(".")):
        raise ValueError(f"the URL's host is longer than {_HOST_MAX} characters, or a part of it than {_LABEL_MAX}")
    if _FORBIDDEN_IN_HOST.search(folded):
        raise ValueError("the URL's host contains a character that no host has")
    return ".".join(map(_ascii_label, folded.split(".")))


def _folded(host: str) -> str:
    """Returns a host folded nearly as browsers do: compatibility forms, lower case by letter, and the CJK full stop.

    The standard library's codec is the older IDNA, which would turn "straße" into "strasse": another host.
    """
    lower = "".join(character.lower() for character in unicodedata.normalize("NFKC", host))
    return unicodedata.normalize("NFKC", lower).replace("\u3002", ".")


def _ascii_label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _encoded(text: str) -> str:
    """Returns a path or query in one spelling (RFC 3986, 6.2.2): decoded where harmless, upper-case hex elsewhere."""
    if text.isalnum() and text.isascii():
        return text
    text = _STRAY_PERCENT.sub("%25", text)
    return quote(_ENCODED.sub(_decoded_if_unreserved, text), safe=_KEPT)


def _decoded_if_unreserved(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()
