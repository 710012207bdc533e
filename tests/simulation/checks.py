"""What must hold of a world that has come to rest."""

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as pb
from telwerkd.application.audit import examine
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import Event, Retracted
from telwerkd.domain.counting.measures import is_service_time
from telwerkd.domain.ids import SECOND, AccountId, Micros
from telwerkd.storage.sql import records
from tests.cells import stored_cells, wanted_cells
from tests.oracle import Counted, oracle_facts, oracle_held
from tests.simulation.actors import KPIS, Key, series, totals

if TYPE_CHECKING:
    from tests.simulation.world import World

_LATE = 2 * SECOND
"""A limit is noticed by then (R-KPI3-14)."""
_LOOKS_SECONDS = 0.1


async def rested(world: "World") -> None:
    """Returns when no limit is left that should be settled, and watches show what a question is answered."""
    while not all(server.is_idle for server in world.servers) or _late(world) or await _stale(world):  # noqa: ASYNC110
        await asyncio.sleep(_LOOKS_SECONDS)


def _late(world: "World") -> bool:
    until = min(server.clock.trusted() for server in world.servers) - _LATE
    due = world.disk.rows("SELECT count(*) FROM conversations WHERE due IS NOT NULL AND due <= ?", until)
    return bool(due[0][0])


async def _stale(world: "World") -> bool:
    for watch in world.clients.open_watches:
        answer = await world.clients.until_done(
            watch.server, lambda to, account=watch.account: to.call("kpi.QueryTimeSeries", series(account))
        )
        shown = world.clients.watched.get(watch)
        if shown is None or _told(shown) != _told(pb.QueryTimeSeriesResponse.FromString(answer)):
            return True
    return False


def _told(answer: pb.QueryTimeSeriesResponse) -> tuple[Any, ...]:
    """What it says, but for how far it is complete; rows of zeros are left out, as a client may."""
    rows = {
        (line.kpi_id, line.key.SerializeToString(deterministic=True)): tuple(line.counts)
        for line in answer.series
        if any(line.counts)
    }
    return rows, [(about.kpi_id, about.count, about.sum, about.held_back_count) for about in answer.answers]


async def check(world: "World") -> None:
    """Adds what is wrong to `world.wrong`."""
    acknowledged(world)
    rows = world.disk.rows("SELECT account_id FROM accounts")
    for account in sorted(str(row[0]) for row in rows):
        while not await _judge(world, account):
            pass


async def _judge(world: "World", account: str) -> bool:
    """Whether an account stayed as it was while it was looked at; a limit may pass meanwhile."""
    wrong, version = list(world.wrong), _version(world, account)
    judged = _Judged(world, account)
    if judged.is_judged:
        judged.counters()
        await judged.answers()
    if not judged.is_judged or world.plan.seed % 4 == 0:
        await judged.audit()
    if _version(world, account) == version:
        return True
    world.wrong[:] = wrong
    return False


def _version(world: "World", account: str) -> object:
    return world.disk.rows("SELECT version, high_water FROM accounts WHERE account_id = ?", account)


def acknowledged(world: "World") -> None:
    """Acknowledged is stored; nothing is accepted twice, and nothing stored that was only ever refused."""
    stored: set[Key] = {
        (str(a), str(c), str(e))
        for table in ("events", "graveyard")
        for a, c, e in world.disk.rows(f"SELECT account_id, conversation_id, event_id FROM {table}")  # noqa: S608
    }
    clients, wrong = world.clients, world.wrong
    wrong += [f"{key} is stored, and nobody sent it" for key in sorted(stored - clients.sent.keys())]
    for key, told in clients.told.items():
        verdicts = [each.verdict for each in told]
        accepted = verdicts.count(ingestion.VERDICT_ACCEPTED)
        duplicates = verdicts.count(ingestion.VERDICT_DUPLICATE)
        if accepted + duplicates and key not in stored:
            wrong.append(f"{key} was acknowledged and is not stored")
        if accepted > 1:
            wrong.append(f"{key} was accepted {accepted} times")
        if clients.attempts[key] == len(told):  # no outcome is unknown
            if duplicates and not accepted:
                wrong.append(f"{key} was told to be a duplicate, and nobody was told that it was accepted")
            if not accepted and not duplicates and key in stored:
                wrong.append(f"{key} was refused ({told[0].reason}) and is stored")


