"""The client against a real server: what is sent is what is read."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

import telwerk.client
import telwerk.events
import telwerk.sender
from telwerk import Telwerk, errors, events
from telwerk.queries import time_range
from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings_pb,
)
from tests.client.examples import example_of
from tests.conftest import ALL_KPI_IDS, ServerProcess

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS = {"start": date(2026, 11, 2), "end": date(2026, 11, 4)}


@pytest.fixture
def client(shared_server: ServerProcess) -> Iterator[Telwerk]:
    with Telwerk(shared_server.address) as telwerk:
        yield telwerk


def rated_chat() -> list[pb.Event]:
    """09:00 anna assigned in sales; 09:01 contact rates 5; a day later contact rates 2."""
    return [
        events.operator_assigned("chat-1", widget="web", at=AT, operator="anna", group="sales"),
        events.rated("chat-1", widget="web", at=AT + timedelta(minutes=1), stars=5),
        events.rated("chat-1", widget="web", at=AT + timedelta(days=1), stars=2),
    ]


def test_what_is_ingested_is_counted_once_however_often_it_is_sent(client: Telwerk, account: str) -> None:
    chat = rated_chat()
    assert client.ingest(account, chat).accepted_count == 3
    assert client.ingest(account, chat).duplicate_count == 3
    (total,) = client.totals(account, "satisfaction_score", **DAYS).totals
    assert (total.count, total.sum, total.mean) == (2, 7, 3.5)


def test_a_series_adds_up_to_the_totals(client: Telwerk, account: str) -> None:
    client.ingest(account, rated_chat())
    (series,) = client.series(account, "satisfaction_score", **DAYS).series
    assert list(series.counts) == [1, 1]
    assert list(series.sums) == [5, 2]


def test_grouped_and_filtered_answers_carry_their_keys(client: Telwerk, account: str) -> None:
    client.ingest(account, rated_chat())
    where = kpi.Filter(widgets=kpi.IdFilter(any_of=["web"]))
    answer = client.totals(
        account, ["satisfaction_score", "feedback_count"], **DAYS, where=where, group_by=["operator", "operator_group"]
    )
    assert [(total.key.operator_id, total.key.operator_group_id, total.count) for total in answer.totals] == [
        ("anna", "sales", 2)
    ]


def test_sparse_and_distribution_are_passed_on(client: Telwerk, account: str) -> None:
    client.ingest(account, rated_chat())
    answer = client.series(
        account,
        "satisfaction_score",
        start=AT,
        end=AT + timedelta(hours=2),
        granularity="quarter_hour",
        sparse=True,
        include_distribution=True,
    )
    (series,) = answer.series
    assert list(series.bucket_indexes) == [0]
    assert [list(part.counts) for part in series.distribution] == [[0], [0], [0], [0], [1]]


def test_an_explanation_has_every_page_and_adds_up_to_the_total(client: Telwerk, account: str) -> None:
    chats = [f"chat-{number}" for number in range(5)]
    assigned = [events.operator_assigned(chat, widget="web", at=AT, operator="anna") for chat in chats]
    ratings = [events.rated(chat, widget="web", at=AT + timedelta(minutes=1), stars=5) for chat in chats]
    early = events.rated("early", widget="web", at=AT, stars=1)
    client.ingest(account, [*assigned, *ratings, early])
    client.erase_conversation(account, "chat-4", keep_counts=True)
    explanation = client.explain(account, "satisfaction_score", **DAYS, page_size=2)
    assert explanation.unexplainable_count == 1
    assert [one.conversation_id for one in explanation] == ["early", *chats[:4]]
    assert [one.conversation_id for one in explanation] == ["early", *chats[:4]]
    assert sum(len(one.counted) for one in explanation) + 1 == 5
    assert [event.rule for one in explanation for event in one.left_out] == ["NO_OPERATOR"]
    by_ben = kpi.Filter(operators=kpi.IdFilter(any_of=["ben"]))
    assert not any(one.counted for one in client.explain(account, "satisfaction_score", **DAYS, where=by_ben))


def test_an_erased_conversation_is_gone_with_its_counts(client: Telwerk, account: str) -> None:
    client.ingest(account, rated_chat())
    erased = client.erase_conversation(account, "chat-1")
    assert (erased.erased_event_count, erased.fact_count) == (3, 2)
    assert client.totals(account, "satisfaction_score", **DAYS).totals[0].count == 0
    assert client.erase_conversation(account, "chat-1").erased_event_count == 0
    assert client.ingest(account, rated_chat()).rejections[0].reason == "CONVERSATION_ERASED"


PAST = datetime(2026, 1, 12, 9, tzinfo=UTC)


def test_purged_events_leave_their_counts(client: Telwerk, account: str) -> None:
    days = {"start": date(2026, 1, 12), "end": date(2026, 1, 13)}
    chat = [
        events.operator_assigned("chat-1", widget="web", at=PAST, operator="anna"),
        events.rated("chat-1", widget="web", at=PAST + timedelta(minutes=1), stars=5),
    ]
    client.ingest(account, chat)
    assert client.purge_events(account, PAST + timedelta(hours=1)).purged_event_count == 2
    assert client.purge_events(account, PAST + timedelta(hours=1)).purged_event_count == 0
    assert client.totals(account, "satisfaction_score", **days).totals[0].count == 1
    explanation = client.explain(account, "satisfaction_score", **days)
    assert (list(explanation), explanation.unexplainable_count) == ([], 1)
    with pytest.raises(ValueError, match="no time zone"):
        client.purge_events(account, PAST.replace(tzinfo=None))


def test_a_stream_answers_every_batch_in_order_and_goes_on_after_an_error(client: Telwerk, account: str) -> None:
    chat = rated_chat()
    answers = list(client.stream([(account, chat[:1]), (account, chat), ("", chat), (account, []), ("other", chat)]))
    assert [answer.request_number for answer in answers] == [1, 2, 3, 4, 5]
    assert [(answer.accepted_count, answer.duplicate_count) for answer in answers] == [
        (1, 0),
        (2, 1),
        (0, 0),
        (0, 0),
        (3, 0),
    ]
    assert [answer.error.field for answer in answers] == ["", "", "account_id", "events", ""]
    assert client.totals(account, "satisfaction_score", **DAYS).totals[0].count == 2


def test_what_the_batches_raise_comes_after_the_answers_of_all_before(client: Telwerk, account: str) -> None:
    def batches() -> Iterator[tuple[str, list[pb.Event]]]:
        yield account, rated_chat()
        raise LookupError("the log ends here")

    answers = client.stream(batches())
    assert next(answers).accepted_count == 3
    with pytest.raises(LookupError, match="the log ends here"):
        next(answers)


def test_a_stream_can_be_ended_early_and_without_batches(client: Telwerk, account: str) -> None:
    assert list(client.stream([])) == []
    numbered = (f"chat-{number}" for number in itertools.count())
    endless = ((account, [events.left_live(chat, widget="web", at=AT)]) for chat in numbered)
    with closing(client.stream(endless)) as answers:
        assert [next(answers).accepted_count for _ in range(3)] == [1, 1, 1]
    assert len(client.kpis()) == len(ALL_KPI_IDS)


def test_a_stream_to_where_no_server_listens_is_unreachable() -> None:
    with Telwerk("127.0.0.1:1") as client, pytest.raises(errors.UnreachableError):
        next(client.stream([("acme", rated_chat())]))


@pytest.mark.parametrize("module", [telwerk.client, telwerk.events, telwerk.sender])
def test_the_example_of_a_module_is_one_that_is_counted(
    client: Telwerk, module: ModuleType, capsys: pytest.CaptureFixture[str], account: str
) -> None:
    now = datetime.now(UTC) - timedelta(hours=1)
    today = now.date()
    given = {"nine": now, "ten_past": now + timedelta(minutes=10), "today": today, "tomorrow": today + timedelta(2)}
    exec(example_of(module, client.address, account), given)  # noqa: S102 - our own
    days = {"start": today, "end": today + timedelta(2)}
    assert client.totals(account, "satisfaction_score", **days).totals[0].count == 1
    assert capsys.readouterr().out in {"", "5.0\n"}


def test_settings_come_back_as_kept(client: Telwerk, account: str) -> None:
    assert client.account_settings(account).time_zone == "UTC"
    client.set_account_settings(account, settings_pb.AccountSettings(time_zone="Europe/Berlin"))
    assert client.account_settings(account).time_zone == "Europe/Berlin"
    wanted = settings_pb.WidgetSettings(
        widget_id="web",
        live_limit=Duration(seconds=60),
        goals=[settings_pb.Goal(goal_id="order", url="https://shop.example/thanks")],
    )
    kept = client.set_widget_settings(account, wanted)
    assert kept.HasField("effective_time")
    assert list(client.widget_settings(account, "web")) == [kept]
    assert list(client.list_widget_settings(account)) == [kept]


def test_the_catalogue_speaks_three_languages(client: Telwerk) -> None:
    names = {language: client.kpis(language)[0].display_name for language in ("en", "de", "nl")}
    assert len(set(names.values())) == 3


def test_every_kind_of_event_is_one_that_the_server_takes(client: Telwerk, account: str) -> None:
    live = {"widget": "web", "at": AT}
    all_kinds = [
        events.went_live("c", live_limit=timedelta(seconds=60), **live),
        events.left_live("c", **live),
        events.message_sent("c", sender="operator", **live),
        events.operator_assigned("c", **live),
        events.operator_unassigned("c", **live),
        events.ended("c", **live),
        events.resumed("c", **live),
        events.rated("c", stars=1, **live),
        events.feedback_left("c", **live),
        events.inactivity_action("c", action=pb.INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT, **live),
        events.page_visited("c", url="https://shop.example/", **live),
        events.goal_reached("c", goal="order", **live),
        events.topics_set("c", topics=[], **live),
        events.pre_chat_survey_completed("c", answers={"subject": "order"}, **live),
        events.post_chat_survey_answered("c", answers=[("liked", "speed"), ("liked", "tone")], **live),
        events.retracted("c", retracted_event_id="x", event_id="y", sequence=2, **live),
    ]
    assert {event.WhichOneof("kind") for event in all_kinds} == {field.name for field in kinds()}
    assert not client.ingest(account, all_kinds).rejections


def kinds() -> list[object]:
    return list(pb.Event.DESCRIPTOR.oneofs_by_name["kind"].fields)


def test_an_event_is_exact_to_the_microsecond_and_has_an_id_of_its_own() -> None:
    at = datetime(2026, 11, 2, 10, 0, 0, 123_457, tzinfo=UTC)
    first, second = (events.left_live("c", widget="web", at=at) for _ in range(2))
    assert first.occur_time.ToMicroseconds() == round(at.timestamp() * 1e6)
    assert first.event_id != second.event_id
    assert events.left_live("c", widget="web", at=at, event_id="mine").event_id == "mine"


def test_an_instant_without_a_time_zone_is_refused_before_it_is_sent() -> None:
    naive = AT.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no time zone"):
        events.left_live("c", widget="web", at=naive)
    with pytest.raises(TypeError, match="date to a date"):
        time_range(date(2026, 11, 2), AT)


class Flaky(ingestion_grpc.IngestionServiceServicer):
    """Is not available twice, and then is."""

    def __init__(self) -> None:
        self.calls = 0

    def IngestEvents(self, request, context):  # noqa: N802
        self.calls += 1
        if self.calls < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return ingestion.IngestEventsResponse(accepted_count=len(request.events))


def test_a_large_batch_is_sent_again_by_itself_when_the_server_is_not_available() -> None:
    """Beyond 256 KiB, where grpc would by default silently stop retrying."""
    servicer = Flaky()
    server = grpc.server(ThreadPoolExecutor(2))
    ingestion_grpc.add_IngestionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    batch = [events.page_visited("c", widget="web", at=AT, url="https://shop.example/" + "x" * 1_000)] * 1_000
    try:
        with Telwerk(f"127.0.0.1:{port}") as client:
            assert client.ingest("acme", batch).accepted_count == 1_000
    finally:
        server.stop(None).wait()
    assert servicer.calls == 3
