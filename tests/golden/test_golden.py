"""Nothing that a client can see has changed, to the byte, nor anything that is stored: the recorded replies still hold.

They were recorded from the real server; `make golden` records them anew once a change is meant. What has changed in
words is shown by `python -m tests.golden.record --texts FOLDER`, run before and after.
"""

import json
from typing import Any

import pytest

from telwerkd.domain.conversation.state import CURRENT_RULES
from tests.conftest import started
from tests.golden import stored
from tests.golden.questions import questions
from tests.golden.record import FILE, changed, digests, every_reply
from tests.golden.replies import SETTINGS, GoldenClock, answers, settled
from tests.golden.world import NOW


@pytest.fixture(scope="module")
def recorded() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))


def unchanged(before: dict[str, Any], after: dict[str, str]) -> None:
    """Fails with the names of what is not as recorded."""
    names = changed(before, after)
    assert not names, f"{len(names)} of {len(after)} are not as recorded: " + "; ".join(names[:30])


async def test_every_reply_and_every_stored_row_is_as_recorded(either, recorded):
    """Verdicts, answers, explanations, errors; and, from the same log, the same rows."""
    replies, tables = await every_reply(either)
    unchanged(recorded["replies"], digests(replies))
    unchanged(recorded["stored"], tables)


def test_the_replies_are_of_the_present_rules(recorded):
    """New rules are recorded knowingly, with all that they change."""
    assert recorded["rules"] == CURRENT_RULES


async def test_a_recorded_database_answers_as_recorded(databases, recorded):
    """What an earlier program stored is opened, and each fourth question about it is answered the same, to the byte."""
    with databases() as database:
        await stored.restore(database)
        uncached = {"rollup_cache_bytes_max": 0, "answer_cache_bytes_max": 0}
        async with started(database, clock=GoldenClock(NOW), **SETTINGS, **uncached) as server:
            await settled(server)
            found = digests(await answers(server, [*questions()][::4]))
    assert len(found) > 100
    unchanged({name: recorded["replies"].get(name) for name in found}, found)
