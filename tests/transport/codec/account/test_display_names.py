"""Display names: each that is wrong is refused by its field, and never quoted; pages go on where they ended."""

from typing import Any

import pytest

from telwerk.v1 import display_name_pb2 as names_pb, settings_service_pb2 as pb
from telwerk.v1.display_name_pb2 import DisplayName
from telwerkd.application.display_names import Listing, NamePage
from telwerkd.domain.display_names import NameKey, NameKind, option_key
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError
from telwerkd.transport.codec.account.display_names import (
    NameLimits,
    NameReader,
    decode_page_size,
    encode_names,
    encode_page,
)
from telwerkd.transport.codec.errors import described
from telwerkd.transport.codec.fields import FieldReader

FIELDS = FieldReader(id_bytes_max=8, url_bytes_max=20)
LIMITS = NameLimits(display_name_characters_max=5, display_name_bytes_max=12, display_names_per_request_max=3)
READER = NameReader(LIMITS, FIELDS)
OPERATOR, GOAL, OPTION = (
    names_pb.NAME_KIND_OPERATOR,
    names_pb.NAME_KIND_GOAL,
    names_pb.NAME_KIND_OPTION,
)


def name(kind: int, id_: str, text: str, question: str = "") -> DisplayName:
    return DisplayName(kind=names_pb.NameKind.ValueType(kind), id=id_, name=text, question_id=question)


def decoded(*names: DisplayName, replace_all: bool = False) -> dict[NameKey, str]:
    return READER.decode(pb.SetDisplayNamesRequest(account_id="acme", names=names, replace_all=replace_all))


def test_the_kinds_of_the_contract_are_those_of_storage() -> None:
    """By number and by word."""
    assert {f"NAME_KIND_{kind.name}": int(kind) for kind in NameKind} == {
        key: number for key, number in names_pb.NameKind.items() if number
    }


def test_a_name_belongs_to_its_kind_and_id_and_an_options_to_its_question() -> None:
    """The same id may be of an operator and a goal, and of options of two questions."""
    assert decoded(name(OPERATOR, "x", "Anna"), name(GOAL, "x", "Order"), name(OPTION, "x", "Nine", "nps")) == {
        NameKey(NameKind.OPERATOR, "x"): "Anna",
        NameKey(NameKind.GOAL, "x"): "Order",
        option_key("nps", "x"): "Nine",
    }
    assert len(decoded(name(OPTION, "x", "A", "q1"), name(OPTION, "x", "A", "q2"))) == 2


@pytest.mark.parametrize("text", ["12345", "\U0001f600\U0001f600\U0001f600", "éÉéÉé", " A ", ""])
def test_a_name_is_any_text_within_its_characters_and_bytes(text: str) -> None:
    """As it is, and the empty one removes it."""
    assert decoded(name(OPERATOR, "x", text)) == {NameKey(NameKind.OPERATOR, "x"): text}


@pytest.mark.parametrize(
    ("names", "field", "reason", "words"),
    [
        ([], "names", "INVALID_REQUEST", "unless replace_all"),
        ([name(0, "x", "X")], "names[0].kind", "INVALID_REQUEST", "0 is not one of NAME_KIND_OPERATOR"),
        ([name(OPERATOR, "a", "A"), name(8, "x", "X")], "names[1].kind", "INVALID_REQUEST", "8 is not"),
        ([name(OPERATOR, "", "X")], "names[0].id", "INVALID_REQUEST", "is required"),
        ([name(OPERATOR, "a\nb", "X")], "names[0].id", "INVALID_REQUEST", "control"),
        ([name(OPERATOR, "x" * 9, "X")], "names[0].id", "INVALID_REQUEST", "id_bytes_max"),
        ([name(OPTION, "9", "X")], "names[0].question_id", "INVALID_REQUEST", "is required"),
        ([name(OPTION, "", "X", "nps")], "names[0].id", "INVALID_REQUEST", "is required"),
        ([name(GOAL, "9", "X", "nps")], "names[0].question_id", "INVALID_REQUEST", "options only"),
        (
            [name(OPERATOR, "x", "VWXYZ7")],
            "names[0].name",
            "LIMIT_EXCEEDED",
            "6 characters, at most 5 (display_name_characters_max)",
        ),
        (
            [name(OPERATOR, "x", "\U0001f600" * 4)],
            "names[0].name",
            "LIMIT_EXCEEDED",
            "16 bytes, at most 12 (display_name_bytes_max)",
        ),
        ([name(OPERATOR, "x", "V\tW")], "names[0].name", "INVALID_REQUEST", "control"),
        ([name(OPERATOR, "x", "V\u2028W")], "names[0].name", "INVALID_REQUEST", "control"),
        ([name(OPERATOR, "x", "V\u202eW")], "names[0].name", "INVALID_REQUEST", "direction"),
        ([name(OPERATOR, "x", " \u00a0\u200b")], "names[0].name", "INVALID_REQUEST", "no visible"),
        ([name(GOAL, "x", "VW"), name(GOAL, "x", "YZ")], "names[1]", "INVALID_REQUEST", "same thing as names[0]"),
        ([name(GOAL, "x", "VW"), name(GOAL, "x", "")], "names[1]", "INVALID_REQUEST", "same thing as names[0]"),
        ([name(GOAL, "x", ""), name(GOAL, "x", "VW")], "names[1]", "INVALID_REQUEST", "same thing as names[0]"),
        (
            [name(GOAL, f"{n}", "VW") for n in range(4)],
            "names",
            "LIMIT_EXCEEDED",
            "has 4 names, at most 3 (display_names_per_request_max)",
        ),
    ],
)
def test_a_wrong_name_is_refused_by_its_field_and_never_quoted(
    names: list[DisplayName], field: str, reason: str, words: str
) -> None:
    """The text says which limit was met; errors are logged, and names are of people."""
    with pytest.raises(InvalidArgumentError) as caught:
        decoded(*names)
    told = described(caught.value)
    assert (told.field, told.reason) == (field, reason)
    assert words in told.message
    assert not any(each.name in told.message for each in names if len(each.name.strip()) > 1)


