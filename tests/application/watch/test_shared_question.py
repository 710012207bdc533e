"""What one watch was told is told another that asks the same, if it is what that one would find."""

from random import Random

import pytest

from telwerkd.application.ports import AnswerVersion
from telwerkd.application.watch.kept_answer import KeptAnswer
from telwerkd.application.watch.shared_question import SharedQuestion, Update
from tests.application.watch.test_kept_answer import answered


def update(version: int) -> Update:
    """One that was made of an answer at a version."""
    answer = answered(Random(version), 4, rows=1, facts=1)  # noqa: S311  # made-up numbers
    answer = answer._replace(answer_version=AnswerVersion(version, None))
    return Update(b"changes", KeptAnswer(answer))


@pytest.fixture
def now() -> list[float]:
    """A clock: its only number."""
    return [0.0]


@pytest.fixture
def question(now: list[float]) -> SharedQuestion:
    """One that two watches ask."""
    question = SharedQuestion(lambda: now[0])
    question.watches = 2
    return question


def test_who_was_told_the_same_so_far_is_told_the_same_next(question):
    question.tell(3, update(7))
    assert question.told(3, 7) == question.told(3, 6) != None  # noqa: E711  # the same one, and one
    assert question.told(2, 7) is None, "it would be the difference to another answer"
    assert question.told(None, 7) is None, "a snapshot is wanted"


def test_what_is_older_than_what_was_found_is_not_told(question):
    question.tell(3, update(7))
    assert question.told(3, 8) is None


def test_what_says_until_when_it_is_complete_is_told_for_a_second(question, now):
    question.tell(3, update(7))
    now[0] = 0.99
    assert question.told(3, 7)
    now[0] = 1.0
    assert question.told(3, 7) is None


def test_for_a_single_watch_nothing_is_kept(question):
    question.watches = 1
    question.tell(3, update(7))
    assert question.told(3, 7) is None
