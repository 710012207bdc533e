"""Elapsed hours in the cells of a week, as messages."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.query.result import GroupKey
from telwerkd.domain.ids import Micros
from telwerkd.domain.time.week import WeekDivision, WeekSpan


class WeekHours(NamedTuple):
    """Hours by cell, of the range and of the compared period; without one, zeros."""

    division: WeekDivision
    hours: npt.NDArray[np.float64]
    compared: npt.NDArray[np.float64]

    @classmethod
    def of(cls, week: Sequence[WeekSpan], since: Micros, until: Micros) -> "WeekHours | None":
        """Returns the hours between two instants; None where the answer is not by time of the week."""
        if not week:
            return None
        main, *others = [span.hours(since, until) for span in week]
        return cls(week[0].division, main, others[0] if others else np.zeros_like(main))

    def in_cell(self, key: GroupKey) -> tuple[float, float]:
        """Returns the hours of a row's cell, in the range and in the compared period."""
        cell = self.division.cell(key.weekday or "", key.hour_of_day or "")
        return float(self.hours[cell]), float(self.compared[cell])

    def cells(self) -> Iterator[pb.WeekCell]:
        """Yields the cells that have any time, in order."""
        for cell in np.flatnonzero((self.hours > 0) | (self.compared > 0)).tolist():
            weekday, hour = self.division.labels(cell)
            yield pb.WeekCell(
                weekday=int(weekday) if weekday else None,
                hour_of_day=int(hour) if hour else None,
                hours=self.hours[cell],
                compared_hours=self.compared[cell],
            )
