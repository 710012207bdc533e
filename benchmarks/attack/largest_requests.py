"""Requests as large as may be, one for each way to fill one: a field of each message that a method takes, filled alone.

Made from the contract's descriptors, so that a field that joins it is tried as well.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from telwerk.v1 import admin_service_pb2, kpi_service_pb2 as kpi, settings_service_pb2 as settings
from telwerkd.server.settings.settings import Settings

_BYTES: Final[int] = Settings.model_fields["request_bytes_max"].default - 2_048
_DEPTH_MAX = 4
_LEFT_OUT = frozenset({"WatchTimeSeries"})
"""What does not answer by itself; its query is that of `QueryTimeSeries`."""
_UNKNOWN: Final = (b"\xa0\x7d\x01" * (_BYTES // 3), b"\xf8\xff\xff\xff\x0f\xff\x01" * (_BYTES // 7))
"""Fields that no contract has, with short tags and with long ones."""


def largest_requests(account: str) -> list[tuple[str, bytes]]:
    """Methods that bring no events, each with every request of its own; largest where it is filled by one field."""
    services = [
        service
        for module in (kpi, settings, admin_service_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
    ]
    return [
        (f"/{service.full_name}/{method.name}", base + filling)
        for service in services
        for method in service.methods
        if method.name not in _LEFT_OUT
        for base in [_valid(method.input_type, account).SerializeToString()]
        for filling in [*_fillings(method.input_type, _BYTES), *_UNKNOWN]
    ]


def _valid(kind: Descriptor, account: str) -> Message:
    """A request with what is required of it, so that its filled field is looked at."""
    request: Any = GetMessageClass(kind)()
    now = int(time.time()) // 900 * 900
    fields = kind.fields_by_name
    if "account_id" in fields:
        request.account_id = account
    if "kpi_ids" in fields:
        request.kpi_ids.append("conversation_topics")
    if "kpi_id" in fields:
        request.kpi_id = "conversation_topics"
    if "range" in fields:
        request.range.instants.start_time.seconds, request.range.instants.end_time.seconds = now - 86_400, now
    if "granularity" in fields:
        request.granularity = kpi.GRANULARITY_DAY
    message: Message = request
    return message


def _fillings(kind: Descriptor, size: int, depth: int = 0) -> Iterator[bytes]:
    """Messages of so many bytes, each of which a single field takes, or one within a field."""
    for field in kind.fields:
        if field.name == "account_id":
            continue
        yield from _filled(field, size)
        if field.message_type is not None and depth < _DEPTH_MAX:
            for inner in _fillings(field.message_type, size - 8 * depth - 8, depth + 1):
                yield _tag(field, 2) + _varint(len(inner)) + inner


def _filled(field: FieldDescriptor, size: int) -> Iterator[bytes]:
    if field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}:
        for text in (b"x" * size, "é".encode() * (size // 2)):
            yield _tag(field, 2) + _varint(len(text)) + text
        if field.is_repeated:
            for number in (1_000, size // 12):
                yield b"".join(_tag(field, 2) + b"\x09" + b"%09d" % n for n in range(number))
    elif field.is_repeated and field.type == FieldDescriptor.TYPE_MESSAGE:
        one = _tag(field, 2) + b"\x00"
        yield one * 1_000
        yield one * (size // len(one))
    elif field.is_repeated:
        yield _tag(field, 2) + _varint(size) + b"\x01" * size


def _tag(field: FieldDescriptor, kind: int) -> bytes:
    return _varint(field.number << 3 | kind)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 1 << 7:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
