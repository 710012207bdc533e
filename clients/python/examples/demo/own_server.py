"""A server of the demonstration's own."""

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from telwerk import Telwerk


@contextmanager
def server_of_its_own() -> Iterator[Telwerk]:
    """A real server on a free port and a database that is gone afterwards. It must stop cleanly."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK")}
    with tempfile.TemporaryDirectory(prefix="telwerk-demo-", ignore_cleanup_errors=False) as folder:
        with (Path(folder) / "log").open("w+") as log:
            command = [str(Path(sys.executable).with_name("telwerkd")), "serve", "--listen", "127.0.0.1:0"]
            command += ["--http-listen", "", "--database", f"{folder}/telwerk.db"]
            process = subprocess.Popen(  # noqa: S603 -- a fixed command
                command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder, env=environment
            )
            try:
                with Telwerk(_address(process)) as telwerk:
                    yield telwerk
            finally:
                code = _stop(process)
                if code:
                    log.seek(0)
                    sys.stderr.write(log.read())
        if code:
            sys.exit(f"telwerkd stopped with {code}")


def _stop(process: subprocess.Popen[str]) -> int:
    """Asks it to end, and gives its exit code; one that does not end within half a minute is killed."""
    with process:
        process.terminate()
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it listens, as its first line says; killed if it says nothing for half a minute."""
    patience = threading.Timer(30, process.kill)
    patience.start()
    try:
        for line in process.stdout or ():
            if match := re.search(r"listens on (\S+)", line):
                return match[1]
    finally:
        patience.cancel()
    return sys.exit("telwerkd did not say where it listens")
