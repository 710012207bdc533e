"""What clients saw of one account, and whether any order of what they did explains it.

A history has writes and reads, each with the instants at which it was called and answered. A write is a batch of
events that are counted under its own name; it may take back another write. A read is one answer: how many events it
counted under each name. Instants are of one clock, that of the process in which all clients are.

The laws, for one database and any number of servers:

- *whole*: of a write, all is seen or nothing; so too of one whose outcome nobody knows;
- *not before*: nothing is seen that was called after the answer;
- *acknowledged*: what was answered before a read was called is in it, unless it may have been taken back by then;
- *taken back*: what was acknowledged as taken back before a read was called is not in it;
- *never back*: what a read saw is in every read that was called after that one's answer, but for what was taken back;
- *one view*: what is told in one answer agrees with itself;
- *a watch* begins as a read does, and its updates never go back;
- *at the end* there is what was acknowledged, and of the unknown some.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

NEVER: Final = float("inf")


@dataclass(frozen=True)
class Write:
    """A batch; `answered` is infinite where nobody knows what became of it, whoever sent it again."""

    name: str
    size: int
    called: float
    answered: float = NEVER
    takes_back: str = ""
    """The write that is taken back by it; its own name is counted nowhere."""


@dataclass(frozen=True)
class Read:
    """One answer."""

    called: float
    answered: float
    seen: Mapping[str, int]
    agreeing: Sequence[int] = ()
    """Numbers of the same answer that must each be the sum of what is seen."""
    by: str = "a query"


@dataclass
class History:
    """Of one account."""

    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    watches: list[list[Read]] = field(default_factory=list)
    """The states that each watch told, in their order; `called` of the first is when the watch was."""
    final: Mapping[str, int] = field(default_factory=dict)
    """What a read sees when nobody writes any more."""


def violations(history: History) -> Iterator[str]:
    """What of a history breaks which law."""
    made = {write.name: write for write in history.writes if not write.takes_back}
    taken = _Taken(history.writes)
    begun = [watch[0] for watch in history.watches if watch]
    told = [read for watch in history.watches for read in watch]
    for read in [*history.reads, *told]:
        yield from _within(read, made)
    for read in [*history.reads, *begun]:
        yield from _acknowledged(read, made, taken)
    yield from _never_back(history.reads, taken)
    for watch in history.watches:
        yield from _forwards(watch, taken)
    end = Read(NEVER, NEVER, history.final, by="the end")
    yield from _within(end, made)
    yield from _acknowledged(end, made, taken)


class _Taken:
    """When each write began to be taken back, and since when it certainly is."""

    def __init__(self, writes: Iterable[Write]) -> None:
        self._called: dict[str, float] = {}
        self._answered: dict[str, float] = {}
        for write in writes:
            if name := write.takes_back:
                self._called[name] = min(write.called, self._called.get(name, NEVER))
                self._answered[name] = min(write.answered, self._answered.get(name, NEVER))

    def may_be(self, name: str, at: float) -> bool:
        """Whether it may have been taken back by then."""
        return self._called.get(name, NEVER) < at

    def is_certain(self, name: str, at: float) -> bool:
        return self._answered.get(name, NEVER) < at


def _within(read: Read, made: Mapping[str, Write]) -> Iterator[str]:
    """Whole, not before, one view."""
    for name, count in read.seen.items():
        write = made.get(name)
        if write is None:
            yield f"{read.by} sees {name!r}, which nobody wrote"
        elif count != write.size:
            yield f"whole: {read.by} sees {count} of the {write.size} events of {name}"
        elif write.called > read.answered:
            yield f"not before: {read.by} sees {name} before it was called"
    total = sum(read.seen.values())
    for number in read.agreeing:
        if number != total:
            yield f"one view: {read.by} tells {number} beside rows that add up to {total}"


def _acknowledged(read: Read, made: Mapping[str, Write], taken: _Taken) -> Iterator[str]:
    for name, write in made.items():
        if write.answered < read.called and name not in read.seen and not taken.may_be(name, read.answered):
            late = read.called - write.answered
            yield f"acknowledged: {read.by} does not see {name}, acknowledged {late:.4f} s before it was called"
    for name in read.seen:
        if taken.is_certain(name, read.called):
            yield f"taken back: {read.by} sees {name}, which was taken back before it was called"


def _never_back(reads: Sequence[Read], taken: _Taken) -> Iterator[str]:
    """Also of writes that nobody acknowledged: once seen, they are there."""
    by_answer = sorted(reads, key=lambda read: read.answered)
    shown: dict[str, float] = {}  # and since when
    gone: set[str] = set()
    done = 0
    for read in sorted(reads, key=lambda read: read.called):
        while done < len(by_answer) and by_answer[done].answered < read.called:
            earlier = by_answer[done]
            # What was seen before this one was called, and is not any more, is taken back for good.
            gone |= {name for name, since in shown.items() if since < earlier.called and name not in earlier.seen}
            for name in earlier.seen:
                shown.setdefault(name, earlier.answered)
            done += 1
        for name in shown.keys() - read.seen.keys():
            if not taken.may_be(name, read.answered):
                yield f"never back: {read.by} does not see {name} any more"
        for name in gone & read.seen.keys():
            yield f"never back: {read.by} sees {name} again, which was taken back"


def _forwards(watch: Sequence[Read], taken: _Taken) -> Iterator[str]:
    shown: set[str] = set()
    gone: set[str] = set()
    for update in watch:
        lost = shown - update.seen.keys()
        for name in lost:
            if not taken.may_be(name, update.answered):
                yield f"never back: a watch does not tell of {name} any more"
        for name in gone & update.seen.keys():
            yield f"never back: a watch tells of {name} again, which was taken back"
        gone |= lost
        shown |= update.seen.keys()
