"""Batches: what their events weigh, and how much of the waiting room an account may use."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.application.batches import (
    Batch,
    IngestLimits,
    Submitted,
    free_gradually,
    held_bytes,
    resolved_weight,
    weight_of,
    weights_of,
)
from telwerkd.domain.conversation.events import (
    Event,
    Kind,
    Message,
    PageVisited,
    PreChatSurveyCompleted,
    Sender,
    SurveyAnswer,
    TopicsSet,
)
from telwerkd.domain.errors import QuotaExceededError
from telwerkd.domain.ids import ConversationId, EventId, GoalId, Micros, TopicId, WidgetId

law = settings(deadline=None)
HELLO = Message(Sender.CONTACT)


def submitted(kind: Kind = HELLO, url: str | None = None) -> Submitted:
    return Submitted(ConversationId("c"), Event(EventId("e"), Micros(0), 0, WidgetId("web"), kind), url)


def survey(answers: int, characters: int = 2) -> Submitted:
    answer = SurveyAnswer("q" * (characters - 1), "o")
    return submitted(PreChatSurveyCompleted((answer,) * answers))


@pytest.mark.parametrize(
    ("event", "weight"),
    [
        (submitted(), 1),
        (survey(3), 1),
        (survey(4), 2),
        (survey(1, 256), 2),
        (survey(8, 64), 5),
        (submitted(PageVisited(b""), "x" * 255), 1),
        (submitted(PageVisited(b""), "x" * 512), 3),
        (submitted(TopicsSet((TopicId("t" * 128),) * 2)), 2),
        (submitted(TopicsSet(())), 1),
    ],
)
def test_an_event_weighs_by_its_answers_and_characters(event: Submitted, weight: int) -> None:
    """1, and 1 for each 4 answers and for each 256 characters, both of which take as long to store."""
    assert weight_of(event) == weight


@law
@given(st.lists(st.lists(st.integers(0, 12).map(survey), max_size=3), max_size=4))
def test_a_batch_that_comes_in_pieces_weighs_what_its_events_do(pieces: list[list[Submitted]]) -> None:
    """It is weighed as it comes, so that a large one is never gone through as a whole."""
    batch = Batch()
    for piece in pieces:
        batch.add(piece)
    assert (batch.weights or []) == [weight_of(event) for event in batch]
    assert [*batch] == [event for piece in pieces for event in piece]


def test_where_each_event_weighs_one_nothing_is_kept() -> None:
    """As in most batches."""
    assert weights_of([submitted(), survey(3), submitted(TopicsSet(()))]) is None
    assert weights_of([submitted(), survey(4)]) == [1, 2]


def test_the_goals_of_a_page_weigh_once_they_are_known() -> None:
    """Nothing else grows by what the settings say of it."""
    assert resolved_weight(PageVisited(b"", (GoalId("g"),) * 9)) == 2
    assert resolved_weight(HELLO) == 0


def test_answers_are_held_in_memory_too() -> None:
    """The estimate counts each, of all events."""
    answer = held_bytes([survey(1)]) - held_bytes([survey(0)])
    assert answer > 0
    assert held_bytes([survey(10), submitted(), survey(2)]) == 3 * held_bytes([submitted()]) + 12 * answer


@pytest.mark.parametrize(
    ("waiting", "more", "fits"), [(0, 50, True), (0, 10_000, True), (1, 49, True), (1, 50, False), (50, 0, True)]
)
def test_an_account_waits_within_its_share_but_a_single_batch_always_fits(
    waiting: int, more: int, *, fits: bool
) -> None:
    """Where nothing of it waits, anything may: no bound makes a valid batch impossible."""
    limits = IngestLimits(waiting_events_max=100, waiting_account_percent_max=50)
    if fits:
        limits.check_share("acme", waiting, more)
    else:
        with pytest.raises(QuotaExceededError, match=r"at most 50 may: 50 % \(waiting_account_percent_max\) of 100"):
            limits.check_share("acme", waiting, more)


def test_a_share_may_be_an_accounts_own_and_is_never_nothing() -> None:
    """Of others it is that of the settings."""
    limits = IngestLimits(waiting_events_max=50, waiting_account_percent_max=50, own_waiting_percents={"small": 1})
    assert (limits.waiting_events_max_of("small"), limits.waiting_events_max_of("acme")) == (1, 25)


async def test_events_are_let_go_of_in_turns_and_then_it_is_said() -> None:
    """The places stay; other work comes between."""
    events: list[Submitted | None] = [submitted() for _ in range(120)]
    left: list[int] = []
    over = asyncio.Event()

    def held(of: Sequence[Submitted | None]) -> int:
        return sum(event is not None for event in of)

    free_gradually(events, over.set)
    while not over.is_set():
        left.append(held(events))
        await asyncio.sleep(0)
    assert left == [70, 20]
    assert (len(events), held(events)) == (120, 0)
