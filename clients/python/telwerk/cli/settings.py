"""`telwerk settings`: what the server must know of an account beforehand."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from google.protobuf import json_format
from rich import box
from rich.table import Table

from telwerk.cli.answers import print_record
from telwerk.cli.guide import examples
from telwerk.cli.options import Account, Output, OutputOption, connect, out
from telwerk.cli.slicing import readable_id
from telwerk.cli.spreadsheets import csv_text
from telwerk.cli.times import Clock, parse_duration, parse_moment
from telwerk.cli.values import ACTIONS, action_text, parse_action
from telwerk.queries import timestamp
from telwerk.v1.settings_service_pb2 import AccountSettings, Goal, WidgetSettings

settings = typer.Typer(
    name="settings",
    no_args_is_help=True,
    help="Show and change settings.",
    epilog=examples("telwerk settings show --account acme"),
)


@settings.command(
    epilog=examples("telwerk settings show --account acme", "telwerk settings show web --account acme -o csv")
)
def show(
    ctx: typer.Context,
    widget: Annotated[str | None, typer.Argument(metavar="[WIDGET]", help="Every version of this one's.")] = None,
    *,
    account: Account,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the account's settings and the newest of every widget; or all versions of one widget."""
    with connect(ctx) as telwerk:
        time_zone = telwerk.account_settings(account).time_zone
        versions = telwerk.widget_settings(account, widget) if widget else telwerk.list_widget_settings(account)
    if output is Output.TABLE:
        out.print(f"time zone: {time_zone}")
    _print(list(versions), output, {"time_zone": time_zone})


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
    }


@settings.command("account", epilog=examples("telwerk settings account --account acme --zone Europe/Amsterdam"))
def set_account(
    ctx: typer.Context,
    *,
    account: Account,
    zone: Annotated[str, typer.Option("--zone", help="The IANA time zone of queries that name none.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Set the account's time zone."""
    with connect(ctx) as telwerk:
        kept = telwerk.set_account_settings(account, AccountSettings(time_zone=zone))
    print_record({"time_zone": kept.time_zone}, output, f"time zone: {kept.time_zone}")


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
    widget: Annotated[str, typer.Argument(metavar="WIDGET", help="The widget's id.")],
    *,
    account: Account,
    live_limit: Annotated[
        str | None, typer.Option(help="How long an operator may take to answer a live conversation: 60s, 2m.")
    ] = None,
    goal: Annotated[list[str] | None, typer.Option(metavar="ID=URL", help="A goal; may be repeated.")] = None,
    enable_action: Annotated[
        list[str] | None, typer.Option(metavar="ACTION", help="An inactivity action, or `all`; may be repeated.")
    ] = None,
    effective: Annotated[str | None, typer.Option(help="From when on, as `query --from`.", show_default="now")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Switch off whatever is not named, if that is all.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Set a widget's settings, as a new version that replaces the one before: what is not named is off."""
    if not (live_limit or goal or enable_action or clear):
        raise typer.BadParameter("name at least one setting, or --clear to switch all off", param_hint="settings")
    version = WidgetSettings(widget_id=widget, goals=[_goal(text) for text in goal or ()])
    if live_limit:
        version.live_limit.FromTimedelta(parse_duration(live_limit))
    for text in enable_action or ():
        version.enabled_actions.extend(ACTIONS.values() if text == "all" else [parse_action(text)])
    with connect(ctx) as telwerk:
        if effective:
            clock = Clock(lambda: telwerk.account_settings(account).time_zone)
            moment = parse_moment(effective, clock, "--effective")
            if not isinstance(moment, datetime):
                moment = datetime.combine(moment, datetime.min.time(), clock.zone)
            version.effective_time.CopyFrom(timestamp(moment))
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
    for heading in ("Widget", "From", "Live limit", "Goals", "Enabled actions"):
        table.add_column(heading, overflow="fold")
    for version in versions:
        limit = f"{version.live_limit.ToTimedelta().total_seconds():g} s" if version.HasField("live_limit") else "none"
        table.add_row(
            readable_id(version.widget_id),
            f"{version.effective_time.ToDatetime(UTC):%Y-%m-%d %H:%M:%S} UTC",
            limit,
            "\n".join(readable_id(f"{goal.goal_id}={goal.url}") for goal in version.goals) or "none",
            _actions(version),
        )
    return table
