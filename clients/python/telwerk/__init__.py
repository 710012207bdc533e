"""The Telwerk client: send live-chat events, read exact KPIs.

`Telwerk` is the connection and `AsyncTelwerk` the same for asyncio; `EventSender` and `AsyncEventSender` send events in
the background. `telwerk.events` builds what is sent, `telwerk.queries` what is asked, `telwerk.names` says what ids are
called, `telwerk.errors` is the tree of what can go wrong, and `telwerk.v1` holds the messages of the contract. Nothing
but grpcio and protobuf is needed.
"""

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from telwerk import errors, events, names, queries
    from telwerk.aio import AsyncTelwerk
    from telwerk.aio_sender import AsyncEventSender
    from telwerk.client import Telwerk
    from telwerk.sender import EventSender

__all__ = ["AsyncEventSender", "AsyncTelwerk", "EventSender", "Telwerk", "errors", "events", "names", "queries"]

_MODULES: Final = {
    "AsyncEventSender": "telwerk.aio_sender",
    "AsyncTelwerk": "telwerk.aio",
    "EventSender": "telwerk.sender",
    "Telwerk": "telwerk.client",
}


def __getattr__(name: str) -> object:
    """Imports on first use: who wants only the contract, as the server does, does not load the client."""
    if module := _MODULES.get(name):
        return getattr(importlib.import_module(module), name)
    if name in __all__:
        return importlib.import_module(f"telwerk.{name}")
    raise AttributeError(f"module 'telwerk' has no attribute {name!r}")
