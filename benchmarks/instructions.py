"""Instructions of one event and of one question: figures by which two machines, and two versions, can be compared.

Valgrind counts what a process executes in user space, whatever else the machine does.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.counted_works import ASKED, PROCESSES, store_asked, works
from benchmarks.machine import described
from benchmarks.run import save

_COUNTED = re.compile(r"I +refs: +([\d,]+)")


def measure() -> str:
    """Counts all; writes the results as JSON, and gives the table.

    Raises:
        FileNotFoundError: valgrind is not installed.
    """
    if shutil.which("valgrind") is None:
        raise FileNotFoundError("instructions are counted by valgrind, which is not installed here (Debian: valgrind)")
    with TemporaryDirectory(prefix="telwerk-instructions-") as name:
        folder = Path(name)
        store_asked(folder / ASKED)
        _under_valgrind(folder)
        rows = [
            {"id": work.id, "what": work.what, "instructions": round((many - few) / work.more)}
            for work, (few, many) in zip(works(folder / ASKED), _counts(folder), strict=True)
        ]
    found = {"measured": time.strftime("%Y-%m-%d"), "machine": described(), "rows": rows}
    return f"{table(rows)}\n\n{save('instructions', found)}"


def _under_valgrind(folder: Path) -> None:
    counting = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    python = [sys.executable, "-m", "benchmarks.counted_works", str(folder)]
    fixed = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(
        ["valgrind", *counting, f"--log-file={folder}/%p.log", *python],
        env=os.environ | fixed,
        check=True,
    )


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table, from their JSON form."""
    lines = ["| | of | instructions |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {row['id']} | {row['what']} | {row['instructions']:,} |" for row in rows)])


def _counts(folder: Path) -> Iterator[tuple[int, int]]:
    """Yields the instructions of each work on few and on many."""
    for few, many in msgspec.json.decode((folder / PROCESSES).read_bytes(), type=list[tuple[int, int]]):
        yield _counted(folder, few), _counted(folder, many)


def _counted(folder: Path, process: int) -> int:
    found = _COUNTED.search((folder / f"{process}.log").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"valgrind's log of process {process} has no count of instructions")
    return int(found[1].replace(",", ""))
