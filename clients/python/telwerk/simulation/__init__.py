"""Invented live chats, for demonstrations and for tests of speed: believable, and the same again from the same seed.

Nothing here is measured from anyone. Every id that an account could already know (conversations, widgets, operators,
groups, topics, goals, questions) begins with `sim-`, so that invented chats are never taken for real ones.

A chat is played by `chat.Chat`, which keeps a clock, who is assigned and the events so far. The company is small: three
widgets, three groups, seven operators of whom two work in two groups. Its day peaks from 10 to 12 and from 14 to 16.
"""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from telwerk.simulation.arrivals import beginnings
from telwerk.simulation.chat import Chat
from telwerk.simulation.company import EARLIEST_S, GROUPS, PREFIX, WIDGETS, Widget, widget_settings
from telwerk.v1 import event_pb2 as pb

__all__ = ["GROUPS", "PREFIX", "WIDGETS", "Widget", "simulate", "widget_settings"]

_SECOND_US: Final = 1_000_000


def simulate(
    seed: int, conversations: int, start: datetime, end: datetime, *, time_zone: str = "Europe/Amsterdam"
) -> Iterator[pb.Event]:
    """Plays `conversations` chats that begin in `[start, end)`, and gives their events, one chat after another.

    Chats come by their beginning, a chat's events by their instant; what would happen at or after `end` is left out, so
    that the last chats are still open. The same arguments give the same bytes, and hence harmless duplicates when sent
    twice; other arguments give other conversation ids.

    Args:
        seed: Any integer.
        conversations: How many chats, 0 or more.
        start: With a time zone; not before 2000.
        end: With a time zone; later than `start`.
        time_zone: IANA name of the office's time zone.

    Raises:
        ValueError: If the numbers or instants make no sense.
    """
    if conversations < 0:
        raise ValueError("conversations must be 0 or more")
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must have a time zone")
    start_us, end_us = _micros(start), _micros(end)
    if not EARLIEST_S * _SECOND_US <= start_us < end_us:
        raise ValueError("start must be 2000 or later, and earlier than end")
    return _play_all(seed, conversations, start_us, end_us, ZoneInfo(time_zone))


def _play_all(seed: int, conversations: int, start_us: int, end_us: int, zone: ZoneInfo) -> Iterator[pb.Event]:
    name = f"{seed} {conversations} {start_us} {end_us} {zone.key}"
    run = PREFIX + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    rng = random.Random(name)  # noqa: S311 -- chats are invented here, not secrets
    for number, (begin_us, office) in enumerate(beginnings(rng, conversations, start_us, end_us, zone)):
        for event, instant_us in Chat(rng, f"{run}-{number:06}", begin_us, office=office).play():
            if instant_us < end_us:
                yield event


def _micros(instant: datetime) -> int:
    return (instant - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
