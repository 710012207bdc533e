"""The READMEs' commands and code are run as they stand, or proved to name what is there."""

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from telwerk.cli import app as telwerk_app
from telwerkd.cli import app as telwerkd_app
from telwerkd.storage.sqlite import schema
from tests.conftest import ServerProcess, serving

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LINES_MAX = 10
DEFAULT_ADDRESS = '"127.0.0.1:50051"'


def block(language: str) -> str:
    """The first block of code in a language."""
    found = re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"the README has no block of {language}"
    return found[1]


def output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_prints_what_the_readme_says_and_repeating_it_counts_nothing_twice(server: ServerProcess):
    code = block("python")
    assert DEFAULT_ADDRESS in code
    example = code.replace(DEFAULT_ADDRESS, repr(server.address))
    first = output(example)
    assert first == block("text")
    assert output(example) == first.replace("2 events accepted", "0 events accepted")


def test_the_example_is_ten_lines_on_the_first_screen():
    lines = [line for line in block("python").splitlines() if line.strip()]
    assert len(lines) <= LINES_MAX


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")
def test_what_the_readme_asks_by_curl_is_answered(tmp_path: Path):
    """After its example: readiness, metrics, and the rating that the example prints."""
    commands = (
        block("bash").replace("127.0.0.1:50080", "$HTTP").replace("curl -s", "curl -sS --fail-with-body --noproxy '*'")
    )
    metrics = "curl -sS --fail-with-body --noproxy '*' http://$HTTP/metrics\n"
    ready, found_metrics, asked = commands.partition(metrics)
    assert found_metrics
    with serving(tmp_path / "telwerk.db", "--http-listen", "127.0.0.1:0") as server:
        line = server.process.stdout.readline()
        found = re.fullmatch(r"Telwerk serves HTTP on (\S+)\n", line)
        assert found, line
        output(block("python").replace(DEFAULT_ADDRESS, repr(server.address)))
        environment = os.environ | {"HTTP": found[1]}
        for command in (ready, metrics, asked):
            done = subprocess.run(
                ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            if command == metrics:
                assert "telwerk_events_total{" in done.stdout
                continue
            answer = json.loads(done.stdout)
            if command == ready:
                assert answer == {"status": "SERVING"}
            else:
                assert (answer["totals"][0]["count"], answer["totals"][0]["mean"]) == ("1", 5)


# --- commands --------------------------------------------------------------------------------------------------------


def commands(page: Path) -> Iterator[list[str]]:
    """The lines of every block of shell, as words; of sessions, those after the prompt."""
    for language, text in re.findall(r"```(sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in text.splitlines():
            if language == "sh" or line.startswith("$ "):
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words:
                    yield words


def test_the_first_line_that_installs_gives_all_that_the_page_uses():
    first = next(words for words in commands(README) if words[:2] == ["pip", "install"])
    assert first[2:] == ["./clients/python[cli]", "."]


def test_what_is_installed_is_in_the_checkout_with_its_extras():
    for page in (README, ROOT / "clients" / "python" / "README.md"):
        for words in commands(page):
            for target in words[2:] if words[:2] == ["pip", "install"] else ():
                path, _, extra = target.rstrip("]").partition("[")
                if "dist/" in path:  # a wheel, by the version of today
                    name, version, *_ = Path(path).name.split("-")
                    project = metadata(ROOT if name == "telwerkd" else ROOT / "clients" / "python")
                    assert (project["name"], project["version"]) == (name, version)
                else:
                    project = metadata(ROOT / path)
                assert not extra or extra in project["optional-dependencies"]


def metadata(folder: Path) -> dict[str, dict[str, object]]:
    project: dict[str, dict[str, object]] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project


def test_the_hint_where_the_extra_is_missing_names_no_index():
    """Rich stands for all that the extra brings."""
    code = "import sys; sys.modules['rich'] = None; from telwerk.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'./clients/python[cli]'" in done.stderr
    assert "'telwerk[cli]'" not in done.stderr


@pytest.mark.parametrize("page", ["README.md", "clients/python/README.md"])
def test_every_command_of_ours_has_the_options_that_a_page_gives_it(page: str):
    """By the help text of the command itself."""
    known: dict[tuple[str, ...], str] = {}
    for words in commands(ROOT / page):
        if words[0] not in {"telwerk", "telwerkd"}:
            continue
        names = [word for word in words[1:3] if re.fullmatch(r"[a-z]+", word)]
        path = (words[0], *(names[:2] if names[:1] in (["keys"], ["settings"]) else names[:1]))
        if path not in known:
            command = {"telwerk": telwerk_app.app, "telwerkd": telwerkd_app.app}[words[0]]
            helped = CliRunner().invoke(command, [*path[1:], "--help"], env={"COLUMNS": "200"})
            assert helped.exit_code == 0, (path, helped.output)
            known[path] = helped.output
        for option in (word for word in words if word.startswith("--")):
            assert option.partition("=")[0] in known[path], (path, option)


def test_the_backup_of_a_database_in_use_has_every_event_and_a_plain_copy_has_not(tmp_path: Path):
    """The README's line, run as it stands where a writer holds the file."""
    schema.migrate(tmp_path / "telwerk.db")
    writer = sqlite3.connect(tmp_path / "telwerk.db", isolation_level=None)
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.executemany(
        "INSERT INTO accounts (account_id, version, high_water) VALUES (?, 1, 0)", [(str(n),) for n in range(100)]
    )
    [line] = [words for words in commands(README) if words[:2] == ["telwerkd", "backup"]]
    (tmp_path / "cp.db").write_bytes((tmp_path / "telwerk.db").read_bytes())
    subprocess.run([sys.executable, "-m", *line], cwd=tmp_path, check=True)
    counted = {}
    for name in ("backup.db", "cp.db"):
        copy = sqlite3.connect(tmp_path / name)
        counted[name] = copy.execute("SELECT count(*) FROM accounts").fetchone()[0]
        copy.close()
    writer.close()
    assert counted == {"backup.db": 100, "cp.db": 0}


# --- make, and contributing ------------------------------------------------------------------------------------------


def test_every_target_that_a_page_names_is_in_the_help_of_make():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = {line.split()[1] for line in listed.splitlines()}
    assert "tools" in targets
    for page in ("README.md", "CONTRIBUTING.md"):
        for words in commands(ROOT / page):
            if words[0] == "make":
                assert words[1] in targets, page


@pytest.mark.parametrize("target", ["serve", "test", "tools"])
def test_a_target_says_what_to_type_next(target: str):
    dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Next" in dry


def test_the_single_test_of_contributing_is_there_and_runs():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"`\.venv/bin/python (-m pytest tests/\S+ -k \w+)`", text)
    assert found
    done = subprocess.run(
        [sys.executable, *found[1].split(), "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_the_places_that_contributing_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, adding = text.partition("## Adding a kind of event")
    bases = (
        ROOT,
        ROOT / "service" / "telwerkd",
        ROOT / "clients" / "python" / "telwerk",
        ROOT / "protos" / "telwerk" / "v1",
    )
    for place in re.findall(r"`([\w/]+\.(?:py|proto|json))`", adding):
        folders = (*bases, ROOT / "service" / "telwerkd" / "domain" / "catalogue" / "texts")
        assert any((folder / place).exists() for folder in folders), place
