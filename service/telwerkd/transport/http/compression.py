"""Compression of bodies by gzip, which Connect's clients use by default."""

import gzip
import re
import zlib
from typing import Final

from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.http.exchange import too_large

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_LEVEL: Final = 1
"""Numbers shrink by a third of their size at once, and by little more at ten times the price."""
_COMPRESSED_BYTES_MIN: Final = 1_024
_PIECE_BYTES: Final = 2**20
"""Unpacked at once, in a thread."""
_SMALL_BYTES: Final = 64
"""Gzip makes up to a thousand times as many of them."""
_WEIGHT: Final = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_ACCEPTED_CHARACTERS_MAX: Final = 1_000
"""Whoever names more gets what is sent to one who names nothing: each coding takes the event loop some 3 us."""
_UNNAMED_IDENTITY: Final = 0.0001
"""A body as it is may always be sent unless that is excluded; what a client names is better."""


class Unpacking:
    """Decompresses a gzip body piece by piece, up to a limit."""

    def __init__(self, raw: bytes, bytes_max: int, setting: str) -> None:
        self._unpacking = zlib.decompressobj(_GZIP_WINDOW)
        self._raw = raw
        self._bytes_max = bytes_max
        self._setting = setting
        self.size = 0
        """Bytes so far."""

    @property
    def takes_long(self) -> bool:
        """Whether the next piece may be a large one."""
        return len(self._raw) > _SMALL_BYTES

    def piece(self) -> bytes:
        """Returns the next piece; empty bytes at the end.

        Raises:
            BodyTooLargeError: the body has more bytes than the limit.
            InvalidArgumentError: the bytes are no gzip.
        """
        try:
            piece = self._unpacking.decompress(self._raw, _PIECE_BYTES)
        except zlib.error:
            raise _no_gzip() from None
        self._raw = self._unpacking.unconsumed_tail
        self.size += len(piece)
        if self.size > self._bytes_max:
            raise too_large(self.size, self._bytes_max, self._setting)
        if not piece and (not self._unpacking.eof or self._unpacking.unused_data):
            raise _no_gzip()
        return piece


def _no_gzip() -> InvalidArgumentError:
    return InvalidArgumentError.of("request", "is no gzip, which its headers say it is")


def packed(body: bytes) -> bytes:
    """Returns a body, compressed."""
    return gzip.compress(body, _LEVEL, mtime=0)


def pays(body_bytes: int, accepted: str | None) -> bool:
    """Whether a response is compressed: the client accepts gzip, and the body is large enough."""
    return accepted is not None and body_bytes >= _COMPRESSED_BYTES_MIN and weight("gzip", accepted) > 0


def weight(coding: str, accepted: str | None) -> float:
    """Returns the quality value of a coding, 0 to 1, in a client's `Accept-Encoding` (RFC 9110, 12.5.3)."""
    if accepted is None or len(accepted) > _ACCEPTED_CHARACTERS_MAX:
        accepted = ""
    weights = dict(map(_weighed, accepted.lower().split(",")))
    unnamed = _UNNAMED_IDENTITY if coding == "identity" else 0.0
    return weights.get(coding, weights.get("*", unnamed))


def _weighed(part: str) -> tuple[str, float]:
    """Returns a coding and its quality value; 0 for a malformed value."""
    coding, has_weight, parameter = part.partition(";")
    if not has_weight:
        return coding.strip(), 1.0
    found = _WEIGHT.fullmatch(parameter.strip())
    return coding.strip(), float(found[1]) if found else 0.0
