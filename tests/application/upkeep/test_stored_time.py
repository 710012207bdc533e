"""What is stored says how far time has come: to a clock that starts, to retention, and to other servers' clocks."""

from functools import partial
from typing import Any

import pytest

from telwerkd.application.audit import examine
from telwerkd.application.batches import IngestLimits, Postponable, Rejected, Submitted, Verdict
from telwerkd.application.clock import Clock
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.retention.removal import horizon_of, lower_horizon, purge
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.application.upkeep.stored_time import StoredTime, reached
from telwerkd.application.upkeep.upkeep import DAY, purge_old, settle_due
from telwerkd.domain.conversation.events import (
    ActionPerformed,
    Event,
    InactivityAction,
    Kind,
    Message,
    Retracted,
    Sender,
    WentLive,
)
from telwerkd.domain.errors import InvalidArgumentError, Reason
from telwerkd.domain.ids import SECOND, AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do

ACME, OTHER = AccountId("acme"), AccountId("other")
START = Micros(1_767_225_600 * SECOND)
ACTION = ActionPerformed(InactivityAction.INACTIVITY_MESSAGE_SENT)
HELLO = Message(Sender.CONTACT)


class Times:
    """A wall clock and a steady one that a test sets, in seconds since `START`."""

    def __init__(self, wall: float) -> None:
        self.wall, self.steady = wall, 0.0
        self.clock = Clock(lambda: START * 1_000 + round(self.wall * 1e9), lambda: round(self.steady * 1e9))

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    @property
    def trusted(self) -> float:
        return (self.clock.trusted() - START) / SECOND


def event(event_id: str, seconds: float, kind: Kind, conversation: str = "c") -> Submitted:
    instant = Micros(START + round(seconds * SECOND))
    return Submitted(ConversationId(conversation), Event(EventId(event_id), instant, 0, WidgetId("web"), kind))


async def put(store: SqliteStore, *events: Submitted, account: AccountId = ACME) -> list[Postponable]:
    [[outcomes]] = await store.write([(account, IngestBatch([events], IngestLimits()))])
    return outcomes


def goes_live(seconds: float, limit_seconds: float, conversation: str = "c") -> list[Submitted]:
    limit = Micros(round(limit_seconds * SECOND))
    return [
        event("live", seconds, WentLive(limit, limit), conversation),
        event("hello", seconds, HELLO, conversation),
    ]


async def resumed(store: SqliteStore, wall: float) -> tuple[Times, StoredTime]:
    times = Times(wall)
    stored = StoredTime(store, times.clock)
    await stored.resume()
    return times, stored


async def test_a_clock_resumes_at_the_newest_event_of_all_accounts(store: SqliteStore) -> None:
    """Whatever limits lie ahead, open or stopped: they are no time that has passed (R-CLOCK-3)."""
    times, _ = await resumed(store, 5_000)
    assert times.trusted == 5_000, "nothing is stored"
    await put(store, *goes_live(0, 30 * 86_400))
    await put(store, *goes_live(10, 9_000), event("answer", 20, Message(Sender.OPERATOR)), account=OTHER)
    times, _ = await resumed(store, 5_000)
    assert times.trusted == 20


async def test_a_limit_that_was_counted_has_passed(store: SqliteStore) -> None:
    """The high-water mark is stored: by it a clock resumes after a night without an event."""
    await put(store, *goes_live(0, 1_000))
    await settle_due(store, Micros(START + 2_000 * SECOND))
    times, _ = await resumed(store, 5_000)
    assert times.trusted == 1_000


async def test_a_damaged_account_does_not_keep_the_clock_from_resuming(store: SqliteStore) -> None:
    """It is left out; the others know the time."""
    await put(store, event("1", 50, HELLO))
    await put(store, event("1", 60, HELLO), account=OTHER)

    def damage(tx: Any) -> None:
        tx._connection.exec_driver_sql("UPDATE conversations SET state = x'00' WHERE account_id = 'other'")

    await store.write([(OTHER, Do(damage))])
    times, _ = await resumed(store, 5_000)
    assert times.trusted == 50


async def test_each_of_several_servers_doubts_for_itself_and_hears_what_others_store(store: SqliteStore) -> None:
    """One with a wrong clock settles nothing while events come in elsewhere; one with a right clock is confirmed."""
    await put(store, event("0", 0, HELLO))
    (wrong, of_wrong), (right, _) = await resumed(store, 3_600), await resumed(store, 0)
    assert right.trusted == 0
    for n in range(1, 10):
        for times in (wrong, right):
            times.pass_(60)
        await put(store, event(f"{n}", n * 60, HELLO))  # by way of the right one
        await of_wrong.listen()
        assert wrong.trusted == right.trusted == n * 60
    late, of_late = await resumed(store, 7_200)
    assert late.trusted == 540
    await put(store, event("now", 7_190, HELLO))
    await of_late.listen()
    assert late.trusted == 7_200


