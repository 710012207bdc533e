"""`telwerk dashboard`: the real command in a terminal, against a real server. Asserted is what a person sees."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from telwerk import Telwerk, events
from telwerk.cli.dashboard.columns import column_rows, count_levels, mean_levels, rate_levels
from telwerk.cli.dashboard.views import BOARDS, COLUMNS, SPANS, View, period_of
from telwerk.v1.event_pb2 import Event
from telwerk.v1.settings_service_pb2 import WidgetSettings
from tests.client.command import ACCOUNT, telwerk
from tests.client.terminal import Terminal, terminal
from tests.conftest import free_address, serving

NAMES = [
    "Satisfaction score",
    "Feedback count",
    "Unanswered live conversations",
    "Unanswered ended conversations",
    "Inactivity actions performed",
    "Offline assignments of returning contacts",
    "Goals reached",
    "Conversation topics",
    "Pre-chat survey results",
    "Post-chat survey results",
]
NAMES_OF_PART_TWO = [
    "Conversations started",
    "Conversations ended",
    "Live conversations answered in time",
    "First response time",
    "Response time",
    "Live session duration",
    "Conversation duration",
    "Messages",
    "Reassignments",
    "Conversations received by operators",
]
HOSTILE = "[red]zoe\N{RIGHT-TO-LEFT OVERRIDE}"


def rated(chat: str, at: datetime, operator: str, *stars: int, group: str = "sales") -> list[Event]:
    """A chat of the operator's, rated so."""
    return [
        events.operator_assigned(chat, widget="web", at=at, operator=operator, group=group),
        *(events.rated(chat, widget="web", at=at + timedelta(seconds=1 + n), stars=s) for n, s in enumerate(stars)),
    ]


