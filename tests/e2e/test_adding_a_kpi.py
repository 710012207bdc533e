"""The list "Adding a KPI" of CONTRIBUTING.md is complete: a KPI that is added in a copy of the service works."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import telwerkd
from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.domain.catalogue.specs import Kpi
from tests.conftest import ALL_TIME, compacted, connected, serving

ROOT = Path(__file__).parents[2]
LAST = max(Kpi)

SPEC = """    KpiSpec(
        kpi=Kpi.RESUMED_CONVERSATIONS, section=Section.QUALITY, since_rules=2, occasions=(Occasion.RESUMED,)
    ),
"""

TEXT = """_KPIS = {
    Kpi.RESUMED_CONVERSATIONS: KpiText(
        name="Resumed conversations", what="What", unit="One", when="When", why="Why"
    ),
"""


class Edit(NamedTuple):
    """A text of a file, and what takes its place."""

    file: str
    old: str
    new: str


NEW_KPI = [
    Edit(
        "domain/catalogue/specs.py",
        f"    {LAST.name} = {LAST:d}\n",
        f"    {LAST.name} = {LAST:d}\n    RESUMED_CONVERSATIONS = {LAST + 1}\n",
    ),
    Edit(
        "domain/catalogue/specs.py",
        ")\n\nSPECS: ",
        SPEC + ")\n\nSPECS: ",
    ),
    *(Edit(f"domain/catalogue/texts/{code}.py", "_KPIS = {\n", TEXT) for code in ("en", "de", "nl")),
    Edit("domain/conversation/part_two.py", "LeftLive, Message, Sender", "LeftLive, Message, Resumed, Sender"),
    Edit(
        "domain/conversation/part_two.py",
        "    elif type(kind) is LeftLive:\n",
        "    elif type(kind) is Resumed:\n"
        "        more = (counted(before, event, Kpi.RESUMED_CONVERSATIONS),)\n"
        "    elif type(kind) is LeftLive:\n",
    ),
]
"""A KPI that counts how often conversations are resumed."""

CHAT = """
09:00:00 anna assigned in sales
09:00:05 contact: message
09:10:00 ends
09:20:00 contact resumes
09:30:00 ends
09:40:00 contact resumes
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder of a copy of the service that has the KPI."""
    service = tmp_path / "service"
    [original] = telwerkd.__path__
    shutil.copytree(original, service / "telwerkd", ignore=shutil.ignore_patterns("__pycache__"))
    for edit in NEW_KPI:
        file = service / "telwerkd" / edit.file
        text = file.read_text()
        assert text.count(edit.old) == 1, f"{edit.file} does not have {edit.old!r} once"
        file.write_text(text.replace(edit.old, edit.new))
    return service


def test_the_list_names_what_the_copy_changes():
    """The files that every KPI needs, and no others."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Adding a KPI\n")[2].partition("\n## ")[0]
    needed = text.partition("Some need more:")[0]
    assert set(re.findall(r"`(domain/[\w/.]+\.py)`", needed)) == {edit.file for edit in NEW_KPI}


def verify(service: Path, database: Path) -> None:
    """Fails unless the counters are those of the log, as the copy counts it."""
    command = [sys.executable, "-m", "telwerkd", "verify", "--database", str(database)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(service)})
    assert done.returncode == 0, done.stderr + done.stdout


async def test_a_kpi_that_is_added_in_a_copy_is_counted_listed_queried_and_explained(copy: Path, tmp_path: Path):
    database = tmp_path / "telwerk.db"
    with serving(database, service=copy) as running:
        async with connected(running.address) as server:
            await server.ingest_chat("acme", CHAT)
            listed = await server.kpis.ListKpis(kpi.ListKpisRequest(language_code="de"))
            assert [(each.kpi_id, each.number) for each in listed.kpis][-1] == ("resumed_conversations", LAST + 1)
            assert listed.kpis[-1].display_name == "Resumed conversations"
            for _ in range(2):
                assert await server.total("acme", "resumed_conversations") == 2
                by_operator = await server.totals("acme", "resumed_conversations", group_by=[kpi.DIMENSION_OPERATOR])
                assert [(row.key.operator_id, row.count) for row in by_operator.totals] == [("anna", 2)]
                await compacted(database)
            explained = await server.kpis.ExplainCount(
                kpi.ExplainCountRequest(account_id="acme", kpi_id="resumed_conversations", range=ALL_TIME)
            )
            assert [len(each.counted) for each in explained.conversations] == [2]
    verify(copy, database)
