"""A world that went wrong, made short and told in words."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import SECOND
from tests.simulation.plan import (
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
from tests.simulation.world import Outcome, lived

T = TypeVar("T")

TRIES_MAX = 400
"""Worlds that are tried to make one shorter."""


def shortest(outcome: Outcome) -> Outcome:
    """A shorter plan that goes wrong in the same way, by leaving out actions, and then events (ddmin)."""
    tries = iter(range(TRIES_MAX))
    found = [outcome]

    def fails(plan: Plan) -> bool:
        if next(tries, None) is None:
            return False
        tried = lived(plan)
        if _kind(tried) != _kind(outcome):
            return False
        found[0] = tried
        return True

    _without(list(outcome.plan.actions), lambda some: fails(dataclasses.replace(found[0].plan, actions=tuple(some))))
    for place, action in enumerate(found[0].plan.actions):
        if isinstance(action, Send):
            _without(
                list(action.events), lambda some, place=place: bool(some) and fails(_with(found[0].plan, place, some))
            )
    return found[0]


def _with(plan: Plan, place: int, events: list[tuple[str, Event]]) -> Plan:
    action = dataclasses.replace(plan.actions[place], events=tuple(events))
    return dataclasses.replace(plan, actions=(*plan.actions[:place], action, *plan.actions[place + 1 :]))


def _kind(outcome: Outcome) -> str:
    """What went wrong first, without its names and numbers."""
    text = outcome.wrong[0] if outcome.wrong else ""
    return "".join(word for word in text.split() if word.isalpha())[:40]


def _without(items: list[T], fails: Callable[[list[T]], bool]) -> None:
    """Calls `fails` with fewer and fewer of the items, as long as it still says yes (Zeller's ddmin)."""
    size = len(items) // 2
    while size:
        start = 0
        while start < len(items):
            fewer = items[:start] + items[start + size :]
            if fails(fewer):
                items = fewer
            else:
                start += size
        size //= 2


def told(outcome: Outcome) -> str:
    """The story of a world, a line for each thing that happened."""
    plan = outcome.plan
    order = {0.0: "in asyncio's order", 1.0: "in any order"}.get(plan.disorder, "mostly in asyncio's order")
    size = "few events fit" if plan.small else "many events fit"
    where = f"{plan.servers} server(s) on {'PostgreSQL' if plan.on_postgres else 'SQLite'}"
    lines = [f"World {plan.seed}: {where}, tasks go on {order}, into a transaction {size}."]
    lines += [f"  {action.at:6.3f} s  {_words(action)}" for action in plan.actions]
    lines += [f"  {outcome.seconds:6.3f} s  the end. What was wrong:"]
    return "\n".join([*lines, *(f"            - {wrong[:600]}" for wrong in outcome.wrong)])


def _words(action: Action) -> str:  # noqa: C901, PLR0911, PLR0912  # one case for each kind
    match action:
        case Send(account=account, events=events, twice_on=twice, leaves_after=leaves):
            what = ", ".join(f"{conversation}/{_event(event)}" for conversation, event in events)
            again = "" if twice is None else f", and at the same time to server {twice}"
            gone = "" if leaves is None else f", and goes away {leaves} s later"
            return f"a client of {account} sends server {action.server}{again} [{what}]{gone}"
        case Ask(account=account, leaves_after=leaves):
            gone = "" if leaves is None else f", and goes away {leaves} s later"
            return f"a client of {account} asks server {action.server} how many{gone}"
        case Watch(account=account, reads_slowly=slowly):
            return f"a client of {account} watches on server {action.server}" + (", and reads slowly" if slowly else "")
        case SetWidget(account=account, widget=widget, limit=limit):
            return f"widget {widget} of {account} gets other settings, limit {limit} µs"
        case Purge(account=account, before=before):
            return f"{account} is purged of what is before {_time(before)}"
        case Erase(account=account, conversation=conversation, keeps_counts=keeps):
            return f"{conversation} of {account} is erased, {'with its counts kept' if keeps else 'with its counts'}"
        case KillServer(server=server, steps=steps, away=away):
            return f"server {server} dies {steps} steps later, and is back after {away} s"
        case StopServer(server=server, away=away):
            return f"server {server} is stopped in order, and is back after {away} s"
        case LosePower(away=away):
            return f"the machine loses power, and is back after {away} s"
        case KillWriter(point=point):
            return f"the writer is going to die {point.value}"
        case FailCommits(how=how):
            return "the next commits: " + "; ".join(f"one {ill.value}" for ill in how)
        case FillDisk(seconds=seconds):
            return f"the disk is full for {seconds} s"
        case StallWriter(seconds=seconds):
            return f"the writer stands still for {seconds} s"
        case SlowThreads(seconds_max=seconds):
            return f"threads, disk and network are slow from now on, up to {seconds} s"
        case JumpClock(server=server, by=by):
            return f"the clock of server {server} jumps by {by / SECOND:+g} s"
        case TroubleSessions(what=what):
            return "the next transactions: " + "; ".join(f"one {trouble.value}" for trouble in what)
        case UseSettings(server=server, small=small):
            return f"server {server} takes up {'small' if small else 'large'} transactions"


def _event(event: Event) -> str:
    return f"{event.event_id} {type(event.kind).__name__} at {_time(event.occur_time)}"


def _time(instant: int) -> str:
    """Seconds since the world began."""
    return f"{(instant - wall(0.0)) / SECOND:+g} s"
