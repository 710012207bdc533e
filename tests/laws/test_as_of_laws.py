"""The law of questions as of an instant: the answer is what the oracle says of what was accepted by then."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import assume, given, settings, strategies as st

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.query.question import Filter, Query, QueryLimits
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.events import Event, WentLive
from telwerkd.domain.ids import SECOND, ConversationId, Micros
from tests.generate import START, conversations
from tests.laws.test_removal_laws import ACCOUNT, PROFILE
from tests.laws.test_service_laws import ALL_TIME, PLAIN, Service, grouped
from tests.oracle import oracle_facts, oracle_held

LATER = Micros(START + 3 * 3_600 * SECOND)
"""After most events have happened, and most limits have passed."""


def as_of(service: Service, instant: Micros, by: Sequence[Dimension]) -> list[tuple[dict[Any, int], int]]:
    """Of each KPI its rows by key, and what is held back."""
    query = Query(
        ACCOUNT, tuple(CATALOGUE[kpi] for kpi in Kpi), ALL_TIME, None, "UTC", Filter(), tuple(by), as_of=instant
    )
    asked = service.read(ACCOUNT, lambda view: answer(query, QueryLimits(), RollupCache(0), view))
    assert asked.answer_version.complete_until(Micros(2 * LATER)) == instant
    return [({tuple(row.key[:4]): int(row.counts.sum()) for row in rows.rows}, rows.held_back) for rows in asked.kpis]


@given(st.data())
@settings(PROFILE, max_examples=max(6, PROFILE.max_examples // 8))
def test_what_was_known_is_what_the_oracle_says_of_what_was_accepted(data: st.DataObject) -> None:
    """Whatever came late, was taken back, has been counted, settled or compacted since (R-ASOF-1, R-ASOF-2)."""
    log: list[Event] = []
    for event in data.draw(conversations()):
        kind = WentLive(event.kind.limit, event.kind.limit) if isinstance(event.kind, WentLive) else event.kind
        log.append(msgspec.structs.replace(event, kind=kind))
    assume(log)
    arriving = data.draw(st.permutations(log))
    cuts = sorted(data.draw(st.lists(st.integers(1, max(1, len(log) - 1)), max_size=3, unique=True)))
    batches = [arriving[start:end] for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    marks = sorted(data.draw(st.lists(st.integers(START, LATER), min_size=len(batches), max_size=len(batches))))
    service = Service()
    try:
        for batch, mark in zip(batches, marks, strict=True):
            events = [Submitted(ConversationId("c"), event) for event in batch]
            store = service.store
            service.run(store.write([(ACCOUNT, IngestBatch([events], IngestLimits(), now=Micros(mark)))]))
            if data.draw(st.booleans()):
                service.settle_all(Micros(mark))
        service.settle_all(LATER)
        if data.draw(st.booleans()):
            service.compact_all()
        for instant in {*marks, (marks[0] + marks[-1]) // 2, LATER}:
            known = [e for batch, mark in zip(batches, marks, strict=True) if mark <= instant for e in batch]
            facts, held = oracle_facts(known, instant), oracle_held(known, instant)
            by = data.draw(st.lists(st.sampled_from(PLAIN[:3]), unique=True))
            for kpi, (found, held_back) in zip(Kpi, as_of(service, Micros(instant), by), strict=True):
                expected = grouped(facts, kpi, by)
                assert found == (dict(expected) if by else {(None,) * 4: expected.total()})
                assert held_back == sum(n for key, n in held.items() if key[0] == kpi)
    finally:
        service.end()
