"""Why no server could be reached, as a sentence that says what to look at: grpc's own texts name causes for experts."""

import re
from collections.abc import Callable
from typing import Final

from telwerk.connection import Connection
from telwerk.proxies import host_of

# Each cause by what grpc's text says of it (1.76 to 1.85), in the order in which they are looked for.

_ANY: Final[tuple[tuple[str, str], ...]] = (
    (
        r"connection refused|unix:.*(no such file|connection refused)",
        "no server listens at {address}: is `telwerkd serve` running, and is the address right?",
    ),
    (r"name resolution|DNS|domain name not found", "the host of {address} is not known: is the address right?"),
)

_WITH_TLS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"certificate has expired",
        "the certificate of the server at {address} has expired: it must be renewed there (or the clock here is wrong)",
    ),
    (
        r"certificate is not yet valid",
        "the certificate of the server at {address} is not valid yet: is the clock right, here and where it was made?",
    ),
    (
        r"hostname verification|not in peer certificate|hostname mismatch",
        (
            "the certificate of the server at {address} is made out to another name than {host}: connect by a name "
            "that stands in it"
        ),
    ),
    (
        r"CERTIFICATE_REQUIRED|ALERT_UNKNOWN_CA|ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE",
        (
            "the server at {address} refuses the client certificate, or asks for one: give one that its "
            "`tls_client_ca` has issued (client_certificate=..., or --client-cert and --client-key)"
        ),
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|unable to get (local )?issuer|self.signed",
        (
            "the certificate of the server at {address} is issued by nobody that this client trusts: name its "
            "authority (tls=PATH, or --tls-ca)"
        ),
    ),
    (
        r"failed to create security",
        (
            "the certificates that this client was given cannot be used: tls=PATH (--tls-ca) names the PEM file of an "
            "authority, client_certificate a chain and its key"
        ),
    ),
    (
        r"WRONG_VERSION_NUMBER|HTTP_REQUEST|UNKNOWN_PROTOCOL",
        "the server at {address} speaks plain text, and this client TLS: switch TLS on there, or off here",
    ),
)

# Guesses, which no longer hold once the server has answered.

_AT_ONCE_WITH_TLS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"handshake read failed|handshaker shutdown|before receiving SETTINGS",
        (
            "no TLS comes about with {address}, which ends the handshake or says nothing: does a Telwerk server with "
            "TLS listen there?"
        ),
    ),
    (
        r"socket closed|connection reset|broken pipe|GOAWAY",
        (
            "the server at {address} closed the secure connection at once: it may ask for a client certificate "
            "(client_certificate=..., or --client-cert and --client-key), or not accept the one it was shown"
        ),
    ),
)

_AT_ONCE_WITHOUT_TLS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"socket closed|connection reset|broken pipe",
        (
            "the server at {address} closed the connection at once: it most likely speaks TLS, and this client plain "
            "text (give tls=True or tls=PATH, or --tls or --tls-ca)"
        ),
    ),
    (
        r"parsing HTTP/2|frame type|before receiving SETTINGS",
        (
            "what listens at {address} does not speak gRPC in plain text: is it a Telwerk server, and does it speak "
            "TLS (tls=True or tls=PATH, or --tls or --tls-ca)?"
        ),
    ),
)

_BROKEN: Final[tuple[tuple[str, str], ...]] = (
    (
        r"max[_ ](connection[_ ])?age",
        (
            "the connection to {address} ended because of its age, which the server's connection_age_seconds bounds "
            "({cause}): call again"
        ),
    ),
    (
        r"socket closed|connection reset|broken pipe|GOAWAY|keepalive|ping timeout",
        "the connection to {address} ended while a call was running ({cause}): call again",
    ),
)

_CONNECTING: Final = "failed to connect"


def unreachable(text: str, connection: Connection, *, has_answered: bool) -> str:
    """What grpc's text of an UNAVAILABLE call means for who made it, of a server that `has_answered` before or not."""
    cause = text.rpartition("last error: ")[2]
    address, proxy = connection.address, connection.proxy
    if re.match("https?://", address):
        return f"{address} is a URL: give host:port alone (and tls=True, or --tls, for TLS)"
    if _CONNECTING not in text and (broken := _finder(cause, connection)(_BROKEN)):
        return broken
    if proxy is None:
        return _sentence(text, cause, connection, has_answered=has_answered)
    if refused := re.search(r"proxy returned response code (\d+)", cause):
        return f"{proxy}, does not connect to {address} (it answers {refused[1]}); no_proxy excepts hosts from it"
    if re.search(r"connection refused", cause, re.IGNORECASE):
        return f"nothing listens at {proxy}, and {address} is to be reached through it; no_proxy excepts hosts from it"
    return f"{_sentence(text, cause, connection, has_answered=has_answered)}; on the way is {proxy}"


def _sentence(text: str, cause: str, connection: Connection, *, has_answered: bool) -> str:
    """The way without a proxy, or beyond it."""
    said, has_tls = _finder(cause, connection), connection.tls is not False
    known = said(_ANY)
    # A connection that was there and broke tells nothing of TLS.
    if known is None and _CONNECTING in text:
        known = said(_WITH_TLS) if has_tls else None
        if known is None and not has_answered:
            known = said(_AT_ONCE_WITH_TLS if has_tls else _AT_ONCE_WITHOUT_TLS)
    if known is None and has_tls and re.search(r"ssl|tls|handshake|certificate", cause, re.IGNORECASE):
        return f"no secure connection to {connection.address} comes about ({cause})"
    return known or f"the server at {connection.address} cannot be reached ({cause})"


def _finder(cause: str, connection: Connection) -> Callable[[tuple[tuple[str, str], ...]], str | None]:
    def said(causes: tuple[tuple[str, str], ...]) -> str | None:
        found = next((sentence for pattern, sentence in causes if re.search(pattern, cause, re.IGNORECASE)), None)
        return found and found.format(address=connection.address, host=host_of(connection.address), cause=cause)

    return said
