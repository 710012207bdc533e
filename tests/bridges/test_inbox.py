"""The durable inbox: what was answered with 200 is counted once, whatever happens to the bridge or to Telwerk."""

import json
import random
import signal
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack, closing
from datetime import date
from http.client import HTTPException
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from telwerk import Telwerk
from tests.bridges.bridging import FIXTURES, bridge, command, deliver, eventually_true, settled, text_of
from tests.conftest import free_address, serving
from tests.disks import FULLNESS, Fullness, disk
from tests.effort import examples

RANGE: dict[str, Any] = {"start": date(2026, 10, 1), "end": date(2026, 12, 1)}
KILLS = examples(5)
AT = 1_793_610_600
FUTURE = 4_000_000_000


def ended(number: int, at: int = AT) -> bytes:
    """A conversation that is resolved unanswered."""
    return json.dumps(
        {
            "event": "conversation_status_changed",
            "id": number,
            "inbox_id": 1,
            "channel": "Channel::WebWidget",
            "status": "resolved",
            "labels": [],
            "meta": {"assignee": None, "team": None},
            "updated_at": float(at),
            "changed_attributes": [{"status": {"previous_value": "open", "current_value": "resolved"}}],
        }
    ).encode()


def unanswered(address: str) -> int:
    with Telwerk(address) as client:
        return client.totals("acme", "unanswered_ended_conversations", **RANGE).totals[0].count


def test_neither_outage_nor_stop_nor_sigkill_loses_what_was_answered_or_counts_it_twice(tmp_path: Path) -> None:
    """100 deliveries while Telwerk is away, and the bridge is stopped; then one or both are killed, with deliveries and
    events on their way. What was not answered is sent again: nobody knows whether it was taken.
    """
    inbox, database, address = tmp_path / "bridge.db", tmp_path / "telwerk.db", free_address()
    chance = random.Random(11)  # noqa: S311 - to be repeatable
    with bridge(address, inbox) as started:
        assert [deliver(started.url, ended(number))[0] for number in range(1, 101)] == [200] * 100
        started.process.terminate()
        started.process.wait(timeout=30)
        assert "Traceback" not in started.log()
    delivered, unanswered_ones = 100, set[int]()
    with ExitStack() as stack:
        server = stack.enter_context(serving(database, "--listen", address))
        started = stack.enter_context(bridge(address, inbox))
        for kill in range(KILLS):
            # Each of them, and both; in an order by chance.
            victims = [started.process, server.process][kill % 3 : kill % 3 + 1] or [server.process, started.process]
            killer = Timer(chance.uniform(0, 0.15), kill_all, [victims])
            killer.start()
            while killer.is_alive() or delivered % 7:
                delivered += 1
                if not is_taken(started.url, delivered):
                    unanswered_ones.add(delivered)
            for victim in victims:
                victim.wait(timeout=30)
            if server.process in victims:
                server = stack.enter_context(serving(database, "--listen", address))
            if started.process in victims:
                started = stack.enter_context(bridge(address, inbox))
        assert all(is_taken(started.url, number) for number in unanswered_ones)
        settled(started.url)
        assert unanswered(address) == delivered
        # What it remembers survives too: the same deliveries mean nothing new.
        assert [deliver(started.url, ended(one))[1] for one in range(1, 4)] == [{"events": 0}] * 3


def kill_all(victims: Iterable["subprocess.Popen[str]"]) -> None:
    for one in victims:
        one.send_signal(signal.SIGKILL)


def is_taken(url: str, number: int) -> bool:
    """Whether the delivery was answered with 200; not where the bridge is gone."""
    try:
        return deliver(url, ended(number))[0] == 200
    except (OSError, HTTPException):
        return False


def test_what_telwerk_refuses_for_good_stays_for_a_look_and_blocks_nothing(tmp_path: Path) -> None:
    inbox = tmp_path / "bridge.db"
    with serving(tmp_path / "telwerk.db") as server, bridge(server.address, inbox) as started:
        for number, at in ((1, FUTURE), (2, AT), (3, FUTURE)):
            assert deliver(started.url, ended(number, at)) == (200, {"events": 1})
        settled(started.url)
        assert unanswered(server.address) == 1
        assert "telwerk_bridge_events_refused 2\n" in text_of(started.url, "/metrics")[1]
        listed = command("list", inbox=inbox).stdout.splitlines()
        assert [line.split("\t")[1:5] for line in listed] == [
            ["acme", f"chatwoot-{number}", f"ended-{FUTURE}000", "conversation_ended"] for number in (1, 3)
        ]
        assert "INVALID_EVENT" in listed[0]
        number = listed[0].split("\t")[0]
        assert command("retry", number, inbox=inbox).stdout == "1 events are sent again\n"
        # Sent, and refused again.
        eventually_true(lambda: len(command("list", inbox=inbox).stdout.splitlines()) == 2)
        assert command("drop", "--all", inbox=inbox).stdout == "2 events are dropped\n"
        assert command("list", inbox=inbox).stdout == ""


