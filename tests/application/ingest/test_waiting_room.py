"""Accounts take turns: no account fills a transaction, or the waiting room, that others wait for."""

import itertools

import pytest

from telwerkd.application.batches import IngestLimits, Rejected, Submitted, Verdict, weight_of
from telwerkd.application.ingest.pending import BatchSlice
from telwerkd.application.ingest.waiting_room import WaitingRoom
from telwerkd.domain.conversation.events import (
    PageVisited,
)
from telwerkd.domain.errors import QuotaExceededError, Reason, UnavailableError
from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic
from tests.application.ingest.waiting import BIG, OTHER, SMALL, events, pending, survey


def taken(parts: list[BatchSlice]) -> dict[AccountId, int]:
    """The weight of each account in a transaction."""
    weights: dict[AccountId, int] = {}
    for part in parts:
        weights[part.batch.account] = weights.get(part.batch.account, 0) + part.weight
    return weights


async def test_an_account_with_a_mountain_leaves_room_for_every_other() -> None:
    """Each account gets an equal part of a transaction first; what the others leave over goes to the mountain."""
    room = WaitingRoom(IngestLimits(transaction_events_max=300))
    for _ in range(5):
        room.add(pending(BIG, events(5_000)))
    room.add(pending(SMALL, events(76)))
    room.add(pending(OTHER, events(150)))
    assert taken(room.take((), merges_accounts=True)) == {BIG: 124, SMALL: 76, OTHER: 100}
    room.add(pending(OTHER, events(13)))
    assert taken(room.take((), merges_accounts=True)) == {BIG: 237, OTHER: 63}
    assert taken(room.take((), merges_accounts=True)) == {BIG: 300}


async def test_few_events_do_not_wait_for_what_is_done_with_many() -> None:
    """They have a transaction of their own, and the next one is for everybody, so that nobody waits for ever."""
    room = WaitingRoom(IngestLimits(transaction_events_max=100))
    room.add(pending(BIG, events(5_000)))
    served = []
    for _ in range(4):
        room.add(pending(SMALL, events(1)))
        room.add(pending(OTHER, events(2)))
        served.append(taken(room.take((), merges_accounts=True)))
    few, everybody = {SMALL: 1, OTHER: 2}, {BIG: 97, SMALL: 1, OTHER: 2}
    assert served == [few, everybody, few, everybody]


async def test_who_used_the_writer_much_leaves_it_to_others_for_a_while() -> None:
    """By what it brought into transactions. The room says how long it rests, where nobody else waits."""
    room = WaitingRoom(IngestLimits(transaction_events_max=100))
    room.add(pending(BIG, events(5_000)))
    room.add(pending(SMALL, events(50)))
    parts = room.take((), merges_accounts=True)
    assert taken(parts) == {BIG: 50, SMALL: 50}
    assert room.rest_seconds == 0
    for _ in range(3):
        room.worked([part for part in parts if part.batch.account == BIG], seconds=3_600.0)
    assert room.take((), merges_accounts=True) == []
    assert room.rest_seconds > 0
    room.add(pending(SMALL, events(50)))
    assert taken(room.take((), merges_accounts=True)) == {SMALL: 50}
    assert room.rest_seconds == 0
    # Where each transaction is of one account, others have the database beside it.
    assert taken(room.take((), merges_accounts=False)) == {BIG: 100}


