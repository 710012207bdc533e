"""The Telwerk client: send live-chat events, read exact KPIs.

`Telwerk` is the connection, `telwerk.events` builds what is sent, `telwerk.errors` is the tree of what can go wrong,
and `telwerk.v1` holds the messages of the contract. Nothing but grpcio and protobuf is needed.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telwerk import errors, events
    from telwerk.client import Telwerk

__all__ = ["Telwerk", "errors", "events"]


def __getattr__(name: str) -> object:
    """Imports on first use: who wants only the contract, as the server does, does not load the client."""
    if name == "Telwerk":
        return importlib.import_module("telwerk.client").Telwerk
    if name in __all__:
        return importlib.import_module(f"telwerk.{name}")
    raise AttributeError(f"module 'telwerk' has no attribute {name!r}")
