"""What the golden accounts hold: a fixed log, made by a seeded die, and the order in which it is sent.

Nothing here depends on the machine, its clock or Python's version: the die is `random.Random.random`, whose sequence
Python guarantees for a seed, and every instant is counted from `DAY_ONE`.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import (
    admin_service_pb2 as admin,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    settings_service_pb2 as settings,
)

T = TypeVar("T")

ACME, PURGED, ERASED = "acme", "purged & co", "érased"
"""The large account; one whose older events were purged; one of whose conversations some were erased."""

DAY_ONE = 1_735_689_600
"""2025-01-01T00:00:00Z, in seconds."""
DAYS = 400
LATE_FROM = DAY_ONE + 380 * 86_400
"""The clock while most events are sent, and where the last ones begin."""
NOW = DAY_ONE + 401 * 86_400 + 43_200
"""The clock afterwards: every question is asked at this instant."""
HORIZON = DAY_ONE + 200 * 86_400

CONVERSATIONS = 140
BATCH = 150

WIDGETS = ["web", "shop", "help", "intranet"]
OPERATORS = ["anna", "bram", "céline", "dirk", "0012", "Zoë"]
GROUPS = ["sales", "support", "billing"]
TOPICS = ["price", "delivery", "returns", "account", "other"]
OPTIONS = {"q1": ["yes", "no"], "q2": ["big", "small", "none"], "q-é": ["1", "2"]}
PAGES = [
    "https://shop.example/thanks",
    "HTTPS://Shop.Example:443/thanks/",
    "https://shop.example/order?id=7",
    "https://bücher.example/a%7Eb",
    "http://shop.example/other",
]
EVENTFUL_DAYS = [29, 66, 87, 88, 95, 276, 297, 298, 305, 364, 365, 366]
"""Days of the year 2025 and the next on which a clock changes somewhere, a month begins or a year ends."""

Kinds = dict[str, Any]
"""The fields of an event that say its kind."""


class Chance:
    """A die with a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # any conversations will do, but always the same

    def below(self, end: int) -> int:
        return int(self._random.random() * end)

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in items]


class Step(NamedTuple):
    """One call, and the server's clock then."""

    name: str
    clock_seconds: int
    method: str
    request: Any


def timestamp(seconds: int, micros: int = 0) -> Timestamp:
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


# --- settings --------------------------------------------------------------------------------------------------------


def _widget(widget: str, since: int | None, limit_seconds: int | None, goals: int, actions: Sequence[int]) -> Any:
    return settings.WidgetSettings(
        widget_id=widget,
        effective_time=None if since is None else timestamp(since),
        live_limit=None if limit_seconds is None else Duration(seconds=limit_seconds),
        goals=[settings.Goal(goal_id=f"goal-{n}", url=PAGES[n]) for n in range(goals)],
        enabled_actions=actions,
    )


def _settings(account: str) -> Iterator[tuple[str, Any]]:
    for name, message in (
        ("web from the start", _widget("web", DAY_ONE, 60, 4, [1, 2, 4, 7])),
        ("web from March", _widget("web", DAY_ONE + 70 * 86_400, 90, 3, range(1, 9))),
        ("shop", _widget("shop", DAY_ONE + 86_400, 120, 2, [8])),
        ("help, nothing enabled", _widget("help", DAY_ONE, None, 0, [])),
        ("shop, the same again", _widget("shop", DAY_ONE + 86_400, 120, 2, [8])),
    ):
        yield name, settings.SetWidgetSettingsRequest(account_id=account, settings=message)


# --- conversations ---------------------------------------------------------------------------------------------------


def _answers(chance: Chance) -> list[pb.SurveyAnswer]:
    asked = [chance.pick(list(OPTIONS)) for _ in range(1 + chance.below(3))]
    return [pb.SurveyAnswer(question_id=question, option_id=chance.pick(OPTIONS[question])) for question in asked]


def _kind(chance: Chance) -> Kinds:  # noqa: C901, PLR0911, PLR0912 -- one case a kind
    match chance.below(26):
        case 0 | 1:
            limit = chance.pick([None, None, Duration(seconds=30), Duration(seconds=900), Duration(nanos=500_000_000)])
            return {"went_live": pb.WentLive(live_limit=limit)}
        case 2:
            return {"left_live": pb.LeftLive()}
        case 3 | 4 | 5 | 6:
            return {"message_sent": pb.MessageSent(sender=chance.pick([1, 1, 1, 2, 3]))}
        case 7 | 8 | 9 | 10:
            operator, group = chance.pick([*OPERATORS, ""]), chance.pick([*GROUPS, ""])
            return {"operator_assigned": pb.OperatorAssigned(operator_id=operator, operator_group_id=group)}
        case 11:
            return {"operator_unassigned": pb.OperatorUnassigned(operator_group_id=chance.pick([*GROUPS, ""]))}
        case 12 | 13:
            return {"conversation_ended": pb.ConversationEnded()}
        case 14:
            return {"conversation_resumed": pb.ConversationResumed()}
        case 15 | 16:
            return {"conversation_rated": pb.ConversationRated(stars=1 + chance.below(5))}
        case 17:
            return {"feedback_left": pb.FeedbackLeft()}
        case 18 | 19:
            return {"inactivity_action_performed": pb.InactivityActionPerformed(action=1 + chance.below(8))}
        case 20:
            return {"page_visited": pb.PageVisited(url=chance.pick(PAGES))}
        case 21:
            return {"goal_reached": pb.GoalReached(goal_id=f"goal-{chance.below(5)}")}
        case 22 | 23:
            topics = [chance.pick(TOPICS) for _ in range(chance.below(4))]
            return {"topics_set": pb.TopicsSet(topic_ids=topics)}
        case 24:
            return {"pre_chat_survey_completed": pb.PreChatSurveyCompleted(answers=_answers(chance))}
        case _:
            return {"post_chat_survey_answered": pb.PostChatSurveyAnswered(answers=_answers(chance))}


