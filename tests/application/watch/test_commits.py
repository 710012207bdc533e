"""An update is as late as the first commit that it tells of, as far as this server can know."""

import itertools

import pytest

from telwerkd.application.watch.commits import Commits
from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic

ACCOUNT = AccountId("acme")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading is later than the one before, however coarse the system's clock is."""
    readings = itertools.count()
    monkeypatch.setattr(monotonic, "read", lambda: float(next(readings)))


@pytest.fixture
def commits() -> Commits:
    """Those of an account that is watched since version 1."""
    commits = Commits()
    look(commits, 0, 1)
    return commits


def look(commits: Commits, earlier: int, found: int) -> None:
    commits.begin_look()
    commits.end_look({ACCOUNT: earlier}, {ACCOUNT: found})


def committed(commits: Commits) -> tuple[float, float]:
    """Commits, and returns between which instants it did."""
    before = monotonic()
    commits.committed(ACCOUNT)
    return before, monotonic()


def test_a_version_is_of_the_first_commit_since_the_look_before(commits: Commits) -> None:
    """However many more came: whoever waits for it has waited since then."""
    before, after = committed(commits)
    committed(commits)
    look(commits, 1, 2)
    since = commits.since(ACCOUNT, 1)
    assert since is not None
    assert before <= since <= after


def test_a_commit_amid_a_look_is_of_the_next_version(commits: Commits) -> None:
    """The look may not have found it."""
    commits.begin_look()
    before, after = committed(commits)
    commits.end_look({ACCOUNT: 1}, {ACCOUNT: 2})
    look(commits, 2, 3)
    first, second = commits.since(ACCOUNT, 1), commits.since(ACCOUNT, 2)
    assert first is not None
    assert second is not None
    assert first < before <= second <= after


def test_a_look_that_fails_makes_nothing_younger(commits: Commits) -> None:
    before, after = committed(commits)
    commits.begin_look()
    committed(commits)
    look(commits, 1, 2)
    since = commits.since(ACCOUNT, 1)
    assert since is not None
    assert before <= since <= after


def test_a_commit_of_another_server_is_of_the_beginning_of_the_look_that_finds_it(commits: Commits) -> None:
    """Nothing else is known of it."""
    before = monotonic()
    commits.begin_look()
    after = monotonic()
    commits.end_look({ACCOUNT: 1}, {ACCOUNT: 2})
    since = commits.since(ACCOUNT, 1)
    assert since is not None
    assert before <= since <= after


def test_a_commit_that_a_look_had_found_before_it_was_acknowledged_dates_no_later_version(commits: Commits) -> None:
    committed(commits)
    look(commits, 1, 1)
    before = monotonic()
    look(commits, 1, 2)
    since = commits.since(ACCOUNT, 1)
    assert since is not None
    assert since >= before


def test_what_is_told_is_the_first_version_after_the_one_seen(commits: Commits) -> None:
    """Of 64 versions at most; an account that nobody watches any more has none."""
    for version in range(2, 101):
        look(commits, version - 1, version)
    assert commits.since(ACCOUNT, 100) is None
    times = [commits.since(ACCOUNT, seen) for seen in range(100)]
    assert times[0] == times[36]
    assert len({*times}) == 64
    commits.begin_look()
    commits.end_look({ACCOUNT: 100}, {})
    assert commits.since(ACCOUNT, 1) is None
