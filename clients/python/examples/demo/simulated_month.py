"""Simulated chats, and what the KPIs say about them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.table import Table

from comparison import value_text
from script import MEASURED
from telwerk import Telwerk
from telwerk.queries import DimensionName
from telwerk.v1.kpi_service_pb2 import DIMENSION_VALUE, Kpi, Total

DAYS: Final = 28
CHATS: Final = 600


def simulated_tables(telwerk: Telwerk, account_id: str, catalogue: Sequence[Kpi], end: datetime) -> tuple[Table, Table]:
    """The KPIs of the invented chats: a line of days and the whole, and then what it is made of."""
    days_table = Table("", "KPI", title=f"SIMULATED: {CHATS} invented chats of the {DAYS} days before {end:%Y-%m-%d}")
    days_table.add_column("each day", no_wrap=True, min_width=DAYS)
    days_table.add_column("total", justify="right", no_wrap=True)
    days_table.add_column("mean", justify="right", no_wrap=True)
    parts_table = Table("", title="SIMULATED: what most of them are")
    for heading in ("value", "group"):
        parts_table.add_column(heading, no_wrap=True)
    start = end - timedelta(days=DAYS)
    for kpi in catalogue:
        days = telwerk.series(account_id, kpi.kpi_id, start=start, end=end).series[0].counts
        whole = telwerk.totals(account_id, kpi.kpi_id, start=start, end=end).totals[0]
        mean = _mean(kpi, whole)
        days_table.add_row(str(kpi.number), kpi.display_name, _sparkline(days), str(whole.count), mean)
        most = _largest(telwerk, account_id, kpi, "value", start, end) if DIMENSION_VALUE in kpi.dimensions else ""
        parts_table.add_row(str(kpi.number), most, _largest(telwerk, account_id, kpi, "operator_group", start, end))
    return days_table, parts_table


def _mean(kpi: Kpi, whole: Total) -> str:
    """Of stars, or of durations."""
    if not whole.HasField("mean"):
        return ""
    return f"{whole.mean / 1_000:,.0f} s" if kpi.number in MEASURED else f"{whole.mean:.2f}"


def _largest(
    telwerk: Telwerk, account_id: str, kpi: Kpi, dimension: DimensionName, start: datetime, end: datetime
) -> str:
    """The four largest rows of a total, a line each."""
    rows = telwerk.totals(account_id, kpi.kpi_id, start=start, end=end, group_by=[dimension]).totals
    return "\n".join(
        f"{row.count:4} {value_text(row.key.value) or row.key.operator_group_id or 'nobody'}"
        for row in sorted(rows, key=lambda row: -row.count)[:4]
    )


def _sparkline(counts: Sequence[int]) -> str:
    """A bar for each count, the highest for the largest."""
    bars = " ▁▂▃▄▅▆▇█"
    most = max(*counts, 1)
    return "".join(bars[-(-count * (len(bars) - 1) // most)] for count in counts)
