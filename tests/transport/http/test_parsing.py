"""All connections together parse a little in a turn of the event loop, and each gets on."""

import asyncio

import h11

from telwerkd.transport.http.chunks import Requests
from telwerkd.transport.http.parsing import Parsing, ParsingTurns

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def received(requests: Requests):
    """Reads what has come, as a connection does."""

    def parse(data: bytes) -> None:
        requests.receive_data(data)
        while requests.next_event() is not h11.NEED_DATA:
            pass

    return parse


async def test_many_who_send_fine_chunks_take_no_more_of_a_turn_than_one():
    turns, all_requests, emptied = ParsingTurns(), [Requests(h11.SERVER) for _ in range(20)], []
    for requests in all_requests:
        one = Parsing(requests, received(requests), lambda: None, lambda: emptied.append(1), turns)
        one.add(HEAD + b"1\r\nx\r\n" * 2_000)
    most = before = sum(requests.chunks for requests in all_requests)
    for _ in range(2_000):
        await asyncio.sleep(0)
        now = sum(requests.chunks for requests in all_requests)
        most, before = max(most, now - before), now
        if len(emptied) == len(all_requests):
            break
    assert [requests.chunks for requests in all_requests] == [2_000] * 20
    # A piece of 4 KiB of one of whom it is not known yet how fine it sends.
    assert most <= 4_096 // 6 + 128
