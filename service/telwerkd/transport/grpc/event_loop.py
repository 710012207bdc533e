"""The event loop of a server: it reads all wake-ups of gRPC's thread at once.

gRPC's thread writes one byte into a socket for each step of a call. grpcio's reader (1.84, 1.85) takes one byte in each
iteration of the loop, and all the steps there are: whenever there are more steps than iterations, bytes pile up. At
about 270 of them the thread waits in its write until three quarters are read, and no call makes a step meanwhile. Where
an iteration takes 20 ms, because the HTTP port is busy, that is seconds for all calls of all accounts.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVarTuple

_GRPC_READER = "_handle_events"
_INT = struct.Struct("i")

_Args = TypeVarTuple("_Args")


class GrpcEventLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop, for a process that serves gRPC in one thread.

    grpcio has one socket for a process: two loops would read each other's bytes.
    """

    def add_reader(self, fd: Any, callback: Callable[[*_Args], Any], *args: *_Args) -> None:
        """As asyncio's; the reader that grpcio adds is preceded by ours."""
        if isinstance(fd, socket.socket) and _is_of_grpc(callback):
            super().add_reader(fd, _read_together, fd, callback)
        else:
            super().add_reader(fd, callback, *args)


def _is_of_grpc(callback: Callable[..., Any]) -> bool:
    """Whether it is the reader that takes a single byte; later versions of grpcio add a method itself."""
    return isinstance(callback, partial) and getattr(callback.func, "__name__", "") == _GRPC_READER


def _read_together(wake_ups: socket.socket, callback: Callable[[], object]) -> None:
    """Reads all bytes but the one that grpcio's reader takes, which comes after.

    No step is missed: gRPC's thread queues each before it writes its byte. So the steps of the bytes that are read here
    are in the queue, which grpcio's reader empties now; and a step that is queued later writes a byte of its own.
    """
    (waiting,) = _INT.unpack(fcntl.ioctl(wake_ups, termios.FIONREAD, bytes(_INT.size)))
    if waiting > 1:
        wake_ups.recv(waiting - 1)
    callback()
