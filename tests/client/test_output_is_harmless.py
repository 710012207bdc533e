"""Ids are chosen by others: in a spreadsheet they are no formulas, in a terminal they steer nothing."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from telwerk import Telwerk, events
from telwerk.cli.options import Output
from telwerk.cli.spreadsheets import csv_text
from telwerk.v1.settings_service_pb2 import WidgetSettings
from tests.client.command import telwerk
from tests.conftest import serving

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = ("--account", "acme", "--from", "2026-11-02", "--to", "2026-11-03")
FORMULAS = ['=HYPERLINK("http://x","y")', "+1", "-2+3", "@SUM(A1)", "\uff1d1"]
STEERING = {
    "a\N{RIGHT-TO-LEFT OVERRIDE}b": "a\N{REPLACEMENT CHARACTER}b",
    "c\N{ARABIC LETTER MARK}d": "c\N{REPLACEMENT CHARACTER}d",
    "e\N{LEFT-TO-RIGHT ISOLATE}f": "e\N{REPLACEMENT CHARACTER}f",
    "g\N{LEFT-TO-RIGHT MARK}h": "g\N{REPLACEMENT CHARACTER}h",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("harmless") / "telwerk.db") as server:
        with Telwerk(server.address) as client:
            for n, operator in enumerate([*FORMULAS, *STEERING]):
                common = {"conversation_id": f"{operator}!", "widget": operator}
                made = [
                    events.operator_assigned(**common, event_id=f"1{operator}", at=AT, operator=operator, group="g"),
                    events.rated(**common, event_id=f"2{operator}", at=AT.replace(minute=n + 1), stars=4),
                ]
                assert client.ingest("acme", made).accepted_count == 2
            client.set_widget_settings("acme", WidgetSettings(widget_id="\N{RIGHT-TO-LEFT OVERRIDE}w"))
        yield server.address


def test_no_cell_of_a_csv_is_a_formula_unless_asked_for_raw(address: str) -> None:
    """Of totals, series and explanations; numbers stay numbers."""
    by = ("--group-by", "operator")
    for command in (("totals", *by), ("query", *by), ("explain",)):
        name, *options = command
        ask = (name, "satisfaction_score", *DAY, *options)
        safe = telwerk(*ask, "-o", "csv", address=address).stdout
        raw = telwerk(*ask, "-o", "csv-raw", address=address).stdout
        cells = [cell for row in csv.reader(io.StringIO(safe)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(tuple("=+-@\uff1d"))]
        operators = {row["operator"] for row in csv.DictReader(io.StringIO(safe))}
        assert {f"'{formula}" for formula in FORMULAS} <= operators
        assert set(FORMULAS) <= {row["operator"] for row in csv.DictReader(io.StringIO(raw))}


def test_numbers_are_no_formulas_however_negative() -> None:
    """What was counted less than before is a number; only texts are quoted."""
    row = {"change": -3, "share": -0.5, "none": None, "id": "-3", "tab": "\tx", "plain": "a=b"}
    [cells] = csv.DictReader(io.StringIO(csv_text([row], Output.CSV), newline=""))
    assert cells == {
        "change": "-3",
        "share": "-0.5",
        "none": "",
        "id": "'-3",
        "tab": "'\tx",
        "plain": "a=b",
    }


def test_nothing_in_a_table_turns_the_direction_of_text(address: str) -> None:
    """Totals, series, explanations and settings: as the report shows them."""
    asked = [
        ("totals", "satisfaction_score", *DAY, "--group-by", "operator"),
        ("query", "satisfaction_score", *DAY, "--group-by", "operator"),
        ("explain", "satisfaction_score", *DAY),
    ]
    for command in asked:
        shown = telwerk(*command, address=address).stdout
        for steering, readable in STEERING.items():
            assert steering not in shown
            assert readable in shown
    shown = telwerk("settings", "show", "--account", "acme", address=address).stdout
    assert "\N{REPLACEMENT CHARACTER}w" in shown
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown
