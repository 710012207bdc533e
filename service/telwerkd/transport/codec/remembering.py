"""Decoding a message that repeats once: few operators, topics, answers and pages make up most of what is sent."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)
T = TypeVar("T")

REMEMBERED_MAX = 2_000
REMEMBERED_BYTES_MAX = 256
"""Longer messages are not remembered, so that memory is bounded."""


def remembering(decode: Callable[[M], T]) -> Callable[[M], T]:
    """`decode`, which is not asked again about a message that it found valid. Its results must never change."""
    made: dict[bytes, T] = {}

    def look_up(message: M) -> T:
        sent = message.SerializeToString()
        result = made.get(sent)
        if result is None:
            result = decode(message)
            if len(sent) <= REMEMBERED_BYTES_MAX:
                if len(made) >= REMEMBERED_MAX:
                    made.clear()
                made[sent] = result
        return result

    return look_up
