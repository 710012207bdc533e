"""What PostgreSQL's store promises beside every store's contract: many servers, and a database that comes and goes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import sqlalchemy as sa

from telwerkd.application.batches import IngestLimits, Postponable, Rejected, Submitted, Verdict
from telwerkd.application.commands.ingest_batch import IngestBatch, IngestTransaction
from telwerkd.application.ports import Transaction
from telwerkd.application.upkeep.upkeep import settle_due
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import Assigned, Event, Kind, Message, Sender, WentLive
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import (
    NOBODY,
    SECOND,
    AccountId,
    ConversationId,
    EventId,
    Micros,
    OperatorGroupId,
    OperatorId,
    WidgetId,
)
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.storage.postgres.store import PostgresStore
from tests.commands import Do
from tests.conftest import eventually
from tests.postgres import execute, fresh_database
from tests.storage.moving import Cluster
from tests.storage.proxy import wired_to

ACME, OTHER = AccountId("acme"), AccountId("other")


@pytest.fixture
def url(postgres: str, postgres_template: str) -> Iterator[str]:
    """A database with empty tables."""
    with fresh_database(postgres, postgres_template) as url:
        yield url


@asynccontextmanager
async def servers(url: str, count: int) -> AsyncIterator[list[PostgresStore]]:
    """The stores of so many servers on one database."""
    location = located(url)
    assert isinstance(location, PostgresUrl)
    stores = [PostgresStore(location) for _ in range(count)]
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    async with servers(url, 1) as [store]:
        yield store


def bumped(tx: Transaction) -> int:
    tx.bump_version()
    return tx.account().version


def event(event_id: str, kind: Kind, at: int = 0) -> Submitted:
    return Submitted(ConversationId("c"), Event(EventId(event_id), Micros(at), 0, WidgetId("web"), kind))


def assigned(operator: str) -> Submitted:
    return event(operator, Assigned(OperatorId(operator), OperatorGroupId("sales")))


async def put(store: PostgresStore, *events: Submitted, names_max: int = 100) -> Any:
    """What becomes of a batch."""
    [[outcomes]] = await store.write([(ACME, IngestBatch([events], IngestLimits(names_max=names_max)))])
    return outcomes


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("SET search_path = pg_catalog", "RESET search_path"),
        ("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"),
    ],
)
async def test_what_somebody_did_to_the_database_is_a_matter_of_now(postgres, url, store, begin, end):
    """Its tables are not where they are looked for, or it takes no connections: no defects, and over when that is."""
    name = urlsplit(url).path[1:]
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
    assert await store.write([(ACME, Do(bumped))]) == [1]
    execute(postgres, f"ALTER DATABASE {name} {begin}", ended)
    try:
        for call in (store.write([(ACME, Do(bumped))]), store.answer_version(ACME), store.ping()):
            with pytest.raises(UnavailableError):
                await call
    finally:
        execute(postgres, f"ALTER DATABASE {name} {end}", ended)
    assert await store.write([(ACME, Do(bumped))]) == [2]


# --- many servers ----------------------------------------------------------------------------------------------------


async def test_no_update_is_lost_between_servers(url):
    """Two servers that write to one account at the same time write one after the other."""
    async with servers(url, 2) as both:
        versions = await asyncio.gather(*(store.write([(ACME, Do(bumped))]) for _ in range(25) for store in both))
        assert sorted(version for [version] in versions) == list(range(1, 51))


async def test_a_writer_waits_for_its_own_account_only(url, store):
    """While another server holds an account, nothing is written to it, and everything to the others."""
    other_server = await asyncpg.connect(url)
    await store.write([(ACME, Do(bumped))])
    async with other_server.transaction():
        await other_server.execute("SELECT 1 FROM accounts WHERE account_id = 'acme' FOR UPDATE")
        waiting = asyncio.create_task(store.write([(ACME, Do(bumped))]))
        for version in (1, 2, 3):
            assert await store.write([(OTHER, Do(bumped))]) == [version]
        assert not waiting.done()
    assert await waiting == [2]
    await other_server.close()


async def test_an_account_is_first_written_to_by_two_servers_at_once(url):
    """Whoever comes second waits for the row of the first, and does not meet it."""
    async with servers(url, 2) as both:
        for n in range(20):
            account = AccountId(f"new-{n}")
            versions = await asyncio.gather(*(store.write([(account, Do(bumped))]) for store in both))
            assert sorted(version for [version] in versions) == [1, 2]


@pytest.mark.parametrize("meanwhile", [[], [Message(Sender.CONTACT)]], ids=["at once", "after events without names"])
async def test_the_limit_on_names_counts_those_that_other_servers_brought(url, meanwhile):
    """What a server remembers of an account's names is not taken for all of them when a new name comes."""
    async with servers(url, 2) as [one, two]:
        await put(one, assigned("anna"), names_max=2)
        assert await put(two, assigned("bram"), names_max=2) == [Verdict.ACCEPTED]
        # With nothing new in it, nothing makes the first server look: it still knows only what it knew before bram.
        for kind in meanwhile:
            await put(one, event("m", kind), names_max=2)
        [refused] = await put(one, assigned("cees"), names_max=2)
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.TOO_MANY_VALUES


