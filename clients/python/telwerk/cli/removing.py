"""`telwerk erase` and `telwerk purge`: take data out, for good, and so not without a yes."""

import sys
from datetime import datetime, time
from typing import Annotated

import typer

from telwerk.cli.answers import Json, print_record
from telwerk.cli.options import Account, Output, OutputOption, connect
from telwerk.cli.query_options import Zone
from telwerk.cli.times import Clock, parse_moment

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation; required without a terminal.")]


def erase(
    ctx: typer.Context,
    conversation: Annotated[str, typer.Argument(metavar="CONVERSATION", help="The id of the conversation.")],
    *,
    account: Account,
    keep_counts: Annotated[
        bool,
        typer.Option("--keep-counts", help="Keep the counts of the conversation; no event explains them any more."),
    ] = False,
    yes: Yes = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Erase a conversation permanently.

    The command erases its events, and its counts unless you keep them. From then on the server rejects its events.
    Counts of purged events stay, because nothing links them to the conversation any more.
    """
    counts = "keep its counts" if keep_counts else "take its counts back"
    confirm(f"Erase conversation {conversation!r} of {account} and {counts}?", yes=yes)
    with connect(ctx) as telwerk:
        erased = telwerk.erase_conversation(account, conversation, keep_counts=keep_counts)
    fate = "kept, which no event explains any more" if keep_counts else "taken out of the counts"
    record: dict[str, Json] = {
        "conversation": conversation,
        "erased_events": erased.erased_event_count,
        "facts": erased.fact_count,
        "counts_kept": keep_counts,
    }
    print_record(
        record,
        output,
        f"erased conversation {conversation!r}: {_number(erased.erased_event_count, 'event')}, "
        f"and {_number(erased.fact_count, 'fact')} {fate}",
    )


def purge(
    ctx: typer.Context,
    *,
    account: Account,
    before: Annotated[
        str,
        typer.Option(metavar="TIME", help="Purge the events before this time: 2026-01-01, 90d, 2026-01-01T00:00Z …"),
    ],
    zone: Zone = "",
    yes: Yes = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Purge all events before a time permanently. Counts stay, but can no longer be explained.

    From then on the server rejects events before that time. Safe to repeat: the same command continues a purge that
    was interrupted.
    """
    _check_can_ask(yes=yes)
    with connect(ctx) as telwerk:
        clock = Clock(lambda: zone or telwerk.account_settings(account).time_zone)
        moment = parse_moment(before, clock, "--before")
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time(), clock.zone)
        when = f"{moment.astimezone(clock.zone):%Y-%m-%d %H:%M:%S} {clock.zone.key}"
        confirm(f"Purge all events of {account} before {when}? Counts stay, but cannot be explained then.", yes=yes)
        purged = telwerk.purge_events(account, moment)
    record: dict[str, Json] = {
        "purged_events": purged.purged_event_count,
        "before": moment.astimezone(clock.zone).isoformat(),
    }
    print_record(record, output, f"purged {_number(purged.purged_event_count, 'event')} before {when}")


def confirm(question: str, *, yes: bool) -> None:
    """Goes on after a yes; a no ends the command."""
    _check_can_ask(yes=yes)
    if not yes:
        typer.confirm(f"{question} This cannot be undone.", abort=True, err=True)


def _check_can_ask(*, yes: bool) -> None:
    if not (yes or (sys.stdin.isatty() and sys.stderr.isatty())):
        raise typer.BadParameter(
            "this cannot be undone, and there is no terminal to ask on: give --yes", param_hint="--yes"
        )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
