"""Who counts as one, for the limits on calls."""

import pytest

from telwerkd.transport.grpc.peers import host_of


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:192.0.2.1:50051", "ipv4:192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:50051", "ipv6:2001:db8::/64"),
        ("ipv6:[2001:db8::ffff:1]:1", "ipv6:2001:db8::/64"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:1", "ipv4:192.0.2.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:50051", "ipv6:fe80::/64"),
        ("ipv6:%5Bnobody%5D:50051", "%5Bnobody%5D"),
        ("unix:", "unix"),
        ("unix:/run/t.sock", "unix"),
    ],
)
def test_a_host_is_a_peer_without_its_port(peer, host):
    """An IPv6 address is its network: one customer has all of them."""
    assert host_of(peer) == host
