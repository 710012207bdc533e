"""The catalogue against the contract, the rules, and the facts that the fold makes."""

from enum import IntEnum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from telwerk.v1 import event_pb2, kpi_service_pb2
from telwerkd.domain.catalogue.kpis import CATALOGUE, TEXTS, KpiInfo, by_id, language
from telwerkd.domain.catalogue.specs import Dimension, Direction, Kpi, Revisability, Section, ValueKind
from telwerkd.domain.catalogue.texts import Language
from telwerkd.domain.catalogue.values import ConversationEnd, OfflineAssignment, stars_value
from telwerkd.domain.conversation.events import InactivityAction, Sender
from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart

INFOS = pytest.mark.parametrize("info", CATALOGUE.values(), ids=lambda info: info.id)
LANGUAGES = pytest.mark.parametrize("code", Language)


def test_order() -> None:
    """The catalogue lists the KPIs in the order of the rules, under the ids of the rules."""
    assert [(int(kpi), info.kpi, info.id) for kpi, info in CATALOGUE.items()] == [
        (1, Kpi.SATISFACTION_SCORE, "satisfaction_score"),
        (2, Kpi.FEEDBACK_COUNT, "feedback_count"),
        (3, Kpi.UNANSWERED_LIVE_CONVERSATIONS, "unanswered_live_conversations"),
        (4, Kpi.UNANSWERED_ENDED_CONVERSATIONS, "unanswered_ended_conversations"),
        (5, Kpi.INACTIVITY_ACTIONS, "inactivity_actions"),
        (6, Kpi.OFFLINE_ASSIGNMENTS, "offline_assignments"),
        (7, Kpi.GOALS_REACHED, "goals_reached"),
        (8, Kpi.CONVERSATION_TOPICS, "conversation_topics"),
        (9, Kpi.PRE_CHAT_SURVEY_RESULTS, "pre_chat_survey_results"),
        (10, Kpi.POST_CHAT_SURVEY_RESULTS, "post_chat_survey_results"),
        (11, Kpi.CONVERSATIONS_STARTED, "conversations_started"),
        (12, Kpi.CONVERSATIONS_ENDED, "conversations_ended"),
        (13, Kpi.LIVE_CONVERSATIONS_ANSWERED, "live_conversations_answered"),
        (14, Kpi.FIRST_RESPONSE_TIME, "first_response_time"),
        (15, Kpi.RESPONSE_TIME, "response_time"),
        (16, Kpi.LIVE_SESSION_DURATION, "live_session_duration"),
        (17, Kpi.CONVERSATION_DURATION, "conversation_duration"),
        (18, Kpi.MESSAGES, "messages"),
        (19, Kpi.REASSIGNMENTS, "reassignments"),
        (20, Kpi.CONVERSATIONS_RECEIVED, "conversations_received"),
    ]


@pytest.mark.parametrize(
    ("ours", "prefix", "theirs"),
    [
        (Dimension, "DIMENSION_", kpi_service_pb2.Dimension),
        (ValueKind, "VALUE_KIND_", kpi_service_pb2.ValueKind),
        (Revisability, "REVISABILITY_", kpi_service_pb2.Revisability),
        (InactivityAction, "INACTIVITY_ACTION_", event_pb2.InactivityAction),
        (OfflineAssignment, "OFFLINE_ASSIGNMENT_", kpi_service_pb2.OfflineAssignment),
        (Sender, "SENDER_", event_pb2.Sender),
        (ConversationEnd, "CONVERSATION_END_", kpi_service_pb2.ConversationEnd),
    ],
)
def test_numbers(ours: type[IntEnum], prefix: str, theirs: EnumTypeWrapper) -> None:
    """Names and numbers are those of the contract."""
    assert {prefix + member.name: int(member) for member in ours} == {k: v for k, v in theirs.items() if v}


def test_dimensions() -> None:
    """Every KPI goes by operator, group and widget; by value unless it has none; 8 by topic, 9, 10 by question."""
    always = {Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET}
    for kpi, info in CATALOGUE.items():
        more = set() if kpi in {2, 3, 4, 13, 14, 15, 16, 17, 19, 20} else {Dimension.VALUE}
        parts = {8: {Dimension.TOPIC}, 9: {Dimension.QUESTION}, 10: {Dimension.QUESTION}}
        assert set(info.dimensions) == always | more | parts.get(kpi, set())


def test_revisable() -> None:
    """Only topics are replaced by what happens later (KPI 8) (R-FROZEN-3)."""
    assert [kpi for kpi, info in CATALOGUE.items() if info.revisability is Revisability.REVISABLE] == [8]


