"""What a chat counts, in whatever order its events arrive: no test of the rules rests on the order of its lines."""

from collections.abc import Iterable
from itertools import accumulate, repeat

from telwerkd.domain.conversation.effects import Effect
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.fold import fold, follows, run
from telwerkd.domain.conversation.response_timer import settle
from telwerkd.domain.conversation.state import EMPTY, State
from telwerkd.domain.ids import Micros
from tests import chats
from tests.chats import at, chat, facts, net


def counts(script: str, only: str = "", now: str = "24:00:00") -> list[str]:
    """The facts of a chat at `now`, of one KPI or all; in whatever order its events arrive."""
    events = chat(script)
    arrives_in_any_order(events, at(now))
    return [fact for fact in facts(events, at(now)) if only in fact]


def held(script: str, now: str = "24:00:00") -> list[str]:
    return chats.held(chat(script), at(now))


def left_out(script: str, only: str = "", now: str = "24:00:00") -> list[str]:
    return [what for what in chats.left_out(chat(script), at(now)) if only in what]


def arrives_in_any_order(events: list[Event], now: Micros) -> None:
    """After each arrival, stepping what follows and folding again what does not gives the fold of all that arrived."""
    for arrivals in (events, events[::-1], events[::2] + events[1::2], events[1::2] + events[::2]):
        seen_at_once = accumulate((min(e.occur_time, now) for e in arrivals), max)
        _deliver(arrivals, seen_at_once)
        _deliver(arrivals, repeat(now))


def _deliver(events: list[Event], nows: Iterable[Micros]) -> None:
    """`nows` are the present instants at the arrivals; they never run backwards."""
    state: State = EMPTY
    effects: list[Effect] = []
    for n, (event, now) in enumerate(zip(events, nows, strict=False), start=1):
        scratch, anew = fold(EMPTY, events[:n], now)
        if follows(state, [event]):
            state, stepped = run(state, [event])
            state, settled = settle(state, now)
            effects += (*stepped, *settled)
        else:
            state, effects = scratch, anew
        assert state == scratch
        assert net(effects) == net(anew)
