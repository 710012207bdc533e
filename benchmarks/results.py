"""What was measured: pairs taken one after the other, their ratios, and the bar beside them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from benchmarks.calibration import BUSY


@dataclass(frozen=True, slots=True)
class Bar:
    """What a ratio must reach."""

    sense: Literal["≥", "≤"]
    ratio: float

    def met_by(self, ratio: float) -> bool:
        """Whether it is reached."""
        return ratio >= self.ratio if self.sense == "≥" else ratio <= self.ratio

    def __str__(self) -> str:
        return f"{self.sense} {self.ratio:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `pairs` are (measured, beside it), each taken within seconds of the other."""

    id: str
    what: str
    beside: str
    unit: str
    pairs: Sequence[tuple[float, float]]
    bar: Bar | None = None
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        return sorted(a / b for a, b in self.pairs)

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None without a bar."""
        return None if self.bar is None else self.bar.met_by(self.ratio)

    def as_json(self) -> dict[str, Any]:
        """It with what follows from it."""
        ratios = self.ratios
        return asdict(self) | {
            "ratio": self.ratio,
            "ratio_min": ratios[0],
            "ratio_max": ratios[-1],
            "measured_median": median(a for a, _ in self.pairs),
            "beside_median": median(b for _, b in self.pairs),
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class Missing:
    """A line that could not be measured, and why."""

    id: str
    what: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """It as it is."""
        return asdict(self)


Line = Row | Missing


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, the nearest one of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(lines: Sequence[dict[str, Any]]) -> str:
    """The lines as a Markdown table, from their JSON form."""
    rows = [
        "| | what | measured | beside it | ratio | spread | bar | met |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for line in lines:
        if "why" in line:
            rows.append(f"| {line['id']} | {line['what']} | – | – | – | – | – | not available: {line['why']} |")
            continue
        bar = f"{line['bar']['sense']} {line['bar']['ratio']:g}" if line["bar"] else "–"
        met = {True: "yes", False: "**no**", None: "–"}[line["met"]]
        busy = line.get("busy", 1.0)
        if busy > BUSY:
            met += f"; no verdict: the machine was busy ({busy:.1f})"
        unit = f" {line['unit']}"
        what = line["what"] + (f" ({line['note']})" if line["note"] else "")
        rows.append(
            f"| {line['id']} | {what} | {figure(line['measured_median'])}{unit} "
            f"| {line['beside']}: {figure(line['beside_median'])}{unit} | {figure(line['ratio'])} "
            f"| {figure(line['ratio_min'])} to {figure(line['ratio_max'])} | {bar} | {met} |"
        )
    return "\n".join(rows)


def figure(value: float) -> str:
    """Three digits that count, and thousands apart."""
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