def _conversation(name: str, chance: Chance) -> list[pb.Event]:
    """Up to 18 events within minutes, hours or days; some at one instant, some taken back."""
    eventful = chance.below(3) == 0
    day = chance.pick(EVENTFUL_DAYS) if eventful else chance.below(DAYS - 4)
    start = DAY_ONE + day * 86_400 + chance.below(96) * 900
    step = chance.pick([30, 30, 900, 20_000])
    # Few conversations come to a message by chance, and without one most KPIs count nothing.
    kinds: list[Kinds] = [{"message_sent": pb.MessageSent(sender=1)}] if chance.below(3) else []
    kinds += [_kind(chance) for _ in range(4 + chance.below(14))]
    made: list[pb.Event] = []
    for n, kind in enumerate(kinds):
        event = pb.Event(
            event_id=f"{name}-{n}",
            conversation_id=name,
            widget_id=WIDGETS[chance.below(len(WIDGETS)) if chance.below(8) == 0 else len(name) % 2],
            occur_time=timestamp(start + chance.below(len(kinds)) * step, chance.pick([0, 0, 999_999, 1])),
            sequence=chance.pick([0, 0, 0, 1, 2]),
            **kind,
        )
        made.append(event)
    for n in range(chance.pick([0, 0, 0, 0, 1, 2])):
        taken = chance.pick([*made, made[0]])
        retraction = pb.Event(
            event_id=f"{name}-r{n}",
            conversation_id=name,
            widget_id=taken.widget_id,
            occur_time=timestamp(start + chance.below(len(kinds) + 1) * step),
            event_retracted=pb.EventRetracted(retracted_event_id=taken.event_id),
        )
        made.append(retraction)
    return made


def log(count: int, seed: int) -> list[pb.Event]:
    """All events of an account, in the order in which they are sent: mostly that of time, a third of them late."""
    chance = Chance(seed)
    everything = [event for n in range(count) for event in _conversation(f"c{n}", chance)]
    in_time = sorted(everything, key=lambda event: (event.occur_time.ToNanoseconds(), event.event_id))
    late = {event.event_id for event in in_time if chance.below(3) == 0}
    last = [event for event in in_time if event.event_id in late]
    return [event for event in in_time if event.event_id not in late] + chance.shuffled(last)


def _steps_of(account: str, count: int, seed: int) -> Iterator[Step]:
    for name, request in _settings(account):
        yield Step(f"{account}/set {name}", LATE_FROM, "SettingsService/SetWidgetSettings", request)
    events = log(count, seed)
    for clock, sent in (
        (LATE_FROM, [event for event in events if event.occur_time.seconds < LATE_FROM]),
        (NOW, [event for event in events if event.occur_time.seconds >= LATE_FROM]),
    ):
        for start in range(0, len(sent), BATCH):
            # Each batch but the first begins with events of the one before it: duplicates.
            batch = sent[max(0, start - 3) : start + BATCH]
            yield Step(f"{account}/batch at {clock}, {start}", clock, *ingesting(account, batch))


def ingesting(account: str, events: Sequence[pb.Event]) -> tuple[str, Any]:
    """The call that sends events."""
    return "IngestionService/IngestEvents", ingestion.IngestEventsRequest(account_id=account, events=events)


def steps() -> list[Step]:
    """Every call that fills the database; the clock never runs backwards."""
    return sorted(_steps(), key=lambda step: step.clock_seconds)


def _steps() -> Iterator[Step]:
    yield from _steps_of(ACME, CONVERSATIONS, 1)
    zone = settings.AccountSettings(time_zone="Europe/Amsterdam")
    change = settings.SetAccountSettingsRequest(account_id=ACME, settings=zone)
    yield Step("acme/zone", NOW, "SettingsService/SetAccountSettings", change)
    yield from _steps_of(PURGED, 40, 2)
    purge = admin.PurgeEventsRequest(account_id=PURGED, before_time=timestamp(HORIZON))
    yield Step("purged/purge", NOW, "AdminService/PurgeEvents", purge)
    yield Step("purged/purge again", NOW, "AdminService/PurgeEvents", purge)
    yield from _steps_of(ERASED, 20, 3)
    for n in (*range(8), 1, 99):
        erase = admin.EraseConversationRequest(account_id=ERASED, conversation_id=f"c{n}", keep_counts=n % 2 == 0)
        yield Step(f"erased/erase c{n}", NOW, "AdminService/EraseConversation", erase)