def test_direction() -> None:
    """More stars, goals and answers in time are better, fewer unanswered, inactive, slow and passed-on chats are.

    The rest depends on the account.
    """
    by_direction = {d: [kpi for kpi, info in CATALOGUE.items() if info.direction is d] for d in Direction}
    assert by_direction == {
        Direction.HIGHER_IS_BETTER: [1, 7, 13],
        Direction.LOWER_IS_BETTER: [3, 4, 5, 6, 14, 15, 19],
        Direction.NEITHER: [2, 8, 9, 10, 11, 12, 16, 17, 18, 20],
    }


def test_mean() -> None:
    """Stars have a mean (KPI 1), and durations (KPI 14 to 17)."""
    assert [kpi for kpi, info in CATALOGUE.items() if info.has_mean] == [1, 14, 15, 16, 17]


def test_sections() -> None:
    """KPI 1 to 6 stand under quality, 7 to 10 under goals, topics and surveys, as in the sources; then part two."""
    sections = [Section.QUALITY] * 6 + [Section.GOALS_TOPICS_SURVEYS] * 4 + [Section.CONVERSATIONS] * 10
    assert [info.section for info in CATALOGUE.values()] == sections


def test_known_values() -> None:
    """Stars, actions, outcomes, senders and ends are known beforehand, in order, as in facts; nothing else is."""
    known = {kpi: [value.value for value in info.values] for kpi, info in CATALOGUE.items() if info.values}
    assert known == {
        Kpi.SATISFACTION_SCORE: [stars_value(stars) for stars in range(1, 6)],
        Kpi.INACTIVITY_ACTIONS: [str(int(action)) for action in InactivityAction],
        Kpi.OFFLINE_ASSIGNMENTS: [str(int(outcome)) for outcome in OfflineAssignment],
        Kpi.CONVERSATIONS_STARTED: [str(int(sender)) for sender in Sender],
        Kpi.CONVERSATIONS_ENDED: [str(int(end)) for end in ConversationEnd],
        Kpi.MESSAGES: [str(int(sender)) for sender in Sender],
    }


@LANGUAGES
@INFOS
def test_texts(info: KpiInfo, code: Language) -> None:
    """Every KPI answers the help page's questions in every language, in whole sentences."""
    text = info.texts[code]
    assert text.name
    assert text.unit
    assert info.section_texts[code].name
    assert info.section_texts[code].intro
    for sentences in (text.what, text.when, text.why, *filter(None, [text.example])):
        assert_sentences(sentences)


@LANGUAGES
@INFOS
def test_examples(info: KpiInfo, code: Language) -> None:
    """Where the sources give an example, so does the catalogue (KPI 3 to 7)."""
    assert info.texts[code].example or info.kpi not in {3, 4, 5, 6, 7}


@LANGUAGES
def test_known_value_texts(code: Language) -> None:
    """Every known value has a name of its own; actions and outcomes are explained too."""
    for info in CATALOGUE.values():
        texts = [value.texts[code] for value in info.values]
        assert len({text.name for text in texts}) == len(texts)
        for text in texts:
            assert text.name
            if info.kpi in {Kpi.INACTIVITY_ACTIONS, Kpi.OFFLINE_ASSIGNMENTS}:
                assert_sentences(text.description)


def assert_sentences(text: str) -> None:
    assert text == " ".join(text.split())
    assert text.endswith(".")
    assert text[0].isupper()


def test_names_differ() -> None:
    """No two KPIs share a name in a language, and no language repeats another's sentences."""
    for texts in TEXTS.values():
        assert len({text.name for text in texts.kpis.values()}) == len(Kpi)
    for kpi in Kpi:
        assert len({texts.kpis[kpi].when for texts in TEXTS.values()}) == len(Language)


@INFOS
def test_by_id(info: KpiInfo) -> None:
    """A KPI is found by its id."""
    assert by_id(info.id) is info


@pytest.mark.parametrize("kpi_id", ["", "SATISFACTION_SCORE", "satisfaction", "1", "x" * 100_000])
def test_unknown_id(kpi_id: str) -> None:
    """Any other id is refused, in a message of bounded length that lists all there are."""
    with pytest.raises(InvalidArgumentError) as error:
        by_id(kpi_id)
    assert error.value.reason is Reason.UNKNOWN_KPI
    assert [v.field for v in error.value.violations] == [RequestPart.KPI]
    assert all(info.id in error.value.message for info in CATALOGUE.values())
    assert len(error.value.message) < 600


def test_near_miss() -> None:
    """The id that was probably meant is suggested."""
    with pytest.raises(InvalidArgumentError, match="did you mean 'feedback_count'"):
        by_id("feedback_counts")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", "en"),
        ("de", "de"),
        ("nl", "nl"),
        ("de-AT", "de"),
        ("nl_BE", "nl"),
        ("NL", "nl"),
        ("", "en"),
        ("fr", "en"),
    ],
)
def test_language(code: str, expected: str) -> None:
    """A region after a language is ignored, and so is case; any other language is English."""
    assert language(code) == expected
