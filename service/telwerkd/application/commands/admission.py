"""The verdict on each event of an account: duplicate, refused, or accepted and resolved by the present settings."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from telwerkd.application.batches import IngestLimits, Postponable, Rejected, Submitted, Verdict, resolved_weight
from telwerkd.application.commands.account_cache import AccountCache
from telwerkd.application.commands.hot_conversations import HotConversation, HotConversations
from telwerkd.application.names import FAMILY_TEXT, names_of
from telwerkd.application.ports import (
    AccountView,
    CachePort,
    Conversation,
    ConversationsPort,
    EventKey,
    LogView,
    NamesView,
    WidgetsView,
)
from telwerkd.domain.conversation.events import Event, Kind
from telwerkd.domain.conversation.settings import Widgets
from telwerkd.domain.errors import Reason, RequestPart
from telwerkd.domain.ids import SECOND, ConversationId, WidgetId

_NEVER = -1


class AdmissionTransaction(AccountView, WidgetsView, NamesView, LogView, ConversationsPort, CachePort, Protocol):
    """The reads on which verdicts depend."""


class Admission:
    """Judges the events of an account's batches, one after the other."""

    def __init__(
        self,
        tx: AdmissionTransaction,
        batches: Sequence[Sequence[Submitted]],
        limits: IngestLimits,
    ) -> None:
        ids = {s.conversation for batch in batches for s in batch}
        account = tx.account()
        self._horizon = account.horizon
        known: AccountCache | None = tx.recall()
        if known is not None and known.version == account.version:
            self._widgets, self._kept = known.widgets, known.hot
        else:
            self._widgets, self._kept = Widgets(tx.widget_versions()), HotConversations()
        self._tx = tx
        self._hot = self._kept.of(ids)
        self.stored = {conversation: hot.row for conversation, hot in self._hot.items()}
        """Those that are stored. A timer in one that is due by the account's high-water mark is counted already."""
        if len(self._hot) < len(ids):
            self.stored |= tx.conversations(ids - self._hot.keys())
        new = ids - self.stored.keys()
        self._erased = tx.erased(new) if new else set()
        self._present: dict[EventKey, Event] = self._found_present(batches) if self.stored else {}
        """The stored and accepted events that have the ids of submitted ones."""
        self._accepted: dict[ConversationId, list[Event]] = {}
        self._known, self._known_at = {}, _NEVER
        if known is not None and known.names_freed == account.names_freed:
            self._known, self._known_at = known.names, known.names_version
        self._version = account.version
        self._names_freed = account.names_freed
        self._names_max = account.names_max or limits.names_max
        self._limits = limits
        self._work = 0
        # Conversations that may become full in this transaction: nearly always none, and then none is looked at.
        most = limits.conversation_events_max - sum(map(len, batches))
        self._nearly_full = {each for each, row in self.stored.items() if row.events is None or row.events > most}
        if most < 0:
            self._nearly_full |= new
        self.new_names: dict[int, set[str]] = {}
        # Widgets and contents all of whose names are known: most events bring nothing else.
        self._familiar: set[WidgetId | Kind] = set()

    def _found_present(self, batches: Sequence[Sequence[Submitted]]) -> dict[EventKey, Event]:
        """Returns those of the events that are in the log; a conversation that is not stored has none there."""
        hot, stored = self._hot, self.stored
        keys = {
            (s.conversation, s.event.event_id)
            for batch in batches
            for s in batch
            if s.conversation in stored and not (s.conversation in hot and hot[s.conversation].has_no(s.event.event_id))
        }
        return self._tx.stored(keys) if keys else {}

    def judge(self, batch: Sequence[Submitted]) -> list[Postponable]:
        """Returns the verdicts on a batch. Accepted events are resolved by the present settings."""
        return [self._judge(submitted.conversation, submitted.event, submitted.url) for submitted in batch]

    def _judge(self, conversation: ConversationId, event: Event, url: str | None) -> Postponable:
        key = conversation, event.event_id  # its id is of its conversation (R-DUP-2)
        present = self._present.get(key)
        if present is not None:
            return _sent_again(conversation, present, event)
        if conversation in self._erased or event.occur_time < self._horizon:
            return self._gone(conversation, event)
        if self._work > self._limits.transaction_events_max:
            return None
        if conversation in self._nearly_full and (full := self._full(conversation)):
            return full
        event = self._widgets.resolve(event, url)
        familiar = self._familiar
        if event.widget_id not in familiar or event.kind not in familiar:
            refused = self._names(event)
            if refused:
                return refused
            familiar.update((event.widget_id, event.kind))
        if url is not None:
            self._work += resolved_weight(event.kind)
        self._present[key] = event
        if conversation in self._accepted:
            self._accepted[conversation].append(event)
        else:
            self._accepted[conversation] = [event]
        return Verdict.ACCEPTED

    def accepted(self) -> dict[ConversationId, list[Event]]:
        """Returns the accepted events by conversation, in the order of submission.

        `_Counting.advance` removes those that it refuses from the lists, and sorts them.
        """
        return self._accepted

    def known(self, changed: Mapping[ConversationId, Conversation]) -> AccountCache:
        """Returns the cache for the next transaction: names with the new ones, settings, and changed conversations."""
        version = self._tx.account().version
        added = {family: self._known.get(family, set()) | new for family, new in self.new_names.items()}
        hot = {
            conversation: self._before(conversation, row).followed_by(row, self._accepted[conversation])
            for conversation, row in changed.items()
        }
        # What others have added since is still not in it, if nothing made us look.
        names_at = version if self._known_at == self._version else self._known_at
        return AccountCache(
            names_at, {**self._known, **added}, self._names_freed, version, self._widgets, self._kept.with_(hot)
        )

    def _before(self, conversation: ConversationId, row: Conversation) -> HotConversation:
        hot = self._hot.get(conversation)
        return hot or HotConversation(row, None if conversation in self.stored else ())

    def _full(self, conversation: ConversationId) -> Rejected | None:
        """Returns the refusal of an event that would exceed `conversation_events_max`; None if it does not."""
        count = self.stored[conversation].events if conversation in self.stored else 0
        if count is None:
            count = self._tx.event_count(conversation)
        most = self._limits.conversation_events_max
        count += len(self._accepted.get(conversation, ()))
        if count < most:
            return None
        return Rejected(
            Reason.CONVERSATION_FULL,
            RequestPart.CONVERSATION,
            f"conversation {conversation!r} has {count} events already, and at most {most} "
            "(conversation_events_max) are kept in one: begin another conversation",
        )

    def _gone(self, conversation: ConversationId, event: Event) -> Rejected:
        """Returns the refusal of an event that was purged or erased (R-KEEP-2, R-KEEP-6): a resend counts nothing."""
        if conversation in self._erased:
            return Rejected(
                Reason.CONVERSATION_ERASED, RequestPart.CONVERSATION, f"conversation {conversation!r} was erased"
            )
        return Rejected(
            Reason.BEFORE_HORIZON,
            RequestPart.OCCUR_TIME,
            f"lies {(self._horizon - event.occur_time) / SECOND:.0f} s before the account's retention horizon: "
            "what happened then is counted, and purged",
        )

    def _names(self, event: Event) -> Rejected | None:
        new: list[tuple[int, str]] = []
        for family, name in names_of(event):
            if self._is_known(family, name) or (family, name) in new:
                continue
            new.append((family, name))
            known, added = self._known.get(family, ()), self.new_names.get(family, ())
            count = len(known) + len(added) + sum(f == family for f, _ in new)
            if count > self._names_max:
                text = FAMILY_TEXT[family]
                return Rejected(
                    Reason.TOO_MANY_VALUES,
                    "",
                    f"the account has {len(known) + len(added)} distinct {text} already, and at most "
                    f"{self._names_max} (names_max) are kept apart",
                )
        for family, name in new:
            self.new_names.setdefault(family, set()).add(name)
        return None

    def _is_known(self, family: int, name: str) -> bool:
        if name in self._known.get(family, ()) or name in self.new_names.get(family, ()):
            return True
        if self._known_at == self._version:
            return False
        # It may be another server that brought this name, and others that count against the limit.
        self._known, self._known_at = self._tx.names(), self._version
        return name in self._known.get(family, ())


def _sent_again(conversation: ConversationId, present: Event, event: Event) -> Verdict | Rejected:
    """Returns the verdict on a resend: a duplicate (R-DUP-1), or a refusal if its content differs (R-DUP-3)."""
    if present.same_content(event):
        return Verdict.DUPLICATE
    return Rejected(
        Reason.EVENT_ID_REUSED,
        RequestPart.EVENT_ID,
        f"event {event.event_id!r} of conversation {conversation!r} is already stored with another content; "
        "nothing was changed: choose another event_id, or retract the stored event",
    )
