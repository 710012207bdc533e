"""A watched series is the series as a query would give it, after every change, also over a server's end."""

import asyncio
import signal
import threading
from contextlib import aclosing, closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from telwerk import AsyncTelwerk, Telwerk, errors, events
from telwerk._status import StatusDetails
from telwerk.v1 import event_pb2 as pb, kpi_service_pb2 as kpi
from telwerk.watching import Patience, Watched
from tests.conftest import ServerProcess, free_address, serving
from tests.line import line_to

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS: dict[str, Any] = {"start": date(2026, 11, 2), "end": date(2026, 11, 5)}
RATED = "satisfaction_score"


def rated(chat: str, day: int, stars: int, operator: str = "anna") -> list[pb.Event]:
    at = AT + timedelta(days=day)
    assigned = events.operator_assigned(chat, widget="web", at=at, operator=operator)
    return [assigned, events.rated(chat, widget="web", at=at + timedelta(minutes=1), stars=stars)]


def without_time(answer: kpi.QueryTimeSeriesResponse) -> kpi.QueryTimeSeriesResponse:
    """Up to when it is complete is another with every call."""
    copy = kpi.QueryTimeSeriesResponse()
    copy.CopyFrom(answer)
    copy.ClearField("complete_until")
    return copy


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"group_by": ["operator"]},
        {"group_by": ["operator"], "sparse": True, "include_distribution": True},
        {"group_by": ["operator", "value"]},
        {"include_distribution": True},
        {"group_by": ["operator"], "compare_to": "previous"},
        {"group_by": ["operator"], "order_by": "-count", "top": 1, "include_rest": True},
    ],
    ids=str,
)
def test_after_every_change_a_watch_holds_what_a_query_answers(
    shared_server: ServerProcess, options: dict[str, Any], account: str
) -> None:
    """Ratings of new and known operators, on new and known days; a retraction; a conversation that goes."""
    asked: dict[str, Any] = {**DAYS, **options}
    last = rated("c4", 0, 1)
    steps = [
        rated("c1", 1, 5),
        rated("c2", 0, 4, "zoe"),
        rated("c3", 1, 2, "bram"),
        last,
        [events.retracted("c4", widget="web", at=AT, retracted_event_id=last[1].event_id)],
    ]
    with Telwerk(shared_server.address) as client, closing(client.watch(account, RATED, **asked)) as updates:
        assert without_time(next(updates)) == without_time(client.series(account, RATED, **asked))
        for step in steps:
            client.ingest(account, step)
            assert without_time(next(updates)) == without_time(client.series(account, RATED, **asked))
        client.erase_conversation(account, "c3")
        assert without_time(next(updates)) == without_time(client.series(account, RATED, **asked))


@pytest.mark.parametrize(
    ("kpi_id", "options"),
    [
        ("messages", {"group_by": ["value"]}),
        ("conversations_ended", {"group_by": ["value"], "sparse": True}),
        ("rating_rate", {"group_by": ["operator"]}),
        ("rating_rate", {"sparse": True}),
    ],
)
def test_a_watch_of_part_two_holds_what_a_query_answers(
    shared_server: ServerProcess, kpi_id: str, options: dict[str, Any], account: str
) -> None:
    """Values that come later and sort before others; what is below the line alone, and where it goes."""

    def said(chat: str, sender: str, minute: int) -> pb.Event:
        return events.message_sent(chat, widget="web", at=AT + timedelta(minutes=minute), sender=sender)

    def ended(minute: int) -> pb.Event:
        return events.ended("c1", widget="web", at=AT + timedelta(minutes=minute))

    resumed = events.resumed("c1", widget="web", at=AT + timedelta(minutes=7))
    steps = [
        [said("c1", "operator", 5), ended(8)],
        [ended(6), resumed],
        [*rated("c1", 0, 5)],
        [said("c1", "contact", 2), said("c1", "bot", 1)],
        [*rated("c2", 0, 4, "bram")[:1], said("c2", "contact", 3)],
    ]
    asked: dict[str, Any] = {**DAYS, **options}
    with Telwerk(shared_server.address) as client, closing(client.watch(account, kpi_id, **asked)) as updates:
        before = without_time(next(updates))
        for step in (*steps, None):
            if step is None:
                client.erase_conversation(account, "c2")
            else:
                client.ingest(account, step)
            wanted = without_time(client.series(account, kpi_id, **asked))
            assert wanted == before or without_time(next(updates)) == wanted
            before = wanted


async def test_the_asynchronous_watch_tells_the_same(shared_server: ServerProcess, account: str) -> None:
    async with (
        AsyncTelwerk(shared_server.address) as client,
        aclosing(client.watch(account, [RATED, "feedback_count"], **DAYS, group_by=["operator"])) as updates,
    ):
        assert not (await anext(updates)).series
        await client.ingest(
            account, [*rated("c1", 0, 5), events.feedback_left("c1", widget="web", at=AT + timedelta(hours=1))]
        )
        told = await anext(updates)
        assert [(line.kpi_id, line.key.operator_id, sum(line.counts)) for line in told.series] == [
            (RATED, "anna", 1),
            ("feedback_count", "anna", 1),
        ]


