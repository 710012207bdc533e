"""What clients do in a world, and what they were told."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from telwerk.v1 import (
    admin_service_pb2 as admin,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerk.watching import Watched
from telwerkd.domain.conversation.events import Event, Message, Retracted
from telwerkd.domain.ids import SECOND, Micros
from tests.conftest import timestamp, wire
from tests.simulation.plan import URLS, Action, Ask, Erase, Purge, Send, SetWidget, Watch, wall
from tests.simulation.server import LostError, RefusedError, Server

if TYPE_CHECKING:
    from tests.simulation.world import World

Key = tuple[str, str, str]
"""An event: account, conversation, id."""

KPIS = ("messages", "satisfaction_score", "unanswered_live_conversations", "conversations_ended", "response_time")
_AGAIN_SECONDS = 0.05
_ACCEPTED, _DUPLICATE = ingestion.VERDICT_ACCEPTED, ingestion.VERDICT_DUPLICATE


class Told(NamedTuple):
    """What a client was told of an event."""

    verdict: int
    reason: str


class Clients:
    """All clients of a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._watching: dict[asyncio.Task[None], Watch] = {}
        self.sent: dict[Key, Event] = {}
        self.attempts: Counter[Key] = Counter()
        """How often each event was sent."""
        self.told: dict[Key, list[Told]] = defaultdict(list)
        self.purged = set[str]()
        self.erased: dict[tuple[str, str], set[bool]] = defaultdict(set)
        """Conversations that somebody wanted to erase, with their counts (False) or without."""
        self.watched: dict[Watch, kpi.QueryTimeSeriesResponse] = {}
        """What each watch shows last."""
        self.wrong = world.wrong

    def act(self, action: Action) -> None:
        """Has a client do something."""
        match action:
            case Send():
                servers = {action.server} if action.twice_on is None else {action.server, action.twice_on}
                copies = [action.server] * 2 if action.twice_on == action.server else sorted(servers)
                for server in copies:
                    self._begin(self._send(action, server), f"a batch of {action.account}", action.leaves_after)
            case Ask():
                self._begin(self._ask(action), "a question", action.leaves_after)
            case Watch():
                self._watching[asyncio.create_task(self._watch(action))] = action
            case SetWidget():
                self._begin(self._set_widget(action), "settings")
            case Purge():
                self.purged.add(action.account)
                self._begin(self._purge(action), "a purge")
            case Erase():
                self.erased[action.account, action.conversation].add(action.keeps_counts)
                self._begin(self._erase(action), "an erasure")

    def _begin(self, work: Coroutine[Any, Any, None], what: str, leaves_after: float | None = None) -> None:
        task = asyncio.create_task(work)
        self._tasks[task] = what
        if leaves_after is not None:
            self._world.loop.call_later(leaves_after, task.cancel)

    def waiting(self) -> list[str]:
        """What is not done yet."""
        return [what for task, what in self._tasks.items() if not task.done()]

    async def rest(self) -> None:
        """Returns when all that was begun is done, but for the watches."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                self.wrong.append(f"{self._tasks[task]}: {type(error).__name__}: {error}")

    async def end(self) -> None:
        """Ends the watches."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    @property
    def open_watches(self) -> list[Watch]:
        """Those whose clients are still there."""
        return list(self._watching.values())

    # One thing each.

    async def until_done(self, number: int, call: Callable[[Server], Coroutine[Any, Any, bytes]]) -> bytes:
        """Calls a server, and again, or the next one, as long as it is away or does not take it."""
        while True:
            try:
                return await call(self._world.servers[number])
            except LostError:
                number = (number + 1) % len(self._world.servers)
            except RefusedError as refused:
                if not refused.is_temporary:
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _send(self, action: Send, server: int) -> None:
        keys = [(action.account, conversation, event.event_id) for conversation, event in action.events]
        events = [wire(conversation, event) for conversation, event in action.events]
        raw = ingestion.IngestEventsRequest(account_id=action.account, events=events).SerializeToString()
        self.sent.update(zip(keys, (event for _, event in action.events), strict=True))

        async def once(to: Server) -> bytes:
            self.attempts.update(keys)
            return await to.call("ingestion.IngestEvents", raw)

        reply = ingestion.IngestEventsResponse.FromString(await self.until_done(server, once))
        self._world.loop.trace("told", reply.SerializeToString(deterministic=True))
        reasons = {rejection.index: rejection.reason for rejection in reply.rejections}
        for place, (key, verdict) in enumerate(zip(keys, reply.verdicts, strict=True)):
            self.told[key].append(Told(verdict, reasons.get(place, "")))

    def acknowledged(self, account: str) -> set[Key]:
        """The events of an account that a client was told are stored."""
        return {
            key
            for key, told in self.told.items()
            if key[0] == account and any(each.verdict in (_ACCEPTED, _DUPLICATE) for each in told)
        }

    def messages(self, account: str, among: set[Key]) -> int:
        """How many of these events are messages that nobody takes back."""
        back = {e.kind.event_id for key, e in self.sent.items() if key[0] == account and isinstance(e.kind, Retracted)}
        return sum(isinstance(self.sent[key].kind, Message) and key[2] not in back for key in among)

    async def _ask(self, action: Ask) -> None:
        account = action.account
        acknowledged = self.acknowledged(account)
        request = totals(account, by_operator=action.by_operator)
        answer = await self.until_done(action.server, lambda to: to.call("kpi.QueryTotals", request))
        told = kpi.QueryTotalsResponse.FromString(answer)
        self._world.loop.trace("answered", told.SerializeToString(deterministic=True))
        [count] = [of.count for of in told.answers if of.kpi_id == "messages"]
        sent = {key for key in self.sent if key[0] == account}
        most = sum(isinstance(self.sent[key].kind, Message) for key in sent)
        # Without what was taken back while it was asked.
        least = 0 if any(of == account for of, _ in self.erased) else self.messages(account, acknowledged)
        if not least <= count <= most:
            self.wrong.append(f"{account} has {count} messages; {least} are acknowledged and {most} were sent")

    async def _watch(self, action: Watch) -> None:
        request = kpi.WatchTimeSeriesRequest(account_id=action.account, query=series(action.account))
        while True:
            watched = Watched(sparse=False)

            async def told(update: bytes, watched: Watched = watched) -> None:
                await asyncio.sleep(self._world.loop.delay() + action.reads_slowly)
                self.watched[action] = watched.update(kpi.WatchTimeSeriesResponse.FromString(update))
                self._world.loop.trace("watched", update)

            copy = kpi.WatchTimeSeriesRequest.FromString(request.SerializeToString())
            await self.until_done(
                action.server, lambda to, copy=copy, told=told: to.call("kpi.WatchTimeSeries", copy, told)
            )

    async def _set_widget(self, action: SetWidget) -> None:
        version = settings.WidgetSettings(widget_id=action.widget, effective_time=timestamp(action.effective))
        if action.limit is not None:
            version.live_limit.FromMicroseconds(action.limit)
        if action.has_goals:
            version.goals.extend(settings.Goal(goal_id=goals[0], url=url) for goals, url in URLS.items() if goals)
        request = settings.SetWidgetSettingsRequest(account_id=action.account, settings=version)
        await self.until_done(action.server, lambda to: to.call("settings.SetWidgetSettings", request))

    async def _purge(self, action: Purge) -> None:
        request = admin.PurgeEventsRequest(account_id=action.account, before_time=timestamp(action.before))
        try:
            await self.until_done(action.server, lambda to: to.call("admin.PurgeEvents", request))
        except RefusedError as refused:  # by a clock that is wrong, it lies in the future
            if "must not lie in the future" not in str(refused):
                raise

    async def _erase(self, action: Erase) -> None:
        request = admin.EraseConversationRequest(
            account_id=action.account, conversation_id=action.conversation, keep_counts=action.keeps_counts
        )
        await self.until_done(action.server, lambda to: to.call("admin.EraseConversation", request))


def _range() -> kpi.TimeRange:
    day = 86_400 * SECOND
    start, end = (Micros((wall(0.0) // day + days) * day) for days in (-60, 2))
    return kpi.TimeRange(instants=kpi.InstantRange(start_time=timestamp(start), end_time=timestamp(end)))


def totals(account: str, *, by_operator: bool) -> kpi.QueryTotalsRequest:
    """A question about an account."""
    by = [kpi.DIMENSION_OPERATOR] if by_operator else []
    return kpi.QueryTotalsRequest(account_id=account, kpi_ids=KPIS, range=_range(), group_by=by)


def series(account: str) -> kpi.QueryTimeSeriesRequest:
    """The same over time."""
    return kpi.QueryTimeSeriesRequest(
        account_id=account, kpi_ids=KPIS[:4], range=_range(), granularity=kpi.GRANULARITY_DAY
    )
