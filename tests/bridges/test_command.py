"""The command says what is wrong in one sentence."""

import socket
from pathlib import Path

import pytest

from tests.bridges.bridging import command


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TELWERK_BRIDGE_CHATWOOT_SECRET": ""}, "no platform has a secret: set TELWERK_BRIDGE_CHATWOOT_SECRET"),
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
