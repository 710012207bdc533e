"""The laws of counting anew: whatever rules a conversation is counted by, its counts are those of these rules.

One account goes between two versions of the rules, conversation by conversation, while events come in any order, are
taken back, purged and erased.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.recount import AimAtRules, Recount
from telwerkd.application.commands.settings import SetWidgetSettings
from telwerkd.application.recounting import recount
from telwerkd.application.retention.removal import erase, purge
from telwerkd.domain.catalogue.specs import SPECS, Kpi
from telwerkd.domain.conversation.events import Event, WentLive
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.conversation.state import CURRENT_RULES, PART_ONE
from telwerkd.domain.counting.counters import project_entries
from telwerkd.domain.counting.durations import SUM
from telwerkd.domain.counting.measures import COUNTED, has_durations, is_held_back, is_service_time, kpi_of
from telwerkd.domain.counting.reading import unpacked
from telwerkd.domain.ids import SECOND, ConversationId, EventId, Micros
from telwerkd.domain.time.opening_hours import OpenStretch, schedule_of
from tests.generate import START, WIDGETS, conversations
from tests.laws.test_removal_laws import ACCOUNT, PROFILE
from tests.laws.test_service_laws import Service
from tests.oracle import oracle_facts

LATER = Micros(START + 3 * 3_600 * SECOND)
WISHES = st.sampled_from([PART_ONE, None])


FIRST_MINUTE = schedule_of("Asia/Kathmandu", [(OpenStretch(14 * 60 + 45, 14 * 60 + 46),)] * 7, [])
"""Open from 09:00 to 09:01 in UTC, where most conversations lie."""
HOURS_FROM_START = WidgetVersion(START, None, (), (), FIRST_MINUTE.id)


class Recounted:
    """A service with one account, and what was accepted of it."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self.service = Service()
        self.draw = draw
        self.log: dict[ConversationId, dict[EventId, Event]] = {}
        self.horizon = Micros(0)
        self.write(SetWidgetSettings(WIDGETS[0], HOURS_FROM_START, schedule=FIRST_MINUTE))
        self.is_removed = False

    def write(self, command: Any) -> Any:
        return self.service.run(self.service.store.write([(ACCOUNT, command)]))[0]

    def arrive(self, batch: list[tuple[ConversationId, Event]]) -> None:
        [outcomes] = self.write(IngestBatch([[Submitted(*each) for each in batch]], IngestLimits()))
        for (conversation, event), outcome in zip(batch, outcomes, strict=True):
            if not hasattr(outcome, "reason"):
                self.log.setdefault(conversation, {})[event.event_id] = event

    def something_happens(self) -> None:
        """Part of a recount, other wishes, upkeep, removals."""
        match self.draw(st.integers(0, 8)):
            case 0 | 1:
                self.write(AimAtRules(self.draw(WISHES), is_wish=True))
            case 2 | 3:
                # As much as is done when it is killed.
                self.write(Recount(ConversationId(""), conversations_max=1))
            case 4:
                self.all_are_counted_anew(self.draw(WISHES))
            case 5:
                self.service.compact_all()
            case 6:
                self.service.settle_all(Micros(self.draw(st.integers(START, LATER))))
            case 7:
                self.is_removed = True
                self.service.run(purge(self.service.store, ACCOUNT, Micros(self.draw(st.integers(START, LATER)))))
            case _ if self.log:
                self.is_removed = True
                conversation = self.draw(st.sampled_from(sorted(self.log)))
                kept = self.draw(st.booleans())
                self.service.run(erase(self.service.store, ACCOUNT, conversation, keep_counts=kept))
            case _:
                pass

    def all_are_counted_anew(self, rules_max: int | None) -> None:
        self.write(AimAtRules(rules_max, is_wish=True))
        ten = self.counts(PART_ONE)
        self.service.run(recount(self.service.store, ACCOUNT, lambda _done, _total: None))
        wanted = CURRENT_RULES if rules_max is None else rules_max
        account = self.service.read(ACCOUNT, lambda view: view.account())
        assert account.rules_version == account.rules_target == wanted
        assert {rules for (rules,) in self.service.rows("SELECT rules FROM conversations")} <= {wanted}
        assert self.counts(PART_ONE) == ten, "the ten are what they were"
        assert all(SPECS[kpi].since_rules <= wanted for kpi in self.counts(CURRENT_RULES))

    def counts(self, rules: int) -> dict[Kpi, int]:
        """How many facts there are of each KPI that a version of the rules has, whether the account shows it or not."""
        found = self.service.read(ACCOUNT, counted)
        assert min(found.values(), default=0) >= 0, found
        return {kpi: n for kpi, n in sorted(found.items()) if n and SPECS[kpi].since_rules <= rules}

    def check(self) -> None:
        """The counters are what the logs make, each by its rules; and to the oracle, while nothing was removed."""
        audit = self.service.read(ACCOUNT, lambda view: examine(lambda _done, _total: None, view))
        assert audit.clean, (audit.cells, audit.states)
        if self.is_removed:
            return
        high_water = self.service.read(ACCOUNT, lambda view: view.account().high_water)
        wanted: Counter[Kpi] = Counter()
        for conversation, rules in self.service.rows("SELECT conversation_id, rules FROM conversations"):
            for (kpi, *_), n in oracle_facts(self.log[ConversationId(conversation)].values(), high_water).items():
                if SPECS[kpi].since_rules <= rules:
                    wanted[kpi] += n
        assert self.counts(CURRENT_RULES) == {kpi: n for kpi, n in sorted(wanted.items()) if n}


def counted(view: Any) -> Counter[Kpi]:
    """How many facts are counted of each KPI, in chunks and deltas."""
    found: Counter[Kpi] = Counter()
    parts = [(key.measure, unpacked(key.measure, [0], [blob])) for key, blob in view.every_chunk() if not key.grouping]
    waiting = [(COUNTED[kpi], view.deltas(COUNTED[kpi])) for kpi in Kpi]
    parts += [(measure, project_entries(measure, deltas, 0)[1]) for measure, deltas in waiting if len(deltas)]
    for measure, cells in parts:
        if not is_held_back(measure) and not is_service_time(measure):
            is_fact = cells.code != SUM if has_durations(measure) else cells.n != 0
            found[kpi_of(measure)] += int(cells.n[is_fact].sum())
    return found


@given(st.data())
@settings(PROFILE, max_examples=max(8, PROFILE.max_examples // 4))
def test_every_conversation_is_counted_by_its_own_rules(data: st.DataObject) -> None:
    """Late events and events that are taken back too, in the middle of a recount and after it was stopped.

    Nothing is taken back that was not counted, and nothing is counted twice (R-ANEW-1, R-ANEW-3).
    """
    recounted = Recounted(data.draw)
    try:
        coming: list[tuple[ConversationId, Event]] = []
        for n in range(data.draw(st.integers(1, 3))):
            for event in data.draw(conversations()):
                kind = event.kind
                sent = WentLive(kind.limit, kind.limit) if isinstance(kind, WentLive) else kind
                coming.append((ConversationId(f"c{n}"), msgspec.structs.replace(event, kind=sent)))
        coming = data.draw(st.permutations(coming))
        for start in range(0, len(coming), 6):
            recounted.arrive(coming[start : start + 6])
            for _ in range(data.draw(st.integers(0, 2))):
                recounted.something_happens()
            recounted.check()
        recounted.all_are_counted_anew(data.draw(WISHES))
        recounted.check()
    finally:
        recounted.service.end()
