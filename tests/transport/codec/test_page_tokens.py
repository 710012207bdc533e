"""Page tokens: a place comes back as it was, for the request that it continues and for no other."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.domain.errors import InvalidArgumentError, Reason
from telwerkd.transport.codec.page_tokens import Number, Text, decode, encode

law = settings(deadline=None)
REQUEST = pb.ListDimensionValuesRequest(account_id="acme", kpi_ids=["feedback_count"], page_size=10)
Place: Any = tuple[Number, Text]


@law
@given(st.integers(0, 2**63 - 1), st.text("abc\u00e9\U0001f600/+=", max_size=6))
def test_a_place_comes_back_as_it_was(number: int, text: str) -> None:
    """And the token is of characters that any transport carries."""
    token = encode(REQUEST, (number, text))
    assert decode(REQUEST, token, Place) == (number, text)
    assert token.isascii()


def test_only_the_page_may_differ() -> None:
    """The next page may have another size, and its request has the token in it."""
    token = encode(REQUEST, (7, "x"))
    turned = pb.ListDimensionValuesRequest(account_id="acme", kpi_ids=["feedback_count"], page_size=3, page_token=token)
    assert decode(turned, token, Place) == (7, "x")


@pytest.mark.parametrize(
    "other",
    [
        pb.ListDimensionValuesRequest(account_id="other", kpi_ids=["feedback_count"]),
        pb.ListDimensionValuesRequest(account_id="acme", kpi_ids=["goals_reached"]),
        pb.ListDimensionValuesRequest(account_id="acme", kpi_ids=["feedback_count"], prefix="a"),
    ],
)
def test_a_token_of_another_request_is_refused(other: pb.ListDimensionValuesRequest) -> None:
    """It would lead into the middle of other rows."""
    with pytest.raises(InvalidArgumentError, match="another request") as caught:
        decode(other, encode(REQUEST, (7, "x")), Place)
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize(
    "place",
    [(-1, "x"), (2**63, "x"), (1, "a\0b"), (1,), ("1", "x")],
)
def test_what_no_database_can_hold_is_no_place(place: object) -> None:
    """A token can be made by hand."""
    with pytest.raises(InvalidArgumentError, match="not a token of this server"):
        decode(REQUEST, encode(REQUEST, place), Place)


@pytest.mark.parametrize(
    "token",
    [
        *("", "x", "%%%%", "é", "====", "A" * 10_000),
        base64.urlsafe_b64encode(b"\xff" * 40).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode([b"x" * 12, "soon", 3])).decode(),
        *(encode(REQUEST, (7, "x"))[:length] for length in range(4, len(encode(REQUEST, (7, "x"))), 4)),
    ],
)
def test_any_other_text_is_no_token(token: str) -> None:
    """Whatever it is, a part of a right one too; by the field and the reason of a wrong token."""
    with pytest.raises(InvalidArgumentError, match="page_token") as caught:
        decode(REQUEST, token, Place)
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID
