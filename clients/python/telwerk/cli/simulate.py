"""`telwerk simulate`: invented chats, written to a file or sent to a server."""

import gzip
import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Annotated, Final, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from google.protobuf.json_format import MessageToJson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from telwerk import simulation
from telwerk.cli.answers import Json, print_record
from telwerk.cli.options import EXIT_INPUT_REFUSED, Output, OutputOption, connect, err, say
from telwerk.client import Telwerk
from telwerk.v1.event_pb2 import Event

_BATCH_EVENTS: Final = 1_000
_REFUSED_SHOWN: Final = 5
_DAYS: Final = 28
_DATES: Final = ["%Y-%m-%d"]


def simulate(
    ctx: typer.Context,
    *,
    # Not the option that the other commands share: an account that is set for real work is never meant by accident.
    account: Annotated[str, typer.Option(help="The account that receives the chats.", metavar="ID")] = "demo",
    seed: Annotated[int, typer.Option(help="The seed; the same options with the same seed give the same chats.")] = 1,
    conversations: Annotated[int, typer.Option(help="The number of chats.", min=0)] = 1_000,
    start: Annotated[
        datetime | None,
        typer.Option("--from", help="The first day.", formats=_DATES, show_default=f"{_DAYS} days before --to"),
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", help="The day after the last day.", formats=_DATES, show_default="today")
    ] = None,
    zone: Annotated[
        str, typer.Option("--zone", metavar="NAME", help="The IANA time zone of the simulated office.")
    ] = "Europe/Amsterdam",
    time_zone: Annotated[str | None, typer.Option(hidden=True, help="The former name of --zone.")] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            help="Send nothing, but write a file for `telwerk import`, with a line of ProtoJSON for each event. `-` is "
            "standard output; if the name ends in .gz, the file is compressed.",
            show_default=False,
            metavar="FILE",
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Generate simulated live chats, to try Telwerk out. All their ids begin with `sim-`.

    The command sends the settings of their widgets and then the chats to a server, or writes the chats to a file.
    """
    if write is not None:
        _refuse_without_effect(ctx, {"account": "--account", "output": "--output"})
    zone = time_zone or zone
    first, last = _days(start, end, _zone(zone))
    try:
        events = simulation.simulate(seed, conversations, first, last, time_zone=zone)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    days = f"{first:%Y-%m-%d} to {last - timedelta(days=1):%Y-%m-%d}"
    if write is not None:
        written = _write(events, write)
        say(f"{written:,} SIMULATED events of {conversations:,} invented chats, {days}, written.")
        return
    with connect(ctx) as telwerk:
        for settings in simulation.widget_settings():
            telwerk.set_widget_settings(account, settings)
        refused = _send(telwerk, account, events, conversations)
    told = f"{conversations:,} invented chats, {days}: the account {account} now has SIMULATED data."
    if output is Output.TABLE:
        say(told)
    else:
        record: dict[str, Json] = {
            "account": account,
            "simulated_conversations": conversations,
            "refused_events": refused,
        }
        print_record(record, output, told)
    if refused:
        raise typer.Exit(EXIT_INPUT_REFUSED)


def _refuse_without_effect(ctx: typer.Context, options: Mapping[str, str]) -> None:
    """What is written to a file goes to no account, and nothing is told of it in a format."""
    for name, option in options.items():
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter("has no effect with --write", param_hint=option)


def _days(start: datetime | None, end: datetime | None, office: ZoneInfo) -> tuple[datetime, datetime]:
    """The first day and the day after the last, as they begin at the office."""
    last = end or datetime.now(office).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    first = start or last - timedelta(days=_DAYS)
    if first >= last:
        raise typer.BadParameter("the first day must come before the day after the last", param_hint="--from")
    return first.replace(tzinfo=office), last.replace(tzinfo=office)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter(f"no such time zone: {name}", param_hint="--zone") from None


def _write(events: Iterable[Event], path: Path) -> int:
    """Writes the events and gives their number."""
    written = 0
    with _opened(path) as lines:
        for event in events:
            lines.write(MessageToJson(event, indent=None) + "\n")
            written += 1
    return written


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdout
    elif path.suffix == ".gz":
        # Without name and time of day in it, so that the same chats give the same bytes.
        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as lines,
        ):
            yield lines
    else:
        with path.open("w", encoding="utf-8", newline="\n") as lines:
            yield lines


def _send(telwerk: Telwerk, account: str, events: Iterable[Event], conversations: int) -> int:
    """Sends the events, shows how far it is, and gives the number that was refused."""
    refused = 0
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task("simulated chats", total=conversations)
        for batch, chats in _batches(events):
            rejections = telwerk.ingest(account, batch).rejections
            for rejection in rejections[: max(0, _REFUSED_SHOWN - refused)]:
                event = batch[rejection.index]
                say(f"refused: {event.conversation_id} {event.event_id}: {rejection.message}")
            refused += len(rejections)
            progress.advance(bar, chats)
    if refused:
        say(f"{refused:,} events were refused.")
    return refused


def _batches(events: Iterable[Event]) -> Iterator[tuple[list[Event], int]]:
    """Whole chats together, until there is enough for a call; with the number of chats."""
    batch: list[Event] = []
    chats = 0
    for _, chat in groupby(events, key=lambda event: event.conversation_id):
        batch += chat
        chats += 1
        if len(batch) >= _BATCH_EVENTS:
            yield batch, chats
            batch, chats = [], 0
    if batch:
        yield batch, chats
