"""The state of one conversation: all that its later events need to know of the earlier ones.

It is stored as MessagePack arrays: new fields go to the end, with a default.
"""

import msgspec

from telwerkd.domain.conversation.events import Order
from telwerkd.domain.conversation.facts import Fact
from telwerkd.domain.ids import NO_GROUP, NOBODY, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time.opening_hours import ScheduleId

BEGINNING: Order = (-(2**62), 0, 0, "")
"""Before every event."""

AFTER_ALL_OF_INSTANT = (2**63 - 1, 127, "")
"""A timer that falls due comes after all events of its instant (R-ORDER-6)."""

PART_ONE = 1
"""The version of the rules that has the ten KPIs of part one alone."""

PART_TWO = 2
"""The version of the rules that has those of part two besides."""

CURRENT_RULES = PART_TWO
"""The newest version of the rules that this program knows."""


UNKNOWN = Micros(-1)
"""When something began of which a purge under earlier rules left no trace (R-ANEW-6). No event happens then."""


class Live(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A live stretch: the event that opened it, its widget, and the limit that holds for it, if one is known."""

    event_id: EventId
    widget: WidgetId
    limit: Micros | None
    since: Micros = UNKNOWN
    """When it began; kept under the rules of version 2 only, as is what follows."""
    replied: bool = False
    """KPI 14 has counted it."""


class ResponseTimer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A running response timer (KPI 3). Once passed by an event, it has the operator and group assigned at `due`."""

    due: Micros
    event_id: EventId
    widget: WidgetId
    passed: bool = False
    operator: OperatorId = NOBODY
    group: OperatorGroupId = NO_GROUP


class Hours(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The opening hours of the latest wait and of the latest episode, open or over: those of the event that began it.

    Empty where there were none.
    """

    latest: ScheduleId = b""
    """The opening hours of the live stretch or the wait, whichever began later."""
    waiting: ScheduleId = b""
    episode: ScheduleId = b""


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that later events need to know of the earlier ones. A pure function of events and present instant."""

    order: Order = BEGINNING
    """The order of the last event or timer. An event before it is late."""
    operator: OperatorId = NOBODY
    group: OperatorGroupId = NO_GROUP
    started: bool = False
    """Somebody has sent a message."""
    contact_wrote: bool = False
    answered: bool = False
    """An operator has sent a message."""
    ended: bool = False
    """Between an end and its resumption."""
    live: Live | None = None
    timer: ResponseTimer | None = None
    unanswered_live: bool = False
    """KPI 3 has counted this conversation."""
    unanswered_ended: bool = False
    """KPI 4 has counted this conversation."""
    topics: Fact | None = None
    """The topics that hold now: counted if `started`, else held back."""
    held: tuple[Fact, ...] = ()
    """Pre-chat survey answers held back."""
    awaited: tuple[EventId, ...] = ()
    """Events that were taken back before they arrived, sorted."""
    rules: int = PART_ONE
    """The version of the rules that it is folded by (R-ANEW-1). Nothing that happens changes it."""
    # What follows is kept from version 2 on.
    purged: bool = False
    """Events were purged under earlier rules, so that the beginning of the conversation is not known (R-ANEW-5)."""
    received: bool = False
    """KPI 20 has counted this conversation."""
    has_ended: bool = False
    """An end was counted (KPI 12), so that the next one is another."""
    waiting: Micros | None = None
    """Since when a contact waits for an operator's message (KPI 14, 15)."""
    episode: Micros | None = None
    """When the episode began that has not ended (KPI 17)."""
    episode_answered: bool = False
    """An operator has sent a message in it."""
    hours: Hours | None = None
    """None where all are empty.

    From here on, fields are not stored where all of them have their defaults (`records.state_blob`).
    """

    @property
    def reached(self) -> Micros:
        """The latest instant in the state: when its running timer is due; without one, that of the last event."""
        return self.timer.due if self.timer else Micros(self.order[0])


EMPTY = State()
"""Before the first event, by the rules of part one alone."""

_EMPTY_BY_RULES = {rules: State(rules=rules) for rules in range(PART_ONE, CURRENT_RULES + 1)}


def empty(rules: int) -> State:
    """Returns the state before the first event of a conversation that is counted by a version of the rules."""
    known = _EMPTY_BY_RULES.get(rules)
    return State(rules=rules) if known is None else known


def last_event_time(state: State) -> Micros | None:
    """Returns when the last event of a conversation happened; None if a timer came last, or nothing."""
    instant, *rest = state.order
    return None if state.order == BEGINNING or tuple(rest) == AFTER_ALL_OF_INSTANT else Micros(instant)