def fill(address: str) -> None:
    """Yesterday: anna's rating 5 and 4, bram's 1 with feedback, one of a hostile name, and anna's answer after 2 min.

    Eight days ago, anna's 3.
    """
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with Telwerk(address) as client:
        client.set_widget_settings(ACCOUNT, WidgetSettings(widget_id="web"))
        answer = client.ingest(
            ACCOUNT,
            [
                *rated("chat-1", yesterday, "anna", 5, 4),
                *rated("chat-2", yesterday, "bram", 1, group="support"),
                events.feedback_left("chat-2", widget="web", at=yesterday + timedelta(seconds=9)),
                *rated("chat-3", yesterday, HOSTILE, 2),
                *rated("chat-4", yesterday - timedelta(days=7), "anna", 3),
                events.message_sent("chat-6", widget="web", at=yesterday, sender="contact"),
                events.operator_assigned("chat-6", widget="web", at=yesterday, operator="anna", group="sales"),
                events.message_sent("chat-6", widget="web", at=yesterday + timedelta(minutes=2), sender="operator"),
                events.pre_chat_survey_completed("chat-5", widget="web", at=yesterday, answers={"new": "yes"}),
            ],
        )
        assert not answer.rejections


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all that only look."""
    with serving(tmp_path_factory.mktemp("dashboard") / "telwerk.db") as server:
        fill(server.address)
        yield server.address


def board(seen: Terminal) -> list[str]:
    """Who stands on the board, from the top."""
    lines = seen.lines
    headings = [n for n, line in enumerate(lines) if re.match(r" (Operator|group|Widget) ", line)]
    return [line.split()[0] for line in lines[headings[-1] + 1 : -1] if line.strip()] if headings else []


def test_an_account_that_nothing_was_stored_of_is_said_to_be_so_until_there_is_something(address: str) -> None:
    with terminal("dashboard", "--account", "new", address=address) as seen, Telwerk(address) as client:
        seen.until_seen("no data yet for the account 'new': is it spelled right?")
        client.ingest("new", rated("chat-1", datetime.now(UTC) - timedelta(minutes=1), "anna", 5))
        seen.until_seen("● live · complete until ")


def test_ten_kpis_at_a_time_the_rates_and_the_board_are_seen_on_80_by_24(address: str) -> None:
    with terminal("dashboard", address=address) as seen:
        seen.until_seen("● live · complete until ")
        seen.until_seen("bram")
        seen.until_seen("quit")
        assert [seen.line(name) != "" for name in NAMES] == [True] * 10
        # The mean of 5, 4, 1 and 2, which was 3 before; then counts, from none before.
        assert seen.line("Satisfaction score").split()[:6] == ["Satisfaction", "score", "(4", "ratings)", "3.00", "="]
        assert seen.line("Feedback count").split()[2:5] == ["1", "▲", "1"]
        assert seen.line("Goals reached").split()[2:4] == ["0", "="]
        assert seen.line("anna").split()[:3] == ["anna", "4.50", "2"]
        seen.press("k")
        seen.until(lambda seen: all(seen.line(name) for name in NAMES_OF_PART_TWO), "the next ten")
        assert [seen.line(name) for name in NAMES] == [""] * 10
        assert seen.line("Response time").split()[2:5] == ["2.0", "min", "–"]
        assert seen.line("Messages").split()[1:4] == ["2", "▲", "2"]
        # One conversation received, no limit decided, two minutes to the answer; one message of the two is anna's.
        assert seen.line("anna").split() == ["anna", "1", "–", "–", "2.0", "min", "–", "1", "0"]
        seen.press("k")
        seen.until(lambda seen: "Rates" in seen.line("Rates"), "the rates")
        assert seen.line("Ratings per conversation").split()[3:5] == ["400.0%", "–"]
        assert seen.line("anna").split()[1:5] == ["–", "–", "–", "200.0%"]
        seen.press("k")
        seen.until(lambda seen: all(seen.line(name) for name in NAMES), "the first ten again")
        assert "held back: Pre-chat survey results 1" in " ".join(line.strip() for line in seen.lines)
        seen.press("q")
        assert seen.ended() == 0


def test_with_room_the_board_stands_beside_higher_charts(address: str) -> None:
    with terminal("dashboard", address=address, columns=200, lines=60) as seen:
        seen.until_seen("bram")
        seen.until(lambda seen: lines_between(seen.lines) == {5}, "ten charts, each of four rows")
        assert any("bram" in line for line in seen.lines[:9])


def lines_between(lines: list[str]) -> set[int]:
    """How far apart the KPIs stand; none unless all ten are there."""
    places = [n for name in NAMES for n, line in enumerate(lines) if line.strip().startswith(name)]
    return {after - before for before, after in pairwise(places)} if len(places) == len(NAMES) else set()


def test_it_follows_the_size_of_the_window(address: str) -> None:
    with terminal("dashboard", address=address) as seen:
        seen.until_seen("bram")
        assert lines_between(seen.lines) == {1}
        seen.resize(200, 60)
        seen.until(lambda seen: lines_between(seen.lines) == {5}, "higher charts")
        seen.resize(80, 24)
        seen.until(lambda seen: lines_between(seen.lines) == {1}, "a line each")


def test_what_is_counted_meanwhile_appears_by_itself(address: str) -> None:
    with terminal("dashboard", "--account", "meanwhile", address=address) as seen:
        seen.until_seen("(0 ratings)")
        assert seen.line("Satisfaction score").split()[4] == "–"
        with Telwerk(address) as client:
            client.ingest("meanwhile", rated("chat-1", datetime.now(UTC) - timedelta(days=1), "anna", 5))
        seen.until_seen("(1 ratings)")
        seen.until(lambda seen: board(seen) == ["anna"], "anna on the board")


def test_keys_change_range_buckets_board_and_order(address: str) -> None:
    with terminal("dashboard", "--zone", "Europe/Berlin", address=address) as seen:
        seen.until_seen("7 days, by day (Europe/Berlin) · everyone")
        for place, (span, widths) in enumerate(SPANS.items(), start=1):
            seen.press(str(place))
            seen.until_seen(f"· {span}, by {widths[0]} ")
            seen.press("g")
            seen.until_seen(f"· {span}, by {widths[1].replace('_', ' ')} ")
        seen.press("2")
        seen.until(lambda seen: board(seen)[:2] == ["anna", "[red]zoe\N{REPLACEMENT CHARACTER}"], "the best mean first")
        seen.press("d")
        seen.until(lambda seen: board(seen)[:1] == ["bram"], "the worst mean first")
        seen.press("s")
        seen.until(lambda seen: board(seen)[:1] == ["anna"], "the most ratings first")
        seen.press("s")
        seen.until(lambda seen: board(seen)[:1] == ["bram"], "the most feedback first")
        seen.press("b")
        seen.until(lambda seen: board(seen)[:1] == ["support"], "groups")
        seen.press("b")
        seen.until(lambda seen: board(seen) == ["web"], "widgets")


def test_enter_shows_only_whom_the_cursor_is_on_and_escape_everyone(address: str) -> None:
    with terminal("dashboard", address=address) as seen:
        seen.until(lambda seen: board(seen)[:1] == ["anna"], "the board")
        seen.press("enter")
        seen.until_seen("· operator anna")
        seen.until_seen("(2 ratings)")
        seen.until(lambda seen: board(seen) == ["sales"], "the groups of anna")
        seen.press("enter")
        seen.until_seen("· operator anna, operator group sales")
        seen.press("escape", "escape")
        seen.until_seen("· everyone")
        seen.until_seen("(4 ratings)")


def test_of_a_widget_without_inactivity_actions_there_is_no_zero(address: str) -> None:
    with terminal("dashboard", address=address) as seen:
        seen.until(lambda seen: board(seen)[:1] == ["anna"], "the board")
        seen.press("b", "b")
        seen.until(lambda seen: board(seen) == ["web"], "widgets")
        seen.press("enter")
        seen.until_seen("· widget web")
        seen.until(lambda seen: "not enabled" in seen.line("Inactivity actions performed"), "not enabled")


def test_a_server_that_goes_and_comes_back_is_waited_for_in_sight(tmp_path: Path) -> None:
    database = tmp_path / "telwerk.db"
    with (
        serving(database, "--listen", free_address()) as first,
        terminal("dashboard", address=first.address, columns=120) as seen,
    ):
        fill(first.address)
        seen.until_seen("(4 ratings)")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
        seen.until_seen("○ reconnecting · the numbers are those of ")
        assert "(4 ratings)" in seen.line("Satisfaction score")
        with serving(database, "--listen", first.address):
            seen.until_seen("● live")
            with Telwerk(first.address) as client:
                client.ingest(ACCOUNT, rated("chat-9", datetime.now(UTC) - timedelta(days=1), "anna", 5))
            seen.until_seen("(5 ratings)")
            seen.press("ctrl+c")
            assert seen.ended() == 0


def test_a_message_is_seen_whole_however_narrow_and_what_no_waiting_mends_ends_it(tmp_path: Path) -> None:
    """While the server is away, with the advice at the message's end; then it comes back, and asks for a key."""
    database, keys = tmp_path / "telwerk.db", tmp_path / "keys.toml"
    create = [sys.executable, "-m", "telwerkd.cli", "keys", "create", "--file", keys, "--account", ACCOUNT]
    subprocess.run([*create, "--role", "query"], check=True, capture_output=True, timeout=60)
    with (
        serving(database, "--listen", free_address()) as first,
        terminal("dashboard", address=first.address) as seen,
    ):
        seen.until_seen("● live")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
        advice = "is `telwerkd serve` running, and is the address right?"
        seen.until(lambda seen: advice in " ".join(" ".join(seen.lines).split()), advice)
        with serving(database, "--listen", first.address, "--keys-file", str(keys)):
            assert seen.ended() == 4
            seen.until_seen("TELWERK_API_KEY")


