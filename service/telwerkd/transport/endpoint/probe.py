"""The client of a health check: asks a server on this machine for its health.

A health check runs often: this module imports gRPC and nothing else that is large, not even protobuf. Request and reply
have one field each.
"""

import re
import socket
import ssl
from collections.abc import Callable
from typing import Final

import grpc

from telwerkd.transport.endpoint.address import Address, UnixAddress
from telwerkd.transport.security.tls import StartupError, TlsFiles, read_bytes

_TIMEOUT_SECONDS = 3.0
_METHOD = "/grpc.health.v1.Health/Check"
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_SERVICE_FIELD, _STATUS_FIELD = b"\x0a", 0x08
_SERVICE_BYTES_MAX = 127
"""Longer names have a length of two bytes, and no service has one."""

_NOBODY: Final = (r"connection refused|no such file", "no server listens there")
_IN_PLAIN_TEXT: Final = (
    _NOBODY,
    (
        r"failed to connect.*(socket closed|connection reset|broken pipe)",
        (
            "it closed a connection in plain text at once, and most likely speaks TLS: tls_cert and tls_key must be "
            "set here as they are for the server"
        ),
    ),
)
_WITH_TLS: Final = (
    _NOBODY,
    (
        r"WRONG_VERSION_NUMBER|HTTP_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER",
        "it speaks plain text, and tls_cert is set here: set it for both or for neither",
    ),
    (r"certificate has expired", "its certificate has expired"),
    (r"certificate is not yet valid", "its certificate is not valid yet: is the clock right?"),
    (r"CERTIFICATE_VERIFY_FAILED", "it shows another certificate than the one in tls_cert"),
)
"""Causes by what gRPC and OpenSSL say of them, which names none."""


class ProbeError(Exception):
    """The server is not serving; the text has its answer, or says that there was none."""


def probe(address: Address, service: str, tls: TlsFiles | None) -> str:
    """Returns the status of a service if it is SERVING.

    `tls` are the server's own files: the probe trusts its certificate, and presents it where clients must present one.

    Raises:
        ProbeError: it is not serving, does not know the service, or does not answer.
    """
    name = service.encode(errors="replace")
    if len(name) > _SERVICE_BYTES_MAX:
        raise ProbeError(f"no service has a name of {len(name)} bytes")
    request = _SERVICE_FIELD + bytes([len(name)]) + name if name else b""
    with _channel(address, tls) as channel:
        try:
            ask: Callable[..., bytes] = channel.unary_unary(_METHOD)  # bytes, where nothing encodes and decodes
            reply = ask(request, timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            why = _cause(str(error.details()), tls)
            raise ProbeError(f"{address} does not answer for {service!r}: {why}") from None
    status = _status(reply)
    if status != "SERVING":
        raise ProbeError(f"{address} says {status} for {service!r}")
    return status


def _cause(text: str, tls: TlsFiles | None) -> str:
    """Returns why there was no answer, as a sentence for known causes, else gRPC's text."""
    causes = _IN_PLAIN_TEXT if tls is None else _WITH_TLS
    known = (said for pattern, said in causes if re.search(pattern, text, re.IGNORECASE | re.DOTALL))
    return next(known, text)


def _status(reply: bytes) -> str:
    """Returns the status of a `HealthCheckResponse`; 0 is not written at all."""
    if not reply:
        return _STATUSES[0]
    if len(reply) == 2 and reply[0] == _STATUS_FIELD and reply[1] < len(_STATUSES):  # noqa: PLR2004  # field, value
        return _STATUSES[reply[1]]
    return "what this program does not know"


def _channel(address: Address, tls: TlsFiles | None) -> grpc.Channel:
    # It is this machine's own server that is asked: never through a proxy.
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    if tls is None:
        return grpc.insecure_channel(str(address), options)
    try:
        chain = read_bytes(tls.certificate)
        shown = (read_bytes(tls.key), chain) if tls.client_ca else (None, None)
    except StartupError as error:
        raise ProbeError(str(error)) from None
    credentials = grpc.ssl_channel_credentials(chain, *shown)
    # The certificate is trusted as it is: it need not name the loopback address that it is reached by here.
    options.append(("grpc.ssl_target_name_override", _name(address, tls)))
    return grpc.secure_channel(str(address), credentials, options)


def _name(address: Address, tls: TlsFiles) -> str:
    """Returns a name that the server's certificate is valid for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(tls.certificate)
        with _connected(address) as plain, context.wrap_socket(plain) as encrypted:
            certificate = encrypted.getpeercert() or {}
    except OSError as error:
        raise ProbeError(f"{address} does not answer: {_cause(str(error), tls)}") from None
    names = [str(entry[1]) for entry in certificate.get("subjectAltName", ())]
    if not names:
        raise ProbeError(f"{address} shows a certificate without a name")
    return names[0]


def _connected(address: Address) -> socket.socket:
    if not isinstance(address, UnixAddress):
        return socket.create_connection((address.host, address.port), _TIMEOUT_SECONDS)
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        plain.settimeout(_TIMEOUT_SECONDS)
        plain.connect(address.for_socket)
    except OSError:
        plain.close()
        raise
    return plain
