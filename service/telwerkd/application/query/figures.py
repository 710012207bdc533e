"""What is counted of queries."""

from telwerkd.application.query.result import Answer
from telwerkd.process.figures import SIZES, LimitCounts, SharedHistogram


class QueryFigures:
    """What answers were made of, and how large they were. Threads share it."""

    def __init__(self, limits: LimitCounts | None = None) -> None:
        self.limits = limits or LimitCounts()
        self.rows = SharedHistogram(SIZES)
        self.points = SharedHistogram(SIZES)

    def note(self, answer: Answer) -> None:
        """Counts an answer."""
        self.rows.observe(answer.rows)
        self.points.observe(answer.points)
