"""Puts what a run found into docs/reliability.md, between markers."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from tests.programs.faults.trial import Found

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
_HEAD = (
    "fault",
    "calls that write",
    "slowest",
    "calls that ask",
    "readiness",
    "over",
    "acknowledged",
    "lost",
    "`verify`",
    "lines of log",
)


def document(found: list[Found], seconds: float) -> None:
    """Writes the tables."""
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no markers {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n{tables(found, seconds)}\n{END}{after}", encoding="utf-8")


def tables(found: list[Found], seconds: float) -> str:
    """A sentence about all of them, and a table for each family."""
    tried = [each for each in found if not each.skipped]
    said = (
        f"Run {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores: {len(tried)} faults, {seconds / 60:.1f} min; "
        f"{sum(each.acknowledged for each in tried):,} events acknowledged meanwhile, "
        f"{sum(each.lost for each in tried)} of them lost; `verify` clean after "
        f"{sum(each.is_verified for each in tried)} of {len(tried)}; {sum(len(each.violations) for each in tried)} "
        "promises broken."
    )
    return "\n\n".join([said, *(_table(name, rows) for name, rows in groupby(found, key=lambda each: each.family))])


def _table(family: str, found: Iterable[Found]) -> str:
    head = [_row(_HEAD), _row("---" for _ in _HEAD)]
    return "\n".join([f"### {family}", "", *head, *(_row(_cells(each)) for each in found)])


def _cells(found: Found) -> list[str]:
    if found.skipped:
        return [found.name, f"not tried: {found.skipped}", *[""] * (len(_HEAD) - 2)]
    return [
        found.name,
        found.writes,
        f"{found.slowest_seconds:.1f} s",
        found.asks,
        found.readiness,
        found.over,
        f"{found.acknowledged:,}",
        str(found.lost),
        "clean" if found.is_verified else "NOT CLEAN",
        str(found.lines),
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
