"""Display names in the client and its commands: set from files, listed, erased, and shown with the id behind them."""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from telwerk import Telwerk, events, names
from telwerk.names import Names
from tests.client.command import ACCOUNT, program, telwerk
from tests.client.terminal import terminal
from tests.client.test_command import completion
from tests.conftest import serving, wired

YEAR = {"start": date(2026, 1, 1), "end": date(2027, 1, 1)}
IN_2026 = ("--from", "2026-01-01", "--to", "2027-01-01")

CHAT = """
09:00:00 contact: message
09:00:00 u-17 assigned in g-1
09:01:00 contact rates 4
09:02:00 contact reaches order
09:03:00 topics price tone
09:04:00 post-chat survey nps=9
"""

FILE = """kind,id,name,question
operator,u-17,Anna Smith,
group,g-1,"Sales, north",
widget,web,Web shop,
goal,order,Order placed,
topic,price,Price,
question,nps,Recommend us?,
option,9,=Nine,nps
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a chat, whose things have names."""
    with serving(tmp_path_factory.mktemp("names") / "telwerk.db") as server:
        with Telwerk(server.address) as client:
            assert client.ingest(ACCOUNT, wired(CHAT)).accepted_count == 6
        done = program("names", "import", "-", address=server.address, stdin=FILE)
        assert (done.returncode, done.stdout) == (0, "7 names read: 7 set, 0 removed\n"), done.stderr
        yield server.address


def test_a_client_sets_lists_and_looks_up_names(address):
    """Of an answer, of an explanation, of what a filter can choose from; an erased name is found no more."""
    with Telwerk(address) as client:
        client.set_display_names("a", [names.display_name("option", "9", "Nine", question="nps")])
        [one] = client.display_names("a", "option", question="nps")
        assert (one.id, one.question_id, one.name) == ("9", "nps", "Nine")
        assert client.set_display_names("a", [], replace_all=True).removed_count == 1
        assert client.display_names("a", "option") == []
        answer = client.totals(ACCOUNT, "satisfaction_score", **YEAR, group_by=["operator"], include_names=True)
        assert Names(answer.names).of("operator", answer.totals[0].key.operator_id) == "Anna Smith"
        explained = client.explain(ACCOUNT, "satisfaction_score", **YEAR, include_names=True)
        assert len(list(explained)) == 1
        assert {name.name for name in explained.names} == {"Anna Smith", "Sales, north", "Web shop"}
        [person] = client.dimension_values(ACCOUNT, "operator", kpis="satisfaction_score", prefix="anna")
        assert (person.id, person.name) == ("u-17", "Anna Smith")
        assert len(client.dimension_values(ACCOUNT, "topic", limit=1)) == 1


def test_tables_show_the_name_with_the_id_behind_it(address):
    """Of every kind; what has no name is shown by its id."""
    for kpi, by, shown in (
        ("satisfaction_score", "operator", "Anna Smith (u-17)"),
        ("satisfaction_score", "group", "Sales, north (g-1)"),
        ("satisfaction_score", "widget", "Web shop (web)"),
        ("goals_reached", "value", "Order placed (order)"),
        ("conversation_topics", "value", "Price (price), tone"),
        ("conversation_topics", "topic", "tone"),
        ("post_chat_survey_results", "value", "Recommend us? (nps) = =Nine (9)"),
        ("post_chat_survey_results", "question", "Recommend us? (nps)"),
    ):
        for command in ("totals", "query"):
            done = telwerk(command, kpi, *IN_2026, "--group-by", by, address=address)
            assert shown in done.stdout, done.stdout + done.stderr
    done = telwerk("explain", "post_chat_survey_results", *IN_2026, address=address)
    assert "Anna Smith (u-17) · Sales, north (g-1) · Web shop (web)" in done.stdout
    assert "Recommend us? (nps) = =Nine (9)" in done.stdout


