"""Admission: the verdict on each event; what is refused is refused alone, by the name of its bound."""

from telwerkd.application.batches import IngestLimits, Verdict
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.settings import SetNamesMax, SetWidgetSettings
from telwerkd.application.retention.removal import purge
from telwerkd.domain.conversation.events import Assigned, PostChatSurveyAnswered, Rated, WentLive
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.errors import Reason
from telwerkd.domain.ids import ConversationId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.commands.putting import (
    ACCEPTED,
    ACCOUNT,
    LIMITS,
    START,
    answers,
    assert_clean,
    event,
    put,
    reasons,
)


async def test_a_conversation_has_a_bounded_number_of_events(store: SqliteStore) -> None:
    """What is beyond is refused alone, with the setting's name, in order or late; other conversations go on."""
    assert await put(store, *(event(f"e{n}", n + 1) for n in range(9))) == [ACCEPTED] * 9
    outcomes = await put(store, event("e9", 20), event("late", 0), event("e1", 2), event("x", 0, conversation="d"))
    assert reasons(outcomes) == [ACCEPTED, Reason.CONVERSATION_FULL, Verdict.DUPLICATE, ACCEPTED]
    assert "conversation_events_max" in outcomes[1].message
    await assert_clean(store)


async def test_a_new_conversation_has_the_same_bound(store: SqliteStore) -> None:
    """Within its first batch, and over several batches that are stored in one transaction."""
    outcomes = await put(store, *(event(f"e{n}", n) for n in range(12)), event("x", 0, conversation="d"))
    assert reasons(outcomes) == [ACCEPTED] * 10 + [Reason.CONVERSATION_FULL] * 2 + [ACCEPTED]
    batches = [[event(f"{part}{n}", n, conversation="together") for n in range(6)] for part in "ab"]
    [together] = await store.write([(ACCOUNT, IngestBatch(batches, LIMITS))])
    assert [reasons(part) for part in together] == [[ACCEPTED] * 6, [ACCEPTED] * 4 + [Reason.CONVERSATION_FULL] * 2]
    await assert_clean(store)


async def test_a_purge_makes_room_in_a_conversation(store: SqliteStore) -> None:
    """The bound is on what a late event has to be folded with."""
    await put(store, *(event(f"e{n}", n) for n in range(10)))
    assert reasons(await put(store, event("more", 50))) == [Reason.CONVERSATION_FULL]
    await purge(store, ACCOUNT, Micros(START + 6))
    assert reasons(await put(store, *(event(f"n{n}", 60 + n) for n in range(7)))) == [ACCEPTED] * 6 + [
        Reason.CONVERSATION_FULL
    ]
    await assert_clean(store)


async def test_what_is_there_already_is_told_before_what_would_refuse_it(store: SqliteStore) -> None:
    """A duplicate is one however full its conversation is; another content under its id is said to be that."""
    await put(store, *(event(f"e{n}", n) for n in range(10)))
    again = event("e3", 3), event("e3", 3, Rated(5)), event("e10", 10)
    assert reasons(await put(store, *again)) == [Verdict.DUPLICATE, Reason.EVENT_ID_REUSED, Reason.CONVERSATION_FULL]


async def test_the_second_of_two_in_one_batch_is_judged_by_the_first(store: SqliteStore) -> None:
    """An id is of its conversation: in another it is another event (R-DUP-1, R-DUP-2)."""
    batch = event("e", 1), event("e", 1), event("e", 2), event("e", 1, conversation="d")
    assert reasons(await put(store, *batch)) == [ACCEPTED, Verdict.DUPLICATE, Reason.EVENT_ID_REUSED, ACCEPTED]


async def test_a_refused_event_brings_none_of_its_names(store: SqliteStore) -> None:
    """One name too many refuses the whole event; its other names leave the room to those that fit."""
    few = IngestLimits(names_max=2)
    surveys = [PostChatSurveyAnswered(answers(count, tag)) for count, tag in ((1, "a"), (2, "b"), (1, "c"), (1, "d"))]
    outcomes = await put(store, *(event(f"e{n}", n, survey) for n, survey in enumerate(surveys)), limits=few)
    assert reasons(outcomes) == [ACCEPTED, Reason.TOO_MANY_VALUES, ACCEPTED, Reason.TOO_MANY_VALUES]
    assert "names_max" in outcomes[1].message
    assert await put(store, event("again", 9, PostChatSurveyAnswered(answers(1, "c"))), limits=few) == [ACCEPTED]


async def test_each_family_of_names_has_the_bound_for_itself(store: SqliteStore) -> None:
    """Two widgets, two operators and two groups are two of each."""
    few = IngestLimits(names_max=2)
    kinds = [Assigned(OperatorId(who), OperatorGroupId(who)) for who in ("anna", "bram", "carl")]
    events = [event(f"e{n}", n, kind, widget=f"w{n}") for n, kind in enumerate(kinds[:2])]
    assert await put(store, *events, limits=few) == [ACCEPTED] * 2
    assert reasons(await put(store, event("e3", 3, kinds[2], widget="w0"), limits=few)) == [Reason.TOO_MANY_VALUES]


async def test_an_accounts_own_bound_on_names_goes_before_the_setting(store: SqliteStore) -> None:
    """Also where it is the lower one."""
    await store.write([(ACCOUNT, SetNamesMax(1))])
    assert reasons(await put(store, event("a", 1), event("b", 2, widget="shop"))) == [ACCEPTED, Reason.TOO_MANY_VALUES]


async def test_an_event_is_stored_as_the_settings_say_at_that_moment(store: SqliteStore) -> None:
    """Sent again under other settings it is the same event (R-SET-1, R-DUP-4)."""
    for limit, verdict in ((1_000, ACCEPTED), (2_000, Verdict.DUPLICATE)):
        version = WidgetVersion(Micros(0), Micros(limit), (), ())
        await store.write([(ACCOUNT, SetWidgetSettings(WidgetId("web"), version))])
        assert await put(store, event("live", 1, WentLive())) == [verdict]
    [kept] = await store.read(ACCOUNT, lambda view: view.log(ConversationId("c")))
    assert kept.kind == WentLive(None, Micros(1_000))
