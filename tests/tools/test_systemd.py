"""systemd accepts the units, and they leave a server little that it could do beside its work."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.tools.conftest import ROOT, needs, run

UNITS = ROOT / "deploy" / "systemd"
EXPOSURE_MAX = 20
"""Of 100, as `systemd-analyze security` weighs it; above 50 it speaks of exposed services."""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that is there in place of the one that an installation has."""
    needs("systemd-analyze")
    for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.timer")):
        text = unit.read_text(encoding="utf-8")
        (tmp_path / unit.name).write_text(
            text.replace("/opt/telwerk/bin/telwerkd", str(Path(sys.executable).with_name("telwerkd"))), encoding="utf-8"
        )
    return tmp_path


def test_the_units_are_accepted_without_a_word(units: Path) -> None:
    checked = run("systemd-analyze", "verify", *sorted(units.iterdir()))
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("name", ["telwerkd.service", "telwerk-backup.service"])
def test_a_unit_is_confined(units: Path, name: str) -> None:
    weighed = run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", units / name)
    assert weighed.returncode == 0, weighed.stdout


def test_the_backup_of_the_unit_makes_a_file_and_keeps_the_newest_fourteen(tmp_path: Path) -> None:
    """Its command as systemd gives it to the shell, with a stand-in that writes the file that it is told to."""
    needs("sh")
    text = (UNITS / "telwerk-backup.service").read_text(encoding="utf-8")
    [command] = re.findall(r"^ExecStart=/bin/sh -ec '\\\n(.*?)'$", text, re.MULTILINE | re.DOTALL)
    backup = tmp_path / "backup"
    backup.write_text('#!/bin/sh\nfor last; do :; done\necho whole > "$last"\n', encoding="utf-8")
    backup.chmod(0o755)
    for day in range(1, 21):
        (tmp_path / f"telwerk-202601{day:02}T023000Z.db").touch()
    command = command.replace("\\\n", "").replace("$$", "$").replace("%%", "%")
    command = command.replace("/opt/telwerk/bin/telwerkd", str(backup)).replace("/var/backups/telwerk", str(tmp_path))
    done = run(shutil.which("sh") or "sh", "-ec", command)
    assert done.returncode == 0, done.stderr
    kept = sorted(path.name for path in tmp_path.glob("telwerk-*.db"))
    assert len(kept) == 14
    assert kept[0] == "telwerk-20260108T023000Z.db"
    assert (tmp_path / kept[-1]).read_text(encoding="utf-8") == "whole\n"
