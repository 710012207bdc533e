"""When a conversation is live: from what payloads show of it, or from who attends."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from telwerk_bridges.observations import CONTACT, Attendance, Presence
from telwerk_bridges.register import Step


@dataclass(frozen=True)
class Turn:
    """The conversation goes live, or no longer is."""

    at: int
    live: bool


def turns(
    observations: Iterable[object], wrote: Iterable[int], ends: Sequence[tuple[int, bool]], operators: Sequence[Step]
) -> Iterator[Turn]:
    """By instant. `wrote` is when the contact did, `ends` when the conversation ended or was resumed (False).

    An end itself ends being live, without a turn.
    """
    attended = [one for one in observations if isinstance(one, Attendance)]
    if attended:
        return _attended(attended, ends, operators)
    return _shown([one for one in observations if isinstance(one, Presence)], wrote, ends, operators)


def _attended(
    attended: Sequence[Attendance], ends: Sequence[tuple[int, bool]], operators: Sequence[Step]
) -> Iterator[Turn]:
    """Live while the contact and the assigned operator are there, and it has not ended."""
    # At one instant: who came and who went, who is assigned, and last whether it ended.
    happened: list[tuple[int, int, str, object]] = []
    happened += [(one.at, int(one.there), one.who, one.there) for one in attended]
    happened += [(step.at, 2, "assigned", step.value) for step in operators]
    happened += [(at, 3, "ended", is_end) for at, is_end in ends]
    there, operator, ended, live = dict[str, bool](), "", False, False
    instants: dict[int, list[tuple[int, int, str, object]]] = {}
    for one in sorted(happened, key=lambda one: one[:2]):
        instants.setdefault(one[0], []).append(one)
    for at, changes in instants.items():
        for _, rank, what, value in changes:
            if rank < 2:  # noqa: PLR2004 - who came or went
                there[what] = bool(value)
            elif what == "assigned":
                operator = str(value)
            else:
                ended = bool(value)
                live = live and not ended
        is_live = bool(operator) and there.get(CONTACT, False) and there.get(operator, False) and not ended
        if is_live != live:
            live = is_live
            yield Turn(at, live)


def _shown(
    shown: Sequence[Presence], wrote: Iterable[int], ends: Sequence[tuple[int, bool]], operators: Sequence[Step]
) -> Iterator[Turn]:
    """Live from when the contact has written and the assigned person is online, until that person is not or it ends.

    After an end the contact must write again.
    """
    presences: dict[int, bool] = {}
    for presence in shown:
        # Two payloads of one state that differ: the person came or went in between.
        presences[presence.at] = presences.get(presence.at, False) or presence.online
    # At one instant: the end, what comes after it, and last who is there.
    happened: list[tuple[int, int, str]] = []
    happened += [(at, 1, "end" if is_end else "resume") for at, is_end in ends]
    happened += [(at, 2, "wrote") for at in wrote]
    happened += [(step.at, 3, "away") for step in operators if not step.value]
    happened += [(at, 4, "online" if online else "away") for at, online in presences.items()]
    has_written = online = ended = live = False
    for at, _, what in sorted(happened, key=lambda one: one[:2]):
        if what == "end":
            has_written, ended, live = False, True, False
        elif what == "resume":
            ended = False
        elif what == "wrote":
            has_written = True
        else:
            online = what == "online"
        is_live = has_written and online and not ended
        if is_live != live and what != "end":
            live = is_live
            yield Turn(at, live)
