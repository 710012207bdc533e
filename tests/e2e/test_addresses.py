"""What `--listen` says is what is listened on, and `telwerkd health` finds it there."""

import asyncio
import socket
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trustme

from telwerkd.server.settings.loading import ConfigurationError, load
from tests.conftest import ServerProcess, serving, started

HEALTH = [sys.executable, "-m", "telwerkd", "health"]


def health(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*HEALTH, *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """The settings of a server with a certificate for another name than its address."""
    certificate = trustme.CA().issue_cert("telwerk.example")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    return {"tls_cert": str(tmp_path / "tls.crt"), "tls_key": str(tmp_path / "tls.key")}


@pytest.mark.parametrize("form", ["unix:{}/t.sock", "unix:///{}/t.sock", "unix-abstract:{}/t"])
async def test_health_finds_a_unix_socket(tmp_path, form):
    """SERVING, by the setting as by the argument, and through no proxy."""
    address = form.format(str(tmp_path).removeprefix("/") if ":///" in form else tmp_path)
    async with started(tmp_path / "telwerk.db", listen=address):
        by_setting = partial(health, TELWERK_LISTEN=address, http_proxy="http://127.0.0.1:1")
        assert await asyncio.to_thread(by_setting) == (0, "SERVING\n", "")
        assert await asyncio.to_thread(health, address) == (0, "SERVING\n", "")


async def test_health_asks_loopback_through_no_proxy(tmp_path):
    """Whatever proxy the environment names; none is there."""
    proxies = {f"{name}_proxy": "http://127.0.0.1:1" for name in ("grpc", "https", "http")}
    async with started(tmp_path / "telwerk.db") as server:
        by_setting = partial(health, TELWERK_LISTEN=server.address, **proxies)
        assert await asyncio.to_thread(by_setting) == (0, "SERVING\n", "")
        assert await asyncio.to_thread(partial(health, server.address, **proxies)) == (0, "SERVING\n", "")


async def test_health_finds_a_unix_socket_with_tls(tmp_path, tls):
    """Although the certificate names no path."""
    address = f"unix:{tmp_path}/t.sock"
    async with started(tmp_path / "telwerk.db", listen=address, **tls):
        environment = {f"TELWERK_{name.upper()}": file for name, file in tls.items()}
        by_setting = partial(health, TELWERK_LISTEN=address, **environment)
        assert await asyncio.to_thread(by_setting) == (0, "SERVING\n", "")


async def test_health_says_that_one_side_speaks_tls_and_the_other_does_not_and_which(tmp_path, tls):
    """And whose certificate it is that is not the one it was given."""
    environment = {f"TELWERK_{name.upper()}": file for name, file in tls.items()}
    async with started(tmp_path / "secure.db", **tls) as secure, started(tmp_path / "plain.db") as plain:
        code, _, text = await asyncio.to_thread(health, secure.address)
        assert (code, "most likely speaks TLS: tls_cert and tls_key must be set here" in text) == (1, True), text
        code, _, text = await asyncio.to_thread(partial(health, plain.address, **environment))
        assert (code, "it speaks plain text, and tls_cert is set here" in text) == (1, True), text
        trustme.CA().issue_cert("telwerk.example").cert_chain_pems[0].write_to_path(tmp_path / "other.crt")
        environment["TELWERK_TLS_CERT"] = str(tmp_path / "other.crt")
        code, _, text = await asyncio.to_thread(partial(health, secure.address, **environment))
        assert (code, "it shows another certificate than the one in tls_cert" in text) == (1, True), text


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])  # noqa: S104  # what is tested
async def test_health_finds_a_server_on_all_addresses(tmp_path, host):
    """By loopback; the file says where, as for the server."""
    insecure = {"insecure_plaintext": True, "insecure_no_auth": True}
    async with started(tmp_path / "telwerk.db", listen=f"{host}:0", **insecure) as server:
        config = tmp_path / "telwerkd.toml"
        config.write_text(f'listen = "{server.address}"\n', encoding="utf-8")
        assert await asyncio.to_thread(health, "--config", str(config)) == (0, "SERVING\n", "")


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (["127.0.0.1:99999"], {}, "a port is a number"),
        ([], {"TELWERK_LISTEN": "127.0.0.1:0"}, "give the server's address"),
        ([], {"TELWERK_LISTEN": "unix:/nowhere/t.sock"}, "does not answer"),
        (["unix:/nowhere/t.sock"], {"TELWERK_TLS_CERT": "/nowhere", "TELWERK_TLS_KEY": "/nowhere"}, "cannot be read"),
        ([], {"TELWERK_TLS_CERT": "/nowhere"}, "TLS needs both"),
        (["--config", "/nowhere"], {}, "there is no such file"),
        (["127.0.0.1:1", "--service", "x" * 200], {}, "no service has a name of 200 bytes"),
    ],
)
def test_health_that_cannot_ask_says_why_in_a_sentence(arguments, environment, text):
    """Exit code 1, one line, no traceback."""
    code, stdout, stderr = health(*arguments, **environment)
    assert (code, stdout) == (1, "")
    assert text in stderr
    assert stderr.count("\n") == 1


