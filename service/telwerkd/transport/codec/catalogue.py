"""The catalogue of KPIs as a message."""

import msgspec

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.domain.catalogue.kpis import CATALOGUE, TEXTS, KnownValue, KpiInfo, language
from telwerkd.domain.catalogue.rates import RATES, RateInfo, Term
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import Dimension, Section, ValueKind
from telwerkd.domain.catalogue.texts import Language
from telwerkd.transport.codec.values import encode_value


def encode_catalogue(language_code: str) -> pb.ListKpisResponse:
    """Returns the catalogue in a language, in English for an unknown one."""
    spoken = language(language_code)
    return pb.ListKpisResponse(
        kpis=[_kpi(info, spoken) for info in CATALOGUE.values()],
        language_code=spoken,
        sections=[_section(section, spoken) for section in Section],
        headings=pb.HelpHeadings(**msgspec.structs.asdict(TEXTS[spoken].headings)),
        rates=[_rate(rate, spoken) for rate in RATES.values()],
        service_times=[_kpi(info, spoken) for info in SERVICE_TIMES.values()],
    )


def _section(section: Section, spoken: Language) -> pb.Section:
    text = TEXTS[spoken].sections[section]
    kpis = [info.id for info in CATALOGUE.values() if info.section is section]
    return pb.Section(display_name=text.name, introduction=text.intro, kpi_ids=kpis)


def _kpi(info: KpiInfo, spoken: Language) -> pb.Kpi:
    texts = info.texts[spoken]
    return pb.Kpi(
        kpi_id=info.id,
        number=info.kpi,
        display_name=texts.name,
        section=info.section_texts[spoken].name,
        what=texts.what,
        unit=texts.unit,
        when=texts.when,
        why=texts.why,
        example=texts.example,
        dimensions=[pb.Dimension.ValueType(d) for d in info.dimensions],
        value_kind=pb.ValueKind.ValueType(info.value_kind),
        revisability=pb.Revisability.ValueType(info.revisability),
        direction=pb.Direction.ValueType(info.direction),
        has_mean=info.has_mean,
        values=[_value(info, known, spoken) for known in info.values],
    )


def _rate(rate: RateInfo, spoken: Language) -> pb.Rate:
    texts = rate.texts[spoken]
    return pb.Rate(
        rate_id=rate.id,
        display_name=texts.name,
        what=texts.what,
        unit=texts.unit,
        when=texts.when,
        why=texts.why,
        example=texts.example,
        above=_term(rate.above),
        below=[_term(term) for term in rate.below],
        dimensions=[pb.Dimension.ValueType(d) for d in rate.dimensions],
        value_kind=pb.ValueKind.ValueType(rate.value_kind if Dimension.VALUE in rate.dimensions else ValueKind.NONE),
        direction=pb.Direction.ValueType(rate.direction),
        may_exceed_one=rate.may_exceed_one,
    )


def _term(term: Term) -> pb.RateTerm:
    value = encode_value(term.info.value_kind, term.value) if term.value else None
    return pb.RateTerm(kpi_id=term.info.id, value=value)


def _value(info: KpiInfo, known: KnownValue, spoken: Language) -> pb.ValueInfo:
    texts = known.texts[spoken]
    return pb.ValueInfo(
        value=encode_value(info.value_kind, known.value), display_name=texts.name, description=texts.description
    )
