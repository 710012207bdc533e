"""What the images of the server and of the bridge are built from is pinned, whole and told."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
DOCKERFILES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "clients/bridges/Dockerfile")}
LOCKS = ["deploy/image.lock", "deploy/bridge.lock", "deploy/image-build.lock"]
PROJECTS = {
    "deploy/image.lock": ["pyproject.toml", "clients/python/pyproject.toml"],
    "deploy/bridge.lock": ["clients/python/pyproject.toml", "clients/bridges/pyproject.toml"],
}
EXTRAS = ("serve", "import", "otlp", "jwt")
"""Of the bridge and of the server, which their images have."""


def locked(file: str) -> dict[str, str]:
    pinned = re.findall(r"^([a-z0-9-]+)==([^ ]+) \\$", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return dict(pinned)


def needed() -> list[tuple[str, Requirement]]:
    """What is installed into an image, by the file that locks it."""
    found = []
    for lock, files in PROJECTS.items():
        projects = [tomllib.loads((ROOT / file).read_text(encoding="utf-8"))["project"] for file in files]
        ours = {project["name"] for project in projects}
        texts = [text for project in projects for text in project["dependencies"]]
        extras = [project.get("optional-dependencies", {}) for project in projects]
        texts += [text for of_project in extras for extra in EXTRAS for text in of_project.get(extra, ())]
        found += [(lock, one) for one in map(Requirement, texts) if one.name not in ours]
    return found


@pytest.mark.parametrize(("lock", "requirement"), needed(), ids=str)
def test_what_an_image_needs_is_locked_at_a_version_that_it_allows(lock, requirement):
    """`make image-lock` was run after the last change of a dependency."""
    assert requirement.specifier.contains(locked(lock)[requirement.name])


@pytest.mark.parametrize("file", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"^(?=[a-z])", text.partition("\n")[2].partition("\n")[2], flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(file)) > 0
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("dockerfile", DOCKERFILES.values(), ids=DOCKERFILES)
def test_nothing_is_installed_but_what_is_locked(dockerfile):
    """Each installation is by hashes, or reaches no index."""
    commands = dockerfile.replace("\\\n", " ")
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) [^&\n]*", commands)
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-deps" in install, install


@pytest.mark.parametrize("dockerfile", DOCKERFILES.values(), ids=DOCKERFILES)
def test_the_base_is_named_by_its_exact_version_and_is_the_same(dockerfile):
    [base] = re.findall(r"^ARG BASE=(\S+)$", dockerfile, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", dockerfile, re.MULTILINE)
    assert {name for name, stage in stages if stage != "page"} == {"${BASE}"}
    assert f"ARG BASE={base}\n" in DOCKERFILES["Dockerfile"]


def test_the_image_of_the_server_has_its_page_and_no_node():
    """Built in a stage of its own, by the lock; what it reads is in the context, and nothing that was built before."""
    dockerfile, ignored = DOCKERFILES["Dockerfile"], (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    [node] = re.findall(r"^ARG NODE=(\S+)$", dockerfile, re.MULTILINE)
    assert re.fullmatch(r"node:\d+\.\d+\.\d+-[a-z]+-slim(@sha256:[0-9a-f]{64})?", node)
    assert re.findall(r"^FROM (\S+) AS page$", dockerfile, re.MULTILINE) == ["${NODE}"]
    assert re.findall(r"npm .*? (?:ci|install)\b.*", dockerfile) == [
        "npm --prefix clients/page ci --ignore-scripts --no-audit --no-fund --loglevel=error"
    ]
    assert "\nCOPY --from=page /src/service/telwerkd/page service/telwerkd/page\n" in dockerfile
    assert {"!clients/page", "!clients/typescript/src/gen", "**/node_modules"} <= set(ignored)
    assert ignored.index("service/telwerkd/page") > ignored.index("!service")


@pytest.mark.parametrize(("name", "project"), [("Dockerfile", "."), ("clients/bridges/Dockerfile", "clients/bridges")])
def test_an_image_tells_its_version_and_its_licence_and_runs_as_nobody(name, project):
    version = tomllib.loads((ROOT / project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    dockerfile = DOCKERFILES[name]
    assert f"ARG VERSION={version}\n" in dockerfile
    assert 'org.opencontainers.image.version="${VERSION}"' in dockerfile
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in dockerfile
    assert "COPY LICENSE " in dockerfile
    assert "\nUSER 65532:65532\n" in dockerfile
    assert re.findall(r"^HEALTHCHECK --interval=(\d+)s ", dockerfile, re.MULTILINE) == ["30"], "a check costs CPU"


def test_what_the_images_copy_is_in_the_context():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {"!LICENSE", "!deploy/*.lock", "!clients/python", "!clients/bridges", "!service"} <= set(ignored)


def test_the_composition_is_of_these_images():
    """The variables of its bridge are those that the bridge reads."""
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert services["telwerkd"]["build"] == ".."
    assert services["bridge"]["build"]["dockerfile"] in DOCKERFILES
    readme = (ROOT / "clients" / "bridges" / "README.md").read_text(encoding="utf-8")
    assert services["bridge"]["environment"]
    for variable in services["bridge"]["environment"]:
        assert f"`{variable}`" in readme
    assert all(services[name]["read_only"] for name in ("telwerkd", "bridge", "prometheus", "grafana"))
