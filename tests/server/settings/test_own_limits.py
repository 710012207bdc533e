"""An account's own limits stand in place of the defaults of the same names."""

import pytest
from pydantic import ValidationError

from telwerkd.application.sharing.quotas import Rates
from telwerkd.server.settings.own_limits import OwnLimits
from telwerkd.server.settings.settings import Settings


def test_every_limit_of_an_account_is_a_default_too():
    """What overrides nothing would never be looked at."""
    assert OwnLimits.model_fields.keys() <= Settings.model_fields.keys()


def test_every_rate_of_an_account_reaches_those_who_count():
    """By its name; what is not given is left to the default."""
    for number, name in enumerate(Rates.__struct_fields__, 1):
        assert OwnLimits.model_validate({name: number}).rates == Rates(**{name: number})


@pytest.mark.parametrize(
    "given",
    [
        {"account_calls_per_second_max": 0},
        {"account_calls_per_second_max": float("inf")},
        {"account_calls_per_second_max": "7"},
        {"account_calls_per_secnd_max": 7},
        {"waiting_account_percent_max": 101},
        {"watches_per_account_max": True},
    ],
)
def test_a_limit_that_would_not_be_one_is_refused(given):
    """Nothing at all may pass, or everything; a text or a misspelt name would be left out without a word."""
    with pytest.raises(ValidationError):
        OwnLimits.model_validate(given)
