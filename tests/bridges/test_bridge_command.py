"""The command says what is wrong in one sentence."""

import signal
import socket
from pathlib import Path

import pytest

from tests.bridges.bridging import bridge, command


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TELWERK_BRIDGE_CHATWOOT_SECRET": ""}, "no platform has a secret: set "),
        ({"TELWERK_BRIDGE_CHATWOOT_SECRET": " , "}, "no platform has a secret"),
        ({"TELWERK_ACCOUNT": ""}, "TELWERK_ACCOUNT is not set"),
        ({"TELWERK_BRIDGE_INBOX": "/no/such/folder/bridge.db"}, "the inbox /no/such/folder/bridge.db cannot be opened"),
    ],
)
def test_a_bridge_that_cannot_start_says_why_in_one_sentence(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    ended_with = command("serve", "--port", "0", inbox=tmp_path / "bridge.db", **settings)
    assert ended_with.returncode == 2
    [line] = ended_with.stderr.splitlines()
    assert line.startswith("telwerk-bridge: ")
    assert said in line


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended_with = command("serve", "--port", port, inbox=tmp_path / "bridge.db")
    assert ended_with.returncode != 0
    assert port in ended_with.stderr
    assert "Traceback" not in ended_with.stderr


def test_a_bridge_that_is_stopped_answers_whoever_is_still_sending(tmp_path: Path) -> None:
    """503, for nothing was taken; and the log has no traceback."""
    with bridge("127.0.0.1:1", tmp_path / "bridge.db") as started:
        host, _, port = started.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as sender:
            head = b"POST /chatwoot HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n"
            sender.sendall(head)
            # It asks for the body: the delivery is being read.
            assert sender.recv(100).startswith(b"HTTP/1.1 100 ")
            sender.sendall(b"{")
            started.process.terminate()
            assert sender.recv(1_000).startswith(b"HTTP/1.1 503 ")
        assert started.process.wait(timeout=30) in {0, -signal.SIGTERM}
        assert "the bridge stops" in started.log()
        assert "Traceback" not in started.log()
