"""How hard the laws are tried: 50 examples each in full, see `tests.effort`."""

from hypothesis import settings

from tests.effort import examples

settings.register_profile("laws", max_examples=examples(50), deadline=None)
settings.load_profile("laws")

from tests.laws.asked import world  # noqa: E402, F401  # a fixture; its strategies take the profile above
