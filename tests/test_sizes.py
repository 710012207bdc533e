"""Files and functions that one reads at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE_LINES_MAX = 350
BODY_LINES_MAX = 45

GENERATED = "_pb2.py", "_pb2_grpc.py", "_pb2.pyi"

EXEMPT = {
    "service/telwerkd/storage/schema/migrations/versions/0001_first.py": "what a migration did is never changed",
}
"""Files whose functions may be longer, with the reason."""


def sources() -> Iterator[tuple[str, str]]:
    """Path and text of each module of the service and of the clients."""
    for folder in ("service", "clients"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts and not path.name.endswith(GENERATED):
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def long_functions(text: str) -> list[str]:
    """The functions with too long a body; its signature is left out, as a command's is the list of its options."""
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [of.name for of in functions if (of.end_lineno or 0) - of.body[0].lineno + 1 > BODY_LINES_MAX]


def test_no_file_is_longer_than_350_lines() -> None:
    lines = {path: len(text.splitlines()) for path, text in sources()}
    assert len(lines) > 300, "the files were not found"
    assert {path: length for path, length in lines.items() if length > FILE_LINES_MAX} == {}


def test_no_functions_body_is_longer_than_45_lines() -> None:
    found = {path: names for path, text in sources() if (names := long_functions(text))}
    assert found.keys() == EXEMPT.keys(), found


def test_a_longer_function_is_found() -> None:
    """However deep it is; nothing that is only long in its signature."""
    body = "\n".join(["        pass"] * (BODY_LINES_MAX + 1))
    assert long_functions(f"class A:\n    async def f(self):\n{body}") == ["f"]
    options = "\n".join(f"    a{n}," for n in range(BODY_LINES_MAX + 1))
    assert long_functions(f"def f(\n{options}\n):\n    pass") == []
