"""What is nearly right, or has no effect, is said so before a reader trusts an empty answer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from telwerk import Telwerk, events
from tests.client.command import ACCOUNT, telwerk
from tests.conftest import serving

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
NO_DATA = "no data yet for the account 'dmeo': is it spelled right?"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one ended chat of nobody's."""
    with serving(tmp_path_factory.mktemp("notices") / "telwerk.db") as server:
        with Telwerk(server.address) as client:
            client.ingest(ACCOUNT, [events.ended("chat-1", widget="web", at=AT)])
        yield server.address


def test_the_version_is_told_without_a_server() -> None:
    done = telwerk("--version", address="127.0.0.1:1")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"telwerk {version('telwerk')}\n", "")


@pytest.mark.parametrize(
    "asked",
    [
        ("query", "feedback_count", "-o", "table"),
        ("totals", "goals_reached", "-o", "json"),
        ("explain", "feedback_count", "-o", "csv"),
    ],
)
def test_an_account_that_nothing_was_stored_of_is_said_to_be_so(address: str, asked: tuple[str, ...]) -> None:
    done = telwerk(*asked, "--account", "dmeo", address=address)
    assert done.returncode == 0
    assert NO_DATA in done.stderr
    assert "no data yet" not in done.stdout


@pytest.mark.parametrize("asked", ["query", "explain"])
def test_an_account_with_data_elsewhere_is_not_doubted(address: str, asked: str) -> None:
    assert telwerk(asked, "feedback_count", address=address).stderr == ""


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("totals", "feedback_count", "--top", "3"), "--top"),
        (("query", "feedback_count", "--order-by", "-count"), "--order-by"),
        (("totals", "feedback_count", "--page-size", "3"), "--page-size"),
        (("totals", "feedback_count", "--page-token", "x"), "--page-token"),
        (("totals", "feedback_count", "--group-by", "operator", "--rest"), "--rest"),
        (("totals", "rating_rate", "--group-by", "operator", "--min-below", "3"), "--min-below"),
        (("simulate", "--write", "-", "--account", "other"), "--account"),
        (("simulate", "--write", "-", "--output", "json"), "--output"),
    ],
)
def test_an_option_without_effect_is_refused_by_its_name(address: str, given: tuple[str, ...], named: str) -> None:
    done = telwerk(*given, address=address)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "has no effect" in done.stderr


@pytest.mark.parametrize(
    ("given", "near"),
    [
        (("totals", "feedback_count", "--group-by", "operater"), "'operator'"),
        (("totals", "feedback_count", "--group-by", "operator", "--order-by", "cuont"), "'count'"),
        (("totals", "feedbak_count"), "'feedback_count'"),
        (("toals", "feedback_count"), "'totals'"),
        (("totals", "feedback_count", "--acount", "x"), "--account"),
    ],
)
def test_a_name_that_is_nearly_one_has_the_nearest_beside_it(address: str, given: tuple[str, ...], near: str) -> None:
    done = telwerk(*given, address=address)
    assert done.returncode in {2, 4}
    assert near in done.stderr


def test_a_name_in_the_configuration_has_the_nearest_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('adress = "x"\n')
    done = telwerk("--config", path, "kpis", address="127.0.0.1:1")
    assert done.returncode == 2
    assert "did you mean 'address'?" in done.stderr


@pytest.mark.parametrize("asked", [("kpis",), ("kpis", "feedback_count"), ("report", "--html", "-")])
def test_a_language_is_honoured_or_refused_alike_everywhere(address: str, asked: tuple[str, ...]) -> None:
    refused = telwerk(*asked, "--language", "fr", address=address)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "'fr' is not one of 'en', 'de', 'nl'" in refused.stderr
    assert "Feedbackaantal" in telwerk(*asked, "--language", "nl", address=address).stdout


def test_what_was_documented_under_another_name_still_works_and_is_not_shown(address: str) -> None:
    new = telwerk("kpis", "--language", "de", address=address).stdout
    assert telwerk("kpis", "--lang", "de", address=address).stdout == new
    days = ("--from", "2026-01-05", "--to", "2026-01-07", "--conversations", "5", "--write", "-")
    zones = [
        telwerk("simulate", *days, name, "Asia/Tokyo", address=address).stdout for name in ("--zone", "--time-zone")
    ]
    assert zones[0] == zones[1] != ""
    assert "--lang " not in telwerk("kpis", "--help", address=address).stdout
    assert "--time-zone" not in telwerk("simulate", "--help", address=address).stdout


@pytest.mark.parametrize(("language", "heading"), [("nl", "Wanneer wordt het"), ("de", "Wann"), ("en", "When")])
def test_the_help_of_a_kpi_has_the_headings_of_its_language(address: str, language: str, heading: str) -> None:
    told = telwerk("kpis", "goals_reached", "--language", language, address=address).stdout
    assert any(line.startswith(heading) for line in told.splitlines())
