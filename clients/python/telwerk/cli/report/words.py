"""What a report has to say in its language, and how it writes numbers and changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from telwerk.cli.durations import unit_of
from telwerk.cli.presentation import COMPARED_COUNT_MIN, RELATIVE_CHANGE_MAX
from telwerk.queries import GranularityName
from telwerk.v1.kpi_service_pb2 import Direction

NOT_THERE: Final = "–"  # noqa: RUF001 - a dash that is seen beside digits
_MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Change:
    """How much a number has changed, and what to think of it."""

    text: str
    verdict: Literal["better", "worse", ""] = ""
    """Empty where it has not changed, or where more is neither good nor bad."""
    word: str = ""
    """The verdict in the reader's language."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """Everything on the page that neither the catalogue nor the account says."""

    language: str
    comma: str
    """Between thousands."""
    point: str
    """Before decimals."""
    percent: str
    report: str
    range: str
    compared_with: str
    slice: str
    everyone: str
    complete_until: str
    generated: str
    not_over: str
    held_back: str
    """With {count} and {name}, a KPI."""
    not_enabled: str
    not_enabled_why: str
    not_enabled_on: str
    """With {widgets}."""
    part: str
    """Of a bucket that the range cuts."""
    part_why: str
    at_a_glance: str
    kpi: str
    value: str
    before: str
    change: str
    mean: str
    ratings: str
    mean_of: str
    """With {count}."""
    no_ratings: str
    mean_of_durations: str
    """With {count}."""
    no_durations: str
    spread: str
    """With {half} and {most}."""
    this_period: str
    period_before: str
    nothing: str
    charted: str
    """What a chart tells to those who hear it; with {name}, {lowest}, {highest}, {bucket}."""
    over_time: str
    """With {bucket}."""
    total: str
    count: str
    share: str
    stars: str
    actions: str
    outcomes: str
    senders: str
    ends: str
    goals: str
    topics: str
    topics_why: str
    combinations: str
    questions: str
    """With {question}."""
    others: str
    nobody: str
    operator: str
    group: str
    widget: str
    side_by_side: str
    side_by_side_why: str
    pre_chat_why: str
    """Why nobody has them."""
    changed_most: str
    """With {name}, {change}."""
    by_chance: str
    """Put behind it where the change is small."""
    nothing_changed: str
    unchanged: str
    better: str
    worse: str
    simulated: str
    """A mark."""
    simulated_why: str
    not_listed: str
    """With {count}."""
    unanswered_question: str
    about: str
    frozen: str
    revisable: str
    buckets: Mapping[GranularityName, str]

    def number(self, count: int) -> str:
        """A whole number."""
        return f"{count:,}".replace(",", self.comma).replace("-", _MINUS)

    def decimal(self, value: float, digits: int = 2) -> str:
        """A number with decimals."""
        whole, _, decimals = f"{value:,.{digits}f}".partition(".")
        return f"{whole.replace(',', self.comma)}{self.point}{decimals}".replace("-", _MINUS)

    def share_text(self, share: float) -> str:
        """A part of a whole, 0 to 1."""
        return self.decimal(100 * share, 1) + self.percent

    def count_change(self, count: int, before: int, direction: "Direction.ValueType") -> Change:
        """By how much more or less, with an arrow; in percent too where there is enough to compare with."""
        delta = count - before
        if not delta:
            return Change(self.unchanged)
        relative = delta / before if before >= COMPARED_COUNT_MIN else None
        percent = ""
        if relative is not None and relative <= RELATIVE_CHANGE_MAX:
            percent = f" ({_sign(relative)}{self.decimal(100 * abs(relative), 1)}{self.percent})"
        return self._judged(f"{_arrow(delta)} {_sign(delta)}{self.number(abs(delta))}{percent}", delta, direction)

    def mean_change(self, delta: float, direction: "Direction.ValueType") -> Change:
        """By how much a mean is different."""
        rounded = round(delta, 2)
        if not rounded:
            return Change(self.unchanged)
        return self._judged(f"{_arrow(rounded)} {_sign(rounded)}{self.decimal(abs(rounded))}", rounded, direction)

    def duration(self, milliseconds: float) -> str:
        """A duration, in the unit that fits."""
        unit = unit_of(milliseconds)
        value = milliseconds / unit.milliseconds
        return f"{self.decimal(value, unit.digits) if unit.digits else self.number(round(value))} {unit.symbol}"

    def duration_change(self, delta: float, direction: "Direction.ValueType") -> Change:
        """By how many milliseconds a mean is different."""
        rounded = round(delta)
        if not rounded:
            return Change(self.unchanged)
        text = f"{_arrow(rounded)} {_sign(rounded)}{self.duration(abs(rounded))}"
        return self._judged(text, rounded, direction)

    def points_change(self, delta: float, points: str, direction: "Direction.ValueType") -> Change:
        """By how many percentage points a rate is different."""
        rounded = round(100 * delta, 1)
        if not rounded:
            return Change(self.unchanged)
        text = f"{_arrow(rounded)} {_sign(rounded)}{self.decimal(abs(rounded), 1)} {points}"
        return self._judged(text, rounded, direction)

    def _judged(self, text: str, delta: float, direction: "Direction.ValueType") -> Change:
        if direction not in {Direction.DIRECTION_HIGHER_IS_BETTER, Direction.DIRECTION_LOWER_IS_BETTER}:
            return Change(text)
        if (delta > 0) is (direction == Direction.DIRECTION_HIGHER_IS_BETTER):
            return Change(text, "better", self.better)
        return Change(text, "worse", self.worse)


def _arrow(delta: float) -> str:
    return "▲" if delta > 0 else "▼"


def _sign(delta: float) -> str:
    return "+" if delta > 0 else _MINUS