async def test_a_name_that_another_server_brought_is_no_new_one(url):
    async with servers(url, 2) as [one, two]:
        await put(one, assigned("anna"), names_max=2)
        await put(two, assigned("bram"), names_max=2)
        again = event("n", Assigned(OperatorId("bram"), OperatorGroupId("sales")))
        assert await put(one, again, names_max=2) == [Verdict.ACCEPTED]


async def test_servers_that_settle_at_the_same_time_count_a_limit_once(url):
    """Each finds the limit due; one settles it, and the others find it settled."""
    limit = Micros(60 * SECOND)
    async with servers(url, 3) as three:
        await put(three[0], event("live", WentLive(limit, limit)), event("hello", Message(Sender.CONTACT)))
        await asyncio.gather(*(settle_due(store, Micros(limit + n)) for n in range(3) for store in three))
        entries = await three[0].read(ACME, lambda view: view.deltas(Kpi.UNANSWERED_LIVE_CONVERSATIONS))
        assert sum(n for *_, n in entries) == 1
        account = await three[1].read(ACME, lambda view: view.account())
        assert account.high_water >= limit


async def test_a_server_whose_clock_is_behind_takes_nothing_back(url):
    """The high-water mark is the account's, not the server's: what one server has settled stays settled (R-CLOCK-1)."""
    limit = Micros(60 * SECOND)
    async with servers(url, 2) as [ahead, behind]:
        await put(ahead, event("live", WentLive(limit, limit)), event("hello", Message(Sender.CONTACT)))
        await settle_due(ahead, Micros(limit + SECOND))
        before = (await ahead.read(ACME, lambda view: view.account())).high_water
        await settle_due(behind, Micros(limit - SECOND))
        late = Event(EventId("more"), Micros(1), 0, WidgetId("web"), Message(Sender.CONTACT))
        await put(behind, Submitted(ConversationId("c"), late))
        assert (await behind.read(ACME, lambda view: view.account())).high_water == before
        entries = await behind.read(ACME, lambda view: view.deltas(Kpi.UNANSWERED_LIVE_CONVERSATIONS))
        assert sum(n for *_, n in entries) == 1


async def test_upkeep_of_an_account_is_one_servers_business_at_a_time(url, store):
    """While another server is at an account's upkeep there is nothing to do; of other accounts there is."""
    other_server = await asyncpg.connect(url)
    async with other_server.transaction():
        await other_server.execute("SELECT pg_advisory_xact_lock(hashtextextended('acme', 0))")
        assert await store.upkeep(ACME, Do(bumped)) is None
        assert await store.upkeep(OTHER, Do(bumped)) == 1
    assert await store.upkeep(ACME, Do(bumped)) == 1
    await other_server.close()


