"""Encoding of long columns of numbers in protobuf's wire format.

A message is the concatenation of its fields, so a column that numpy has made into bytes is appended to a message that
the library has encoded. Measured: for 50 series of 365 buckets this takes a tenth of the time of the library, which
handles every number as a Python object.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray

_LENGTH_DELIMITED = 2
_ONE_BYTE = 1 << 7
_BITS = 7
_SIGN_BIT = 63
_AT_ONCE = 1 << 15
"""Numbers encoded together at most, for each of which a number of its bytes is in memory."""


class Encoded(NamedTuple):
    """A reply that is encoded already: a cached one, or one with long columns."""

    payload: bytes


def unless_encoded(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Returns a serializer that passes on what is encoded already, and else does as `encode`."""
    return lambda reply: reply.payload if isinstance(reply, Encoded) else encode(reply)


def packed(field: int, numbers: IntArray) -> bytes:
    """Returns a packed repeated field of non-negative numbers; empty bytes for none, as the library does."""
    return nested(field, varints(numbers)) if len(numbers) else b""


def packed_lines(field: int, lines: IntArray) -> list[bytes]:
    """Returns a packed repeated field for each line of a table."""
    if not lines.shape[1]:
        return [b""] * len(lines)
    if lines.max(initial=0) >= _ONE_BYTE:
        some = max(1, _AT_ONCE // lines.shape[1])
        return [line for first in range(0, len(lines), some) for line in _packed_some(field, lines[first:][:some])]
    head = _tag(field) + _varint(lines.shape[1])
    return [head + line.tobytes() for line in lines.astype(np.uint8)]


def _packed_some(field: int, lines: IntArray) -> Iterator[bytes]:
    """Yields the fields of lines encoded together: encoded one by one, a line costs as much as 100 numbers more."""
    encoded, used = _encoded(lines.reshape(-1))
    ends = used.reshape(len(lines), -1).sum(axis=1).cumsum().tolist()
    whole = encoded[used].tobytes()
    for start, end in pairwise([0, *ends]):
        yield nested(field, whole[start:end])


def nested(field: int, payload: bytes) -> bytes:
    """Returns a length-delimited field, such as a message."""
    return _tag(field) + _varint(len(payload)) + payload


def varints(numbers: IntArray) -> bytes:
    """Returns numbers as varints: base 128, lowest digits first; the highest bit of a byte marks that more follow."""
    if numbers.max(initial=0) < _ONE_BYTE:
        return numbers.astype(np.uint8).tobytes()
    encoded, used = _encoded(numbers)
    return encoded.tobytes() if used.all() else encoded[used].tobytes()


def _encoded(numbers: IntArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Returns each number's bytes, padded to the length of the largest's, and which of them are used."""
    # What is left of each number at each of its digits: it tells the digit, and whether there are more.
    left = numbers[:, None] >> np.arange(0, int(numbers.max()).bit_length(), _BITS)
    encoded = (left & (_ONE_BYTE - 1) | (left >= _ONE_BYTE) * _ONE_BYTE).astype(np.uint8)
    used = left > 0
    used[:, 0] = True
    return encoded, used


def packed_signed(field: int, numbers: IntArray) -> bytes:
    """Returns a packed repeated field of sint64, of magnitudes below 2**62: the sign is the lowest bit (zigzag)."""
    return packed(field, numbers << 1 ^ numbers >> _SIGN_BIT)


def packed_doubles(field: int, numbers: npt.NDArray[np.float64]) -> bytes:
    """Returns a packed repeated field of floating-point numbers."""
    return nested(field, numbers.astype("<f8").tobytes()) if len(numbers) else b""


@cache
def _tag(field: int) -> bytes:
    return _varint(field << 3 | _LENGTH_DELIMITED)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= _ONE_BYTE:
        encoded.append(number & (_ONE_BYTE - 1) | _ONE_BYTE)
        number >>= _BITS
    encoded.append(number)
    return bytes(encoded)
