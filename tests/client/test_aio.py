"""The client for asyncio, against a real server: what is sent is what is read."""

import textwrap
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import pytest

import telwerk.aio
import telwerk.aio_sender
from telwerk import AsyncTelwerk, Telwerk, errors, events
from telwerk.v1 import event_pb2 as pb, settings_service_pb2 as settings_pb
from tests.client.examples import example_of
from tests.conftest import ALL_KPI_IDS, ServerProcess

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS = {"start": date(2026, 11, 2), "end": date(2026, 11, 4)}


@pytest.fixture
async def client(shared_server: ServerProcess) -> AsyncIterator[AsyncTelwerk]:
    async with AsyncTelwerk(shared_server.address) as telwerk:
        yield telwerk


def rated_chat(chat: str = "chat-1") -> list[pb.Event]:
    """09:00 anna assigned in sales; 09:01 contact rates 5; a day later contact rates 2."""
    return [
        events.operator_assigned(chat, widget="web", at=AT, operator="anna", group="sales"),
        events.rated(chat, widget="web", at=AT + timedelta(minutes=1), stars=5),
        events.rated(chat, widget="web", at=AT + timedelta(days=1), stars=2),
    ]


async def test_what_is_ingested_is_counted_once_however_often_it_is_sent(client: AsyncTelwerk, account: str) -> None:
    chat = rated_chat()
    assert (await client.ingest(account, chat)).accepted_count == 3
    assert (await client.ingest(account, chat)).duplicate_count == 3
    (total,) = (await client.totals(account, "satisfaction_score", **DAYS)).totals
    assert (total.count, total.sum, total.mean) == (2, 7, 3.5)
    (series,) = (await client.series(account, "satisfaction_score", **DAYS)).series
    assert list(series.counts) == [1, 1]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_stream_answers_every_batch_in_order_and_goes_on_after_an_error(
    client: AsyncTelwerk, *, asynchronous: bool, account: str
) -> None:
    chat = rated_chat()
    batches = [(account, chat[:1]), ("", chat), (account, chat)]

    async def coming() -> AsyncIterator[tuple[str, list[pb.Event]]]:
        for batch in batches:
            yield batch

    answers = [answer async for answer in client.stream(coming() if asynchronous else batches)]
    assert [(answer.request_number, answer.accepted_count, answer.error.field) for answer in answers] == [
        (1, 1, ""),
        (2, 0, "account_id"),
        (3, 2, ""),
    ]


async def test_what_the_batches_raise_comes_after_the_answers_of_all_before(client: AsyncTelwerk, account: str) -> None:
    async def batches() -> AsyncIterator[tuple[str, list[pb.Event]]]:
        yield account, rated_chat()
        raise LookupError("the log ends here")

    async with aclosing(client.stream(batches())) as answers:
        assert (await anext(answers)).accepted_count == 3
        with pytest.raises(LookupError, match="the log ends here"):
            await anext(answers)


async def test_an_explanation_has_every_page_and_adds_up_to_the_total(client: AsyncTelwerk, account: str) -> None:
    for number in range(5):
        await client.ingest(account, rated_chat(f"chat-{number}"))
    explanation = await client.explain(account, "satisfaction_score", **DAYS, page_size=2)
    conversations = [one async for one in explanation]
    assert [one.conversation_id for one in conversations] == [f"chat-{number}" for number in range(5)]
    assert sum(len(one.counted) for one in conversations) + explanation.unexplainable_count == 10


async def test_settings_and_pages_of_them_come_back_as_kept(client: AsyncTelwerk, account: str) -> None:
    await client.set_account_settings(account, settings_pb.AccountSettings(time_zone="Europe/Berlin"))
    assert (await client.account_settings(account)).time_zone == "Europe/Berlin"
    for number in range(25):
        await client.set_widget_settings(account, settings_pb.WidgetSettings(widget_id=f"w{number:02}"))
    assert [one.widget_id for one in await client.list_widget_settings(account)] == [f"w{n:02}" for n in range(25)]
    assert len(await client.widget_settings(account, "w00")) == 1
    assert len(await client.kpis("nl")) == len(ALL_KPI_IDS)


async def test_data_is_taken_out(client: AsyncTelwerk, account: str) -> None:
    await client.ingest(account, rated_chat())
    assert (await client.erase_conversation(account, "chat-1")).erased_event_count == 3
    assert (await client.purge_events(account, AT - timedelta(days=400))).purged_event_count == 0


async def test_errors_are_the_same_tree(client: AsyncTelwerk, account: str) -> None:
    with pytest.raises(errors.InvalidArgumentError) as caught:
        await client.totals(account, "nope", **DAYS)
    assert (caught.value.reason, caught.value.violations[0].field[:7]) == ("UNKNOWN_KPI", "kpi_ids")
    async with AsyncTelwerk("127.0.0.1:1") as nowhere:
        with pytest.raises(errors.UnreachableError, match="telwerkd serve"):
            await nowhere.kpis()
        with pytest.raises(errors.UnreachableError):
            await anext(nowhere.stream([(account, rated_chat())]))


@pytest.mark.parametrize("module", [telwerk.aio, telwerk.aio_sender])
async def test_the_example_of_a_module_is_one_that_is_counted(
    shared_server: ServerProcess, module: ModuleType, capsys: pytest.CaptureFixture[str], account: str
) -> None:
    example = example_of(module, shared_server.address, account)
    now = datetime.now(UTC) - timedelta(hours=1)
    days = {"today": now.date(), "tomorrow": now.date() + timedelta(2)}
    given = {"nine": now, "ten_past": now + timedelta(minutes=10), **days}
    exec(f"async def example():\n{textwrap.indent(example, '    ')}", given)  # noqa: S102 - our own
    await given["example"]()
    with Telwerk(shared_server.address) as client:
        answer = client.totals(account, "satisfaction_score", start=now.date(), end=now.date() + timedelta(2))
    assert answer.totals[0].count == 1
    assert capsys.readouterr().out in {"", "5.0\n"}
