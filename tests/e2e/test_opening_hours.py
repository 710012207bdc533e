"""Opening hours of widgets and accounts, as they are set and read."""

from collections.abc import AsyncIterator
from threading import get_ident

import grpc
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import settings_service_pb2 as settings
from telwerk.v1.kpi_service_pb2 import CalendarDate
from telwerkd.domain.time.opening_hours import Schedule
from telwerkd.transport.codec.account import settings as codec
from telwerkd.transport.codec.account.opening_hours import encode_opening_hours
from tests.conftest import CALL_SECONDS, Server, refusal, started

OFFICE = settings.OpenStretch(open_minute=540, close_minute=1_020)
MORNING = settings.OpenStretch(open_minute=540, close_minute=720)
CHRISTMAS = CalendarDate(year=2026, month=12, day=25)


def weekly(*weekdays: int, stretch: settings.OpenStretch = OFFICE) -> list[settings.WeeklyStretch]:
    return [settings.WeeklyStretch(weekday=weekday, stretch=stretch) for weekday in weekdays]


def hours(*week: settings.WeeklyStretch, zone: str = "Europe/Amsterdam") -> settings.OpeningHours:
    return settings.OpeningHours(
        time_zone=zone, week=week, exceptions=[settings.DatedStretches(date=CHRISTMAS)] if week else []
    )


HOURS = hours(*weekly(1, 2, 3, 4, 5))


@pytest_asyncio.fixture
async def server(either) -> AsyncIterator[Server]:
    async with started(either) as server:
        yield server


async def test_opening_hours_are_read_as_they_were_set(server):
    """Of a widget by version, and of the account: several stretches a day in order, closed dates, the zone."""
    call = server.settings
    evening = settings.OpenStretch(open_minute=1_080, close_minute=1_440)
    several = hours(*weekly(1), *weekly(1, stretch=evening), *weekly(7))
    for second, each in ((1, HOURS), (2, several), (3, None)):
        version = settings.WidgetSettings(
            widget_id="web", effective_time=Timestamp(seconds=1_767_600_000 + second), opening_hours=each
        )
        request = settings.SetWidgetSettingsRequest(account_id="a", settings=version)
        kept = await call.SetWidgetSettings(request, timeout=CALL_SECONDS)
        assert kept.settings.HasField("opening_hours") == (each is not None)
    request = settings.GetWidgetSettingsRequest(account_id="a", widget_id="web")
    versions = (await call.GetWidgetSettings(request, timeout=CALL_SECONDS)).versions
    assert [each.opening_hours for each in versions] == [HOURS, several, settings.OpeningHours()]
    assert not versions[2].HasField("opening_hours")


async def test_opening_hours_are_encoded_beside_the_event_loop(server, monkeypatch):
    """Thousands of stretches take some 30 ms, whoever asks for them or sets them."""
    threads = set[int]()

    def observed(schedule: Schedule) -> settings.OpeningHours:
        threads.add(get_ident())
        return encode_opening_hours(schedule)

    monkeypatch.setattr(codec, "encode_opening_hours", observed)
    widget = settings.WidgetSettings(widget_id="web", opening_hours=HOURS)
    account = settings.AccountSettings(opening_hours=HOURS)
    await server.settings.SetWidgetSettings(settings.SetWidgetSettingsRequest(account_id="a", settings=widget))
    await server.settings.SetAccountSettings(settings.SetAccountSettingsRequest(account_id="a", settings=account))
    await server.settings.GetAccountSettings(settings.GetAccountSettingsRequest(account_id="a"))
    assert threads
    assert get_ident() not in threads


async def test_an_account_has_default_opening_hours_until_it_has_none(server):
    """They are set by themselves or with the zone, are no widget in the list, and can be ended."""
    call = server.settings

    async def kept(**fields: object) -> settings.AccountSettings:
        request = settings.SetAccountSettingsRequest(
            account_id="b",
            settings=settings.AccountSettings(**fields),  # type: ignore[arg-type]  # by the test's own keywords
        )
        return (await call.SetAccountSettings(request, timeout=CALL_SECONDS)).settings

    assert (await kept(time_zone="Europe/Paris")).HasField("opening_hours") is False
    first = await kept(opening_hours=HOURS, opening_hours_effective_time=Timestamp(seconds=1_767_600_000))
    assert (first.time_zone, first.opening_hours, first.no_opening_hours) == ("Europe/Paris", HOURS, False)
    ended = await kept(no_opening_hours=True, opening_hours_effective_time=Timestamp(seconds=1_767_700_000))
    assert (ended.HasField("opening_hours"), ended.no_opening_hours) == (False, True)
    request = settings.GetAccountSettingsRequest(account_id="b")
    assert (await call.GetAccountSettings(request, timeout=CALL_SECONDS)).settings == ended
    listed = await call.ListWidgetSettings(settings.ListWidgetSettingsRequest(account_id="b"), timeout=CALL_SECONDS)
    assert not listed.settings


WRONG = [
    (hours(*weekly(1), zone="Europe/Amsterdm"), "time_zone"),
    (hours(*weekly(1, 2), *weekly(2, stretch=MORNING)), "week[2].stretch"),
]


async def test_wrong_opening_hours_are_refused_with_their_field(server):
    """Of a widget and of an account, and nothing is kept."""
    for wrong, field in WRONG:
        await refused_with(server, wrong, f"settings.opening_hours.{field}")
    listed = await server.settings.ListWidgetSettings(
        settings.ListWidgetSettingsRequest(account_id="c"), timeout=CALL_SECONDS
    )
    assert not listed.settings


async def refused_with(server: Server, wrong: settings.OpeningHours, field: str) -> None:
    of_widget = settings.SetWidgetSettingsRequest(
        account_id="c", settings=settings.WidgetSettings(widget_id="web", opening_hours=wrong)
    )
    of_account = settings.SetAccountSettingsRequest(
        account_id="c", settings=settings.AccountSettings(opening_hours=wrong)
    )
    for call, request in (
        (server.settings.SetWidgetSettings, of_widget),
        (server.settings.SetAccountSettings, of_account),
    ):
        refused = await refusal(call(request, timeout=CALL_SECONDS))
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.fields == [field]
