"""Queries as of an instant: facts are folded from the events that had been accepted by then.

The facts are presented as delta entries, so that the later stages are the same as for any query. The cost is that of
folding the conversations with events in the query's range; their events are limited (`EventBudget`).
"""

from collections.abc import Iterator, Mapping
from time import sleep
from typing import Protocol

from telwerkd.application.ports import (
    Account,
    AccountView,
    AnswerView,
    BaseFactsView,
    ChunkSelector,
    Conversation,
    LogView,
    OpeningHoursView,
    StoredChunk,
    WidgetsView,
)
from telwerkd.application.query.budgets import EventBudget
from telwerkd.application.query.slices.outlines import Outline
from telwerkd.application.sharing.memory_budget import AnswerMemory
from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.conversation.facts import FactChange
from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.cells import chunks_within
from telwerkd.domain.counting.deltas import DeltaEntries, Deltas
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.counting.reading import entries_of_chunk
from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart
from telwerkd.domain.ids import ConversationId, Micros, WidgetId
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS

_PAGE = 100
"""Conversations that are read and folded at once."""

_PAUSE_SECONDS = 0.0005
"""After each page: the event loop gets the interpreter, which a thread that computes else keeps for 5 ms at a time."""

_ENTRY_BYTES = 400
"""About what the count of one fact takes in memory, with its key."""


class PresentView(AccountView, WidgetsView, Protocol):
    """The reads of the present that an answer as of an instant needs."""


class HistoryView(PresentView, OpeningHoursView, LogView, BaseFactsView, Protocol):
    """`PresentView`, and the reads for folding past facts."""


class PastView:
    """An account's counters as they were at an instant; its settings, time zone and rules are those of the present."""

    def __init__(self, view: PresentView, instant: Micros, deltas: Mapping[Measure, DeltaEntries]) -> None:
        self._view = view
        self._instant = instant
        self._deltas = deltas

    def account(self) -> Account:
        """Returns the account's present row."""
        return self._view.account()

    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """Returns every present version of every widget's settings."""
        return self._view.widget_versions()

    def earliest_due(self) -> Micros:
        """Returns the instant itself: the answer is complete until then."""
        return self._instant

    def cells(self, _selector: ChunkSelector, /) -> list[StoredChunk]:
        """Returns no chunks: all past facts are delta entries."""
        return []

    def chunk_versions(self, _measure: Measure, _first_chunk: int, _last_chunk: int, /) -> dict[int, int]:
        """Returns no versions, as there are no chunks."""
        return {}

    def filed(self, measure: Measure) -> tuple[int, int]:
        """Returns one transaction with the number of entries of `deltas`."""
        return 1, len(self.deltas(measure))

    def deltas(self, measure: Measure) -> DeltaEntries:
        """Returns all facts of a measure that were counted at the instant, as delta entries."""
        return self._deltas.get(measure) or DeltaEntries.of([])


def past(
    outlined: Outline, instant: Micros, view: HistoryView, events: EventBudget, memory: AnswerMemory | None
) -> AnswerView:
    """Returns the account's counters as of an instant, as far as a query reads them (R-ASOF-2).

    Raises:
        InvalidArgumentError: the state at that instant cannot be reconstructed.
        LimitExceededError: too many events would have to be folded.
        UnavailableError: memory has no room for the facts.
    """
    _check(view.account(), instant)
    folding = _Folding(outlined, instant, view, events, memory)
    folding.add_conversations()
    folding.add_base_facts()
    entries = folding.deltas.unsorted()
    return PastView(view, instant, {measure: DeltaEntries.of(entries[measure]) for measure in entries})


def _check(account: Account, instant: Micros) -> None:
    """Refuses an instant that the log does not cover any more, or never did (R-ASOF-3, R-ASOF-4)."""
    if account.accepted_from is None or instant < account.accepted_from:
        raise InvalidArgumentError.of(
            RequestPart.AS_OF,
            "lies before the first event of the account of which it is known when it was accepted",
            Reason.AS_OF_UNKNOWN,
        )
    if instant < account.removed_at:
        raise InvalidArgumentError.of(
            RequestPart.AS_OF,
            "events were purged or a conversation was erased since: what was known then cannot be told any more",
            Reason.AS_OF_UNKNOWN,
        )


class _Folding:
    """Sums up the facts that a query may read."""

    def __init__(
        self, outlined: Outline, instant: Micros, view: HistoryView, events: EventBudget, memory: AnswerMemory | None
    ) -> None:
        self._instant = instant
        self._view = view
        self._events = events
        self._memory = memory
        self._spans = outlined.spans
        slices = [of for kpi in outlined.kpis for of in kpi.all_slices()]
        self._measures = {of.selector.measure for of in slices}
        self._kpis = {of.info.kpi for of in slices}
        self._seen = set[ConversationId]()
        self.deltas = Deltas(view.opening_hours)

    def add_conversations(self) -> None:
        """Adds the facts of the events that were accepted by the instant."""
        for page in self._pages():
            logs = self._view.logs([conversation for conversation, _ in page], self._instant)
            before = len(self.deltas)
            for conversation, row in page:
                log = logs.get(conversation, [])
                # A conversation of which nothing was known yet has no base either: nothing was purged since.
                self.deltas.add_effects(filter(self._is_wanted, fold(row.base, log, self._instant)[1]))
            if self._memory is not None:
                self._memory.take(_ENTRY_BYTES * max(0, len(self.deltas) - before))
            sleep(_PAUSE_SECONDS)

    def add_base_facts(self) -> None:
        """Adds the facts that no event explains any more: what they were of was removed before the instant."""
        chunks = {chunk for span in self._spans for chunk in chunks_within(span.start, span.end)}
        for measure in self._measures:
            for row in self._view.base_cells(measure, min(chunks), max(chunks)):
                if row.chunk in chunks:
                    self.deltas.add_entries(measure, entries_of_chunk(measure, row.chunk, row[1:5], row.cells), 1)

    def _pages(self) -> Iterator[list[tuple[ConversationId, Conversation]]]:
        """Yields pages of the conversations that may have events in any of the spans, each once."""
        for span in self._spans:
            start, end = span.instants
            after: tuple[Micros, ConversationId] | None = None
            while True:
                rows = self._view.conversations_in(start, end, after, _PAGE)
                page = [(conversation, row) for conversation, row in rows if conversation not in self._seen]
                self._seen.update(conversation for conversation, _ in page)
                self._events.take(sum(self._size(*each) for each in page))
                if page:
                    yield page
                if len(rows) < _PAGE:
                    break
                after = (rows[-1][1].last_time, rows[-1][0])

    def _size(self, conversation: ConversationId, row: Conversation) -> int:
        """Returns the number of events read for a conversation, plus one for itself."""
        return 1 + (self._view.event_count(conversation) if row.events is None else row.events)

    def _is_wanted(self, effect: Effect) -> bool:
        if type(effect) is not FactChange or effect.fact.kpi not in self._kpis:
            return False
        quarter_hour = effect.fact.instant // QUARTER_HOUR_MICROS
        return any(span.start <= quarter_hour < span.end for span in self._spans)