def test_csv_has_the_names_in_columns_of_their_own_and_no_formula(address):
    """The ids stay what they were; without names of a kind there is no column for them."""

    def rows(*arguments: str) -> list[dict[str, str]]:
        done = telwerk(*arguments, *IN_2026, address=address)
        assert done.returncode == 0, done.stderr
        return list(csv.DictReader(io.StringIO(done.stdout)))

    [row] = rows("totals", "satisfaction_score", "--group-by", "operator", "-o", "csv")
    assert list(row)[:4] == ["kpi", "operator", "operator_name", "count"]
    assert (row["operator"], row["operator_name"]) == ("u-17", "Anna Smith")
    [row] = rows("totals", "post_chat_survey_results", "--group-by", "value", "-o", "csv")
    assert (row["value"], row["value_name"]) == ("nps=9", "Recommend us? = =Nine")
    [row] = rows("explain", "satisfaction_score", "-o", "csv")
    assert (row["widget"], row["widget_name"]) == ("web", "Web shop")
    [row] = rows("totals", "satisfaction_score", "--group-by", "value", "-o", "csv")
    assert not [column for column in row if column.endswith("_name")]
    listed = telwerk("names", "list", "--kind", "option", "-o", "csv", address=address)
    assert listed.stdout.splitlines() == ["kind,id,name,question", "option,9,'=Nine,nps"]
    told = json.loads(
        telwerk("totals", "goals_reached", *IN_2026, "--group-by", "value", "-o", "json", address=address).stdout
    )
    assert told["names"] == [{"kind": "goal", "id": "order", "name": "Order placed"}]
    assert told["totals"][0]["key"] == {"value": "order"}


