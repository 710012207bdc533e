"""Whose web pages may call: those of origins that are named, and the server's own, under a name that is its own."""

import pytest

from telwerkd.transport.endpoint.address import TcpAddress, UnixAddress, parse
from telwerkd.transport.http.origins import Origins, host_name, origin

LOOPBACK, WILDCARD, NAMED = TcpAddress("127.0.0.1", 50080), TcpAddress("0.0.0.0", 50080), TcpAddress("kpi.example", 443)  # noqa: S104
HERE = "192.0.2.7"


def origins(listen: TcpAddress | UnixAddress, *, hosts: str = "", named: str = "") -> Origins:
    return Origins(listen, hosts.split(), named.split())


@pytest.mark.parametrize(
    ("listen", "host", "known"),
    [
        (LOOPBACK, "127.0.0.1:50080", True),
        (LOOPBACK, "localhost:50080", True),
        (LOOPBACK, "[::1]:50080", True),
        (LOOPBACK, "LOCALHOST", True),
        (LOOPBACK, "attacker.example:50080", False),
        (LOOPBACK, "localhost.attacker.example", False),
        (LOOPBACK, "[::1]x", False),
        (LOOPBACK, None, False),
        (WILDCARD, HERE, True),
        (WILDCARD, f"{HERE}:50080", True),
        (WILDCARD, "192.0.2.8", False),
        (WILDCARD, "attacker.example", False),
        (NAMED, "kpi.example", True),
        (NAMED, "KPI.example:443", True),
        (NAMED, "other.example", False),
    ],
)
def test_a_name_that_is_not_the_servers_own_is_refused(listen: TcpAddress, host: str | None, *, known: bool) -> None:
    """An attacker's name may lead here: its own are loopback, what it listens on, and where a call came in."""
    refused = origins(listen).refusal(host, None, HERE)
    assert (refused is None) is known
    assert known or "http_hosts" in str(refused)


def test_a_name_that_a_setting_gives_is_known() -> None:
    """As behind a proxy; with whichever port."""
    of = origins(WILDCARD, hosts="kpi.example")
    assert of.refusal("kpi.example:8443", None, HERE) is None
    assert of.refusal("x.kpi.example", None, HERE) is not None


def test_a_socket_of_unix_has_no_names() -> None:
    """Nobody gets there by a name."""
    unix = parse("unix:/run/telwerk.sock")
    assert isinstance(unix, UnixAddress)
    assert origins(unix).refusal("anything", None, "") is None


def test_an_address_of_ipv4_on_a_socket_of_ipv6_is_the_same() -> None:
    """A system that listens on both names it so."""
    assert origins(WILDCARD).refusal(HERE, None, f"::ffff:{HERE}") is None


@pytest.mark.parametrize(
    ("sender", "host", "allowed"),
    [
        (None, "localhost:50080", True),
        ("http://localhost:50080", "localhost:50080", True),
        ("http://localhost", "localhost:80", True),
        ("https://localhost", "localhost:443", True),
        ("https://LOCALHOST", "localhost", True),
        ("https://dashboard.example", "localhost:50080", True),
        ("http://localhost:50081", "localhost:50080", False),
        ("http://dashboard.example", "localhost:50080", False),
        ("https://dashboard.example.attacker.example", "localhost:50080", False),
        ("null", "localhost:50080", False),
        ("file://localhost:50080", "localhost:50080", False),
        ("", "localhost:50080", False),
    ],
)
def test_a_page_may_call_from_its_own_server_or_an_origin_that_is_named(
    sender: str | None, host: str, *, allowed: bool
) -> None:
    """By scheme, host and port; who is no page names none."""
    refused = origins(LOOPBACK, named="https://dashboard.example").refusal(host, sender, "127.0.0.1")
    assert (refused is None) is allowed
    assert allowed or "http_origins" in str(refused)


def test_a_refusal_shows_what_was_sent_harmlessly_and_shortened() -> None:
    """It goes back to a caller, and into logs."""
    refused = origins(LOOPBACK).refusal("evil\x1b[31m" + "x" * 500, None, HERE)
    assert refused is not None
    assert "\x1b" not in refused
    assert len(refused) < 200


@pytest.mark.parametrize(
    "text", ["*", "https://*", "dashboard.example", "https://a/page", "https://a?b", "ftp://a", "https://", "null"]
)
def test_what_is_no_origin_is_refused_as_a_setting(text: str) -> None:
    """A pattern would let in more than anyone means."""
    with pytest.raises(ValueError, match="no origin"):
        origin(text)


def test_origins_and_hosts_are_kept_as_they_are_compared() -> None:
    """In small letters, hosts without a port."""
    assert origin(" https://Dashboard.example:8443/ ") == "https://dashboard.example:8443"
    assert [host_name(text) for text in (" KPI.example:443", "[2001:DB8::1]:80", "kpi")] == [
        "kpi.example",
        "2001:db8::1",
        "kpi",
    ]
    for text in ("", "*", "a/b", "[::1"):
        with pytest.raises(ValueError, match="no name of a host"):
            host_name(text)