async def test_a_shard_that_moves_in_the_middle_of_a_transaction_counts_nothing_twice(url):
    """What one server has read stays true until it has committed, though the account's rows are to be moved."""
    limit, cluster = Micros(60 * SECOND), Cluster(url)
    await cluster.add_node()
    has_read, may_write = asyncio.Event(), asyncio.Event()

    def stop(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if text.startswith("INSERT"):
            has_read.set()
            sa.util.await_only(may_write.wait())

    async with servers(url, 2) as [one, two]:
        for store in (one, two):
            cluster.serve(store)
        await put(one, event("live", WentLive(limit, limit)), event("hello", Message(Sender.CONTACT)))
        sa.event.listen(one._writers.sync_engine, "before_cursor_execute", stop)
        settling = asyncio.create_task(settle_due(one, limit))
        await has_read.wait()
        moving = asyncio.create_task(cluster.move())

        async def moved_or_waits() -> bool:
            return moving.done() or bool(await asyncio.to_thread(execute, url, _WAITING))

        await eventually(moved_or_waits)
        if moving.done():
            await settle_due(two, limit)
        may_write.set()
        await asyncio.gather(settling, moving)
        await settle_due(two, limit)
        entries = await two.read(ACME, lambda view: view.deltas(Kpi.UNANSWERED_LIVE_CONVERSATIONS))
        assert sum(n for *_, n in entries) == 1


_WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted"

# --- a database that comes and goes ----------------------------------------------------------------------------------


def failing_once(statement: str) -> tuple[Callable[[Transaction], int], list[int]]:
    """A work that meets something of the database's at its first run, after it has written; and its runs."""
    runs: list[int] = []

    def work(tx: Any) -> int:
        runs.append(len(runs))
        tx.bump_version()
        if len(runs) == 1:
            tx._connection.exec_driver_sql(statement)
        return tx.account().version

    return work, runs


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$", id="serialization failure"),
        pytest.param("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$", id="deadlock"),
        pytest.param("SELECT pg_terminate_backend(pg_backend_pid())", id="lost connection"),
    ],
)
async def test_what_passes_by_itself_is_run_again(store, statement):
    """The caller learns nothing of it, and it has happened once."""
    work, runs = failing_once(statement)
    assert await store.write([(ACME, Do(work))]) == [1]
    assert runs == [0, 1]
    assert await store.versions([ACME]) == {ACME: 1}
    assert store.figures.retries == {("writing",): 1, ("reading",): 0, ("upkeep",): 0, ("readiness",): 0}
    assert store.figures.seconds["do",].read().counts[-1] == 0
    assert sum(store.figures.seconds["do",].read().counts) == 1


