"""The catalogue of KPIs as a message."""

import msgspec

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.domain.catalogue.kpis import CATALOGUE, TEXTS, KnownValue, KpiInfo, language
from telwerkd.domain.catalogue.specs import Section
from telwerkd.domain.catalogue.texts import Language
from telwerkd.transport.codec.values import encode_value


def encode_catalogue(language_code: str) -> pb.ListKpisResponse:
    """The catalogue in the language asked for, or in English."""
    spoken = language(language_code)
    return pb.ListKpisResponse(
        kpis=[_kpi(info, spoken) for info in CATALOGUE.values()],
        language_code=spoken,
        sections=[_section(section, spoken) for section in Section],
        headings=pb.HelpHeadings(**msgspec.structs.asdict(TEXTS[spoken].headings)),
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


def _value(info: KpiInfo, known: KnownValue, spoken: Language) -> pb.ValueInfo:
    texts = known.texts[spoken]
    return pb.ValueInfo(
        value=encode_value(info.value_kind, known.value), display_name=texts.name, description=texts.description
    )
