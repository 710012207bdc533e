"""Counting row by row through an ORM, as a web application would: load, change, save, object by object.

Given to the peer: it counts one KPI of twenty (ratings by day, of all and by operator), in UTC only; it commits once a
call of 1,000 events, not once an event; its database is a SQLite file, without a network, as durable as Telwerk's; it
knows no late event, no retraction and no duplicate. Functions here run in the client's process.
"""

import time
from datetime import UTC, date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.questions import Numbers
from benchmarks.workload import Part
from telwerk.v1 import event_pb2, ingestion_service_pb2 as pb

EVERYBODY = ""


class Base(DeclarativeBase):
    """The peer's tables."""


class StoredEvent(Base):
    """The log."""

    __tablename__ = "events"
    account_id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    occur_time: Mapped[datetime]
    body: Mapped[bytes]


class Conversation(Base):
    """Who is assigned."""

    __tablename__ = "conversations"
    account_id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(primary_key=True)
    operator_id: Mapped[str] = mapped_column(default="")


class RatingsOfDay(Base):
    """A counter."""

    __tablename__ = "ratings_of_day"
    account_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    operator_id: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    stars: Mapped[int] = mapped_column(default=0)


def take_in(file: str, part: Part) -> float:
    """Takes a part's calls in, one after the other; gives the seconds."""
    calls = [call for lane in range(part.lanes) for call in part.lane(lane)]
    engine = _engine(file)
    begun = time.perf_counter()
    for call in calls:
        with Session(engine) as session:
            request = pb.IngestEventsRequest.FromString(call)
            for event in request.events:
                _count(session, request.account_id, event)
            session.commit()
    seconds = time.perf_counter() - begun
    engine.dispose()
    return seconds


def answer(file: str) -> Numbers:
    """Every day's ratings by operator."""
    with Session(_engine(file)) as session:
        rows = session.scalars(sa.select(RatingsOfDay).where(RatingsOfDay.operator_id != EVERYBODY))
        return {(row.day, row.operator_id): (row.count, row.stars) for row in rows}


def _count(session: Session, account: str, event: event_pb2.Event) -> None:
    at = datetime.fromtimestamp(event.occur_time.seconds, UTC)
    session.add(
        StoredEvent(
            account_id=account,
            conversation_id=event.conversation_id,
            event_id=event.event_id,
            occur_time=at,
            body=event.SerializeToString(),
        )
    )
    conversation = session.get(Conversation, (account, event.conversation_id))
    if conversation is None:
        conversation = Conversation(account_id=account, conversation_id=event.conversation_id, operator_id="")
        session.add(conversation)
    match event.WhichOneof("kind"):
        case "operator_assigned":
            conversation.operator_id = event.operator_assigned.operator_id
        case "conversation_rated" if conversation.operator_id:
            for operator in (EVERYBODY, conversation.operator_id):
                _add(session, (account, at.date(), operator), event.conversation_rated.stars)


def _add(session: Session, key: tuple[str, date, str], stars: int) -> None:
    counter = session.get(RatingsOfDay, key)
    if counter is None:
        account, day, operator = key
        counter = RatingsOfDay(account_id=account, day=day, operator_id=operator, count=0, stars=0)
        session.add(counter)
    counter.count += 1
    counter.stars += stars


def _engine(file: str) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{file}")

    @sa.event.listens_for(engine, "connect")
    def _durable(connection: "sa.engine.interfaces.DBAPIConnection", _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    Base.metadata.create_all(engine)
    return engine