async def test_connections_that_died_while_nobody_used_them_are_replaced(url, store):
    """After a restart of the database every connection is dead; the next transactions find that out by themselves."""
    await asyncio.gather(*(store.write([(AccountId(f"a{n}"), Do(bumped))]) for n in range(4)))
    await asyncio.gather(*(store.read(ACME, lambda view: view.account()) for _ in range(4)))
    execute(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'telwerkd'")
    assert await asyncio.gather(*(store.write([(AccountId(f"a{n}"), Do(bumped))]) for n in range(4))) == [[2]] * 4
    await asyncio.gather(*(store.read(ACME, lambda view: view.account()) for _ in range(4)))
    await store.ping()


@pytest.mark.parametrize("state", ["53100", "53200", "53300", "58030", "55P03", "57014"])
async def test_what_does_not_pass_at_once_is_for_the_client_to_repeat(store, state):
    """Disk full, out of memory, no connections, an I/O error, a lock not had: nothing has happened, and all goes on."""
    work, runs = failing_once(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
    with pytest.raises(UnavailableError) as caught:
        await store.write([(ACME, Do(work))])
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    assert caught.value.retry_after_seconds > 0
    assert runs == [0]
    assert await store.write([(ACME, Do(work))]) == [1]


async def test_a_commit_whose_answer_is_lost_is_not_run_again(url):
    """PostgreSQL has kept it: the caller is told that nothing is known, and its resend finds duplicates."""
    async with wired_to(url) as (through, wire), servers(through, 1) as [store]:
        events = [event("hello", Message(Sender.CONTACT)), event("1", Message(Sender.OPERATOR), 1)]
        await store.write([(OTHER, Do(bumped))])
        wire.cuts_commits = 1
        with pytest.raises(UnavailableError):
            await put(store, *events)
        assert execute(url, "SELECT count(*) FROM events")[0][0] == 2
        assert await put(store, *events) == [Verdict.DUPLICATE] * 2
        assert await store.versions([ACME]) == {ACME: 1}


async def test_a_commit_that_fails_is_not_run_again(url, store):
    """Whether PostgreSQL kept it cannot be told from an error, so it is never taken for failed."""
    runs = []
    execute(
        url,
        """CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$""",
        "CREATE CONSTRAINT TRIGGER dying AFTER INSERT ON names DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION die()",
    )

    def work(tx: Transaction) -> None:
        runs.append(1)
        tx.add_names({101: ["anna"]})

    with pytest.raises(UnavailableError):
        await store.write([(ACME, Do(work))])
    assert runs == [1]
    execute(url, "DROP TRIGGER dying ON names")
    await store.write([(ACME, Do(work))])
    assert await store.write([(ACME, Do(lambda tx: tx.names()))]) == [{101: {"anna"}}]


async def test_a_database_that_is_away_is_unavailable_and_comes_back_by_itself(url):
    """Reading, writing and looking: each says so while the wire is cut, and works when it is mended."""
    async with wired_to(url) as (through, wire), servers(through, 1) as [store]:
        await store.write([(ACME, Do(bumped))])
        wire.cut()
        for call in (store.write([(ACME, Do(bumped))]), store.read(ACME, lambda view: view.account()), store.ping()):
            with pytest.raises(UnavailableError):
                await call
        wire.is_cut = False
        assert await store.write([(ACME, Do(bumped))]) == [2]
        assert (await store.read(ACME, lambda view: view.account())).version == 2
        await store.ping()


async def test_a_database_that_has_become_read_only_is_unavailable(url, store):
    """As when this server has become a standby; reading goes on."""
    name = execute(url, "SELECT current_database()")[0][0]
    execute(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(UnavailableError):
        await store.write([(ACME, Do(bumped))])
    assert (await store.read(ACME, lambda view: view.account())).version == 0
    execute(
        url, "SET default_transaction_read_only = off", f"ALTER DATABASE {name} RESET default_transaction_read_only"
    )
    assert await store.write([(ACME, Do(bumped))]) == [1]


async def test_what_computes_for_long_leaves_the_event_loop_alone(store: PostgresStore) -> None:
    """Few events are stored on it, between two statements of others; many, and whatever else there is, in a thread."""
    ran_in: list[threading.Thread] = []

    class Noting(IngestBatch):
        def run(self, tx: IngestTransaction) -> list[list[Postponable]]:
            ran_in.append(threading.current_thread())
            return super().run(tx)

    def sent(count: int) -> list[Submitted]:
        events = (
            Event(EventId(f"{n}"), Micros(0), 0, WidgetId("w"), Message(Sender.CONTACT, NOBODY)) for n in range(count)
        )
        return [Submitted(ConversationId("c"), event) for event in events]

    few, many = sent(1), sent(1_001)
    await store.write([(ACME, Noting([few], IngestLimits()))])
    assert ran_in.pop() is threading.main_thread()
    await store.write([(ACME, Noting([many], IngestLimits()))])
    assert ran_in.pop() is not threading.main_thread()
    await store.write([(ACME, Noting([few] * 1_001, IngestLimits()))])
    assert ran_in.pop() is not threading.main_thread()
    for run in (store.upkeep(ACME, Do(lambda _: threading.current_thread())), _written(store)):
        assert await run is not threading.main_thread()


async def _written(store: PostgresStore) -> threading.Thread | None:
    [thread] = await store.write([(ACME, Do(lambda _: threading.current_thread()))])
    return thread


async def test_a_caller_that_goes_away_does_not_stop_a_commit(url, store):
    """The work is done whole, though nobody waits for it any more; closing waits for it too."""
    other_server = await asyncpg.connect(url)
    await store.write([(ACME, Do(bumped))])
    async with other_server.transaction():
        await other_server.execute("SELECT 1 FROM accounts WHERE account_id = 'acme' FOR UPDATE")
        caller = asyncio.create_task(store.write([(ACME, Do(bumped))]))

        async def waits() -> bool:
            locks = await other_server.fetch("SELECT 1 FROM pg_locks WHERE NOT granted")
            return bool(locks)

        await eventually(waits)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    await store.close()
    assert execute(url, "SELECT version FROM accounts")[0][0] == 2
    await other_server.close()


async def test_acknowledged_means_on_disk_whatever_the_database_was_set_to(url):
    """A database that is set to answer before it writes is told not to, for these connections."""
    name = execute(url, "SELECT current_database()")[0][0]
    execute(url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    async with servers(url, 1) as [store]:
        [[setting]] = await store.write(
            [(ACME, Do(lambda tx: tx._connection.exec_driver_sql("SHOW synchronous_commit").one()))]
        )
        assert setting == "on"


async def test_a_connection_that_ends_as_it_is_made_is_made_anew(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the moment in which it is there and that in which it is set up, a restart or a pooler may end it."""
    connect, ended = asyncpg.connect, 0

    async def ending(*arguments: Any, **options: Any) -> Any:
        nonlocal ended
        connection = await connect(*arguments, **options)
        if ended < 2:
            ended += 1
            connection.terminate()
        return connection

    monkeypatch.setattr(asyncpg, "connect", ending)
    assert await store.accounts() == []
    assert await store.write([(ACME, Do(bumped))]) == [1]
    assert ended == 2


def backend(tx: Transaction) -> int:
    """The process of PostgreSQL that serves the connection."""
    return int(tx._connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())  # type: ignore[attr-defined]


async def test_a_connection_on_which_a_statement_failed_is_not_used_again(store: PostgresStore) -> None:
    """Where it was cancelled, it is not certain what the session is in the middle of."""

    def cancelled(tx: Transaction) -> None:
        served.append(backend(tx))
        tx._connection.exec_driver_sql("SET LOCAL statement_timeout = '20ms'")  # type: ignore[attr-defined]
        tx._connection.exec_driver_sql("SELECT pg_sleep(60)")  # type: ignore[attr-defined]

    served = list[int]()
    with pytest.raises(UnavailableError):
        await store.write([(ACME, Do(cancelled))])
    assert await store.write([(ACME, Do(backend))]) != served


async def test_a_connection_whose_transaction_could_not_be_rolled_back_is_not_used_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session is in the middle of a transaction that the driver does not know: no other could begin on it."""

    async def cancelled(transaction: asyncpg.transaction.Transaction) -> None:
        transaction._connection._top_xact = None
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    def refused(tx: Transaction) -> None:
        tx.account()
        raise ValueError("not a row of ours")

    assert await store.write([(ACME, Do(bumped))]) == [1]
    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.transaction.Transaction, "rollback", cancelled)
        with pytest.raises(UnavailableError):
            await store.write([(ACME, Do(refused))])
    assert await store.write([(ACME, Do(bumped))]) == [2]


async def test_a_connection_that_the_driver_takes_to_be_busy_is_made_anew(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg finds a connection that breaks as it is set up in the middle of another operation, and not closed."""
    connect, busy = asyncpg.connect, list[asyncio.Task[Any]]()

    async def being_busy(*arguments: Any, **options: Any) -> Any:
        connection = await connect(*arguments, **options)
        if len(busy) < 2:
            busy.append(asyncio.create_task(connection.execute("SELECT pg_sleep(60)")))
            await asyncio.sleep(0)
        return connection

    monkeypatch.setattr(asyncpg, "connect", being_busy)
    assert await store.write([(ACME, Do(bumped))]) == [1]
    assert len(busy) == 2
    await asyncio.gather(*busy, return_exceptions=True)
