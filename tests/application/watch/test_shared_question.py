"""What is made of one answer is told all watches that ask for it, if it is what each of them would find."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from random import Random

import pytest

from telwerkd.application.ports import AnswerVersion
from telwerkd.application.query.question import QueryLimits
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.runner import Queries
from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.application.sharing.readers import Readers
from telwerkd.application.watch.kept_answer import KeptAnswer
from telwerkd.application.watch.shared_question import UPDATES_MAX, SharedQuestion, Update
from telwerkd.application.watch.watches import Watches
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.watch.test_kept_answer import QUERY, answered
from tests.commands import Do
from tests.conftest import eventually

BUMP = Do(lambda tx: tx.bump_version())


def kept(version: int) -> KeptAnswer:
    """An answer at a version."""
    answer = answered(Random(version), 4, rows=1, facts=1)  # noqa: S311  # made-up numbers
    return KeptAnswer(answer._replace(answer_version=AnswerVersion(version, None)))


@pytest.fixture
async def question() -> SharedQuestion:
    """One that two watches ask."""
    question = SharedQuestion()
    question.watches = 2
    return question


async def test_who_was_told_the_same_so_far_is_told_the_same_next(question: SharedQuestion) -> None:
    question.publish(Update({3: b"changes"}, kept(7)))
    assert question.latest(3, 7) is question.latest(3, 6) is not None
    assert question.latest(2, 7) is None, "it would be the difference to another answer"
    assert question.latest(None, 7) is None, "a snapshot is wanted"


async def test_what_is_older_than_what_is_wanted_is_not_told(question: SharedQuestion) -> None:
    question.publish(Update({7: None}, kept(7)))
    assert question.latest(7, 8) is None


async def test_an_update_is_soon_forgotten(question: SharedQuestion) -> None:
    """It says until when it is complete; and its memory is nobody's any more once it is written."""
    update = Update({3: b"changes"}, kept(7))
    found = weakref.ref(update.kept)
    question.publish(update)
    question.watches = 1
    del update

    async def is_forgotten() -> bool:
        gc.collect()
        return found() is None

    await eventually(is_forgotten)
    assert question.latest(3, 7) is None


async def test_for_a_single_watch_nothing_is_kept(question: SharedQuestion) -> None:
    question.watches = 1
    question.publish(Update({3: b"changes"}, kept(7)))
    assert question.latest(3, 7) is None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    prepare(tmp_path / "telwerk.db")
    store = SqliteStore(tmp_path / "telwerk.db")
    yield store
    await store.close()


@pytest.mark.parametrize(("watches", "asked"), [(UPDATES_MAX, 1), (UPDATES_MAX + 1, 2)])
async def test_watches_that_know_different_answers_are_told_of_the_same_next_one(
    store: SqliteStore, watches: int, asked: int
) -> None:
    """Else, in an account that changes while they are answered, each would ask for itself for good."""
    queries = Queries(store, Readers(store, 10), QueryLimits(), RollupCache(64 << 20))
    open_watches = Watches(store, queries, MemoryBudget(1 << 30), 100, 100)
    told: list[tuple[int | None, Answer]] = []

    def encode(before: Answer | None, answer: Answer) -> bytes:
        told.append((None if before is None else before.answer_version.version, answer))
        return f"{told[-1][0]}".encode()

    with ExitStack() as stack:
        of_different_ages = []
        for _ in range(watches):
            await store.write([(QUERY.account, BUMP)])
            of_different_ages.append(stack.enter_context(open_watches.watch(QUERY, b"request")))
            await of_different_ages[-1].update(encode, nullcontext)
        told.clear()
        await store.write([(QUERY.account, BUMP)])
        updates = await asyncio.gather(*(watch.update(encode, nullcontext) for watch in of_different_ages))
    assert updates == [f"{version}".encode() for version in range(1, watches + 1)]
    assert len({id(answer) for _, answer in told}) == asked
