"""Chromium as the machine has it, driven by Playwright, which fetches no browser of its own here."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
"""What Debian, others and Google call it."""

_FLAGS: Final = (
    "--no-sandbox",  # which needs another user than root, whom tests may run as
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
"""It reaches this machine and nothing else."""


def executable() -> str | None:
    """The browser on the PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """The browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()
