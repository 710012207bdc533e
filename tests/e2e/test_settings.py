"""Widget settings are bounded: what an account may store of them, and what one page of them holds."""

from collections.abc import AsyncIterator
from contextlib import suppress

import grpc
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import settings_service_pb2 as settings
from tests.conftest import CALL_SECONDS, Server, eventually, refusal, started
from tests.e2e.test_opening_hours import hours, weekly

MIB = 2**20
LARGE = 400_000
"""Bytes of one version, of the 512 KiB that a request may have."""


def version(widget: str, second: int = 0, size: int = LARGE) -> settings.SetWidgetSettingsRequest:
    """About so many bytes of goals."""
    return settings.SetWidgetSettingsRequest(
        account_id="a",
        settings=settings.WidgetSettings(
            widget_id=widget,
            effective_time=Timestamp(seconds=1_767_600_000 + second),
            goals=[settings.Goal(goal_id=f"g{n}", url=f"https://a.example/{n:0>2000}") for n in range(size // 2_000)],
        ),
    )


@pytest_asyncio.fixture
async def server(either) -> AsyncIterator[Server]:
    async with started(either, widget_settings_bytes_max=2_500_000) as server:
        yield server


async def pages_of(call, request) -> tuple[list[settings.WidgetSettings], list[int]]:
    """What is on all pages, and how many bytes each has."""
    found, sizes = [], []
    while not sizes or request.page_token:
        page = await call(request, timeout=CALL_SECONDS)
        found += page.versions if hasattr(page, "versions") else page.settings
        sizes.append(page.ByteSize())
        request.page_token = page.next_page_token
    return found, sizes


async def test_a_page_is_short_where_settings_are_large_and_an_account_stores_no_more_of_them_than_it_may(server):
    """A page holds a megabyte and one version at most, and pages come to all; the setting is named beyond which none
    is added, while one that is there can be replaced."""
    sent = [version("web", n) for n in range(3)] + [version(f"w{n}") for n in range(4)]
    for each in sent:
        await server.settings.SetWidgetSettings(each, timeout=CALL_SECONDS)
    newest, sizes = await pages_of(
        server.settings.ListWidgetSettings, settings.ListWidgetSettingsRequest(account_id="a", page_size=100)
    )
    assert newest == [each.settings for each in (*sent[3:], sent[2])]
    assert len(sizes) == 2
    assert max(sizes) < MIB + LARGE + 50_000
    history, sizes = await pages_of(
        server.settings.GetWidgetSettings,
        settings.GetWidgetSettingsRequest(account_id="a", widget_id="web", page_size=2),
    )
    assert history == [each.settings for each in sent[:3]]
    assert len(sizes) == 2

    refused = await refusal(server.settings.SetWidgetSettings(version("w9", size=2_000), timeout=CALL_SECONDS))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "LIMIT_EXCEEDED")
    assert refused.text.startswith("settings: ")
    assert "widget_settings_bytes_max" in refused.text
    await server.settings.SetWidgetSettings(version("w0", size=2_000), timeout=CALL_SECONDS)
    other = version("web", size=2_000)
    other.account_id = "b"
    await server.settings.SetWidgetSettings(other, timeout=CALL_SECONDS)
    await server.settings.SetWidgetSettings(version("w9", size=2_000), timeout=CALL_SECONDS)


async def test_an_account_that_is_full_of_settings_recovers_by_replacing_them(either):
    """Where each version brings opening hours, these are what fills it; they go when no version has them any more."""
    async with started(either, widget_settings_bytes_max=30_000) as server:

        async def is_stored(second: int, minute: int | None) -> bool:
            request = version("web", second, size=0)
            if minute is not None:
                request.settings.opening_hours.CopyFrom(hours(*weekly(1, stretch=open_from(minute))))
            request.account_id = "full"
            with suppress(grpc.aio.AioRpcError):
                await server.settings.SetWidgetSettings(request, timeout=CALL_SECONDS)
                return True
            return False

        count = 0
        while await is_stored(count, count):
            count += 1
        assert not await is_stored(count, None), "nothing is added"
        assert not await is_stored(0, 1_000), "nor replaced by other opening hours"
        for second in range(count):
            assert await is_stored(second, None), "less is always taken"

        async def is_taken() -> bool:
            return await is_stored(count, 1_000)

        await eventually(is_taken)


async def test_versions_count_as_more_than_their_bytes(either):
    """All of them are read for the first event after a change of the account."""
    async with started(either, widget_settings_bytes_max=4_000) as server:
        small = [version("web", second, size=0) for second in range(11)]
        for request in small:
            request.account_id = "many"
        for request in small[:10]:
            await server.settings.SetWidgetSettings(request, timeout=CALL_SECONDS)
        refused = await refusal(server.settings.SetWidgetSettings(small[10], timeout=CALL_SECONDS))
        assert "widget_settings_bytes_max" in refused.text


def open_from(minute: int) -> settings.OpenStretch:
    return settings.OpenStretch(open_minute=minute, close_minute=1_440)
