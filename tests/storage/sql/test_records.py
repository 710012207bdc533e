"""What is written into columns is read from there as it was."""

import msgspec
import pytest
from hypothesis import given, settings

from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.state import CURRENT_RULES, PART_ONE, Hours, State, empty
from telwerkd.storage.sql import records
from tests.effort import examples
from tests.generate import ALL_TIME, conversations


@settings(max_examples=examples(200), deadline=None)
@given(conversations(hours=True))
def test_every_state_that_a_fold_reaches_is_stored_as_it_is(log):
    """By whichever rules: a field that is added, and not kept, is found here."""
    for rules in range(PART_ONE, CURRENT_RULES + 1):
        state, _ = fold(empty(rules), log, ALL_TIME)
        assert records.state_of(records.state_blob(state)) == state


@pytest.mark.parametrize("hours", [None, Hours()])
def test_a_field_that_came_late_is_not_stored_where_it_has_its_default(hours):
    """As before there was one: what is stored of most conversations has not become longer."""
    state = State(rules=CURRENT_RULES, hours=hours)
    blob = records.state_blob(state)
    assert records.state_of(blob) == state
    assert len(msgspec.msgpack.decode(blob)) == len(State.__struct_fields__) - (hours is None)
