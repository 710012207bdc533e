"""`telwerk query`, `totals`, `kpis` and `settings`, the real command against the real server."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import typer
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk import Telwerk, events
from telwerk.cli.answers import totals_text
from telwerk.cli.charts import bar, sparkline
from telwerk.cli.options import Output
from telwerk.cli.times import Clock, parse_range
from telwerk.cli.values import parse_value, text_of
from telwerk.v1.event_pb2 import Event, SurveyAnswer
from telwerk.v1.kpi_service_pb2 import Availability, KpiAnswer, QueryTotalsResponse, TopicSet, Total, Value, ValueKind
from tests.client.command import ACCOUNT, telwerk
from tests.conftest import serving

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS = ("--from", "2026-11-02", "--to", "2026-11-04")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all: anna's chat, rated 5 and 4, an ended one of nobody's, answers of bram's after 30 and 90 s."""
    with serving(tmp_path_factory.mktemp("query") / "telwerk.db") as server:
        fill(server.address)
        yield server.address


def fill(address: str) -> None:
    chat = {"widget": "web", "at": AT + timedelta(minutes=1)}
    with Telwerk(address) as client:
        answer = client.ingest(
            ACCOUNT,
            [
                events.operator_assigned("chat-1", widget="web", at=AT, operator="anna", group="sales"),
                events.message_sent("chat-1", **chat, sender="operator"),
                events.rated("chat-1", **chat, stars=5),
                events.rated("chat-1", **chat, stars=4),
                events.topics_set("chat-1", **chat, topics=["[red]x", "billing"]),
                events.ended("chat-2", **chat),
                *answered_after(30, 90),
            ],
        )
        assert not answer.rejections


def answered_after(*seconds: int) -> Iterator[Event]:
    for place, waited in enumerate(seconds):
        at = AT + timedelta(minutes=5 * place)
        yield events.message_sent("chat-3", widget="help", at=at, sender="contact")
        answered = at + timedelta(seconds=waited)
        yield events.message_sent("chat-3", widget="help", at=answered, sender="operator", operator="bram")


def test_json_has_every_bucket_and_an_absent_mean_is_null(address: str) -> None:
    done = telwerk("query", "satisfaction_score", *DAYS, "-o", "json", address=address)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["series"] == [
        {
            "kpi": "satisfaction_score",
            "key": {},
            "buckets": [
                {"start": "2026-11-02T00:00:00+00:00", "count": 2, "sum": 9, "mean": 4.5},
                {"start": "2026-11-03T00:00:00+00:00", "count": 0, "sum": 0, "mean": None},
            ],
        }
    ]
    assert answer["time_zone"] == "UTC"
    assert datetime.fromisoformat(answer["complete_until"]) > AT


def test_csv_has_a_column_for_each_dimension_and_nobody_by_name(address: str) -> None:
    done = telwerk(
        "query", "unanswered_ended_conversations", *DAYS, "--group-by", "operator", "-o", "csv", address=address
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["operator"], row["start"][:10], row["count"], row["mean"]) for row in rows] == [
        ("nobody", "2026-11-02", "1", ""),
        ("nobody", "2026-11-03", "0", ""),
    ]


def test_totals_carry_means_with_their_counts(address: str) -> None:
    arguments = ("totals", "satisfaction_score", "feedback_count", *DAYS)
    table = telwerk(*arguments, address=address).stdout
    assert any(row.split()[:4] == ["Satisfaction", "score", "2", "4.50"] for row in table.splitlines())
    totals = json.loads(telwerk(*arguments, "-o", "json", address=address).stdout)["totals"]
    assert [(total["kpi"], total["count"], total.get("mean")) for total in totals] == [
        ("satisfaction_score", 2, 4.5),
        ("feedback_count", 0, None),
    ]
    assert totals[0]["distribution"] == {"1": 0, "2": 0, "3": 0, "4": 1, "5": 1}


def test_a_table_shows_an_absent_mean_as_a_dash_and_never_as_zero(address: str) -> None:
    done = telwerk("query", "satisfaction_score", *DAYS, address=address)
    rows = [row.split() for row in done.stdout.splitlines() if "2026-11-0" in row]
    assert rows[0][:4] == ["Mon", "2026-11-02", "2", "4.50"]
    assert rows[1] == ["Tue", "2026-11-03", "0", "–"]
    assert "\x1b" not in done.stdout


def test_what_looks_like_markup_is_somebodys_id(address: str) -> None:
    done = telwerk("totals", "conversation_topics", *DAYS, "--group-by", "value", address=address)
    assert "[red]x,billing" in done.stdout


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (("--operator", "anna", "--group", "sales", "--widget", "web"), 2),
        (("--operator", "nobody"), 0),
        (("--value", "5"), 1),
        (("--value", "4", "--value", "5"), 2),
    ],
)
def test_filters_of_different_options_must_all_hold(address: str, filters: tuple[str, ...], count: int) -> None:
    done = telwerk("totals", "satisfaction_score", *DAYS, *filters, "-o", "json", address=address)
    assert json.loads(done.stdout)["totals"][0]["count"] == count


