"""Server reflection, by which tools such as grpcurl and ghz read the contract from a running server.

Under both of its names: `grpc.reflection.v1`, which tools ask first, and `v1alpha`. The messages are the same on the
wire, and `grpcio-reflection` has those of v1alpha only.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default, DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

V1_SERVICE_NAME: Final = "grpc.reflection.v1.ServerReflection"
_V1_FILE: Final = "grpc/reflection/v1/reflection.proto"
_ALPHA_PACKAGE: Final = "grpc.reflection.v1alpha"
_V1_PACKAGE: Final = "grpc.reflection.v1"


def enable(server: grpc.aio.Server, service_names: Iterable[str]) -> None:
    """Adds reflection of these services, and of reflection itself, to a server."""
    _describe_v1()
    names = (*service_names, V1_SERVICE_NAME, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(names, pool=_Pool(Default()))
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    methods = {"ServerReflectionInfo": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(V1_SERVICE_NAME, methods),))
    server.add_registered_method_handlers(V1_SERVICE_NAME, methods)


@cache
def _describe_v1() -> None:
    """Adds the description of v1, which tools ask for too: that of v1alpha under v1's names."""
    try:
        Default().FindFileContainingSymbol(V1_SERVICE_NAME)
    except KeyError:
        Default().AddSerializedFile(_v1_file().SerializeToString())


def _v1_file() -> FileDescriptorProto:
    file = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = _V1_FILE, _V1_PACKAGE
    file.ClearField("options")  # names of packages in other languages
    for message in file.message_type:
        for field in filter(_is_of_message, message.field):
            field.type_name = _renamed(field.type_name)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = _renamed(method.input_type), _renamed(method.output_type)
    return file


def _is_of_message(field: FieldDescriptorProto) -> bool:
    return bool(field.type_name)


def _renamed(name: str) -> str:
    return name.replace(f".{_ALPHA_PACKAGE}.", f".{_V1_PACKAGE}.")


class _Pool:
    """The descriptor pool of this process, with look-up of methods by name.

    Protobuf's own pool finds no file by a method's name, which the protocol of reflection asks for and ghz relies on
    (grpc/grpc#34743).
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 -- the library's name
        """Returns the file of a symbol; raises KeyError for an unknown one."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file

    def __getattr__(self, name: str) -> Any:
        """Returns an attribute of the underlying pool."""
        return getattr(self._pool, name)
