"""`telwerk query` and `telwerk totals`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, cast

import typer

from telwerk.cli.answers import note_of_pages, series_text, totals_text
from telwerk.cli.asked import all_asked
from telwerk.cli.guide import complete_granularities
from telwerk.cli.noticing import not_counted, say_if_no_data
from telwerk.cli.options import Account, Output, OutputOption, connect, out, say
from telwerk.cli.query_options import (
    AsOf,
    Compare,
    From,
    GroupBy,
    Groups,
    Kpis,
    MinBelow,
    Operators,
    Order,
    PageSize,
    PageToken,
    Percentiles,
    Questions,
    Rest,
    To,
    Topics,
    TopRows,
    Values,
    Widgets,
    Zone,
    dimensions_of,
    order_of,
    percentiles_of,
)
from telwerk.cli.series_tables import print_series
from telwerk.cli.tables import print_totals
from telwerk.cli.times import Clock, parse_instant, parse_period, parse_range
from telwerk.cli.values import filter_of
from telwerk.client import Telwerk
from telwerk.errors import InvalidArgumentError
from telwerk.queries import (
    AskedGranularity,
    GranularityName,
    Moment,
    SeriesOptions,
    TotalsOptions,
    granularity_of,
    series,
    totals as totals_query,
)
from telwerk.v1.kpi_service_pb2 import Filter, Kpi, QueryTimeSeriesResponse, QueryTotalsResponse, Total

_HOURLY_AT_MOST = timedelta(hours=48)


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
            help="The width of buckets: quarter_hour, hour, day, week, month, quarter, year, or auto, which depends on "
            "the length of the range.",
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
    as_of: AsOf = None,
    page_size: PageSize = None,
    page_token: PageToken = "",
    sparse: Annotated[bool, typer.Option("--sparse", help="Leave out buckets in which everything is zero.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show KPIs over time, in buckets.

    A filter that is repeated accepts any of its values; a fact must match all the filters that you give.
    """
    with connect(ctx) as telwerk:
        catalogue = all_asked(telwerk)
        clock = _clock(telwerk, account, zone)
        options = _options(clock, start, end, zone, group_by, compare, order_by, top, page_size, page_token, rest=rest)
        options["min_below"] = _floor(min_below, top)
        options["percentiles"] = percentiles_of(percentile or ())
        options["as_of"] = None if as_of is None else parse_instant(as_of, clock, "--as-of")
        options["where"] = where_of(kpis, catalogue, operator, group, widget, topic, question, value)
        width = granularity or _default_granularity(options["start"], options["end"])
        asked = SeriesOptions(**options, granularity=width, sparse=sparse, include_distribution=False)
        shows_rows = output is Output.TABLE and bool(group_by)
        response, rows = _series_and_rows(telwerk, account, kpis, asked, options if shows_rows else None)
        say_if_no_data(telwerk, account, list(catalogue), response.answers)
    if output is Output.TABLE:
        print_series(response, catalogue, granularity_of(width, response), rows, grouped=bool(group_by))
    else:
        out.print(series_text(response, output), soft_wrap=True)
    _tell_beside(response, output)


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
    as_of: AsOf = None,
    page_size: PageSize = None,
    page_token: PageToken = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show KPIs over a whole range. The options are those of `query`, without buckets."""
    with connect(ctx) as telwerk:
        catalogue = all_asked(telwerk)
        clock = _clock(telwerk, account, zone)
        options = _options(clock, start, end, zone, group_by, compare, order_by, top, page_size, page_token, rest=rest)
        options["min_below"] = _floor(min_below, top)
        options["percentiles"] = percentiles_of(percentile or ())
        options["as_of"] = None if as_of is None else parse_instant(as_of, clock, "--as-of")
        options["where"] = where_of(kpis, catalogue, operator, group, widget, topic, question, value)
        response = telwerk.totals(account, kpis, **options)
        say_if_no_data(telwerk, account, list(catalogue), response.answers)
    if output is Output.TABLE:
        print_totals(response, catalogue)
    else:
        out.print(totals_text(response, output), soft_wrap=True)
    _tell_beside(response, output)


def _series_and_rows(
    telwerk: Telwerk, account: str, kpis: list[str], asked: SeriesOptions, of_rows: TotalsOptions | None
) -> tuple[QueryTimeSeriesResponse, Sequence[Total]]:
    """The series; and of one view the rows' percentiles, which do not follow from those of buckets, if it has any.

    A later page has none: its token belongs to the question of the series alone.
    """
    if of_rows is None or not of_rows.get("percentiles") or of_rows.get("page_token"):
        return telwerk.series(account, kpis, **asked), ()
    answers = telwerk.batch(account, [series(kpis, **asked), totals_query(kpis, **of_rows)])
    for answer in answers:
        if isinstance(answer, InvalidArgumentError):
            raise answer
    told, rows = answers
    return cast("QueryTimeSeriesResponse", told), cast("QueryTotalsResponse", rows).totals


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
    order = None if order_by is None else order_of(order_by)
    _check_rows(group_by, order_by, top, page_size, page_token, rest=rest)
    first, last = parse_range(start, end, clock)
    options = TotalsOptions(
        start=first,
        end=last,
        time_zone=zone,
        group_by=dimensions_of(group_by or ()),
        top=top,
        include_rest=rest,
        page_size=page_size or 0,
        page_token=page_token,
        include_names=bool(group_by),
    )
    if compare is not None:
        options["compare_to"] = "previous" if compare == "previous" else parse_period(compare, clock, "--compare")
    if order is not None:
        options["order_by"], percentile = order
        if percentile is not None:
            options["order_percentile"] = percentile
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


def _floor(min_below: int, top: int | None) -> int:
    if min_below and top is None:
        raise typer.BadParameter("has no effect without --top: no row is left out", param_hint="--min-below")
    return min_below


def _tell_beside(response: QueryTimeSeriesResponse | QueryTotalsResponse, output: Output) -> None:
    """Where there are further rows, or no numbers; JSON says it itself, a table of the latter."""
    if output is not Output.JSON and (note := note_of_pages(response)):
        say(note)
    if output.is_csv and (lacking := not_counted(response.answers)):
        say(f"not counted of this account: {', '.join(lacking)}; `telwerkd rebuild` counts what is stored")


def _default_granularity(start: Moment, end: Moment) -> GranularityName:
    short = isinstance(start, datetime) and isinstance(end, datetime) and end - start <= _HOURLY_AT_MOST
    return "hour" if short else "day"


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