class _Judged:
    """An account, as the oracle sees it."""

    def __init__(self, world: "World", account: str) -> None:
        self._world = world
        self._account = AccountId(account)
        query = "SELECT high_water FROM accounts WHERE account_id = ?"
        [(high_water,)] = world.disk.rows(query, account)
        self._high_water = Micros(int(str(high_water)))
        self._logs: dict[str, list[Event]] = {}
        self._ends: dict[str, Micros] = {}
        """When conversations were erased, on the account's own line of time."""
        self.is_judged = True
        self._read()

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """See `Disk.rows`; `stored_cells` asks for it."""
        return self._world.disk.rows(query, *parameters)

    def _read(self) -> None:
        query = "SELECT conversation_id, event_id, occur_time, body{} FROM {} WHERE account_id = ?"
        purged: dict[str, set[str]] = {}
        for conversation, *event, high_water in self.rows(query.format(", high_water", "graveyard"), self._account):
            self._logs.setdefault(conversation, []).append(records.event_of(*event))
            self._ends[conversation] = Micros(high_water)
            purged.setdefault(conversation, set()).add(event[0])
        for conversation, *event in self.rows(query.format("", "events"), self._account):
            self._logs.setdefault(conversation, []).append(records.event_of(*event))
            self._ends.pop(conversation, None)
        for conversation, log in self._logs.items():
            taken = {event.kind.event_id for event in log if isinstance(event.kind, Retracted)}
            if self._account in self._world.clients.purged and purged.get(conversation, set()) & taken:
                self.is_judged = False  # what takes back what was purged comes too late, and the oracle cannot know
        if self._account in self._world.clients.purged and any(
            of == self._account for of, _ in self._world.clients.erased
        ):
            self.is_judged = False

    def facts(self) -> tuple[Counter[Counted], Counter[Counted]]:
        """What counts, and what is held back."""
        facts, held = Counter[Counted](), Counter[Counted]()
        for conversation, log in self._logs.items():
            ways = self._world.clients.erased.get((self._account, conversation), set())
            if ways and conversation in self._ends:
                if len(ways) > 1:
                    self.is_judged = False
                elif True in ways:
                    facts.update(oracle_facts(log, self._ends[conversation]))
                continue
            facts.update(oracle_facts(log, self._high_water))
            held.update(oracle_held(log, self._high_water))
        return facts, held

    async def audit(self) -> None:
        """The program's own judge: the counters are the fold of the log."""
        store = self._world.servers[0].store
        found = await store.read(self._account, partial(examine, lambda _done, _all: None))
        if not found.clean:
            self._world.wrong.append(f"verify of {self._account}: {found}")

    def counters(self) -> None:
        """Every counter, in every grouping, is what the oracle says."""
        wanted = wanted_cells(*self.facts())
        actual = stored_cells(self, self._account)
        actual = Counter({key: n for key, n in actual.items() if not is_service_time(key[0])})
        if self.is_judged and actual != wanted:
            missing, extra = wanted - actual, actual - wanted
            text = "; ".join(
                f"{name} {sorted(cells.items())[:3]}"
                for name, cells in (("missing", missing), ("extra", extra))
                if cells
            )
            self._world.wrong.append(f"counters of {self._account} are not what the oracle counts: {text}")

    async def answers(self) -> None:
        """A question is answered with what the oracle counts."""
        facts, _ = self.facts()
        wanted = Counter[Kpi]()
        for (of, *_), n in facts.items():
            wanted[of] += n
        request = totals(self._account, by_operator=self._world.plan.seed % 2 == 0)
        answer = await self._world.clients.until_done(0, lambda to: to.call("kpi.QueryTotals", request))
        told = {of.kpi_id: of.count for of in pb.QueryTotalsResponse.FromString(answer).answers}
        expected = {kpi_id: wanted[_kpi(kpi_id)] for kpi_id in KPIS}
        if self.is_judged and told != expected:
            self._world.wrong.append(f"{self._account} is told {told}, and the oracle counts {expected}")


def _kpi(kpi_id: str) -> Kpi:
    [found] = [kpi for kpi, info in CATALOGUE.items() if info.id == kpi_id]
    return found