async def test_a_rest_that_is_just_over_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on while one looks: whoever takes nothing is told when to look again, every time."""
    room, seconds = WaitingRoom(IngestLimits(transaction_events_max=100)), itertools.count(1)
    monkeypatch.setattr(monotonic, "read", lambda: next(seconds) / 200)
    room.add(pending(BIG, events(5_000)))
    room.add(pending(SMALL, events(50)))
    parts = room.take((), merges_accounts=True)
    for _ in range(3):
        room.worked([part for part in parts if part.batch.account == BIG], seconds=0.07)
    looked = 0
    while room.take((), merges_accounts=True) == []:
        assert room.rest_seconds > 0
        looked += 1
    assert looked > 1


async def test_transactions_are_shorter_while_several_accounts_send_events() -> None:
    """An account that is alone gets long ones; beside another, each waits for short ones only."""
    room = WaitingRoom(IngestLimits(transaction_events_max=100, transaction_shared_events_max=10))
    room.add(pending(BIG, events(500)))
    assert taken(room.take((), merges_accounts=True)) == {BIG: 100}
    room.add(pending(SMALL, events(1)))
    assert taken(room.take((), merges_accounts=True)) == {SMALL: 1}
    assert taken(room.take((), merges_accounts=True)) == {BIG: 10}


async def test_accounts_that_share_get_shorter_transactions_still_while_those_take_long() -> None:
    """Half as much after each that had too much to do, and more again, a little at a time, when it had not."""
    room = WaitingRoom(IngestLimits(transaction_events_max=1_000, transaction_shared_events_max=800))
    room.add(pending(BIG, events(20_000)))
    assert not room.is_shared
    assert taken(room.take((), merges_accounts=True)) == {BIG: 1_000}
    room.add(pending(SMALL, events(1)))
    assert room.is_shared
    taken(room.take((), merges_accounts=True))
    weights = []
    for is_long in (True, True, True, True, True, False, False):
        room.note(is_long=is_long)
        weights.append(taken(room.take((), merges_accounts=True))[BIG])
    assert weights == [400, 200, 100, 50, 50, 63, 79]
    # Where each transaction is of one account, nobody else waits for it.
    assert taken(room.take((), merges_accounts=False)) == {BIG: 800}


async def test_a_batch_that_is_divided_goes_by_conversation() -> None:
    """So a conversation that must be folded again is so once; and the answers are in the order of the events."""
    room = WaitingRoom(IngestLimits(transaction_events_max=4))
    batch = pending(BIG, events(6, conversations=3))
    room.add(batch)
    seen: list[list[str]] = []
    while parts := room.take((), merges_accounts=True):
        for part in parts:
            seen.append([submitted.event.event_id for submitted in batch.events_at(part.indexes)])
            outcomes = [Rejected(Reason.INVALID_EVENT, "", f"e{index}") for index in part.indexes]
            assert not batch.answer(part.indexes, outcomes)
    assert seen == [["e0", "e3", "e1", "e4"], ["e2", "e5"]]
    assert [outcome.message for outcome in await batch.verdicts if isinstance(outcome, Rejected)] == [
        f"e{n}" for n in range(6)
    ]


async def test_where_a_transaction_is_of_one_account_accounts_take_turns() -> None:
    """The one that was served goes to the end, whatever it still has."""
    room = WaitingRoom(IngestLimits(transaction_events_max=10))
    room.add(pending(BIG, events(100)))
    room.add(pending(SMALL, events(1)))
    turns = [taken(room.take((), merges_accounts=False)) for _ in range(3)]
    assert turns == [{BIG: 10}, {SMALL: 1}, {BIG: 10}]


async def test_more_accounts_than_a_transaction_has_room_for_are_served_in_their_order() -> None:
    """Nobody is served twice before everybody was once, and each brings 50 events, not a few: a part has its price."""
    room = WaitingRoom(IngestLimits(transaction_events_max=100))
    accounts = [AccountId(f"a{n}") for n in range(8)]
    for account in accounts:
        room.add(pending(account, events(60)))
    served = [taken(room.take((), merges_accounts=True)) for _ in range(4)]
    assert served == [{first: 50, second: 50} for first, second in zip(accounts[::2], accounts[1::2], strict=True)]


async def test_a_shared_transaction_does_not_grow_by_how_many_wait() -> None:
    """What took too long is made shorter, whoever is in it; the others come next."""
    room = WaitingRoom(IngestLimits())
    accounts = [AccountId(f"a{n}") for n in range(8)]
    for account in accounts:
        room.add(pending(account, events(60)))
    for _ in range(10):
        room.note(is_long=True)
    assert [taken(room.take((), merges_accounts=True)) for _ in range(3)] == [{one: 50} for one in accounts[:3]]


async def test_an_account_holds_no_more_than_its_share_of_the_waiting_room() -> None:
    """It is told which setting says so; others are let in, until there is no room for anybody."""
    room = WaitingRoom(IngestLimits(waiting_events_max=100, waiting_account_percent_max=50))
    room.add(pending(BIG, events(50)))
    with pytest.raises(QuotaExceededError, match="waiting_account_percent_max") as refused:
        room.add(pending(BIG, events(1)))
    assert refused.value.limit == "waiting_account_percent_max"
    room.add(pending(SMALL, events(50)))
    with pytest.raises(UnavailableError, match="waiting_events_max") as full:
        room.add(pending(OTHER, events(1)))
    assert full.value.reason is Reason.OVERLOADED


async def test_the_share_of_an_account_may_be_its_own() -> None:
    room = WaitingRoom(IngestLimits(waiting_events_max=100, own_waiting_percents={BIG: 20}))
    room.add(pending(BIG, events(20)))
    with pytest.raises(QuotaExceededError, match="at most 20 may: 20 %"):
        room.add(pending(BIG, events(1)))
    room.add(pending(SMALL, events(50)))


async def test_what_is_taken_makes_room() -> None:
    """The waiting room is exact: taken, failed and postponed events are counted as what they are."""
    room = WaitingRoom(IngestLimits(waiting_events_max=100, transaction_events_max=30))
    batch = pending(BIG, events(50))
    room.add(batch)
    [part] = room.take((), merges_accounts=True)
    assert room.weight == 20
    assert batch.answer(part.indexes, [Verdict.ACCEPTED] * 20 + [None] * 10)
    room.put_back(batch)
    assert room.weight == 30
    room.discard(batch)
    assert (room.weight, bool(room)) == (0, False)


async def test_a_batch_is_answered_in_its_order_whatever_was_postponed() -> None:
    """Postponed events come first in the next transaction; the answer is given once all are known."""
    room = WaitingRoom(IngestLimits(transaction_events_max=4))
    batch = pending(BIG, events(6))
    room.add(batch)
    seen: list[list[str]] = []
    while parts := room.take((), merges_accounts=True):
        for part in parts:
            seen.append([submitted.event.event_id for submitted in batch.events_at(part.indexes)])
            first = len(seen) == 1
            outcomes = [None if first and index == 1 else Verdict.ACCEPTED for index in part.indexes]
            if batch.answer(part.indexes, outcomes):
                room.put_back(batch)
    assert seen == [["e0", "e1", "e2", "e3"], ["e1", "e4", "e5"]]
    assert await batch.verdicts == [Verdict.ACCEPTED] * 6


async def test_answers_and_long_texts_weigh_more_than_an_event() -> None:
    """So half a million facts are not one transaction."""
    [plain], [full] = events(1), events(1, survey(100))
    visit = Submitted(plain.conversation, events(1, PageVisited(b""))[0].event, "https://x/" + "a" * 2_048)
    assert [weight_of(each) for each in (plain, full, visit)] == [1, 27, 9]
    room = WaitingRoom(IngestLimits(transaction_events_max=100))
    room.add(pending(BIG, events(10, survey(100))))
    weights = []
    while parts := room.take((), merges_accounts=True):
        weights.append([len(part.indexes) for part in parts])
    assert weights == [[3], [3], [3], [1]]


async def test_an_event_that_is_heavier_than_a_transaction_is_taken_alone() -> None:
    """No bound makes a valid event impossible."""
    room = WaitingRoom(IngestLimits(transaction_events_max=2))
    room.add(pending(BIG, events(2, survey(100))))
    assert [len(part.indexes) for part in room.take((), merges_accounts=True)] == [1]
