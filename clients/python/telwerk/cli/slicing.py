"""Whom the pages about all KPIs at once are about: operators, groups and widgets, which every KPI has."""

from collections.abc import Iterable

from telwerk.cli.values import NOBODY
from telwerk.v1.kpi_service_pb2 import Filter, IdFilter


def people_filter(
    operators: Iterable[str] | None, groups: Iterable[str] | None, widgets: Iterable[str] | None
) -> Filter:
    """The filter that keeps any of the operators, and any of the groups, and any of the widgets; none keeps all.

    `nobody` is the operator, or group, of what nobody was assigned to.
    """
    where = Filter()
    if operators:
        where.operators.CopyFrom(IdFilter(any_of=map(_id, operators)))
    if groups:
        where.operator_groups.CopyFrom(IdFilter(any_of=map(_id, groups)))
    if widgets:
        where.widgets.CopyFrom(IdFilter(any_of=widgets))
    return where


def readable_id(text: str) -> str:
    """An id as people may see it: nothing in it steers a terminal or turns the direction of a page's text."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _id(text: str) -> str:
    return "" if text == NOBODY else text
