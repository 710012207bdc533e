"""Limits and faster paths for what is slow in h11: many header lines, and many small chunks.

Of the head of a request each line takes it some 3 us, and three bytes may be one: so heads have few lines. Of a body
each chunk takes it some 9 us, and a byte may be one: so as many are read at once as have come.
"""

import re
from typing import Any, Final, Protocol

import h11
from h11._readers import ChunkedReader, maybe_read_from_IDLE_client

_HEAD: Final = re.compile(rb"([0-9A-Fa-f]{1,20}+)(?:;(?:[^\r\n]|\r(?!\n))*+|[ \t]*+)\r\n")
"""The head of a chunk. Possessive quantifiers avoid backtracking over a long text that does not match."""
_END: Final = b"\r\n"
_HEAD_END: Final = re.compile(rb"\n\r?\n")
HEAD_LINES_MAX: Final = 100
"""Lines of a head or of trailers, continuation lines included."""


class _Received(Protocol):
    """h11's buffer of what was received."""

    def __bytes__(self) -> bytes:
        """Returns the whole content."""

    def maybe_extract_at_most(self, count: int) -> bytearray | None:
        """Removes up to `count` bytes from the beginning and returns them."""


class TooManyLinesError(h11.RemoteProtocolError):
    """A head, or trailers, with too many lines."""

    def __init__(self) -> None:
        super().__init__("too many lines", error_status_hint=431)


class Requests(h11.Connection):
    """The server's side of a connection."""

    heads = 0
    """The number of requests whose head was read."""
    chunks = 0
    """The number of chunks read."""

    # h11 has no API for other readers.
    def _get_io_object(self, role: Any, event: Any, io_dict: Any) -> Any:
        made = super()._get_io_object(role, event, io_dict)
        if made is maybe_read_from_IDLE_client:
            return self._head
        return _Chunks(self) if type(made) is ChunkedReader else made

    def _head(self, received: Any) -> Any:
        # h11 looks at the length of a head only where its end has not come.
        if _checked(received) > self._max_incomplete_event_size:
            raise h11.RemoteProtocolError("too many bytes", error_status_hint=431)
        request = maybe_read_from_IDLE_client(received)
        self.heads += isinstance(request, h11.Request)
        return request


def _checked(received: _Received) -> int:
    """Returns the bytes of the head, or the trailers, that begin here, as far as they have come.

    Raises:
        TooManyLinesError: these are too many already.
    """
    raw = bytes(received)
    end = _HEAD_END.search(raw)
    size = end.end() if end else len(raw)
    if raw.count(b"\n", 0, size) > HEAD_LINES_MAX + 1:  # the last is empty
        raise TooManyLinesError
    return size


class _Chunks(ChunkedReader):
    """Reads many whole chunks at once; partial chunks, the end and errors are left to h11."""

    def __init__(self, of: Requests) -> None:
        super().__init__()
        self._of = of

    def __call__(self, buf: Any) -> Any:
        if not self._bytes_in_chunk and not self._reading_trailer:
            data = self._whole(buf)
            if data:
                return h11.Data(data=data)
        if self._reading_trailer:
            _checked(buf)
        event = super().__call__(buf)
        if isinstance(event, h11.Data) and event.chunk_start:
            self._of.chunks += 1
        return event

    def _whole(self, received: _Received) -> bytes:
        """Removes all completely received chunks, and returns their data."""
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
