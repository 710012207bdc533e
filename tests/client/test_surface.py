"""The two clients, and the two senders, can do the same."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from telwerk import AsyncEventSender, AsyncTelwerk, EventSender, Telwerk

ROOT = Path(__file__).parents[2]

# What is iterated is iterated otherwise, and what belongs to one client belongs to the other's.
SAME = {
    "AsyncIterator": "Iterator",
    "AsyncExplanation": "Explanation",
    "AsyncTelwerk": "Telwerk",
    "AsyncEventSender": "EventSender",
    " | AsyncIterable[tuple[str, Iterable[telwerk.v1.Event]]]": "",
}


def surface(kind: type) -> dict[str, str]:
    """The signature of each public method, without what makes it asynchronous."""
    signatures = {}
    for name, member in inspect.getmembers(kind):
        if name.startswith("_") and name != "__init__":
            continue
        text = "property" if isinstance(member, property) else str(inspect.signature(member))
        for spelling in ("collections.abc.", "telwerk.client.", "telwerk.aio.", "telwerk.explanations.", "event_pb2."):
            text = text.replace(spelling, "")
        for asynchronous, plain in SAME.items():
            text = text.replace(asynchronous, plain)
        signatures[name] = text
    return signatures


@pytest.mark.parametrize(("plain", "asynchronous"), [(Telwerk, AsyncTelwerk), (EventSender, AsyncEventSender)])
def test_both_have_the_same_public_methods_with_the_same_signatures(plain: type, asynchronous: type) -> None:
    assert surface(plain) == surface(asynchronous)
    assert len(surface(plain)) > 5


@pytest.mark.parametrize("kind", [Telwerk, AsyncTelwerk, EventSender, AsyncEventSender])
def test_every_public_method_says_what_it_does(kind: type) -> None:
    assert [name for name, member in inspect.getmembers(kind) if name[0] != "_" and not inspect.getdoc(member)] == []


def test_all_clients_share_one_service_config() -> None:
    """The wheel needs a copy of its own: it is the same, byte for byte."""
    package = ROOT / "clients" / "python" / "telwerk" / "service_config.json"
    assert package.read_bytes() == (ROOT / "clients" / "service_config.json").read_bytes()


def test_the_client_needs_nothing_but_grpcio_and_protobuf() -> None:
    """What a producer loads is of the standard library, of the client, or of these two."""
    program = """
import sys
before = set(sys.modules)
import telwerk
for name in telwerk.__all__:
    getattr(telwerk, name)
loaded = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(*sorted(name for name in loaded if not name.startswith("_")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # protobuf is `google`. grpcio loads the rest itself: typing_extensions, and its sisters where they are installed.
    grpcio = {"grpc", "grpc_health", "grpc_reflection", "cython_runtime", "typing_extensions"}
    assert set(done.stdout.split()) <= {"telwerk", "google"} | grpcio
