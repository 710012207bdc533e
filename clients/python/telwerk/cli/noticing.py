"""What is told of an account without data, whose name may be mistyped."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from telwerk.cli.options import say
from telwerk.client import Telwerk
from telwerk.v1.kpi_service_pb2 import Availability, KpiAnswer

_EVER: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC))
"""No event can happen before or after."""


def no_data_yet(telwerk: Telwerk, account: str, kpi_ids: Sequence[str]) -> str | None:
    """A sentence where of an account nothing was ever counted or held back by any of these KPIs."""
    start, end = _EVER
    answers = telwerk.totals(account, kpi_ids, start=start, end=end).answers
    if any(map(_has_something, answers)):
        return None
    return f"no data yet for the account {account!r}: is it spelled right?"


def say_if_no_data(telwerk: Telwerk, account: str, kpi_ids: Sequence[str], answers: Iterable[KpiAnswer] = ()) -> None:
    """Tells of an account without data, on standard error; asks only where the answers have nothing.

    Not of one that does not count some of the KPIs: it is there.
    """
    answers = list(answers)
    if not_counted(answers):
        return
    if not any(map(_has_something, answers)) and (sentence := no_data_yet(telwerk, account, kpi_ids)):
        say(sentence)


def not_counted(answers: Iterable[KpiAnswer]) -> list[str]:
    """The KPIs that the account does not count, or not yet: there are no numbers of them."""
    lacking = Availability.AVAILABILITY_NOT_YET_COUNTED
    return [answer.kpi_id for answer in answers if answer.availability == lacking]


def _has_something(answer: KpiAnswer) -> bool:
    return bool(answer.count or answer.held_back_count)