def test_all_names_may_be_replaced_by_none() -> None:
    assert decoded(replace_all=True) == {}


# --- listings --------------------------------------------------------------------------------------------------------


def listing(kind: int = OPERATOR, **fields: Any) -> pb.ListDisplayNamesRequest:
    return pb.ListDisplayNamesRequest(account_id="acme", kind=names_pb.NameKind.ValueType(kind), **fields)


def test_a_listing_is_of_a_kind_from_its_first_name_on() -> None:
    """A hundred of them, unless asked otherwise; options may be those of one question."""
    assert READER.listing(listing()) == Listing(NameKind.OPERATOR, "", "", "", 100)
    options = READER.listing(listing(OPTION, question_id="nps", prefix="n", page_size=1_000))
    assert options == Listing(NameKind.OPTION, "n", option_key("nps", "").id, "", 1_000)


@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (listing(0), "kind", "INVALID_REQUEST"),
        (listing(question_id="nps"), "question_id", "INVALID_REQUEST"),
        (listing(OPTION, question_id="x" * 9), "question_id", "INVALID_REQUEST"),
        (listing(page_size=1_001), "page_size", "INVALID_REQUEST"),
        (listing(page_size=-1), "page_size", "INVALID_REQUEST"),
        (listing(page_token="AAAA"), "page_token", "PAGE_TOKEN_INVALID"),  # noqa: S106  # no secret
        (listing(prefix="x" * 13), "prefix", "LIMIT_EXCEEDED"),
    ],
)
def test_a_wrong_listing_is_refused_by_its_field(request_: pb.ListDisplayNamesRequest, field: str, reason: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        READER.listing(request_)
    told = described(caught.value)
    assert (told.field, told.reason) == (field, reason)


@pytest.mark.parametrize(("name_bytes", "most"), [(12, 12), (4, 8)])
def test_a_prefix_is_as_long_as_an_id_or_a_name_may_be(name_bytes: int, most: int) -> None:
    """In bytes, of which an id may have 8."""
    reader = NameReader(NameLimits(display_name_bytes_max=name_bytes), FIELDS)
    assert reader.prefix("prefix", "é" * (most // 2)) == "é" * (most // 2)
    with pytest.raises(LimitExceededError, match=f"has {most + 1} bytes, at most {most}"):
        reader.prefix("prefix", "x" * (most + 1))


@pytest.mark.parametrize(("size", "names"), [(0, 100), (1, 1), (1_000, 1_000)])
def test_a_page_has_a_hundred_unless_asked_otherwise(size: int, names: int) -> None:
    assert decode_page_size(size) == names


def test_a_page_goes_on_after_the_name_of_its_token() -> None:
    """The last page has no token; names stand in the order of the page."""
    asked = listing(OPTION)
    page = NamePage([(option_key("nps", "9"), "Nine"), (option_key("nps", "1"), "One")], option_key("nps", "1").id, 2)
    reply = pb.ListDisplayNamesResponse.FromString(encode_page(asked, page))
    assert list(reply.names) == [name(OPTION, "9", "Nine", "nps"), name(OPTION, "1", "One", "nps")]
    asked.page_token = reply.next_page_token
    assert READER.listing(asked).after == page.next
    last = pb.ListDisplayNamesResponse.FromString(encode_page(asked, page._replace(next=None)))
    assert last.next_page_token == ""


def test_names_in_an_answer_come_by_kind_and_id() -> None:
    """An option's id is told apart from its question's."""
    keys = [option_key("nps", "9"), NameKey(NameKind.OPERATOR, "b"), NameKey(NameKind.OPERATOR, "a")]
    field = pb.ListDisplayNamesResponse.NAMES_FIELD_NUMBER
    found = pb.ListDisplayNamesResponse.FromString(encode_names(field, dict.fromkeys(keys, "X"))).names
    assert list(found) == [name(OPERATOR, "a", "X"), name(OPERATOR, "b", "X"), name(OPTION, "9", "X", "nps")]
