"""The stages of a query that is timed are told apart, and nobody else pays for them."""

import time
from contextlib import suppress

from telwerkd.process import tracing


def test_the_time_of_a_stage_is_told_by_its_name_also_where_it_fails() -> None:
    """One that comes several times is told once, with all of its time; a stage within another is told beside it."""
    query = tracing.Timed()
    token = tracing.timed.set(query)
    begun = time.perf_counter()
    try:
        for _ in range(2):
            with suppress(KeyError), tracing.stage("read"), tracing.stage("decode"):
                time.sleep(0.01)  # at least
                raise KeyError
    finally:
        tracing.timed.reset(token)
    assert query.seconds.keys() == {"read", "decode"}
    assert 0.02 <= query.seconds["decode"] <= query.seconds["read"] <= time.perf_counter() - begun


def test_outside_of_a_timed_query_nothing_is_kept() -> None:
    """Also by the next one."""
    with tracing.stage("read"):
        tracing.note("found")
    query = tracing.Timed()
    token = tracing.timed.set(query)
    tracing.timed.reset(token)
    with tracing.stage("read"):
        tracing.note("found")
    assert (query.seconds, query.noted) == ({}, [])
