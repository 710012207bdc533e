"""`telwerk settings`: what the server must know of an account beforehand."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from rich import box
from rich.table import Table

from telwerk.cli.answers import print_record
from telwerk.cli.guide import examples
from telwerk.cli.opening_hours import HOURS_HELP, hours_text, parse_hours
from telwerk.cli.options import Account, Output, OutputOption, connect, out
from telwerk.cli.slicing import readable_id
from telwerk.cli.spreadsheets import csv_text
from telwerk.cli.times import Clock, parse_duration, parse_moment
from telwerk.cli.values import ACTIONS, action_text, parse_action
from telwerk.client import Telwerk
from telwerk.queries import timestamp
from telwerk.v1.settings_service_pb2 import AccountSettings, Goal, WidgetSettings

settings = typer.Typer(
    name="settings",
    no_args_is_help=True,
    help="Show and change the settings of an account and its widgets.",
    epilog=examples("telwerk settings show --account acme"),
)


@settings.command(
    epilog=examples("telwerk settings show --account acme", "telwerk settings show web --account acme -o csv")
)
def show(
    ctx: typer.Context,
    widget: Annotated[str | None, typer.Argument(metavar="[WIDGET]", help="Show all versions of this widget.")] = None,
    *,
    account: Account,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the settings of an account and of its widgets.

    Without a widget, the command shows the newest settings of every widget.
    """
    with connect(ctx) as telwerk:
        of_account = telwerk.account_settings(account)
        versions = telwerk.widget_settings(account, widget) if widget else telwerk.list_widget_settings(account)
    if output is Output.TABLE:
        out.print(_account_text(of_account))
    _print(list(versions), output, _account_record(of_account))


def _account_record(settings: AccountSettings) -> Mapping[str, str]:
    hours = hours_text(settings.opening_hours) if settings.HasField("opening_hours") else ""
    return {"time_zone": settings.time_zone, "default_opening_hours": hours.replace("\n", "; ")}


def _account_text(settings: AccountSettings) -> str:
    text = f"time zone: {settings.time_zone}"
    if settings.HasField("opening_hours"):
        text += f"\ndefault opening hours: {hours_text(settings.opening_hours).replace(chr(10), '; ')}"
    return text


def _print(versions: Sequence[WidgetSettings], output: Output, about: Mapping[str, str]) -> None:
    """Widgets' settings, with what holds for all of them."""
    if output is Output.JSON:
        listed = [json_format.MessageToDict(one, preserving_proto_field_name=True) for one in versions]
        out.print(json.dumps({**about, "widgets": listed}, ensure_ascii=False, indent=2), soft_wrap=True)
    elif output.is_csv:
        out.print(csv_text(({**about, **_row(one)} for one in versions), output), soft_wrap=True)
    else:
        out.print(_table(versions) if versions else "no widget has settings")


def _row(version: WidgetSettings) -> Mapping[str, object]:
    limit = version.live_limit.ToTimedelta().total_seconds() if version.HasField("live_limit") else None
    return {
        "widget": version.widget_id,
        "effective": version.effective_time.ToDatetime(UTC).isoformat(),
        "live_limit_seconds": limit,
        "goals": " ".join(f"{goal.goal_id}={goal.url}" for goal in version.goals),
        "enabled_actions": " ".join(action_text(action) for action in version.enabled_actions),
        "opening_hours": _hours(version, "; "),
    }


def _hours(version: WidgetSettings, separator: str) -> str:
    return hours_text(version.opening_hours).replace("\n", separator) if version.HasField("opening_hours") else ""


