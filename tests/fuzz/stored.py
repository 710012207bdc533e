"""Rows that no program wrote: bits that flip, values of other rows, of other types, or rows that are gone.

`examine` and `repair` raise nothing, and name what cannot be read by its table; a server that meets it answers all the
same, or INTERNAL with the account and the table in its log, and goes on.
"""

import logging
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any, Final, NamedTuple

import grpc
import sqlalchemy as sa
from google.protobuf.message import Message

from telwerk.v1 import (
    display_name_pb2 as names,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerkd.application.audit import Audit, examine, repair
from telwerkd.application.ports import DamagedRowError
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.server.upkeep_tasks import Periods
from telwerkd.storage.location import Location, SqliteFile
from telwerkd.storage.open_store import AnyStore, opened, prepare
from telwerkd.storage.schema.tables import metadata
from tests.conftest import ALL_TIME
from tests.fuzz.databases import ImpossibleError, Raw, Rows, everything, raw
from tests.fuzz.finding import Run, ViolationError, told
from tests.fuzz.inside import Answer, Inside, inside
from tests.fuzz.mutating import bent
from tests.storage.stored_schemas import ACCOUNT, written

_DERIVED: Final = ("counters", "deltas", "names", "chunk_versions")
"""What the log gives: after `rebuild` nothing is wrong with any column of it any more, nor is a row missing."""
_MENDED: Final = frozenset({("conversations", "state"), ("conversations", "due")})
"""The same, of columns of other tables."""

_NUMBERS: Final = (0, 1, -1, 2, 7, 99, 32_767, 2**31 - 1, 2**62, -(2**62))
_BLOBS: Final = (
    b"",
    b"\xc0",
    b"\x90",
    b"\x80",
    b"\x91" * 100_000,
    b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\x00" * 64,
)
_TEXTS: Final = ("", "x", "a\x1fb", "\x1f", "é" * 200, "Mars/Olympus", "anna", "c1", "UTC")


class Damage(NamedTuple):
    """What is done to one row."""

    table: str
    column: str
    way: str
    statement: str
    values: tuple[object, ...]


def damage(chance: Random, rows: Rows, *, any_type: bool) -> Damage:
    """One of any table's any column; `any_type` where the database has texts in columns of numbers."""
    table = chance.choice(list(metadata.tables.values()))
    row = chance.choice(rows[table.name])
    keys = list(table.primary_key)
    names = [column.name for column in table.columns]
    where = " AND ".join(f'"{column.name}" = ?' for column in keys)
    key = tuple(row[names.index(column.name)] for column in keys)
    column = chance.choice([one for one in table.columns if one.name != "account_id"])
    if not chance.randrange(25):
        statement = f'DELETE FROM "{table.name}" WHERE {where}'  # noqa: S608  # tables of ours
        return Damage(table.name, "", "is gone", statement, key)
    way, value = _spoilt(chance, column, row[names.index(column.name)], rows, any_type=any_type)
    statement = f'UPDATE "{table.name}" SET "{column.name}" = ? WHERE {where}'  # noqa: S608  # tables of ours
    return Damage(table.name, column.name, way, statement, (value, *key))


def _spoilt(chance: Random, column: sa.Column[Any], was: Any, rows: Rows, *, any_type: bool) -> tuple[str, object]:
    place = list(column.table.columns).index(column)
    if any_type and not chance.randrange(6):
        return "is of another type", chance.choice((7, "no bytes", b"\xff\xfe", 0.5, "soon", 2**62))
    if not chance.randrange(4):
        return "is another row's", chance.choice(rows[column.table.name])[place]
    if column.nullable and not chance.randrange(6):
        return "is nothing", None
    return "is another", _other(chance, column, was)


def _other(chance: Random, column: sa.Column[Any], was: Any) -> object:
    """A value of the column's own type."""
    if isinstance(column.type, sa.Text):
        return chance.choice(_TEXTS)
    if not isinstance(column.type, sa.LargeBinary):
        return chance.choice(_NUMBERS) if chance.randrange(3) else (was or 0) + chance.choice((1, -1, 1_000))
    return chance.choice(_BLOBS) if was is None or not chance.randrange(4) else bent(chance, was, times=2)


class _Tracebacks(logging.Handler):
    """What was logged with a traceback, and what of damage."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []
        self.damages = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.found.append(f"{record.getMessage()} ({told(record.exc_info[1])})")
        self.damages += "damaged data of account" in record.getMessage()


def questions() -> list[tuple[str, Message]]:
    """What reads every table."""
    kpis = [info.id for info in CATALOGUE.values()]
    event = pb.Event(event_id="probe", conversation_id="c7", widget_id="web")
    event.occur_time.seconds = 1_767_225_650
    event.feedback_left.SetInParent()
    service = "/telwerk.v1.KpiService/"
    asked: list[tuple[str, Any]] = [
        (f"{service}QueryTotals", kpi.QueryTotalsRequest(kpi_ids=kpis, range=ALL_TIME, include_names=True)),
        (
            f"{service}QueryTotals",
            kpi.QueryTotalsRequest(kpi_ids=kpis[:5], range=ALL_TIME, group_by=list(kpi.Dimension.values())[1:5]),
        ),
        (
            f"{service}QueryTimeSeries",
            kpi.QueryTimeSeriesRequest(kpi_ids=kpis[:3], range=ALL_TIME, granularity=kpi.GRANULARITY_YEAR),
        ),
        (f"{service}ExplainCount", kpi.ExplainCountRequest(kpi_id=kpis[0], range=ALL_TIME)),
        (f"{service}ListDimensionValues", kpi.ListDimensionValuesRequest(dimension=kpi.DIMENSION_OPERATOR)),
        ("/telwerk.v1.SettingsService/GetAccountSettings", settings.GetAccountSettingsRequest()),
        ("/telwerk.v1.SettingsService/ListWidgetSettings", settings.ListWidgetSettingsRequest()),
        ("/telwerk.v1.SettingsService/ListDisplayNames", settings.ListDisplayNamesRequest(kind=names.NAME_KIND_WIDGET)),
        ("/telwerk.v1.IngestionService/IngestEvents", ingestion.IngestEventsRequest(events=[event])),
    ]
    watched = kpi.QueryTimeSeriesRequest(kpi_ids=kpis[:2], range=ALL_TIME, granularity=kpi.GRANULARITY_QUARTER)
    asked.append((f"{service}WatchTimeSeries", kpi.WatchTimeSeriesRequest(query=watched)))
    for _, message in asked:
        message.account_id = str(ACCOUNT)
    return asked


class Stored:
    """The cases of one database."""

    def __init__(self, run: Run, store: AnyStore, connection: Raw, whole: Rows, *, any_type: bool) -> None:
        self._run = run
        self._store = store
        self._connection = connection
        self._whole = whole
        self._any_type = any_type
        self._asked = questions()
        self.server: Inside | None = None
        self.log = _Tracebacks()

    async def case(self, number: int) -> None:
        chance = self._run.chance(number)
        done = damage(chance, self._whole, any_type=self._any_type)
        self._run.cases += 1
        try:
            await self._connection.change(done.statement, *done.values)
        except (ImpossibleError, TypeError, ValueError):
            self._run.outcomes["not to be had"] += 1
            return
        try:
            self._run.outcomes[f"{done.table}: {await self._judged(chance, done)}"] += 1
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            self._run.found(number, told(error), done)
        await self._connection.restore(self._whole)

    async def _judged(self, chance: Random, done: Damage) -> str:
        if self.server is not None:
            for path, request in chance.sample(self._asked, 3):
                await self._ask(path, request)
        try:
            return await self._mended(done)
        except UnavailableError as error:
            if error.reason is not Reason.RULES_UNKNOWN:
                raise
            return "says that a newer program counts it"
        except DamagedRowError as error:
            if error.damage.table != "accounts" or done.table != "accounts":
                raise
            return "is named, and nothing else looked at"

    async def _mended(self, done: Damage) -> str:
        """What the audit says of it; raises ViolationError unless what the log gives is mended."""
        audit = await self._examined()
        await repair(self._store, ACCOUNT, audit)
        after = await self._examined()
        for found in audit.damages:
            if found.table not in metadata.tables or not found.why.strip() or not str(found):
                raise ViolationError(f"a damage that says nothing: {found}")
        is_mended = done.table in _DERIVED or (done.table, done.column) in _MENDED
        if is_mended and not after.clean:
            raise ViolationError(
                f"is not mended: {after.damages} {after.states} {after.cells} {after.names} {after.chunks}"
            )
        if audit.damages:
            return "named"
        return "is unlike the log" if not audit.clean else "as before"

    async def _examined(self) -> Audit:
        found: Audit = await self._store.read(ACCOUNT, partial(examine, lambda _done, _total: None))
        return found

    async def _ask(self, path: str, request: Message) -> None:
        assert self.server is not None
        before = self.log.damages
        answer: Answer = await self.server.call(path, request.SerializeToString())
        self._run.outcomes[f"asked: {answer.code.name}"] += 1
        if self.log.found:
            raise ViolationError(f"{path}: a traceback in the log: {self.log.found.pop()}")
        if answer.code is grpc.StatusCode.INTERNAL and self.log.damages == before:
            raise ViolationError(f"{path}: INTERNAL, and no word of what is damaged: {answer.text}")
        if answer.code is grpc.StatusCode.UNKNOWN or (
            answer.code is grpc.StatusCode.UNAVAILABLE and "rules" not in answer.text
        ):
            raise ViolationError(f"{path}: {answer.code.name}: {answer.text}")


async def fuzz(database: Location, run: Run, cases: int, *, numbers: Sequence[int] | None = None) -> None:
    """Runs cases on an empty database."""
    await prepare(database)
    async with opened(database) as store:
        await written(store)
    async with raw(database) as connection, opened(database) as store:
        whole = await everything(connection)
        stored = Stored(run, store, connection, whole, any_type=isinstance(database, SqliteFile))
        logger = logging.getLogger("telwerkd")
        logger.addHandler(stored.log)
        try:
            rare = Periods(compact_every_seconds=3_600.0, ping_every_seconds=3_600.0)
            async with inside(database, rare, answer_cache_bytes_max=0, rollup_cache_bytes_max=0) as stored.server:
                for number in numbers or range(cases):
                    await stored.case(number)
        finally:
            logger.removeHandler(stored.log)
