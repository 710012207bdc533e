"""Fair scheduling of parsing: a bounded cost per iteration of the event loop, however many connections send.

A body in chunks of a byte takes six times its length, and each chunk about a microsecond. Connections parse one piece
per turn, in round-robin order; pipelined requests of a client take a turn each.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import h11

from telwerkd.transport.http.chunks import Requests

_COST_MAX: Final = 128
"""The cost of an iteration of the event loop, as `_cost` counts: some tenths of a millisecond."""
_HEAD_COST: Final = _COST_MAX
"""The cost of a request that begins, beside which no other begins in the iteration: what follows takes some more of
them, and a millisecond or two. With eight in each, 400 connections whose requests were refused made timers of the loop
35 ms late (p99; 12 to 15 with one), and a gRPC call takes several iterations.
"""
_PIECE_BYTES: Final = 4_096
_FINE_PIECE_BYTES: Final = 512
"""Bytes that are parsed in one turn; fewer after a piece with many small chunks."""
_FINE_CHUNK_BYTES: Final = 32


def _cost(size: int, chunks: int, heads: int) -> int:
    """Returns the estimated cost of a piece, in units of one chunk."""
    return 16 + chunks + size // 1_024 + heads * _HEAD_COST


def _ignore(_piece: bytes) -> None:
    pass


def _nothing() -> None:
    pass


class ParsingTurns:
    """Schedules the parsing of a server's connections: one piece per turn, round robin."""

    def __init__(self) -> None:
        self._waiting = deque["Parsing"]()
        self._spent = 0

    def enter(self, parsing: "Parsing") -> None:
        """Queues a connection's parsing: it runs at once if nothing has run in this iteration of the loop."""
        self._waiting.append(parsing)
        if not self._spent:
            self._run()

    def _run(self) -> None:
        self._spent = 0
        try:
            while self._waiting and self._spent < _COST_MAX:
                parsing = self._waiting.popleft()
                self._spent += parsing.piece()
                if parsing.is_waiting:
                    self._waiting.append(parsing)
        finally:
            if self._waiting or self._spent:
                asyncio.get_running_loop().call_soon(self._run)


class Parsing:
    """The bytes that a connection has received and not parsed yet."""

    def __init__(
        self,
        requests: Requests,
        parse: Callable[[bytes], None],
        go_on: Callable[[], None],
        emptied: Callable[[], None],
        turns: ParsingTurns,
    ) -> None:
        """`go_on` parses what `parse` has left; `emptied` is called when all is parsed."""
        self._requests = requests
        self._parse = parse
        self._go_on = go_on
        self._emptied = emptied
        self._turns = turns
        self._received = bytearray()
        self._has_left = False
        """Whether something that was given to `parse` may be parsed now."""
        self._piece_bytes = _PIECE_BYTES
        self.is_waiting = False
        """Whether it has something, and will parse it."""
        self.has_turn = False

    def add(self, data: bytes) -> None:
        """Appends received bytes."""
        self._received += data
        self._enter()

    def resume(self) -> None:
        """Queues the parsing of bytes that were left while an earlier request was being answered."""
        self._has_left = True
        self._enter()

    @property
    def has_received(self) -> bool:
        """Whether something was not given to `parse` yet: behind a request that is being answered, it waits."""
        return bool(self._received)

    @property
    def _may_parse(self) -> bool:
        """Whether no request that has come as a whole is being answered: h11 would only keep what is behind it."""
        return self._requests.their_state is not h11.DONE

    def _enter(self) -> None:
        if not self.is_waiting:
            self.is_waiting = True
            self._turns.enter(self)

    def end(self) -> None:
        """Discards the bytes, and calls nothing from now on."""
        self._received.clear()
        self._has_left = False
        self._parse, self._go_on, self._emptied = _ignore, _nothing, _nothing

    def piece(self) -> int:
        """Parses a piece, and returns its cost."""
        chunks_before, heads_before = self._requests.chunks, self._requests.heads
        piece = b""
        self.has_turn = True
        try:
            if self._has_left:
                self._has_left = False
                self._go_on()
            elif self._may_parse:
                piece = bytes(self._received[: self._piece_bytes])
                del self._received[: len(piece)]
                if piece:
                    self._parse(piece)
        finally:
            self.has_turn = False
        chunks = self._requests.chunks - chunks_before
        is_fine = chunks * _FINE_CHUNK_BYTES > len(piece)
        self._piece_bytes = _FINE_PIECE_BYTES if is_fine else _PIECE_BYTES
        self.is_waiting = self._has_left or (self._may_parse and bool(self._received))
        if not self.is_waiting and not self._received:
            self._emptied()
        return _cost(len(piece), chunks, self._requests.heads - heads_before)
