"""Bodies in chunks, as many of these at once as have come: h11 takes some 9 us for each, and a byte may be one."""

import re
from typing import Any, Final, Protocol

import h11
from h11._readers import ChunkedReader

_HEAD: Final = re.compile(rb"([0-9A-Fa-f]{1,20}+)(?:;(?:[^\r\n]|\r(?!\n))*+|[ \t]*+)\r\n")
"""Of a chunk. Possessive: a long one that does not match is looked at once."""
_END: Final = b"\r\n"


class _Received(Protocol):
    """h11's buffer of what was received."""

    def __bytes__(self) -> bytes:
        """All of it."""

    def maybe_extract_at_most(self, count: int) -> bytearray | None:
        """Takes so much from its beginning."""


class Requests(h11.Connection):
    """The server's side of a connection."""

    chunks = 0
    """How many it has read."""

    # h11 has no API for other readers.
    def _get_io_object(self, role: Any, event: Any, io_dict: Any) -> Any:
        made = super()._get_io_object(role, event, io_dict)
        return _Chunks(self) if type(made) is ChunkedReader else made


class _Chunks(ChunkedReader):
    """Reads whole chunks together, and leaves to h11 what else there is: parts of them, the end, and what is wrong."""

    def __init__(self, of: Requests) -> None:
        super().__init__()
        self._of = of

    def __call__(self, buf: Any) -> Any:
        if not self._bytes_in_chunk and not self._reading_trailer:
            data = self._whole(buf)
            if data:
                return h11.Data(data=data)
        event = super().__call__(buf)
        if isinstance(event, h11.Data) and event.chunk_start:
            self._of.chunks += 1
        return event

    def _whole(self, received: _Received) -> bytes:
        """The data of all chunks that are there from head to end, which are taken away."""
        raw = bytes(received)
        at = begun = len(self._bytes_to_discard)
        if raw[:at] != self._bytes_to_discard:
            return b""
        parts = list[bytes]()
        while (head := _HEAD.match(raw, at)) is not None:
            first = head.end()
            end = first + int(head[1], 16)
            if end == first or raw[end : end + 2] != _END:
                break
            parts.append(raw[first:end])
            at = end + 2
        self._of.chunks += len(parts)
        if at > begun:
            received.maybe_extract_at_most(at)
            self._bytes_to_discard = b""
        return b"".join(parts)
