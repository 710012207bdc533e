"""Reflection: how tools such as grpcurl and ghz learn the contract from a server that runs."""

from collections.abc import Iterable
from typing import Any

import grpc.aio
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import Default, DescriptorPool
from grpc_reflection.v1alpha import reflection


def enable(server: grpc.aio.Server, service_names: Iterable[str]) -> None:
    """Lets the server tell of these services, and of reflection itself."""
    reflection.enable_server_reflection((*service_names, reflection.SERVICE_NAME), server, pool=_Pool(Default()))


class _Pool:
    """All messages and services of this process, methods by their names among them.

    Protobuf's own pool finds no file by a method's name, which the protocol of reflection asks for and ghz relies on
    (grpc/grpc#34743).
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 -- the library's name
        """The file; KeyError if nothing has this name."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file

    def __getattr__(self, name: str) -> Any:
        """All else is the pool's own."""
        return getattr(self._pool, name)
