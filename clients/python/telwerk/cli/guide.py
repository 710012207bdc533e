"""What help texts show beside their options: examples, and what the shell completes."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar, get_args

import typer

from telwerk.cli.asked import asked_of
from telwerk.client import Telwerk
from telwerk.errors import TelwerkError
from telwerk.names import KINDS
from telwerk.queries import DIMENSIONS, GRANULARITIES, DimensionName, OrderName
from telwerk.v1.kpi_service_pb2 import DimensionValue

_COMPLETION_SECONDS = 1.0
_COMPLETED_MAX = 50

_Told = TypeVar("_Told")


def examples(*lines: str, foot: str = "") -> str:
    """The foot of a help text. Each line is a command that can be run as it stands."""
    # An empty line apart: so both kinds of help texts, plain and rich, keep each on a line of its own.
    return "\n\n".join(["Examples:", *lines, *([foot.strip()] if foot else [])])


def _asked(ctx: typer.Context, ask: Callable[[Telwerk], Sequence[_Told]]) -> Sequence[_Told]:
    """What the server tells; nothing where it is not there, or does not know."""
    given = ctx.parent.params if ctx.parent else {}
    address = given.get("address") or os.environ.get("TELWERK_ADDRESS")
    api_key = given.get("api_key") or os.environ.get("TELWERK_API_KEY")
    tls = given.get("tls_ca") or bool(given.get("tls"))
    if address is None:
        return ()
    try:
        with Telwerk(address, api_key=api_key, tls=tls, timeout_seconds=_COMPLETION_SECONDS) as telwerk:
            return ask(telwerk)
    except (TelwerkError, OSError):
        return ()


def complete_kpis(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The ids of KPIs with their names, as the server tells them; none where it is not there."""
    for kpi in _asked(ctx, lambda telwerk: [*asked_of(telwerk.catalogue()).values()]):
        if kpi.kpi_id.startswith(incomplete):
            yield kpi.kpi_id, kpi.display_name


def _completing(dimension: DimensionName) -> Callable[[typer.Context, str], Iterator[tuple[str, str]]]:
    """Completes the ids of a dimension that have facts, with their display names."""

    def complete(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
        account = ctx.params.get("account") or os.environ.get("TELWERK_ACCOUNT")
        if not account:
            return

        def ask(telwerk: Telwerk) -> Sequence[DimensionValue]:
            return telwerk.dimension_values(account, dimension, prefix=incomplete, limit=_COMPLETED_MAX)

        for value in _asked(ctx, ask):
            if value.id and value.id.isprintable():
                yield value.id, value.name

    return complete


complete_operators = _completing("operator")
complete_groups = _completing("operator_group")
complete_widgets = _completing("widget")
complete_topics = _completing("topic")
complete_questions = _completing("question")


def complete_kinds(incomplete: str) -> Iterable[str]:
    """What can have a display name."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def complete_dimensions(incomplete: str) -> Iterable[str]:
    """What can be grouped by."""
    return [name for name in DIMENSIONS if name.startswith(incomplete)]


def complete_granularities(incomplete: str) -> Iterable[str]:
    """The widths of a bucket."""
    return [name for name in GRANULARITIES if name.startswith(incomplete)]


def complete_orders(incomplete: str) -> Iterable[str]:
    """By what rows are ordered."""
    named = [name for name in get_args(OrderName) if not name.endswith("percentile")]
    return [name for name in (*named, "p50", "p90", "-p50", "-p90") if name.startswith(incomplete)]
