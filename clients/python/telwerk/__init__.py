"""The Telwerk client: send live-chat events, read exact KPIs.

`Telwerk` is the connection, `telwerk.events` builds what is sent, `telwerk.errors` is the tree of what can go wrong,
and `telwerk.v1` holds the messages of the contract. Nothing but grpcio and protobuf is needed.
"""

from telwerk import errors, events
from telwerk.client import Telwerk

__all__ = ["Telwerk", "errors", "events"]
