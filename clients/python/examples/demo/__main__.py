"""A tour of Telwerk on a server of its own, which leaves nothing behind: `make demo`.

First a handful of chats written by hand, small enough to count by hand. Each line of their script says what it counts
as and for whom; the server's answers must be exactly these lines, or the demonstration fails. Then a few hundred
invented chats, and what the KPIs say about them.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.json_format import ParseDict
from rich.console import Console

from comparison import by_hand, by_server, print_comparison, print_script
from in_short import in_short, in_short_beside, in_short_by_hand, in_short_table
from own_server import server_of_its_own
from script import SCRIPT, SHOP, read_script
from simulated_month import CHATS, DAYS, simulated_tables
from telwerk import Telwerk
from telwerk.simulation import simulate, widget_settings
from telwerk.v1.event_pb2 import Event
from telwerk.v1.settings_service_pb2 import WidgetSettings

BY_HAND: Final = "demo"
INVENTED: Final = "demo-simulated"

NEXT: Final = """
To try next, the first in a terminal of its own:

  .venv/bin/telwerkd serve
  .venv/bin/telwerk simulate --conversations 300
  .venv/bin/telwerk dashboard --account demo
"""

console = Console(highlight=False)


def load(telwerk: Telwerk, account_id: str, settings: list[WidgetSettings], events: list[Event]) -> None:
    """Sets the widgets up and sends the events, none of which may be refused."""
    for version in settings:
        telwerk.set_widget_settings(account_id, version)
    for first in range(0, len(events), 1000):
        for rejection in telwerk.ingest(account_id, events[first : first + 1000]).rejections:
            sys.exit(f"event {rejection.event_id} was refused: {rejection.message}")


def wait_until_complete(telwerk: Telwerk, account_id: str, end: datetime) -> None:
    """The server notices within two seconds which limits have passed; until then an answer is not complete."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        answer = telwerk.totals(account_id, "unanswered_live_conversations", start=end - timedelta(days=1), end=end)
        if answer.complete_until.ToDatetime(UTC) >= end:
            return
        time.sleep(0.1)


def main() -> None:
    """Runs the demonstration. Exits with 1 if the server counts otherwise than by hand."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    chats = read_script(SCRIPT, yesterday)
    expected = by_hand(chats)
    with server_of_its_own() as telwerk:
        console.print(f"A server of its own listens on {telwerk.address}; its database will be gone afterwards.")
        catalogue = telwerk.kpis()
        sent = [line.event for chat in chats for line in chat.lines if line.event]
        load(telwerk, BY_HAND, [ParseDict(SHOP, WidgetSettings())], sent)
        wait_until_complete(telwerk, BY_HAND, today)
        answered = by_server(telwerk, BY_HAND, catalogue, yesterday)
        print_script(console, chats, answered)
        print_comparison(console, catalogue, expected, answered)
        short = in_short(telwerk, BY_HAND, yesterday, today)
        console.print(in_short_beside(in_short_by_hand(yesterday), short))
        began = time.perf_counter()
        events = list(simulate(1, CHATS, today - timedelta(days=DAYS), today))
        load(telwerk, INVENTED, widget_settings(), events)
        console.print(f"\n{len(events)} events of invented chats sent in {time.perf_counter() - began:.1f} s.\n")
        wait_until_complete(telwerk, INVENTED, today)
        of_invented = in_short(telwerk, INVENTED, today - timedelta(days=DAYS), today)
        console.print(*simulated_tables(telwerk, INVENTED, catalogue, today), in_short_table(of_invented), sep="\n")
    console.print("The server has stopped, and its database is gone.")
    if answered != expected or not in_short_by_hand(yesterday).agrees(short):
        sys.exit("The server counts otherwise than by hand.")
    console.print("[green]All KPIs are counted as by hand.[/]")
    console.print(NEXT)


if __name__ == "__main__":
    main()
