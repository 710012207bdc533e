"""What tests of settings share."""

import os

import pytest


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("TELWERK"):
            monkeypatch.delenv(name)
