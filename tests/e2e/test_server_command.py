"""`telwerkd` as a command: its version, its completion, and what it says of a setting that is wrong."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import serving


def telwerkd(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK")}
    command = [sys.executable, "-m", "telwerkd", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=inherited | environment)


def test_the_version_is_told():
    done = telwerkd("--version")
    assert (done.returncode, done.stdout) == (0, f"telwerkd {version('telwerkd')}\n")


def test_the_shell_completes_commands():
    """As the script that `--install-completion` installs asks it to."""
    code = "import sys; sys.argv[0] = 'telwerkd'; from telwerkd.cli.app import app; app(prog_name='telwerkd')"
    asked = {"_TELWERKD_COMPLETE": "complete_bash", "COMP_WORDS": "telwerkd ver", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ | asked
    )
    assert done.stdout.split() == ["verify"], done.stderr


def test_a_misspelt_variable_is_told():
    """It would be left out without a word."""
    done = telwerkd("settings", TELWERK_KEY_FILE="keys.toml")
    assert done.returncode == 1
    assert "did you mean TELWERK_KEYS_FILE?" in done.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('listne = "127.0.0.1:0"', "there is no setting 'listne': did you mean 'listen'?"),
        ("xyzzy = 1", "there is no setting 'xyzzy'"),
        ('names_max = "many"', "names_max: must be a whole number, is 'many'"),
        ("names_max = -1", "names_max: must be more than 0, is -1"),
        ('insecure_plaintext = "perhaps"', "insecure_plaintext: must be true or false, is 'perhaps'"),
    ],
)
def test_a_wrong_setting_is_said_in_words_of_its_own(tmp_path: Path, line: str, expected: str):
    config = tmp_path / "telwerkd.toml"
    config.write_text(f"{line}\n")
    done = telwerkd("settings", "--config", config)
    assert done.returncode != 0
    assert expected in done.stderr
    assert "Input should" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_log_begins_with_what_runs_ends_with_stopped_and_has_one_format(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """In UTC, whatever the machine's time zone."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with serving(tmp_path / "telwerk.db") as server:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
    lines = capfd.readouterr().err.splitlines()
    form = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z (INFO|WARNING|ERROR) [\w.]+(\[\d+\])?: .+"
    found = [re.fullmatch(form, line) for line in lines]
    assert all(found), lines
    first = found[0]
    assert first
    assert abs(datetime.fromisoformat(f"{first[1]}+00:00") - datetime.now(UTC)) < timedelta(hours=1)
    assert f"telwerkd {version('telwerkd')} started: database {tmp_path / 'telwerk.db'} at schema" in lines[0]
    assert "plain text, no keys" in lines[0]
    assert lines[-1].endswith(": stopped")
