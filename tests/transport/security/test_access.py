"""Nothing is open to the network in plain text or without keys, unless it was said."""

import pytest

from telwerkd.transport.security.access import check_exposure, checked_location, is_loopback
from telwerkd.transport.security.tls import StartupError

HERE = [
    "127.0.0.1:50051",
    "127.0.0.1:0",
    "127.255.0.9:1",
    "127.0.0.1",
    "[::1]:50051",
    "::1",
    "localhost:50051",
    "LocalHost:50051",
    "ipv4:127.0.0.1:50051",
    "ipv6:[::1]:50051",
    "dns:///localhost:50051",
    "unix:/run/telwerk.sock",
    "unix:///run/telwerk.sock",
    "unix-abstract:telwerk",
]
BEYOND = [
    "0.0.0.0:50051",
    "[::]:50051",
    "::",
    ":50051",
    "",
    "*:50051",
    "10.0.0.1:50051",
    "128.0.0.1:50051",
    "[fe80::1]:50051",
    "[::ffff:127.0.0.1]:50051",
    "telwerk.example:50051",
    "localhost.example:50051",
    "127.0.0.1.example:50051",
    "127.1:50051",
    "2130706433:50051",
    "vsock:1:50051",
    "ipv4:0.0.0.0:50051",
]


@pytest.mark.parametrize("address", HERE)
def test_loopback_needs_nothing(address):
    assert is_loopback(address)
    check_exposure(address, tls=False, auth=False, allow_plaintext=False, allow_no_auth=False)


@pytest.mark.parametrize("address", BEYOND)
def test_all_else_needs_tls_and_keys(address):
    assert not is_loopback(address)
    check_exposure(address, tls=True, auth=True, allow_plaintext=False, allow_no_auth=False)
    with pytest.raises(StartupError):
        check_exposure(address, tls=False, auth=False, allow_plaintext=False, allow_no_auth=False)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("auth", [True, False])
@pytest.mark.parametrize("allow_plaintext", [True, False])
@pytest.mark.parametrize("allow_no_auth", [True, False])
def test_each_flag_allows_its_own_and_the_text_names_those_that_are_missing(tls, auth, allow_plaintext, allow_no_auth):
    missing = {
        "--insecure-plaintext": not tls and not allow_plaintext,
        "--insecure-no-auth": not auth and not allow_no_auth,
    }
    text = ""
    try:
        check_exposure(
            "0.0.0.0:50051", tls=tls, auth=auth, allow_plaintext=allow_plaintext, allow_no_auth=allow_no_auth
        )
    except StartupError as error:
        text = str(error)
        assert "0.0.0.0:50051" in text
    assert {flag: flag in text for flag in missing} == missing


@pytest.mark.parametrize(
    "place", ["http://id.example/k", "ftp://id.example/k", "file:///etc/passwd", "https://", "https://u:p@id.example/k"]
)
def test_keys_come_by_https_unless_from_this_machine(place):
    with pytest.raises(ValueError, match="must"):
        checked_location(place)
    for right in ("https://id.example/k", "http://127.0.0.1:80/k", "http://[::1]/k", "keys.json"):
        assert checked_location(right) == right
