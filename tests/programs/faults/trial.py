"""One fault: injected beside a server under load, held, taken away; and whether the server kept its promises."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, redirect_stdout
from dataclasses import dataclass, field
from enum import Enum
from io import StringIO
from typing import Any

from telwerkd.server.maintenance import audits
from telwerkd.storage.location import Location, PostgresUrl
from tests.conftest import eventually, rows
from tests.programs.faults.load import HASTY_SECONDS, LATE_SECONDS, NO_ANSWER, Call, Load, told
from tests.programs.faults.program import Program

NOT_READY_SECONDS = 25.0
"""A look may take 15, and begins every two."""
BACK_SECONDS = 90.0
"""A statement to PostgreSQL whose answer was lost is given up after 60."""
SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"
LOG_LINES_MAX = 20


class Readiness(Enum):
    """What it must say while a fault lasts."""

    FOLLOWS = "NOT_SERVING"
    STAYS = "SERVING"
    GONE = "no answer"
    ANY = "any"


@dataclass(frozen=True)
class Fault:
    """What happens, and what may come of it beside what is always promised."""

    name: str
    injected: Callable[[], AbstractAsyncContextManager[Any]]
    """The fault lasts as long as one is inside."""
    readiness: Readiness = Readiness.FOLLOWS
    writes: frozenset[str] = frozenset({"OK", "UNAVAILABLE"})
    """How calls that write may end."""
    asks: frozenset[str] = frozenset({"OK", "UNAVAILABLE"})
    seconds: float = 2.0
    """How long it is held at least."""
    ends_server: bool = False
    """Whether the server may end: whoever runs it starts it again."""
    traces: str = " "
    """Who may log tracebacks: a library that does so by itself."""
    hits: Callable[[], int] | None = None
    """How often it was met, if that can be told; it must be."""


@dataclass(frozen=True)
class Found:
    """A row of the table."""

    family: str
    name: str
    writes: str
    slowest_seconds: float
    asks: str
    readiness: str
    over: str
    acknowledged: int
    lost: int
    is_verified: bool
    lines: int
    violations: list[str] = field(default_factory=list)
    skipped: str = ""
    """Why it was not tried."""


def skipped(family: str, why: str, name: str = "all") -> Found:
    """The row of what cannot be tried on this machine."""
    print(f"{family}: {name}: not tried: {why}", flush=True)  # noqa: T201
    return Found(family, name, "", 0.0, "", "", "", 0, 0, is_verified=True, lines=0, skipped=why)


OUT_OF_TIME = frozenset({"DEADLINE_EXCEEDED"})
"""May be added to what calls end with, where nobody can answer the patient before their deadline."""


class Trials:
    """Faults, one after the other, at one server and its load."""

    def __init__(self, family: str, program: Program, database: Location, load: Load) -> None:
        self.found: list[Found] = []
        self.load = load
        self._family = family
        self._program = program
        self._database = database

    async def trial(self, fault: Fault) -> None:
        """Injects it, and notes what it found."""
        lines, violations = len(self._program.lines()), list[str]()
        await self._calm()
        begun, acknowledged = time.monotonic(), len(self.load.acknowledged)
        async with fault.injected():
            readiness = await self._held(fault, begun, violations)
        ended = time.monotonic()
        restarted = await self._run(fault, violations)
        over = await self._over(ended, violations)
        calls = [call for call in self.load.calls if call.begun + call.seconds > begun and call.begun < ended]
        _judge(fault, calls, violations)
        lost = self.load.acknowledged - await asyncio.to_thread(_stored, self._database)
        if lost:
            violations.append(f"{len(lost)} acknowledged and not stored: {sorted(lost)[:3]}")
        clean = await self._verified(violations)
        said = self._program.lines()[lines:]
        violations += _wrong_in_log(said, fault.traces)
        found = Found(
            family=self._family,
            name=fault.name,
            writes=told(call for call in calls if call.kind == "writes"),
            slowest_seconds=max((call.seconds for call in calls if call.kind == "writes"), default=0.0),
            asks=told(call for call in calls if call.kind == "asks"),
            readiness=readiness,
            over=over + (", started again" if restarted else ""),
            acknowledged=len(self.load.acknowledged) - acknowledged,
            lost=len(lost),
            is_verified=clean,
            lines=len(said),
            violations=violations,
        )
        self.found.append(found)
        print(_line(found), flush=True)  # noqa: T201

    async def end(self) -> None:
        """Once every producer has its answers and the server is stopped: each event is stored once."""
        violations = list[str]()
        code = await self._program.stop()
        if code:
            violations.append(f"the server ended with {code}")
        stored = await asyncio.to_thread(_stored, self._database)
        if stored != self.load.acknowledged:
            violations.append(f"{len(self.load.acknowledged)} acknowledged, {len(stored)} stored")
        await self._verified(violations)
        self.found[-1].violations.extend(violations)
        for violation in violations:
            print(f"    VIOLATION at the end: {violation}", flush=True)  # noqa: T201

    async def _calm(self) -> None:
        """Returns when all is well: ready, and something is acknowledged."""
        since = time.monotonic()
        await eventually(lambda: self._is(lambda: self._writes_since(since) and self._ready_since(since)), BACK_SECONDS)

    async def _held(self, fault: Fault, begun: float, violations: list[str]) -> str:
        """Holds it for its time, and as long as readiness has to follow; says what that did."""
        await asyncio.sleep(fault.seconds)
        if fault.readiness in {Readiness.FOLLOWS, Readiness.GONE}:
            wanted = fault.readiness.value
            try:
                await eventually(lambda: self._is(lambda: self._said(wanted, begun) is not None), NOT_READY_SECONDS)
            except TimeoutError:
                violations.append(f"readiness never said {wanted}")
                return "SERVING"
            await asyncio.sleep(0.5)
        for status in (NOT_SERVING, NO_ANSWER):
            after = self._said(status, begun)
            if after is not None:
                if fault.readiness is Readiness.STAYS:
                    violations.append(f"readiness said {status}")
                return f"{status} after {after:.1f} s"
        return "SERVING"

    async def _run(self, fault: Fault, violations: list[str]) -> bool:
        if self._program.is_running:
            return False
        if not fault.ends_server:
            violations.append("the server has ended")
        await self._program.start_again()
        return True

    async def _over(self, ended: float, violations: list[str]) -> str:
        """When writes are taken again and readiness says so."""
        try:
            await eventually(
                lambda: self._is(lambda: self._writes_since(ended) and self._ready_since(ended)), BACK_SECONDS
            )
        except TimeoutError:
            violations.append(f"not over after {BACK_SECONDS:.0f} s")
            return "never"
        wrote = min(c.begun + c.seconds for c in self.load.calls if c.code == "OK" and _wrote(c) and c.begun >= ended)
        ready = min(look.at for look in self.load.looks if look.at > ended and look.status == SERVING)
        return f"{max(wrote, ready) - ended:.1f} s"

    def _said(self, status: str, since: float) -> float | None:
        return next((look.at - since for look in self.load.looks if look.at > since and look.status == status), None)

    def _writes_since(self, since: float) -> bool:
        return any(_wrote(call) and call.begun >= since and call.code == "OK" for call in reversed(self.load.calls))

    def _ready_since(self, since: float) -> bool:
        looks = self.load.looks
        return bool(looks) and looks[-1].at > since and looks[-1].status == SERVING

    async def _is(self, holds: Callable[[], bool]) -> bool:
        return holds()

    async def _verified(self, violations: list[str]) -> bool:
        said = StringIO()
        with redirect_stdout(said):
            clean = await audits.verify(self._database)
        if not clean:
            violations.append(f"verify is not clean: {said.getvalue()[-500:]}")
        return clean


def _wrote(call: Call) -> bool:
    return call.kind == "writes"


def _judge(fault: Fault, calls: list[Call], violations: list[str]) -> None:
    wrong = dict[tuple[str, str], list[Call]]()
    for call in calls:
        allowed = fault.writes if _wrote(call) else fault.asks
        if call.deadline_seconds == HASTY_SECONDS:
            allowed |= OUT_OF_TIME
        if call.code not in allowed:
            wrong.setdefault((call.kind, call.code), []).append(call)
        if call.seconds > call.deadline_seconds + LATE_SECONDS:
            violations.append(f"a call took {call.seconds:.1f} s, its deadline was {call.deadline_seconds:.0f} s")
    for (kind, code), those in wrong.items():
        violations.append(f"{len(those)} calls that {kind} ended {code}: {those[0].text}")
    if fault.hits is not None and not fault.hits():
        violations.append("the fault was never met")


def _wrong_in_log(said: list[str], traces: str) -> list[str]:
    ours, by = list[str](), ""
    for line in said:
        by = line if line[:1].isdigit() else by
        ours += [line] if f" {traces}: " not in by else []
    wrong = [f"a traceback in the log: {' / '.join(ours[:12])}"] if any("Traceback" in line for line in ours) else []
    if len(ours) > LOG_LINES_MAX:
        wrong.append(f"{len(said)} lines in the log: {' / '.join(said[:8])}")
    return wrong


def _stored(database: Location) -> set[tuple[str, str]]:
    where = database if isinstance(database, PostgresUrl) else database.path
    return {tuple(row) for row in rows(where, "SELECT account_id, event_id FROM events")}


def _line(found: Found) -> str:
    told_ = (
        f"writes {found.writes} (slowest {found.slowest_seconds:.1f} s); asks {found.asks}; {found.readiness}; "
        f"over {found.over}; {found.acknowledged} acknowledged, {found.lost} lost, {found.lines} lines"
    )
    return "\n    ".join(
        [
            f"{found.family}: {found.name}: {told_}",
            *(f"VIOLATION {violation}" for violation in dict.fromkeys(found.violations)),
        ]
    )
