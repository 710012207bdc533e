"""What a cluster that is sharded by account asks of every statement, shown on those that the store really sends."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from telwerkd.application.audit import examine, repair
from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.settings import SetNamesMax
from telwerkd.application.dimension_values import LISTED, Asked, DimensionValues
from telwerkd.application.display_names import DisplayNames, Listing
from telwerkd.application.recounting import recount
from telwerkd.application.retention.removal import erase, lower_horizon, purge
from telwerkd.application.settings import AccountSettings
from telwerkd.application.sharing.readers import Readers
from telwerkd.application.upkeep.freeing import free_names
from telwerkd.application.upkeep.upkeep import Compaction, settle_due
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    Assigned,
    Event,
    FeedbackLeft,
    Kind,
    Message,
    Rated,
    Retracted,
    Sender,
    TopicsSet,
    WentLive,
)
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.counters import ChunkKey
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.display_names import NameKey, NameKind
from telwerkd.domain.ids import (
    SECOND,
    AccountId,
    ConversationId,
    EventId,
    Micros,
    OperatorGroupId,
    OperatorId,
    TopicId,
    WidgetId,
)
from telwerkd.domain.time.opening_hours import OpenStretch, schedule_of
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.storage.postgres.store import PostgresStore
from telwerkd.storage.schema.tables import metadata
from telwerkd.transport.codec.account.settings import encode_account
from tests.postgres import execute, fresh_database

ACCOUNTS = [AccountId("acme"), AccountId("it's another")]
WEB = WidgetId("web")
START = 1_767_225_600 * SECOND
LIMIT = Micros(60 * SECOND)

TABLES = "|".join(metadata.tables)


class Sent(NamedTuple):
    """A statement, as the driver got it."""

    engine: str
    transaction: int
    text: str
    parameters: list[tuple[Any, ...]]
    """Of each execution."""

    @property
    def writes(self) -> bool:
        return re.match(r"(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|LOCK)\b", self.text) is not None

    @property
    def locks(self) -> bool:
        return re.search(r"\bFOR (NO KEY )?(UPDATE|SHARE|KEY SHARE)\b", self.text) is not None

    @property
    def tables(self) -> list[str]:
        """Every mention of a table from which it reads, or into which it writes."""
        return re.findall(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+({TABLES})\b", self.text)

    @property
    def accounts(self) -> set[str]:
        """What stands where an account is given."""
        places = re.findall(r"account_id = \$(\d+)", self.text)
        places += re.findall(r"\(\$(\d+),", self.text) if self.text.startswith("INSERT") else []
        places += re.findall(r"hashtextextended\(\$(\d+)", self.text)
        return {execution[int(place) - 1] for execution in self.parameters for place in places}


class Recorder:
    """Notes all that a store sends."""

    def __init__(self, store: PostgresStore) -> None:
        self.sent: list[Sent] = []
        self._transactions: dict[int, int] = defaultdict(int)
        for name in ("writers", "readers", "upkeep"):
            engine = getattr(store, f"_{name}").sync_engine
            sa.event.listen(engine, "before_cursor_execute", partial(self._note, name))
            sa.event.listen(engine, "begin", self._begun)

    def _begun(self, connection: sa.Connection) -> None:
        self._transactions[id(connection)] = len(self.sent)

    def _note(
        self, name: str, connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: Any
    ) -> None:
        transaction = self._transactions[id(connection)]
        self.sent.append(Sent(name, transaction, text, [tuple(p) for p in (parameters if many else [parameters])]))


def event(event_id: str, seconds: int, kind: Kind, conversation: str = "c") -> Submitted:
    instant = Micros(START + seconds * SECOND)
    return Submitted(ConversationId(conversation), Event(EventId(event_id), instant, 0, WEB, kind))


def chat(conversation: str) -> list[Submitted]:
    kinds: list[Kind] = [
        WentLive(None, LIMIT),
        Message(Sender.CONTACT),
        Assigned(OperatorId("anna"), OperatorGroupId("sales")),
        Rated(4),
        FeedbackLeft(),
        TopicsSet((TopicId("price"), TopicId("x" * 100))),
    ]
    return [event(f"e{n}", n, kind, conversation) for n, kind in enumerate(kinds)]


async def everything(store: PostgresStore, account: AccountId) -> None:
    """All that servers and commands do with an account."""

    async def put(*events: Submitted) -> None:
        await store.write([(account, IngestBatch([events], IngestLimits()))])

    settings = AccountSettings(store, Readers(store, 10))
    await settings.set_widget(account, WEB, WidgetVersion(Micros(START), LIMIT, (), ()))
    await settings.set_time_zone(account, "Europe/Berlin")
    for opens in (60, 0):  # the first stay behind, of no use
        hours = schedule_of("Europe/Berlin", [(OpenStretch(opens, 1440),)] * 7, [])
        await settings.set_default_opening_hours(account, Micros(START), hours)
    await settings.encoded(account, encode_account)
    await put(*(each for n in range(40) for each in chat(f"c{n}")))
    await put(*chat("c1"))  # duplicates
    await put(event("answer", 30, Message(Sender.OPERATOR), "c6"))  # told in service time
    await put(event("late", -5, Message(Sender.BOT), "c2"), event("back", 9, Retracted(EventId("e3")), "c2"))
    await settle_due(store, Micros(START + 10 * LIMIT))
    await put(event("alone", 20, TopicsSet((TopicId("alone"),)), "c3"))
    await put(event("gone", 20, TopicsSet((TopicId("gone"),)), "c5"))
    await _compacted(store)
    await name_things(store, account)
    await put(event("none", 21, Retracted(EventId("alone")), "c3"))  # empties its chunks
    await _compacted(store)
    await erase(store, account, ConversationId("c4"), keep_counts=True)
    await erase(store, account, ConversationId("c5"), keep_counts=False)
    await put(event("e0", 0, Message(Sender.CONTACT), "c5"))  # erased
    await store.write([(account, SetNamesMax(20_000))])
    await _compacted(store)
    assert await free_names(store, account) == 2, "a name and opening hours"
    for kpis in ("ten", "all"):
        assert await recount(store, account, lambda _done, _total: None, kpis) > 1
    await purge(store, account, Micros(START + 3 * SECOND))
    await lower_horizon(store, account, Micros(START + 3 * SECOND - 1))
    audit = await store.read(account, partial(examine, lambda _done, _total: None))
    assert audit.clean
    damage = audit._replace(
        cells={ChunkKey(COUNTED[Kpi.FEEDBACK_COUNT], 0, 639, "", "", "", ""): {5: 1}}, states=[ConversationId("c7")]
    )
    await repair(store, account, damage)
    await store.read(account, lambda view: view.conversations_in(Micros(START), Micros(START + LIMIT), None, 5))
    await store.versions(ACCOUNTS)
    await store.accounts()


async def name_things(store: PostgresStore, account: AccountId) -> None:
    """Names are set, replaced, listed and erased; what a filter can choose from is listed."""
    names = DisplayNames(store, Readers(store, 10))
    kinds = {NameKey(kind, f"x{n}"): "name" for kind in NameKind for n in range(20)}
    await names.set(account, kinds, replaces_all=False)
    await names.set(
        account, {NameKey(NameKind.WIDGET, "x1"): "", NameKey(NameKind.WIDGET, WEB): "a"}, replaces_all=True
    )
    await names.page(account, Listing(NameKind.WIDGET, "a", "", "", 10), lambda page: page)
    values = DimensionValues(Readers(store, 10))
    for dimension in LISTED:
        kpis = tuple(info for info in CATALOGUE.values() if dimension in info.dimensions and info.names)[:1]
        await values.page(account, Asked(dimension, kpis, "a", "", None, 10), lambda page: page)
    await names.set(account, {}, replaces_all=True)


async def _compacted(store: PostgresStore) -> None:
    compaction = Compaction(store)
    while await store.compactable():
        await compaction.run_once()


@pytest.fixture(scope="module")
def url(postgres: str, postgres_template: str) -> Iterator[str]:
    with fresh_database(postgres, postgres_template) as url:
        yield url


@pytest.fixture(scope="module")
def location(url: str) -> PostgresUrl:
    found = located(url)
    assert isinstance(found, PostgresUrl)
    return found


@pytest.fixture
async def sent(location: PostgresUrl) -> list[Sent]:
    """All statements of a life with two accounts."""
    store = PostgresStore(location)
    recorder = Recorder(store)
    for account in ACCOUNTS:
        await everything(store, account)
    await store.close()
    return recorder.sent


async def test_every_statement_is_right_for_a_cluster_that_is_sharded_by_account(sent: list[Sent]) -> None:
    """One life of the store, and then each rule for every statement of it."""
    _the_life_was_a_full_one(sent)
    writing = [each for each in sent if each.writes or each.locks]
    for each in writing:
        assert len(each.accounts) == 1, f"names not exactly one account: {each.text}"
        assert each.accounts <= set(ACCOUNTS)
    _each_transaction_is_of_one_account(sent)
    _each_transaction_begins_with_a_write_to_its_account(sent)
    for each in sent:
        _no_row_is_made_from_a_query(each)
        if each.engine != "upkeep":
            _every_table_is_joined_by_account(each)
    assert not [each.text for each in sent if each.engine != "writers" and (each.writes or each.locks)]


def _the_life_was_a_full_one(sent: list[Sent]) -> None:
    """Every table was written to and read from in every way that the store has, else the rules prove little."""
    seen = {(each.text.split(maxsplit=1)[0], table) for each in sent for table in each.tables}
    every = set(metadata.tables)
    assert {table for verb, table in seen if verb == "INSERT"} == every
    assert {table for verb, table in seen if verb == "SELECT"} == every
    assert {table for verb, table in seen if verb == "DELETE"} == {
        *("events", "conversations", "counters", "base_counters", "deltas", "names", "schedules", "display_names"),
    }
    assert {table for verb, table in seen if verb == "UPDATE"} == {"accounts"}
    assert not [each.text for each in sent if each.locks], "a row is locked by a write to it, never by reading it"
    assert max(each.text.count("($1,") for each in sent) > 100


def _each_transaction_is_of_one_account(sent: list[Sent]) -> None:
    by_transaction: dict[int, set[str]] = defaultdict(set)
    for each in sent:
        if each.engine == "writers":
            by_transaction[each.transaction] |= each.accounts
    assert by_transaction
    assert {len(accounts) for accounts in by_transaction.values()} == {1}


def _each_transaction_begins_with_a_write_to_its_account(sent: list[Sent]) -> None:
    """Before anything is read: a shard that is moved waits for those who write, not for those who read."""
    firsts: dict[int, Sent] = {}
    for each in sent:
        if each.engine == "writers" and each.tables:
            firsts.setdefault(each.transaction, each)
    assert len(firsts) > 20
    for first in firsts.values():
        assert first.text.startswith("UPDATE accounts SET version = version WHERE account_id = $1 "), first.text


def _no_row_is_made_from_a_query(each: Sent) -> None:
    """Rows are written as multi-row VALUES; nothing takes its keys from a sequence."""
    if each.text.startswith("INSERT"):
        assert re.match(r"INSERT INTO \w+ \(account_id, [^)]*\) VALUES \(", each.text), each.text
        assert not re.search(r"\b(SELECT|unnest)\b", each.text), each.text
    assert "nextval" not in each.text


def _every_table_is_joined_by_account(each: Sent) -> None:
    """Each mention of a table in a FROM has the account beside it."""
    if not each.text.startswith("INSERT") and each.tables:
        given = re.findall(r"account_id = \$\d+", each.text)
        assert len(given) >= len(each.tables), each.text
        assert len(each.accounts) == 1, each.text


def test_the_account_comes_first_in_every_key_and_index(url: str) -> None:
    """A key that did not begin with it could not be unique across shards."""
    firsts = execute(
        url,
        """SELECT t.relname, i.relname, a.attname FROM pg_index x
        JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'alembic_version'""",
    )
    assert {table for table, _, _ in firsts} == set(metadata.tables)
    assert {first for _, _, first in firsts} == {"account_id"}


def test_nothing_is_numbered_by_the_database(url: str) -> None:
    """There are no sequences, no foreign keys and no triggers."""
    assert execute(url, "SELECT relname FROM pg_class WHERE relkind = 'S'") == []
    assert execute(url, "SELECT conname FROM pg_constraint WHERE contype = 'f'") == []
    assert execute(url, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
