"""The `telwerk` command as a whole: help, configuration, output, exit codes, completion."""

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main

from telwerk import Telwerk, events
from telwerk.cli.app import app
from tests.client.command import ACCOUNT, line, program, telwerk, written
from tests.conftest import serving

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS = ("--from", "2026-11-02", "--to", "2026-11-04")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Three of anna's ratings, two of bram's and one of zoe's, all on a Monday; one of anna's the week before."""
    with serving(tmp_path_factory.mktemp("command") / "telwerk.db") as server:
        with Telwerk(server.address) as client:
            for operator, count in (("anna", 3), ("bram", 2), ("zoe", 1)):
                chat = [events.operator_assigned(operator, widget="web", at=AT - timedelta(days=8), operator=operator)]
                chat += [events.rated(operator, widget="web", at=AT, stars=5) for _ in range(count)]
                client.ingest(ACCOUNT, chat)
            client.ingest(ACCOUNT, [events.rated("anna", widget="web", at=AT - timedelta(days=2), stars=1)])
        yield server.address


# --- help ------------------------------------------------------------------------------------------------------------


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    yield " ".join(path), command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ROOT = typer.main.get_command(app)
COMMANDS = dict(commands(ROOT))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_it_understands(name: str) -> None:
    """Each is parsed as it stands, down to its last option; what it would do is not done."""
    foot = COMMANDS[name].epilog or ""
    examples = [text for text in foot.split("\n\n") if text.startswith("telwerk ")]
    assert examples, f"the help of {name!r} has no example"
    for example in examples:
        words = shlex.split(example.partition(" < ")[0])[1:]
        command, context = ROOT, None
        while True:
            context = command.make_context(command.name, words, parent=context)
            below = getattr(command, "commands", {})
            if not below:
                break
            words = [*context._protected_args, *context.args]
            command = below[words.pop(0)]
        assert name in {"", "settings", "names"} or context.command is COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_plain_in_a_pipe_and_has_the_examples(name: str) -> None:
    done = telwerk(*name.split(), "--help", address="127.0.0.1:1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Examples:" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_exit_codes_are_told() -> None:
    assert "Exit codes: 0 success; 1 some of the input" in telwerk("--help", address="").stdout


@pytest.mark.parametrize(
    ("shell", "said"), [("bash", "complete -o"), ("zsh", "compdef"), ("fish", "complete --command")]
)
def test_each_shell_gets_its_completion(shell: str, said: str) -> None:
    done = completion("source_" + shell)
    assert said in done.stdout


def test_what_follows_is_completed_also_by_asking_the_server(address: str) -> None:
    def completed(words: str, **environment: str) -> list[str]:
        done = completion("complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split())), **environment)
        return done.stdout.split()

    assert "settings" in completed("telwerk")
    assert "satisfaction_score" in completed("telwerk query", TELWERK_ADDRESS=address)
    assert "operator_group" in completed("telwerk query --group-by")
    assert "-count" in completed("telwerk totals --order-by")
    assert completed("telwerk query", TELWERK_ADDRESS="127.0.0.1:1") == []


def completion(instruction: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the shell runs."""
    command = [Path(sys.executable).with_name("telwerk")]
    given = {**os.environ, "XDG_CONFIG_HOME": os.devnull, "_TELWERK_COMPLETE": instruction, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=given)


# --- configuration ---------------------------------------------------------------------------------------------------


