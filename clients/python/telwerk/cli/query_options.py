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
        help="Rows by key, count, sum, mean, rate or a percentile such as p90, or by count_delta, count_change, "
        "mean_delta or rate_delta; -count: the largest first.",
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
    list[str] | None,
    typer.Option(
        "--percentile",
        metavar="P",
        help="Of durations: 0.5 or p50 for the median. Several: 0.5,0.9, or the option repeated.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="What was known then, from the log of events; as --from, a day stands for its beginning.",
        show_default="what is known now",
    ),
]
PageSize = Annotated[int | None, typer.Option(metavar="N", help="Rows at a time.", min=1)]
PageToken = Annotated[
    str, typer.Option(metavar="TOKEN", help="Which page, as the one before says.", show_default=False)
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
