"""docs/rules.md is held to the tests and the code: each rule to what proves it, each citation to a rule."""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "rules.md"
RULE = re.compile(r"\bR-[A-Z]+[0-9]*-[0-9]+\b")
ROW = re.compile(r"^\| (R-\S+) \| .* \| (`tests/[^|]*`) \|$", re.MULTILINE)
OF_THE_RULES = (
    "tests/domain/conversation/test_fold.py",
    "tests/domain/conversation/test_part_two.py",
    "tests/domain/conversation/test_response_timer.py",
    "tests/domain/conversation/test_retractions.py",
    "tests/domain/catalogue/test_service_times.py",
)
CITING = [
    *(ROOT / folder for folder in ("service", "tests", "benchmarks", "clients/python", "clients/bridges", "protos")),
    *(ROOT / "docs", ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"),
]
"""Where rules may be cited."""


def proofs() -> dict[str, list[str]]:
    """The ids of the tests that prove each rule, row by row."""
    return {rule: re.findall(r"`([^`]+)`", tests) for rule, tests in ROW.findall(PAGE.read_text(encoding="utf-8"))}


@cache
def docstrings(path: str) -> dict[str, str]:
    """What each test of a file says that it proves."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {one.name: ast.get_docstring(one) or "" for one in functions if one.name.startswith("test_")}


def cited(path: Path) -> dict[str, set[str]]:
    """The rules that the files of a folder cite, by file."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix in {".py", ".md", ".proto"}]
    return {str(file.relative_to(ROOT)): set(RULE.findall(file.read_text(encoding="utf-8"))) for file in files}


def test_every_rule_has_a_row_of_its_own_and_the_rows_of_a_subject_are_numbered_upwards():
    found = RULE.findall("\n".join(re.findall(r"^\| (R-\S+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)))
    assert [rule for rule, times in Counter(found).items() if times > 1] == []
    assert list(proofs()) == found, "a row without a test, or of another form"
    numbers: dict[str, list[int]] = {}
    for rule in found:
        subject, _, number = rule.rpartition("-")
        numbers.setdefault(subject, []).append(int(number))
    assert {subject: of for subject, of in numbers.items() if of != sorted(of)} == {}


@pytest.mark.parametrize("rule", proofs())
def test_a_rule_is_cited_by_each_test_that_proves_it(rule: str):
    for test in proofs()[rule]:
        path, _, name = test.partition("::")
        said = docstrings(path).get(name)
        assert said is not None, f"{test} is not there"
        assert rule in RULE.findall(said), f"the docstring of {test} does not cite {rule}"


def test_every_test_that_proves_a_rule_is_collected():
    """By the same configuration as `make test`: what is not run proves nothing."""
    tests = sorted({test for tests in proofs().values() for test in tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr
    collected = {line.partition("[")[0] for line in done.stdout.splitlines() if line.startswith("tests/")}
    assert collected == set(tests)


def test_every_citation_is_of_a_rule_of_the_page():
    rules = set(proofs())
    wrong = {file: ids - rules for place in CITING for file, ids in cited(place).items() if ids - rules}
    assert wrong == {}


def test_every_rule_is_cited_where_it_is_implemented():
    """So that a search for it finds the code, not the proof alone."""
    in_code = set().union(*cited(ROOT / "service").values())
    assert sorted(set(proofs()) - in_code) == []


@pytest.mark.parametrize("path", OF_THE_RULES)
def test_every_test_of_the_rules_cites_one(path: str):
    assert [test for test, said in docstrings(path).items() if not RULE.search(said)] == []
