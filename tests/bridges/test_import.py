"""`telwerk-bridge import chatwoot`: Chatwoot's API or an export, the inbox of a bridge, a real server."""

import asyncio
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from telwerk import Telwerk
from telwerk_bridges.cli_import import import_chatwoot
from telwerk_bridges.config import ConfigurationError
from telwerk_bridges.progress import HistoryError
from tests.bridges.bridging import SECRET, bridge, command, deliver, environment_of, settled
from tests.bridges.days import ACTIONS, START, Happening, deliveries, story_of
from tests.bridges.history import TOKEN, Answer, Chatwoot, past, serving_chatwoot
from tests.conftest import ServerProcess, serving

DAY: dict[str, Any] = {"start": date(2026, 11, 2), "end": date(2026, 11, 3)}
ACCOUNTS = ("webhooks", "import", "webhooks-first", "import-first")


def some_stories(seed: int, count: int) -> list[list[Happening]]:
    """Without campaigns: of their messages the API does not tell that they are of one."""
    chance = random.Random(seed)  # noqa: S311 - to be repeatable
    stories = []
    for _ in range(count):
        actions = chance.choices([one for one in ACTIONS if one[0] != "campaign"], k=chance.randint(1, 12))
        stories.append(story_of(actions, [chance.randint(2_000, 600_000) for _ in actions]))
    return stories


def told(story: Sequence[Happening], number: int) -> list[dict[str, Any]]:
    """The deliveries, with that of the survey's own message, which the API shows too."""
    found = deliveries(story, number, [0] * len(story))
    surveys = [one for one in found if one["event"] == "message_updated"][:1]
    return found + [one | {"event": "message_created", "content_attributes": {}} for one in surveys]


def is_unanswered(story: Sequence[Happening]) -> bool:
    """Whether an end comes before any reply."""
    replies = [one.at for one in story if one.what == "agent"]
    ends = [one.at for one in story if one.what == "status" and one.value == "resolved"]
    return any(all(reply > end for reply in replies) for end in ends)


def settings_of(chatwoot: Chatwoot, **changes: str) -> dict[str, str]:
    api = {"URL": chatwoot.url, "ACCOUNT": "1", "API_TOKEN": TOKEN}
    return {f"TELWERK_BRIDGE_CHATWOOT_{name}": value for name, value in api.items()} | changes


def imported(
    chatwoot: Chatwoot, inbox: Path, address: str, *arguments: str, **changes: str
) -> "subprocess.CompletedProcess[str]":
    settings = settings_of(chatwoot, **changes)
    return command("import", "chatwoot", *arguments, address=address, inbox=inbox, **settings)


