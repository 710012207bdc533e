"""The garbage collector goes through few objects at a time: it holds up whatever else the process does."""

import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from telwerkd.process.gc_tuning import devote_process

OBJECTS_MAX = 20_000
"""Each takes half a microsecond: 10 ms for all."""


@pytest.fixture
def devoted() -> Iterator[None]:
    threshold, switch = gc.get_threshold(), sys.getswitchinterval()
    devote_process()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(switch)


@pytest.mark.usefixtures("devoted")
def test_what_many_calls_hold_is_never_gone_through_together() -> None:
    """As many objects as 4,000 streams that are opened together."""
    gone_through: list[int] = []

    def look(phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            gone_through.append(sum(len(gc.get_objects(each)) for each in range(info["generation"] + 1)))

    gc.callbacks.append(look)
    try:
        held = [[number] for number in range(300_000)]
    finally:
        gc.callbacks.remove(look)
    assert len(held) == 300_000
    assert gone_through
    assert max(gone_through) <= OBJECTS_MAX
