"""Puts the last results into docs/performance.md: tables between markers, pictures beside it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import growth, instructions, results, stages
from benchmarks.pictures import draw
from benchmarks.run import RESULTS

PAGE = Path("docs/performance.md")
PICTURES = Path("docs/performance")


def document() -> str:
    """Writes every kind of result that there is; says which."""
    text = PAGE.read_text(encoding="utf-8")
    written = []
    for name, part in _PARTS.items():
        file = RESULTS / f"{name}.json"
        if file.exists():
            text = between_markers(text, name, part(json.loads(file.read_text(encoding="utf-8"))))
            written.append(name)
    PAGE.write_text(text, encoding="utf-8")
    return f"{PAGE}: {', '.join(written) or 'nothing: run make bench first'}"


def between_markers(text: str, name: str, content: str) -> str:
    """The text with `content` between the two markers of that name.

    Raises:
        ValueError: the text has no such markers.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{PAGE} has no markers {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text, count=1)


def _ratios(found: dict[str, Any]) -> str:
    head = f"Measured {found['measured']}, {found['pairs']} pairs, {found['minutes']} minutes in all."
    return f"{head}\n\n{_machine(found)}\n\n{results.table(found['lines'])}"


def _soak(found: dict[str, Any]) -> str:
    pace = f"{found['asked_events_per_second']:,.0f} events/s of {found['peak_events_per_second']:,.0f} at the peak"
    head = f"Measured {found['measured']}, {found['minutes']:g} minutes at {pace}."
    return f"{head}\n\n{_machine(found)}\n\n{results.table(found['lines'])}"


def _growth(found: dict[str, Any]) -> str:
    pictures = "\n".join(f"![{file}]({PICTURES.name}/{file})" for file in draw(found["curves"], PICTURES))
    return f"Measured {found['measured']}.\n\n{_machine(found)}\n\n{growth.table(found['curves'])}\n\n{pictures}"


def _stages(found: dict[str, Any]) -> str:
    return f"Measured {found['measured']}.\n\n{_machine(found)}\n\n{stages.tables(found)}"


def _instructions(found: dict[str, Any]) -> str:
    return f"Counted {found['measured']}.\n\n{_machine(found)}\n\n{instructions.table(found['rows'])}"


def _machine(found: dict[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in found["machine"].items()]
    return "\n".join(["| machine | |", "| --- | --- |", *rows])


_PARTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "bench": _ratios,
    "bench-quick": _ratios,
    "growth": _growth,
    "instructions": _instructions,
    "soak": _soak,
    "stages": _stages,
}
