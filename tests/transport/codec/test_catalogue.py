"""The catalogue as a message says what the catalogue says: in every language, with values that can be sent back."""

from enum import IntEnum
from typing import Any

import pytest

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.domain.catalogue.kpis import CATALOGUE, TEXTS
from telwerkd.domain.catalogue.rates import RATE_TEXTS, RATES
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import Dimension, Direction, Revisability, Section, ValueKind
from telwerkd.domain.catalogue.texts import KpiText, Language
from telwerkd.transport.codec.catalogue import encode_catalogue
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.values import decode_value

READER = FieldReader(128, 2_048)
EVERY_LANGUAGE = pytest.mark.parametrize("spoken", list(Language))


def texts_of(message: pb.Kpi | pb.Rate) -> tuple[str, ...]:
    return (message.display_name, message.what, message.unit, message.when, message.why, message.example)


def numbers(*members: int) -> list[int]:
    """What members of enumerations are in messages."""
    return [int(member) for member in members]


def texts(of: KpiText) -> tuple[str, ...]:
    return (of.name, of.what, of.unit, of.when, of.why, of.example)


@EVERY_LANGUAGE
def test_every_kpi_service_time_and_rate_has_its_texts_in_the_language_asked_for(spoken: Language) -> None:
    found = encode_catalogue(spoken)
    assert found.language_code == spoken
    assert [texts_of(kpi) for kpi in found.kpis] == [texts(TEXTS[spoken].kpis[kpi]) for kpi in CATALOGUE]
    assert [texts_of(rate) for rate in found.rates] == [texts(RATE_TEXTS[spoken][rate]) for rate in RATES]
    assert [texts_of(kpi) for kpi in found.service_times] == [texts(of.texts[spoken]) for of in SERVICE_TIMES.values()]
    assert found.headings.what == TEXTS[spoken].headings.what


@pytest.mark.parametrize(("code", "spoken"), [("nl-BE", "nl"), ("DE_at", "de"), ("", "en"), ("tlh", "en")])
def test_a_region_is_ignored_and_an_unknown_language_is_english(code: str, spoken: str) -> None:
    assert encode_catalogue(code) == encode_catalogue(spoken)


def test_every_kpi_has_its_id_and_number_and_every_rate_its_id() -> None:
    found = encode_catalogue("en")
    assert [(kpi.kpi_id, kpi.number) for kpi in found.kpis] == [(info.id, kpi) for kpi, info in CATALOGUE.items()]
    assert [kpi.kpi_id for kpi in found.service_times] == list(SERVICE_TIMES)
    assert [rate.rate_id for rate in found.rates] == list(RATES)


@EVERY_LANGUAGE
def test_known_values_have_their_names_and_are_the_values_of_the_facts(spoken: Language) -> None:
    """A client that sends one back, as a filter, names what was counted."""
    for message, info in zip(encode_catalogue(spoken).kpis, CATALOGUE.values(), strict=True):
        decoded = [decode_value("value", value.value, READER) for value in message.values]
        assert decoded == [(info.value_kind, known.value) for known in info.values]
        named = [(value.display_name, value.description) for value in message.values]
        assert named == [(known.texts[spoken].name, known.texts[spoken].description) for known in info.values]


@EVERY_LANGUAGE
def test_every_kpi_is_in_one_section_which_is_the_one_that_it_names(spoken: Language) -> None:
    found = encode_catalogue(spoken)
    sections = [(section.display_name, list(section.kpi_ids)) for section in found.sections]
    names = dict.fromkeys(kpi.section for kpi in found.kpis)
    assert sorted(sections) == sorted((name, [k.kpi_id for k in found.kpis if k.section == name]) for name in names)
    assert [section.introduction for section in found.sections] == [TEXTS[spoken].sections[s].intro for s in Section]


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (Dimension, pb.Dimension, "DIMENSION_"),
        (ValueKind, pb.ValueKind, "VALUE_KIND_"),
        (Revisability, pb.Revisability, "REVISABILITY_"),
        (Direction, pb.Direction, "DIRECTION_"),
    ],
)
def test_a_number_of_an_enumeration_means_the_same_in_the_contract(
    ours: type[IntEnum], theirs: Any, prefix: str
) -> None:
    assert {each.value: prefix + each.name for each in ours}.items() <= {n: name for name, n in theirs.items()}.items()


def test_every_kpi_says_how_it_is_split_and_what_it_means() -> None:
    for message, info in zip(encode_catalogue("en").kpis, CATALOGUE.values(), strict=True):
        assert numbers(*message.dimensions) == numbers(*info.dimensions)
        said = numbers(message.value_kind, message.revisability, message.direction, message.has_mean)
        assert said == numbers(info.value_kind, info.revisability, info.direction, info.has_mean)


def test_a_rate_names_the_kpis_and_values_above_and_below_its_line() -> None:
    """And it has values to group by only where it counts all of them above the line."""
    for message, rate in zip(encode_catalogue("en").rates, RATES.values(), strict=True):
        terms = [message.above, *message.below]
        for term, counted in zip(terms, (rate.above, *rate.below), strict=True):
            assert term.kpi_id == CATALOGUE[counted.kpi].id
            assert term.HasField("value") == bool(counted.value)
            if counted.value:
                assert decode_value("value", term.value, READER) == (counted.info.value_kind, counted.value)
        assert numbers(*message.dimensions) == numbers(*rate.dimensions)
        assert (message.value_kind != pb.VALUE_KIND_NONE) == (Dimension.VALUE in rate.dimensions)
        assert numbers(message.direction, message.may_exceed_one) == numbers(rate.direction, rate.may_exceed_one)
