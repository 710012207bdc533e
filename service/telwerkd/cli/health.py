"""`telwerkd health`: run often, by a container's health check, so it imports nothing of the server.

It reads the four settings that it needs by itself, from the sources of `telwerkd.server.settings.loading`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from telwerkd.server.settings.sources import SourceError, config_file, of_config, of_environment
from telwerkd.transport.endpoint.address import DEFAULT_LISTEN, AddressError, parse, reachable
from telwerkd.transport.endpoint.probe import ProbeError, probe
from telwerkd.transport.security.tls import StartupError, TlsFiles

DEFAULT_SERVICE: Final = "readiness"
_NAMES = ("listen", "tls_cert", "tls_key", "tls_client_ca")
_EXIT_NOT_SERVING = 1


def ask(address: str | None, service: str, config: Path | None) -> str:
    """Returns the server's status if it is SERVING. Without an address, the settings' listening address is used.

    Raises:
        ProbeError: the server is not serving, or the address is invalid.
    """
    settings = _settings(config)
    certificate, key, client_ca = (Path(settings[name]) if settings.get(name) else None for name in _NAMES[1:])
    try:
        target = parse(address) if address else reachable(parse(settings.get("listen", DEFAULT_LISTEN)))
        return probe(target, service, TlsFiles.of(certificate, key, client_ca))
    except (AddressError, StartupError) as error:
        raise ProbeError(str(error)) from None


def _settings(config: Path | None) -> dict[str, str]:
    """Returns the settings of `_NAMES` that file and environment have."""
    path = config_file(config)
    try:
        found = {} if path is None else of_config(path)
    except SourceError as error:
        raise ProbeError(str(error)) from None
    given, wrong = of_environment(_NAMES, _NAMES[1:])
    if wrong:
        raise ProbeError("; ".join(wrong))
    found |= given
    return {name: str(found[name].value) for name in _NAMES if name in found}


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit code."""
    parser = argparse.ArgumentParser("telwerkd health", add_help=False)
    parser.add_argument("address", nargs="?")
    parser.add_argument("--service", default=DEFAULT_SERVICE)
    parser.add_argument("--config", type=Path)
    asked = parser.parse_args(arguments)
    try:
        answer = ask(asked.address, asked.service, asked.config)
    except ProbeError as error:
        print(f"telwerkd: {error}", file=sys.stderr)  # noqa: T201  # what the command says
        return _EXIT_NOT_SERVING
    print(answer)  # noqa: T201
    return 0
