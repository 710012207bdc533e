"""Draws what is going to happen in a world from its seed."""

import random
from collections.abc import Iterator

from telwerkd.domain.conversation.events import Event, Kind, Message, PageVisited, Retracted, Sender, WentLive
from telwerkd.domain.ids import SECOND, EventId, Micros
from tests.generate import FAMILIES, GRID, THEMES, WIDGETS
from tests.simulation.plan import (
    SECONDS,
    URLS,
    Action,
    Ask,
    Erase,
    FailCommits,
    FillDisk,
    JumpClock,
    KillServer,
    KillWriter,
    LosePower,
    Plan,
    Purge,
    Send,
    SetWidget,
    SlowThreads,
    StallWriter,
    StopServer,
    TroubleSessions,
    UseSettings,
    Watch,
    wall,
)
from tests.simulation.postgres import Trouble
from tests.simulation.writer import Ill, Point

ACCOUNTS = ("acme", "bolt", "cozy")

_QUARTER = 900 * SECOND
_OLD = (SECOND, _QUARTER, 3 * _QUARTER, 33 * 86_400 * SECOND)
"""How much earlier than now the events of a conversation may have happened."""


def planned(seed: int) -> Plan:
    """The world of a seed."""
    chance = random.Random(seed)  # noqa: S311  # to be repeated
    servers = chance.choice((1, 1, 1, 1, 2, 2, 3))
    drawing = _Drawing(chance, servers)
    actions: list[Action] = [*drawing.sends(), *drawing.asks(), *drawing.settings()]
    if chance.random() < 0.4:
        actions += drawing.removals()
    if chance.random() < 0.9:
        draw = drawing.fault if servers == 1 else drawing.shared_fault
        actions += [draw() for _ in range(chance.randint(1, 4))]
    if servers > 1:
        actions += drawing.clocks()
    actions.sort(key=lambda action: action.at)
    disorder, small = chance.choice((0.0, 0.2, 1.0)), chance.random() < 0.5
    return Plan(seed, servers, servers > 1, disorder, small, chance.choice((0.7, 1.4, 1.4)), tuple(actions))


