"""buf holds the contract to its style, and to its users."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.conftest import ROOT, run

STARS = "int32 stars = 1;"
BREAKING = {
    "another type": (STARS, "string stars = 1;"),
    "another number": (STARS, "int32 stars = 2;"),
    "a field gone": (STARS, ""),
    "another name": (STARS, "int32 points = 1;"),
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The contract in a repository of its own, without a tag."""
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "The contract")
    return tmp_path


@pytest.fixture
def released(repository: Path) -> Path:
    """The same, released as it is."""
    git(repository, "tag", "v0.1.0")
    return repository


def git(repository: Path, *command: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@telwerk.example")
    subprocess.run(["git", "-C", str(repository), *identity, *command], check=True)


def breaking(repository: Path) -> "subprocess.CompletedProcess[str]":
    return run("make", "-s", "-C", ROOT, "breaking", f"REPOSITORY={repository}")


def change(repository: Path, before: str, after: str) -> None:
    path = repository / "protos" / "telwerk" / "v1" / "event.proto"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_the_contract_keeps_to_the_style():
    linted = run(ROOT / ".venv" / "bin" / "buf", "lint", ROOT / "protos")
    assert (linted.returncode, linted.stdout) == (0, "")


def test_before_the_first_release_nothing_can_be_broken(repository):
    change(repository, STARS, "")
    checked = breaking(repository)
    assert (checked.returncode, checked.stdout) == (0, "buf breaking: no release tag yet\n")


def test_the_contract_as_it_was_released_breaks_nothing(released):
    checked = breaking(released)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr


def test_what_is_added_breaks_nothing(released):
    change(released, STARS, STARS + "\n  // Whether the contact said so twice.\n  bool twice = 2;")
    checked = breaking(released)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr


@pytest.mark.parametrize("kind", BREAKING)
def test_what_breaks_the_last_release_is_found(released, kind):
    """Also where commits lie between: what counts is the tag."""
    change(released, *BREAKING[kind])
    git(released, "commit", "-q", "-a", "-m", kind)
    checked = breaking(released)
    assert checked.returncode != 0
    assert "event.proto" in checked.stdout


def test_this_contract_breaks_nothing():
    checked = run("make", "-s", "-C", ROOT, "breaking")
    assert checked.returncode == 0, checked.stdout
