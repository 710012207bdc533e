"""TLS with certificate and key from files that are reloaded without a restart.

The files are checked when a client connects. Once all of them have changed to a consistent set, new connections get it;
existing ones keep theirs. Until then the old ones stay in use, and the reason is logged: a failed renewal must not take
the service down before the old certificate expires.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from telwerkd.transport.security.followed_files import FollowedFiles

_log = logging.getLogger(__name__)


class StartupError(Exception):
    """The service cannot start as it is configured. The text is for people: what is wrong, and what to do."""


@dataclass(frozen=True)
class TlsFiles:
    """Paths of the PEM files. With a client CA, clients must present a certificate of that CA (mTLS)."""

    certificate: Path
    """The server's certificate, followed by the intermediate ones."""
    key: Path
    """Its private key, not encrypted."""
    client_ca: Path | None = None

    @classmethod
    def of(cls, certificate: Path | None, key: Path | None, client_ca: Path | None) -> "TlsFiles | None":
        """Returns the files of the settings; None for plain text.

        Raises:
            StartupError: some are named, but not both certificate and key.
        """
        if certificate is None and key is None and client_ca is None:
            return None
        if certificate is None or key is None:
            raise StartupError("TLS needs both --tls-cert and --tls-key")
        return cls(certificate, key, client_ca)


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Returns credentials for `add_secure_port` that reload the files.

    Raises:
        StartupError: a file is missing or unreadable, is no certificate or no key, or the two do not belong together.
    """
    paths = [path for path in (files.certificate, files.key, files.client_ca) if path is not None]
    follower = FollowedFiles(
        paths,
        lambda: _read(files),
        StartupError,
        _unreadable,
        "the TLS files have changed, and cannot be used: %s; the old ones stay in use",
    )

    def changed() -> grpc.ServerCertificateConfiguration | None:
        """Returns a changed certificate; None if unchanged. Called by grpc from several threads of its own."""
        configuration = follower.changed()
        if configuration is not None:
            _log.info("new TLS certificate from %s", files.certificate)
        return configuration

    return grpc.dynamic_ssl_server_credentials(
        follower.content,
        # Typed as if it had to return one; None means "no change".
        changed,  # type: ignore[arg-type]
        require_client_authentication=files.client_ca is not None,
    )


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Returns a context for an HTTP server that reloads the files, as `server_credentials` does.

    Raises:
        StartupError: as `server_credentials`.
    """
    paths = [path for path in (files.certificate, files.key, files.client_ca) if path is not None]
    follower = FollowedFiles(
        paths,
        lambda: _context(files),
        StartupError,
        _unreadable,
        "the TLS files have changed, and cannot be used for HTTP: %s; the old ones stay in use",
    )

    def newest(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Sets the newest context on a connection. Called in each handshake, with or without a server name."""
        follower.changed()
        connection.context = follower.content

    context = _context(files)
    context.sni_callback = newest
    return context


def _context(files: TlsFiles) -> ssl.SSLContext:
    _check(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, password=_refuse_password)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, _EncryptedKeyError) as error:  # written anew between the two
        raise StartupError(f"TLS: {files.certificate} and {files.key} cannot be used: {error}") from error
    return context


def _unreadable(path: Path, error: OSError) -> StartupError:
    return StartupError(f"TLS: {path} cannot be read: {error.strerror}")


def _read(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    certificate = read_bytes(files.certificate)
    key = read_bytes(files.key)
    client_ca = None if files.client_ca is None else read_bytes(files.client_ca)
    _check(files)
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)


def read_bytes(path: Path) -> bytes:
    """Returns the content of one of the files. Raises StartupError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _check(files: TlsFiles) -> None:
    """Makes sure beforehand: grpc takes anything, and fails every handshake later. Python's own TLS does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _check_ca(context, files.certificate, "certificate")
    if files.client_ca is not None:
        _check_ca(context, files.client_ca, "client CA")
    try:
        context.load_cert_chain(files.certificate, files.key, password=_refuse_password)
    except _EncryptedKeyError:
        raise StartupError(f"TLS: the key {files.key} is encrypted; gRPC needs it in plain PEM") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise StartupError(
                f"TLS: the key {files.key} does not belong to the certificate {files.certificate}"
            ) from error
        raise StartupError(f"TLS: the key {files.key} is no private key in PEM") from error
    except OSError as error:
        raise StartupError(f"TLS: {files.key} cannot be read: {error.strerror}") from error


def _check_ca(context: ssl.SSLContext, path: Path, what: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise StartupError(f"TLS: the {what} {path} is no certificate in PEM") from error
    except OSError as error:
        raise StartupError(f"TLS: {path} cannot be read: {error.strerror}") from error


class _EncryptedKeyError(Exception):
    pass


def _refuse_password() -> str:
    """Raises an error for an encrypted key: by default OpenSSL would ask for the password on the terminal."""
    raise _EncryptedKeyError
