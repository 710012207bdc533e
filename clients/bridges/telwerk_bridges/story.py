"""What is known of one conversation, and the events that follow from it.

A platform reads each delivery as observations. They are a set: the events are a function of the set alone, so that the
order, the delay and the repetition of deliveries never matter. `told` compares what follows now with what was told
before: new events are told, and what no longer follows is retracted.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, Self, TypeAlias

from telwerk import events
from telwerk.v1.event_pb2 import Event
from telwerk_bridges.live import turns
from telwerk_bridges.observations import (
    CONTACT,
    GROUP,
    LABELS,
    OPERATOR,
    RESOLVED,
    SEPARATOR,
    STATUS,
    TAG,
    Action,
    Answer,
    Attendance,
    Author,
    Form,
    Goal,
    Key,
    Message,
    Observation,
    Presence,
    Visit,
    remembered,
)
from telwerk_bridges.register import REPEAT_MILLIS, Change, Step, steps, together

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_KINDS: Final[Mapping[str, type[Observation]]] = {
    "message": Message,
    "author": Author,
    "change": Change,
    "presence": Presence,
    "attendance": Attendance,
    "answer": Answer,
    "goal": Goal,
    "form": Form,
    "action": Action,
    "visit": Visit,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}

_TOPIC_BYTES_MAX: Final = 128
_TOPICS_MAX: Final = 20
"""What Telwerk takes of an id, and of topics at once: it refuses all topics where one is too long."""

_LAST: Final = 1_000
"""The sequence of what is said after all else of an instant."""

_Standing: TypeAlias = Literal["stands", "retracted"]


@dataclass
class Story:
    """One conversation, and what was told of it."""

    conversation_id: str
    widget_id: str
    """Empty as long as no delivery has told it; nothing is told until then."""
    observations: set[Observation] = field(default_factory=set)
    said: dict[str, tuple[_Standing, int, int]] = field(default_factory=dict)
    """By the id of an event: whether it stands, the how manieth time it was told, and its instant."""

    def to_json(self) -> str:
        """What is kept of it: ids, states and instants."""
        known = [[_NAMES[type(one)], *vars(one).values()] for one in set(map(remembered, self.observations))]
        return json.dumps([self.widget_id, known, self.said], separators=(",", ":"))

    @classmethod
    def from_json(cls, conversation_id: str, text: str) -> Self:
        """The inverse of `to_json`."""
        widget_id, known, said = json.loads(text)
        observations = {_KINDS[name](*values) for name, *values in known}
        return cls(conversation_id, widget_id, observations, {name: tuple(one) for name, one in said.items()})

    def told(self, observations: Iterable[Observation]) -> list[Event]:
        """Adds the observations; the events, retractions included, that are to be sent since then."""
        self.observations.update(observations)
        if not self.widget_id:
            # A later delivery will say.
            return []
        wanted = {one.name: one for one in _events(self)}
        sent = []
        for name, (standing, generation, at) in list(self.said.items()):
            # The same at another instant is another event.
            if standing == "stands" and (name not in wanted or wanted[name].at != at):
                self.said[name] = ("retracted", generation, at)
                event_id = _generation_id(name, generation)
                content = {"retracted_event_id": event_id}
                sent.append(self._event(_Wanted(name, at, events.retracted, content), f"no-{event_id}"))
        for name, one in wanted.items():
            standing, generation, _ = self.said.get(name, ("retracted", 0, 0))
            if standing == "retracted":
                self.said[name] = ("stands", generation + 1, one.at)
                sent.append(self._event(one, _generation_id(name, generation + 1)))
        return sent

    def first_at(self) -> int:
        """The first instant of which anything is known, but for when operators came and went."""
        return min(self._instants(), default=0)

    def last_at(self) -> int:
        """The last such instant."""
        return max(self._instants(), default=0)

    def contact_is_there(self) -> bool:
        """Whether the contact has come, and not gone since."""
        came = [(one.at, one.there) for one in self.observations if isinstance(one, Attendance) and one.who == CONTACT]
        return bool(came) and max(came)[1]

    def _instants(self) -> Iterator[int]:
        for one in self.observations:
            if not isinstance(one, Author) and not (isinstance(one, Attendance) and one.who != CONTACT):
                yield one.at

    def _event(self, one: "_Wanted", event_id: str) -> Event:
        at = _EPOCH + timedelta(milliseconds=one.at)
        return one.build(self.conversation_id, widget=self.widget_id, at=at, event_id=event_id, **one.content)


class _Wanted(NamedTuple):
    """An event that follows; only those that were not told are built."""

    name: str
    at: int
    build: Callable[..., Event]
    content: Mapping[str, object]


def _generation_id(name: str, generation: int) -> str:
    """An event that was taken back and follows again is another one."""
    return name if generation == 1 else f"{name}.{generation}"


def _events(story: Story) -> Iterator["_Wanted"]:
    """All that follows; in the order in which a person would tell it."""
    messages = _messages(story)
    changes: dict[str, list[Change]] = {}
    for change in (one for one in story.observations if isinstance(one, Change)):
        changes.setdefault(change.register, []).append(change)
    registers = {
        name: steps(changes.get(name, []), unknown)
        for name, unknown in ((STATUS, "?"), (OPERATOR, ""), (GROUP, ""), (LABELS, ""))
    }
    tags = [steps(told, "") for name, told in sorted(changes.items()) if name.startswith(TAG)]
    for name, message in messages:
        yield _wanted(events.message_sent, name, message.at, sender=message.sender)
    for place, is_end in _endings(registers[STATUS]):
        build, name = (events.ended, "ended") if is_end else (events.resumed, "resumed")
        suffix = f"-{place[1]}" if place[1] else ""
        yield _wanted(build, f"{name}-{place[0]}{suffix}", place[0], sequence=place[1])
    yield from _assignments(registers[OPERATOR], registers[GROUP])
    for step in (*registers[LABELS], *together(tags, SEPARATOR)):
        # After an assignment of the same instant: the labels are of those who are assigned then.
        labels = step.value.split(SEPARATOR) if step.value else []
        name = f"labels-{step.at}-{_digest(*labels)}"
        topics = [_topic(label) for label in labels[:_TOPICS_MAX]]
        yield _wanted(events.topics_set, name, step.at, topics=topics, sequence=1 + step.order)
    yield from _answers(story)
    yield from _goals(story)
    yield from _visits(story)
    yield from _forms(story)
    yield from _actions(story)
    yield from _live(story, [message for _, message in messages], registers[STATUS], registers[OPERATOR])


def _wanted(build: Callable[..., Event], name: str, at: int, **content: object) -> _Wanted:
    return _Wanted(name, at, build, content)


def _messages(story: Story) -> list[tuple[str, Message]]:
    """One for each id; where two payloads differ (a sender who was deleted since), the first in order.

    A delivery goes before an import.
    """
    found: dict[Key, list[Message]] = {}
    for message in (one for one in story.observations if isinstance(one, Message)):
        found.setdefault(message.number, []).append(message)
    authors = {one.author: one.sender for one in sorted(one for one in story.observations if isinstance(one, Author))}
    chosen = []
    for number, same in found.items():
        first = min(same, key=lambda message: (message.imported, message))
        sender = authors.get(first.author, first.sender)
        told = [one for one in same if one.imported == first.imported]
        # What was told by another payload, or of a sender of whom less was known, is another event.
        is_plain = len(told) == 1 and {one.sender for one in same} == {sender}
        name = f"message-{number}" if is_plain else f"message-{number}-{first.at}-{sender}"
        chosen.append((name, replace(first, sender=sender)))
    return sorted(chosen, key=lambda one: (one[1].at, one[1].number))


def _endings(status: Iterable[Step]) -> Iterator[tuple[tuple[int, int], bool]]:
    """Instant and order of each end and resumption. Any status but "resolved" is one that goes on."""
    for step in status:
        before = {one for one in (step.was, step.previous) if one is not None}
        if step.value == RESOLVED and before != {RESOLVED}:
            yield (step.at, step.order), True
        elif step.value != RESOLVED and (RESOLVED in before or before == {"?"}):
            yield (step.at, step.order), False


def _assignments(operators: list[Step], groups: list[Step]) -> Iterator["_Wanted"]:
    places = sorted({(step.at, step.order) for step in (*operators, *groups)})
    before = ("", "")
    for at, order in places:
        pair = (_value_at(operators, (at, order)), _value_at(groups, (at, order)))
        if pair != before:
            name = f"assigned-{at}-{_digest(*pair)}" + (f"-{order}" if order else "")
            operator, group = pair
            yield _wanted(events.operator_assigned, name, at, operator=operator, group=group, sequence=order)
        before = pair


def _value_at(timeline: list[Step], place: tuple[int, int]) -> str:
    """The value then; before the first change, the one that it replaced."""
    known = [step.value for step in timeline if (step.at, step.order) <= place]
    if known:
        return known[-1]
    return (timeline[0].previous or "") if timeline else ""


def _answers(story: Story) -> Iterator["_Wanted"]:
    """One rating and one feedback per survey: the last, since it was given first without a change."""
    surveys: dict[Key, list[Answer]] = {}
    for answer in sorted(one for one in story.observations if isinstance(one, Answer)):
        surveys.setdefault(answer.survey, []).append(answer)
    for number, shown in sorted(surveys.items()):
        delivered = next((one.at for one in shown if not one.imported), 0)
        answers = [one for one in shown if one.at >= delivered]
        # The ids are without instants: two bridges, or a bridge and an import, may know them differently.
        stars, at = _last_run([(one.stars, one.at) for one in answers if one.stars])
        if stars > 0:
            yield _wanted(events.rated, f"rating-{number}-{stars}", at, stars=stars)
        feedback, at = _last_run([(int(one.feedback), one.at) for one in answers])
        if feedback:
            yield _wanted(events.feedback_left, f"feedback-{number}", at)


def _last_run(values: list[tuple[int, int]]) -> tuple[int, int]:
    """The last value, and since when it is that; 0 where there is none."""
    last, since = 0, 0
    for value, at in values:
        if value != last:
            last, since = value, at
    return last, since


def _goals(story: Story) -> Iterator["_Wanted"]:
    latest: dict[tuple[Key, str], int] = {}
    for one in sorted(one for one in story.observations if isinstance(one, Goal)):
        goal = (one.number, one.goal)
        if one.at - latest.get(goal, -REPEAT_MILLIS - 1) > REPEAT_MILLIS:
            yield _wanted(events.goal_reached, f"goal-{one.number}-{one.at}-{_digest(one.goal)}", one.at, goal=one.goal)
        latest[goal] = one.at


def _actions(story: Story) -> Iterator["_Wanted"]:
    for one in sorted(one for one in story.observations if isinstance(one, Action)):
        yield _wanted(events.inactivity_action, f"action-{one.number}-{one.at}", one.at, action=one.action)


def _visits(story: Story) -> Iterator["_Wanted"]:
    """The address is known as long as the visit was not told."""
    found: dict[Key, Visit] = {}
    for one in (one for one in story.observations if isinstance(one, Visit)):
        other = found.get(one.number)
        if other is None or (one.at, not one.url) < (other.at, not other.url):
            found[one.number] = one
    for number, visit in found.items():
        yield _wanted(events.page_visited, f"page-{number}-{visit.at}", visit.at, url=visit.url)


def _forms(story: Story) -> Iterator["_Wanted"]:
    """The last answers of each, since they were given first without a change."""
    found: dict[tuple[Key, str], Form] = {}
    for form in sorted(one for one in story.observations if isinstance(one, Form)):
        other = found.get((form.number, form.asked))
        if other is None or other.answers != form.answers:
            found[form.number, form.asked] = form
    for (number, asked), form in found.items():
        words = iter(form.answers.split(SEPARATOR) if form.answers else ())
        answers = list(zip(words, words, strict=True))
        if answers:
            build = events.pre_chat_survey_completed if asked == "before" else events.post_chat_survey_answered
            name = f"form-{asked}-{number}-{form.at}-{_digest(form.answers)}"
            yield _wanted(build, name, form.at, answers=answers)


def _live(
    story: Story, messages: Iterable[Message], status: Iterable[Step], operators: list[Step]
) -> Iterator["_Wanted"]:
    wrote = [message.at for message in messages if message.sender == "contact"]
    ends = [(place[0], is_end) for place, is_end in _endings(status)]
    for turn in turns(story.observations, wrote, ends, operators):
        # A stretch begins and ends after what else is said of the instant.
        build, name = (events.went_live, "live") if turn.live else (events.left_live, "left")
        yield _wanted(build, f"{name}-{turn.at}", turn.at, sequence=_LAST)


def _topic(label: str) -> str:
    """A label as the id of a topic: one that is too long by its beginning, and a digest that tells it from others."""
    text = label.encode()
    if len(text) <= _TOPIC_BYTES_MAX:
        return label
    ending = f"… {_digest(label)}"
    return text[: _TOPIC_BYTES_MAX - len(ending.encode())].decode(errors="ignore") + ending


def _digest(*state: str) -> str:
    """Of what is said: two changes may carry the same time."""
    return hashlib.sha256("\0".join(state).encode()).hexdigest()[:12]
