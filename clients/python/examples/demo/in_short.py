"""A manager's questions: how many were answered in time, how fast, and when in the week most chats begin."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from rich.table import Table

from telwerk import Telwerk

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class InShort(NamedTuple):
    """What a manager asks: of how many, how fast, and when in the week."""

    answered: int
    decided: int
    """Live conversations answered in time, and all whose limit was decided."""
    p50_ms: float
    p90_ms: float
    """Of the first response."""
    busiest: tuple[int, int]
    """Weekday, from 1 for Monday, and hour, in UTC."""
    an_hour: float
    """Conversations started then."""

    def rows(self) -> Iterator[tuple[str, str]]:
        """In words."""
        counts = f"{self.answered} of {self.decided}"
        share = f"{self.answered / self.decided:.1%} ({counts})" if self.decided else counts
        yield "live chats answered in time", share
        yield "first response, p50", f"{self.p50_ms / 1_000:.1f} s"
        yield "first response, p90", f"{self.p90_ms / 1_000:.1f} s"
        weekday, hour = self.busiest
        yield "busiest hour of the week (UTC)", f"{_WEEKDAYS[weekday - 1]} {hour:02}:00, {self.an_hour:.1f}/hour"

    def agrees(self, other: "InShort") -> bool:
        """Whether they are the same; percentiles within one per cent."""
        near = abs(self.p50_ms - other.p50_ms) * 100 <= self.p50_ms and (
            abs(self.p90_ms - other.p90_ms) * 100 <= self.p90_ms
        )
        return near and self._replace(p50_ms=0, p90_ms=0) == other._replace(p50_ms=0, p90_ms=0)


def in_short_by_hand(day: datetime) -> InShort:
    """Of the script. Limits were decided at 10:02, 11:02 and 11:15:30; first responses took 150, 120 and 30 s.

    Of three, the second is the median and the third the ninetieth percentile. Two chats begin from eleven on.
    """
    return InShort(2, 3, 120_000, 150_000, (day.isoweekday(), 11), 2.0)


def in_short(telwerk: Telwerk, account_id: str, start: datetime, end: datetime) -> InShort:
    """As the server has it."""
    span = {"start": start, "end": end}
    [rate] = telwerk.totals(account_id, "live_answer_rate", **span).totals
    [first] = telwerk.totals(account_id, "first_response_time", **span, percentiles=[0.5, 0.9]).totals
    week = telwerk.totals(account_id, "conversations_started", **span, group_by=["weekday", "hour_of_day"]).totals
    busiest = max(week, key=lambda row: row.count / row.hours)
    at = busiest.key.weekday, busiest.key.hour_of_day
    p50, p90 = (one.value for one in first.percentiles)
    return InShort(rate.count, rate.below_count, p50, p90, at, busiest.count / busiest.hours)


def in_short_beside(expected: InShort, answered: InShort) -> Table:
    """Those of the script beside one another."""
    table = Table("", "by hand", "the server", title="Of how many, how fast, and when in the week")
    for (name, by_hand_text), (_, text) in zip(expected.rows(), answered.rows(), strict=True):
        table.add_row(name, by_hand_text, text)
    return table


def in_short_table(answered: InShort) -> Table:
    """Those of the invented chats."""
    table = Table("", "", title="SIMULATED: of how many, how fast, and when in the week", show_header=False)
    for row in answered.rows():
        table.add_row(*row)
    return table
