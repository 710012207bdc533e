"""The READMEs of the clients: their program and their commands run as they stand, in a folder outside the checkout."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.conftest import BUILD_SECONDS, CLIENTS, ROOT, Endpoint, needs, run

FILES = {"go": "main.go", "js": "main.mjs", "java": "src/main/java/Main.java", "xml": "pom.xml"}
ANSWER = "1 rated, 5.0 stars on average"


def written(page: Path, folder: Path, address: str) -> str:
    """Saves what the page says to save; gives its commands. No block may be left over."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    commands = [text for language, text in blocks if language == "sh"]
    files = {FILES[language]: text for language, text in blocks if language != "sh"}
    assert len(files) + len(commands) == len(blocks)
    for name, text in files.items():
        assert name == "pom.xml" or "127.0.0.1:50051" in text
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("127.0.0.1:50051", address), encoding="utf-8")
    [only] = commands
    return only


def followed(commands: str, folder: Path, checkout: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the commands in a shell; what this environment has beside the system's programs is not on the PATH."""
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if ".venv" not in part)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    return subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=folder,
        env={**environment, "PATH": path, "TELWERK": str(checkout)},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a checkout has of the clients: nothing that was built or installed."""
    fresh = tmp_path / "checkout"
    built = shutil.ignore_patterns("node_modules", "dist", "target")
    for name in ("go", "typescript", "java"):
        shutil.copytree(CLIENTS / name, fresh / "clients" / name, ignore=built)
    shutil.copy(CLIENTS / "service_config.json", fresh / "clients")
    shutil.copytree(ROOT / "protos", fresh / "protos")
    shutil.copy(ROOT / "LICENSE", fresh)
    return fresh


@pytest.mark.parametrize(("client", "programs"), [("go", ["go"]), ("java", ["java", "mvn"])])
def test_a_readme_followed_line_by_line_sends_and_asks(
    client: str, programs: list[str], plain: Endpoint, checkout: Path, tmp_path: Path
) -> None:
    needs(*programs)
    folder = tmp_path / "example"
    folder.mkdir()
    answers(followed(written(CLIENTS / client / "README.md", folder, plain.address), folder, checkout))


def test_the_readme_of_node_works_line_by_line_and_with_the_path_in_place_of_the_tarball(
    plain: Endpoint, checkout: Path, tmp_path: Path
) -> None:
    """The tarball has the licence, and no more than it needs."""
    needs("node", "npm")
    folder = tmp_path / "example"
    folder.mkdir()
    answers(followed(written(CLIENTS / "typescript" / "README.md", folder, plain.address), folder, checkout))
    listed = run("tar", "-tzf", folder / "telwerk-client-0.1.0.tgz").stdout.splitlines()
    assert {"package/LICENSE", "package/README.md", "package/dist/src/index.d.ts"} <= set(listed)
    assert not [name for name in listed if "conformance" in name or "examples" in name]
    answers(followed('npm install "$TELWERK/clients/typescript"\nnode main.mjs', folder, checkout))
    assert (folder / "node_modules" / "@telwerk" / "client").is_symlink()


def answers(shown: "subprocess.CompletedProcess[str]") -> None:
    """The program ended well, with what it asked for; Maven adds the escapes that end colours."""
    assert shown.returncode == 0, f"{shown.stdout}\n{shown.stderr}"
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.stdout)
    assert plain.strip().splitlines()[-1:] == [ANSWER], f"{shown.stdout}\n{shown.stderr}"


@pytest.mark.parametrize("client", ["go", "typescript", "python", "bridges"])
def test_every_package_has_the_licence(client: str) -> None:
    assert (CLIENTS / client / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_tests_of_the_go_module_pass() -> None:
    needs("go")
    tested = subprocess.run(
        ["go", "test", "./..."], cwd=CLIENTS / "go", capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    assert tested.returncode == 0, f"{tested.stdout}\n{tested.stderr}"
