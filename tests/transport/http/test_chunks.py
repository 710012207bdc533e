"""Bodies in chunks are read as h11 reads them, many chunks at once."""

from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.transport.http.chunks import Requests

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

ends = st.sampled_from([b"\r\n", b" \t\r\n", b";a=b\r\n", b'; a="\rb"\r\n', b";\r\n", b";a\nb\r\n", b"\n", b"x\r\n"])
likely = st.one_of(st.just(b"\r\n"), ends)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Chunks of whatever sizes, here and there with something that is none."""
    parts = []
    for _ in range(draw(st.integers(0, 12))):
        data = draw(st.binary(min_size=1, max_size=20))
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x"])) % len(data)
        parts += [size, draw(likely), data, draw(st.sampled_from([b"\r\n"] * 9 + [b"\n", b"xx", b""]))]
    return b"".join([*parts, draw(st.sampled_from([b"0\r\n\r\n", b"0;x\r\nA: b\r\n\r\n", b"", b"0\r\nGET"]))])


def read(connection: h11.Connection, pieces: list[bytes]) -> tuple[bytes, str]:
    """All data, and how it ended."""
    data, end = b"", "more"
    for piece in pieces:
        connection.receive_data(piece)
        try:
            while not isinstance(event := connection.next_event(), type(h11.NEED_DATA)):
                data += bytes(event.data) if isinstance(event, h11.Data) else b""
                end = "whole" if isinstance(event, h11.EndOfMessage) else end
        except h11.RemoteProtocolError as error:
            return data, type(error).__name__
    return data, end


@settings(max_examples=200, deadline=None)
@given(bodies(), st.lists(st.integers(0, 400), max_size=4))
def test_whatever_comes_in_whichever_pieces_is_what_h11_reads(body, cuts):
    at = sorted({0, *(cut for cut in cuts if cut < len(body)), len(body)})
    pieces = [HEAD, *(body[a:b] for a, b in pairwise(at))]
    ours, theirs = read(Requests(h11.SERVER), pieces), read(h11.Connection(h11.SERVER), pieces)
    assert ours == theirs


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"1;\r\nx\r\n", b"1;\r\r\nx\r\n", b"1 \r\nx\r\n"])
def test_small_chunks_are_one_piece_of_data(chunk):
    connection = Requests(h11.SERVER)
    connection.receive_data(HEAD + chunk * 500 + b"1\r")
    connection.next_event()
    event = connection.next_event()
    assert isinstance(event, h11.Data)
    assert (bytes(event.data), connection.chunks) == (b"x" * 500, 500)
    assert connection.next_event() is h11.NEED_DATA