@settings.command(
    "account",
    epilog=examples(
        "telwerk settings account --account acme --zone Europe/Amsterdam",
        "telwerk settings account --account acme --hours 'mon-fri 09:00-17:30' --hours '2026-12-25 closed'",
    ),
)
def set_account(
    ctx: typer.Context,
    *,
    account: Account,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help="The IANA time zone of queries that do not name one.", show_default=False),
    ] = None,
    hours: Annotated[list[str] | None, typer.Option("--hours", help=HOURS_HELP)] = None,
    hours_zone: Annotated[
        str | None, typer.Option(help="The time zone of the opening hours.", show_default="the account's")
    ] = None,
    no_hours: Annotated[bool, typer.Option("--no-hours", help="Remove the default opening hours.")] = False,
    effective: Annotated[
        str | None,
        typer.Option(help="The time from which the hours apply, written as in `query --from`.", show_default="now"),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Set the time zone and the default opening hours of an account.

    The default opening hours apply to widgets that have no hours of their own.
    """
    if not (zone or hours or no_hours):
        raise typer.BadParameter("name at least one setting", param_hint="settings")
    with connect(ctx) as telwerk:
        changed = AccountSettings(time_zone=zone, no_opening_hours=no_hours)
        if hours:
            hours_zone = hours_zone or zone or telwerk.account_settings(account).time_zone
            changed.opening_hours.CopyFrom(parse_hours(hours, hours_zone))
        if effective:
            changed.opening_hours_effective_time.CopyFrom(_effective(telwerk, account, effective))
        kept = telwerk.set_account_settings(account, changed)
    print_record(_account_record(kept), output, _account_text(kept))


def _effective(telwerk: Telwerk, account: str, text: str) -> Timestamp:
    clock = Clock(lambda: telwerk.account_settings(account).time_zone)
    moment = parse_moment(text, clock, "--effective")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, datetime.min.time(), clock.zone)
    return timestamp(moment)


@settings.command(
    "widget",
    epilog=examples(
        "telwerk settings widget web --account acme --live-limit 2m --enable-action all",
        "telwerk settings widget web --account acme --goal order=https://shop.example/thanks --effective 2026-12-01",
        "telwerk settings widget web --account acme --clear",
    ),
)
def set_widget(
    ctx: typer.Context,
    widget: Annotated[str, typer.Argument(metavar="WIDGET", help="The id of the widget.")],
    *,
    account: Account,
    live_limit: Annotated[
        str | None, typer.Option(help="The time limit for answering a live conversation: 60s, 2m.")
    ] = None,
    goal: Annotated[
        list[str] | None, typer.Option(metavar="ID=URL", help="A goal and its address. Repeatable.")
    ] = None,
    enable_action: Annotated[
        list[str] | None, typer.Option(metavar="ACTION", help="Switch on an inactivity action, or `all`. Repeatable.")
    ] = None,
    hours: Annotated[list[str] | None, typer.Option("--hours", help=HOURS_HELP)] = None,
    hours_zone: Annotated[
        str | None, typer.Option(help="The time zone of the opening hours.", show_default="the account's")
    ] = None,
    effective: Annotated[
        str | None,
        typer.Option(help="The time from which they apply, written as in `query --from`.", show_default="now"),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Switch everything off, if you name no setting.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Set the settings of a widget, as a new version.

    It replaces the version before: settings that you do not name are off.
    """
    if not (live_limit or goal or enable_action or hours or clear):
        raise typer.BadParameter("name at least one setting, or --clear to switch all off", param_hint="settings")
    version = WidgetSettings(widget_id=widget, goals=[_goal(text) for text in goal or ()])
    if live_limit:
        version.live_limit.FromTimedelta(parse_duration(live_limit))
    for text in enable_action or ():
        version.enabled_actions.extend(ACTIONS.values() if text == "all" else [parse_action(text)])
    with connect(ctx) as telwerk:
        if hours:
            of_account = hours_zone or telwerk.account_settings(account).time_zone
            version.opening_hours.CopyFrom(parse_hours(hours, of_account))
        if effective:
            version.effective_time.CopyFrom(_effective(telwerk, account, effective))
        kept = telwerk.set_widget_settings(account, version)
    _print([kept], output, {})


def _goal(text: str) -> Goal:
    goal_id, equals, url = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not ID=URL", param_hint="--goal")
    return Goal(goal_id=goal_id, url=url)


def _actions(version: WidgetSettings) -> str:
    if set(version.enabled_actions) == set(ACTIONS.values()):
        return "all"
    return "\n".join(action_text(action) for action in version.enabled_actions) or "none"


def _table(versions: Sequence[WidgetSettings]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Widget", "From", "Live limit", "Goals", "Enabled actions", "Opening hours"):
        table.add_column(heading, overflow="fold")
    for version in versions:
        limit = f"{version.live_limit.ToTimedelta().total_seconds():g} s" if version.HasField("live_limit") else "none"
        table.add_row(
            readable_id(version.widget_id),
            f"{version.effective_time.ToDatetime(UTC):%Y-%m-%d %H:%M:%S} UTC",
            limit,
            "\n".join(readable_id(f"{goal.goal_id}={goal.url}") for goal in version.goals) or "none",
            _actions(version),
            _hours(version, "\n") or "none",
        )
    return table
