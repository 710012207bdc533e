"""The README's example is run as it stands."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ServerProcess

README = Path(__file__).parents[2] / "README.md"
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