def test_with_no_color_there_is_no_color(address: str) -> None:
    with terminal("dashboard", address=address, NO_COLOR="1") as seen:
        seen.until_seen("bram")
        seen.press("b")
        seen.until(lambda seen: board(seen)[:1] == ["sales"], "groups")
        styles = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", seen.raw) for code in found.split(b";")}
        # Bold, dim, italic, underlined, reverse, and the terminal's own two colours.
        assert styles <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"39", b"49"}


def test_neighbouring_days_stand_apart_under_their_names(address: str) -> None:
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=n) for n in range(6, -1, -1)]
    with terminal("dashboard", "--zone", "UTC", address=address, columns=120) as seen:
        seen.until_seen("bram")
        seen.until(lambda seen: [f"{day:%d}" for day in days] == heading(seen).split()[-7:], "the days by name")
        bars = seen.line("Satisfaction score").rstrip()[heading(seen).index(f"{days[0]:%d}") :]
        assert re.fullmatch(r"( *[·▁▂▃▄▅▆▇█]+){7}", bars)
    with terminal("dashboard", "--zone", "UTC", address=address, columns=220) as seen:
        seen.until_seen("bram")
        seen.until(lambda seen: f"{days[0]:%a %d}" in heading(seen), "the days with their weekdays")


def heading(seen: Terminal) -> str:
    """Of the KPIs."""
    return seen.line("KPI ")


def test_groups_are_headed_as_groups_however_narrow(address: str) -> None:
    with terminal("dashboard", address=address) as seen:
        seen.until_seen("bram")
        seen.press("b")
        seen.until(lambda seen: board(seen)[:1] == ["sales"], "groups")
        first, second = (seen.lines[line_of(seen, "group ") + n] for n in (-1, 0))
        assert (first.split()[0], second.split()[0]) == ("Operator", "group")


def line_of(seen: Terminal, beginning: str) -> int:
    """Which line begins so."""
    return next(n for n, line in enumerate(seen.lines) if line.strip().startswith(beginning))


def test_a_terminal_that_vanishes_ends_it(address: str) -> None:
    with terminal("dashboard", address=address) as seen:
        seen.until_seen("bram")
        seen.vanish()
        assert seen.ended() == 129


