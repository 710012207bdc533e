"""Each port has an address of its own; only the default of HTTP gives way."""

import pytest

from telwerkd.server.settings.port_addresses import check_ports, collisions, http_address
from telwerkd.server.settings.settings import Settings
from telwerkd.transport.security.tls import StartupError

HERE = "127.0.0.1:50080"


@pytest.mark.parametrize(
    ("given", "names", "is_fatal"),
    [
        ({"listen": HERE}, {"listen", "http_listen"}, False),
        ({"listen": HERE, "http_listen": HERE}, {"listen", "http_listen"}, True),
        ({"probe_listen": "0.0.0.0:50080"}, {"http_listen", "probe_listen"}, False),
        ({"listen": "[::]:7", "probe_listen": "[::1]:7"}, {"listen", "probe_listen"}, True),
    ],
)
def test_two_ports_of_one_address_are_found_and_a_default_ends_no_start(given, names, is_fatal):
    settings = Settings(**given)
    [found] = collisions(settings)
    assert ({*found.names}, found.is_fatal) == (names, is_fatal)
    if is_fatal:
        with pytest.raises(StartupError, match="are the same address"):
            check_ports(settings)
    else:
        check_ports(settings)
    if "http_listen" in names:
        with pytest.raises(StartupError, match="are the same address"):
            http_address(settings)


def test_ports_that_the_system_chooses_are_never_the_same():
    """Nor is one that is not there."""
    for given in ({"listen": "127.0.0.1:0", "http_listen": "127.0.0.1:0"}, {"listen": HERE, "http_listen": ""}):
        assert list(collisions(Settings(**given))) == []
