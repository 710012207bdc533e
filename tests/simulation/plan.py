"""What is going to happen in a world: actions of clients and faults, each at its instant.

Actions know nothing of each other, so that any of them can be left out to make a story shorter.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import SECOND, Micros
from tests.generate import START
from tests.simulation.postgres import Trouble
from tests.simulation.writer import Ill, Point

SECONDS = 2.0
"""How long things happen in a world, before all is healed and it comes to rest."""

_EPOCH = START + 40 * 86_400 * SECOND

URLS = {
    (): "https://shop.example/",
    ("quote",): "https://shop.example/quote",
    ("order", "quote"): "https://shop.example/both",
}
"""Pages, by the goals that a visit reaches."""


def wall(seconds: float) -> Micros:
    """The true instant of a virtual time."""
    return Micros(_EPOCH + int(seconds * SECOND))


@dataclass(frozen=True, slots=True)
class Send:
    """A client sends a batch, and again until it is told what became of it."""

    at: float
    server: int
    account: str
    events: tuple[tuple[str, Event], ...]
    """By conversation."""
    twice_on: int | None = None
    """It is sent to this server as well, at the same time."""
    leaves_after: float | None = None
    """The client goes away so long after it has sent it, and never asks what became of it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A client asks how many."""

    at: float
    server: int
    account: str
    by_operator: bool
    leaves_after: float | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A client watches, and again whenever it is cut off."""

    at: float
    server: int
    account: str
    reads_slowly: float


@dataclass(frozen=True, slots=True)
class SetWidget:
    """Somebody changes a widget's settings."""

    at: float
    server: int
    account: str
    widget: str
    effective: Micros
    limit: Micros | None
    has_goals: bool


@dataclass(frozen=True, slots=True)
class Purge:
    """Somebody purges what is older."""

    at: float
    server: int
    account: str
    before: Micros


@dataclass(frozen=True, slots=True)
class Erase:
    """Somebody erases a conversation."""

    at: float
    server: int
    account: str
    conversation: str
    keeps_counts: bool


@dataclass(frozen=True, slots=True)
class KillServer:
    """A server dies, after so many more steps, and is started again."""

    at: float
    server: int
    steps: int
    away: float


@dataclass(frozen=True, slots=True)
class StopServer:
    """A server is stopped in order, and started again."""

    at: float
    server: int
    away: float


@dataclass(frozen=True, slots=True)
class LosePower:
    """The machine goes: what was not flushed is gone."""

    at: float
    away: float


@dataclass(frozen=True, slots=True)
class KillWriter:
    """The process that writes dies at the next such point."""

    at: float
    point: Point


@dataclass(frozen=True, slots=True)
class FailCommits:
    """The next commits fail, stored or not."""

    at: float
    how: tuple[Ill, ...]


@dataclass(frozen=True, slots=True)
class FillDisk:
    """There is no room for a while."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class StallWriter:
    """The process that writes, or its disk, stands still for a while."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class SlowThreads:
    """Threads, network and disk are slow from now on."""

    at: float
    seconds_max: float


@dataclass(frozen=True, slots=True)
class JumpClock:
    """A server's clock jumps."""

    at: float
    server: int
    by: Micros


@dataclass(frozen=True, slots=True)
class UseSettings:
    """A server takes up other settings."""

    at: float
    server: int
    small: bool


@dataclass(frozen=True, slots=True)
class TroubleSessions:
    """The next transactions on PostgreSQL meet these."""

    at: float
    what: tuple[Trouble, ...]


Action: TypeAlias = (
    Send
    | Ask
    | Watch
    | SetWidget
    | Purge
    | Erase
    | KillServer
    | StopServer
    | LosePower
    | KillWriter
    | FailCommits
    | FillDisk
    | StallWriter
    | SlowThreads
    | JumpClock
    | UseSettings
    | TroubleSessions
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A world before it happens."""

    seed: int
    servers: int
    on_postgres: bool
    disorder: float
    small: bool
    """Whether transactions have room for a few events only."""
    compact_every_seconds: float
    actions: tuple[Action, ...] = field(default=())
