"""The real PgBouncer in transaction mode, where the machine has one."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from support.postgres import unprivileged
from tests.conftest import eventually

PROGRAM = shutil.which("pgbouncer") or ""
"""Empty where there is none."""


@asynccontextmanager
async def bounced(server: str, sessions: int = 2) -> AsyncIterator[str]:
    """The URL of a database through PgBouncer with its defaults, and so many sessions for all clients."""
    parts = urlsplit(server)
    with tempfile.TemporaryDirectory(prefix="telwerk-bouncer-") as folder:
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={parse_qs(parts.query)['host'][0]} port=5432 user={parts.username}\n"
            f"[pgbouncer]\nunix_socket_dir = {folder}\nlisten_port = 5432\nlisten_addr =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {sessions}\nlogfile = {folder}/log\n",
            encoding="utf-8",
        )
        config.chmod(0o644)
        if not_root := unprivileged():
            shutil.chown(folder, "nobody")
        process = subprocess.Popen([*not_root, PROGRAM, "-q", str(config)])  # noqa: ASYNC220  # it waits for nothing
        url = f"postgresql://{parts.username}@{parts.path}?host={folder}"

        async def answers() -> bool:
            try:
                await (await asyncpg.connect(url)).close()
            except OSError:
                assert process.poll() is None, (Path(folder) / "log").read_text(encoding="utf-8")
                return False
            return True

        try:
            await eventually(answers)
            yield url
        finally:
            process.terminate()
            process.wait(30)
