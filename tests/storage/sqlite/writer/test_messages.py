"""What goes between a server and the process that writes, which the event loop packs and unpacks."""

import pickletools
from datetime import date, timedelta
from itertools import product

import pytest

from telwerkd.application.batches import Batch, Submitted
from telwerkd.application.ports import Damage, DamagedRowError
from telwerkd.domain.conversation.events import Event, PostChatSurveyAnswered, PreChatSurveyCompleted, SurveyAnswer
from telwerkd.domain.ids import ConversationId, EventId, Micros, WidgetId
from telwerkd.domain.time.opening_hours import OpenStretch, schedule_of
from telwerkd.storage.sqlite.writer.messages import packed, unpacked
from tests.generate import FAMILIES


def steps(message: bytes) -> int:
    """Of pickle's machine, each of which the event loop does."""
    return len(list(pickletools.genops(message)))


@pytest.mark.parametrize("family", FAMILIES)
def test_an_event_of_each_kind_arrives_as_it_was_sent(family):
    """In its conversation, with the page that it names."""
    batch = Batch(
        Submitted(ConversationId(f"c{n}"), Event(EventId(f"e{n}"), Micros(n), n, WidgetId("web"), kind), url)
        for n, (kind, url) in enumerate(product(family, [None, "https://shop.example/"]))
    )
    again = unpacked(packed(batch))
    assert type(again) is Batch
    assert again == batch


@pytest.mark.parametrize("kind", [PreChatSurveyCompleted, PostChatSurveyAnswered])
def test_a_survey_travels_in_one_piece(kind):
    """Whichever number of answers it has: 370 surveys, answer by answer, held the event loop for 50 ms."""
    answers = tuple(SurveyAnswer(f"question {n}", f"option {n}") for n in range(100))
    batch = Batch(
        Submitted(ConversationId("c"), Event(EventId(f"e{n}"), Micros(n), 0, WidgetId("web"), kind(answers)))
        for n in range(20)
    )
    message = packed(batch)
    assert unpacked(message) == batch
    assert steps(message) < 20 * len(answers)


def test_opening_hours_travel_in_one_piece():
    """Whichever number of stretches they have: thousands of them, one by one, held the event loop for 15 ms."""
    day = tuple(OpenStretch(60 * hour, 60 * hour + 30) for hour in range(24))
    schedule = schedule_of("Europe/Berlin", [day] * 7, [(date(2026, 1, 1) + timedelta(n), day) for n in range(100)])
    message = packed(schedule)
    assert unpacked(message) == schedule
    assert steps(message) < 20


def test_damage_arrives_with_its_account():
    """An error that is met over there names the same row here."""
    error = DamagedRowError(Damage("events", ("c1", "e1"), "is none"), "acme")
    again = unpacked(packed(error))
    assert (type(again), again.damage, again.account, str(again)) == (
        DamagedRowError,
        error.damage,
        "acme",
        str(error),
    )
