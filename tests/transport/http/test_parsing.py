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


async def test_behind_a_request_that_is_being_answered_nothing_is_parsed():
    """h11 would only keep it, in no bound, and parse all of it in one turn once the answer is out."""
    request, parsed, requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", [], Requests(h11.SERVER)

    def read_on():
        while (event := requests.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            pass

    def parse(data):
        parsed.append(data)
        requests.receive_data(data)
        read_on()

    parsing = Parsing(requests, parse, read_on, lambda: None, ParsingTurns())
    parsing.add(request)
    parsing.add(request * 1_000)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (b"".join(parsed), parsing.has_received, parsing.is_waiting) == (request, True, False)
    for event in (h11.Response(status_code=204, headers=[]), h11.EndOfMessage()):
        requests.send(event)
    requests.start_next_cycle()
    parsing.resume()
    for _ in range(100):
        await asyncio.sleep(0)
    assert 1 < len(b"".join(parsed)) // len(request) < 200
