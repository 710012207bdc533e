"""`make release`: what is handed out is whole, works without the checkout, and tells nothing of the machine."""

import hashlib
import json
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.tools.conftest import BUILD_SECONDS, ROOT, needs, run

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
LANGUAGES = ("python", "typescript", "java", "page")
PYTHON = {"telwerk": "clients/python", "telwerkd": ".", "telwerk_bridges": "clients/bridges"}
HANDED_OUT = {
    *(f"{name}-{VERSION}{end}" for name in PYTHON for end in (".tar.gz", "-py3-none-any.whl")),
    f"telwerk-client-{VERSION}.tgz",
    f"telwerk-client-{VERSION}.jar",
    *(f"telwerk-{VERSION}-{language}.cdx.json" for language in LANGUAGES),
    "SHA256SUMS",
}
EPOCH = 1_790_000_000


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of this checkout; making it has run the commands and the demonstration in an empty environment."""
    needs("git", "node", "npm", "java", "mvn")
    folder = tmp_path_factory.mktemp("release") / "dist"
    made = run(
        "make", "-s", "-C", ROOT, "release", f"DIST={folder}",
        env={"SOURCE_DATE_EPOCH": str(EPOCH), "MAKEFLAGS": ""}, seconds=BUILD_SECONDS,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_all_that_is_handed_out_is_there_with_its_checksum(release: Path) -> None:
    assert {path.name for path in release.iterdir()} == HANDED_OUT
    sums = dict(reversed(line.split("  ")) for line in (release / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        name: hashlib.sha256((release / name).read_bytes()).hexdigest() for name in HANDED_OUT - {"SHA256SUMS"}
    }


def test_every_archive_has_the_licence(release: Path) -> None:
    for path in release.iterdir():
        if path.suffix in {".whl", ".jar"}:
            names = zipfile.ZipFile(path).namelist()
        elif path.suffix in {".gz", ".tgz"}:
            with tarfile.open(path) as archive:
                names = archive.getnames()
        else:
            continue
        assert [name for name in names if name.endswith("/LICENSE")], path.name
        assert not [name for name in names if re.search(r"(^|/)tests?/|\.db$|keys\.toml$|node_modules", name)], (
            path.name
        )


def test_an_sdist_is_of_the_age_that_was_asked_for_and_of_nobody(release: Path) -> None:
    """So the same bytes come of the same commit, whoever builds it."""
    for name in PYTHON:
        with tarfile.open(release / f"{name}-{VERSION}.tar.gz") as archive:
            members = archive.getmembers()
        assert [member.name for member in members] == sorted(member.name for member in members)
        assert {(member.mtime, member.uid, member.uname) for member in members} == {(EPOCH, 0, "")}


def test_the_server_s_wheel_and_sdist_have_the_page_compressed_and_with_its_licences(release: Path) -> None:
    """So that its installation needs no node; that it is served was proved where the wheels were installed."""
    wheel = zipfile.ZipFile(release / f"telwerkd-{VERSION}-py3-none-any.whl").namelist()
    with tarfile.open(release / f"telwerkd-{VERSION}.tar.gz") as archive:
        sdist = [name.partition("/service/")[2] for name in archive.getnames()]
    for names in (wheel, sdist):
        page = [name.removeprefix("telwerkd/page/") for name in names if name.startswith("telwerkd/page/")]
        assert {"index.html", "index.html.br", "index.html.gz", "licences.txt"} <= set(page)
        for ending in ("js", "css"):
            [name] = [name for name in page if name.endswith(f".{ending}")]
            assert re.fullmatch(rf"assets/\w+-\w{{8}}\.{ending}", name)
            assert {f"{name}.br", f"{name}.gz"} <= set(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bill_of_materials_lists_what_is_depended_on_and_nothing_of_the_machine(release: Path, language: str) -> None:
    text = (release / f"telwerk-{VERSION}-{language}.cdx.json").read_text(encoding="utf-8")
    bill = json.loads(text)
    assert bill["bomFormat"] == "CycloneDX"
    assert "file:/" not in text
    assert str(ROOT) not in text
    listed = {component["name"].lower().replace("_", "-") for component in bill["components"]}
    assert wanted(language) <= listed
    assert all(component.get("version") for component in bill["components"])
    assert not listed & {"typescript", "esbuild", "pytest", "ruff", "junit"}


def wanted(language: str) -> set[str]:
    if language in {"typescript", "page"}:
        package = json.loads((ROOT / "clients" / language / "package.json").read_text(encoding="utf-8"))
        return set(package["dependencies"])
    if language == "java":
        return {"grpc-protobuf", "grpc-stub", "grpc-netty-shaded", "protobuf-java", "gson"}
    projects = [tomllib.loads((ROOT / place / "pyproject.toml").read_text())["project"] for place in PYTHON.values()]
    return {re.split(r"[<>=\[]", one)[0].lower() for project in projects for one in project["dependencies"]} - {
        "telwerkd"
    }
