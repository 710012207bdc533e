"""`telwerk query` and `telwerk totals`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, get_args

import typer

from telwerk.cli.answers import note_of_pages, series_text, totals_text
from telwerk.cli.asked import all_asked
from telwerk.cli.guide import (
    complete_dimensions,
    complete_granularities,
    complete_groups,
    complete_kpis,
    complete_operators,
    complete_orders,
    complete_questions,
    complete_topics,
    complete_widgets,
)
from telwerk.cli.naming import none_of
from telwerk.cli.noticing import say_if_no_data
from telwerk.cli.options import Account, Output, OutputOption, connect, out, say
from telwerk.cli.tables import print_series, print_totals
from telwerk.cli.times import Clock, parse_period, parse_range
from telwerk.cli.values import filter_of
from telwerk.client import Telwerk
from telwerk.queries import (
    DIMENSIONS,
    AskedGranularity,
    DimensionName,
    GranularityName,
    Moment,
    OrderName,
    TotalsOptions,
    granularity_of,
)
from telwerk.v1.kpi_service_pb2 import Filter, Kpi, QueryTimeSeriesResponse, QueryTotalsResponse

_HOURLY_AT_MOST = timedelta(hours=48)

Kpis = Annotated[
    list[str],
    typer.Argument(
        metavar="KPI", help="KPIs and rates by id; `telwerk kpis` lists them.", autocompletion=complete_kpis
    ),
]
From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="2026-11-23, 2026-11-23T14:00Z, today, now, 7d, 2w or 24h.")
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="Up to, not including; as --from.", show_default="the end of today, or now"
    ),
]
Zone = Annotated[
    str,
    typer.Option(
        "--zone", envvar="TELWERK_ZONE", metavar="NAME", help="An IANA time zone.", show_default="the account's"
    ),
]
Operators = Annotated[
    list[str] | None,
    typer.Option(
        "--operator", metavar="ID", help="Only of this operator, or `nobody`.", autocompletion=complete_operators
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="ID", help="Only of this operator group, or `nobody`.", autocompletion=complete_groups
    ),
]
Widgets = Annotated[
    list[str] | None,
    typer.Option("--widget", metavar="ID", help="Only on this widget.", autocompletion=complete_widgets),
]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="ID", help="Only with this topic.", autocompletion=complete_topics),
]
Questions = Annotated[
    list[str] | None,
    typer.Option(
        "--question", metavar="ID", help="Only answers to this question of a survey.", autocompletion=complete_questions
    ),
]
Values = Annotated[
    list[str] | None, typer.Option("--value", metavar="VALUE", help="Only of this value: 5, a goal, question=option …")
]
GroupBy = Annotated[
    list[str] | None,
    typer.Option(
        "--group-by",
        metavar="BY",
        help="A row for each operator, group, widget, value, topic or question; of totals also weekday or hour_of_day. "
        "Repeated: for each combination.",
        autocompletion=complete_dimensions,
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        metavar="PERIOD", help="Beside each number that of another period: `previous`, or FROM/TO as --from and --to."
    ),
]
Order = Annotated[
    str | None,
    typer.Option(
        "--order-by",
        metavar="NUMBER",
        help="Rows by key, count, sum, mean or rate, or by count_delta, count_change, mean_delta or rate_delta; "
        "-count: the largest first.",
        show_default="key; with --top, -count or -rate",
        autocompletion=complete_orders,
    ),
]
TopRows = Annotated[int | None, typer.Option("--top", metavar="N", help="Only the first rows of that order.", min=1)]
Rest = Annotated[bool, typer.Option("--rest", help="With --top, one more row for all others together.")]
MinBelow = Annotated[
    int, typer.Option("--min-below", metavar="N", help="With --top of a rate: only rows with N below the line.", min=0)
]
Percentiles = Annotated[
    list[float] | None,
    typer.Option(
        "--percentile",
        metavar="P",
        help="Of durations: 0.5 for the median, in ms; in JSON and CSV. Repeated: each.",
    ),
]
PageSize = Annotated[int | None, typer.Option(metavar="N", help="Rows at a time.", min=1)]
PageToken = Annotated[
    str, typer.Option(metavar="TOKEN", help="Which page, as the one before says.", show_default=False)
]


def query(
    ctx: typer.Context,
    kpis: Kpis,
    *,
    account: Account,
    start: From = "7d",
    end: To = None,
    granularity: Annotated[
        AskedGranularity | None,
        typer.Option(
            metavar="WIDTH",
            help="quarter_hour, hour, day, week, month, quarter, year, or auto: by the length of the range.",
            show_default="day; hour for up to 48 hours",
            autocompletion=complete_granularities,
        ),
    ] = None,
    zone: Zone = "",
    operator: Operators = None,
    group: Groups = None,
    widget: Widgets = None,
    topic: Topics = None,
    question: Questions = None,
    value: Values = None,
    group_by: GroupBy = None,
    compare: Compare = None,
    order_by: Order = None,
    top: TopRows = None,
    rest: Rest = False,
    min_below: MinBelow = 0,
    percentile: Percentiles = None,
    page_size: PageSize = None,
    page_token: PageToken = "",
    sparse: Annotated[bool, typer.Option("--sparse", help="Leave out what is zero.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show KPIs over time.

    An option that is repeated keeps any of its values; different options must all hold.
    """
    with connect(ctx) as telwerk:
        catalogue = all_asked(telwerk)
        clock = _clock(telwerk, account, zone)
        options = _options(clock, start, end, zone, group_by, compare, order_by, top, page_size, page_token, rest=rest)
        options["min_below"] = min_below
        options["percentiles"] = percentile or ()
        options["where"] = where_of(kpis, catalogue, operator, group, widget, topic, question, value)
        width = granularity or _default_granularity(options["start"], options["end"])
        response = telwerk.series(account, kpis, **options, granularity=width, sparse=sparse)
        say_if_no_data(telwerk, account, list(catalogue), response.answers)
    if output is Output.TABLE:
        print_series(response, catalogue, granularity_of(width, response), grouped=bool(group_by))
    else:
        out.print(series_text(response, output), soft_wrap=True)
    _tell_of_pages(response, output)


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
    question: Questions = None,
    value: Values = None,
    group_by: GroupBy = None,
    compare: Compare = None,
    order_by: Order = None,
    top: TopRows = None,
    rest: Rest = False,
    min_below: MinBelow = 0,
    percentile: Percentiles = None,
    page_size: PageSize = None,
    page_token: PageToken = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show KPIs over a whole range. The same options as `query`, but without buckets."""
    with connect(ctx) as telwerk:
        catalogue = all_asked(telwerk)
        clock = _clock(telwerk, account, zone)
        options = _options(clock, start, end, zone, group_by, compare, order_by, top, page_size, page_token, rest=rest)
        options["min_below"] = min_below
        options["percentiles"] = percentile or ()
        options["where"] = where_of(kpis, catalogue, operator, group, widget, topic, question, value)
        response = telwerk.totals(account, kpis, **options)
        say_if_no_data(telwerk, account, list(catalogue), response.answers)
    if output is Output.TABLE:
        print_totals(response, catalogue)
    else:
        out.print(totals_text(response, output), soft_wrap=True)
    _tell_of_pages(response, output)


def _clock(telwerk: Telwerk, account: str, zone: str) -> Clock:
    return Clock(lambda: zone or telwerk.account_settings(account).time_zone)


def _options(
    clock: Clock,
    start: str,
    end: str | None,
    zone: str,
    group_by: list[str] | None,
    compare: str | None,
    order_by: str | None,
    top: int | None,
    page_size: int | None,
    page_token: str,
    *,
    rest: bool,
) -> TotalsOptions:
    """What `query` and `totals` ask alike."""
    order = None if order_by is None else _order(order_by)
    _check_rows(group_by, order_by, top, page_size, page_token, rest=rest)
    first, last = parse_range(start, end, clock)
    options = TotalsOptions(
        start=first,
        end=last,
        time_zone=zone,
        group_by=_dimensions(group_by or ()),
        top=top,
        include_rest=rest,
        page_size=page_size or 0,
        page_token=page_token,
        include_names=bool(group_by),
    )
    if compare is not None:
        options["compare_to"] = "previous" if compare == "previous" else parse_period(compare, clock, "--compare")
    if order is not None:
        options["order_by"] = order
    return options


def _check_rows(
    group_by: list[str] | None,
    order_by: str | None,
    top: int | None,
    page_size: int | None,
    page_token: str,
    *,
    rest: bool,
) -> None:
    """Refuses what would have no effect: without groups there is one row, and only the largest leave a rest."""
    of_rows = {"--order-by": order_by, "--top": top, "--page-size": page_size, "--page-token": page_token}
    given = [name for name, value in of_rows.items() if value]
    if given and not group_by:
        raise typer.BadParameter("has no effect without --group-by: there is one row", param_hint=given[0])
    if rest and top is None:
        raise typer.BadParameter("has no effect without --top: no row is left out", param_hint="--rest")


def _order(text: str) -> OrderName:
    known: dict[str, OrderName] = {name: name for name in get_args(OrderName)}
    if text not in known:
        raise typer.BadParameter(none_of(text, known), param_hint="--order-by")
    return known[text]


def _tell_of_pages(response: QueryTimeSeriesResponse | QueryTotalsResponse, output: Output) -> None:
    """Where there are further rows; JSON says it itself."""
    if output is not Output.JSON and (note := note_of_pages(response)):
        say(note)


def _default_granularity(start: Moment, end: Moment) -> GranularityName:
    short = isinstance(start, datetime) and isinstance(end, datetime) and end - start <= _HOURLY_AT_MOST
    return "hour" if short else "day"


def _dimensions(texts: Sequence[str]) -> list[DimensionName]:
    known: dict[str, DimensionName] = {**{name: name for name in DIMENSIONS}, "group": "operator_group"}
    for text in texts:
        if text not in known:
            raise typer.BadParameter(none_of(text, known), param_hint="--group-by")
    return [known[text] for text in texts]


def where_of(
    kpis: list[str],
    catalogue: dict[str, Kpi],
    operators: list[str] | None,
    groups: list[str] | None,
    widgets: list[str] | None,
    topics: list[str] | None,
    questions: list[str] | None,
    values: list[str] | None,
) -> Filter:
    """The filter that the options mean."""
    return filter_of(
        operators=operators or (),
        groups=groups or (),
        widgets=widgets or (),
        topics=topics or (),
        questions=questions or (),
        values=values or (),
        # One that is not known is left for the server to name.
        kpis=[catalogue[kpi_id] for kpi_id in kpis if kpi_id in catalogue],
    )
