# ruff: noqa: T201  # a program that prints
"""Simulates many days of Chatwoot, and compares what the bridge tells with what the stories say.

    python -m tests.programs.many_days [DAYS] [FIRST_SEED]

Each day has five conversations; its deliveries are shuffled, and a fifth comes twice. In every other day payloads
are built up to four happenings late. What the bridge tells is retracted and told as over HTTP, decoded as the server
does, and counted by the judge of the fold's own tests; what the stories say is counted here, from the stories alone.
The documented exception is when a conversation is live, where payloads are late: it is counted apart. Exit status 1
where anything else differs.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from telwerk.v1.event_pb2 import Event
from telwerkd.domain.catalogue.values import stars_value, topics_value
from telwerkd.domain.conversation.facts import (
    Kpi,
)
from telwerkd.domain.ids import Micros
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from tests.bridges.bridging import Translator
from tests.bridges.days import Happening, State, meaning, some_day
from tests.bridges.test_arrival import line_of, without_live
from tests.oracle import Counted, oracle_facts

CONVERSATIONS = 5
KPIS = (
    *(Kpi.SATISFACTION_SCORE, Kpi.FEEDBACK_COUNT),
    *(Kpi.UNANSWERED_ENDED_CONVERSATIONS, Kpi.CONVERSATION_TOPICS),
)
"""Those that are counted from the stories."""
LATE = 4
NOW = Micros(1_800_000_000_000_000)
LIMITS = EventLimits()
DECODER = EventDecoder(LIMITS, FieldReader(LIMITS.id_bytes_max, LIMITS.url_bytes_max))


def facts_of(story: Sequence[Happening]) -> Counter[Counted]:
    """KPIs 1, 2, 4 and 8, counted from the story; nobody knows a limit for KPI 3."""
    found, state, replied, unanswered = Counter[Counted](), State(), False, False
    tagged: Counted | None = None
    for one in story:
        replied = replied or one.what == "agent"
        if one.what in vars(state):
            setattr(state, one.what, one.value)
        who = of(state)
        if one.what == "status" and one.value == "resolved" and not replied and not unanswered:
            unanswered = True
            found[Kpi.UNANSWERED_ENDED_CONVERSATIONS, "", *who, one.at * 1_000] += 1
        if one.what == "label_list":
            tagged = (Kpi.CONVERSATION_TOPICS, topics_value(one.value), *who, one.at * 1_000) if one.value else None
    if tagged and any(one.what in {"contact", "agent", "bot", "campaign"} for one in story):
        found[tagged] += 1
    found.update(answers_of(story))
    return found


def of(state: State) -> tuple[str, str, str]:
    """Operator, group and widget, as the server names them."""
    operator = f"agent-{state.assignee_id}" if state.assignee_id else ""
    return operator, f"team-{state.team_id}" if state.team_id else "", "inbox-1"


def answers_of(story: Sequence[Happening]) -> Iterator[Counted]:
    """The last stars and feedback, since they were given without a change, for whoever was assigned then."""
    shown = [(place, one) for place, one in enumerate(story) if one.what == "answer"]
    for kpi, index in ((Kpi.SATISFACTION_SCORE, 0), (Kpi.FEEDBACK_COUNT, 1)):
        since = len(shown)
        while since and shown[since - 1][1].value[index] == shown[-1][1].value[index]:
            since -= 1
        if shown and (value := shown[-1][1].value[index]):
            place, first = shown[since]
            state = State()
            for one in story[:place]:
                if one.what in vars(state):
                    setattr(state, one.what, one.value)
            if state.assignee_id:
                yield kpi, stars_value(value) if index == 0 else "", *of(state), first.at * 1_000


def told(bodies: Iterable[bytes]) -> dict[str, list[Event]]:
    """What stands after these deliveries, by conversation."""
    translate, events = Translator(), dict[tuple[str, str], Event]()
    for body in bodies:
        for event in translate(json.loads(body)):
            if event.HasField("event_retracted"):
                del events[event.conversation_id, event.event_retracted.retracted_event_id]
            else:
                events[event.conversation_id, event.event_id] = event
    found: dict[str, list[Event]] = {}
    for event in events.values():
        event.event_id = re.sub(r"\.\d+$", "", event.event_id)
        found.setdefault(event.conversation_id, []).append(event)
    return found


def compared(story: Sequence[Happening], events: Sequence[Event]) -> str:
    """What is different, in a word; empty where nothing is."""
    valid = DECODER.decode(events, NOW).valid
    facts = oracle_facts([one.event for one in valid], NOW)
    counted = Counter({fact: n for fact, n in facts.items() if fact[0] in KPIS})
    if len(valid) != len(events):
        return "refused"
    if counted != facts_of(story):
        return "facts"
    lines, said = sorted(map(line_of, events)), meaning(story)
    if without_live(lines) != without_live(said):
        return "events or instants"
    return "" if lines == said else "live"


def main(days: int, first_seed: int) -> int:
    begin, delivered, facts, found = time.monotonic(), 0, 0, Counter[tuple[str, str]]()
    for seed in range(first_seed, first_seed + days):
        lag = LATE * (seed % 2)
        stories, bodies = some_day(seed, CONVERSATIONS, lag)
        delivered += len(bodies)
        events = told(bodies)
        for number, story in enumerate(stories, 1):
            facts += sum(facts_of(story).values())
            difference = compared(story, events.get(f"chatwoot-{number}", []))
            found["late payloads" if lag else "payloads in time", difference] += 1
            if difference and not (lag and difference == "live"):
                print(f"day {seed}, conversation {number}: {difference} differ")
    print(f"{days:,} days, {days * CONVERSATIONS:,} conversations, {delivered:,} deliveries, {facts:,} facts")
    for (payloads, difference), count in sorted(found.items()):
        print(
            f"  {payloads}: {count:,} conversations, {f'{difference} differs' if difference else 'as the stories say'}"
        )
    print(f"{time.monotonic() - begin:.0f} s")
    return int(set(found) > {("late payloads", ""), ("payloads in time", ""), ("late payloads", "live")})


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]]
    sys.exit(main(*(numbers + [1_000, 1][len(numbers) :])))
