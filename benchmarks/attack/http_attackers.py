"""Attackers of the HTTP port, which write HTTP/1.1 by hand: what no client of HTTP would send, or leave unread."""

import asyncio
import gzip
import json
import socket
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.attack.attacker import ACCOUNT, INGEST, SERIES, Attacker
from benchmarks.attack.requests import quarter_hours

_BODY_BYTES = 15 * 2**20
_PIECE = b"x" * 2**16
_STATUS_BYTES = len(b"HTTP/1.1 200")
_AGAIN_SECONDS = 0.02
_BYTE_EVERY_SECONDS = 0.1


async def bodies_without_a_key(attacker: Attacker) -> None:
    """Sent on until the answer has come."""
    head = _post(attacker, INGEST, "application/proto", f"content-length: {_BODY_BYTES}", with_key=False)

    async def one(reader: StreamReader, writer: StreamWriter, _: int) -> None:
        writer.write(head)
        answer = asyncio.create_task(_status(attacker, reader))
        for _piece in range(_BODY_BYTES // len(_PIECE)):
            if answer.done():
                break
            writer.write(_PIECE)
            await writer.drain()
        await answer

    await _connections(attacker, 16, one)


async def pipelined_requests(attacker: Attacker) -> None:
    """For what is not there, as fast as they are read, so that there is always a next one."""
    requests = _head(attacker, "GET", "/nothing") * 500

    async def one(reader: StreamReader, writer: StreamWriter, _: int) -> None:
        async def read() -> None:
            while data := await reader.read(2**16):
                attacker.met["answered"] += data.count(b"HTTP/1.1 ")

        reading = asyncio.create_task(read())
        while time.perf_counter() < attacker.end and not reading.done():
            writer.write(requests)
            await writer.drain()
        reading.cancel()

    await _connections(attacker, 16, one)


async def compressed_bodies(attacker: Attacker) -> None:
    """Of nothing but empty events, and of surveys, by turns."""
    bodies = [gzip.compress(_batch_in_json(events)) for events in (_empty_events(), _surveys())]

    async def one(reader: StreamReader, writer: StreamWriter, number: int) -> None:
        body = bodies[number % len(bodies)]
        length = f"content-length: {len(body)}"
        writer.write(_post(attacker, INGEST, "application/json", length, "content-encoding: gzip") + body)
        await writer.drain()
        await _status(attacker, reader)

    await _connections(attacker, 8, one)


async def unread_answers(attacker: Attacker) -> None:
    """Of as many connections as there may be. Of each answer its status is read, to ask again where it is refused."""
    host, _, port = attacker.http_address.rpartition(":")
    loop = asyncio.get_running_loop()

    async def one(number: int) -> None:
        asked = quarter_hours(moved=number).SerializeToString()
        request = _post(attacker, SERIES, "application/proto", f"content-length: {len(asked)}") + asked
        with socket.socket() as connection:
            connection.settimeout(0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            await loop.sock_connect(connection, (host, int(port)))
            await loop.sock_sendall(connection, request)
            status = await loop.sock_recv(connection, _STATUS_BYTES)
            attacker.met[status.decode() or "closed"] += 1
            if status.endswith(b"200"):
                await asyncio.sleep(attacker.end - time.perf_counter())

    await _again_and_again(attacker, 400, one)


async def slow_bodies(attacker: Attacker) -> None:
    """With a key, since without one they are answered at once."""
    head = _post(attacker, INGEST, "application/proto", "transfer-encoding: chunked")

    async def one(reader: StreamReader, writer: StreamWriter, _: int) -> None:
        writer.write(head)
        answer = asyncio.create_task(_status(attacker, reader))
        while not answer.done():
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(_BYTE_EVERY_SECONDS)
        await answer

    await _connections(attacker, 400, one)


async def _connections(
    attacker: Attacker, count: int, one: Callable[[StreamReader, StreamWriter, int], Awaitable[Any]]
) -> None:
    """So many connections at a time, each for one go."""
    host, _, port = attacker.http_address.rpartition(":")

    async def connection(number: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            await one(reader, writer, number)
        finally:
            writer.transport.abort()

    await _again_and_again(attacker, count, connection)


async def _again_and_again(attacker: Attacker, count: int, one: Callable[[int], Awaitable[None]]) -> None:
    """So many at a time until the end; that a connection is cut is counted."""

    async def caller(number: int) -> None:
        while time.perf_counter() < attacker.end:
            try:
                await one(number)
            except OSError as error:
                attacker.met[type(error).__name__] += 1
            number += count
            await asyncio.sleep(_AGAIN_SECONDS)

    await asyncio.gather(*(caller(number) for number in range(count)))


async def _status(attacker: Attacker, reader: StreamReader) -> None:
    """Reads how it is answered, and counts it."""
    attacker.met[(await reader.readline())[:_STATUS_BYTES].decode() or "closed"] += 1


def _head(attacker: Attacker, method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"host: {attacker.http_address}", *headers, "", ""]).encode()


def _post(attacker: Attacker, path: str, content_type: str, *headers: str, with_key: bool = True) -> bytes:
    key = [f"{name}: {value}" for name, value in attacker.metadata if with_key]
    return _head(attacker, "POST", path, f"content-type: {content_type}", *key, *headers)


def _batch_in_json(events: list[Any]) -> bytes:
    return json.dumps({"accountId": ACCOUNT, "events": events}).encode()


def _empty_events() -> list[Any]:
    return [{}] * (_BODY_BYTES // len(", {}"))


def _surveys() -> list[Any]:
    answers = [{"questionId": f"q{place}", "optionId": f"o{place % 7}"} for place in range(100)]
    survey = {"conversationId": "c", "widgetId": "web", "postChatSurveyAnswered": {"answers": answers}}
    return [{"eventId": f"e{n}", "occurTime": "2026-11-01T12:00:00Z", **survey} for n in range(3_600)]
