"""Nobody's socket is taken, and what cannot be listened on is said in one sentence."""

import os
import socket
from pathlib import Path

import pytest

from telwerkd.transport.endpoint.address import UnixAddress, parse
from telwerkd.transport.endpoint.binding import held
from telwerkd.transport.security.tls import StartupError


def refusal(address: str) -> str:
    with pytest.raises(StartupError) as caught, held(parse(address)):
        pass
    assert str(caught.value).startswith(f"cannot listen on {parse(address)}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_unix_socket_is_one_servers_until_its_end(tmp_path):
    """A second one is refused while the first holds it, whether that listens yet or not."""
    address = f"unix:{tmp_path}/telwerk.sock"
    with held(parse(address)):
        assert "another server listens there" in refusal(address)
    with held(parse(address)):
        pass


def test_a_socket_that_another_program_listens_on_is_left_alone(tmp_path):
    """Also one that knows nothing of our lock."""
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert "another program listens there" in refusal(f"unix:{path}")
        assert path.is_socket()


def test_the_socket_of_a_server_that_was_killed_is_removed(tmp_path):
    path = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with held(parse(f"unix:{path}")):
        assert not path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear customer", encoding="utf-8")
    assert "no socket" in refusal(f"unix:{path}")
    assert path.read_text(encoding="utf-8") == "Dear customer"


def test_a_folder_that_is_not_there_is_said(tmp_path):
    assert "No such file" in refusal(f"unix:{tmp_path}/nowhere/telwerk.sock")


def test_an_abstract_socket_is_not_taken_from_another():
    name = f"telwerk-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(UnixAddress(name, is_abstract=True).for_socket)
        assert "another program listens there" in refusal(f"unix-abstract:{name}")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.2.1:50051", "no address of this machine"),
        ("nobody.invalid:50051", "no address is known for nobody.invalid"),
    ],
)
def test_what_is_not_of_this_machine_is_said(address, why):
    assert why in refusal(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::]", "localhost"])  # noqa: S104  # what is tested
def test_a_port_in_use_is_said(host):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "another program listens there" in refusal(f"{host}:{taken.getsockname()[1]}")


def test_a_privileged_port_is_said():
    start = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    if start <= 1 or os.geteuid() == 0:
        pytest.skip("no port is privileged here, or we may take it")
    assert "needs a right" in refusal("127.0.0.1:1")
