"""`telwerk report --html`: the real command against a real server; the page is read as XML, which it also is."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from telwerk import Telwerk, events
from telwerk.cli.report import charts
from telwerk.cli.report.changes import changed_most
from telwerk.cli.report.means import spread_text
from telwerk.cli.report.texts import WORDS
from telwerk.v1.event_pb2 import InactivityAction
from telwerk.v1.kpi_service_pb2 import (
    Direction,
    Kpi,
    Percentile,
    QueryTotalsResponse,
    Total,
    TotalComparison,
    ValueKind,
)
from telwerk.v1.settings_service_pb2 import WidgetSettings
from tests.client.command import telwerk
from tests.conftest import serving

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
RANGE = ("--from", "2026-11-01", "--to", "2026-11-08")
DAYS = {"start": date(2026, 11, 1), "end": date(2026, 11, 8)}
ACCOUNT = """a<script>&"'"""
OPERATOR = "<script>alert(1)</script>"
GROUP = '"><img src="https://evil.example/x">'
WIDGET = "</style><style>*{display:none}"
TOPIC = "{{ 7 * 7 }}"
GOAL = "<a href='javascript:alert(1)'>"
QUESTION = "]]>--><b>"
OPTION = "&amp;\N{RIGHT-TO-LEFT OVERRIDE}"
ACTION = InactivityAction.INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED
IDS = [OPERATOR, GROUP, TOPIC, GOAL, QUESTION]


def fill(address: str, account: str = ACCOUNT) -> None:
    """A week in which everything was counted once or more, for ids that would like to be HTML, and one chat before."""
    web = {"widget": WIDGET, "at": AT + timedelta(minutes=5)}
    before = AT - timedelta(days=7)
    with Telwerk(address) as client:
        client.set_widget_settings(
            account,
            WidgetSettings(
                widget_id=WIDGET, enabled_actions=[InactivityAction.INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT]
            ),
        )
        client.set_widget_settings(account, WidgetSettings(widget_id="silent"))
        answer = client.ingest(
            account,
            [
                events.operator_assigned("1", widget=WIDGET, at=AT, operator=OPERATOR, group=GROUP),
                events.message_sent("1", widget=WIDGET, at=AT, sender="contact"),
                *(events.rated("1", **web, stars=stars) for stars in (5, 5, 4, 1)),
                events.feedback_left("1", **web),
                events.topics_set("1", **web, topics=[TOPIC, "billing"]),
                events.goal_reached("1", **web, goal=GOAL),
                events.post_chat_survey_answered("1", **web, answers={QUESTION: OPTION, "new": "yes"}),
                events.inactivity_action("1", **web, action=ACTION),
                events.ended("1", widget=WIDGET, at=AT + timedelta(minutes=6)),
                events.message_sent("2", widget=WIDGET, at=AT, sender="contact"),
                events.topics_set("2", **web, topics=["billing"]),
                events.post_chat_survey_answered("2", **web, answers={"new": "no"}),
                events.pre_chat_survey_completed("3", **web, answers={"new": "yes"}),
                events.operator_assigned(
                    "4", widget=WIDGET, at=before - timedelta(minutes=1), operator=OPERATOR, group=GROUP
                ),
                events.rated("4", widget=WIDGET, at=before, stars=3),
                events.feedback_left("4", widget=WIDGET, at=before),
                events.feedback_left("4", widget=WIDGET, at=before + timedelta(seconds=1)),
            ],
        )
        assert not answer.rejections, answer


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the one server for all."""
    return tmp_path_factory.mktemp("report") / "telwerk.db"


@pytest.fixture(scope="module")
def address(database: Path) -> Iterator[str]:
    """Where it is."""
    with serving(database) as server:
        fill(server.address)
        yield server.address


@pytest.fixture(scope="module")
def page(address: str, tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    """The week's report."""
    return report(address, tmp_path_factory.mktemp("page") / "report.html", *RANGE)


def report(address: str, path: Path, *arguments: str, account: str = ACCOUNT) -> ET.Element:
    done = telwerk("report", "--html", path, *arguments, address=address, TELWERK_ACCOUNT=account)
    assert (done.returncode, done.stdout) == (0, "")
    assert not done.stderr or "no data yet" in done.stderr or "not counted of the account" in done.stderr
    return ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - of our own making


