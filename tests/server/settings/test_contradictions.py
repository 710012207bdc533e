"""Settings that are right by themselves and make no sense together are told of."""

import pytest

from telwerkd.server.settings.contradictions import contradictions
from telwerkd.server.settings.loading import Loaded, load
from tests.server.settings.giving import URL


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"watches_per_account_max": 2_000}, "watches_per_account_max is 2000, and never met: watches_max is 1000"),
        ({"watches_max": 10}, None),  # the default of the other was not chosen by anybody
        ({"event_bytes_max": 2**26}, "event_bytes_max is 67108864, and never met: message_bytes_max"),
        ({"message_bytes_max": 2**40}, "message_bytes_max is 1099511627776, and never met: memory_bytes_max"),
        ({"insecure_plaintext": True, "tls_cert": "x"}, "insecure_plaintext allows plain text, and tls_cert"),
        ({"insecure_no_auth": True, "keys_file": "x"}, "insecure_no_auth allows everyone everything, and keys_file"),
        ({"insecure_no_auth": True, "jwt_issuer": "x"}, "insecure_no_auth allows everyone everything, and jwt_issuer"),
        ({"jwt_leeway_seconds": 5}, "jwt_leeway_seconds is for tokens, and without jwt_issuer none are accepted"),
        ({"jwt_leeway_seconds": 5, "jwt_issuer": "x"}, None),
        ({"jwt_refresh_seconds": 60, "jwt_jwks": "keys.json"}, "jwt_refresh_seconds is for keys at a URL"),
        ({"jwt_refresh_seconds": 60, "jwt_jwks": "https://id.example/keys"}, None),
        ({"writer_stall_seconds": 5}, None),
        ({"writer_stall_seconds": 5, "database": URL}, "writer_stall_seconds is for SQLite only"),
        ({"http_page": True, "http_listen": ""}, "http_page is served on the port of HTTP, and http_listen is empty"),
    ],
)
def test_settings_that_make_no_sense_together_are_told(given: dict[str, object], expected: str | None):
    found: Loaded = load(None, given)
    told = list(contradictions(found.settings, found.origins))
    assert len(told) == (expected is not None)
    assert all(str(expected) in sentence for sentence in told)
