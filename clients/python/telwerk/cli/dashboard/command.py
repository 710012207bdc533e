"""`telwerk dashboard`."""

import sys

import typer

from telwerk.cli.asked import as_kpi
from telwerk.cli.noticing import no_data_yet
from telwerk.cli.options import Account, connect, say
from telwerk.cli.query_options import Zone
from telwerk.cli.times import zone_of
from telwerk.v1.kpi_service_pb2 import Kpi, ListKpisResponse

EXIT_NO_TERMINAL = 2

KPIS_AT_ONCE = 10
"""So many have room above the board on a terminal of 80 by 24."""


def dashboard(ctx: typer.Context, *, account: Account, zone: Zone = "") -> None:
    """Show all KPIs of an account live in the terminal.

    The dashboard shows ten KPIs at a time; press q to quit.

    A change appears about a second after it is stored. Each number is shown beside that of the same part of the period
    before: at noon, today until noon beside yesterday until noon.

    Keys: 1 to 5 choose the range. g changes the width of the charts' buckets. k shows the next ten KPIs, or the rates,
    and their columns of the board. b changes whether the board shows operators, groups or widgets. Enter shows only the
    row under the cursor, and Escape goes back. s sorts the board by the next number, and d reverses the order.
    """
    # Textual reads keys from the first, and draws on the last.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        say(
            "the dashboard needs a terminal, for input and output: for numbers in a pipe there is `telwerk totals`, "
            "for a page `telwerk report --html FILE`"
        )
        raise typer.Exit(EXIT_NO_TERMINAL)
    with connect(ctx) as telwerk:
        # Whatever is wrong with the call, such as the key or the address, is said before the screen is taken.
        pages = pages_of(telwerk.catalogue())
        no_data = no_data_yet(telwerk, account, [kpi.kpi_id for page in pages for kpi in page])
        zone_name = zone or telwerk.account_settings(account).time_zone
    # Not before it is needed: the other commands start sooner without.
    from telwerk.cli.dashboard.app import Dashboard  # noqa: PLC0415

    error = Dashboard(telwerk.connection, account, pages, zone_of(zone_name), no_data=no_data).run()
    if error is not None:
        raise error


def pages_of(catalogue: ListKpisResponse) -> list[list[Kpi]]:
    """The KPIs, ten at a time, and then the rates, as far as the server has them."""
    kpis, rates = list(catalogue.kpis), [as_kpi(rate) for rate in catalogue.rates]
    pages = [kpis[first : first + KPIS_AT_ONCE] for first in range(0, len(kpis), KPIS_AT_ONCE)]
    return [*pages, rates] if rates else pages