def test_a_watch_outlives_the_server_and_goes_on_with_what_is_there_then(tmp_path: Path) -> None:
    database = tmp_path / "telwerk.db"
    with (
        serving(database, "--listen", free_address()) as first,
        Telwerk(first.address) as client,
        closing(client.watch("acme", RATED, **DAYS)) as updates,
    ):
        assert sum(next(updates).series[0].counts) == 0
        client.ingest("acme", rated("c1", 0, 5))
        assert sum(next(updates).series[0].counts) == 1
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
        coming: list[int] = []
        waiting = threading.Thread(target=lambda: coming.append(sum(next(updates).series[0].counts)))
        waiting.start()
        with serving(database, "--listen", first.address):
            waiting.join(60)
            assert coming == [1]
            client.ingest("acme", rated("c2", 0, 5))
            assert sum(next(updates).series[0].counts) == 2


async def test_the_asynchronous_watch_outlives_a_server_that_stops_in_order(tmp_path: Path) -> None:
    database = tmp_path / "telwerk.db"
    with serving(database, "--listen", free_address()) as first:
        async with (
            AsyncTelwerk(first.address) as client,
            aclosing(client.watch("acme", RATED, **DAYS)) as updates,
        ):
            await anext(updates)
            first.process.terminate()
            await asyncio.to_thread(first.process.wait, 30)
            coming = asyncio.ensure_future(anext(updates))
            with serving(database, "--listen", first.address):
                assert sum((await asyncio.wait_for(coming, 60)).series[0].counts) == 0


def test_a_server_that_is_gone_for_good_is_waited_for_no_longer_than_the_patience(tmp_path: Path) -> None:
    with serving(tmp_path / "telwerk.db") as server, Telwerk(server.address) as client:
        updates = client.watch("acme", RATED, **DAYS, patience_seconds=0.5)
        next(updates)
        server.process.kill()
        server.process.wait(30)
        with pytest.raises(errors.TelwerkError):
            next(updates)


def test_a_watch_of_what_cannot_be_is_refused_at_once(shared_server: ServerProcess, account: str) -> None:
    with Telwerk(shared_server.address) as client:
        with pytest.raises(errors.InvalidArgumentError, match="nope"):
            next(client.watch(account, "nope", **DAYS))
        with pytest.raises(errors.InvalidArgumentError, match="no pages"):
            next(client.watch(account, RATED, **DAYS, group_by=["operator"], page_size=5))


def test_where_no_server_ever_was_a_watch_does_not_wait() -> None:
    with Telwerk("127.0.0.1:1") as client, pytest.raises(errors.UnreachableError):
        next(client.watch("acme", RATED, **DAYS))


def test_an_answer_that_was_given_is_not_changed_by_later_ones() -> None:
    watched = Watched(sparse=False)
    line = kpi.Series(kpi_id=RATED, counts=[1, 0])
    snapshot = kpi.QueryTimeSeriesResponse(bucket_start_seconds=[0, 86_400], series=[line])
    first = watched.update(kpi.WatchTimeSeriesResponse(snapshot=snapshot))
    changes = kpi.TimeSeriesChanges(series=[kpi.Series(kpi_id=RATED, bucket_indexes=[1], counts=[7])])
    second = watched.update(kpi.WatchTimeSeriesResponse(changes=changes))
    assert (list(first.series[0].counts), list(second.series[0].counts)) == ([1, 0], [1, 7])


def test_patience_counts_from_the_loss_of_the_connection_and_not_from_the_last_update() -> None:
    """An hour of quiet uses none of it; and each loss has the whole of it."""
    away = errors.UnavailableError("away", grpc.StatusCode.UNAVAILABLE, StatusDetails())
    patience = Patience(60.0)
    for lost_at in (3_600.0, 7_200.0):
        patience.answered()
        patience.pause_seconds(away, lost_at)
        patience.pause_seconds(away, lost_at + 50)
        with pytest.raises(errors.UnavailableError):
            patience.pause_seconds(away, lost_at + 60)


async def test_watches_that_were_quiet_for_longer_than_their_patience_outlive_a_cut(
    shared_server: ServerProcess, account: str
) -> None:
    """Both clients', through a line that is cut."""
    patience_seconds = 5.0
    async with line_to(shared_server.address) as (address, line), AsyncTelwerk(address) as asynchronous:
        with Telwerk(address) as client, Telwerk(shared_server.address) as producer:
            watched = asynchronous.watch(account, RATED, **DAYS, patience_seconds=patience_seconds)
            updates = client.watch(account, RATED, **DAYS, patience_seconds=patience_seconds)

            async def both() -> list[int]:
                told = await asyncio.gather(asyncio.to_thread(next, updates), anext(watched))
                return [sum(answer.series[0].counts) for answer in told]

            async with aclosing(watched):
                with closing(updates):
                    assert await both() == [0, 0]
                    again = asyncio.ensure_future(both())
                    await asyncio.sleep(patience_seconds + 0.5)
                    assert not again.done()
                    line.cut()
                    assert await asyncio.wait_for(again, 60) == [0, 0]
                    producer.ingest(account, rated("c1", 0, 5))
                    assert await both() == [1, 1]
