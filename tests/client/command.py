"""Runs the real `telwerk` command, as a pipe sees it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from google.protobuf import json_format

from telwerk.v1.event_pb2 import Event

ACCOUNT = "acme"


def telwerk(
    *arguments: str | Path, address: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command with the account set; its output is plain text."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    # Nobody's own configuration.
    inherited["XDG_CONFIG_HOME"] = os.devnull
    given = {"TELWERK_ADDRESS": address, "TELWERK_ACCOUNT": ACCOUNT, **environment}
    return subprocess.run(
        [sys.executable, "-m", "telwerk.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=inherited | given,
    )


def line(event: Event) -> str:
    """An event as a line of an import file."""
    return json.dumps(json_format.MessageToDict(event))


def written(path: Path, lines: Iterable[str]) -> Path:
    """A file of these lines."""
    path.write_text("".join(f"{text}\n" for text in lines))
    return path


def figures(summary: str) -> dict[str, int]:
    """What a summary of an import counts."""
    rows = [row.rsplit(maxsplit=1) for row in summary.splitlines()[1:]]
    return {name.strip(): int(number.replace(",", "")) for name, number in rows}
