"""The chats that are counted by hand: each line of their script says what it counts as, and for whom."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from google.protobuf.json_format import ParseDict

from telwerk.v1.event_pb2 import Event

SCRIPT: Final = """
# Two ratings of one chat both count; one without an operator does not, nor one taken back.
09:00:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
09:00:10 contact rates 1                    -- nobody is assigned
09:00:20 anna assigned in sales             => 20 anna/sales
09:00:40 operator: message                  => 18 anna/sales operator
                                            => 15 anna/sales 40s
09:05:00 contact rates 5                    => 1 anna/sales 5
09:05:30 contact rates 4                    => 1 anna/sales 4
09:05:40 contact rates 1                    -- taken back below
09:05:50 taken back: 09:05:40 contact rates 1
09:06:00 contact leaves feedback            => 2 anna/sales
09:06:30 ended                              -- an operator has answered
                                            => 12 anna/sales first
                                            => 17 anna/sales 390s

# Nobody answers within the widget's two minutes; the limit itself is the instant that counts.
10:00:00 live
10:00:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
10:00:05 bram assigned in sales             => 20 bram/sales
10:01:30 inactivity_message_sent            => 5 bram/sales inactivity_message_sent
10:02:00 (the limit)                        => 3 bram/sales
10:02:01 live_conversation_reassigned       => 5 bram/sales live_conversation_reassigned
10:02:02 chloe assigned in support          => 19 bram/sales
10:02:30 operator: message                  => 18 chloe/support operator
                                            => 15 chloe/support 150s
                                            => 14 chloe/support 150s
10:09:00 left live                          => 16 chloe/support 540s
10:10:00 ended                              -- answered, if late
                                            => 12 chloe/support first
                                            => 17 chloe/support 600s
10:11:00 contact rates 2                    => 1 chloe/support 2

# An answer at the limit is in time. Every reach of a goal counts, but not between an end and its resumption.
11:00:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
11:00:00 anna assigned in sales             => 20 anna/sales
11:00:00 live
11:02:00 operator: message                  -- in time
                                            => 18 anna/sales operator
                                            => 13 anna/sales
                                            => 15 anna/sales 120s
                                            => 14 anna/sales 120s
11:03:00 visit https://shop.example/thanks  => 7 anna/sales order
11:03:10 visit https://shop.example/jackets -- no goal
11:03:30 visit https://SHOP.example/thanks/ => 7 anna/sales order
11:04:00 ended                              => 16 anna/sales 240s
                                            => 12 anna/sales first
                                            => 17 anna/sales 240s
11:04:10 visit https://shop.example/thanks  -- ended
11:30:00 resumed
11:30:05 resumed_conversation_reassigned    => 5 anna/sales resumed_conversation_reassigned
                                            => 6 anna/sales assigned
11:30:06 bram assigned in sales             => 19 anna/sales
11:31:00 visit https://shop.example/thanks  => 7 bram/sales order

# The third that is live, and the second that begins in this hour; most questions of a manager are about both.
11:15:00 live
11:15:00 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
11:15:10 bram assigned in sales             => 20 bram/sales
11:15:30 operator: message                  => 18 bram/sales operator
                                            => 13 bram/sales
                                            => 15 bram/sales 30s
                                            => 14 bram/sales 30s
11:20:00 left live                          => 16 bram/sales 300s

# Surveys and topics wait for the first message; newer topics replace the older ones.
13:00:00 pre-chat subject=order, new=yes    => 9 nobody/nobody subject=order
                                            => 9 nobody/nobody new=yes
13:00:05 topics delivery                    -- counted with the first message, taken back by the next topics
13:00:30 contact: message                   => 18 nobody/nobody contact
                                            => 11 nobody/nobody contact
13:01:00 anna assigned in sales             => 20 anna/sales
13:02:00 topics returns, delivery           => 8 anna/sales delivery+returns
13:03:00 topics delivery, returns           -- the same set
13:05:00 ended                              => 4 anna/sales
                                            => 12 anna/sales first
13:06:00 post-chat solved=no                => 10 anna/sales solved=no

# A survey, but never a message: it stays held back.
14:00:00 pre-chat subject=other             ~> 9 nobody/nobody subject=other

# A bot alone: ended without an answer, counted once; a resumption that finds nobody.
15:00:00 nobody assigned in support
15:00:01 contact: message                   => 18 nobody/support contact
                                            => 11 nobody/support contact
15:00:05 bot: message                       => 18 nobody/support bot
15:01:00 contact leaves feedback            -- a bot is no operator
15:02:00 ended                              => 4 nobody/support
                                            => 12 nobody/support first
16:00:00 resumed
16:00:05 resumed_conversation_not_reassigned
                                            => 5 nobody/support resumed_conversation_not_reassigned
                                            => 6 nobody/support no_operator_available
16:10:00 ended                              -- at most once
                                            => 12 nobody/support again
"""
"""`=>` is what a line counts as: the KPI's number, operator/group, value. `~>` is held back. `--` says why not.

