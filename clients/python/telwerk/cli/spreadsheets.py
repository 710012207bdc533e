"""Rows as CSV, which a spreadsheet may open without taking anybody's id for a formula."""

import csv
import io
from collections.abc import Iterable, Mapping

from telwerk.cli.options import Output

_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula; the last four are the first four in full width."""


def csv_text(rows: Iterable[Mapping[str, object]], output: Output) -> str:
    """The rows under the columns that any of them has; nothing at all where there are none.

    Ids are chosen by others. Unless raw, a spreadsheet that opens the file takes none of them for a formula.
    """
    listed = list(rows)
    if not listed:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(column for row in listed for column in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed if output is Output.CSV_RAW else map(_without_formulas, listed))
    return text.getvalue().removesuffix("\n")


def _without_formulas(row: Mapping[str, object]) -> Mapping[str, object]:
    """Texts that would be formulas with a `'` before them; numbers are numbers, also negative ones."""
    return {
        column: f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_BEGINS) else cell
        for column, cell in row.items()
    }
