"""The options of the commands that ask about a slice of time: `query`, `totals`, `explain` and `report`."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, get_args

import typer

from telwerk.cli.guide import (
    complete_dimensions,
    complete_groups,
    complete_kpis,
    complete_operators,
    complete_orders,
    complete_questions,
    complete_topics,
    complete_widgets,
)
from telwerk.cli.naming import none_of
from telwerk.queries import DIMENSIONS, DimensionName, OrderName

Kpis = Annotated[
    list[str],
    typer.Argument(
        metavar="KPI", help="The ids of KPIs or rates; `telwerk kpis` lists them.", autocompletion=complete_kpis
    ),
]
From = Annotated[
    str,
    typer.Option("--from", metavar="TIME", help="The start: 2026-11-23, 2026-11-23T14:00Z, today, now, 7d, 2w or 24h."),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="TIME",
        help="The end, not included, written like --from.",
        show_default="the end of today, or now",
    ),
]
Zone = Annotated[
    str,
    typer.Option(
        "--zone",
        envvar="TELWERK_ZONE",
        metavar="NAME",
        help="The IANA time zone for days and times.",
        show_default="the account's",
    ),
]
Operators = Annotated[
    list[str] | None,
    typer.Option(
        "--operator",
        metavar="ID",
        help="Include only this operator, or `nobody`. Repeatable.",
        autocompletion=complete_operators,
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="ID",
        help="Include only this operator group, or `nobody`. Repeatable.",
        autocompletion=complete_groups,
    ),
]
Widgets = Annotated[
    list[str] | None,
    typer.Option(
        "--widget", metavar="ID", help="Include only this widget. Repeatable.", autocompletion=complete_widgets
    ),
]
Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic", metavar="ID", help="Include only facts with this topic. Repeatable.", autocompletion=complete_topics
    ),
]
Questions = Annotated[
    list[str] | None,
    typer.Option(
        "--question",
        metavar="ID",
        help="Include only answers to this survey question. Repeatable.",
        autocompletion=complete_questions,
    ),
]
Values = Annotated[
    list[str] | None,
    typer.Option("--value", metavar="VALUE", help="Include only this value: 5, a goal, question=option … Repeatable."),
]
GroupBy = Annotated[
    list[str] | None,
    typer.Option(
        "--group-by",
        metavar="BY",
        help="Show a row for each operator, group, widget, value, topic or question; `totals` also accepts weekday and "
        "hour_of_day. If repeated: a row for each combination.",
        autocompletion=complete_dimensions,
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        metavar="PERIOD", help="Also show the numbers of another period: `previous`, or FROM/TO as in --from and --to."
    ),
]
Order = Annotated[
    str | None,
    typer.Option(
        "--order-by",
        metavar="NUMBER",
        help="Sort rows by key, count, sum, mean, rate, a percentile such as p90, count_delta, count_change, "
        "mean_delta or rate_delta; with a minus, as in -count, the largest first.",
        show_default="key; with --top, -count or -rate",
        autocompletion=complete_orders,
    ),
]
TopRows = Annotated[
    int | None, typer.Option("--top", metavar="N", help="Show only the first N rows of that order.", min=1)
]
Rest = Annotated[bool, typer.Option("--rest", help="With --top: show one more row for all other rows together.")]
MinBelow = Annotated[
    int,
    typer.Option(
        "--min-below", metavar="N", help="With --top of a rate: only rows whose denominator is at least N.", min=0
    ),
]
Percentiles = Annotated[
    list[str] | None,
    typer.Option(
        "--percentile",
        metavar="P",
        help="Show this percentile of durations: 0.5 or p50 is the median, 0.5,0.9 shows two. Repeatable.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="Answer from the events that were known at this time, written like --from; a day means its beginning.",
        show_default="now",
    ),
]
PageSize = Annotated[int | None, typer.Option(metavar="N", help="Show this many rows at a time.", min=1)]
PageToken = Annotated[
    str,
    typer.Option(metavar="TOKEN", help="Show the next page; the page before it gives the token.", show_default=False),
]

_PERCENTILE: Final = re.compile(r"p([0-9]{1,3}(?:[.][0-9]{1,6})?)")
"""As columns are named: p50, p99.9."""


def percentiles_of(texts: Iterable[str]) -> list[float]:
    """The percentiles, 0 to 1; whether one is outside of that the server says.

    Raises:
        typer.BadParameter: one of them is no number.
    """
    found = []
    for text in (part.strip() for given in texts for part in given.split(",")):
        try:
            found.append(_share(match[1]) if (match := _PERCENTILE.fullmatch(text)) else float(text))
        except ValueError:
            raise typer.BadParameter(
                f"{text!r} is not a percentile; write one like 0.9 or p90", param_hint="--percentile"
            ) from None
    return found


def _share(percent: str) -> float:
    """`99.9` is 0.999, and not the number beside it."""
    return round(float(percent) / 100, 10)


def order_of(text: str) -> tuple[OrderName, float | None]:
    """The order of rows; and where it is by a percentile, such as `-p90`, by which.

    Raises:
        typer.BadParameter: there is no such order.
    """
    if match := _PERCENTILE.fullmatch(text.removeprefix("-")):
        return "-percentile" if text.startswith("-") else "percentile", _share(match[1])
    known: dict[str, OrderName] = {name: name for name in get_args(OrderName) if not name.endswith("percentile")}
    if text not in known:
        raise typer.BadParameter(none_of(text, [*known, "p50", "p90", "-p50", "-p90"]), param_hint="--order-by")
    return known[text], None


def dimensions_of(texts: Sequence[str]) -> list[DimensionName]:
    """What is grouped by.

    Raises:
        typer.BadParameter: nothing can be grouped by one of them.
    """
    known: dict[str, DimensionName] = {**{name: name for name in DIMENSIONS}, "group": "operator_group"}
    for text in texts:
        if text not in known:
            raise typer.BadParameter(none_of(text, known), param_hint="--group-by")
    return [known[text] for text in texts]
