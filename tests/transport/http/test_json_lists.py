"""Bodies are split at their list as a parser would split them, and given up where there is too much of it."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.transport.http.json_lists import NoListError, TooFineError, TooManyError, split
from tests.effort import examples

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(['"', "\\", "[{", "}]", "events"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("events"), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5) | st.just("events"), VALUES, max_size=3)


@settings(max_examples=examples(150), deadline=None)
@given(
    before=st.dictionaries(st.text(max_size=5), VALUES, max_size=2),
    items=st.lists(OBJECTS, max_size=4),
    after=st.dictionaries(st.text(max_size=5), VALUES, max_size=2),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
)
def test_what_a_parser_finds_in_the_list_is_what_it_is_split_into(before, items, after, indent, ascii_only):
    for others in (before, after):
        others.pop("events", None)
    body = before | {"events": items} | after
    raw = json.dumps(body, indent=indent, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    rest, found = split(raw, "events", 4)
    assert [json.loads(item.decode(errors="surrogatepass")) for item in found] == items
    assert json.loads(rest.decode(errors="surrogatepass")) == body | {"events": []}


@pytest.mark.parametrize(
    "rest", [b"{}", b'{"a":"events"}', b'{"a":{"events":[{}]}}', b'{"events":null}', b'["events",[1]]']
)
def test_what_has_no_list_is_left_whole(rest):
    assert split(rest, "events", 9) == (rest, [])


@pytest.mark.parametrize(
    "wrong",
    [
        "{}",
        "1",
        '"x"',
        "[1]",
        "[{},]",
        "[{}{}]",
        "[,{}]",
        '["x"]',
        "[[]]",
        "[{}",
        "[{}}",
        "[{},null]",
        '[{"a":"}]',
    ],
)
def test_a_list_of_anything_but_objects_is_none(wrong):
    with pytest.raises(NoListError):
        split(b'{"events":' + wrong.encode(), "events", 9)


def test_a_list_of_too_many_is_given_up_at_once():
    """However many there are: with what comes after the bound, it would be no list at all."""
    with pytest.raises(TooManyError):
        split(b'{"events":[' + b"{}," * 10 + b"nix", "events", 9)


@pytest.mark.parametrize(
    "raw", [b'{"events' + b'"\\' * 200_000, b'{"' + b"\\" * 400_000, b"{" * 400_000, b" " * 400_000]
)
def test_what_is_made_to_be_slow_is_not(raw):
    """A walk that went back for each quote would not come to its end here."""
    assert split(raw, "events", 9) == (raw, [])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":' + b"[]" * 300_000,
        b'{"events":[{"a":[' + b'"",' * 600_000,
    ],
    ids=["before the list", "in one object"],
)
def test_a_body_of_nothing_but_brackets_and_texts_is_given_up(raw):
    """To walk over as many as a body has room for takes a quarter of a minute."""
    with pytest.raises(TooFineError):
        split(raw, "events", 9)
