"""Real toolchains and tools; `make test-clients` runs this folder, `make test` does not.

What a test needs and is not on the PATH is named, and the test skipped; with CI set, it fails.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from telwerkd.transport.security.keys_file import Role, create
from tests.conftest import free_address, serving

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
TOOLS = ROOT / ".venv" / "tools"
RUN_SECONDS = 120.0
"""No tool takes as long, however busy the machine is."""

BUILD_SECONDS = 1_200.0
"""The first build fetches and compiles everything."""


def needs(*programs: str) -> None:
    """Goes on only if these programs are there."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        text = f"not on the PATH: {', '.join(missing)}"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(text)
        pytest.skip(text)


def make(target: str) -> None:
    """Builds a target of the Makefile, where each command stands once."""
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    done = subprocess.run(
        ["make", "-s", target],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"make {target}\n{done.stdout}\n{done.stderr}"


def run(
    *command: str | Path, env: Mapping[str, str] | None = None, seconds: float = RUN_SECONDS
) -> "subprocess.CompletedProcess[str]":
    """Runs a tool to its end, whatever its exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    return subprocess.run(
        [str(part) for part in command],
        env={**environment, **(env or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with grpcurl, grpc-health-probe and ghz."""
    needs("go")
    make("tools")
    return TOOLS


class Client(NamedTuple):
    """The programs of one language's client."""

    language: str
    player: Sequence[str | Path]
    example: Sequence[str | Path] = ()
    """Python's own examples are tested elsewhere."""


def _python() -> Client:
    return Client("python", (sys.executable, CLIENTS / "conformance" / "player.py"))


def _go() -> Client:
    needs("go")
    make("client-go")
    return Client("go", (TOOLS / "conformance",), (TOOLS / "sendandquery",))


def _node() -> Client:
    needs("node", "npm")
    make("client-typescript")
    built = CLIENTS / "typescript" / "dist"
    player, example = built / "conformance" / "player.js", built / "examples" / "send_and_query.js"
    return Client("node", ("node", player), ("node", example))


def _java() -> Client:
    needs("java", "mvn")
    make("client-java")
    built = CLIENTS / "java" / "target"
    classes = f"{built / 'classes'}:{built / 'test-classes'}:{(built / 'test-classpath').read_text()}"
    java = ("java", "-cp", classes)
    return Client("java", (*java, "io.telwerk.conformance.Player"), (*java, "io.telwerk.examples.SendAndQuery"))


CLIENTS_OF = {"python": _python, "typescript": _node, "go": _go, "java": _java}


@pytest.fixture(scope="session", params=CLIENTS_OF)
def client(request: pytest.FixtureRequest) -> Client:
    """Each language's client, built."""
    return CLIENTS_OF[request.param]()


class Endpoint(NamedTuple):
    """A server, and what its clients need to get in."""

    address: str
    database: Path
    ca: Path | None = None
    key: str = ""
    process: "subprocess.Popen[str] | None" = None
    flags: Sequence[str] = ()
    """Of the server, to start it again."""

    def arguments(self) -> tuple[str | Path, ...]:
        """For a player."""
        return (self.address,) if self.ca is None else (self.address, self.ca)

    def environment(self) -> dict[str, str]:
        """For a player."""
        return {"TELWERK_API_KEY": self.key} if self.key else {}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Endpoint]:
    """A server in plain text, without keys; scenarios start it again at its address."""
    database = tmp_path / "telwerk.db"
    with serving(database, "--listen", free_address()) as running:
        yield Endpoint(running.address, database, process=running.process)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Endpoint]:
    """A server with TLS and keys, and a key with every role for the account `acme`."""
    authority = trustme.CA()
    ca, certificate, key, keys = (tmp_path / name for name in ("ca.pem", "tls.crt", "tls.key", "keys.toml"))
    authority.cert_pem.write_to_path(str(ca))
    entry = authority.issue_cert("localhost", "127.0.0.1")
    entry.private_key_pem.write_to_path(str(key))
    certificate.write_bytes(b"".join(pem.bytes() for pem in entry.cert_chain_pems))
    token = create(keys, ["acme"], list(Role))
    database = tmp_path / "telwerk.db"
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key), "--keys-file", str(keys))
    with serving(database, "--listen", free_address(), *flags) as running:
        yield Endpoint(running.address, database, ca, token, running.process, flags)


@pytest.fixture(params=["plain", "tls"])
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """A server, in each of the two ways."""
    found: Endpoint = request.getfixturevalue(request.param)
    return found
