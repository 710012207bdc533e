"""Protobuf's wire format, as far as long columns of numbers need it.

A message is the concatenation of its fields, so a column that numpy has made into bytes is put behind a message that
the library has encoded. Measured: for 50 series of 365 buckets this takes a tenth of the library's time, which takes
every number as a Python object.
"""

import numpy as np

from telwerkd.application.query import Counts

_LENGTH_DELIMITED = 2
_ONE_BYTE = 1 << 7
_BITS, _LONGEST = 7, 10


def packed(field: int, numbers: Counts) -> bytes:
    """A repeated field of numbers, none negative. Empty for none, as the library has it."""
    return nested(field, varints(numbers)) if len(numbers) else b""


def nested(field: int, payload: bytes) -> bytes:
    """A field that holds a message, or anything else of its own length."""
    return _varint(field << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def varints(numbers: Counts) -> bytes:
    """Each number in base 128, the lowest digits first; the highest bit of a byte says that more follow."""
    if numbers.max(initial=0) < _ONE_BYTE:
        return numbers.astype(np.uint8).tobytes()
    digits = numbers.astype(np.uint64)[:, None] >> np.arange(0, _BITS * _LONGEST, _BITS, dtype=np.uint64)
    used = digits > 0
    used[:, 0] = True
    more = np.zeros_like(used)
    more[:, :-1] = used[:, 1:]
    encoded = (digits & np.uint64(_ONE_BYTE - 1)) | np.where(more, np.uint64(_ONE_BYTE), np.uint64(0))
    return encoded[used].astype(np.uint8).tobytes()


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= _ONE_BYTE:
        encoded.append(number & (_ONE_BYTE - 1) | _ONE_BYTE)
        number >>= _BITS
    encoded.append(number)
    return bytes(encoded)
