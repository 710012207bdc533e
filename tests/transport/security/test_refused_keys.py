"""Lines about refused keys: each kind once a minute, and nothing in them that may be a secret."""

from collections.abc import Iterator

import pytest

from telwerkd.domain.errors import Reason
from telwerkd.transport.security.refused_keys import RefusedKeys
from tests.audited import audited


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The audit log as it grows."""
    with audited(caplog) as found:
        yield found


def test_refusals_cannot_fill_a_disk(lines: list[str]) -> None:
    """Each kind once a minute, then how many more; kinds beyond a thousand are one."""
    now = 0.0
    refused = RefusedKeys(lambda: now)
    for n in range(5_000):
        refused.tell("k", Reason.KEY_UNKNOWN)
        refused.tell(f"k{n}", Reason.KEY_UNKNOWN)
    assert len(lines) == 1_001
    lines.clear()
    now = 60.0
    refused.tell("k", Reason.KEY_UNKNOWN)
    assert lines == [
        "refused key=k account='' KEY_UNKNOWN 4999 times more in 60 s",
        "refused key=others account='' 4000 times more in 60 s",
        "refused key=k account='' KEY_UNKNOWN",
    ]


def test_the_account_of_a_refusal_is_told_as_text_of_the_caller(lines: list[str]) -> None:
    """Ten of a key in a minute; nothing that is too long, or a key, and no line of the caller's own."""
    refused = RefusedKeys(lambda: 0.0)
    for n in range(5_000):
        refused.tell("k", Reason.ACCOUNT_NOT_GRANTED, f"guess-{n}")
    assert lines[10:] == ["refused key=k account='' ACCOUNT_NOT_GRANTED"]
    for account in ("tw_crm_00", "x" * 129):
        refused.tell(account[:2], Reason.ACCOUNT_NOT_GRANTED, account)
    refused.tell("j", Reason.ACCOUNT_NOT_GRANTED, "a\nb\u202e\udcff")
    assert lines[11:] == [
        "refused key=tw account='' ACCOUNT_NOT_GRANTED",
        "refused key=xx account='' ACCOUNT_NOT_GRANTED",
        r"refused key=j account='a\nb\u202e\udcff' ACCOUNT_NOT_GRANTED",
    ]
