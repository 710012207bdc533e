"""What a target reports: how many cases it ran, what came of them, and what no case may lead to."""

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any, Final

SHOWN_MAX: Final = 2_000


class ViolationError(Exception):
    """A claim does not hold; the text says which."""


@dataclass
class Run:
    """Of one target."""

    target: str
    seed: int
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """How many cases ended how: that nearly all were refused at their first field would be seen here."""
    findings: list[str] = field(default_factory=list)

    def found(self, case: int | str, why: str, what: object) -> None:
        """Notes that a case led to something that it may not."""
        shown = repr(what)
        shown = shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}… ({len(shown)} characters)"
        self.findings.append(f"{self.target}, seed {self.seed}, case {case}: {why}\n    {shown}")

    def chance(self, case: int) -> Random:
        """That of one case alone, so that it is the same whichever ran before."""
        return Random(f"{self.target} {self.seed} {case}")  # noqa: S311  # it is to be repeatable

    def each(self, cases: int, make: Callable[[Random], Iterator[object]], attempt: Callable[[Any], str]) -> None:
        """Runs cases that need nothing of one another. `attempt` gives how one ended, and raises what may not be.

        `make` gives what is like one another, a few by the same chance: to make one anew takes longer than to try it.
        """
        block = 0
        while self.cases < cases:
            for made in islice(make(self.chance(block)), cases - self.cases):
                self.cases += 1
                try:
                    self.outcomes[attempt(made)] += 1
                except Exception as error:  # noqa: BLE001  # that is what is looked for
                    self.found(block, told(error), made)
            block += 1


def told(error: BaseException) -> str:
    """An error with the place where it was raised."""
    if isinstance(error, ViolationError):
        return str(error)
    places = traceback.extract_tb(error.__traceback__)
    at = f" at {places[-1].filename.rpartition('/')[2]}:{places[-1].lineno}" if places else ""
    return f"{type(error).__name__}: {error}{at}"


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            text = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                text += f" ({told(record.exc_info[1])})"
            self.found.append(text)


@contextmanager
def complaints(*loggers: str) -> Iterator[list[str]]:
    """What was logged as an error, or with a traceback, by all that run here."""
    handler = _Lines()
    named = [logging.getLogger(name) for name in loggers]
    for logger in named:
        logger.addHandler(handler)
    try:
        yield handler.found
    finally:
        for logger in named:
            logger.removeHandler(handler)
