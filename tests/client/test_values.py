"""Values, and whatever else servers name by a number, as people read them."""

import pytest

from telwerk.cli.answers import names_json
from telwerk.cli.catalogue import _dimensions
from telwerk.cli.values import text_of
from telwerk.queries import granularity_of
from telwerk.v1.display_name_pb2 import DisplayName
from telwerk.v1.event_pb2 import SENDER_BOT
from telwerk.v1.kpi_service_pb2 import Kpi, QueryTimeSeriesResponse, Value

NEWER = 4_711
"""A member of any enumeration that only a newer server knows."""


@pytest.mark.parametrize("kind", ["action", "offline_assignment", "sender", "conversation_end"])
def test_a_value_that_only_a_newer_server_knows_is_its_number(kind: str) -> None:
    """An older command goes on showing answers when the service learns a further action, sender or end."""
    value = Value(**{kind: NEWER})  # type: ignore[arg-type]  # one of the fields
    assert text_of(value) == str(NEWER)
    assert text_of(Value(sender=SENDER_BOT)) == "bot"


def test_whatever_else_only_a_newer_server_knows_is_shown_too() -> None:
    """Dimensions and kinds of names by number; buckets of a width that is not known, by when each begins."""
    assert _dimensions(Kpi(dimensions=[1, NEWER])) == ["operator", str(NEWER)]  # type: ignore[list-item]  # of newer ones
    [named] = names_json([DisplayName(kind=NEWER, id="a", name="b")])  # type: ignore[arg-type]  # of newer ones
    assert named["kind"] == str(NEWER)
    assert granularity_of("auto", QueryTimeSeriesResponse(granularity=NEWER)) == "quarter_hour"  # type: ignore[arg-type]
