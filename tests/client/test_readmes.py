"""The examples of the READMEs are run as they stand."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from telwerk import Telwerk, events
from tests.conftest import ServerProcess

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC) - timedelta(hours=1)
GIVEN = {"key": None, "chats": [events.rated("chat-1", widget="web", at=NOW, stars=5)]}


@pytest.mark.parametrize("page", ["README.md", "clients/python/README.md"])
def test_an_example_sends_what_is_stored_then(server: ServerProcess, page: str) -> None:
    found = re.search(r"```py\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found
    code = re.sub(r"with Telwerk\([^)]*\)", f"with Telwerk({server.address!r})", found[1])
    exec(code, dict(GIVEN))  # noqa: S102 - our own
    with Telwerk(server.address) as client:
        # Nobody was assigned, so that it is left out, with the reason.
        explained = client.explain("acme", "satisfaction_score", start=NOW.date(), end=date(2100, 1, 1))
        assert [one.conversation_id for one in explained] == ["chat-1"]