def test_sparse_leaves_out_what_is_zero(address: str) -> None:
    done = telwerk("query", "satisfaction_score", *DAYS, "--sparse", "-o", "csv", address=address)
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 1


def test_by_default_the_last_seven_days_are_shown(address: str) -> None:
    done = telwerk("query", "feedback_count", "-o", "csv", address=address)
    assert len(done.stdout.splitlines()) == 1 + 7


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("query", "nope"), 4, "UNKNOWN_KPI"),
        (("query", "satisfaction_score", "--group-by", "topic"), 4, "UNKNOWN_DIMENSION"),
        (("query", "satisfaction_score", "--group-by", "colour"), 2, "colour"),
        (("query", "satisfaction_score", "--from", "yore"), 2, "'yore' is not a time"),
        (("query", "satisfaction_score", "--zone", "Mars/Base"), 2, "Mars/Base"),
        (("query", "satisfaction_score", "--value", "many"), 2, "number of stars"),
        (("query", "response_time", "--percentile", "many"), 2, "'many' is not a percentile"),
        (("query", "response_time", "--percentile", "90"), 4, "INVALID_PERCENTILE"),
        (("query", "feedback_count", "--percentile", "0.9"), 4, "NO_DURATIONS"),
        (("totals", "response_time", "--group-by", "operator", "--order-by", "p9x"), 2, "'p9x' is none of"),
        (("totals", "response_time", "--as-of", "2020-01-01"), 4, "AS_OF_UNKNOWN"),
        (("totals", "response_time", "--as-of", "tomorrow"), 4, "must not lie in the future"),
        (("kpis", "nope"), 4, "no KPI 'nope'"),
        (("settings", "show", "nowhere"), 4, "WIDGET_SETTINGS_NOT_FOUND"),
    ],
)
def test_an_error_is_a_sentence_and_an_exit_code(
    address: str, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = telwerk(*arguments, address=address)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_where_no_server_listens_the_exit_code_is_3() -> None:
    done = telwerk("kpis", address="127.0.0.1:1")
    assert done.returncode == 3
    assert "is `telwerkd serve` running" in done.stderr


def test_the_catalogue_can_be_listed_and_each_kpi_explained(address: str) -> None:
    assert "conversation_topics" in telwerk("kpis", address=address).stdout
    told = telwerk("kpis", "offline_assignments", "--lang", "nl", address=address).stdout
    assert "no_operator_available" in told
    assert json.loads(telwerk("kpis", "3", "-o", "json", address=address).stdout)[0]["number"] == 3


def test_settings_are_set_and_shown(address: str) -> None:
    at: dict[str, str] = {"address": address, "TELWERK_ACCOUNT": "of-settings"}
    assert telwerk("settings", "account", "--zone", "Europe/Berlin", **at).returncode == 0
    widget = ("settings", "widget", "web", "--live-limit", "90s", "--goal", "order=https://shop.example/a?b=c")
    assert telwerk(*widget, "--enable-action", "inactivity_message_sent", **at).returncode == 0
    shown = json.loads(telwerk("settings", "show", "-o", "json", **at).stdout)
    assert shown["time_zone"] == "Europe/Berlin"
    assert shown["widgets"][0]["live_limit"] == "90s"
    assert shown["widgets"][0]["goals"] == [{"goal_id": "order", "url": "https://shop.example/a?b=c"}]
    assert "inactivity_message_sent" in telwerk("settings", "show", "web", **at).stdout


def test_a_widgets_settings_are_never_switched_off_by_accident(address: str) -> None:
    assert telwerk("settings", "widget", "web", address=address).returncode == 2
    assert telwerk("settings", "widget", "web", "--clear", address=address).returncode == 0


# 14:07 in Amsterdam, on a Monday.
CLOCK = Clock(lambda: "Europe/Amsterdam", datetime(2026, 11, 23, 13, 7, tzinfo=UTC))


@pytest.mark.parametrize(
    ("start", "end", "range_"),
    [
        ("7d", None, "2026-11-17 / 2026-11-24"),
        ("14d", "7d", "2026-11-10 / 2026-11-17"),
        ("2w", None, "2026-11-10 / 2026-11-24"),
        ("yesterday", "today", "2026-11-22 / 2026-11-23"),
        ("2026-01-01", "2026-02-01", "2026-01-01 / 2026-02-01"),
        ("24h", None, "2026-11-22 13:15:00+00:00 / 2026-11-23 13:15:00+00:00"),
        ("2026-11-23T14:00Z", "now", "2026-11-23 14:00:00+00:00 / 2026-11-23 13:15:00+00:00"),
        ("today", "now", "2026-11-23 00:00:00+01:00 / 2026-11-23 13:15:00+00:00"),
        ("2026-11-23T12:00", "tomorrow", "2026-11-23 12:00:00+01:00 / 2026-11-24 00:00:00+01:00"),
    ],
)
def test_times_as_people_write_them(start: str, end: str | None, range_: str) -> None:
    first, last = parse_range(start, end, CLOCK)
    assert f"{first} / {last}" == range_


@pytest.mark.parametrize("text", ["", "7", "7x", "2026-13-01", "999999w", "٣d", "2026-11-23T25:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_range(text, None, CLOCK)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (Value(stars=5), ValueKind.VALUE_KIND_STARS, "5"),
        (Value(action=7), ValueKind.VALUE_KIND_INACTIVITY_ACTION, "resumed_conversation_reassigned"),
        (Value(offline_assignment=2), ValueKind.VALUE_KIND_OFFLINE_ASSIGNMENT, "no_operator_available"),
        (Value(sender=2), ValueKind.VALUE_KIND_SENDER, "operator"),
        (Value(conversation_end=1), ValueKind.VALUE_KIND_CONVERSATION_END, "first"),
        (Value(goal_id="order"), ValueKind.VALUE_KIND_GOAL, "order"),
        (Value(goal_id="{order"), ValueKind.VALUE_KIND_GOAL, '{"goal_id": "{order"}'),
        (Value(topics=TopicSet(topic_ids=["a", "b"])), ValueKind.VALUE_KIND_TOPIC_SET, "a,b"),
        (
            Value(topics=TopicSet(topic_ids=["a,b"])),
            ValueKind.VALUE_KIND_TOPIC_SET,
            '{"topics": {"topic_ids": ["a,b"]}}',
        ),
        (Value(answer=SurveyAnswer(question_id="q", option_id="a=b")), ValueKind.VALUE_KIND_SURVEY_ANSWER, "q=a=b"),
    ],
)
def test_values_are_read_as_they_are_written(value: Value, kind: "ValueKind.ValueType", text: str) -> None:
    assert text_of(value) == text
    assert parse_value(text, kind) == value


@pytest.mark.parametrize("kind", [*ValueKind.values(), 99])
def test_what_is_no_value_is_refused_of_every_kind(kind: "ValueKind.ValueType") -> None:
    """Of those that have none, and of kinds that a newer server may have, too."""
    any_id = {ValueKind.VALUE_KIND_GOAL, ValueKind.VALUE_KIND_TOPIC_SET}
    for text in ["{none"] if kind in any_id else ["{none", "none"]:
        with pytest.raises(typer.BadParameter):
            parse_value(text, kind)


def test_charts_show_anything_above_zero() -> None:
    assert bar(8, 8, 4) == "████"
    assert bar(1, 1_000, 4) == "▏"
    assert not bar(0, 8, 4)
    assert sparkline([0, 1, 500, 1_000], 4) == "·▁▄█"
    assert sparkline([1, 1, 0, 0], 2) == "█·"


def test_without_its_extra_the_command_asks_for_it_and_the_client_works() -> None:
    """In a process where typer and rich cannot be imported."""
    blocked = "import sys; sys.modules.update(typer=None, rich=None); import telwerk, telwerk.events; "
    program = blocked + "from telwerk.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs the extra `cli` of its package" in done.stderr


def test_a_rate_is_shown_with_both_counts(address: str) -> None:
    """As a table in percent, as JSON and CSV as they are; 2 ratings of 1 received conversation are 200%."""
    asked = ("totals", "rating_rate", *DAYS, "--group-by", "operator")
    cells = telwerk(*asked, address=address).stdout.split()
    assert cells[cells.index("anna") :][:4] == ["anna", "2", "1", "200.0%"]
    [row] = json.loads(telwerk(*asked, "-o", "json", address=address).stdout)["totals"]
    assert (row["count"], row["below_count"], row["rate"]) == (2, 1, 2.0)
    done = telwerk("query", "rating_rate", *DAYS, "-o", "csv", address=address)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["count"], row["below_count"], row["rate"]) for row in rows] == [("2", "1", "2.0"), ("0", "0", "")]
    assert "200.0%" in telwerk("query", "rating_rate", *DAYS, address=address).stdout
    refused = telwerk(*asked, "--top", "1", "--min-below", "5", address=address)
    assert "nothing was counted" in refused.stdout
    assert "rating_rate" in telwerk("kpis", address=address).stdout
    assert "When is it counted?" in telwerk("kpis", "rating_rate", address=address).stdout


