"""What may be listened on is understood whole or refused in a sentence; gRPC would guess."""

import pytest

from telwerkd.transport.endpoint.address import AddressError, normal, parse, reachable

GOOD = {
    "127.0.0.1:50051": "127.0.0.1:50051",
    "0.0.0.0:0": "0.0.0.0:0",
    "[::]:65535": "[::]:65535",
    "[fe80::1%eth0]:1": "[fe80::1%eth0]:1",
    "localhost:50051": "localhost:50051",
    "telwerk.example.:50051": "telwerk.example.:50051",
    "a_b-c:1": "a_b-c:1",
    "unix:/run/telwerk.sock": "unix:/run/telwerk.sock",
    "unix:///run/telwerk.sock": "unix:/run/telwerk.sock",
    "unix:telwerk.sock": "unix:telwerk.sock",
    "unix:/run/tel:werk.sock": "unix:/run/tel:werk.sock",
    "unix-abstract:telwerk": "unix-abstract:telwerk",
}
BAD = [
    "",
    ":",
    "localhost",
    "127.0.0.1",
    "::1",
    "::1:50051",
    "[::1]",
    "[::1",
    "[::1]50051",
    "[127.0.0.1]:1",
    ":50051",
    "127.0.0.1:",
    "127.0.0.1:99999",
    "127.0.0.1:" + "1" * 5_000,
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "127.0.0.1:+1",
    "127.0.0.1: 1",
    "127.0.0.1:1_0",
    "127.0.0.1:٣",
    "127.0.0.1:http",
    "127.0.0.1:0x50",
    "127.0.0.1:50051 ",
    " 127.0.0.1:50051",
    "256.0.0.1:1",
    "127.1:1",
    "2130706433:1",
    "*:50051",
    "-a:1",
    "a..b:1",
    "a/b:1",
    "ipv4:127.0.0.1:1",
    "dns:///localhost:1",
    "vsock:1:1",
    "http://localhost:1",
    "unix:",
    "unix://run/telwerk.sock",
    "unix:/run/a%20b",
    "unix:/run/a?b",
    "unix:/run/" + "a" * 103,
    "unix-abstract:",
]


@pytest.mark.parametrize(("text", "shown"), GOOD.items())
def test_an_address_is_read_and_written(text, shown):
    assert normal(text) == shown
    assert parse(shown) == parse(text)


@pytest.mark.parametrize("text", BAD)
def test_all_else_is_refused_and_the_sentence_quotes_it(text):
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_on_a_wildcard_is_reached_by_loopback():
    """A free port that the system chose cannot be known."""
    assert str(reachable(parse("0.0.0.0:1"))) == "127.0.0.1:1"
    assert str(reachable(parse("[::]:1"))) == "127.0.0.1:1"
    for same in ("10.0.0.1:1", "[::1]:1", "unix:/run/x", "unix-abstract:x"):
        assert str(reachable(parse(same))) == same
    with pytest.raises(AddressError, match="give the server's address"):
        reachable(parse("127.0.0.1:0"))
