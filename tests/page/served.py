"""The server of the page's tests: four weeks of invented chats up to now, under a fixed seed, with display names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from telwerk import Telwerk, names
from telwerk.cli.opening_hours import parse_hours
from telwerk.simulation import GROUPS, WIDGETS, simulate, widget_settings
from telwerk.v1.display_name_pb2 import DisplayName
from telwerk.v1.event_pb2 import Event
from telwerk.v1.settings_service_pb2 import AccountSettings
from tests.conftest import ServerProcess, serving

ACCOUNT: Final = "demo"
ZONE: Final = "Europe/Amsterdam"
SEED: Final = 19
CONVERSATIONS: Final = 600
DAYS: Final = 28
_BATCH: Final = 1_000


def today() -> date:
    """The day that it is for the account."""
    return datetime.now(ZoneInfo(ZONE)).date()


class Served(NamedTuple):
    """A server with its page."""

    url: str
    """Of the page, with the slash at its end."""
    address: str
    """Of gRPC, to compare what is shown with."""
    server: ServerProcess
    database: Path


@contextmanager
def page_server(folder: Path, *flags: str, http: str = "127.0.0.1:0") -> Iterator[Served]:
    """`telwerkd serve` on a database in the folder, with HTTP; it has no chats until `fill` or a test sends some."""
    database = folder / "telwerk.db"
    with serving(database, "--http-listen", http, *flags) as server:
        assert server.process.stdout is not None
        lines = [server.process.stdout.readline() for _ in range(2)]
        found = re.fullmatch(r"Telwerk's page is at (\S+)\n", lines[-1])
        assert found, f"the server has no page: {lines}"
        yield Served(found[1], server.address, server, database)


def fill(
    address: str, *, conversations: int = CONVERSATIONS, account: str = ACCOUNT, api_key: str | None = None
) -> None:
    """Gives the account its chats, with time zone, opening hours, limits and names."""
    now = datetime.now(UTC)
    midnight = now.astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    chats = simulate(SEED, conversations, midnight - timedelta(days=DAYS), midnight + timedelta(days=1), time_zone=ZONE)
    # Chats of this afternoon have not happened yet.
    events = [event for event in chats if event.occur_time.ToDatetime(UTC) < now]
    with Telwerk(address, api_key=api_key) as telwerk:
        hours = parse_hours(["mon-fri 09:00-17:30"], ZONE)
        telwerk.set_account_settings(account, AccountSettings(time_zone=ZONE, opening_hours=hours))
        for settings in widget_settings():
            telwerk.set_widget_settings(account, settings)
        telwerk.set_display_names(account, _names())
        for batch in _batches(events):
            assert not telwerk.ingest(account, batch).rejections


def _names() -> list[DisplayName]:
    """Of all ids but one operator's and one widget's, which are shown by their ids."""
    operators = sorted({operator for members in GROUPS.values() for operator in members})
    named = [
        names.display_name("operator", one, f"{one.removeprefix('sim-').title()} de Vries") for one in operators[1:]
    ]
    named += [names.display_name("operator_group", one, one.removeprefix("sim-").title()) for one in GROUPS]
    return named + [names.display_name("widget", one.widget_id, f"Widget {one.widget_id}") for one in WIDGETS[1:]]


def _batches(events: list[Event]) -> Iterator[list[Event]]:
    for start in range(0, len(events), _BATCH):
        yield events[start : start + _BATCH]
