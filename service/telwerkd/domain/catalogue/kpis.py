"""The catalogue of the KPIs: their specifications with what people read about them."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

import msgspec

from telwerkd.domain.catalogue.specs import (
    SPECS,
    Kpi,
    KpiSpec,
)
from telwerkd.domain.catalogue.texts import KpiText, Language, SectionText, Texts, ValueText, de, en, nl
from telwerkd.domain.catalogue.values import numbered_value
from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart

TEXTS: Mapping[Language, Texts] = MappingProxyType(
    {Language.EN: en.TEXTS, Language.DE: de.TEXTS, Language.NL: nl.TEXTS}
)
"""Every text, by language."""

_LONGEST_ECHO = 64


class KnownValue(msgspec.Struct, frozen=True):
    """A value that is known beforehand: as a fact carries it, and what people read about it."""

    value: str
    texts: Mapping[Language, ValueText]


class KpiInfo(KpiSpec, frozen=True, kw_only=True):
    """One KPI with its texts, complete enough to draw its help text and to check a query about it."""

    texts: Mapping[Language, KpiText]
    section_texts: Mapping[Language, SectionText]
    values: tuple[KnownValue, ...]
    """The known values, in order; none where producers choose the values."""


def by_id(kpi_id: str) -> KpiInfo:
    """Returns the KPI of an id.

    Raises:
        InvalidArgumentError: there is none; the text has the nearest id if one is near, and all there are.
    """
    return named(kpi_id, _BY_ID)


def named(kpi_id: str, known: Mapping[str, KpiInfo]) -> KpiInfo:
    """Returns the entry of an id among those known.

    Raises:
        InvalidArgumentError: there is none; the text has the nearest id if one is near, and all there are.
    """
    if info := known.get(kpi_id):
        return info
    near = get_close_matches(kpi_id.lower(), known, n=1) if len(kpi_id) <= _LONGEST_ECHO else []
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise InvalidArgumentError.of(
        RequestPart.KPI,
        f"no KPI has the id {kpi_id[:_LONGEST_ECHO]!r}{hint} There are: {', '.join(known)}",
        Reason.UNKNOWN_KPI,
    )


def language(code: str) -> Language:
    """Returns the language of a code such as `nl` or `de-AT`, whose region is ignored; English for an unknown code."""
    primary = code.replace("_", "-").partition("-")[0].lower()
    return next((known for known in Language if known == primary), Language.EN)


def _info(spec: KpiSpec) -> KpiInfo:
    return KpiInfo(
        **msgspec.structs.asdict(spec),
        texts=MappingProxyType({code: texts.kpis[spec.kpi] for code, texts in TEXTS.items()}),
        section_texts=MappingProxyType({code: texts.sections[spec.section] for code, texts in TEXTS.items()}),
        values=_known_values(spec.kpi),
    )


def _known_values(kpi: Kpi) -> tuple[KnownValue, ...]:
    """Returns the known values of a KPI, numbered from 1 in the order of their texts, with these in every language."""
    by_language = [[(code, value) for value in texts.kpis[kpi].values] for code, texts in TEXTS.items()]
    return tuple(
        KnownValue(numbered_value(number), MappingProxyType(dict(translations)))
        for number, translations in enumerate(zip(*by_language, strict=True), start=1)
    )


CATALOGUE: Mapping[Kpi, KpiInfo] = MappingProxyType({kpi: _info(spec) for kpi, spec in SPECS.items()})
"""The KPIs, in the order of docs/rules.md."""

_BY_ID: Mapping[str, KpiInfo] = MappingProxyType({info.id: info for info in CATALOGUE.values()})