def test_what_is_listed_can_be_imported_again_and_is_erased(address, tmp_path):
    """As CSV and as JSON; a dry run changes nothing, and says what would."""
    before = telwerk("names", "list", "-o", "csv-raw", address=address).stdout
    for output in ("csv-raw", "json"):
        file = tmp_path / f"names.{output}"
        file.write_text(telwerk("names", "list", "-o", output, address=address).stdout, encoding="utf-8")
        other = f"copy-{output}"
        tried = telwerk("names", "import", file, "--account", other, "--dry-run", address=address)
        assert tried.stdout == "7 names read: 7 would be set, 0 would be removed\n", tried.stderr
        assert telwerk("names", "list", "--account", other, address=address).stdout == "no names\n"
        telwerk("names", "import", file, "--account", other, address=address)
        assert telwerk("names", "list", "--account", other, "-o", "csv-raw", address=address).stdout == before
        again = telwerk("names", "import", file, "--account", other, "-o", "json", address=address)
        assert json.loads(again.stdout) == {"names": 7, "set": 0, "removed": 0, "dry_run": False}
        done = telwerk("names", "erase", "operator", "u-17", "--account", other, "--yes", address=address)
        assert done.stdout == "1 names erased\n"
        unsure = telwerk("names", "erase", "--all", "--account", other, address=address)
        assert unsure.returncode == 2
        done = telwerk("names", "erase", "--all", "--account", other, "--yes", address=address)
        assert done.stdout == "6 names erased\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no names"),
        ("kind,id\noperator,x\n", "line 1: the heading has no column 'name'"),
        ("kind,id,name\noperator,x,X\nopperator,y,Y\n", "line 3: 'opperator' is none of .*did you mean 'operator'"),
        ("kind,id,name\noperator,x\n", "line 2: has 2 columns, the heading has 3"),
        ('kind,id,name\noperator,x,"a\n\n\noperator,y,Y\n', "line 2: no CSV"),
        ("kind;id;name\n\noperator;x;X\noperator;x;Z\n", "line 4: names the same thing as line 3"),
        ("kind,id,name\noption,9,X\n", "line 2: an option needs its question"),
        ("kind,id,name,question\ngoal,9,X,nps\n", "line 2: only an option has a question"),
        (
            '[\n {"kind": "goal", "id": "x", "name": "X"},\n {"kind": "goal", "id": 5, "name": ""}]',
            "line 3: id is no text",
        ),
        ('{"kind": "goal", "id": "x", "name": "X"}\n{"kind": "goal"', "line 2: no JSON"),
        ('[{"kind": "goal", "id": "x", "name": "X"}', "line 1: the array has no end"),
        ('{"kind": "goal", "id": "x", "nam": "X"}', "line 1: 'nam' is none of .*did you mean 'name'"),
        (b"kind,id,name\ngoal,x,\xff\n", "line 2: not UTF-8"),
        (gzip.compress(b"kind,id,name\ngoal,x,X\n", mtime=0)[:-12], "cannot be unpacked"),
        (gzip.compress(b"kind,id,name\ngoal,x,X\n", mtime=0)[:12] + b"\xff" * 30, "cannot be unpacked"),
        ('[{"kind": "goal", "id": "x", "name": "\\ud800"}]', "line 1: name is no text"),
        ('[{"kind": "goal", "id": "\\udfff", "name": ""}]', "line 1: id is no text"),
        ('{"kind": "goal",\n"id": ' + "9" * 5_000 + "}", "line 1: no JSON"),
        (
            "kind,id,name\ngoal,x,X\ngoal,y,a\u202eb\n",
            "line 3: the name contains a character that changes",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_nothing_of_it_is_set(address, tmp_path, content, said):
    """Whether the command finds it or the server; and no name is in the text."""
    file = tmp_path / "names"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = telwerk("names", "import", file, "--account", "wrong", address=address)
    assert done.returncode == 1
    assert re.search(said, done.stderr), done.stderr
    assert telwerk("names", "list", "--account", "wrong", address=address).stdout == "no names\n"


def test_a_report_shows_names_and_their_ids(address, tmp_path):
    """In its tables and in what it is of."""
    page = tmp_path / "report.html"
    done = telwerk("report", "--html", page, *IN_2026, "--operator", "u-17", address=address)
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    for shown in (
        *("operator Anna Smith (u-17)", "Sales, north (g-1)", "Web shop (web)", "Order placed (order)"),
        *("Price (price)", "Recommend us? (nps)", "=Nine (9)"),
    ):
        assert shown.lower() in text.lower(), shown


def test_a_watched_answer_has_the_names_that_are_true(address):
    """What a client has put together is what a query would have given."""
    with Telwerk(address) as client:
        client.ingest("watched", wired(CHAT))
        options = {**YEAR, "group_by": ["operator"], "granularity": "month", "include_names": True}
        watch = client.watch("watched", "satisfaction_score", **options)
        assert not next(watch).names
        for text in ("Anna", "Anna Smith", ""):
            client.set_display_names("watched", [names.display_name("operator", "u-17", text)])
            assert [name.name for name in next(watch).names] == [text] * bool(text)
        watch.close()


def test_a_filter_is_completed_with_the_ids_that_have_facts(address):
    """By the beginning of the id, with the name beside it where the shell shows such; without an account by nothing."""
    words = {"TELWERK_ADDRESS": address, "TELWERK_ACCOUNT": ACCOUNT}

    def completed(typed: str, **environment: str) -> list[str]:
        place = str(len(typed.split()) - 1)
        return completion("complete_bash", COMP_WORDS=typed, COMP_CWORD=place, **environment).stdout.split()

    assert completed("telwerk query satisfaction_score --operator u", **words) == ["u-17"]
    assert completed("telwerk totals satisfaction_score --operator x", **words) == []
    assert completed("telwerk query conversation_topics --topic t", **words) == ["tone"]
    assert completed("telwerk query satisfaction_score --operator u", TELWERK_ADDRESS=address) == []


def test_the_dashboard_shows_names_and_their_ids(address):
    """On the board, and above it whom one looks at alone."""
    now = datetime.now(UTC)
    said = {"widget": "web", "at": now - timedelta(minutes=20)}
    with Telwerk(address) as client:
        client.ingest(
            "today",
            [
                events.operator_assigned("c", operator="u-17", group="g-1", **said),
                events.rated("c", stars=4, widget="web", at=now - timedelta(minutes=16)),
            ],
        )
        client.set_display_names("today", [names.display_name("operator", "u-17", "Anna Smith")])
    with terminal("dashboard", "--account", "today", address=address, columns=200) as seen:
        seen.until_seen("Anna Smith (u-17)")
        seen.press("enter")
        seen.until_seen("· operator Anna Smith (u-17)")
        seen.press("q")
