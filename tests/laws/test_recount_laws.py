"""The laws of counting anew: whatever rules a conversation is counted by, its counts are those of these rules.

A state machine drives one account between two versions of the rules, conversation by conversation, while events come in
any order, are taken back, purged and erased.
"""

from collections import Counter

from hypothesis import settings, strategies as st
from hypothesis.stateful import invariant, rule

from telwerkd.application.commands.recount import AimAtRules, Recount
from telwerkd.application.recounting import recount
from telwerkd.domain.conversation.state import CURRENT_RULES, PART_ONE
from telwerkd.domain.ids import ConversationId
from tests.laws.test_removal_laws import ACCOUNT, HELD, PROFILE, RemovalMachine, base_cells, plus
from tests.laws.test_service_laws import Cells, stored_cells

KPIS_OF_PART_ONE = 10


def of_rules(cells: Cells, rules: int) -> Cells:
    """Those of the KPIs that a version of the rules has."""
    if rules >= CURRENT_RULES:
        return cells
    return Counter({key: n for key, n in cells.items() if key[0] % HELD <= KPIS_OF_PART_ONE})


class RecountMachine(RemovalMachine):
    """One account whose conversations are counted by one version of the rules or the other."""

    def __init__(self) -> None:
        super().__init__()
        self.is_removed = False
        """Whether facts of part two may be gone that all events together make."""

    def teardown(self) -> None:
        try:
            self.all_are_counted_anew(None)
            self.counters_are_the_facts()
        finally:
            super().teardown()

    def aim(self, rules_max: int | None) -> None:
        aimed = AimAtRules(rules_max, is_wish=True)
        self.service.run(self.service.store.write([(ACCOUNT, aimed)]))

    # What may happen.

    @rule(rules_max=st.sampled_from([PART_ONE, None]))
    def other_rules_are_wanted(self, rules_max: int | None) -> None:
        """From then on new conversations begin by them."""
        self.aim(rules_max)

    @rule(count=st.integers(1, 2))
    def some_are_counted_anew(self, count: int) -> None:
        """As much of a recount as is done when it is killed."""
        self.service.run(self.service.store.write([(ACCOUNT, Recount(ConversationId(""), count))]))

    @rule(rules_max=st.sampled_from([PART_ONE, None]))
    def all_are_counted_anew(self, rules_max: int | None) -> None:
        """Afterwards the account is wholly counted by the rules that it wants; the ten are what they were."""
        before = of_rules(stored_cells(self.service, ACCOUNT), PART_ONE)
        self.aim(rules_max)
        self.service.run(recount(self.service.store, ACCOUNT, lambda _done, _total: None))
        wanted = CURRENT_RULES if rules_max is None else rules_max
        account = self.service.read(ACCOUNT, lambda view: view.account())
        assert account.rules_version == account.rules_target == wanted
        assert {rules for _, rules in self.rules()} <= {wanted}
        stored = stored_cells(self.service, ACCOUNT)
        assert of_rules(stored, PART_ONE) == before
        assert of_rules(stored, wanted) == stored

    # What must be true.

    def rules(self) -> list[tuple[str, int]]:
        return self.service.rows("SELECT conversation_id, rules FROM conversations")

    def judge(self, conversation: ConversationId) -> Cells:
        """What all events make by the rules that it is counted by, were they there."""
        rules = dict(self.rules()).get(conversation, CURRENT_RULES)
        return of_rules(super().judge(conversation), rules)

    @invariant()
    def counters_are_the_facts(self) -> None:
        """Base facts + fold(base states, remaining events), each by its rules; as to the oracle, as if all were there.

        Of part two the oracle can be asked while nothing was removed.
        """
        stored = stored_cells(self.service, ACCOUNT)
        law, judged = base_cells(self.service), self.anonymous
        for conversation in self.log:
            law = plus(law, self.folded(conversation))
            judged = plus(judged, self.judge(conversation))
        assert stored == law
        self.is_removed = self.is_removed or bool(self.horizon or self.erased)
        if self.judged:
            rules = PART_ONE if self.is_removed else CURRENT_RULES
            assert of_rules(stored, rules) == of_rules(judged, rules)


RecountMachine.TestCase.settings = settings(PROFILE, max_examples=PROFILE.max_examples // 4, stateful_step_count=12)
TestRecount = RecountMachine.TestCase
