"""Keys of an identity provider, the sets that it publishes, and the provider itself."""

import http.server
import json
import threading
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
_JWK = {
    rsa.RSAPrivateKey: RSAAlgorithm,
    ec.EllipticCurvePrivateKey: ECAlgorithm,
    ed25519.Ed25519PrivateKey: OKPAlgorithm,
}


def jwk(kid: str, key: Any, **more: Any) -> dict[str, Any]:
    algorithm = next(algorithm for kind, algorithm in _JWK.items() if isinstance(key, kind))
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


KEYS = key_set(jwk("r", RSA), jwk("e", EC), jwk("d", ED), jwk("only-256", OTHER_RSA, alg="RS256"))


class Provider:
    """An identity provider: a small HTTP server."""

    def __init__(self) -> None:
        self.body, self.status, self.fetches = KEYS, 200, 0
        self.is_slow, self.ended = False, threading.Event()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetches += 1
                self.send_response(provider.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(provider.body) + provider.is_slow * 1_000))
                self.end_headers()
                self.wfile.write(provider.body)
                with suppress(ConnectionError):
                    while provider.is_slow and not provider.ended.wait(0.02):
                        self.wfile.write(b" ")

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
