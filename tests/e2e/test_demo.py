"""The demonstration is a test: it compares the server with chats counted by hand."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from telwerkd.domain.catalogue.specs import Kpi

NEXT = ("telwerkd serve", "telwerk simulate --conversations 300", "telwerk dashboard --account demo")
DEMO = Path(__file__).parents[2] / "clients" / "python" / "examples" / "demo"


def run(demo: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The demonstration, with `folder` for all that it may leave behind."""
    environment = os.environ | {"TMPDIR": str(folder), "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, demo], capture_output=True, encoding="utf-8", timeout=120, env=environment, check=False
    )


def test_the_server_counts_as_by_hand_and_nothing_is_left_behind(tmp_path):
    done = run(DEMO, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All KPIs are counted as by hand." in done.stdout
    for question in ("live chats answered in time", "first response, p50", "first response, p90", "busiest hour"):
        assert done.stdout.count(question) == 2, "by hand, and of the simulated month"
    assert "SIMULATED" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert_it_fits(done.stdout)
    assert done.stdout.rstrip().splitlines()[-3:] == [f"  .venv/bin/{command}" for command in NEXT]


def assert_it_fits(printed: str) -> None:
    """On 80 columns nothing is cut, and each line of days is whole: 28 marks beside one another."""
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in printed
    _, _, table = printed.partition("each day")
    days = [line.split("│")[3].strip("│") for line in table.splitlines() if re.match(r"│ +\d+ ", line)]
    assert [len(line) for line in days[:20]] == [30] * 20


def test_every_kpi_has_something_to_count_in_the_script():
    """A KPI that is never counted by hand would be right by accident."""
    script = (DEMO / "script.py").read_text(encoding="utf-8")
    counted = {line.partition("=> ")[2].split()[0] for line in script.split('"""')[3].splitlines() if "=> " in line}
    assert counted == {str(int(kpi)) for kpi in Kpi}


def test_a_number_that_is_not_the_servers_fails_the_demonstration(tmp_path):
    """Else the comparison would prove nothing."""
    wrong = shutil.copytree(DEMO, tmp_path / "demo")
    script = (wrong / "script.py").read_text(encoding="utf-8")
    (wrong / "script.py").write_text(script.replace("=> 1 anna/sales 5", "=> 1 bram/sales 5"), encoding="utf-8")
    done = run(wrong, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "The server counts otherwise than by hand." in done.stderr


def test_percentiles_agree_within_one_per_cent_and_all_else_exactly():
    demo = runpy.run_path(str(DEMO))
    by_hand = demo["in_short_by_hand"](datetime(2026, 1, 5, tzinfo=UTC))
    assert by_hand.busiest == (1, 11)
    assert by_hand.agrees(by_hand._replace(p50_ms=120_900, p90_ms=148_600))
    for wrong in ({"p50_ms": 121_300}, {"p90_ms": 148_400}, {"answered": 1}, {"decided": 4}, {"an_hour": 1.0}):
        assert not by_hand.agrees(by_hand._replace(**wrong)), wrong
