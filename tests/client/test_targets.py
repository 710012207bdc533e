"""Several servers behind one client: calls are shared, and a server that is away is left out."""

import pytest

from telwerk import AsyncTelwerk, Telwerk
from telwerk.connection import Connection
from telwerk.targets import is_balanced, target_of
from tests.conftest import started, wired

LINES = "09:00:00 anna assigned\n09:00:05 contact rates 4"


async def test_calls_go_to_all_servers_in_turn_and_to_none_that_has_gone(tmp_path):
    events = [wired(LINES, f"c{number}") for number in range(12)]
    async with started(tmp_path / "1.db") as first:
        async with started(tmp_path / "2.db") as second, AsyncTelwerk(f"{first.address}, {second.address}") as client:
            for batch in events[:8]:
                await client.ingest("acme", batch)
            counts = [await one.total("acme", "satisfaction_score") for one in (first, second)]
            assert min(counts) > 0
            assert sum(counts) == 8
        async with AsyncTelwerk(f"{second.address},{first.address}") as client:
            for batch in events[8:]:
                await client.ingest("acme", batch)
        assert await first.total("acme", "satisfaction_score") == counts[0] + 4


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("localhost:50051", "localhost:50051"),
        ("unix:/run/t.sock", "unix:/run/t.sock"),
        ("10.0.0.1:1, 10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("[::1]:1,[2001:db8::2]:2", "ipv6:[::1]:1,[2001:db8::2]:2"),
    ],
)
def test_an_address_becomes_a_target(address, target):
    assert target_of(address) == target
    assert is_balanced(address) == ("," in address)
    assert Connection(address).proxy is None


@pytest.mark.parametrize(
    "address", ["a:1,b:2", "10.0.0.1:1,[::1]:2", "10.0.0.1,10.0.0.2", "::1,::2", "10.0.0.1:1,", "unix:a,unix:b", ","]
)
def test_several_addresses_of_other_kinds_are_refused_with_what_to_do(address):
    with pytest.raises(ValueError, match="dns:///"):
        Telwerk(address)


def test_all_servers_of_a_name_share_the_calls():
    options = dict(Connection("dns:///kpi.example:50051")._options())
    assert '"round_robin"' in str(options["grpc.service_config"])
    assert "round_robin" not in str(dict(Connection("kpi.example:50051")._options())["grpc.service_config"])
