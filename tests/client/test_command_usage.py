"""Usage errors of both commands: in their own words, and with what to do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.command import telwerk

NOWHERE = "127.0.0.1:1"
FOREIGN = ("Input should", "Value error", "%Y")
"""What pydantic and strftime would say."""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("kpis --language fr", "'fr' is not one of 'en', 'de', 'nl'"),
        ("query feedback_count --top x", "must be a whole number"),
        ("query feedback_count --top 0", "must be at least 1"),
        ("--timeout x kpis", "must be a number"),
        ("import --calls 65 -", "must be at most 64"),
        ("simulate --from 2026-1", "does not match the format 'YYYY-MM-DD'"),
    ],
)
def test_a_wrong_value_is_told_in_words_of_the_command(arguments: str, told: str) -> None:
    done = telwerk(*arguments.split(), address=NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert not [words for words in FOREIGN if words in done.stderr]


@pytest.mark.parametrize("arguments", [("serve", "--workers", "x"), ("horizon", "--account", "a", "--lower-to", "x")])
def test_the_server_s_command_tells_it_alike(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "telwerkd.cli", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "Invalid value" in done.stderr
    assert not [words for words in FOREIGN if words in done.stderr]


@pytest.mark.parametrize("arguments", ["totals feedback_count --address x", "settings show --adress x"])
def test_an_option_of_the_connection_after_the_command_is_told_to_go_before_it(arguments: str) -> None:
    done = telwerk(*arguments.split(), address=NOWHERE)
    assert done.returncode == 2
    command = arguments.split(maxsplit=1)[0]
    assert f"--address goes before the command, as in `telwerk --address … {command} …`" in done.stderr


def test_a_misspelt_option_of_the_command_itself_gets_its_own_nearest_name() -> None:
    done = telwerk("totals", "feedback_count", "--groupby", "operator", address=NOWHERE)
    assert "--group-by" in done.stderr
    assert "before the command" not in done.stderr


def test_a_folder_named_telwerk_in_the_working_folder_hides_nothing(tmp_path: Path) -> None:
    """As where somebody works beside a checkout, with what `make` installed."""
    (tmp_path / "telwerk").mkdir()
    code = "from telwerk import Telwerk, events; import telwerkd.cli.app"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_keys_are_audited_in_the_log_s_one_format(tmp_path: Path) -> None:
    """UTC and level, as the server writes it."""
    create = ["keys", "create", "--file", str(tmp_path / "keys.toml"), "--account", "acme", "--role", "ingest"]
    done = subprocess.run(
        [sys.executable, "-m", "telwerkd.cli", *create], capture_output=True, text=True, timeout=60, check=False
    )
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO telwerkd\.audit: ", done.stderr, re.MULTILINE)