def test_weekday_and_hour_are_drawn_as_a_heat_map(address: str) -> None:
    """Seven lines, readable without colours, and the busiest hour in words; alone, a row each with a mean per hour."""
    asked = ("totals", "satisfaction_score", "--from", "2026-11-02", "--to", "2026-11-03", "--group-by", "weekday")
    drawn = telwerk(*asked, "--group-by", "hour_of_day", address=address).stdout.splitlines()
    monday = next(line for line in drawn if line.startswith("Mon"))
    assert monday == "Mon " + " · " * 9 + "██ " + (" · " * 14).rstrip()
    assert [line for line in drawn if line.startswith("Tue")] == ["Tue"]
    assert "busiest: Mon 09:00 to 10:00, 2 an hour (2 in 1 h)" in drawn
    table = telwerk(*asked, address=address).stdout
    assert tuple(cell for cell in table.split() if cell in {"Mon", "0.08"}) == ("Mon", "0.08")
    asked = ("totals", "response_time", *asked[2:], "--group-by", "hour_of_day")
    assert "longest: Mon 09:00 to 10:00, 1.0 min on average (of 2)" in telwerk(*asked, address=address).stdout


def test_the_width_can_be_left_to_the_server(address: str) -> None:
    """Two days: by the hour, and labelled so."""
    drawn = telwerk("query", "satisfaction_score", *DAYS, "--granularity", "auto", address=address).stdout
    assert "Mon 2026-11-02 09:00" in drawn


