"""A value that changes over time (status, assignee, team, labels), from what deliveries tell of its changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal


@dataclass(frozen=True)
class Change:
    """What a delivery tells of one register.

    exact: the value became `current` at this instant.
    late:  it became `current` at this instant or before; the payload was built when it was `shown`.
    whole: it is `current` at this instant, nobody says since when; so is an empty value.
    shown: the same beside another change; an empty value says nothing, for what is left out is empty too.
    joined: it became `current` at this instant, if it was empty.

    Where a platform dates nothing, `at` is when the delivery came, and `key` tells what came: the same again within a
    minute is a repetition.

    An import reads changes too. They are as late ones, and explained by what a delivery or a better source tells:

    reported: from a list of reports, each soon after its change.
    logged:   from a log whose instants are cut to seconds; `at` is the end of its second.
    """

    register: str
    at: int
    told: Literal["exact", "late", "reported", "logged", "whole", "shown", "joined"]
    current: str
    previous: str | None = None
    shown: str | None = None
    key: str = ""

    def __lt__(self, other: "Change") -> bool:
        """By instant; the rest only so that equal sets have equal orders."""
        return self._key() < other._key()

    def _key(self) -> tuple[int, str, str, str, str, str]:
        return (self.at, self.told, self.current, self.previous or "", self.shown or "", self.key)


@dataclass(frozen=True)
class Step:
    """The value changed: at this instant, in this order within it, from `was`; `previous` is what the platform says."""

    at: int
    order: int
    was: str
    previous: str | None
    value: str


REPEAT_MILLIS: Final = 60_000
"""How long a platform repeats what was not answered in time, where it does not date what it tells."""


def steps(changes: Sequence[Change], unknown: str) -> list[Step]:
    """The value over time; `unknown` stands for what it was before anything is known."""
    changes = _unrepeated(changes)
    placed = {one for one in changes if one.told == "exact"}
    for told_as in ("late", "reported", "logged"):
        # Each source tells a change once: what the better ones have told explains it.
        placed |= set(_placed([one for one in changes if one.told == told_as], placed))
    known = sorted(placed | {one for one in changes if one.told == "joined"})
    told = _walk(known, unknown)
    missed: list[Change] = []
    for one in sorted(changes):
        if one.told in {"whole", "shown"} and _is_missed(one, told, missed, unknown):
            missed.append(one)
    return _walk(sorted([*known, *missed]), unknown) if missed else told


def together(registers: Sequence[Sequence[Step]], separator: str) -> list[Step]:
    """Several registers of one label each as one of sets."""
    places = sorted({(step.at, step.order) for one in registers for step in one})
    found: list[Step] = []
    for at, order in places:
        latest = [[step.value for step in one if (step.at, step.order) <= (at, order)] for one in registers]
        labels = sorted({values[-1] for values in latest if values} - {""})
        value, was = separator.join(labels), found[-1].value if found else ""
        if value != was:
            found.append(Step(at, order, was, None, value))
    return found


def _unrepeated(changes: Sequence[Change]) -> list[Change]:
    latest: dict[tuple[str, str], int] = {}
    found = []
    for one in sorted(changes):
        what = (one.key, one.current)
        if not one.key or one.at - latest.get(what, -REPEAT_MILLIS - 1) > REPEAT_MILLIS:
            latest[what] = one.at
            found.append(one)
    return found


def _placed(late: list[Change], known: set[Change]) -> Iterable[Change]:
    """Those that no known change explains, each with the best instant that is known.

    One known change explains one late one: that of the other source.
    """
    unused = set(known)
    for one in sorted(late):
        same = [
            other
            for other in unused
            if other.current == one.current and other.at <= one.at and one.previous in {None, other.previous}
        ]
        if same:
            unused.discard(max(same))
            continue
        # The payload shows a later value: the change came before the one that left this value again.
        left = [other.at for other in (*known, *late) if other.previous == one.current and other.at <= one.at]
        yield replace(one, at=max(left)) if left and one.shown not in {None, one.current} else one


def _walk(changes: list[Change], unknown: str) -> list[Step]:
    walked: list[Step] = []
    value = unknown
    waiting = list(changes)
    while waiting:
        instant = [one for one in waiting if one.at == waiting[0].at]
        # Several of one instant: each follows from the one before.
        one = _first_of(instant, value)
        waiting.remove(one)
        if one.told == "joined" and value not in {"", unknown}:
            continue
        is_missing = one.told == "exact" and one.previous not in {None, value}
        if one.current != value or is_missing:
            order = walked[-1].order + 1 if walked and walked[-1].at == one.at else 0
            walked.append(Step(one.at, order, value, one.previous, one.current))
        value = one.current
    return walked


def _first_of(instant: list[Change], value: str) -> Change:
    """Which change of one instant came first: each follows from the one before, and the last one is what is shown."""
    produced = {each.current for each in instant}
    for is_it in (
        lambda each: each.previous == value,
        lambda each: each.shown not in {None, each.current},
        lambda each: each.previous not in produced,
    ):
        if found := [each for each in instant if is_it(each)]:
            return found[0]
    return instant[0]


def _is_missed(seen: Change, told: list[Step], missed: list[Change], unknown: str) -> bool:
    """Whether what a payload shows tells a change that no delivery told; `missed` are the earlier ones."""
    before = [step for step in told if step.at <= seen.at]
    after = [step for step in told if step.at > seen.at]
    known = before[-1].value if before else unknown
    if missed and (not before or missed[-1].at > before[-1].at):
        known = missed[-1].current
    if seen.current == known:
        return False
    if after and after[0].previous is not None:
        return after[0].previous == seen.current
    if after and after[0].value == seen.current:
        # The payload was built after that change.
        return False
    return seen.told == "whole" or bool(seen.current)