def text(element: ET.Element | None) -> str:
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def table(page: ET.Element, heading: str) -> dict[str, list[str]]:
    """The cells of the table of that caption, by the headings of its rows."""
    found = [one for one in page.iter("table") if (c := one.find("caption")) is not None and text(c) == heading]
    assert len(found) == 1, heading
    return rows(found[0])


def rows(found: ET.Element) -> dict[str, list[str]]:
    return {text(row.find("th")): [text(cell) for cell in row.findall("td")] for row in found.iterfind(".//tbody/tr")}


def glance(page: ET.Element) -> dict[str, list[str]]:
    """Value, before, change and unit, by KPI."""
    found = page.find(".//section[@aria-labelledby='glance']/table")
    assert found is not None
    return rows(found)


def test_the_page_asks_for_nothing_and_runs_nothing(page: ET.Element) -> None:
    for element in page.iter():
        for name, value in element.attrib.items():
            assert name not in {"src", "srcset", "style", "xlink:href", "action"}, (element.tag, name)
            assert not name.startswith("on")
            assert name != "href" or value.startswith("#")
    assert {"script", "img", "link", "iframe", "object", "b"}.isdisjoint(element.tag for element in page.iter())
    style = text(page.find(".//style"))
    assert "url(" not in style
    assert "@import" not in style
    policy = page.find(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy is not None
    assert policy.get("content", "").startswith("default-src 'none'")


def test_every_link_leads_to_a_place_on_the_page(page: ET.Element) -> None:
    places = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(places) == len(set(places))
    links = [element.get("href", "")[1:] for element in page.iter("a")]
    labels = [element.get("aria-labelledby") for element in page.iter() if element.get("aria-labelledby")]
    assert {*links, *labels} <= set(places)


def test_whatever_an_id_looks_like_it_is_read_and_nothing_else(page: ET.Element) -> None:
    whole = text(page)
    assert [one for one in IDS if one not in whole] == []
    assert text(page.find(".//h1/bdi")) == ACCOUNT
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in whole


@pytest.mark.parametrize("language", WORDS)
def test_every_kpi_stands_there_with_its_help_text_in_each_language(
    address: str, tmp_path: Path, language: str
) -> None:
    page = report(address, tmp_path / "page.html", *RANGE, "--language", language)
    assert page.get("lang") == language
    whole = text(page)
    with Telwerk(address) as client:
        catalogue = client.catalogue(language)
    for section in catalogue.sections:
        assert " ".join(section.introduction.split()) in whole
    assert list(glance(page)) == [kpi.display_name for kpi in catalogue.kpis]
    for kpi in catalogue.kpis:
        assert page.find(f".//article[@id='{kpi.kpi_id}']") is not None
        for said in (kpi.display_name, kpi.section, kpi.what, kpi.unit, kpi.when, kpi.why, kpi.example):
            assert " ".join(said.split()) in whole


def test_the_totals_are_the_servers_beside_those_before(page: ET.Element) -> None:
    assert glance(page) == {
        "Satisfaction score": ["3.75", "3.00", "▲ +0.75 better", "mean of 4 ratings"],
        "Feedback count": ["1", "2", "▼ \N{MINUS SIGN}1", "Feedback items"],
        "Unanswered live conversations": ["0", "0", "unchanged", "Conversations"],
        "Unanswered ended conversations": ["1", "0", "▲ +1 worse", "Conversations"],
        "Inactivity actions performed": ["1", "0", "▲ +1 worse", "Inactivity actions"],
        "Offline assignments of returning contacts": ["1", "0", "▲ +1 worse", "Inactivity actions"],
        "Goals reached": ["1", "0", "▲ +1 better", "Goals"],
        "Conversation topics": ["2", "0", "▲ +2", "Topic assignments"],
        "Pre-chat survey results": ["0", "0", "unchanged", "Survey answers"],
        "Post-chat survey results": ["3", "0", "▲ +3", "Survey answers"],
        "Conversations started": ["2", "0", "▲ +2", "Conversations"],
        "Conversations ended": ["1", "0", "▲ +1", "Conversations"],
        "Live conversations answered in time": ["0", "0", "unchanged", "Conversations"],
        "First response time": ["–", "–", "–", "no durations"],
        "Response time": ["–", "–", "–", "no durations"],
        "Live session duration": ["–", "–", "–", "no durations"],
        "Conversation duration": ["–", "–", "–", "no durations"],
        "Messages": ["2", "0", "▲ +2", "Messages"],
        "Reassignments": ["0", "0", "unchanged", "Reassignments"],
        "Conversations received by operators": ["1", "0", "▲ +1", "Conversations"],
    }


def test_values_are_listed_with_counts_and_shares(page: ET.Element) -> None:
    def counted(heading: str) -> dict[str, list[str]]:
        return {name: cells[:2] for name, cells in table(page, heading).items()}

    assert counted("Stars") == {
        "1 star": ["1", "25.0%"],
        "2 stars": ["0", "0.0%"],
        "3 stars": ["0", "0.0%"],
        "4 stars": ["1", "25.0%"],
        "5 stars": ["2", "50.0%"],
    }
    assert counted("Ends") == {"First end": ["1", "100.0%"], "Ended again": ["0", "0.0%"]}
    assert counted("Goals") == {GOAL: ["1", "100.0%"]}
    assert counted("Single topics") == {"billing": ["2", "100.0%"], TOPIC: ["1", "50.0%"]}
    assert counted("Combinations of topics") == {"billing": ["1", "50.0%"], f"billing + {TOPIC}": ["1", "50.0%"]}
    # Of a survey each question is a whole of its own.
    assert counted("Question new · 2") == {"no": ["1", "50.0%"], "yes": ["1", "50.0%"]}
    assert counted(f"Question {QUESTION} · 1") == {"&amp;\N{REPLACEMENT CHARACTER}": ["1", "100.0%"]}
    assert counted("Actions")["Resumed conversation reassigned"] == ["1", "100.0%"]


def test_operators_and_groups_stand_side_by_side_with_nobody_among_them(page: ET.Element) -> None:
    operators, groups = table(page, "Operator"), table(page, "Operator group")
    assert operators == {
        OPERATOR: ["3.75▲ +0.75 better", *"4101111102010", *["–", "0"] * 4, *"001"],
        "nobody": ["–", *"0000000101200", *["–", "0"] * 4, *"200"],
    }
    assert list(groups) == [GROUP, "nobody"]
    # The style's end tag within the widget's id is text, too.
    assert list(table(page, "Widget")) == [WIDGET]


def test_rates_stand_with_both_counts_beside_those_before(page: ET.Element) -> None:
    """Of one received conversation in each week there were 4 ratings, and 1 before."""
    found = page.find(".//section[@aria-labelledby='rates']/table")
    assert found is not None
    assert rows(found)["Ratings per conversation"] == ["400.0%", "–", "–", "4 of 1"]
    assert rows(found)["Share of live conversations answered in time"] == ["–", "–", "–", "0 of 0"]


def test_the_week_is_a_table_that_can_be_heard(page: ET.Element) -> None:
    """A heat map whose cells have their numbers in them: two conversations started on the Monday at nine."""
    week = table(page, "Conversations started per hour, by the clocks of UTC")
    assert len(week) == 24
    assert week["09:00"] == ["2.0", *["0.0"] * 6]
    section = page.find(".//section[@aria-labelledby='week']")
    assert section is not None
    assert text(section.find("p")) == "Busiest: Monday from 09:00, 2.0 an hour (2 in 1 hours)."
    levels = {cell.get("class") for cell in section.iterfind(".//tbody/tr/td")}
    assert levels == {"heat-0", "heat-8"}


def test_the_buckets_of_a_section_add_up_to_its_totals(page: ET.Element) -> None:
    sections = page.findall(".//div[@class='scroll']/table")
    assert len(sections) == 3
    for found in sections:
        cells = rows(found)
        assert list(cells) == [f"2026-11-0{day}" for day in range(1, 8)]
        totals = [text(cell) for cell in found.findall("tfoot/tr/td")]
        columns = list(zip(*cells.values(), strict=True))
        counts = [place for place, column in enumerate(columns) if "–" not in column]
        assert [sum(int(cell) for cell in columns[place]) for place in counts] == [int(totals[n]) for n in counts]


def test_charts_are_heard_and_tables_have_headings(page: ET.Element) -> None:
    drawn = [one for one in page.iter("svg") if one.get("aria-hidden") != "true"]
    # For a wide and for a narrow screen, of which one is shown; all but the KPIs of which nothing was ever counted.
    assert len(drawn) == 2 * 12
    assert {one.get("class") for one in drawn} == {"wide-only", "narrow-only"}
    for one in drawn:
        assert one.get("role") == "img"
        assert "lowest" in one.get("aria-label", "")
    for found in page.iter("table"):
        assert all(heading.get("scope") in {"row", "col"} for heading in found.iter("th"))
    assert all(one.get("tabindex") == "0" for one in page.iter("div") if one.get("role") == "region")


def test_what_must_be_known_before_the_numbers_stands_before_them(page: ET.Element) -> None:
    facts = page.find(".//dl[@class='facts']")
    assert facts is not None
    told = dict(
        zip([text(one) for one in facts.findall("dt")], [text(one) for one in facts.findall("dd")], strict=True)
    )
    assert told["Range"] == "2026-11-01 … 2026-11-07 (UTC)"
    assert told["Compared with"] == "2026-10-25 … 2026-10-31"
    assert told["Slice"] == "all operators, groups and widgets"
    assert datetime.fromisoformat(told["Made on"]).replace(tzinfo=UTC) > AT
    assert datetime.fromisoformat(told["Complete until"]).replace(tzinfo=UTC) > AT
    notes = [text(one) for one in page.findall(".//div[@role='note']/ul/li")]
    assert "Pre-chat survey results: 1 held back until the first message of their conversation." in notes
    assert "No inactivity action is enabled on: silent." in text(page.find(".//article[@id='inactivity_actions']"))


def test_a_range_that_is_not_over_says_so(address: str, tmp_path: Path) -> None:
    page = report(address, tmp_path / "page.html", "--from", "7d")
    assert "The range is not over yet" in text(page.find(".//div[@role='note']"))


def test_of_widgets_without_inactivity_actions_there_is_no_number(address: str, tmp_path: Path) -> None:
    page = report(address, tmp_path / "page.html", *RANGE, "--widget", "silent", "--operator", "nobody")
    assert glance(page)["Inactivity actions performed"][:3] == ["not enabled", "–", "–"]
    article = page.find(".//article[@id='inactivity_actions']")
    assert "nothing to count" in text(article)
    assert "0" not in text(article)
    column = [cells[5] for cells in rows(page.findall(".//div[@class='scroll']/table")[0]).values()]
    assert set(column) == {"–"}
    assert "Operator nobody; Widget silent" in text(page.find(".//dl[@class='facts']"))


def test_the_range_and_its_buckets_are_what_was_asked_for(address: str, tmp_path: Path) -> None:
    instants = ("--from", "2026-11-02T08:30", "--to", "2026-11-02T11:00", "--zone", "Asia/Kathmandu")
    page = report(address, tmp_path / "page.html", *instants, "--granularity", "hour", "--language", "nl")
    assert "2026-11-02 08:30 … 2026-11-02 11:00 (Asia/Kathmandu)" in text(page.find(".//dl[@class='facts']"))
    labels = list(rows(page.findall(".//div[@class='scroll']/table")[0]))
    assert labels == ["2026-11-02 08:30 (deel)", "2026-11-02 09:00", "2026-11-02 10:00"]
    assert WORDS["nl"].part_why in text(page.find(".//div[@role='note']"))


def test_an_account_of_which_nothing_is_known_has_a_whole_page(address: str, tmp_path: Path) -> None:
    page = report(address, tmp_path / "page.html", *RANGE, account="empty")
    assert len(page.findall(".//article")) == 20
    assert glance(page)["Satisfaction score"] == ["–", "–", "–", "no ratings"]
    assert text(page).count("Nothing was counted in this range.") >= 20
    assert not [one for one in page.iter("svg") if one.get("role") == "img"]


def test_a_part_that_cannot_be_answered_says_why_and_the_rest_is_there(tmp_path: Path) -> None:
    config = tmp_path / "telwerk.toml"
    # Enough for the totals and the series of this week, not for all that comes after them in the same batch.
    config.write_text("points_max = 800\n")
    with serving(tmp_path / "telwerk.db", "--config", str(config)) as server:
        fill(server.address)
        page = report(server.address, tmp_path / "page.html", *RANGE)
    assert len(glance(page)) == 20
    errors = [text(one) for one in page.iter("p") if one.get("class") == "error"]
    assert errors
    assert all("points_max" in error for error in errors)


def test_the_page_can_go_to_standard_output(address: str) -> None:
    done = telwerk("report", "--html", "-", *RANGE, address=address, TELWERK_ACCOUNT=ACCOUNT, PYTHONUTF8="1")
    assert done.returncode == 0
    assert done.stdout.startswith("<!DOCTYPE html>\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--html", "page.html", "--language", "fr"), 2, "'fr' is not one of 'en', 'de', 'nl'"),
        (("--html", "/nowhere/page.html"), 2, "/nowhere/page.html cannot be written"),
        (("--html", "page.html", "--from", "2026-01-01", "--granularity", "hour"), 2, "wider --granularity"),
        (("--html", "page.html", "--zone", "Mars/Base"), 2, "Mars/Base"),
        (("--html", "page.html", "--from", "2026-11-03", "--to", "2026-11-02"), 4, "must be later than the start"),
        ((), 2, "--html"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_an_exit_code(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = telwerk("report", *arguments, address=address)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in " ".join(done.stderr.split())
    assert not (tmp_path / "page.html").exists()


def test_a_legend_names_what_is_drawn_and_nothing_else(page: ET.Element) -> None:
    def legend(kpi: str) -> list[str]:
        return [text(one) for one in page.findall(f".//article[@id='{kpi}']//figcaption/span")]

    # A single point before is joined to no other, so that there is no line.
    assert legend("satisfaction_score") == ["this period"]
    assert legend("feedback_count") == ["this period", "the period before"]
    assert legend("goals_reached") == ["this period"]


def test_each_section_says_what_changed_most_and_whether_that_may_be_chance(page: ET.Element) -> None:
    said = [text(one) for one in page.iter("p") if one.get("class") == "summary"]
    assert said == [
        "Changed most: Unanswered ended conversations, ▲ +1 (worse). Chance alone may explain it.",
        "Changed most: Post-chat survey results, ▲ +3. Chance alone may explain it.",
        "Changed most: Conversations started, ▲ +2. Chance alone may explain it.",
    ]


def test_invented_chats_are_marked_as_simulated(page: ET.Element, address: str, tmp_path: Path) -> None:
    def marks(found: ET.Element) -> list[str]:
        return [text(one) for one in found.iter("p") if one.get("class") == "mark"]

    assert marks(page) == []
    with Telwerk(address) as client:
        client.ingest("invented", [events.feedback_left("sim-1", widget="sim-web", at=AT)])
        client.ingest("invented", [events.ended("sim-1", widget="sim-web", at=AT)])
    simulated = report(address, tmp_path / "page.html", *RANGE, account="invented")
    assert marks(simulated) == ["simulated data"]
    assert "nobody measured them" in text(simulated.find(".//div[@role='note']"))


def test_pre_chat_answers_say_why_they_belong_to_nobody(address: str, tmp_path: Path) -> None:
    with Telwerk(address) as client:
        surveyed = events.pre_chat_survey_completed("1", widget="web", at=AT, answers={"new": "yes"})
        client.ingest("asked", [surveyed, events.message_sent("1", widget="web", at=AT, sender="contact")])
    page = report(address, tmp_path / "page.html", *RANGE, account="asked")
    why = WORDS["en"].pre_chat_why
    assert why in text(page.find(".//article[@id='pre_chat_survey_results']"))
    notes = [text(one) for one in page.iter("p") if one.get("class") == "soft help"]
    assert notes.count(f"Pre-chat survey results: {why}") == 2  # beside operators and groups; a widget it has


def test_below_a_chart_dates_are_the_readers_own(address: str, tmp_path: Path) -> None:
    for language, first in (("en", "Nov 1"), ("nl", "1 nov"), ("de", "1. Nov.")):
        page = report(address, tmp_path / "page.html", *RANGE, "--language", language)
        [chart] = [
            one for one in page.findall(".//article[@id='feedback_count']//svg") if one.get("class") == "wide-only"
        ]
        assert first in [text(one) for one in chart.findall("text")]


def test_no_cell_may_break_within_a_word_and_a_narrow_screen_gets_cards(page: ET.Element) -> None:
    """How that looks at 360, 390, 768 and 1,200 pixels is seen in pictures; this holds what makes it so."""
    style = text(page.find(".//style"))
    assert re.findall(r"([^{}]+){[^{}]*overflow-wrap: anywhere", style) == [" .facts dd ", " td bdi, th bdi "]
    cards = page.find(".//table[@class='cards']")
    assert cards is not None
    assert all(one.get("role") for one in cards.iter() if one.tag in {"tr", "td", "th", "thead", "tbody"})


@pytest.mark.parametrize(
    ("count", "before", "written"),
    [
        (12, 12, ("unchanged", "")),
        (157, 1, ("▲ +156", "worse")),
        (9, 4, ("▲ +5", "worse")),
        (8, 16, ("▼ \N{MINUS SIGN}8 (\N{MINUS SIGN}50.0%)", "better")),
        (3_000, 10, ("▲ +2,990", "worse")),
        (24_680, 12_340, ("▲ +12,340 (+100.0%)", "worse")),
    ],
)
def test_a_change_is_said_in_percent_only_where_that_means_something(
    count: int, before: int, written: tuple[str, str]
) -> None:
    change = WORDS["en"].count_change(count, before, Direction.DIRECTION_LOWER_IS_BETTER)
    assert (change.text, change.word) == written


def test_what_is_neither_good_nor_bad_has_no_verdict() -> None:
    change = WORDS["en"].count_change(30, 20, Direction.DIRECTION_NEITHER)
    assert (change.text, change.verdict, change.word) == ("▲ +10 (+50.0%)", "", "")


def test_columns_stand_on_zero_below_a_round_number() -> None:
    chart = charts.columns([0, 7, 23], [10, 0, 0, 99], charts.Axis(["a", "b", "c"]))
    assert [tick.value for tick in chart.ticks] == [0, 10, 20, 30]
    ground = chart.ticks[0].y
    assert [round(box.y + box.height - ground, 6) for box in chart.columns] == [0, 0]
    assert [label.text for label in chart.labels] == ["a", "b", "c"]
    # What the compared period has more than this one has nothing to stand over.
    assert len(chart.dashes) == 1
    assert chart.dashes[0].y == pytest.approx(chart.ticks[1].y)


def test_durations_stand_on_zero_in_the_unit_of_the_longest() -> None:
    chart = charts.durations([90_000, None, 240_000], [30_000, 150_000, None], charts.Axis(["a", "b", "c"]))
    assert [(tick.value, tick.unit) for tick in chart.ticks] == [(n, "min") for n in range(5)]
    assert [y for _, y in chart.points] == [pytest.approx((chart.ticks[1].y + chart.ticks[2].y) / 2), chart.ticks[-1].y]
    assert (len(chart.lines), len(chart.lines_before)) == (0, 1)
    assert charts.durations([None], [0.0], charts.Axis(["a"])).ticks[-1].value == 1


@pytest.mark.parametrize(
    ("mean", "before", "written"),
    [
        (850, 850, ("850 ms", "unchanged", "")),
        (57_500, 3_690_000, ("57.5 s", "▼ \N{MINUS SIGN}1.0 h", "better")),
        (9 * 86_400_000, 60_000, ("9.0 d", "▲ +9.0 d", "worse")),
    ],
)
def test_means_of_durations_are_written_in_the_unit_that_fits(
    mean: float, before: float, written: tuple[str, str, str]
) -> None:
    change = WORDS["en"].duration_change(mean - before, Direction.DIRECTION_LOWER_IS_BETTER)
    assert (WORDS["en"].duration(mean), change.text, change.word) == written


def test_a_change_of_durations_may_be_chance_where_few_were_measured() -> None:
    """Two answers that took 1 and then 2 minutes say little, four hundred of them a lot."""
    kpi = Kpi(kpi_id="k", display_name="K", has_mean=True, value_kind=ValueKind.VALUE_KIND_DURATION)

    def said(count: int) -> str:
        before = TotalComparison(count=count, mean=60_000, mean_delta=60_000)
        total = Total(kpi_id="k", count=count, mean=120_000, comparison=before)
        return changed_most([kpi], QueryTotalsResponse(totals=[total]), WORDS["en"])

    assert said(2) == "Changed most: K, ▲ +1.0 min. Chance alone may explain it."
    assert said(400) == "Changed most: K, ▲ +1.0 min."


def test_what_an_account_does_not_count_is_left_out(address: str, database: Path, tmp_path: Path) -> None:
    """A zero would be wrong: neither among the KPIs, nor in a section, nor beside operators, nor as a rate."""
    fill(address, "of-ten")
    only_ten = ["rebuild", "--database", database, "--account", "of-ten", "--kpis", "ten"]
    subprocess.run([sys.executable, "-m", "telwerkd.cli", *only_ten], check=True, capture_output=True, timeout=60)
    page = report(address, tmp_path / "page.html", *RANGE, account="of-ten")
    assert glance(page)["Satisfaction score"][0] == "3.75"
    assert len(glance(page)) == 10
    assert len(page.findall(".//div[@class='scroll']/table")) == 2
    assert len(table(page, "Operator")[OPERATOR]) == 11
    rates = page.find(".//section[@aria-labelledby='rates']/table")
    assert rates is not None
    assert list(rows(rates)) == ["Returning contacts who reached another operator"]  # the only one of part one alone


def test_a_mean_is_joined_to_its_neighbours_only() -> None:
    chart = charts.means([5, 4, None, 1, None, 2, 3], [None] * 7, charts.Axis(list("abcdefg")))
    assert len(chart.points) == 5
    assert [path.count("L") for path in chart.lines] == [1, 1]
    assert chart.points[0][1] == pytest.approx(chart.ticks[-1].y)
    assert chart.points[2][1] == pytest.approx(chart.ticks[0].y)


@pytest.mark.parametrize(
    ("highest", "ticks"), [(1, [0, 1]), (4, [0, 1, 2, 3, 4]), (5, [0, 2, 4, 6]), (120, [0, 50, 100, 150])]
)
def test_scales_are_round_and_reach_the_highest(highest: int, ticks: list[int]) -> None:
    assert [tick.value for tick in charts.columns([highest], [], charts.Axis(["a"])).ticks] == ticks


@pytest.mark.parametrize("canvas", [charts.WIDE, charts.NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("buckets", [1, 7, 28, 31, 365, 400])
def test_however_many_buckets_there_are_few_are_named_at_even_distances(buckets: int, canvas: charts.Canvas) -> None:
    axis = charts.Axis([str(n) for n in range(buckets)], steps=(1, 2, 7, 14, 28))
    labels = charts.columns([1] * buckets, [], axis, canvas).labels
    named = [int(label.text) for label in labels]
    assert named[0] == 0
    assert 1 <= len(named) <= canvas.labels_max
    assert len({second - first for first, second in pairwise(named)}) <= 1
    assert all(canvas.left <= label.x <= canvas.right for label in labels)


def test_numbers_are_written_as_each_language_writes_them() -> None:
    written = {code: (w.number(-1_234_567), w.decimal(4.5), w.share_text(0.125)) for code, w in WORDS.items()}
    assert written == {
        "en": ("\N{MINUS SIGN}1,234,567", "4.50", "12.5%"),
        "nl": ("\N{MINUS SIGN}1.234.567", "4,50", "12,5%"),
        "de": ("\N{MINUS SIGN}1.234.567", "4,50", "12,5\N{NO-BREAK SPACE}%"),
    }


def test_no_language_leaves_out_what_a_sentence_is_to_be_filled_with() -> None:
    def blanks(words: object) -> dict[str, list[str]]:
        return {name: re.findall(r"{\w+}", said) for name, said in vars(words).items() if isinstance(said, str)}

    english, *others = (blanks(words) for words in WORDS.values())
    assert all(
        {n: sorted(b) for n, b in other.items()} == {n: sorted(b) for n, b in english.items()} for other in others
    )


def test_without_the_extra_it_is_asked_for(address: str, tmp_path: Path) -> None:
    """Some have the command's older parts only, such as those who installed the server."""
    code = "import sys; sys.modules['jinja2'] = None; from telwerk.cli.main import main; main()"
    arguments = ["--address", address, "report", "--account", "a", "--html", str(tmp_path / "page.html")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs the extra `cli` of its package" in done.stderr


def test_beside_a_mean_of_durations_stands_within_which_time_most_are_over() -> None:
    found = [Percentile(percentile=0.5, value=25_800), Percentile(percentile=0.9, value=130_000)]
    assert spread_text(found, WORDS["en"]) == "Half within 25.8 s, nine of ten within 2.2 min."
    assert spread_text([], WORDS["en"]) == ""
