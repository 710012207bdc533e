"""What is remembered between deliveries: the story of each conversation, and of each operator when they came and went.

Where a platform tells of operators, what it tells concerns every conversation that is assigned to them, whichever of
the two is delivered first. So an operator has a record of their own: when they came and went, and the conversations
that were assigned to them.
"""

import json
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from telwerk.v1.event_pb2 import Event
from telwerk_bridges.observations import OPERATOR, Attendance
from telwerk_bridges.platform import Delivery, OperatorStatus
from telwerk_bridges.register import Change
from telwerk_bridges.story import Story

_STATUSES_MAX: Final = 1_000
"""How often an operator may come and go before the earliest time is forgotten."""

_CONVERSATIONS_MAX: Final = 1_000
"""How many conversations of an operator are looked at when they come or go; the latest assigned."""

_SETTLED_MILLIS: Final = 3_600_000
"""How long after its last happening a conversation that the contact has left may still be told of late."""


class Shelf(Protocol):
    """Where texts are kept by name; what is written is durable when the whole delivery is."""

    async def read(self, name: str) -> str | None:
        """The text of that name."""

    async def write(self, name: str, text: str) -> None:
        """Puts it in place of the former one."""


@dataclass
class _Operator:
    """When an operator came and went, by instant, and the conversations that were assigned to them."""

    statuses: list[tuple[int, bool]] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)

    @classmethod
    async def of(cls, shelf: Shelf, operator_id: str) -> Self:
        text = await shelf.read(_name(operator_id))
        if text is None:
            return cls()
        statuses, conversations = json.loads(text)
        return cls([(at, there) for at, there in statuses], conversations)

    async def keep(self, shelf: Shelf, operator_id: str) -> None:
        said = [self.statuses[-_STATUSES_MAX:], self.conversations[-_CONVERSATIONS_MAX:]]
        await shelf.write(_name(operator_id), json.dumps(said, separators=(",", ":")))

    def since(self, at: int) -> list[tuple[int, bool]]:
        """What was so at that instant, and what came after it."""
        before = [one for one in self.statuses if one[0] <= at]
        return before[-1:] + [one for one in self.statuses if one[0] > at]


def _name(operator_id: str) -> str:
    return f"operator:{operator_id}"


async def take(shelf: Shelf, told: Delivery | OperatorStatus) -> list[Event]:
    """Remembers what a delivery tells; the events that are to be sent since then."""
    if isinstance(told, OperatorStatus):
        return await _take_status(shelf, told)
    text = await shelf.read(told.conversation_id)
    story = Story.from_json(told.conversation_id, text) if text else Story(told.conversation_id, "")
    if told.observations <= story.observations and (story.widget_id or not told.widget_id):
        return []
    story.widget_id = story.widget_id or told.widget_id
    attended = await _attendances(shelf, story, told) if told.follows_operators else []
    said = story.told([*told.observations, *attended])
    await shelf.write(story.conversation_id, story.to_json())
    return said


async def _attendances(shelf: Shelf, story: Story, told: Delivery) -> list[Attendance]:
    """When the operators of the conversation came and went, since shortly before it began."""
    known = Story(story.conversation_id, "", story.observations | told.observations)
    operators = {one.current for one in known.observations if isinstance(one, Change) and one.register == OPERATOR}
    began = known.first_at()
    found = []
    for operator_id in sorted(operators - {""}):
        record = await _Operator.of(shelf, operator_id)
        if story.conversation_id not in record.conversations:
            record.conversations.append(story.conversation_id)
            await record.keep(shelf, operator_id)
        found += [Attendance(operator_id, at, there) for at, there in record.since(began)]
    return found


async def _take_status(shelf: Shelf, told: OperatorStatus) -> list[Event]:
    record = await _Operator.of(shelf, told.operator_id)
    status = (told.at, told.there)
    if status in record.statuses:
        return []
    record.statuses = sorted([*record.statuses, status])
    said, kept = list[Event](), list[str]()
    for conversation_id in record.conversations:
        text = await shelf.read(conversation_id)
        if text is None:
            # Forgotten since.
            continue
        story = Story.from_json(conversation_id, text)
        if not story.contact_is_there() and story.last_at() < told.at - _SETTLED_MILLIS:
            continue
        kept.append(conversation_id)
        said += story.told([Attendance(told.operator_id, at, there) for at, there in record.since(story.first_at())])
        await shelf.write(conversation_id, story.to_json())
    record.conversations = kept
    await record.keep(shelf, told.operator_id)
    return said
