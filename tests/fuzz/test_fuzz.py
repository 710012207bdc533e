"""A few seconds of every target, with fixed seeds: nothing that reads what others wrote raises, hangs or forgets.

`make fuzz` does the same for as long as one likes. What it found is tested by name beside the module that was mended.
"""

import pytest

from tests.effort import EFFORT
from tests.fuzz.__main__ import TARGETS, tried
from tests.fuzz.messages import methods
from tests.fuzz.rpcs import OFTEN

CASES = {
    "requests": 20_000,
    "json": 9_000,
    "tokens": 9_000,
    "headers": 4_500,
    "files": 1_500,
    "texts": 9_000,
    "imports": 3_000,
    "bridges": 5_000,
    "rpcs": 600,
    "rpcs-postgres": 150,
    "http": 600,
    "stored": 45,
    "stored-postgres": 45,
}
"""In full: a third of it in `make test`, which is 20,000 cases."""
SEED = 20


def test_every_target_is_tried_and_every_method_met() -> None:
    assert CASES.keys() == TARGETS.keys()
    assert sum(CASES.values()) * 0.33 >= 20_000
    assert {method.containing_service.name for method in methods()} == {
        *("AdminService", "IngestionService", "KpiService", "SettingsService")
    }
    assert any(method.name.startswith(OFTEN) for method in methods())


@pytest.mark.parametrize("target", CASES)
def test_whatever_comes_is_read_or_refused_in_words(target: str) -> None:
    """See the module of the target for what it holds."""
    run = tried(target, SEED, round(CASES[target] * min(1.0, EFFORT)))
    assert run.findings == []
    assert run.cases
    assert len(run.outcomes) > 1, "not all cases end alike"