def facts(address: str, account: str) -> dict[str, list[str]]:
    """Each fact of each KPI: its instant, whose it is, and its value."""
    found = {}
    with Telwerk(address) as client:
        for kpi in client.kpis():
            explained = [fact for one in client.explain(account, kpi.kpi_id, **DAY) for fact in one.counted]
            # The id of what was told anew says how often.
            texts = [re.sub(r'event_id: "[^"]*"', "", str(fact)) for fact in explained]
            found[kpi.kpi_id] = sorted(" ".join(text.split()) for text in texts)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all, with an account for each test."""
    with serving(tmp_path_factory.mktemp("import") / "telwerk.db") as started:
        yield started


@pytest.fixture(scope="module")
def stories() -> list[list[Happening]]:
    return some_stories(2, 8)


@pytest.fixture
def chatwoot(stories: Sequence[Sequence[Happening]]) -> Iterator[Chatwoot]:
    with serving_chatwoot([past(story, number) for number, story in enumerate(stories, 1)]) as served:
        yield served


def test_a_bridge_and_an_import_of_the_same_days_count_each_thing_once_whichever_comes_first(
    server: ServerProcess, chatwoot: Chatwoot, stories: Sequence[Sequence[Happening]], tmp_path: Path
) -> None:
    """Beside the deliveries the import changes no fact; alone it counts as many unanswered ends."""
    bodies = [json.dumps(one).encode() for number, story in enumerate(stories, 1) for one in told(story, number)]
    random.Random(9).shuffle(bodies)  # noqa: S311 - to be repeatable
    sections = [
        f'[[chatwoot]]\nname = "{name}"\nprefix = ""\naccount = "{name}"\nsecrets = ["{SECRET}"]' for name in ACCOUNTS
    ]
    (tmp_path / "bridge.toml").write_text("\n".join(sections))
    inbox, settings = tmp_path / "bridge.db", {"TELWERK_BRIDGE_CONFIG": str(tmp_path / "bridge.toml")}
    settings["TELWERK_BRIDGE_CHATWOOT_SECRET"] = ""

    def run_import(name: str) -> None:
        done = imported(chatwoot, inbox, server.address, "--name", name, **settings)
        assert done.returncode == 0, done.stderr

    def run_webhooks(name: str) -> None:
        assert {deliver(started.url, body, path=f"/chatwoot/{name}")[0] for body in bodies} == {200}

    with bridge(server.address, inbox, **settings) as started:
        for name in ("import", "import-first"):
            run_import(name)
        for name in ("webhooks", "webhooks-first", "import-first"):
            run_webhooks(name)
        run_import("webhooks-first")
        settled(started.url)
    by_webhooks = facts(server.address, "webhooks")
    assert facts(server.address, "webhooks-first") == by_webhooks
    assert facts(server.address, "import-first") == by_webhooks
    # Not so an answer that was changed after another was assigned: it counts when the first was given.
    alone = facts(server.address, "import")
    assert alone["satisfaction_score"]
    assert len(alone["unanswered_ended_conversations"]) == len(by_webhooks["unanswered_ended_conversations"]) > 0


def test_an_import_goes_on_where_it_was_killed_and_waits_when_chatwoot_asks(
    server: ServerProcess, chatwoot: Chatwoot, stories: Sequence[Sequence[Happening]], tmp_path: Path
) -> None:
    """No conversation is read twice but the one that it was killed in; 429 and failures of Chatwoot are waited out."""
    inbox, stopped = tmp_path / "bridge.db", list[subprocess.Popen[bytes]]()
    asked_at = {3: (429, {"retry-after": "0"}, {}), 5: (429, {"retry-after": formatdate(0)}, {})}
    failing: dict[int, Answer] = {**asked_at, 7: (503, {"retry-after": "0"}, b"<html>")}

    def kill(_: str, number: int) -> Answer | None:
        if number in {11, 17} and stopped:
            stopped.pop().kill()
        return failing.get(number)

    chatwoot.before = kill
    settings = settings_of(chatwoot, TELWERK_ACCOUNT="killed")
    environment = environment_of(server.address, inbox, **settings)
    for _ in range(2):
        arguments = [sys.executable, "-m", "telwerk_bridges.cli", "import", "chatwoot"]
        stopped.append(subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL))
        assert stopped[0].wait(timeout=60) == -signal.SIGKILL
    done = imported(chatwoot, inbox, server.address, **settings)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^8 conversations with \d+ messages are read$", done.stdout, re.MULTILINE)
    assert re.search(
        r"^ +8  conversations: of their assignments only those at some instants", done.stdout, re.MULTILINE
    )
    read = [path for path in chatwoot.paths if path.endswith("/messages")]
    assert len(read) <= len(set(read)) + 4
    with Telwerk(server.address) as client:
        totals = client.totals("killed", "unanswered_ended_conversations", **DAY).totals
    assert totals[0].count == sum(is_unanswered(story) for story in stories) > 0
    # It is whole: the next one begins anew, and says nothing that is new.
    assert not list(tmp_path.glob("bridge.db.import-*"))
    again = imported(chatwoot, inbox, server.address, **settings)
    assert "\n0 events are new to this bridge" in again.stdout


def test_long_conversations_and_many_of_them_are_read_page_by_page(server: ServerProcess, tmp_path: Path) -> None:
    """Also one that is moved to a page that was read, for another was deleted meanwhile."""
    long = [Happening(START + 60_000 * minute, "contact") for minute in range(1, 46)]
    stories = [long, *([Happening(START + 1_000 * number, "bot")] for number in range(2, 31))]
    with serving_chatwoot([past(story, number) for number, story in enumerate(stories, 1)]) as served:

        def delete(path: str, _: int) -> None:
            if path.endswith("/conversations/25/messages"):
                served.pasts = [one for one in served.pasts if one["conversation"]["id"] != 2]

        served.before = delete
        done = imported(served, tmp_path / "bridge.db", server.address, TELWERK_ACCOUNT="long")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("30 conversations with 74 messages are read\n74 events are new")


def test_an_export_is_imported_line_by_line_and_what_cannot_be_read_is_named(
    server: ServerProcess, chatwoot: Chatwoot, tmp_path: Path
) -> None:
    """The events are those of the API. Nothing private is in the inbox."""
    export, inbox = tmp_path / "export.jsonl", tmp_path / "bridge.db"
    lines = [json.dumps(one).encode() for one in chatwoot.pasts]
    export.write_bytes(b"\n".join([*lines[:3], b"{", b"", b'{"conversation": {"id": "x"}}', *lines[3:]]))
    done = imported(chatwoot, inbox, server.address, "--file", str(export), TELWERK_ACCOUNT="export")
    assert done.returncode == 1
    assert f"the line at byte {sum(map(len, lines[:3])) + 3} cannot be read: Expecting" in done.stderr
    assert "cannot be read: id is not a whole number" in done.stderr
    assert "2 conversations could not be read, see above" in done.stdout
    assert chatwoot.paths == []
    by_api = imported(chatwoot, inbox, server.address, TELWERK_ACCOUNT="export")
    assert "\n0 events are new to this bridge" in by_api.stdout
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("bridge.db*"))
    assert b"chatwoot-1" in stored
    assert b"PRIVATE" not in stored


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {}, {}), "401 for /api/v1/accounts/1/csat_survey_responses: the token of an administrator is needed"),
        ((404, {}, {}), "404 for /api/v1/accounts/1/csat_survey_responses: is there such an account"),
        ((302, {"location": "/login"}, {}), "Chatwoot answers 302"),
        ((200, {}, b"<html>"), "no JSON: is this the address of a Chatwoot?"),
        ((200, {}, {"data": 1}), "shows something else than it documents: "),
        ((503, {"retry-after": "0"}, {}), "Chatwoot answers 503 (10 tries, TRIES_MAX): the same command goes on"),
    ],
)
def test_an_api_that_cannot_be_read_is_one_sentence(
    answer: Answer, said: str, chatwoot: Chatwoot, tmp_path: Path
) -> None:
    chatwoot.before = lambda *_: answer
    with pytest.raises(HistoryError) as raised:
        asyncio.run(
            import_chatwoot(environment_of("127.0.0.1:1", tmp_path / "i.db", **settings_of(chatwoot)), "", None)
        )
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"TELWERK_BRIDGE_CHATWOOT_URL": ""}, "TELWERK_BRIDGE_CHATWOOT_URL is not set"),
        ({"TELWERK_BRIDGE_CHATWOOT_URL": "chatwoot.example"}, "is no address of a Chatwoot"),
        ({"TELWERK_BRIDGE_CHATWOOT_URL": "https://[::1"}, "is no address of a Chatwoot"),
        ({"TELWERK_BRIDGE_CHATWOOT_API_TOKEN": "a\nb"}, "TELWERK_BRIDGE_CHATWOOT_API_TOKEN is no token"),
        ({"TELWERK_BRIDGE_CHATWOOT_ACCOUNT": "acme"}, "TELWERK_BRIDGE_CHATWOOT_ACCOUNT is not the number"),
        ({"TELWERK_BRIDGE_CHATWOOT_API_TOKEN": " "}, "TELWERK_BRIDGE_CHATWOOT_API_TOKEN is not set"),
        ({"TELWERK_ACCOUNT": ""}, "TELWERK_ACCOUNT is not set"),
    ],
)
def test_an_import_that_lacks_a_setting_names_it(changes: dict[str, str], said: str, tmp_path: Path) -> None:
    """It needs no secret: it receives nothing."""
    settings = settings_of(Chatwoot([])) | {"TELWERK_BRIDGE_CHATWOOT_URL": "http://127.0.0.1:1"}
    settings |= {"TELWERK_BRIDGE_CHATWOOT_SECRET": "", **changes}
    with pytest.raises((ConfigurationError, HistoryError), match=said):
        asyncio.run(import_chatwoot(environment_of("127.0.0.1:1", tmp_path / "i.db", **settings), "", None))


def test_an_import_that_is_refused_says_so_without_the_token_and_keeps_its_progress(
    chatwoot: Chatwoot, tmp_path: Path
) -> None:
    """Progress of a newer version is left alone."""
    inbox = tmp_path / "bridge.db"
    chatwoot.before = lambda path, _: (401, {}, {}) if "csat" not in path else None
    done = imported(chatwoot, inbox, "127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("telwerk-bridge: Chatwoot answers 401 for /api/v1/")
    assert TOKEN not in done.stderr
    [kept] = tmp_path.glob("bridge.db.import-*")
    assert b"PRIVATE" not in kept.read_bytes()
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM answers").fetchone()[0] > 0
        connection.execute("PRAGMA user_version = 99")
    done = imported(chatwoot, inbox, "127.0.0.1:1")
    assert done.returncode == 2
    assert "is of version 99" in done.stderr
