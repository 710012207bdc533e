"""The page's modules that draw nothing: days, periods, addresses, numbers, scales, and what is handed out."""

import subprocess

from tests.page.browser import ROOT
from tests.tools.conftest import needs


def test_they_are_as_their_own_tests_say(built_page: None) -> None:  # noqa: ARG001  # has installed what they need
    """By node's runner, in clients/page/test."""
    needs("node", "npm")
    ran = subprocess.run(
        ["npm", "run", "--silent", "test"], cwd=ROOT / "clients" / "page", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