def test_without_a_terminal_it_points_at_what_a_pipe_can_have(address: str) -> None:
    done = telwerk("dashboard", address=address)
    assert (done.returncode, done.stdout) == (2, "")
    assert "telwerk totals" in done.stderr
    assert "telwerk report --html" in done.stderr


def test_where_no_server_is_the_screen_is_not_taken() -> None:
    with terminal("dashboard", address="127.0.0.1:1") as seen:
        assert seen.ended() == 3
        seen.until_seen("telwerkd serve")
        assert b"\x1b[?1049h" not in seen.raw


NOON = datetime(2026, 4, 1, 12, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "now", "zone", "period"),
    [
        ("today", NOON, "UTC", "04-01 00:00 04-01 12:15 03-31 00:00 03-31 12:00"),
        ("today", NOON.replace(minute=15), "UTC", "04-01 00:00 04-01 12:30 03-31 00:00 03-31 12:15"),
        ("7 days", NOON, "UTC", "03-26 00:00 04-01 12:15 03-19 00:00 03-25 12:00"),
        # The clocks go forward on 29 March: noon is noon on both sides.
        ("7 days", NOON, "Europe/Berlin", "03-25 23:00 04-01 12:15 03-18 23:00 03-25 13:00"),
        ("28 days", NOON, "Asia/Kathmandu", "03-04 18:15 04-01 12:15 02-04 18:15 03-04 12:00"),
        ("this quarter", NOON, "UTC", "04-01 00:00 04-01 12:15 01-01 00:00 01-01 12:00"),
        ("this year", NOON, "UTC", "01-01 00:00 04-01 12:15 01-01 00:00 04-01 12:00"),
        # Before five, what it is compared with does not go up to five.
        ("today", NOON.replace(hour=4, minute=50), "UTC", "04-01 00:00 04-01 05:00 03-31 00:00 03-31 04:45"),
        # None is over yet.
        ("today", NOON.replace(hour=0, minute=3), "UTC", "04-01 00:00 04-01 00:15 03-31 00:00 03-31 00:15"),
        ("today", NOON.replace(hour=23, minute=59), "UTC", "04-01 00:00 04-02 00:00 03-31 00:00 03-31 23:45"),
        # The last day of June has no counterpart in a first quarter that is a day shorter.
        (
            "this quarter",
            datetime(2026, 6, 30, 12, tzinfo=UTC),
            "UTC",
            "04-01 00:00 06-30 12:15 01-01 00:00 04-01 00:00",
        ),
    ],
)
def test_a_range_is_compared_with_the_same_stretch_before(span: str, now: datetime, zone: str, period: str) -> None:
    found = period_of(span, now, ZoneInfo(zone))  # type: ignore[arg-type]
    assert " ".join(f"{moment:%m-%d %H:%M}" for moment in found) == period


def test_who_is_chosen_is_on_no_board_until_it_is_left_again() -> None:
    view = View(board="operator_group").narrowed("sales")
    assert (view.slice, view.board) == ((("operator_group", "sales"),), "operator")
    all_chosen = view.narrowed("anna").narrowed("web")
    assert {kind for kind, _ in all_chosen.slice} == set(BOARDS)
    assert all_chosen.widened() == view.narrowed("anna")
    assert View().widened() == View()


def test_every_column_can_be_sorted_by_and_then_the_first_again() -> None:
    for page, columns in enumerate(COLUMNS):
        view = View(page=page)
        for _ in columns:
            view = view.resorted()
        assert view == View(page=page)


def test_a_chart_shows_what_is_there_however_small_and_nothing_as_a_dot() -> None:
    assert column_rows(count_levels([0, 1, 100], 3), 3, 1) == ["·▁█"]
    assert column_rows(count_levels([0, 1, 100], 3), 6, 2) == ["    █ ", "· ▁ █ "]
    assert column_rows(count_levels([1, 2], 2), 8, 1) == ["▄▄▄ ███ "]
    assert column_rows(count_levels([1, 1, 4, 4], 2), 2, 1) == ["▂█"]
    assert column_rows(mean_levels([1, 0, 2], [5, 0, 6], 3), 3, 1) == ["█·▄"]
    assert column_rows(mean_levels([1], [1], 3), 1, 1) == ["▁"]
    assert column_rows(count_levels([0, 0], 2), 2, 1) == ["··"]
    assert column_rows(rate_levels([1, 0, 1], [2, 0, 1], 3), 3, 1) == ["▄·█"]
    assert column_rows(rate_levels([2, 1], [1, 1], 2), 2, 1) == ["█▄"]
