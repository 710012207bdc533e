"""`telwerk query` and `telwerk totals`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from telwerk.cli.answers import series_text, totals_text
from telwerk.cli.options import Account, Output, connect, out
from telwerk.cli.tables import print_series, print_totals
from telwerk.cli.times import Clock, parse_range
from telwerk.cli.values import filter_of
from telwerk.client import Telwerk
from telwerk.queries import DIMENSIONS, DimensionName, GranularityName, Moment
from telwerk.v1.kpi_service_pb2 import Filter, Kpi

_HOURLY_AT_MOST = timedelta(hours=48)

Kpis = Annotated[list[str], typer.Argument(metavar="KPI", help="Ids of KPIs; `telwerk kpis` lists them.")]
From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="2026-11-23, 2026-11-23T14:00Z, today, now, 7d, 2w or 24h.")
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="Up to, not including; as --from.", show_default="the end of today, or now"
    ),
]
Zone = Annotated[str, typer.Option("--zone", metavar="NAME", help="An IANA time zone.", show_default="the account's")]
Operators = Annotated[
    list[str] | None, typer.Option("--operator", metavar="ID", help="Only of this operator, or `nobody`.")
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="ID", help="Only of this operator group, or `nobody`.")
]
Widgets = Annotated[list[str] | None, typer.Option("--widget", metavar="ID", help="Only on this widget.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", metavar="ID", help="Only with this topic.")]
Values = Annotated[
    list[str] | None, typer.Option("--value", metavar="VALUE", help="Only of this value: 5, a goal, question=option …")
]
GroupBy = Annotated[
    list[str] | None,
    typer.Option(
        "--group-by",
        metavar="BY",
        help="A row for each operator, group, widget, value or topic; repeated, for each combination.",
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", metavar="FORMAT", help="table, json or csv.")]


def query(
    ctx: typer.Context,
    kpis: Kpis,
    *,
    account: Account,
    start: From = "7d",
    end: To = None,
    granularity: Annotated[
        GranularityName | None,
        typer.Option(
            metavar="WIDTH",
            help="quarter_hour, hour, day, week, month, quarter or year.",
            show_default="day; hour for up to 48 hours",
        ),
    ] = None,
    zone: Zone = "",
    operator: Operators = None,
    group: Groups = None,
    widget: Widgets = None,
    topic: Topics = None,
    value: Values = None,
    group_by: GroupBy = None,
    sparse: Annotated[bool, typer.Option("--sparse", help="Leave out what is zero.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show KPIs over time.

    An option that is repeated keeps any of its values; different options must all hold.
    """
    with connect(ctx) as telwerk:
        catalogue = {kpi.kpi_id: kpi for kpi in telwerk.kpis()}
        first, last = _range(telwerk, account, start, end, zone)
        width = granularity or _default_granularity(first, last)
        response = telwerk.series(
            account,
            kpis,
            start=first,
            end=last,
            granularity=width,
            time_zone=zone,
            where=where_of(kpis, catalogue, operator, group, widget, topic, value),
            group_by=_dimensions(group_by or ()),
            sparse=sparse,
        )
    if output is Output.TABLE:
        print_series(response, catalogue, width, grouped=bool(group_by))
    else:
        out.print(series_text(response, output), soft_wrap=True)


def totals(
    ctx: typer.Context,
    kpis: Kpis,
    *,
    account: Account,
    start: From = "7d",
    end: To = None,
    zone: Zone = "",
    operator: Operators = None,
    group: Groups = None,
    widget: Widgets = None,
    topic: Topics = None,
    value: Values = None,
    group_by: GroupBy = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show KPIs over a whole range. The same options as `query`, but without buckets."""
    with connect(ctx) as telwerk:
        catalogue = {kpi.kpi_id: kpi for kpi in telwerk.kpis()}
        first, last = _range(telwerk, account, start, end, zone)
        response = telwerk.totals(
            account,
            kpis,
            start=first,
            end=last,
            time_zone=zone,
            where=where_of(kpis, catalogue, operator, group, widget, topic, value),
            group_by=_dimensions(group_by or ()),
        )
    if output is Output.TABLE:
        print_totals(response, catalogue)
    else:
        out.print(totals_text(response, output), soft_wrap=True)


def _range(telwerk: Telwerk, account: str, start: str, end: str | None, zone: str) -> tuple[Moment, Moment]:
    return parse_range(start, end, Clock(lambda: zone or telwerk.account_settings(account).time_zone))


def _default_granularity(start: Moment, end: Moment) -> GranularityName:
    short = isinstance(start, datetime) and isinstance(end, datetime) and end - start <= _HOURLY_AT_MOST
    return "hour" if short else "day"


def _dimensions(texts: Sequence[str]) -> list[DimensionName]:
    known: dict[str, DimensionName] = {**{name: name for name in DIMENSIONS}, "group": "operator_group"}
    for text in texts:
        if text not in known:
            raise typer.BadParameter(f"{text!r} is none of {', '.join(known)}", param_hint="--group-by")
    return [known[text] for text in texts]


def where_of(
    kpis: list[str],
    catalogue: dict[str, Kpi],
    operators: list[str] | None,
    groups: list[str] | None,
    widgets: list[str] | None,
    topics: list[str] | None,
    values: list[str] | None,
) -> Filter:
    """The filter that the options mean."""
    return filter_of(
        operators=operators or (),
        groups=groups or (),
        widgets=widgets or (),
        topics=topics or (),
        values=values or (),
        # One that is not known is left for the server to name.
        kpis=[catalogue[kpi_id] for kpi_id in kpis if kpi_id in catalogue],
    )
