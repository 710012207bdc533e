"""`telwerk report`."""

import sys
from collections.abc import Collection
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from telwerk.cli.guide import complete_granularities
from telwerk.cli.noticing import not_counted, say_if_no_data
from telwerk.cli.options import Account, Language, LanguageOption, connect, err, say
from telwerk.cli.query_options import From, Groups, Operators, To, Widgets, Zone
from telwerk.cli.report.asking import ask
from telwerk.cli.report.page import Asked, page_of
from telwerk.cli.report.rates import BUSY_KPI
from telwerk.cli.report.texts import WORDS
from telwerk.cli.slicing import people_filter
from telwerk.cli.times import Clock, parse_range
from telwerk.queries import GranularityName, Moment, SliceOptions
from telwerk.v1.kpi_service_pb2 import ListKpisResponse

BUCKETS_MAX: Final = 400
"""More columns cannot be told apart on a page."""

_WIDTHS: Final[tuple[tuple[int, GranularityName], ...]] = ((2, "hour"), (62, "day"), (366, "week"))
"""The bucket's width for ranges of up to so many days; of longer ones, a month."""


def report(
    ctx: typer.Context,
    *,
    html: Annotated[
        Path,
        typer.Option("--html", help="The file to write; `-` is standard output.", metavar="FILE", show_default=False),
    ],
    account: Account,
    start: From = "28d",
    end: To = None,
    granularity: Annotated[
        GranularityName | None,
        typer.Option(
            metavar="WIDTH",
            help="The width of buckets: quarter_hour, hour, day, week, month, quarter or year.",
            show_default="by the length of the range",
            autocompletion=complete_granularities,
        ),
    ] = None,
    zone: Zone = "",
    operator: Operators = None,
    group: Groups = None,
    widget: Widgets = None,
    language: LanguageOption = Language.EN,
) -> None:
    """Write all KPIs of an account into one HTML page.

    The page has charts and tables, to read offline, print or send. It shows each number beside that of the period
    before. A filter that is repeated accepts any of its values; a fact must match all the filters that you give.
    """
    where = people_filter(operator, group, widget)
    with connect(ctx) as telwerk:
        catalogue = telwerk.catalogue(language)
        zone = zone or telwerk.account_settings(account).time_zone
        first, last = parse_range(start, end, Clock(lambda: zone))
        width = granularity or _width(first, last)
        slice_ = SliceOptions(start=first, end=last, time_zone=zone, where=where)
        rates = [rate.rate_id for rate in catalogue.rates]
        answers = ask(telwerk, account, catalogue.kpis, rates, BUSY_KPI, width, **slice_)
        say_if_no_data(telwerk, account, [kpi.kpi_id for kpi in catalogue.kpis], answers.totals.answers)
    if lacking := not_counted(answers.totals.answers):
        leave_out(catalogue, lacking)
        say(f"not counted of the account {account!r}: {', '.join(lacking)} (`telwerkd rebuild` counts what is stored)")
    buckets = len(answers.series.bucket_start_seconds)
    if buckets > BUCKETS_MAX:
        raise typer.BadParameter(
            f"{buckets:,} buckets are too many for a page, which takes {BUCKETS_MAX}: choose a wider --granularity "
            "or a shorter range"
        )
    # Not before it is needed: the other commands start sooner without.
    from telwerk.cli.report.rendering import html_of  # noqa: PLC0415

    _write(html_of(page_of(Asked(account, width, where, datetime.now(UTC)), answers, catalogue, WORDS[language])), html)


def leave_out(catalogue: ListKpisResponse, kpi_ids: Collection[str]) -> None:
    """Takes KPIs that the account does not count out of what is reported."""
    shown = [kpi for kpi in catalogue.kpis if kpi.kpi_id not in kpi_ids]
    del catalogue.kpis[:]
    catalogue.kpis.extend(shown)
    sections = list(catalogue.sections)
    del catalogue.sections[:]
    for section in sections:
        of_section = [kpi_id for kpi_id in section.kpi_ids if kpi_id not in kpi_ids]
        if of_section:
            section.kpi_ids[:] = of_section
            catalogue.sections.append(section)


def _width(start: Moment, end: Moment) -> GranularityName:
    days = (_day(end) - _day(start)).days
    return next((name for days_max, name in _WIDTHS if days <= days_max), "month")


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _write(page: str, path: Path) -> None:
    if str(path) == "-":
        sys.stdout.buffer.write(page.encode())  # as the page itself says, whatever the terminal speaks
        return
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--html") from None
    if err.is_terminal:
        say(f"{path} written")
