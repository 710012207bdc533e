"""Work that no caller waits for goes on after a failure, which is logged; only a database that is away ends a turn."""

import logging

import pytest

from telwerkd.application.failures import isolating_account, logging_failures
from telwerkd.application.ports import Damage, DamagedRowError
from telwerkd.domain.errors import Reason, UnavailableError

AWAY = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database does not answer", 1.0)


def test_a_defect_is_logged_with_its_traceback_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    for around in (isolating_account, logging_failures):
        with around("limits"):
            raise ZeroDivisionError
    logged = [(record.getMessage(), bool(record.exc_info)) for record in caplog.records]
    assert logged == [("limits: a defect", True)] * 2


def test_a_damaged_row_is_logged_once_and_again_when_it_is_another(caplog: pytest.LogCaptureFixture) -> None:
    for row in ("r1", "r1", "r2"):
        with isolating_account("limits of an account with damage"):
            raise DamagedRowError(Damage("events", (row,), "is torn"))
    assert len(caplog.records) == 2


def test_a_lack_of_memory_ends_the_turn_of_all_accounts_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        with logging_failures("limits without memory"), isolating_account("limits of one"):
            raise MemoryError
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        ("limits without memory: no memory is left", None)
    ]


def test_a_database_that_is_away_ends_the_turn_of_all_accounts_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnavailableError), isolating_account("limits"):
        raise AWAY
    with logging_failures("limits"), isolating_account("limits of one"):
        raise AWAY
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
