"""What of a client may be used in a process that was forked from the one that made it.

Parent and child would write to one socket, so that each process has a channel of its own. The parent's is neither used,
nor closed, nor let go of in the child: each of these would be said to the server on the parent's connection.
"""

import os
from collections.abc import Iterator
from typing import Final, Protocol, TypeVar

import grpc

from telwerk.connection import Connection
from telwerk.errors import asyncio_lost, in_other_process
from telwerk.steps import Stubs

_Answer = TypeVar("_Answer")
_Answer_co = TypeVar("_Answer_co", covariant=True)


class _Link:
    """A channel of this process, and its stubs."""

    def __init__(self, connection: Connection) -> None:
        self.process = os.getpid()
        self.channel: grpc.Channel = connection.channel()
        self.stubs = Stubs(self.channel)


_of_parents: Final[list[_Link]] = []


class OwnLink:
    """The link of the process that asks for it, made when there is none yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._link = _Link(connection)
        self._is_closed = False

    @property
    def stubs(self) -> Stubs:
        """Those of this process."""
        if self._link.process != os.getpid() and not self._is_closed:
            _of_parents.append(self._link)
            self._link = _Link(self._connection)
        return self._link.stubs

    def close(self) -> None:
        """Ends the link of this process; a parent's is left alone."""
        self._is_closed = True
        if self._link.process == os.getpid():
            self._link.channel.close()
        else:
            _of_parents.append(self._link)


class _Asyncio:
    """Whether gRPC's machinery of asyncio ran in this process, and in one that it was forked from.

    It does not survive a fork: a channel of the child, even a new one, waits for ever, or ends the process.
    """

    def __init__(self) -> None:
        self._ran = False
        self._is_broken = False
        os.register_at_fork(after_in_child=self._forked)

    def begins(self) -> None:
        """Before a channel is made.

        Raises:
            TelwerkError: it was lost by a fork.
        """
        if self._is_broken:
            raise asyncio_lost()
        self._ran = True

    def _forked(self) -> None:
        self._is_broken = self._is_broken or self._ran


asyncio_machinery: Final = _Asyncio()


class _Stream(Protocol[_Answer_co]):
    def __iter__(self) -> Iterator[_Answer_co]: ...

    def cancel(self) -> bool: ...


def answers(call: _Stream[_Answer]) -> Iterator[_Answer]:
    """The answers of a call, which is cancelled at the end.

    Raises:
        TelwerkError: this process was forked since the call was made.
    """
    process = os.getpid()
    try:
        for answer in call:
            yield answer
            if os.getpid() != process:
                raise in_other_process("the stream of answers")
    finally:
        if os.getpid() == process:
            call.cancel()