def test_a_second_server_on_a_unix_socket_is_refused_and_the_first_stays(tmp_path):
    """It neither takes the socket nor deletes it."""
    address = f"unix:{tmp_path}/t.sock"
    with serving(tmp_path / "telwerk.db", "--listen", address):
        assert second(tmp_path, "--listen", address).endswith("another server listens there\n")
        assert health(address) == (0, "SERVING\n", "")
    assert not (tmp_path / "t.sock").exists()


def test_a_second_server_on_the_unix_socket_of_http_is_refused_and_the_first_stays(tmp_path):
    """Nor does the second serve gRPC alone: somebody asked for HTTP there."""
    path = tmp_path / "h.sock"
    with serving(tmp_path / "telwerk.db", "--http-listen", f"unix:{path}"):
        refused = second(tmp_path, "--listen", "127.0.0.1:0", "--http-listen", f"unix:{path}")
        assert refused.endswith("another server listens there\n")
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(path))
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
    assert not path.exists()


def second(folder: Path, *listens: str) -> str:
    command = [sys.executable, "-m", "telwerkd", "serve", "--database", str(folder / "other.db"), *listens]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


@pytest.mark.parametrize("listen", ["127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1", ":50051"])
def test_an_address_that_is_none_is_refused_from_everywhere(tmp_path, monkeypatch, listen):
    """From a flag, the environment, and a file alike; the text names the setting and quotes the address."""
    config = tmp_path / "telwerkd.toml"
    config.write_text(f'listen = "{listen}"\n', encoding="utf-8")
    for file, flags, environment in ((config, {}, ""), (None, {"listen": listen}, ""), (None, {}, listen)):
        with monkeypatch.context() as patch:
            if environment:
                patch.setenv("TELWERK_LISTEN", environment)
            with pytest.raises(ConfigurationError, match="listen: ") as caught:
                load(file, flags)
        assert repr(listen) in str(caught.value)


LARGE = (
    "sqlalchemy",
    "numpy",
    "alembic",
    "pydantic",
    "typer",
    "google.protobuf",
    "telwerk.v1",
    "telwerkd.server.wiring",
    "msgspec",
)


def test_a_health_check_imports_none_of_the_server(server: ServerProcess):
    """It runs all day: what it imports is gRPC, and what that needs."""
    program = (
        "import sys; from telwerkd.cli import health; "
        f"code = health.main(['{server.address}']); "
        f"print(code, [name for name in {LARGE} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "SERVING\n0 []\n"


def test_the_command_of_a_health_check_is_that_program():
    """The entry point of the package imports the server for the other commands only."""
    program = (
        "import sys; sys.argv = ['telwerkd', 'health', '127.0.0.1:-1']; from telwerkd.__main__ import main\n"
        "try: main()\n"
        f"except SystemExit as end: print(end.code, [name for name in {LARGE} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1 []\n"
