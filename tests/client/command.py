"""Runs the real `telwerk` command, as a pipe sees it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from unittest.mock import patch

from google.protobuf import json_format

from telwerk.cli.main import main
from telwerk.v1.event_pb2 import Event

ACCOUNT = "acme"


def telwerk(
    *arguments: str | Path, address: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command with the account set; its output is plain text.

    Run in this process, from its entry point on: for Python to start and import it takes longer than most commands do.
    What is to be proved of the process itself, or comes in by its standard input as a file, `program` runs.
    """
    command = ["telwerk", *map(str, arguments)]
    with (
        TemporaryFile("w+", encoding="utf-8") as given,
        TemporaryFile("w+", encoding="utf-8") as out,
        TemporaryFile("w+", encoding="utf-8") as err,
    ):
        given.write(stdin)
        given.seek(0)
        with (
            patch.dict(os.environ, _environment(address, environment), clear=True),
            patch.multiple(sys, argv=command, stdin=given, stdout=out, stderr=err),
        ):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        for stream in (out, err):
            stream.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def program(
    *arguments: str | Path, address: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same as a program of its own."""
    return subprocess.run(
        [sys.executable, "-m", "telwerk.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=_environment(address, environment),
    )


def _environment(address: str, more: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    # Nobody's own configuration.
    inherited["XDG_CONFIG_HOME"] = os.devnull
    return inherited | {"TELWERK_ADDRESS": address, "TELWERK_ACCOUNT": ACCOUNT, **more}


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
