"""What is handed out of a version, made into one folder and proved without the checkout: `make release`.

Wheels and sdists of server (with its page), client and bridges, the npm tarball, the jar, a CycloneDX bill of materials
for each language and for the page, and checksums of all of them. It is built from a copy of the files that git knows,
so that nothing else gets in, and twice the same bytes come of the same commit. Then the wheels are installed into an
empty environment, where the commands, the page and the demonstration have to run.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote
from urllib.request import ProxyHandler, build_opener

ROOT: Final = Path(__file__).resolve().parents[1]
PROJECTS: Final = {"telwerk": "clients/python", "telwerkd": ".", "telwerk_bridges": "clients/bridges"}
"""The Python packages, by how their files are named, and where they are."""

EXTRAS: Final = {"telwerk": "[cli]", "telwerkd": "", "telwerk_bridges": "[serve,import]"}
"""With these each of their commands works."""

PAGE: Final = "clients/page"
"""The wheel of the server has what is built of it."""

COMMANDS: Final = ("telwerk", "telwerkd", "telwerk-bridge")
SBOM_OF_JAVA: Final = "org.cyclonedx:cyclonedx-maven-plugin:2.9.1:makeBom"
SUMS: Final = "SHA256SUMS"


class ReleaseError(Exception):
    """Something of the release cannot be made, or does not do what it should."""


def main() -> None:
    """Makes and proves the release of the checkout."""
    parser = argparse.ArgumentParser(description="Make what is handed out of a version, and prove it.")
    parser.add_argument("folder", type=Path, help="where to; what is in it is removed")
    folder = parser.parse_args().folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct"))
    try:
        with tempfile.TemporaryDirectory(prefix="telwerk-release-") as name:
            made(Path(name), folder, version, epoch)
    except ReleaseError as error:
        sys.exit(f"release: {error}")
    print(f"Telwerk {version}: {len(list(folder.iterdir()))} files in {folder}")


def made(scratch: Path, folder: Path, version: str, epoch: int) -> None:
    """Fills the folder with the release; scratch is an empty folder outside the checkout."""
    source, installed = scratch / "source", scratch / "installed"
    copied(source, epoch)
    run("npm", "run", "--silent", "build", folder=source / PAGE)
    for place in PROJECTS.values():
        run(tool("uv"), "build", "--quiet", "--out-dir", str(folder), folder=source / place, epoch=epoch)
    (folder / ".gitignore").unlink(missing_ok=True)  # which uv leaves
    for sdist in folder.glob("*.tar.gz"):
        repacked(sdist, epoch)
    run("npm", "pack", "--silent", "--pack-destination", str(folder), folder=source / "clients/typescript")
    java = source / "clients/java"
    bill = "-DoutputFormat=json", "-DincludeTestScope=false"
    run("mvn", "-q", "-B", "-DskipTests", *bill, "package", SBOM_OF_JAVA, folder=java)
    shutil.copy(java / "target" / f"telwerk-client-{version}.jar", folder)
    proved(folder, source, installed, version)
    listed(folder, source, installed, version, epoch)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    text = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
    (folder / SUMS).write_text(text, encoding="utf-8")


def copied(source: Path, epoch: int) -> None:
    """The files that git knows, as they are in the checkout now, all of the same age."""
    for name in run("git", "ls-files", "-z").split("\0"):
        if name and (ROOT / name).exists():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target, follow_symlinks=False)
            os.utime(target, (epoch, epoch), follow_symlinks=False)
    # What the builds need was installed from the locks. The page's names of files come of the paths of all that is in
    # them, which a link would make those of this checkout.
    (source / "clients/typescript/node_modules").symlink_to(ROOT / "clients/typescript/node_modules")
    checkers = shutil.ignore_patterns("typescript", "@typescript", "@biomejs", "axe-core")
    shutil.copytree(ROOT / PAGE / "node_modules", source / PAGE / "node_modules", symlinks=True, ignore=checkers)


def repacked(sdist: Path, epoch: int) -> None:
    """The same files in one order, of one age and of nobody, so that the same bytes come of them."""
    packed = io.BytesIO()
    with tarfile.open(sdist) as before, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as after:
        for member in sorted(before.getmembers(), key=lambda one: one.name):
            content = before.extractfile(member) if member.isfile() else None
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode, member.pax_headers = 0o755 if member.isdir() or member.mode & 0o100 else 0o644, {}
            after.addfile(member, content)
    sdist.write_bytes(gzip.compress(packed.getvalue(), mtime=epoch))


def proved(folder: Path, source: Path, installed: Path, version: str) -> None:
    """Installs the wheels into an empty environment, and runs the commands and the demonstration in it."""
    run(sys.executable, "-m", "venv", "--without-pip", str(installed), folder=folder)
    wheels = [f"{folder}/{name}-{version}-py3-none-any.whl{EXTRAS[name]}" for name in PROJECTS]
    run(sys.executable, "-m", "pip", "--python", str(python(installed)), "install", "--quiet", *wheels, folder=folder)
    for command in COMMANDS:
        said = run(str(installed / "bin" / command), "--version", folder=installed).strip()
        if said != f"{command} {version}":
            raise ReleaseError(f"{command} --version says {said!r}, not {version}")
    page_served(installed)
    demo = shutil.copytree(source / "clients/python/examples/demo", installed / "demo")
    run(str(python(installed)), "-I", str(demo), folder=installed)


def page_served(installed: Path) -> None:
    """The server of the wheels says where its page is, and a browser gets it there with all that it names."""
    serve = [str(installed / "bin" / "telwerkd"), "serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
    with subprocess.Popen(serve, cwd=installed, env=own_environment(), stdout=subprocess.PIPE, text=True) as server:
        try:
            [*_, last] = (server.stdout.readline() for _ in range(3)) if server.stdout is not None else [""]
            url = last.strip().rpartition(" ")[2]
            if not url.startswith("http"):
                raise ReleaseError(f"the installed server has no page: it says {last!r}")
            direct = build_opener(ProxyHandler({}))
            with direct.open(url) as answer:
                names = re.findall(r'(?:src|href)="/?(assets/[^"]+)"', answer.read().decode())
            for name in names:
                direct.open(url + name).close()
            if len(names) < len(("script", "style")):
                raise ReleaseError(f"the page at / names only {names}")
        finally:
            server.terminate()


def listed(folder: Path, source: Path, installed: Path, version: str, epoch: int) -> None:
    """Writes the bills of materials: what an installation of each language's packages brings along."""
    outcome = "--output-reproducible", "--output-format", "JSON"
    project = "--pyproject", str(source / "pyproject.toml")
    npm = "npm", "sbom", "--sbom-format=cyclonedx", "--package-lock-only"
    bills = {
        "python": run(tool("cyclonedx-py"), "environment", *outcome, *project, str(python(installed))),
        "typescript": run(*npm, folder=source / "clients/typescript"),
        "page": run(*npm, folder=source / PAGE),
    }
    bills["java"] = (source / "clients/java/target/bom.json").read_text(encoding="utf-8")
    for language, text in bills.items():
        bill = json.loads(text.replace(f"{folder.as_uri()}/", ""))
        if bill.get("bomFormat") != "CycloneDX" or not bill.get("components"):
            raise ReleaseError(f"the bill of materials for {language} lists nothing")
        if language in {"typescript", "page"}:
            of_users(bill)
        # A number drawn by chance and the time of the build are all that differs from one run to the next.
        bill.pop("serialNumber", None)
        bill["metadata"]["timestamp"] = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = f"telwerk-{version}-{language}.cdx.json"
        (folder / name).write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def of_users(bill: dict[str, Any]) -> None:
    """Leaves away what only developers of an npm package install.

    npm's own way, `--omit=dev`, forgets a dependency of users that a tool of developers also has.
    """
    subject = bill["metadata"]["component"]
    # npm takes the folder's name for the package's.
    subject["name"] = unquote(subject["purl"].removeprefix("pkg:npm/").rpartition("@")[0])
    tool = {"name": "cdx:npm:package:development", "value": "true"}
    bill["components"] = [one for one in bill["components"] if tool not in one.get("properties", ())]
    kept = {subject["bom-ref"], *(one["bom-ref"] for one in bill["components"])}
    bill["dependencies"] = [
        {**one, "dependsOn": [ref for ref in one.get("dependsOn", ()) if ref in kept]}
        for one in bill["dependencies"]
        if one["ref"] in kept
    ]


def python(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def tool(name: str) -> str:
    """A command beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


def own_environment() -> dict[str, str]:
    """The variables of this session without its settings and search path."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TELWERK_", "PYTHON"))}


def run(*command: str, folder: Path = ROOT, epoch: int | None = None) -> str:
    """What a command prints; nothing of this session's settings or search path gets to it.

    Raises:
        ReleaseError: it fails, or is not there.
    """
    environment = own_environment() | ({} if epoch is None else {"SOURCE_DATE_EPOCH": str(epoch)})
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise ReleaseError(f"{command[0]} is not on the PATH") from None
    if done.returncode:
        raise ReleaseError(f"{' '.join(_shown(command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def _shown(command: Sequence[str]) -> Sequence[str]:
    return [Path(command[0]).name, *command[1:]]


if __name__ == "__main__":
    main()
