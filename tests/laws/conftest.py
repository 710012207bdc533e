"""How hard the laws are tried: 50 examples each, times `TELWERK_LAWS` (`make laws` sets 16)."""

import os

from hypothesis import settings

FACTOR = int(os.environ.get("TELWERK_LAWS", "1"))

settings.register_profile("laws", max_examples=50 * FACTOR, deadline=None)
settings.load_profile("laws")

from tests.laws.asked import world  # noqa: E402, F401  # a fixture; its strategies take the profile above