def test_percentiles_stand_in_tables_as_durations(address: str) -> None:
    """As p50 and p90, of rows and of buckets and their total; each asked for in any of its forms."""
    asked = ("response_time", *DAYS, "--percentile", "0.5,p90")
    table = telwerk("totals", *asked, "--group-by", "operator", "--order-by", "-p90", address=address).stdout
    rows = [row.split() for row in table.splitlines()]
    assert ["KPI", "Operator", "Count", "Mean", "p50", "p90"] in rows
    numbers = ["2", "1.0", "min", "30.2", "s", "1.5", "min"]
    assert ["Response", "time", "bram", *numbers] in rows
    rows = [row.split() for row in telwerk("query", *asked, address=address).stdout.splitlines()]
    assert ["Mon", "2026-11-02", *numbers] in [row[:9] for row in rows]
    assert ["Tue", "2026-11-03", "0", "–", "–", "–"] in rows
    assert ["Total", *numbers] in rows
    rows = [
        row.split() for row in telwerk("query", *asked, "--group-by", "operator", address=address).stdout.splitlines()
    ]
    assert ["Operator", "Count", "Mean", "p50", "p90"] in [row[:5] for row in rows]
    assert ["bram", *numbers] in [row[:8] for row in rows], "of all buckets of the row together"
    [told] = json.loads(telwerk("query", *asked, "-o", "json", address=address).stdout)["kpis"]
    assert (round(told["p50"], -3), round(told["p90"], -3)) == (30_000, 90_000), "of all buckets together"


def test_durations_and_rates_are_compared_with_their_like(address: str) -> None:
    """Not with a count: a mean with the mean before, a rate with the rate, and drawn so."""
    days = ("--from", "2026-11-03", "--to", "2026-11-04", "--compare", "previous")
    rows = [row.split() for row in telwerk("query", "response_time", *days, address=address).stdout.splitlines()]
    assert ["Tue", "2026-11-03", "0", "–", "1.0", "min"] in rows
    rows = [row.split() for row in telwerk("query", "rating_rate", *days, address=address).stdout.splitlines()]
    assert ["Tue", "2026-11-03", "0", "0", "–", "200.0%"] in rows


def test_what_is_known_now_is_what_was_known_now(address: str) -> None:
    asked = ("totals", "response_time", *DAYS, "-o", "csv")
    assert telwerk(*asked, "--as-of", "now", address=address).stdout == telwerk(*asked, address=address).stdout


def test_csv_marks_what_is_not_counted_and_from_when_on_the_rest_is_known() -> None:
    """An empty answer would be taken for none, and a part of one for the whole."""
    answers = [
        KpiAnswer(kpi_id="messages", availability=Availability.AVAILABILITY_NOT_YET_COUNTED),
        KpiAnswer(kpi_id="feedback_count", known_from=Timestamp(seconds=0)),
    ]
    response = QueryTotalsResponse(totals=[Total(kpi_id="feedback_count", count=3)], answers=answers, time_zone="UTC")
    rows = list(csv.DictReader(io.StringIO(totals_text(response, Output.CSV))))
    assert [(row["kpi"], row["count"], row["counted"], row["known_from"]) for row in rows] == [
        ("feedback_count", "3", "True", "1970-01-01T00:00:00+00:00"),
        ("messages", "", "False", ""),
    ]
    told = json.loads(totals_text(response, Output.JSON))["kpis"]
    assert [(one["counted"], one.get("known_from")) for one in told] == [
        (False, None),
        (True, "1970-01-01T00:00:00+00:00"),
    ]
