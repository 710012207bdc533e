"""Bodies that are compressed: gzip, which Connect's clients use by default."""

import gzip
import zlib
from typing import Final

from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.http.exchange import too_large

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_LEVEL: Final = 1
"""Numbers shrink by a third of their size at once, and by little more at ten times the price."""
_COMPRESSED_BYTES_MIN: Final = 1_024


def unpacked(raw: bytes, bytes_max: int, setting: str) -> bytes:
    """What was compressed by gzip; never more than it may be is unpacked.

    Raises:
        BodyTooLargeError: it would be more.
        InvalidArgumentError: these bytes are no gzip.
    """
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = unpacking.decompress(raw, bytes_max + 1)
    except zlib.error:
        raise InvalidArgumentError.of("request", "is no gzip, which its headers say it is") from None
    if len(body) > bytes_max:
        raise too_large(len(body), bytes_max, setting)
    if not unpacking.eof or unpacking.unused_data:
        raise InvalidArgumentError.of("request", "is no gzip, which its headers say it is")
    return body


def packed(body: bytes) -> bytes:
    """The body, compressed."""
    return gzip.compress(body, _LEVEL, mtime=0)


def pays(body_bytes: int, accepted: str | None) -> bool:
    """Whether a response of so many bytes is compressed for one who accepts that."""
    if accepted is None or body_bytes < _COMPRESSED_BYTES_MIN:
        return False
    for part in accepted.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
