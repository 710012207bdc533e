"""Admission: the verdict on each event; what is refused is refused alone, by the name of its bound."""

from telwerkd.application.batches import Verdict
from telwerkd.application.retention.removal import purge
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import Micros
from tests.application.commands.putting import ACCEPTED, ACCOUNT, START, assert_clean, event, put, reasons


async def test_a_conversation_has_a_bounded_number_of_events(store):
    """What is beyond is refused alone, with the setting's name, in order or late; other conversations go on."""
    assert await put(store, *(event(f"e{n}", n + 1) for n in range(9))) == [ACCEPTED] * 9
    outcomes = await put(store, event("e9", 20), event("late", 0), event("e1", 2), event("x", 0, conversation="d"))
    assert reasons(outcomes) == [ACCEPTED, Reason.CONVERSATION_FULL, Verdict.DUPLICATE, ACCEPTED]
    assert "conversation_events_max" in outcomes[1].message
    await assert_clean(store)


async def test_a_purge_makes_room_in_a_conversation(store):
    """The bound is on what a late event has to be folded with."""
    await put(store, *(event(f"e{n}", n) for n in range(10)))
    assert reasons(await put(store, event("more", 50))) == [Reason.CONVERSATION_FULL]
    await purge(store, ACCOUNT, Micros(START + 6))
    assert reasons(await put(store, *(event(f"n{n}", 60 + n) for n in range(7)))) == [ACCEPTED] * 6 + [
        Reason.CONVERSATION_FULL
    ]
    await assert_clean(store)
