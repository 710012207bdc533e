"""The documents are held to the code: what can be compared is compared."""

import json
import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.metrics.catalogue import CATALOGUE as METRICS
from telwerkd.server.settings.settings import Settings
from telwerkd.storage.schema.tables import metadata

ROOT = Path(__file__).parents[1]
DOCS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "clients" / "python" / "README.md",
    ROOT / "clients" / "bridges" / "README.md",
    *sorted((ROOT / "clients" / "bridges" / "docs").glob("*.md")),
]
DECISIONS = ROOT / "docs" / "decisions"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
README = ROOT / "README.md"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def toml(path: str) -> dict[str, Any]:
    return tomllib.loads(read(ROOT / path))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {heading!r}"
    return found[1]


def first_cells(markdown: str) -> list[str]:
    """The code that opens each row of the tables."""
    return re.findall(r"^\| `([^`]+)`", markdown, re.MULTILINE)


def prose(markdown: str) -> str:
    """The text without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def links(markdown: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(markdown))


@pytest.mark.parametrize("page", DOCS, ids=named)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there(page: Path):
    for link in links(read(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert target.exists(), f"{link} leads nowhere"
        if heading:
            assert heading in anchors(read(target)), f"{link} names no heading"


def anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_setting_is_documented_with_its_default_and_its_description():
    table = section(read(README), "Configuration")
    rows = [
        f"| `{name}` | {shown(field.default)} | {field.description} |" for name, field in Settings.model_fields.items()
    ]
    assert [line for line in table.splitlines() if line.startswith("| `")] == rows


def shown(default: object) -> str:
    match default:
        case None:
            return "–"
        case bool():
            return f"`{str(default).lower()}`"
        case _:
            return f"`{default}`"


def test_every_setting_that_bounds_something_is_in_the_tables_of_bounds():
    """Its name ends in `_max`, and a row says what it bounds and what becomes of what is beyond it."""
    bounds = {name for name in Settings.model_fields if name.endswith("_max")}
    rows = re.findall(r"^\| .*", section(read(ROOT / "docs" / "security.md"), "Bounds"), re.MULTILINE)
    said = {name for row in rows for name in re.findall(r"`(\w+)`", row.strip("| ").split(" | ")[1])}
    assert bounds - said == set()


def test_the_table_of_metrics_is_the_catalogue():
    """In its order: name, type, labels and meaning; and what to do is said of each."""
    rows = [
        line.strip("| ").split(" | ")
        for line in section(read(ROOT / "docs" / "metrics.md"), "The table").splitlines()
        if line.startswith("| `")
    ]
    assert [(*row[:3], row[4]) for row in rows] == [
        (f"`{of.name}`", of.kind.value, ", ".join(f"`{label}`" for label in of.labels) or "–", of.text)
        for of in METRICS.values()
    ]
    assert all(len(row) == 6 and row[3] and row[5] for row in rows)


def test_the_table_of_kpis_is_the_catalogue():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section(read(README), "What it counts"), re.MULTILINE)
    assert rows == [(str(int(kpi)), info.id) for kpi, info in CATALOGUE.items()]


NUMBER_WORDS = {"twenty": 20, "twenty-one": 21, "twenty-two": 22, "twenty-three": 23, "twenty-four": 24}


@pytest.mark.parametrize(
    ("path", "how_many"),
    [
        ("README.md", r"keeps ([\w-]+)\s+exact"),
        ("protos/telwerk/v1/kpi_service.proto", r"of the rules, KPI 1 to (\d+)\."),
        ("clients/python/telwerk/operations.py", r"The catalogue, KPI 1 to (\d+),"),
    ],
)
def test_who_says_how_many_kpis_there_are_says_it_as_the_catalogue(path: str, how_many: str):
    said = re.search(how_many, read(ROOT / path))
    assert said, f"{path} says it no more"
    assert NUMBER_WORDS.get(said[1], said[1]) in {len(CATALOGUE), str(len(CATALOGUE))}


def test_every_decision_is_listed_in_the_index_in_order():
    pages = [path.name for path in sorted(DECISIONS.glob("[0-9]*.md"))]
    assert links(read(DECISIONS / "README.md")) == pages


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("[0-9]*.md")), ids=named)
def test_a_decision_has_its_number_a_status_and_the_usual_parts(page: Path):
    text = read(page)
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert re.search(r"^\*\*Status:\*\* (accepted|replaced by \[\d+\]\(\S+\))$", text, re.MULTILINE)
    for part in ("Context", "Decision", "Consequences"):
        assert section(text, part).strip()


def test_the_diagram_of_the_ladder_is_the_contract_that_the_imports_are_held_to():
    """A rung to a line, from top to bottom, and rungs side by side where the contract has them so."""
    diagram = re.search(r"```text\n(.*?)```", section(read(ARCHITECTURE), "The ladder"), re.DOTALL)
    assert diagram
    lines = [set(re.findall(r"\btelwerkd\.\w+", line)) for line in diagram[1].splitlines()]
    [ladder] = [c for c in toml("pyproject.toml")["tool"]["importlinter"]["contracts"] if c["name"] == "The ladder"]
    rungs = [{f"telwerkd.{name}" for name in layer.split(" | ")} for layer in ladder["layers"]]
    assert [named for named in lines if named] == rungs


def test_the_architecture_names_files_that_are_there():
    text = read(ARCHITECTURE)
    files = re.findall(r"`((?:service|clients|tests)/[\w/.]+)`", text)
    files += [
        f"service/telwerkd/{path}" for path in re.findall(r"`((?:transport|application|storage|domain)/[\w/.]+)`", text)
    ]
    assert files
    assert [path for path in files if not (ROOT / path).exists()] == []


def test_the_architecture_describes_every_table():
    assert sorted(first_cells(section(read(ARCHITECTURE), "The data"))) == sorted(metadata.tables)


def test_every_dependency_is_listed_with_its_reason():
    server, client = toml("pyproject.toml"), toml("clients/python/pyproject.toml")
    bridges = toml("clients/bridges/pyproject.toml")["project"]
    text = read(ROOT / "docs" / "dependencies.md")
    for heading, wanted in {
        "The client": [*client["project"]["dependencies"], *client["project"]["optional-dependencies"]["cli"]],
        "The bridges": [*bridges["dependencies"], *chain(*bridges["optional-dependencies"].values())],
        "The server": [
            *server["project"]["dependencies"],
            *chain(*server["project"]["optional-dependencies"].values()),
        ],
        "Tests": server["dependency-groups"]["test"],
        "Checks": server["dependency-groups"]["check"],
        "The page's tests": server["dependency-groups"]["page"],
        "Release": server["dependency-groups"]["release"],
        "Benchmarks": server["dependency-groups"]["bench"],
        "Stubs": server["dependency-groups"]["stubs"],
    }.items():
        rows = [line for line in section(text, heading).splitlines() if line.startswith("| `")]
        listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
        assert listed == {re.split(r"[<>=\[ ]", one)[0] for one in wanted if isinstance(one, str)}, heading


def npm_packages(folder: str = "typescript") -> set[str]:
    package = json.loads(read(ROOT / "clients" / folder / "package.json"))
    return {*package["dependencies"], *package["devDependencies"]}


def packages_of_the_page() -> set[str]:
    return npm_packages("page")


def go_modules() -> set[str]:
    direct = re.findall(r"^\t(\S+) v\S+$", read(ROOT / "clients" / "go" / "go.mod"), re.MULTILINE)
    return set(direct)


def java_artefacts() -> set[str]:
    pom = read(ROOT / "clients" / "java" / "pom.xml")
    declared = pom.partition("<dependencies>")[2].partition("</dependencies>")[0]
    found = re.findall(r"<groupId>(.*?)</groupId>\s*<artifactId>(.*?)</artifactId>", declared)
    return {":".join(names) for names in found}


def go_tools() -> set[str]:
    files = [read(ROOT / "tests" / "tools" / path) for path in ("go.mod", "kubernetes/go.mod")]
    tools = [re.findall(r"^tool \((.*?)^\)", text, re.MULTILINE | re.DOTALL) for text in files]
    direct = re.findall(r"^\t(\S+) v\S+$", "".join(files), re.MULTILINE)
    return {*direct, *(tool for [found] in tools for tool in found.split())}


@pytest.mark.parametrize(
    ("heading", "wanted"),
    [
        ("The page", packages_of_the_page),
        ("TypeScript", npm_packages),
        ("Go", go_modules),
        ("Java", java_artefacts),
        ("Tools", go_tools),
    ],
)
def test_every_dependency_of_other_languages_is_listed_with_its_reason(heading, wanted):
    """Those of their own; what these bring along is not told."""
    part = section(read(ROOT / "docs" / "dependencies.md"), heading)
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])} == wanted()
    assert wanted()


LOCK_FILES = [
    *sorted(ROOT.glob("clients/*/package*.json")),
    *sorted(ROOT.glob("clients/*/.npmrc")),
    ROOT / "clients" / "java" / "pom.xml",
    *sorted(ROOT.glob("*/*/go.*")),
]


@pytest.mark.parametrize("path", LOCK_FILES, ids=named)
def test_no_file_of_versions_says_where_packages_are_downloaded(path):
    """That is each machine's own business."""
    assert not re.search(r"registry\.|repo\d*\.maven|proxy\.golang|\"resolved\"|<repositor|\.tgz", read(path))


def test_every_make_target_that_is_mentioned_exists():
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    mentioned = {
        (page.name, target)
        for page in (README, ROOT / "CONTRIBUTING.md")
        for target in re.findall(r"^make ([a-z-]+)", read(page), re.MULTILINE)
    }
    assert {(page, target) for page, target in mentioned if target not in targets} == set()
    assert {("README.md", target) for target in ("demo", "test", "serve")} <= mentioned