def configured(tmp_path: Path, text: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return str(path)


def test_a_flag_goes_before_the_environment_and_that_before_the_file(address: str, tmp_path: Path) -> None:
    file = configured(tmp_path, f'address = "{address}"\naccount = "{ACCOUNT}"\noutput = "json"\n')
    bare = {"address": "", "TELWERK_CONFIG": file}
    query = ("totals", "satisfaction_score", *DAYS)

    def run(*arguments: str, **environment: str) -> str:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
        done = subprocess.run(
            [sys.executable, "-m", "telwerk.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=inherited | {"TELWERK_CONFIG": bare["TELWERK_CONFIG"]} | environment,
        )
        return done.stdout

    assert json.loads(run(*query))["totals"][0]["count"] == 6
    assert json.loads(run(*query, TELWERK_ACCOUNT="other"))["totals"][0]["count"] == 0
    assert json.loads(run(*query, "--account", ACCOUNT, TELWERK_ACCOUNT="other"))["totals"][0]["count"] == 6
    assert run(*query, "-o", "csv").startswith("kpi,count")
    assert run(*query, TELWERK_OUTPUT="csv").startswith("kpi,count")


def test_the_users_own_file_is_read_where_none_is_named(address: str, tmp_path: Path) -> None:
    (tmp_path / "telwerk").mkdir()
    (tmp_path / "telwerk" / "config.toml").write_text('output = "json"\n')
    done = telwerk("kpis", "1", address=address, XDG_CONFIG_HOME=str(tmp_path))
    assert json.loads(done.stdout)[0]["number"] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("adress = 'x'", "'adress' is none of account, address, api_key"),
        ("account = ['a']", "'account' is one value"),
        ("account", "is no TOML"),
        ("timeout = 'soon'", "'--timeout'"),
        ("account = " + "[" * 5_000, "is no TOML that can be read"),
        ("timeout = " + "9" * 5_000, "is no TOML"),
        ("output = 'xml'", "'--output'"),
    ],
)
def test_a_file_that_cannot_be_right_is_a_usage_error_that_names_what_is_wrong(
    address: str, tmp_path: Path, text: str, sentence: str
) -> None:
    done = telwerk("--config", configured(tmp_path, text), "kpis", address=address)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_file_that_is_named_and_not_there_is_a_usage_error(address: str, tmp_path: Path) -> None:
    done = telwerk("--config", str(tmp_path / "nowhere.toml"), "kpis", address=address)
    assert (done.returncode, "nowhere.toml" in done.stderr) == (2, True)


def test_an_account_for_real_work_is_never_meant_by_simulate(address: str, tmp_path: Path) -> None:
    file = configured(tmp_path, 'account = "real"\n')
    done = telwerk("--config", file, "simulate", "--conversations", "2", "-o", "json", address=address)
    assert json.loads(done.stdout)["account"] == "demo"


def test_a_certificate_without_its_key_or_without_tls_is_a_usage_error(address: str, tmp_path: Path) -> None:
    pem = configured(tmp_path, "")
    for arguments in (("--client-cert", pem), ("--client-cert", pem, "--client-key", pem)):
        assert telwerk(*arguments, "kpis", address=address).returncode == 2


# --- output ----------------------------------------------------------------------------------------------------------


def test_every_command_speaks_json_and_csv_and_is_quiet_beside(address: str, tmp_path: Path) -> None:
    """In a pipe a command that went well says its result, and nothing else."""
    account = {"address": address, "TELWERK_ACCOUNT": "of-output"}
    file = str(written(tmp_path / "events.jsonl", [line(events.ended("c", widget="web", at=AT))]))
    said = [
        ("import", file),
        ("query", "feedback_count", *DAYS),
        ("totals", "feedback_count", *DAYS),
        ("explain", "unanswered_ended_conversations", *DAYS),
        ("kpis",),
        ("settings", "account", "--zone", "UTC"),
        ("settings", "widget", "web", "--live-limit", "90s"),
        ("settings", "show"),
        ("simulate", "--account", "of-output", "--conversations", "1"),
        ("names", "import", str(written(tmp_path / "names.csv", ["kind,id,name", "operator,anna,Anna Smith"]))),
        ("names", "list"),
        ("names", "erase", "operator", "anna", "--yes"),
        ("erase", "c", "--yes"),
        ("purge", "--before", "2020-01-01", "--yes"),
    ]
    # A live view and a page are no answers for programs.
    leaves = {name for name, command in COMMANDS.items() if not hasattr(command, "commands")} - {"dashboard", "report"}
    assert leaves == {name for name in leaves for arguments in said if " ".join(arguments).startswith(name)}
    for arguments in said:
        done = telwerk(*arguments, "-o", "json", **account)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        assert json.loads(done.stdout)
        done = telwerk(*arguments, "-o", "csv", **account)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        assert "," in next(csv.reader(io.StringIO(done.stdout)))[0] or len(done.stdout.splitlines()) >= 1
        assert "\x1b" not in done.stdout


def test_a_comparison_stands_beside_each_number(address: str) -> None:
    ask = ("satisfaction_score", *DAYS, "--compare", "previous")
    total = json.loads(telwerk("totals", *ask, "-o", "json", address=address).stdout)
    assert total["totals"][0]["compared"] == {
        "count": 1,
        "sum": 1,
        "mean": 1.0,
        "count_delta": 5,
        "count_change": 5.0,
        "mean_delta": 4.0,
    }
    assert total["compared_period"] == {"start": "2026-10-31T00:00:00+00:00", "end": "2026-11-02T00:00:00+00:00"}
    (row,) = csv.DictReader(io.StringIO(telwerk("totals", *ask, "-o", "csv", address=address).stdout))
    assert (row["compared_count"], row["count_delta"], row["mean_delta"]) == ("1", "5", "4.0")
    table = telwerk("totals", *ask, address=address).stdout
    assert any(row.split()[2:6] == ["6", "5.00", "1", "+500%"] for row in table.splitlines())
    rows = list(csv.DictReader(io.StringIO(telwerk("query", *ask, "-o", "csv", address=address).stdout)))
    assert [(row["count"], row["compared_count"], row["count_change"]) for row in rows] == [
        ("6", "1", "5.0"),
        ("0", "0", ""),
    ]
    assert "Before" in telwerk("query", *ask, address=address).stdout
    other = ("--compare", "2026-10-01/2026-11-01")
    answer = json.loads(telwerk("query", *ask[:5], *other, "-o", "json", address=address).stdout)
    assert sum(answer["series"][0]["compared"]["counts"]) == 1


