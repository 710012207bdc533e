"""Which metrics and labels a query of Prometheus names; enough of its language for the dashboard and the alarms."""

import re
from typing import NamedTuple

from telwerkd.metrics.catalogue import CATALOGUE, Kind

GIVEN = {"job", "instance"}
"""The labels that Prometheus itself adds."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(?!\s*\(|[\w:])")
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
_ENDINGS = {Kind.HISTOGRAM: ("_bucket", "_count", "_sum")}


class Series(NamedTuple):
    """What a query asks for under one name."""

    name: str
    labels: set[str]


class Asked(NamedTuple):
    """What a query names."""

    series: list[Series]
    groups: set[str]


def asked(query: str) -> Asked:
    bare = _RANGE.sub("", _STRING.sub("", query))
    groups = {label.strip() for found in _GROUPING.findall(bare) for label in found.split(",") if label.strip()}
    bare = re.sub(r"\b\d[\w.]*", "", _GROUPING.sub("", bare))
    found = [
        Series(name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels)))
        for name, labels in _SELECTOR.findall(bare)
        if name not in _WORDS
    ]
    return Asked(found, groups)


def told() -> dict[str, set[str]]:
    """The labels of every series that a server tells, by its name."""
    return {
        metric.name + ending: {*metric.labels, *GIVEN, *({"le"} if ending == "_bucket" else ())}
        for metric in CATALOGUE.values()
        for ending in _ENDINGS.get(metric.kind, ("",))
    }


def unknown(query: str, known: dict[str, set[str]]) -> set[str]:
    """The names and labels of a query that nobody tells; a query that names nothing is one of them."""
    series, groups = asked(query)
    missing = {one.name for one in series if one.name not in known}
    missing |= {
        f"{one.name}{{{label}}}" for one in series if one.name in known for label in one.labels - known[one.name]
    }
    labels = set().union(*(known.get(one.name, set()) for one in series))
    return missing | (groups - labels) | (set() if series else {query})
