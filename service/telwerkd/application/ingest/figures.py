"""What is counted of ingestion."""

from collections import Counter
from collections.abc import Sequence

from telwerkd.application.batches import Postponable, Rejected, Verdict
from telwerkd.domain.ids import AccountId
from telwerkd.process.figures import SIZES, CappedCounts, Histogram, Labels, LimitCounts

_ACCEPTED = Verdict.ACCEPTED
_REJECTED = "rejected"


class IngestFigures:
    """Events by verdict, and the transactions that they go into. For the event loop's thread only."""

    def __init__(self, limits: LimitCounts | None = None, accounts_max: int = 0) -> None:
        """So many accounts have counts of their own."""
        self.limits = limits or LimitCounts()
        self.by_account = CappedCounts(accounts_max)
        self.verdicts = Counter[Labels]({(verdict.value, ""): 0 for verdict in Verdict})
        """By verdict and, of what was rejected, its reason."""
        self.transaction_events = Histogram(SIZES)

    def judged(self, account: AccountId, outcomes: Sequence[Postponable]) -> None:
        """Counts what became of some of an account's events, those that were postponed left out."""
        accepted = outcomes.count(_ACCEPTED)
        if accepted:
            self._count(account, (_ACCEPTED.value, ""), accepted)
        if accepted < len(outcomes):
            self._others(account, outcomes)

    def _others(self, account: AccountId, outcomes: Sequence[Postponable]) -> None:
        found = Counter[tuple[str, str]]()
        for outcome in outcomes:
            if type(outcome) is Rejected:
                found[_REJECTED, outcome.reason.name] += 1
                self.limits.met(outcome.message)
            elif outcome is Verdict.DUPLICATE:
                found[outcome.value, ""] += 1
        for labels, count in found.items():
            self._count(account, labels, count)

    def _count(self, account: AccountId, labels: tuple[str, str], count: int) -> None:
        self.verdicts[labels] += count
        self.by_account.add(account, labels[0], count)
