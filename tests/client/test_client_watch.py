"""A watched series is the series as a query would give it, after every change, also over a server's end."""

import asyncio
import signal
import threading
from contextlib import aclosing, closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from telwerk import AsyncTelwerk, Telwerk, errors, events
from telwerk.v1 import event_pb2 as pb, kpi_service_pb2 as kpi
from telwerk.watching import Watched
from tests.conftest import ServerProcess, serving

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
def test_after_every_change_a_watch_holds_what_a_query_answers(server: ServerProcess, options: dict[str, Any]) -> None:
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
    with Telwerk(server.address) as client, closing(client.watch("acme", RATED, **asked)) as updates:
        assert without_time(next(updates)) == without_time(client.series("acme", RATED, **asked))
        for step in steps:
            client.ingest("acme", step)
            assert without_time(next(updates)) == without_time(client.series("acme", RATED, **asked))
        client.erase_conversation("acme", "c3")
        assert without_time(next(updates)) == without_time(client.series("acme", RATED, **asked))


async def test_the_asynchronous_watch_tells_the_same(server: ServerProcess) -> None:
    async with (
        AsyncTelwerk(server.address) as client,
        aclosing(client.watch("acme", [RATED, "feedback_count"], **DAYS, group_by=["operator"])) as updates,
    ):
        assert not (await anext(updates)).series
        await client.ingest(
            "acme", [*rated("c1", 0, 5), events.feedback_left("c1", widget="web", at=AT + timedelta(hours=1))]
        )
        told = await anext(updates)
        assert [(line.kpi_id, line.key.operator_id, sum(line.counts)) for line in told.series] == [
            (RATED, "anna", 1),
            ("feedback_count", "anna", 1),
        ]


def test_a_watch_outlives_the_server_and_goes_on_with_what_is_there_then(tmp_path: Path) -> None:
    database = tmp_path / "telwerk.db"
    with (
        serving(database) as first,
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
    with serving(database) as first:
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


def test_a_watch_of_what_cannot_be_is_refused_at_once(server: ServerProcess) -> None:
    with Telwerk(server.address) as client:
        with pytest.raises(errors.InvalidArgumentError, match="nope"):
            next(client.watch("acme", "nope", **DAYS))
        with pytest.raises(errors.InvalidArgumentError, match="no pages"):
            next(client.watch("acme", RATED, **DAYS, group_by=["operator"], page_size=5))


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
