"""Asking a server on this machine for its health, as a container's health check does."""

import socket
import ssl

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from telwerkd.transport.tls import TlsFiles

_TIMEOUT_SECONDS = 3.0


class ProbeError(Exception):
    """The server is not serving; the text says what it answered, or that it did not."""


def reachable(listen: str) -> str:
    """The address under which this machine reaches a server that listens on `listen`, wildcards included."""
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in {"0.0.0.0", "[::]", ""} else listen  # noqa: S104  # compared, not bound


def probe(address: str, service: str, tls: TlsFiles | None) -> str:
    """What the server says of a service, if it is SERVING.

    `tls` are the server's own files: whoever runs it trusts its certificate, and shows it where clients must show one.

    Raises:
        ProbeError: it is not serving, does not know the service, or does not answer.
    """
    with _channel(address, tls) as channel:
        try:
            response = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=_TIMEOUT_SECONDS
            )
        except grpc.RpcError as error:
            raise ProbeError(f"{address} does not answer for {service!r}: {error.details()}") from None
    status = str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))
    if response.status != health_pb2.HealthCheckResponse.SERVING:
        raise ProbeError(f"{address} says {status} for {service!r}")
    return status


def _channel(address: str, tls: TlsFiles | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(address)
    chain = tls.certificate.read_bytes()
    shown = (tls.key.read_bytes(), chain) if tls.client_ca else (None, None)
    credentials = grpc.ssl_channel_credentials(chain, *shown)
    # The certificate is trusted as it is: it need not name the loopback address that it is reached by here.
    return grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", _name(address, tls))])


def _name(address: str, tls: TlsFiles) -> str:
    """A name that the server's certificate is made out to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(tls.certificate)
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain) as encrypted,
        ):
            certificate = encrypted.getpeercert() or {}
    except OSError as error:
        raise ProbeError(f"{address} does not answer: {error}") from None
    names = [str(entry[1]) for entry in certificate.get("subjectAltName", ())]
    if not names:
        raise ProbeError(f"{address} shows a certificate without a name")
    return names[0]