def test_a_full_inbox_answers_503_says_which_limit_and_keeps_what_it_has(tmp_path: Path) -> None:
    inbox, database, address = tmp_path / "bridge.db", tmp_path / "telwerk.db", free_address()
    taken = 0
    with bridge(address, inbox, TELWERK_BRIDGE_INBOX_MIB_MAX="0.05") as started:
        for number in range(1, 2_000):
            status, answer = deliver(started.url, ended(number))
            if status != 200:
                break
            taken += 1
        assert status == 503
        assert "TELWERK_BRIDGE_INBOX_MIB_MAX" in answer["error"]
        assert "TELWERK_BRIDGE_INBOX_MIB_MAX" in started.log()
        assert text_of(started.url, "/readyz")[0] == 503
        assert taken > 10
        with serving(database, "--listen", address):
            settled(started.url)
            assert unanswered(address) == taken
            assert deliver(started.url, ended(5_000))[0] == 200
            settled(started.url)
            assert unanswered(address) == taken + 1


@pytest.mark.parametrize("fullness", FULLNESS)
def test_a_full_disk_answers_503_keeps_what_was_answered_with_200_and_is_over_by_itself(
    fullness: Fullness, tmp_path: Path
) -> None:
    with disk(fullness, tmp_path, 2**20) as place:
        # The log of the bridge is beside the name of its inbox, and so on another disk.
        inbox = tmp_path / "bridge.db"
        inbox.symlink_to(place.folder / "really.db")
        with bridge("127.0.0.1:1", inbox) as started:
            assert deliver(started.url, ended(1))[0] == 200
            place.fill(started.process.pid)
            for number in range(2, 2_000):
                status, answer = deliver(started.url, ended(number))
                if status != 200:
                    break
            assert (status, "the inbox" in answer["error"]) == (503, True)
            assert "a delivery is refused with 503: the inbox" in started.log()
            assert text_of(started.url, "/readyz")[0] == 503
            place.free(started.process.pid)
            assert text_of(started.url, "/readyz")[0] == 200
            assert deliver(started.url, ended(number))[0] == 200
            assert json.loads(text_of(started.url, "/health")[1]) == {"waiting_events": number}


def test_two_bridges_never_share_a_file_by_whatever_name(tmp_path: Path) -> None:
    inbox, link = tmp_path / "bridge.db", tmp_path / "link.db"
    link.symlink_to(inbox)
    with bridge("127.0.0.1:1", inbox):
        for name in (inbox, link):
            second = command("serve", "--port", "0", inbox=name)
            assert second.returncode != 0
            assert f"another bridge has the inbox {name}" in second.stderr


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA user_version = 99", "of version 99"),
        ("CREATE TABLE other (x)", "a database, but no inbox"),
        # As a program that numbers its formats too: Telwerk's own spool, for one.
        ("CREATE TABLE events (x); PRAGMA user_version = 1", "a database, but no inbox"),
    ],
)
def test_a_file_of_a_newer_version_or_of_another_program_is_left_alone(
    statement: str, said: str, tmp_path: Path
) -> None:
    inbox = tmp_path / "bridge.db"
    with closing(sqlite3.connect(inbox)) as connection:
        connection.executescript(statement)
    before = inbox.read_bytes()
    ended_with = command("serve", "--port", "0", inbox=inbox)
    assert ended_with.returncode != 0
    assert said in ended_with.stderr
    assert "Traceback" not in ended_with.stderr
    assert inbox.read_bytes() == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    inbox = tmp_path / "bridge.db"
    inbox.write_bytes(b"no database at all " * 100)
    ended_with = command("serve", "--port", "0", inbox=inbox)
    assert ended_with.returncode != 0
    assert f"the inbox {inbox} cannot be opened" in ended_with.stderr


def test_nothing_of_a_delivery_but_ids_states_and_instants_is_in_the_file(tmp_path: Path) -> None:
    inbox = tmp_path / "bridge.db"
    with bridge("127.0.0.1:1", inbox) as started:
        for path in FIXTURES:
            assert deliver(started.url, path.read_bytes())[0] == 200
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("bridge.db*"))
    assert b"chatwoot-10" in stored
    assert b"PRIVATE" not in stored


def test_the_memory_of_conversations_of_long_ago_is_given_up(tmp_path: Path) -> None:
    inbox = tmp_path / "bridge.db"
    with bridge("127.0.0.1:1", inbox) as started:
        assert deliver(started.url, ended(1))[0] == 200
    with bridge("127.0.0.1:1", inbox, TELWERK_BRIDGE_MEMORY_DAYS="0.0000001"):

        def count() -> int:
            with closing(sqlite3.connect(inbox)) as connection:
                return int(connection.execute("SELECT count(*) FROM conversations").fetchone()[0])

        eventually_true(lambda: count() == 0)


def test_a_file_that_was_moved_away_takes_nothing_until_it_is_back(tmp_path: Path) -> None:
    inbox, away = tmp_path / "bridge.db", tmp_path / "away.db"
    with bridge("127.0.0.1:1", inbox) as started:
        assert deliver(started.url, ended(1))[0] == 200
        inbox.rename(away)
        status, answer = deliver(started.url, ended(2))
        assert status == 503
        assert "was moved or deleted" in answer["error"]
        assert text_of(started.url, "/readyz")[0] == 503
        away.rename(inbox)
        assert deliver(started.url, ended(2)) == (200, {"events": 1})
        assert text_of(started.url, "/readyz")[0] == 200
