"""The help texts of the KPIs, one module per language, each complete enough to draw a help page from.

The texts say what docs/rules.md says, in words for the people who read the numbers. A change of a rule is a change of
that page first, and changes them too.
"""

import enum
from collections.abc import Mapping, Sequence

import msgspec

from telwerkd.domain.catalogue.specs import Kpi, Section as Section


class Language(enum.StrEnum):
    """The languages of the texts, by their codes."""

    EN = "en"
    DE = "de"
    NL = "nl"


class SectionText(msgspec.Struct, frozen=True):
    """A part's heading and what it is about."""

    name: str
    intro: str


class Headings(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above the texts on a help page."""

    what: str
    unit: str
    when: str
    why: str
    example: str
    values: str


class ValueText(msgspec.Struct, frozen=True):
    """A known value's name and what it means; the latter may be empty."""

    name: str
    description: str = ""


class KpiText(msgspec.Struct, frozen=True, kw_only=True):
    """What people read about a KPI. The fields answer the help page's questions; `example` may be empty."""

    name: str
    what: str
    unit: str
    when: str
    why: str
    example: str = ""
    values: Sequence[ValueText] = ()
    """Of the values known beforehand, in their order."""


class Texts(msgspec.Struct, frozen=True):
    """Everything in one language."""

    headings: Headings
    sections: Mapping[Section, SectionText]
    kpis: Mapping[Kpi, KpiText]
