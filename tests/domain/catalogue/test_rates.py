"""Rates: what is above and below the line, and what they take from the KPI above."""

import pytest

from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.rates import RATE_TEXTS, RATES, RateInfo, above_value, asked_by_id, below_the_line
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import Dimension, Direction, Kpi
from telwerkd.domain.errors import InvalidArgumentError

each_rate = pytest.mark.parametrize("rate", RATES.values(), ids=list(RATES))


@each_rate
def test_a_rate_goes_by_what_the_kpi_above_goes_by(rate: RateInfo) -> None:
    """Not by value where it is of one value: there would be one row (R-RATE-6)."""
    lost = {Dimension.VALUE} if rate.above.value else set()
    assert set(rate.dimensions) == set(rate.above.info.dimensions) - lost


@each_rate
def test_a_rate_that_counts_the_same_above_and_below_is_at_most_one(rate: RateInfo) -> None:
    """Only one whose line is drawn between different conversations or days may exceed it (R-RATE-5)."""
    same = rate.above.kpi in {term.kpi for term in rate.below}
    assert not (same and rate.may_exceed_one)


@each_rate
def test_a_rate_has_texts_of_its_own_in_every_language_and_no_mean(rate: RateInfo) -> None:
    """It is a number already; its texts are not those of the KPI above."""
    assert rate.texts.keys() == RATE_TEXTS.keys()
    assert all(rate.texts[code].name != rate.above.info.texts[code].name for code in RATE_TEXTS)
    assert not rate.has_mean


def test_a_rate_knows_each_of_its_kpis_once() -> None:
    """Also where one is on both sides."""
    rate = RATES["live_answer_rate"]
    assert rate.kpis == (Kpi.LIVE_CONVERSATIONS_ANSWERED, Kpi.UNANSWERED_LIVE_CONVERSATIONS)
    assert RATES["unanswered_ended_rate"].direction is Direction.LOWER_IS_BETTER


def test_what_is_asked_for_by_its_id() -> None:
    """KPIs, service times and rates have ids in common with none; anything else is refused."""
    everything = [*CATALOGUE.values(), *SERVICE_TIMES.values(), *RATES.values()]
    assert [asked_by_id(info.id) for info in everything] == everything
    with pytest.raises(InvalidArgumentError, match="live_answer_rate"):
        asked_by_id("live_answer_rates")


def test_only_a_rate_has_a_line() -> None:
    """Of a KPI nothing is below, and all values are above."""
    kpi = CATALOGUE[Kpi.OFFLINE_ASSIGNMENTS]
    assert (below_the_line(kpi), above_value(kpi)) == ((), "")
    assert above_value(RATES["offline_reassignment_rate"]) == "1"
    assert below_the_line(RATES["offline_reassignment_rate"])[0].value == ""