def test_the_largest_come_first_and_the_rest_is_one_row(address: str) -> None:
    ask = ("satisfaction_score", *DAYS, "--group-by", "operator", "--top", "1", "--rest")
    totals = json.loads(telwerk("totals", *ask, "-o", "json", address=address).stdout)["totals"]
    assert [(row["key"], row.get("rest"), row["count"]) for row in totals] == [
        ({"operator": "anna"}, None, 3),
        ({}, True, 3),
    ]
    for name in ("totals", "query"):
        table = telwerk(name, *ask, address=address).stdout
        assert "anna" in table
        assert "all others" in table
        rows = list(csv.DictReader(io.StringIO(telwerk(name, *ask, "-o", "csv", address=address).stdout)))
        assert [(row["operator"], row["rest"]) for row in rows][-1] == ("", "True")


@pytest.mark.parametrize(("order", "first"), [("-count", "anna"), ("count", "zoe"), ("key", "anna"), ("-key", "zoe")])
def test_rows_come_in_the_order_asked_for(address: str, order: str, first: str) -> None:
    ask = ("satisfaction_score", *DAYS, "--group-by", "operator", "--order-by", order, "-o", "json")
    totals = json.loads(telwerk("totals", *ask, address=address).stdout)["totals"]
    assert totals[0]["key"] == {"operator": first}


def test_one_page_says_how_to_get_the_next(address: str) -> None:
    ask = ("totals", "satisfaction_score", *DAYS, "--group-by", "operator", "--page-size", "2", "-o")
    first = json.loads(telwerk(*ask, "json", address=address).stdout)
    assert [row["key"]["operator"] for row in first["totals"]] == ["anna", "bram"]
    token = ("--page-token", first["next_page_token"])
    second = json.loads(telwerk(*ask, "json", *token, address=address).stdout)
    assert [row["key"]["operator"] for row in second["totals"]] == ["zoe"]
    assert "next_page_token" not in second
    told = telwerk(*ask, "csv", address=address)
    assert "the same again with --page-token" in told.stderr


def test_a_survey_can_be_asked_by_question(address: str) -> None:
    said: Any = {"widget": "web", "at": AT}
    with Telwerk(address) as client:
        answers = events.post_chat_survey_answered("s", answers={"liked": "yes", "again": "no"}, **said)
        client.ingest("of-questions", [answers])
    ask = ("totals", "post_chat_survey_results", *DAYS, "--account", "of-questions", "-o", "json")
    rows = json.loads(telwerk(*ask, "--group-by", "question", address=address).stdout)["totals"]
    assert [row["key"] for row in rows] == [{"question": "again"}, {"question": "liked"}]
    (row,) = json.loads(telwerk(*ask, "--question", "liked", "--group-by", "value", address=address).stdout)["totals"]
    assert row["key"] == {"value": "liked=yes"}


# --- exit codes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("totals", "satisfaction_score", "--order-by", "size"), 2, "'size' is none of key, count"),
        (("totals", "satisfaction_score", "--compare", "yesterday"), 2, "not FROM/TO"),
        (("totals", "satisfaction_score", "--group-by", "operator", "--top", "2", "--page-size", "2"), 4, "page"),
        (("totals", "satisfaction_score", "--rest"), 2, "top"),
        (("nope",), 2, "nope"),
        (("query",), 2, "KPI"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence_and_an_exit_code(
    address: str, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = telwerk(*arguments, address=address)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("query", "feedback_count"), ("settings", "show"), ("erase", "c", "--yes")])
def test_where_no_server_is_the_exit_code_is_3_and_the_text_says_what_to_look_at(arguments: tuple[str, ...]) -> None:
    """So does the program itself."""
    done = program(*arguments, address="127.0.0.1:1")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no server listens at 127.0.0.1:1: is `telwerkd serve` running" in done.stderr
