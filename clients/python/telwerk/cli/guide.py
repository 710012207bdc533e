"""What help texts show beside their options: examples, and what the shell completes."""

import os
from collections.abc import Iterable, Iterator
from typing import get_args

import typer

from telwerk.client import Telwerk
from telwerk.errors import TelwerkError
from telwerk.queries import DIMENSIONS, GRANULARITIES, OrderName

_COMPLETION_SECONDS = 1.0


def examples(*lines: str, foot: str = "") -> str:
    """The foot of a help text. Each line is a command that can be run as it stands."""
    # An empty line apart: so both kinds of help texts, plain and rich, keep each on a line of its own.
    return "\n\n".join(["Examples:", *lines, *([foot.strip()] if foot else [])])


def complete_kpis(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The ids of KPIs with their names, as the server tells them; none where it is not there."""
    given = ctx.parent.params if ctx.parent else {}
    address = given.get("address") or os.environ.get("TELWERK_ADDRESS")
    api_key = given.get("api_key") or os.environ.get("TELWERK_API_KEY")
    tls = given.get("tls_ca") or bool(given.get("tls"))
    if address is None:
        return
    try:
        with Telwerk(address, api_key=api_key, tls=tls, timeout_seconds=_COMPLETION_SECONDS) as telwerk:
            known = telwerk.kpis()
    except (TelwerkError, OSError):
        return
    for kpi in known:
        if kpi.kpi_id.startswith(incomplete):
            yield kpi.kpi_id, kpi.display_name


def complete_dimensions(incomplete: str) -> Iterable[str]:
    """What can be grouped by."""
    return [name for name in DIMENSIONS if name.startswith(incomplete)]


def complete_granularities(incomplete: str) -> Iterable[str]:
    """The widths of a bucket."""
    return [name for name in GRANULARITIES if name.startswith(incomplete)]


def complete_orders(incomplete: str) -> Iterable[str]:
    """By what rows are ordered."""
    return [name for name in get_args(OrderName) if name.startswith(incomplete)]
