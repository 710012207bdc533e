"""Simulated worlds go right; one that does not is replayed to the byte, and told as a short story."""

import gc
import sqlite3
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.simulation.drawing import planned
from tests.simulation.plan import Plan
from tests.simulation.story import shortest, told
from tests.simulation.world import Outcome, lived
from tests.simulation.writer import SimulatedWriter

WORLDS, PARTS = 500, 4


@pytest.fixture(autouse=True, scope="module")
def _nothing_older_is_collected() -> Iterator[None]:
    """What the tests before have left need not be looked through after each world."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_what_is_acknowledged_is_stored_and_counted_once(part: int) -> None:
    """500 worlds; `make simulate` lives more of them, and tells the story of one that goes wrong."""
    outcomes = [lived(planned(seed)) for seed in range(part, WORLDS, PARTS)]
    assert [(outcome.plan.seed, outcome.wrong) for outcome in outcomes if outcome.wrong] == []


def test_a_server_may_be_there_again_before_the_writer_of_the_one_before_has_ended() -> None:
    """Each has a connection of its own: neither waits for the other's."""
    assert lived(planned(404_907)).wrong == []


def with_a_disk_that_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some commits are confirmed, and undone."""

    def commit(writer: SimulatedWriter, connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("COMMIT" if writer._loop.chance.random() < 0.9 else "ROLLBACK")

    monkeypatch.setattr(SimulatedWriter, "_commit", commit)


def wrong_one() -> Outcome:
    """The first world in which something acknowledged is lost."""
    outcomes = (lived(planned(seed)) for seed in range(100))
    return next(outcome for outcome in outcomes if "acknowledged and is not stored" in str(outcome.wrong[:1]))


def test_a_world_is_the_same_every_time_to_the_byte() -> None:
    """Whatever was lived in between."""
    plans: list[Plan] = [planned(seed) for seed in (1, 5, 8)]
    first = [lived(plan) for plan in plans]
    again = [lived(plan) for plan in reversed(plans)]
    assert first == again[::-1]
    assert len({outcome.digest for outcome in first}) == len(plans)


def test_a_world_that_goes_wrong_becomes_a_short_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that confirms what it has not stored is found out, with hardly more than what it takes."""
    with_a_disk_that_lies(monkeypatch)
    outcome = wrong_one()
    short = shortest(outcome)
    assert len(short.plan.actions) < len(outcome.plan.actions)
    assert lived(short.plan).wrong == short.wrong
    lines = told(short).splitlines()
    assert f"World {outcome.plan.seed}" in lines[0]
    assert any("a client of" in line for line in lines)
    assert "was acknowledged and is not stored" in lines[-1] + lines[-2]
