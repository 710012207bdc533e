"""What the image is built from is pinned, whole and told."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCKS = ["deploy/image.lock", "deploy/image-build.lock"]
PROJECTS = ["pyproject.toml", "clients/python/pyproject.toml"]


def locked(file: str) -> dict[str, str]:
    pinned = re.findall(r"^([a-z0-9-]+)==([^ ]+) \\$", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return dict(pinned)


def needed() -> list[Requirement]:
    projects = [tomllib.loads((ROOT / file).read_text(encoding="utf-8"))["project"] for file in PROJECTS]
    ours = {project["name"] for project in projects}
    found = [Requirement(text) for project in projects for text in project["dependencies"]]
    return [requirement for requirement in found if requirement.name not in ours]


@pytest.mark.parametrize("requirement", needed(), ids=str)
def test_what_the_server_needs_is_locked_at_a_version_that_it_allows(requirement):
    """`make image-lock` was run after the last change of a dependency."""
    assert requirement.specifier.contains(locked(LOCKS[0])[requirement.name])


@pytest.mark.parametrize("file", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"^(?=[a-z])", text.partition("\n")[2].partition("\n")[2], flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(file)) > 0
    assert all("--hash=sha256:" in entry for entry in entries)


def test_nothing_is_installed_but_what_is_locked():
    """Each installation is by hashes, or reaches no index."""
    commands = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) [^&\n]*", commands)
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-deps" in install, install


def test_the_base_is_named_by_its_exact_version():
    [base] = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE}"}


def test_the_image_tells_its_version_and_its_licence():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    assert 'org.opencontainers.image.version="${VERSION}"' in DOCKERFILE
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in DOCKERFILE
    assert "COPY LICENSE " in DOCKERFILE
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {"!LICENSE", "!deploy/*.lock"} <= set(ignored)