class _Drawing:
    """Draws the actions of one world."""

    def __init__(self, chance: random.Random, servers: int) -> None:
        self._chance = chance
        self._servers = servers
        self._accounts = ACCOUNTS[: chance.choice((1, 1, 2, 2, 3))]
        self._numbers = iter(range(10**6))
        self._conversations: list[tuple[str, str]] = []

    def _when(self) -> float:
        return round(self._chance.uniform(0.0, SECONDS), 3)

    def _server(self) -> int:
        return self._chance.randrange(self._servers)

    def _account(self) -> str:
        return self._chance.choice(self._accounts)

    def sends(self) -> list[Action]:
        """Some conversations, in batches that come late, twice, in another order, or with one another."""
        chance = self._chance
        sends: list[Action] = []
        for number in range(chance.randint(1, 3)):
            account, conversation = self._account(), f"c{number}"
            self._conversations.append((account, conversation))
            for at, events in self._batches(self._conversation()):
                sent = tuple((conversation, event) for event in events)
                others = [other for other in sends if isinstance(other, Send) and other.account == account]
                if chance.random() < 0.25:  # so many that a transaction may not come to all of them
                    sent += tuple(self._others_of(conversation, events[0]))
                if others and chance.random() < 0.2:
                    sent += chance.choice(others).events[:3]
                twice_on = self._server() if chance.random() < 0.15 else None
                leaves = round(chance.uniform(0.0, 0.1), 4) if chance.random() < 0.1 else None
                sends.append(Send(at, self._server(), account, sent, twice_on, leaves))
        return sends

    def _others_of(self, conversation: str, like: Event) -> Iterator[tuple[str, Event]]:
        """Events of further conversations, at the same time."""
        for number in range(self._chance.randint(1, 4)):
            event = Event(
                EventId(f"e{next(self._numbers)}"), like.occur_time, 0, like.widget_id, Message(Sender.CONTACT)
            )
            yield f"{conversation}.{number}", event

    def _conversation(self) -> list[Event]:
        """Events of a conversation, some of which have not happened long before they are sent."""
        chance = self._chance
        kinds: list[Kind] = list(chance.choice(THEMES) if chance.random() < 0.7 else [])
        kinds = kinds or [kind for family in chance.sample(FAMILIES, 5) for kind in family]
        old = chance.choice(_OLD) if chance.random() < 0.4 else 0
        begin = wall(chance.uniform(0.0, 1.0)) - old
        return [self._event(chance.choice(kinds), begin) for _ in range(chance.randint(2, 11))]

    def _event(self, kind: Kind, begin: int) -> Event:
        chance = self._chance
        number = next(self._numbers)
        if number and chance.random() < 0.06:
            kind = Retracted(EventId(f"e{chance.randrange(number + 2)}"))
        if isinstance(kind, WentLive):
            kind = WentLive(kind.limit if chance.random() < 0.7 else None)
        if isinstance(kind, PageVisited):
            kind = PageVisited(URLS[kind.goals if kind.goals in URLS else ()].encode())
        if isinstance(kind, Message) and chance.random() < 0.1:
            kind = Message(kind.sender)
        instant = Micros((begin + chance.randrange(7) * GRID) // GRID * GRID)
        return Event(EventId(f"e{number}"), instant, chance.choice((0, 0, 1)), chance.choice(WIDGETS), kind)

    def _batches(self, events: list[Event]) -> list[tuple[float, list[Event]]]:
        """The events by the time at which they are sent; not before they happen, but for clocks that differ."""
        chance = self._chance
        if chance.random() < 0.7:
            events.sort(key=lambda event: event.occur_time)
        batches: list[tuple[float, list[Event]]] = []
        while events:
            some, events = events[: (size := chance.choice((1, 2, 3, 5, 9)))], events[size:]
            happened = (max(event.occur_time for event in some) - wall(0.0)) / SECOND
            at = max(0.0, happened) + chance.random() ** 3
            batches.append((round(min(at, SECONDS) if chance.random() < 0.8 else self._when(), 3), some))
        return batches

    def asks(self) -> list[Action]:
        """Questions, several of the same, and watches."""
        chance = self._chance
        asks: list[Action] = []
        for _ in range(chance.randint(0, 3)):
            leaves = round(chance.uniform(0.0, 0.01), 4) if chance.random() < 0.1 else None
            asks.append(Ask(self._when(), self._server(), self._account(), chance.random() < 0.5, leaves))
        watches = range(chance.choice((0, 0, 1, 1, 2)))
        return asks + [
            Watch(self._when() / 2, self._server(), self._account(), chance.choice((0.0, 0.0, 0.5))) for _ in watches
        ]

    def settings(self) -> list[Action]:
        """Settings of widgets, mostly before anything else."""
        chance = self._chance
        drawn: list[Action] = []
        for _ in range(chance.randint(0, 3)):
            at = 0.0 if chance.random() < 0.6 else self._when()
            limit = chance.choice((None, Micros(GRID), Micros(4 * GRID)))
            effective = Micros(wall(chance.choice((0.0, 0.5, 1.5))))
            widget = chance.choice(WIDGETS)
            drawn.append(
                SetWidget(at, self._server(), self._account(), widget, effective, limit, chance.random() < 0.6)
            )
        return drawn

    def removals(self) -> list[Action]:
        """What is taken out of the log."""
        chance = self._chance
        removals: list[Action] = []
        for _ in range(chance.randint(1, 2)):
            at, (account, conversation) = self._when(), chance.choice(self._conversations)
            if chance.random() < 0.5:
                before = wall(at - chance.choice((0.0, 0.0, 1.0, 900.0)))
                removals.append(Purge(at, self._server(), account, Micros(before)))
            else:
                removals.append(Erase(at, self._server(), account, conversation, chance.random() < 0.5))
        return removals

    def fault(self) -> Action:  # noqa: PLR0911  # one case for each kind
        """Something that goes wrong, on SQLite."""
        chance, at = self._chance, self._when()
        away = round(chance.uniform(0.01, 0.8), 3)
        match chance.randrange(12):
            case 0 | 1:
                return KillServer(at, 0, chance.randrange(1, 300), away)
            case 2:
                return StopServer(at, 0, away)
            case 3:
                return LosePower(at, away)
            case 4 | 5 | 6:
                return KillWriter(at, chance.choice(list(Point)))
            case 7:
                return FailCommits(at, tuple(chance.choices(list(Ill), k=chance.randint(1, 3))))
            case 8:
                return FillDisk(at, away)
            case 9:
                return StallWriter(at, chance.choice((0.1, 0.9, 2.0)))
            case 10:
                jumps = (-300, -20, -2, 1, 3, 40, 400, 90_000)
                return JumpClock(at, 0, Micros(chance.choice(jumps) * SECOND))
            case _:
                return chance.choice((UseSettings(at, 0, chance.random() < 0.5), SlowThreads(at, 0.3)))

    def shared_fault(self) -> Action:
        """Something that goes wrong where several servers share PostgreSQL."""
        chance, at, server = self._chance, self._when(), self._server()
        away = round(chance.uniform(0.01, 0.8), 3)
        match chance.randrange(10):
            case 0 | 1 | 2:
                return KillServer(at, server, chance.randrange(1, 300), away)
            case 3:
                return StopServer(at, server, away)
            case 4 | 5 | 6 | 7:
                return TroubleSessions(at, tuple(chance.choices(list(Trouble), k=chance.randint(1, 6))))
            case 8:
                return JumpClock(at, server, Micros(chance.choice((-20, -2, 1, 3, 40, 400)) * SECOND))
            case _:
                return chance.choice((UseSettings(at, server, chance.random() < 0.5), SlowThreads(at, 0.3)))

    def clocks(self) -> list[Action]:
        """Clocks that differ from the beginning."""
        chance = self._chance
        return [JumpClock(0.0, server, Micros(chance.randrange(-SECOND, SECOND))) for server in range(self._servers)]