async def test_a_limit_that_is_counted_is_no_event_against_the_clock(store: SqliteStore) -> None:
    """Limits before the gap are counted during doubt; the 120 s go on."""
    await put(store, *(e for n in range(1, 12) for e in goes_live(0, n * 10, f"c{n}")))
    times, stored = await resumed(store, 3_600)
    for _ in range(11):
        times.pass_(10)
        await settle_due(store, times.clock.trusted())
        await stored.listen()
    times.pass_(10)
    assert times.trusted == 3_720


# --- retention -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confirmed_by", ["nothing", "event", "time"])
async def test_a_clock_that_starts_400_days_ahead_purges_nothing_recent(store: SqliteStore, confirmed_by: str) -> None:
    """Doubted, and also once it is believed: even an event that carries the wrong time does not help it for a day.

    R-CLOCK-9.
    """
    await put(store, *(event(f"{n}", n * 86_400, ACTION) for n in range(60)))
    times, _ = await resumed(store, 459 * 86_400)
    if confirmed_by == "event":
        wrong = event("wrong", 459 * 86_400, ACTION, "c2")
        await put(store, wrong)
        times.clock.hear([wrong.event.occur_time])
        assert times.trusted == 459 * 86_400
    elif confirmed_by == "time":
        assert times.trusted < 60 * 86_400
        times.pass_(120)
        assert times.trusted > 459 * 86_400
    await purge_old(store, NameKeeper(store), times.clock.deletable(), retention_days=30)
    log = await store.read(ACME, lambda view: view.log(ConversationId("c")))
    assert {int(kept.event_id) for kept in log} == set(range(29, 60))
    assert (await horizon_of(store, ACME)).instant <= START + 30 * DAY


async def test_a_limit_far_ahead_is_no_time_that_has_passed_for_retention(store: SqliteStore) -> None:
    """A clock that is years ahead purges by what happened, not by a limit that is still open."""
    await put(store, event("old", 0, ACTION), *goes_live(86_400, 30 * 86_400, "c2"))
    await purge_old(store, NameKeeper(store), Micros(START + 3_000 * DAY), retention_days=1)
    assert (await horizon_of(store, ACME)).instant == START + DAY


# --- a horizon that is taken back ------------------------------------------------------------------------------------


async def test_a_horizon_in_the_future_can_be_taken_back(store: SqliteStore) -> None:
    """Events are taken again from then on; what was purged stays counted and is refused; the law holds."""
    sent = [event(f"{n}", n * 100, ACTION, f"c{n % 3}") for n in range(9)]
    await put(store, *sent)
    await purge(store, ACME, Micros(START + 400 * DAY))
    new = event("new", 1_000, ACTION, "c1")
    assert reasons(await put(store, new)) == [Reason.BEFORE_HORIZON]
    floor = (await horizon_of(store, ACME)).floor
    assert floor == START + 800 * SECOND + 1
    before = await lower_horizon(store, ACME, floor)
    assert before.instant == START + 400 * DAY
    assert reasons(await put(store, *sent, new)) == [Reason.BEFORE_HORIZON] * 9 + [Verdict.ACCEPTED]
    audit = await store.read(ACME, partial(examine, lambda _done, _total: None))
    assert audit.clean
    assert audit.events == 1


async def test_a_horizon_is_never_taken_back_to_what_was_purged(store: SqliteStore) -> None:
    """Nor set later by this means: a purge does that. Nothing changes where it is refused."""
    await put(store, event("1", 100, ACTION), event("2", 200, ACTION))
    await purge(store, ACME, Micros(START + 150 * SECOND))
    for seconds in (0, 100, 150, 151):
        with pytest.raises(InvalidArgumentError):
            await lower_horizon(store, ACME, Micros(START + seconds * SECOND))
    assert await horizon_of(store, ACME) == (START + 150 * SECOND, START + 100 * SECOND + 1)
    await lower_horizon(store, ACME, Micros(START + 101 * SECOND))


async def test_what_was_taken_back_and_purged_is_still_refused(store: SqliteStore) -> None:
    """The retraction is gone too: sent again without it, the event would count."""
    taken_back = event("2", 200, ACTION)
    await put(store, event("1", 100, ACTION), taken_back, event("3", 300, Retracted(EventId("2"))))
    await purge(store, ACME, Micros(START + DAY))
    assert (await horizon_of(store, ACME)).floor == START + 300 * SECOND + 1


def reasons(outcomes: list[Postponable]) -> list[Reason | Verdict | None]:
    return [outcome.reason if isinstance(outcome, Rejected) else outcome for outcome in outcomes]


async def test_reached_is_nothing_where_nothing_happened(store: SqliteStore) -> None:
    """An account that has settings only knows of no time."""
    await store.write([(ACME, Do(lambda tx: tx.put_time_zone("Europe/Amsterdam")))])
    assert await store.read(ACME, reached) is None