A line that counts as more has lines of its own below it.
"""

SHOP: Final = {
    "widgetId": "shop",
    "liveLimit": "120s",
    "goals": [{"goalId": "order", "url": "https://shop.example/thanks"}],
    "enabledActions": [
        "INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT",
        "INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED",
        "INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED",
        "INACTIVITY_ACTION_RESUMED_CONVERSATION_NOT_REASSIGNED",
    ],
}
"""The settings of the script's widget."""

Fact: TypeAlias = tuple[int, int, str, str, str]
"""The KPI's number, the hour of the day, operator, group, value; a duration is no value, but summed up."""

MEASURED: Final = range(14, 18)
"""The KPIs whose values are durations."""


class Line(NamedTuple):
    """A line of the script: what happens, and what it counts as."""

    text: str
    event: Event | None
    fact: Fact | None
    held_back: int | None
    """The number of the KPI that holds it back."""
    duration_ms: int


class Chat(NamedTuple):
    """A conversation of the script."""

    title: str
    lines: list[Line]


_HAPPENINGS: Final[tuple[tuple[str, Callable[[re.Match[str]], dict[str, object]]], ...]] = (
    (r"(contact|operator|bot): message", lambda m: {"messageSent": {"sender": f"SENDER_{m[1].upper()}"}}),
    (r"nobody assigned in (\w+)", lambda m: {"operatorAssigned": {"operatorGroupId": m[1]}}),
    (r"(\w+) assigned in (\w+)", lambda m: {"operatorAssigned": {"operatorId": m[1], "operatorGroupId": m[2]}}),
    (r"live", lambda _: {"wentLive": {}}),
    (r"left live", lambda _: {"leftLive": {}}),
    (r"ended", lambda _: {"conversationEnded": {}}),
    (r"resumed", lambda _: {"conversationResumed": {}}),
    (r"contact rates (\d)", lambda m: {"conversationRated": {"stars": int(m[1])}}),
    (r"contact leaves feedback", lambda _: {"feedbackLeft": {}}),
    (r"visit (\S+)", lambda m: {"pageVisited": {"url": m[1]}}),
    (r"topics (.+)", lambda m: {"topicsSet": {"topicIds": m[1].split(", ")}}),
    (r"pre-chat (.+)", lambda m: {"preChatSurveyCompleted": {"answers": _answers(m[1])}}),
    (r"post-chat (.+)", lambda m: {"postChatSurveyAnswered": {"answers": _answers(m[1])}}),
    (r"taken back: (.+)", lambda m: {"eventRetracted": {"retractedEventId": m[1]}}),
    (r"(\w+_\w+)", lambda m: {"inactivityActionPerformed": {"action": f"INACTIVITY_ACTION_{m[1].upper()}"}}),
)
"""How a line becomes the event's kind, in ProtoJSON."""


def _answers(text: str) -> list[dict[str, str]]:
    pairs = (answer.split("=") for answer in text.split(", "))
    return [{"questionId": question, "optionId": option} for question, option in pairs]


def read_script(script: str, day: datetime) -> list[Chat]:
    """The chats of the script, on the day that begins at `day`."""
    chats = []
    for number, block in enumerate(script.strip().split("\n\n"), 1):
        title, *texts = block.splitlines()
        lines: list[Line] = []
        hour = 0
        for text in texts:
            happening, mark, rest = (part.strip() for part in re.split(r"(=>|~>|--|$)", text, maxsplit=1))
            if happening:
                hour = int(happening[:2])
            lines.append(Line(text, _event(f"chat-{number}", happening, day), *_expected(mark, rest, hour)))
        chats.append(Chat(title.removeprefix("# "), lines))
    return chats


def _event(conversation_id: str, happening: str, day: datetime) -> Event | None:
    """The event of a line; its id is the line itself. None where nothing is sent, as at a limit."""
    clock, _, words = happening.partition(" ")
    for pattern, kind in _HAPPENINGS:
        if match := re.fullmatch(pattern, words):
            hours, minutes, seconds = (int(part) for part in clock.split(":"))
            event = ParseDict(kind(match), Event())
            event.event_id, event.conversation_id, event.widget_id = happening, conversation_id, "shop"
            event.occur_time.FromDatetime(day + timedelta(hours=hours, minutes=minutes, seconds=seconds))
            return event
    if words.startswith("(") or not words:
        return None
    raise ValueError(f"no such happening: {happening}")


def _expected(mark: str, rest: str, hour: int) -> tuple[Fact | None, int | None, int]:
    if mark not in {"=>", "~>"}:
        return None, None, 0
    number, who, value = (*rest.split(" ", 2), "")[:3]
    operator, group = ("" if name == "nobody" else name for name in who.split("/"))
    if mark == "~>":
        return None, int(number), 0
    if int(number) in MEASURED:
        return (int(number), hour, operator, group, ""), None, 1_000 * int(value.removesuffix("s"))
    return (int(number), hour, operator, group, value), None, 0
