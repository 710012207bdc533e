"""The page over TLS, behind keys: the port has one certificate for gRPC and HTTP, and browsers take both."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import trustme
from playwright.sync_api import Browser

from telwerk import Telwerk, events
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import Role
from tests.page.browser import Reader, drawn, wait_until
from tests.page.served import Served, page_server

ACCOUNT: Final = "acme"


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Who the server's certificate is from."""
    path = tmp_path / "ca.pem"
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(path))
    certificate = ca.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    (tmp_path / "key.pem").chmod(0o600)
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return path


@pytest.fixture
def key(tmp_path: Path) -> str:
    """It reads and writes."""
    return keys_file.create(tmp_path / "keys.toml", [ACCOUNT], [Role.QUERY, Role.INGEST], "both")


@pytest.fixture
def secured(tmp_path: Path, built_page: None, authority: Path, key: str) -> Iterator[Served]:  # noqa: ARG001  # come before
    """A server with both."""
    files = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with page_server(tmp_path, *files, "--keys-file", str(tmp_path / "keys.toml")) as running:
        yield running


def test_the_page_is_read_and_moves_over_tls(browser: Browser, secured: Served, authority: Path, key: str) -> None:
    """Its address says so; nothing on it asks for anything in plain text."""
    assert secured.url.startswith("https://")
    reader = Reader(browser, secured.url)
    asked = {"account": ACCOUNT, "period": "today", "live": 1}
    page = drawn(reader.open(asked, key=key, ignore_https_errors=True))
    wait_until(lambda: "Live: the numbers move" in page.inner_text(".live"), "the watch is open", page)
    with Telwerk(secured.address, api_key=key, tls=authority) as telwerk:
        begun = events.message_sent("c", widget="web", at=datetime.now(UTC), sender="contact")
        assert not telwerk.ingest(ACCOUNT, [begun]).rejections
    started = page.locator("[data-metric=conversations_started] .number")
    wait_until(lambda: started.inner_text() == "1", "the number moves", page)
    reader.close()
    assert reader.faults == []
